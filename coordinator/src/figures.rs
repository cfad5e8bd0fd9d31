//! The figures of a job while it runs: sums over its committed tasks, each of which is read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tamis_common::Result;
use tamis_common::artefact::{Stage, TaskManifest};
use tamis_common::ids::{JobId, Phase, TaskId};
use tamis_common::shard::Shard;
use tamis_common::spec::JobSpec;
use tamis_common::stats::{Counts, merge_counters};
use tamis_proto::v1;

use crate::control::{Control, Watched};
use crate::job::{JobState, Point};
use crate::report::Report;

/// Jobs whose sums are kept; those of others are made again when they are asked for.
const MOST_JOBS: usize = 64;

/// The sums of the jobs that are watched.
#[derive(Default)]
pub(crate) struct Figures(Mutex<BTreeMap<JobId, Arc<Mutex<Sums>>>>);

/// What the committed tasks of a job add up to.
#[derive(Default)]
struct Sums {
    counted: BTreeSet<TaskId>,
    records: u64,
    raw_bytes: u64,
    parsed: Counts,
    cleaned: Counts,
    filtered: Counts,
    dropped: BTreeMap<Stage, Counts>,
    emitted: Counts,
    tokens: u64,
    drops: BTreeMap<String, u64>,
    sources: Vec<v1::SourceFigures>,
}

impl Figures {
    /// The figures of a job so far. Blocks.
    ///
    /// # Errors
    /// `Class::NotFound`, or of the stores.
    pub(crate) fn of(&self, control: &Control, id: &JobId) -> Result<v1::JobFigures> {
        let Watched { record, spec, shards, points } = control.watched(id)?;
        let throughput = points.iter().map(wire_point).collect();
        if record.state == JobState::Published
            && let Ok(report) = control.published_report(id)
        {
            return Ok(v1::JobFigures { throughput, ..of_report(&report, shards.len() as u32) });
        }
        let sums = self.sums_of(id);
        let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
        if sums.is_void(&record.resolved) {
            *sums = Sums::default();
        }
        for commit in control.commits(id, |task| !sums.counted.contains(&task))? {
            let manifest: TaskManifest = control.store().blobs().get_json(&commit.manifest)?;
            sums.count(commit.task, &manifest, &spec, &shards);
        }
        Ok(v1::JobFigures { throughput, ..sums.wire(&spec) })
    }

    fn sums_of(&self, id: &JobId) -> Arc<Mutex<Sums>> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= MOST_JOBS && !jobs.contains_key(id) {
            // The oldest job is the least likely to run.
            jobs.pop_first();
        }
        jobs.entry(id.clone()).or_default().clone()
    }
}

impl Sums {
    /// Whether emits are counted that a retry has made void.
    fn is_void<T>(&self, resolved: &Option<T>) -> bool {
        resolved.is_none() && self.counted.iter().any(|task| task.phase == Phase::Emit)
    }

    fn count(&mut self, task: TaskId, manifest: &TaskManifest, spec: &JobSpec, shards: &[Shard]) {
        self.counted.insert(task);
        self.sources.resize_with(spec.sources.len(), v1::SourceFigures::default);
        let source = shards.get(task.shard.0 as usize).map_or(0, |shard| usize::from(shard.source));
        let Some(source) = self.sources.get_mut(source) else { return };
        if let Some(scan) = &manifest.scan {
            self.records += scan.records;
            self.raw_bytes += scan.raw_bytes;
            self.parsed.merge(&scan.parsed);
            self.cleaned.merge(&scan.cleaned);
            self.filtered.merge(&scan.filtered);
            merge_counters(&mut self.drops, &scan.drops);
            source.records += scan.records;
            source.filtered += scan.filtered.docs;
        }
        if let Some(emit) = &manifest.emit {
            for (stage, counts) in &emit.dropped {
                self.dropped.entry(*stage).or_default().merge(counts);
            }
            self.emitted.merge(&emit.emitted);
            self.tokens += emit.tokens.unwrap_or_default();
            merge_counters(&mut self.drops, &emit.drops);
            source.emitted += emit.emitted.docs;
            source.tokens += emit.tokens.unwrap_or_default();
        }
    }

    fn wire(&self, spec: &JobSpec) -> v1::JobFigures {
        let of_phase = |phase| self.counted.iter().filter(|task| task.phase == phase).count() as u32;
        let (scans, emits) = (of_phase(Phase::Scan), of_phase(Phase::Emit));
        let stage = |name: &str, counts: Counts| v1::FunnelStage {
            stage: name.to_owned(),
            documents: counts.docs,
            chars: Some(counts.chars),
            bytes: counts.bytes,
            tokens: None,
        };
        let mut funnel = Vec::new();
        if scans > 0 {
            let (documents, bytes) = (self.records, self.raw_bytes);
            funnel.push(v1::FunnelStage {
                stage: "read".to_owned(),
                documents,
                chars: None,
                bytes,
                tokens: None,
            });
            funnel.push(stage("parsed", self.parsed));
            funnel.push(stage("cleaned", self.cleaned));
            funnel.push(stage("filtered", self.filtered));
        }
        if emits > 0 {
            let mut left = self.filtered;
            for after_scan in [Stage::Index, Stage::Exact, Stage::Near, Stage::Mix] {
                left = left.without(&self.dropped.get(&after_scan).copied().unwrap_or_default());
                funnel.push(stage(after_scan.as_str(), left));
            }
            let tokens = spec.tokenizer.is_some().then_some(self.tokens);
            funnel.push(v1::FunnelStage { tokens, ..stage("emitted", self.emitted) });
        }
        let figures = |number: usize| self.sources.get(number).cloned().unwrap_or_default();
        v1::JobFigures {
            funnel,
            drops: crate::report::by_rule(&self.drops).into_iter().map(wire_rule).collect(),
            r#final: false,
            scans,
            emits,
            sources: spec
                .sources
                .iter()
                .enumerate()
                .map(|(number, source)| v1::SourceFigures {
                    name: source.name.clone(),
                    role: crate::report::role_name(source.role).to_owned(),
                    ..figures(number)
                })
                .collect(),
            throughput: Vec::new(),
        }
    }
}

/// The figures of a published job.
fn of_report(report: &Report, shards: u32) -> v1::JobFigures {
    let funnel = report.funnel.iter().map(|stage| v1::FunnelStage {
        stage: stage.stage.clone(),
        documents: stage.docs,
        chars: stage.chars,
        bytes: stage.bytes,
        tokens: stage.tokens,
    });
    let tokens_of = |name: &str| {
        let tokens = report.tokens.iter().flat_map(|tokens| &tokens.sources);
        tokens.filter(|source| source.source == name).map(|source| source.tokens).sum()
    };
    let sources = report.sources.iter().map(|source| v1::SourceFigures {
        name: source.name.clone(),
        role: source.role.clone(),
        records: source.records,
        filtered: source.filtered.docs,
        emitted: source.emitted.docs,
        tokens: tokens_of(&source.name),
    });
    v1::JobFigures {
        funnel: funnel.collect(),
        drops: report.drops.iter().cloned().map(wire_rule).collect(),
        r#final: true,
        scans: shards,
        emits: shards,
        sources: sources.collect(),
        throughput: Vec::new(),
    }
}

fn wire_rule(rule: crate::report::RuleDrops) -> v1::RuleCount {
    v1::RuleCount { stage: rule.stage, rule: rule.rule, documents: rule.docs }
}

fn wire_point(point: &Point) -> v1::Throughput {
    let a_second = |count: u64| count as f64 * 1_000.0 / point.span_ms as f64;
    v1::Throughput {
        at_ms: point.at_ms,
        phase: v1::Phase::from(point.phase).into(),
        bytes_per_second: a_second(point.bytes),
        records_per_second: a_second(point.records),
    }
}
