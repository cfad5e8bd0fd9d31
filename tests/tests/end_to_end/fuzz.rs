//! The quick part of the fuzz targets: good bytes of each kind, and the same with a few of them changed.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use prost::Message as _;
use tamis_proto::v1;
use tamis_tests::chaos::Dice;
use tamis_tests::process::tamis_ok;
use tamis_tests::{corpus, spec};

#[path = "../../fuzz/targets.rs"]
mod targets;

/// Changed copies of each seed.
const COPIES: usize = 60;

/// Good bytes by target, each behind the byte that says how they are taken.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(40, 3), 1);
    let text = spec(
        "in",
        "out",
        "[filter]\npreset = \"recommended\"\n[run]\nkeep_work = \"all\"\n[limits]\njson_depth = 9\n[dedup]\nindex = \"books\"\n",
    );
    fs::write(path.join("job.toml"), &text).unwrap();
    let parquet = text.replace("\"out\"", "\"out-parquet\"\ntext = \"parquet\"");
    fs::write(path.join("parquet.toml"), parquet).unwrap();
    tamis_ok(path, &["run", "job.toml", "--data-dir", "data"]);
    tamis_ok(path, &["run", "parquet.toml", "--data-dir", "data-parquet"]);

    let mut seeds = vec![("spec", text.into_bytes())];
    let behind = |how: u8, bytes: Vec<u8>| [vec![how], bytes].concat();
    let jsonl = fs::read(path.join("in/part-0.jsonl")).unwrap();
    let csv = b"id,text\n1,\"a \"\"quoted\"\" text\nof two lines\"\n2,plain\n".to_vec();
    for how in 0..60 {
        seeds.push(("input", behind(how, jsonl[..2_000].to_vec())));
        seeds.push(("input", behind(how, csv.clone())));
    }
    seeds.push(("input", behind(0, fs::read(path.join("out/text/part-00000.jsonl.zst")).unwrap())));
    seeds.push(("input", behind(0, fs::read(path.join("out-parquet/text/part-00000.parquet")).unwrap())));
    for (which, name) in [
        "survivors.parquet",
        "drops.parquet",
        "verdicts.parquet",
        "documents.parquet",
        "samples",
        "manifest.json",
    ]
    .iter()
    .enumerate()
    {
        let found: Vec<_> = files(&path.join("data/work"))
            .into_iter()
            .filter(|file| file.to_str().unwrap().contains(name))
            .collect();
        assert!(!found.is_empty(), "{name}");
        seeds.extend(found.iter().map(|file| ("artefact", behind(which as u8, fs::read(file).unwrap()))));
    }
    let runs = files(&path.join("data/index/runs"));
    assert!(
        runs.iter().any(|file| is_columns(file)) && !runs.iter().all(|file| is_columns(file)),
        "{runs:?}"
    );
    seeds.extend(runs.iter().map(|file| ("index", index_input(file))));
    for role in ["read", "worker"] {
        tamis_ok(path, &["token", "new", "--role", role, "--name", role, "--tokens", "tokens"]);
    }
    seeds.push(("tokens", fs::read(path.join("tokens")).unwrap()));
    let submit = v1::SubmitRequest { spec_json: "{}".into(), client_request_id: "a".into(), replace: true };
    let register = v1::RegisterRequest::default();
    seeds.push(("message", behind(0, submit.encode_to_vec())));
    seeds.push(("message", behind(3, register.encode_to_vec())));
    seeds
}

fn is_columns(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "columns")
}

/// The chunks of a file of an index as the target takes them.
fn index_input(file: &Path) -> Vec<u8> {
    const BANDS: u8 = 20;
    let bytes = fs::read(file).unwrap();
    let mut input = vec![if is_columns(file) { 0 } else { BANDS }];
    // Behind the kind; before the trailer.
    let mut rest = &bytes[8..bytes.len() - 20];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        input.extend(u16::try_from(length).unwrap().to_le_bytes());
        // Behind length and checksum.
        input.extend(&rest[12..12 + length]);
        rest = &rest[12 + length..];
    }
    input
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A copy with some bytes changed, taken out, doubled or cut off.
fn changed(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(6) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.one_of(b"\0\xff\n\"{}[],\\=#\x80"),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, dice.below(256) as u8),
            4 => bytes.extend_from_within(at..(at + dice.below(64)).min(bytes.len())),
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn good_bytes_and_changed_ones_make_no_target_panic() {
    let mut dice = Dice(7);
    for (name, seed) in seeds() {
        let (_, run) = targets::TARGETS.iter().find(|(target, _)| *target == name).unwrap();
        run(&seed);
        for _ in 0..COPIES {
            run(&changed(&seed, &mut dice));
        }
    }
}
