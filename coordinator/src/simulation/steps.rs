//! The coordinator's own steps, as the simulation takes them: quick, but anything may happen in the midst of one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tamis_common::ids::{JobId, Phase, ShardId, WorkerId};
use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::spec::JobSpec;
use tamis_common::storage::Uri;
use tamis_common::{Class, Error, Result};

use super::disk::Disk;
use super::random::Random;
use crate::control::{Control, Grant};
use crate::drive::{
    EmitOrders, JobFacts, Plan, Publication, Resolved, Steps, TaskOutput, TokenBudget, verdicts_uri,
};
use crate::index::Indexes;

/// What a job asks for; its text is the job's spec and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) number: u64,
    pub(super) shards: u32,
    pub(super) index: Option<String>,
    pub(super) max_slots: u32,
    pub(super) max_attempts: u32,
    /// Odd shards are emitted when all even ones are, by a budget.
    pub(super) is_mixed: bool,
}

impl Wish {
    pub(super) fn text(&self) -> String {
        let index = self.index.as_deref().unwrap_or("-");
        format!(
            "{} {} {index} {} {} {}",
            self.number, self.shards, self.max_slots, self.max_attempts, self.is_mixed
        )
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::spec(format!("`{text}` is no wish"));
        let parts: Vec<&str> = text.split(' ').collect();
        let [number, shards, index, max_slots, max_attempts, is_mixed] = parts[..] else {
            return Err(wrong());
        };
        Ok(Self {
            number: number.parse().map_err(|_| wrong())?,
            shards: shards.parse().map_err(|_| wrong())?,
            index: (index != "-").then(|| index.to_owned()),
            max_slots: max_slots.parse().map_err(|_| wrong())?,
            max_attempts: max_attempts.parse().map_err(|_| wrong())?,
            is_mixed: is_mixed == "true",
        })
    }

    /// The budget with which an emit must be granted; `Err` if it must wait for `missing` shards.
    pub(super) fn budget(
        &self,
        shard: ShardId,
        committed: impl Fn(ShardId) -> bool,
    ) -> Result<Option<u64>, ShardId> {
        if !self.is_mixed || shard.0.is_multiple_of(2) {
            return Ok(None);
        }
        match (0..self.shards).step_by(2).map(ShardId).find(|&even| !committed(even)) {
            Some(missing) => Err(missing),
            None => Ok(Some(u64::from(shard.0) + 100)),
        }
    }
}

/// What happens in the midst of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interlude {
    Cancel,
    CancelAndRetry,
    Die,
    Fail(Class),
}

/// What the steps saw.
#[derive(Debug)]
pub(super) enum Seen {
    Interlude(Interlude),
    Published {
        job: JobId,
        index: Option<String>,
        resolved_at: u64,
        index_at: u64,
        again: bool,
    },
    /// Tasks granted to a worker in the midst of a sweep.
    Granted(WorkerId, Vec<Grant>),
    Violation(String),
}

#[derive(Default)]
pub(super) struct Stage {
    pub(super) control: Weak<Control>,
    pub(super) interludes: Option<Random>,
    pub(super) interlude_percent: u64,
    /// Set while a sweep runs: a retry may come, and this worker take a task.
    pub(super) sweeping: Option<(JobId, WorkerId)>,
    pub(super) seen: Vec<Seen>,
    /// How many jobs have entered each index.
    indexes: BTreeMap<String, Vec<JobId>>,
}

/// Steps that do almost nothing.
pub(super) struct SimulatedSteps {
    base: JobSpec,
    disk: Disk,
    /// Whether workers leave files that can be looked for.
    pub(super) has_files: bool,
    stage: Mutex<Stage>,
}

impl SimulatedSteps {
    pub(super) fn new(base: JobSpec, disk: Disk, has_files: bool) -> Self {
        Self { base, disk, has_files, stage: Mutex::default() }
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something may happen now.
    fn interlude(&self, job: &JobId) -> Result<()> {
        let (control, interlude) = {
            let mut stage = self.stage();
            let percent = stage.interlude_percent;
            let Some(random) = &mut stage.interludes else { return Ok(()) };
            if !random.chance(percent) {
                return Ok(());
            }
            let interlude = match random.below(4) {
                0 => Interlude::Cancel,
                1 => Interlude::CancelAndRetry,
                2 => Interlude::Die,
                _ => Interlude::Fail(random.pick(&[Class::Storage, Class::Unavailable, Class::Input])),
            };
            stage.seen.push(Seen::Interlude(interlude));
            (stage.control.upgrade(), interlude)
        };
        let Some(control) = control else { return Ok(()) };
        match interlude {
            // It may be refused, which is an answer, too.
            Interlude::Cancel => drop(control.cancel(job, "")),
            Interlude::CancelAndRetry => {
                if control.cancel(job, "").is_ok() {
                    let _ = control.retry(job);
                }
            }
            Interlude::Die => {
                self.disk.kill();
                return Err(Error::storage("the process died in a step"));
            }
            Interlude::Fail(class) => return Err(Error::new(class, "a step failed")),
        }
        Ok(())
    }

    fn check_files(&self, outputs: &[TaskOutput], phase: Phase) {
        if !self.has_files {
            return;
        }
        for output in outputs {
            if !Path::new(&file_of(&output.folder)).exists() {
                let message =
                    format!("the files of the committed {phase:?} of shard {} are gone", output.shard);
                self.stage().seen.push(Seen::Violation(message));
            }
        }
    }
}

/// The one file of an attempt.
pub(super) fn file_of(folder: &Uri) -> String {
    format!("{}/result", folder.as_str().trim_start_matches("file://").trim_end_matches('/'))
}

impl Steps for SimulatedSteps {
    fn parse_spec(&self, json: &str) -> Result<JobSpec> {
        let wish = Wish::parse(json)?;
        let mut spec = self.base.clone();
        spec.name = json.to_owned();
        spec.output.uri = format!("/out/{}", wish.number);
        spec.dedup.index = wish.index;
        spec.run.max_slots = wish.max_slots;
        spec.run.max_attempts = wish.max_attempts;
        let (sweeping, control) = {
            let mut stage = self.stage();
            (stage.sweeping.take(), stage.control.upgrade())
        };
        if let Some((job, worker)) = sweeping
            && let Some(control) = control
            && control.retry(&job).is_ok()
            && let Ok(granted) = control.grant(&worker, 1)
        {
            if self.has_files {
                granted.grants.iter().for_each(|grant| leave_file(&grant.work));
            }
            self.stage().seen.push(Seen::Granted(worker, granted.grants));
        }
        Ok(spec)
    }

    fn check_output(&self, _: &JobSpec, _: bool) -> Result<()> {
        Ok(())
    }

    fn plan(&self, spec: &JobSpec) -> Result<Plan> {
        let wish = Wish::parse(&spec.name)?;
        let uri = Uri::parse("/in/0.jsonl")?;
        let shard = |number| Shard {
            id: ShardId(number),
            source: 0,
            uri: uri.clone(),
            size: 100,
            version: "1".into(),
            format: Format::Jsonl,
            compression: Compression::None,
            part: Part::Whole,
            bytes: 100,
        };
        Ok(Plan { shards: (0..wish.shards).map(shard).collect() })
    }

    fn resolve_and_mix(&self, facts: &JobFacts) -> Result<Resolved> {
        if facts.scans.len() != facts.shards.len() {
            let message =
                format!("{} scans of {} shards are resolved", facts.scans.len(), facts.shards.len());
            self.stage().seen.push(Seen::Violation(message));
        }
        self.check_files(&facts.scans, Phase::Scan);
        let index_at = match &facts.spec.dedup.index {
            Some(index) => self.stage().indexes.get(index).map_or(0, Vec::len),
            None => 0,
        };
        self.interlude(&facts.job)?;
        facts.enter_mix()?;
        self.interlude(&facts.job)?;
        Ok(Resolved { verdicts: facts.resolve_uri(), summary_json: index_at.to_string() })
    }

    fn emit_orders(&self, facts: &JobFacts, _: &Resolved, emits: &[TaskOutput]) -> Result<EmitOrders> {
        self.interlude(&facts.job)?;
        let wish = Wish::parse(&facts.spec.name)?;
        let is_emitted = |shard| emits.iter().any(|emit| emit.shard == shard);
        let order = |shard: &Shard| {
            let tokens = wish.budget(shard.id, is_emitted).ok()?;
            Some((shard.id, tokens.map(|tokens| TokenBudget { tokens, chars_per_token: 1.0 })))
        };
        Ok(facts.shards.iter().filter_map(order).collect())
    }

    fn publish(&self, facts: &JobFacts, publication: &Publication) -> Result<()> {
        self.check_files(&publication.emits, Phase::Emit);
        self.interlude(&facts.job)?;
        let resolved_at = publication.resolved.summary_json.parse().unwrap_or(u64::MAX);
        let index = facts.spec.dedup.index.clone();
        let mut stage = self.stage();
        let (mut index_at, mut again) = (0, false);
        if let Some(index) = &index {
            let entered = stage.indexes.entry(index.clone()).or_default();
            again = entered.contains(&facts.job);
            index_at = entered.len() as u64;
            if !again {
                entered.push(facts.job.clone());
            }
        }
        stage.seen.push(Seen::Published { job: facts.job.clone(), index, resolved_at, index_at, again });
        if publication.emits.len() != facts.shards.len() {
            let message =
                format!("{} emits of {} shards are published", publication.emits.len(), facts.shards.len());
            stage.seen.push(Seen::Violation(message));
        }
        drop(stage);
        self.interlude(&facts.job)
    }

    fn indexes(&self) -> Result<Arc<Indexes>> {
        Err(Error::new(Class::NotFound, "these steps have no indexes"))
    }
}

/// What an attempt writes.
pub(super) fn leave_file(folder: &Uri) {
    let file = file_of(folder);
    if let Some(parent) = Path::new(&file).parent() {
        std::fs::create_dir_all(parent).expect("a temporary folder can be made");
    }
    std::fs::write(file, b"x").expect("a temporary file can be written");
}

/// The verdicts that an emit must be given.
pub(super) fn verdicts_of(work: &Uri, shard: ShardId) -> Uri {
    verdicts_uri(&work.join("resolve"), shard)
}
