//! A source of which too many records cannot be read is not what its spec says.

use std::collections::BTreeMap;

use tamis_common::artefact::{DROPS, Drop, DropsReader, Stage};
use tamis_common::stats::is_bad_record;
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};

use super::{scan_stats, source_of};
use crate::drive::{JobFacts, TaskOutput};

/// What was met of one source.
#[derive(Default)]
struct Met<'a> {
    records: u64,
    /// Bad records by rule.
    bad: BTreeMap<&'a str, u64>,
    /// The first scan that met one.
    first: Option<&'a TaskOutput>,
}

/// Refuses a job if more of a source's records are bad than `run.max_bad_share` allows.
///
/// # Errors
/// `Class::Input` that names the source, the rules and the first bad record; of the store.
pub(super) fn check(storage: &Storage, facts: &JobFacts) -> Result<()> {
    let mut sources: Vec<Met<'_>> = facts.spec.sources.iter().map(|_| Met::default()).collect();
    for scan in &facts.scans {
        let (number, _) = source_of(facts, scan.shard)?;
        let (met, stats) = (&mut sources[number], scan_stats(scan)?);
        met.records += stats.records;
        for (rule, count) in stats.bad_rules() {
            *met.bad.entry(rule).or_default() += count;
            met.first.get_or_insert(scan);
        }
    }
    let most = facts.spec.run.max_bad_share;
    for (source, met) in facts.spec.sources.iter().zip(sources) {
        let bad: u64 = met.bad.values().sum();
        if bad as f64 <= most * met.records as f64 {
            continue;
        }
        let rules: Vec<String> = met.bad.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        let first = met.first.map(|scan| first_bad_record(storage, scan)).transpose()?.flatten();
        return Err(Error::input(format!(
            "{bad} of {} records of source `{}` are bad, more than `run.max_bad_share` ({most}) allows: {}{}",
            met.records,
            source.name,
            rules.join(", "),
            first.unwrap_or_default()
        ))
        .with_hint(
            "see whether `format`, `text_field` and `encoding` fit the input; mend it or raise run.max_bad_share, and submit the job again",
        ));
    }
    Ok(())
}

/// Where the first bad record of a scan stands.
fn first_bad_record(storage: &Storage, scan: &TaskOutput) -> Result<Option<String>> {
    let mut drops = DropsReader::open(storage.open(&scan.folder.join(DROPS))?)?;
    let is_bad = |drop: &&Drop| drop.cause.stage == Stage::Parse && is_bad_record(&drop.cause.rule);
    while let Some(batch) = drops.next_batch()? {
        if let Some(Drop { uri, offset, cause, .. }) = batch.iter().find(is_bad) {
            return Ok(Some(format!("; the first is in `{uri}` at {offset}: {}", cause.rule)));
        }
    }
    Ok(None)
}
