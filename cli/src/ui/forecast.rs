//! A forecast on 80 columns.

use tamis_common::spec::{Role, show_size};
use tamis_coordinator::report::grouped;

use super::table::{Align, table};
use super::words::{counted, span, wrapped};
use crate::forecast::{Estimate, Forecast, MixForecast, SourceForecast, compression_name, format_name};
use std::time::Duration;

/// Width of what begins a line of the lower part.
const KEY: usize = 9;

/// Inputs, estimates, and what they mean for tokens, mixture, time, disk and memory.
pub(crate) fn forecast_text(forecast: &Forecast) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {}, {}, {}",
        forecast.name,
        counted(forecast.files, "file"),
        show_size(forecast.bytes),
        counted(forecast.shards, "shard")
    )];
    lines.push(String::new());
    lines.extend(inputs(forecast));
    lines.push(String::new());
    lines.extend(estimates(forecast));
    lines.push(String::new());
    for source in forecast.sources.iter().filter(|source| source.would_fail) {
        let (name, share) = (super::plain(&source.name), percent(source.bad_share));
        let most = percent(forecast.max_bad_share);
        let text = format!(
            "the job would fail: {share} of the sampled records of source `{name}` are bad, `run.max_bad_share` lets {most} \
             pass; `tamis try` shows what they are"
        );
        lines.extend(wrapped(&format!("{:<KEY$}", "FAIL"), &text));
    }
    let mut say = |key: &str, text: String| lines.extend(wrapped(&format!("{key:<KEY$}"), &text));
    say("sample", sample(forecast));
    say("tokens", tokens(forecast));
    if let Some(mix) = &forecast.mix {
        say("mixture", mixture(mix));
    }
    say(
        "time",
        format!(
            "about {}{} for scan and emit with {} as fast as those of this machine; the search for duplicates and \
             publishing come on top",
            span(Duration::from_secs_f64(forecast.seconds.value)),
            spread(forecast.seconds),
            counted(forecast.slots, "slot")
        ),
    );
    say("disk", disk(forecast));
    say(
        "memory",
        format!(
            "the search for duplicates takes up to {} on the coordinator (`dedup.resolve_memory`); what a worker takes is \
             not estimated",
            show_size(forecast.resolve_memory)
        ),
    );
    lines
}

fn inputs(forecast: &Forecast) -> Vec<String> {
    let mut rows = Vec::new();
    for source in &forecast.sources {
        for (number, inputs) in source.inputs.iter().enumerate() {
            let first = |text: String| if number == 0 { text } else { String::new() };
            let kind = format!("{} {}", format_name(inputs.format), compression_name(inputs.compression));
            rows.push([
                first(source.name.clone()),
                first(role(source).to_owned()),
                kind.trim_end().to_owned(),
                grouped(inputs.files),
                show_size(inputs.bytes),
                first(grouped(source.shards)),
            ]);
        }
    }
    let columns = [
        ("source", Align::Left),
        ("role", Align::Left),
        ("input", Align::Left),
        ("files", Align::Right),
        ("bytes", Align::Right),
        ("shards", Align::Right),
    ];
    table(columns, &rows)
}

fn role(source: &SourceForecast) -> &'static str {
    match source.role {
        Role::Domain => "domain",
        Role::General => "general",
    }
}

fn estimates(forecast: &Forecast) -> Vec<String> {
    let row = |source: &SourceForecast| {
        let told = |estimate: Estimate| grouped(estimate.value.round() as u64);
        let of_documents = source.tokens.unwrap_or(source.documents);
        [
            source.name.clone(),
            told(source.records),
            percent(source.unread_share),
            percent(source.filtered_share),
            percent(source.repeated_share),
            told(source.chars),
            source.tokens.map_or("-".to_owned(), told),
            match (source.is_whole, of_documents.spread) {
                (true, _) => "exact".to_owned(),
                (false, Some(spread)) => format!("±{}", percent(spread)),
                (false, None) => "?".to_owned(),
            },
        ]
    };
    let rows: Vec<_> = forecast.sources.iter().map(row).collect();
    let columns = [
        ("source", Align::Left),
        ("records", Align::Right),
        ("no text", Align::Right),
        ("filtered", Align::Right),
        ("repeated", Align::Right),
        ("characters", Align::Right),
        ("tokens", Align::Right),
        ("halves", Align::Right),
    ];
    table(columns, &rows)
}

fn sample(forecast: &Forecast) -> String {
    let sampled: u64 = forecast.sources.iter().map(|source| source.sampled).sum();
    if forecast.sources.iter().all(|source| source.is_whole) {
        return format!(
            "{} are all there are: what reading, filters and exact duplicates drop is exact; near duplicates are not \
             looked for{}",
            counted(sampled, "record"),
            index(forecast)
        );
    }
    format!(
        "the figures are those of {}, the first ones of up to 16 shards of each source, and ± says how far the halves of the \
         sample are off; duplicates outside of the sample and near duplicates are not seen{}: what stays will be less",
        counted(sampled, "record"),
        index(forecast)
    )
}

fn index(forecast: &Forecast) -> &'static str {
    if forecast.has_index { ", nor those of the index" } else { "" }
}

fn tokens(forecast: &Forecast) -> String {
    let Some(tokens) = forecast.tokens else {
        return "none are counted: the job names no tokenizer".to_owned();
    };
    let share = tokens.value / forecast.wanted_tokens as f64;
    format!(
        "about {}{}: {} of the {} that are wanted (`report.min_tokens`)",
        grouped(tokens.value.round() as u64),
        spread(tokens),
        percent(share),
        grouped(forecast.wanted_tokens)
    )
}

fn mixture(mix: &MixForecast) -> String {
    let asked: Vec<String> = mix.asked.iter().map(|(name, part)| format!("{name} {part}")).collect();
    let asked = asked.join(" : ");
    let written = mix.asked.iter().zip(&mix.written);
    let written: Vec<String> =
        written.map(|((name, _), tokens)| format!("{name} {}", grouped(tokens.round() as u64))).collect();
    let written = written.join(", ");
    match &mix.short {
        None => format!("asked is {asked}, and there is enough of each: {written} tokens"),
        Some((name, lacks)) => format!(
            "asked is {asked}, but {name} falls short by about {} tokens: {written}",
            grouped(lacks.round() as u64)
        ),
    }
}

fn disk(forecast: &Forecast) -> String {
    let size = |estimate: Estimate| show_size(estimate.value.round() as u64);
    let room = &forecast.room;
    let mut text = format!(
        "about {} of work, of which {} move to the output{}",
        size(forecast.work_bytes),
        size(forecast.output_bytes),
        if room.is_one_disk { "" } else { ", on another disk" }
    );
    match room.free {
        None => text.push_str(&format!("; `{}` is an object store", room.work)),
        Some(free) => text.push_str(&format!(
            "; {} are free below `{}`, and a coordinator refuses the job below {}",
            show_size(free),
            room.work,
            show_size(room.refused_below)
        )),
    }
    text
}

fn spread(estimate: Estimate) -> String {
    estimate.spread.map_or_else(String::new, |spread| format!(" (±{})", percent(spread)))
}

/// A share, precise where it is small.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0 %".to_owned(),
        0.0..0.995 => format!("{percent:.2} %"),
        0.0..9.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}
