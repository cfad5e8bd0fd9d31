//! The report of a published job, from what its tasks counted and measured.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tamis_common::artefact::{FileEntry, SAMPLES, Samples};
use tamis_common::sieve::filter::Terms;
use tamis_common::sieve::resources::Resources;
use tamis_common::spec::JobSpec;
use tamis_common::storage::hex;
use tamis_common::{Error, Result};

use super::{JobSteps, Summary, emit_stats, scan_stats, source_of};
use crate::drive::{JobFacts, Publication};
use crate::mix;
use crate::publish::Outgoing;
use crate::report::{self, InputDigest, MeasuredShard, ReportInput, Reproducibility, gather, measure};

impl JobSteps {
    /// The terms of the lexicon, from the copies that workers read.
    fn lexicon(&self, facts: &JobFacts) -> Result<Vec<String>> {
        let lists = &facts.spec.report.lexicon;
        let mut files = Resources::default();
        for named in facts.files.iter().filter(|named| lists.contains(&named.name)) {
            files.insert(named.name.as_str(), self.storage.read(&named.file.uri)?);
        }
        let terms = Terms::of_files(lists, &files).map_err(|e| Error::spec(e.0))?;
        Ok(terms.written().map(str::to_owned).collect())
    }

    /// The report of a job whose files are `outgoing`.
    pub(super) fn report(
        &self,
        facts: &JobFacts,
        publication: &Publication,
        outgoing: &[Outgoing],
        summary: Summary,
    ) -> Result<report::Report> {
        let spec = &*facts.spec;
        let mut stats = Vec::new();
        let mut measured = Vec::new();
        let mut samples = Samples::default();
        for (scan, emit) in facts.scans.iter().zip(&publication.emits) {
            let (source, _) = source_of(facts, scan.shard)?;
            let emitted = emit_stats(emit)?;
            stats.push((source, scan_stats(scan)?, emitted));
            if scan.manifest.files.iter().any(|file| file.name == SAMPLES && file.records > 0) {
                samples.merge(Samples::read(&self.storage, &scan.folder.join(SAMPLES))?);
            }
            measured.push(MeasuredShard {
                id: scan.shard,
                source,
                scan: scan.folder.clone(),
                emit: emit.folder.clone(),
                stats: emitted,
            });
        }
        let terms = self.lexicon(facts)?;
        let (sources, repeats) = gather(&self.storage, spec, &measured, terms.len())?;
        let written: Vec<u64> = sources.iter().map(|source| source.token_count).collect();
        let mix =
            spec.mixture().zip(summary.mix).map(|(mix, plan)| mix::outcome(spec, &mix, &plan, &written));
        let reproducibility = Reproducibility {
            tamis: env!("CARGO_PKG_VERSION").to_owned(),
            spec_sha256: spec_digest(spec),
            tokenizer_sha256: facts.tokenizer.as_ref().map(|file| file.sha256.clone()),
            index: summary.decisions.index.clone(),
            inputs: input_digests(facts)?,
            output_sha256: output_digest(outgoing),
        };
        report::build(ReportInput {
            spec,
            reproducibility,
            shards: stats,
            decisions: summary.decisions,
            mix,
            measures: measure(&sources, &terms, repeats),
            samples,
        })
    }
}

/// By source, what was read: digests of content, which do not depend on where the files stand.
fn input_digests(facts: &JobFacts) -> Result<Vec<InputDigest>> {
    let mut digests = Vec::with_capacity(facts.spec.sources.len());
    for (number, source) in facts.spec.sources.iter().enumerate() {
        let mut files = BTreeSet::new();
        let mut content = Sha256::new();
        for scan in &facts.scans {
            if source_of(facts, scan.shard)?.0 == number {
                files.extend(facts.shards.get(scan.shard.0 as usize).map(|shard| shard.uri.as_str()));
                content.update(scan_stats(scan)?.content_xxh3.as_bytes());
            }
        }
        digests.push(InputDigest {
            source: source.name.clone(),
            files: files.len() as u64,
            content_sha256: hex(&content.finalize()),
        });
    }
    Ok(digests)
}

/// SHA-256 over name, size and digest of each file, in the order of names.
fn output_digest(outgoing: &[Outgoing]) -> String {
    let mut files: Vec<&FileEntry> = outgoing.iter().map(|out| &out.file).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut digest = Sha256::new();
    for file in files {
        digest.update(format!("{} {} {}\n", file.name, file.written.size, file.written.sha256));
    }
    hex(&digest.finalize())
}

/// SHA-256 of what decides the bytes of the output: the spec without where it goes and how it is run.
fn spec_digest(spec: &JobSpec) -> String {
    let mut sections: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&spec.to_canonical_json()).unwrap_or_default();
    if let Some(run) = sections.get_mut("run").and_then(|run| run.as_object_mut()) {
        run.retain(|key, _| key == "shard_bytes" || key == "on_corrupt");
    }
    if let Some(output) = sections.get_mut("output").and_then(|output| output.as_object_mut()) {
        output.retain(|key, _| key != "uri");
    }
    hex(&Sha256::digest(json!(sections).to_string()))
}
