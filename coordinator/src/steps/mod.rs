//! What the coordinator itself computes for a job: plan, resolve and mix, publish.

mod bad_records;
mod report;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tamis_common::artefact::{BANDS, DOCUMENTS, FileEntry, MEASURES, SURVIVORS};
use tamis_common::clock::wall_ms;
use tamis_common::error::Found as _;
use tamis_common::fault::{self, Point};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::spec::{JobSpec, SourceDedup, SourceSpec};
use tamis_common::stats::{EmitStats, ScanStats};
use tamis_common::storage::{Access, Storage, Uri};
use tamis_common::telemetry::metrics;
use tamis_common::{Class, Error, Result};

use crate::drive::{
    EmitOrders, JobFacts, Plan, Publication, Resolved, Steps, TaskOutput, TokenBudget, verdicts_uri,
};
use crate::index::{DedupIndex, IndexJob, Indexes};
use crate::mix::{self, MixPlan, MixShard};
use crate::plan;
use crate::publish::{
    self, MANIFEST, Outgoing, PublishedEntries, REPORT, RUN, Reports, publish_files, to_json,
};
use crate::report::{Decisions, IndexState, Report, html, training};
use crate::resolve::{
    ClusterFacts, ClusterInput, Names, Resolution, ResolveInput, ResolveShard, VerdictInput, VerdictShard,
    resolve, write_clusters, write_verdicts,
};

/// The steps of real jobs.
pub struct JobSteps {
    storage: Storage,
    indexes: Arc<Indexes>,
    work: Uri,
}

impl JobSteps {
    /// Steps that read and write through `storage`, with the coordinator's indexes and its folder for work.
    pub fn new(storage: Storage, indexes: Arc<Indexes>, work: Uri) -> Self {
        Self { storage, indexes, work }
    }

    fn index_of(&self, spec: &JobSpec) -> Result<Option<Arc<dyn DedupIndex>>> {
        spec.dedup.index.as_ref().map(|name| self.indexes.open_index(name, &spec.dedup.params)).transpose()
    }

    /// Finds the duplicates and writes the pairs to `clusters`.
    fn resolve<'a>(
        &self,
        facts: &JobFacts,
        index: Option<&dyn DedupIndex>,
        all_shards: &'a [VerdictShard<'a>],
    ) -> Result<(Resolution, ClusterFacts, Names<'a>)> {
        let dedup = &facts.spec.dedup;
        if !dedup.exact && !dedup.near {
            return Ok(Default::default());
        }
        let scratch = tempfile::tempdir()
            .map_err(|e| Error::io("create", "a scratch folder for finding duplicates", e))?;
        let mut shards = Vec::with_capacity(facts.scans.len());
        for scan in &facts.scans {
            let part = source_of(facts, scan.shard)?.1.dedup;
            if part == SourceDedup::None {
                continue;
            }
            shards.push(ResolveShard {
                id: scan.shard,
                documents: scan.folder.join(DOCUMENTS),
                bands: scan.folder.join(BANDS),
                is_reference: part == SourceDedup::Check,
            });
        }
        let (resolution, clusters) = resolve(&ResolveInput {
            storage: &self.storage,
            params: &dedup.params,
            exact: dedup.exact,
            near: dedup.near,
            keep: dedup.keep,
            shards: &shards,
            index,
            memory: dedup.resolve_memory,
            scratch: scratch.path(),
            cancel: &facts.cancel,
        })?;
        let input =
            ClusterInput { storage: &self.storage, resolution: &resolution, shards: all_shards, index };
        let (facts, names) = write_clusters(&input, clusters, &facts.resolve_uri())?;
        fault::pass(Point::ResolveClusters)?;
        Ok((resolution, facts, names))
    }

    /// What the mixture has to choose from, and which sources give all they hold.
    fn mix(&self, facts: &JobFacts, resolution: &Resolution) -> Result<Option<MixPlan>> {
        let Some(mix) = facts.spec.mixture() else { return Ok(None) };
        let mut shards = Vec::new();
        for scan in &facts.scans {
            let (number, source) = source_of(facts, scan.shard)?;
            if source.dedup != SourceDedup::Check {
                let documents = scan.folder.join(DOCUMENTS);
                shards.push(MixShard { id: scan.shard, source: number, documents, scan: scan_stats(scan)? });
            }
        }
        let dropped = &resolution.dropped;
        let stays = |doc: DocRef| dropped.binary_search_by_key(&doc, |duplicate| duplicate.doc).is_err();
        let sources = facts.spec.sources.len();
        let (pools, chars_per_token) = mix::pools(&self.storage, sources, &shards, &stays)?;
        Ok(Some(MixPlan::new(&facts.spec, &mix, chars_per_token, pools)))
    }

    /// Refuses a job that would touch what lies outside of the allowed roots, with all that it may not.
    fn check_roots(&self, spec: &JobSpec, output: &Uri) -> Result<()> {
        let mut problems = Vec::new();
        for source in &spec.sources {
            for input in &source.inputs {
                let checked = self.storage.check_pattern(input);
                problems.extend(checked.err().map(|e| e.context(format!("source `{}`", source.name))));
            }
        }
        let tokenizer = spec.tokenizer.iter().map(|t| ("tokenizer.path".to_owned(), t.path.as_str()));
        for (key, file) in tokenizer.chain(spec.named_files()) {
            let checked = Uri::parse(file).and_then(|uri| self.storage.check_named(Access::Read, &uri));
            problems.extend(checked.err().map(|e| e.context(format!("`{key}`"))));
        }
        let checked = self.storage.check_named(Access::Write, output);
        problems.extend(checked.err().map(|e| e.context("`output.uri`")));
        plan::one_error(problems, "job spec").map_or(Ok(()), Err)
    }

    /// Refuses to replace what tamis did not write, and what the job's index holds as published.
    fn check_replaced(&self, spec: &JobSpec, output: &Uri) -> Result<()> {
        let mut is_ours = false;
        for name in [MANIFEST, REPORT, RUN] {
            is_ours |= self.storage.head(&output.join(name)).found()?.is_some();
        }
        if !is_ours {
            let message = format!("the output folder `{output}` holds files that tamis did not write");
            return Err(Error::new(Class::Conflict, message)
                .with_hint("--replace replaces the output of a job only: choose another `output.uri`, or empty the folder yourself"));
        }
        let index = spec.dedup.index.as_ref().and_then(|name| self.indexes.get(name));
        let Some(index) = index else { return Ok(()) };
        // An output that was never whole has none, and stands in no index.
        let run = self.storage.read(&output.join(RUN)).found()?.unwrap_or_default();
        let run: serde_json::Value = serde_json::from_slice(&run).unwrap_or_default();
        let replaced = run["job_id"].as_str().unwrap_or_default();
        let stats = index.stats()?;
        if !stats.jobs.iter().any(|job| job.job.as_str() == replaced) {
            return Ok(());
        }
        let name = stats.name;
        let message = format!(
            "the output folder `{output}` holds job {replaced}, which stands in the index `{name}`: its documents would be dropped as their own duplicates"
        );
        Err(Error::new(Class::Conflict, message).with_hint(format!(
            "`tamis index forget {name} {replaced}` first, or choose another `output.uri`"
        )))
    }

    fn enter_index(&self, facts: &JobFacts, publication: &Publication) -> Result<()> {
        if !facts.spec.dedup.register {
            return Ok(());
        }
        let Some(index) = self.index_of(&facts.spec)? else { return Ok(()) };
        let emitted = facts.scans.iter().zip(&publication.emits).map(|(scan, emit)| {
            Ok(publish::Emitted {
                shard: scan.shard,
                scan: scan.folder.clone(),
                cutoff: emit_stats(emit)?.cutoff,
            })
        });
        let emitted = emitted.collect::<Result<Vec<_>>>()?;
        let verdicts = &publication.resolved.verdicts;
        let shards = publish::committed(&facts.spec, &facts.shards, &emitted, verdicts)?;
        let entries = PublishedEntries::read(&self.storage, &shards)?;
        let job = IndexJob {
            job: facts.job.clone(),
            name: facts.spec.name.clone(),
            documents: entries.len(),
            published_at_ms: wall_ms(),
        };
        index.publish(&job, &entries)
    }
}

/// What resolve and mix leave to publish.
#[derive(Serialize, Deserialize)]
struct Summary {
    decisions: Decisions,
    /// The files of pairs below the folder of resolve.
    clusters: Vec<(ShardId, FileEntry)>,
    /// The mixture, if there is one.
    mix: Option<MixPlan>,
}

impl Summary {
    fn of(resolved: &Resolved) -> Result<Self> {
        serde_json::from_str(&resolved.summary_json)
            .map_err(|e| Error::internal(format!("recorded decisions do not read: {e}")).with_source(e))
    }
}

impl Steps for JobSteps {
    fn parse_spec(&self, json: &str) -> Result<JobSpec> {
        JobSpec::from_json(json)
    }

    fn check_output(&self, spec: &JobSpec, replace: bool) -> Result<()> {
        let output = Uri::parse(&spec.output.uri)?;
        refuse_output_among_inputs(spec, &output)?;
        self.check_roots(spec, &output)?;
        // Found out now, not after hours: a probe is written and removed. One that a crash left is no content.
        let probe = output.join(".tamis-probe");
        let cannot_write = |e: Error| e.context(format!("the output folder `{output}` cannot be written"));
        [probe.clone(), output.join(".tamis-probe.partial")]
            .iter()
            .try_for_each(|left| self.storage.remove(left))
            .map_err(cannot_write)?;
        if !self.storage.is_empty(&output)? {
            if !replace {
                return Err(Error::new(
                    Class::Conflict,
                    format!("the output folder `{output}` is not empty"),
                )
                .with_hint("choose another `output.uri`, or pass --replace"));
            }
            self.check_replaced(spec, &output)?;
        }
        self.storage.put(&probe, b"probe").and_then(|_| self.storage.remove(&probe)).map_err(cannot_write)
    }

    fn plan(&self, spec: &JobSpec) -> Result<Plan> {
        let planned = plan::plan(&self.storage, spec)?;
        let output = format!("{}/", spec.output.uri.trim_end_matches('/'));
        if let Some(shard) = planned.shards.iter().find(|shard| shard.uri.as_str().starts_with(&output)) {
            return Err(Error::spec(format!("the input `{}` lies in the output folder", shard.uri))
                .with_hint("choose an `output.uri` apart from all inputs"));
        }
        let estimate = plan::estimate(&planned, spec);
        plan::check_space(&self.storage, &estimate, &self.work, &Uri::parse(&spec.output.uri)?)?;
        Ok(Plan { shards: planned.shards })
    }

    fn resolve_and_mix(&self, facts: &JobFacts) -> Result<Resolved> {
        bad_records::check(&self.storage, facts)?;
        let index = self.index_of(&facts.spec)?;
        let index = index.as_deref();
        let state = index.map(|index| index.stats()).transpose()?.map(|stats| IndexState {
            name: stats.name,
            documents: stats.documents,
            state_digest: stats.state_digest,
        });
        let shards = facts
            .scans
            .iter()
            .map(|scan| {
                let (_, source) = source_of(facts, scan.shard)?;
                Ok(VerdictShard {
                    id: scan.shard,
                    documents: scan.folder.join(DOCUMENTS),
                    survivors: scan.folder.join(SURVIVORS),
                    source: &source.name,
                    is_reference: source.dedup == SourceDedup::Check,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let (resolution, clusters, names) = self.resolve(facts, index, &shards)?;
        facts.enter_mix()?;
        let mix = self.mix(facts, &resolution)?;
        facts.check()?;
        fault::pass(Point::ResolveMix)?;

        let verdicts = facts.resolve_uri();
        let input = VerdictInput {
            storage: &self.storage,
            resolution: &resolution,
            params: &facts.spec.dedup.params,
            shards: &shards,
            names: &names,
        };
        write_verdicts(&input, &|shard| verdicts_uri(&verdicts, shard))?;
        fault::pass(Point::ResolveVerdicts)?;
        let decisions = Decisions {
            clusters: resolution.clusters,
            compared: resolution.compared + resolution.index_compared,
            matched: resolution.matched,
            cluster_sizes: clusters.sizes,
            largest_clusters: clusters.largest,
            index: state,
        };
        let summary = Summary { decisions, clusters: clusters.files, mix };
        let summary_json = serde_json::to_string(&summary)
            .map_err(|e| Error::internal(format!("decisions are no JSON: {e}")))?;
        Ok(Resolved { verdicts, summary_json })
    }

    fn emit_orders(&self, facts: &JobFacts, resolved: &Resolved, emits: &[TaskOutput]) -> Result<EmitOrders> {
        let spec = &facts.spec;
        let Some((mix, plan)) = spec.mixture().zip(Summary::of(resolved)?.mix) else {
            return Ok(facts.shards.iter().map(|shard| (shard.id, None)).collect());
        };
        let is_whole = |source: usize| plan.whole.get(source).copied().unwrap_or(true);
        let mut orders = EmitOrders::new();
        let mut exact = vec![0.0; spec.sources.len()];
        let mut are_counted = true;
        for shard in facts.shards.iter().filter(|shard| is_whole(usize::from(shard.source))) {
            orders.insert(shard.id, None);
            let Some(emit) = emits.iter().find(|emit| emit.shard == shard.id) else {
                are_counted = false;
                continue;
            };
            exact[usize::from(shard.source)] += emit_stats(emit)?.tokens.unwrap_or_default() as f64;
        }
        if !are_counted {
            return Ok(orders);
        }
        for (pool, tokens) in plan.budgets(spec, &mix, &exact) {
            let chars_per_token = plan.chars_per_token[pool.source];
            orders.insert(pool.shard, Some(TokenBudget { tokens, chars_per_token }));
        }
        // What is only compared with writes nothing and needs no budget.
        for shard in facts.shards.iter() {
            orders.entry(shard.id).or_insert(None);
        }
        Ok(orders)
    }

    fn publish(&self, facts: &JobFacts, publication: &Publication) -> Result<()> {
        let mut summary = Summary::of(&publication.resolved)?;
        let mut outgoing = Vec::new();
        for (shard, file) in std::mem::take(&mut summary.clusters) {
            let (_, source) = source_of(facts, shard)?;
            outgoing.push(Outgoing { folder: facts.resolve_uri(), file, source: source.name.clone() });
        }
        for emit in &publication.emits {
            let (_, source) = source_of(facts, emit.shard)?;
            let published = emit.manifest.files.iter().filter(|file| !file.name.starts_with(MEASURES));
            outgoing.extend(published.map(|file| Outgoing {
                folder: emit.folder.clone(),
                file: file.clone(),
                source: source.name.clone(),
            }));
        }
        let report = self.report(facts, publication, &outgoing, summary)?;
        let tokens = report.tokens.as_ref().map_or(0, |tokens| tokens.total);
        let run = json!({
            "job_id": facts.job,
            "tamis": env!("CARGO_PKG_VERSION"),
            "submitted_at_ms": facts.submitted_at_ms,
            "started_at_ms": facts.started_at_ms,
            "published_at_ms": wall_ms(),
            "failed_attempts": facts.failed_attempts,
        });
        let reports = Reports {
            report: to_json(&report)?,
            html: html(&report).into_bytes(),
            training: to_json(&training(&facts.spec.report, tokens))?,
            run: to_json(&run)?,
            tokenizer_sha256: report.reproducibility.tokenizer_sha256.clone(),
        };
        let output = Uri::parse(&facts.spec.output.uri)?;
        fault::pass(Point::PublishBegin)?;
        publish::claim(&self.storage, &output, &facts.job, publication.replace)?;
        publish_files(&self.storage, &output, &outgoing, &reports)?;
        publish::release(&self.storage, &output)?;
        self.enter_index(facts, publication)?;
        count_published(&report);
        Ok(())
    }

    fn indexes(&self) -> Result<Arc<Indexes>> {
        Ok(self.indexes.clone())
    }
}

fn count_published(report: &Report) {
    for drops in &report.drops {
        metrics::DOCUMENTS_DROPPED.add(&[("stage", &drops.stage)], drops.docs);
    }
    let emitted = report.funnel.last().map_or(0, |stage| stage.docs);
    metrics::DOCUMENTS_EMITTED.add(&[], emitted);
    metrics::TOKENS_EMITTED.add(&[], report.tokens.as_ref().map_or(0, |tokens| tokens.total));
}

/// The source of a shard, and its number.
fn source_of(facts: &JobFacts, shard: ShardId) -> Result<(usize, &SourceSpec)> {
    plan::source_of(&facts.spec, &facts.shards, shard)
}

fn scan_stats(scan: &TaskOutput) -> Result<&ScanStats> {
    scan.manifest.scan.as_ref().ok_or_else(|| missing("scan", scan.shard))
}

fn emit_stats(emit: &TaskOutput) -> Result<&EmitStats> {
    emit.manifest.emit.as_ref().ok_or_else(|| missing("emit", emit.shard))
}

fn missing(phase: &str, shard: ShardId) -> Error {
    Error::internal(format!("the committed {phase} of shard {shard} has no statistics"))
}

/// An output within an input folder would be read as an input by the next run.
fn refuse_output_among_inputs(spec: &JobSpec, output: &Uri) -> Result<()> {
    let output = output.as_str().trim_end_matches('/');
    for (source, input) in spec.sources.iter().flat_map(|s| s.inputs.iter().map(move |input| (s, input))) {
        let input = Uri::parse(input).map_or_else(|_| input.clone(), |uri| uri.to_string());
        let folder = input.trim_end_matches('/');
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if within(output, folder) || within(folder, output) {
            return Err(Error::spec(format!(
                "`output.uri` (`{output}`) and an input of source `{}` (`{input}`) lie in one another",
                source.name
            ))
            .with_hint("choose an `output.uri` apart from all inputs"));
        }
    }
    Ok(())
}
