//! What the benches share: texts, and megabytes of them a second of processor time.

use std::path::Path;
use std::time::Instant;

/// Ticks of the processor's clock as Linux counts them.
const TICKS: f64 = 100.0;
/// Long enough for many ticks.
const SECONDS: f64 = 1.0;

/// Megabytes of text a second of processor time, over as many rounds as a second holds.
pub(crate) fn speed(texts: &[&str], mut step: impl FnMut(&str)) -> f64 {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    if bytes == 0 {
        return 0.0;
    }
    let (mut rounds, start) = (0, cpu_seconds());
    loop {
        texts.iter().for_each(|text| step(text));
        rounds += 1;
        let seconds = cpu_seconds() - start;
        if seconds >= SECONDS {
            return (bytes * rounds) as f64 / 1e6 / seconds;
        }
    }
}

/// The field `text` of the JSON lines in each `part-*.jsonl` of the folder that `TAMIS_BENCH_CORPUS` names.
pub(crate) fn corpus() -> Option<Vec<String>> {
    let folder = std::env::var_os("TAMIS_BENCH_CORPUS")?;
    let mut parts: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is read")
        .map(|entry| entry.expect("an entry is read").path())
        .filter(|path| is_part(path))
        .collect();
    parts.sort();
    let mut texts = Vec::new();
    for part in parts {
        for line in std::fs::read_to_string(part).expect("a part is read").lines() {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record");
            texts.extend(record["text"].as_str().map(String::from));
        }
    }
    Some(texts)
}

fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("part-") && name.ends_with(".jsonl")
}

/// User and system time of this process where the system tells it, else time as it passes.
fn cpu_seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| {
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        Some(ticks / TICKS)
    });
    told.unwrap_or_else(|| START.get_or_init(Instant::now).elapsed().as_secs_f64())
}
