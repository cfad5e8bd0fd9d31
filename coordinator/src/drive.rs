//! Walks each job through its states: one async task a job. What a step does is behind [`Steps`]; which step is due
//! follows from the durable state alone, so a restart goes on anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tamis_common::artefact::{TaskManifest, VERDICTS};
use tamis_common::ids::{JobId, Phase, ShardId, TaskId};
use tamis_common::shard::Shard;
use tamis_common::sieve::clean::Cleaners;
use tamis_common::sieve::filter::{Filters, Terms};
use tamis_common::sieve::resources::Resources;
use tamis_common::spec::JobSpec;
use tamis_common::storage::Uri;
use tamis_common::telemetry::trace;
use tamis_common::tokenizer::check_eos;
use tamis_common::{Class, Error, Result};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;

use crate::control::{Control, StepFacts};
use crate::copy::Copier;
use crate::index::Indexes;
use crate::job::JobState;
use crate::store::{FileRef, NamedFile};

/// Tries at a step that fails by no fault of the job, before the job fails. Pauses between them grow to 4 s.
const STEP_TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A full disk is looked at this often.
const ROOM_PAUSE: Duration = Duration::from_secs(2);
const CANCELLED_PAUSE: Duration = Duration::from_millis(50);

/// What the coordinator itself computes for a job. Calls block, run off the async threads, and may be repeated: after a
/// crash a step begins anew.
pub trait Steps: Send + Sync + 'static {
    /// Reads the canonical JSON of a spec.
    ///
    /// # Errors
    /// `Class::Spec` that lists all problems.
    fn parse_spec(&self, json: &str) -> Result<JobSpec>;

    /// Refuses an output folder that cannot be written, or that is filled although `replace` is not set.
    ///
    /// # Errors
    /// `Class::Conflict`, `Class::Permission` or of the store.
    fn check_output(&self, spec: &JobSpec, replace: bool) -> Result<()>;

    /// Lists the inputs and cuts them into shards, numbered from 0 in canonical order.
    ///
    /// # Errors
    /// `Class::Input`, `Class::NotFound`, `Class::Resource` or of the store.
    fn plan(&self, spec: &JobSpec) -> Result<Plan>;

    /// Finds the duplicates among the survivors of the job and writes one verdict file a shard, at [`verdicts_uri`] of the
    /// returned folder, which lies below [`JobFacts::resolve_uri`]; then plans the mixture, if there is one. Calls
    /// [`JobFacts::enter_mix`] in between.
    ///
    /// # Errors
    /// `Class::Cancelled` once [`JobFacts::cancel`] is set; of the stores.
    fn resolve_and_mix(&self, facts: &JobFacts) -> Result<Resolved>;

    /// The shards that may be emitted, given those that are: all of them, or first those on which the budgets of the
    /// others depend. The same commits give the same budgets.
    ///
    /// # Errors
    /// Of the stores.
    fn emit_orders(&self, facts: &JobFacts, _: &Resolved, _: &[TaskOutput]) -> Result<EmitOrders> {
        Ok(facts.shards.iter().map(|shard| (shard.id, None)).collect())
    }

    /// Moves the output to its place and enters the job in its index. It is past the commit point: there is no way but
    /// forward.
    ///
    /// # Errors
    /// Of the stores.
    fn publish(&self, facts: &JobFacts, publication: &Publication) -> Result<()>;

    /// All global indexes.
    ///
    /// # Errors
    /// `Class::NotFound` for steps that have none.
    fn indexes(&self) -> Result<Arc<Indexes>>;
}

/// What a job reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// All shards, numbered from 0.
    pub shards: Vec<Shard>,
}

/// A committed task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOutput {
    /// The shard.
    pub shard: ShardId,
    /// The folder of the attempt that committed.
    pub folder: Uri,
    /// What it holds.
    pub manifest: TaskManifest,
}

/// A job, as its steps see it.
#[derive(Clone)]
pub struct JobFacts {
    /// The job.
    pub job: JobId,
    /// What it asks for.
    pub spec: Arc<JobSpec>,
    /// All shards, by number.
    pub shards: Arc<Vec<Shard>>,
    /// The committed scan of each shard, by number.
    pub scans: Vec<TaskOutput>,
    /// The job's folder below WORK.
    pub work: Uri,
    /// The job's copy of the tokenizer.
    pub tokenizer: Option<FileRef>,
    /// The job's copies of the files that the spec names.
    pub files: Arc<Vec<NamedFile>>,
    /// Milliseconds since the Unix epoch; of use in `run.json` only.
    pub submitted_at_ms: u64,
    /// When the first task was granted.
    pub started_at_ms: u64,
    /// Attempts that ended without a commit.
    pub failed_attempts: u32,
    /// Set when the step shall end early: the job is cancelled or the coordinator stops.
    pub cancel: Arc<AtomicBool>,
    /// Called between resolve and mix; makes the state durable.
    pub on_mix: Arc<dyn Fn() -> Result<()> + Send + Sync>,
}

impl JobFacts {
    /// The folder for what resolve and mix write.
    pub fn resolve_uri(&self) -> Uri {
        self.work.join("resolve")
    }

    /// Says that duplicates are found and the mixture is being chosen.
    ///
    /// # Errors
    /// Of the state's store; `Class::Cancelled` if the job was cancelled.
    pub fn enter_mix(&self) -> Result<()> {
        (self.on_mix)()
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// `Class::Cancelled` if not.
    pub fn check(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(Class::Cancelled, format!("job {} shall stop", self.job)));
        }
        Ok(())
    }
}

/// What resolve and mix left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The folder of the verdicts: see [`verdicts_uri`].
    pub verdicts: Uri,
    /// Figures for the report, as the steps like them.
    pub summary_json: String,
}

/// The shards that may be emitted, each with its budget; `None`: all that has no verdict is written.
pub type EmitOrders = BTreeMap<ShardId, Option<TokenBudget>>;

/// What a shard may give to the mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenBudget {
    /// Tokens at most.
    pub tokens: u64,
    /// Code points a token, estimated; above 0.
    pub chars_per_token: f64,
}

/// What publish needs beyond the facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The committed emit of each shard, by number.
    pub emits: Vec<TaskOutput>,
    /// What resolve and mix left.
    pub resolved: Resolved,
    /// Whether a filled output folder may be replaced.
    pub replace: bool,
}

/// The file of the verdicts on a shard.
pub fn verdicts_uri(verdicts: &Uri, shard: ShardId) -> Uri {
    verdicts.join(&shard.to_string()).join(VERDICTS)
}

/// The folder of an attempt, below a job's folder.
pub(crate) fn attempt_uri(work: &Uri, task: TaskId, attempt: tamis_common::ids::AttemptId) -> Uri {
    work.join(&task.to_string()).join(&attempt.to_string())
}

/// Runs the jobs that `starts` names until the coordinator stops; never one job twice at a time.
pub(crate) async fn run(
    control: Arc<Control>,
    mut starts: mpsc::UnboundedReceiver<JobId>,
    mut stop: watch::Receiver<bool>,
) {
    let lanes = Arc::new(Lanes::new());
    let mut walks = JoinSet::new();
    let mut walking = BTreeSet::new();
    let mut again = BTreeSet::new();
    loop {
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => break,
            Some(job) = starts.recv() => {
                if walking.insert(job.clone()) {
                    walks.spawn(walk(control.clone(), lanes.clone(), job));
                } else {
                    again.insert(job);
                }
            }
            Some(ended) = walks.join_next(), if !walks.is_empty() => {
                let Ok(job) = ended else { continue };
                walking.remove(&job);
                if again.remove(&job) {
                    walking.insert(job.clone());
                    walks.spawn(walk(control.clone(), lanes.clone(), job));
                }
            }
        }
    }
    // Their blocking steps see the cancel flag; the durable state says where to go on.
    while walks.join_next().await.is_some() {}
}

/// What is due for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Step(Step),
    /// Its tasks or its turn: something that changes the job or moves another one.
    Wait,
    /// There is no such job.
    Nothing,
}

/// A step that a job takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Plan,
    OrderEmits,
    LeavePhase(Phase),
    EnterResolve,
    Resolve,
    Publish,
    /// The last one: nothing more happens by itself.
    Sweep,
}

impl Step {
    /// As traces name it.
    fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::OrderEmits => "order emits",
            Self::LeavePhase(Phase::Scan) => "leave scan",
            Self::LeavePhase(Phase::Emit) => "leave emit",
            Self::EnterResolve => "enter resolve",
            Self::Resolve => "resolve and mix",
            Self::Publish => "publish",
            Self::Sweep => "sweep",
        }
    }
}

/// What follows a step.
#[derive(Debug)]
pub(crate) enum After {
    Look,
    Pause(Duration),
    Fail(Error),
    End,
}

/// How many jobs do something at the same time: neither what their steps hold in memory nor the number of threads grows with
/// the number of jobs. Plans do not wait behind long resolves.
struct Lanes {
    plans: Semaphore,
    computations: Semaphore,
    /// Many files of a slow store may go: looks at other jobs do not wait for that.
    sweeps: Semaphore,
    /// Short steps, looks at what is due, and copies of states.
    others: Semaphore,
}

impl Lanes {
    /// As many as there are cores.
    fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        Self {
            plans: Semaphore::new(2),
            sweeps: Semaphore::new(2),
            computations: Semaphore::new(cores),
            others: Semaphore::new(2 * cores),
        }
    }

    fn of(&self, step: Step) -> &Semaphore {
        match step {
            Step::Plan => &self.plans,
            Step::Resolve | Step::Publish => &self.computations,
            Step::Sweep => &self.sweeps,
            Step::OrderEmits | Step::LeavePhase(_) | Step::EnterResolve => &self.others,
        }
    }
}

/// Waits for room in a lane; it is taken until the permit is dropped.
async fn enter(lane: &Semaphore) -> Option<SemaphorePermit<'_>> {
    // It fails once the lane is closed, which none ever is.
    lane.acquire().await.ok()
}

/// Walks one job to its end.
async fn walk(control: Arc<Control>, lanes: Arc<Lanes>, job: JobId) -> JobId {
    let Some(mut changed) = control.changes_of(&job) else { return job };
    let mut moved = control.moves();
    let mut stop = control.stop_signal();
    let mut tries = 0;
    let copier = Arc::<Mutex<Copier>>::default();
    let mut is_copied = false;
    loop {
        if control.is_stopping() {
            return job;
        }
        if !is_copied {
            // Tried again behind the next step; until then a recovery goes on from before the last one.
            let _ = copy_state(&control, &lanes, &job, &copier).await;
            is_copied = true;
        }
        // Before the look, so that nothing that comes after it is missed.
        moved.borrow_and_update();
        changed.borrow_and_update();
        let step = match look(&control, &lanes, &job).await {
            Due::Nothing => return job,
            Due::Step(step) => step,
            Due::Wait => {
                tokio::select! {
                    _ = stop.wait_for(|&stop| stop) => return job,
                    _ = moved.changed() => {}
                    changed = changed.changed() => if changed.is_err() { return job },
                }
                continue;
            }
        };
        // Others may have ended the job since; nothing is swept before that is copied.
        if step == Step::Sweep && copy_state(&control, &lanes, &job, &copier).await.is_err() {
            return job;
        }
        let taken = {
            let _room = tokio::select! {
                _ = stop.wait_for(|&stop| stop) => return job,
                // Another step may be due now.
                _ = changed.changed() => continue,
                room = enter(lanes.of(step)) => room,
            };
            blocking(&control, &job, move |control, job| control.take_step(&job, step)).await
        };
        is_copied = false;
        match control.after_step(&job, step, taken, &mut tries) {
            After::Look => {}
            After::Pause(length) => pause(&control, length).await,
            After::End => return job,
            After::Fail(error) => {
                let failed = blocking(&control, &job, move |control, job| control.fail_job(&job, &error));
                if let Err(cause) = failed.await {
                    // The state's disk is broken: nothing can be recorded, so the job is left where it is.
                    tracing::error!(%job, error = %cause, "a failure could not be recorded");
                    return job;
                }
            }
        }
    }
}

/// Copies the job's state to its work, if it is another than was copied last.
async fn copy_state(
    control: &Arc<Control>,
    lanes: &Lanes,
    job: &JobId,
    copier: &Arc<Mutex<Copier>>,
) -> Result<()> {
    let _room = enter(&lanes.others).await;
    let copier = copier.clone();
    let copied = blocking(control, job, move |control, job| control.copy_state(&job, &copier)).await;
    copied.inspect_err(
        |error| tracing::warn!(%job, %error, "the state of the job could not be copied to its work"),
    )
}

/// Looks at what is due where it may wait for the lock: it is held while the disk syncs, and a job changes with each
/// heartbeat.
async fn look(control: &Arc<Control>, lanes: &Lanes, job: &JobId) -> Due {
    let _room = enter(&lanes.others).await;
    let (looking, job) = (control.clone(), job.clone());
    // A look that ended badly is looked again.
    tokio::task::spawn_blocking(move || looking.due(&job)).await.unwrap_or(Due::Wait)
}

/// Runs a step on a thread where it may block.
async fn blocking<F>(control: &Arc<Control>, job: &JobId, step: F) -> Result<()>
where
    F: FnOnce(&Arc<Control>, JobId) -> Result<()> + Send + 'static,
{
    let (control, job) = (control.clone(), job.clone());
    let step = tokio::task::spawn_blocking(move || step(&control, job));
    step.await.unwrap_or_else(|e| Err(Error::internal(format!("a step of the coordinator ended badly: {e}"))))
}

async fn pause(control: &Control, pause: Duration) {
    let mut stop = control.stop_signal();
    tokio::select! {
        _ = stop.wait_for(|&stop| stop) => {}
        () = tokio::time::sleep(pause) => {}
    }
}

/// What is due, and what follows: without the waiting.
impl Control {
    /// What is due for a job. By the time that the step is taken it may no longer be: steps look again.
    pub(crate) fn due(&self, job: &JobId) -> Due {
        let Some(state) = self.state_of(job) else { return Due::Nothing };
        match state {
            JobState::Planning => Due::Step(Step::Plan),
            JobState::Emitting if self.awaits_orders(job) => Due::Step(Step::OrderEmits),
            JobState::Scanning if self.is_phase_done(job, Phase::Scan) => {
                Due::Step(Step::LeavePhase(Phase::Scan))
            }
            JobState::Emitting if self.is_phase_done(job, Phase::Emit) => {
                Due::Step(Step::LeavePhase(Phase::Emit))
            }
            JobState::Scanning | JobState::Emitting => Due::Wait,
            JobState::Waiting | JobState::Publishing if self.holder_before(job).is_some() => Due::Wait,
            JobState::Waiting => Due::Step(Step::EnterResolve),
            JobState::Resolving | JobState::Mixing => Due::Step(Step::Resolve),
            JobState::Publishing => Due::Step(Step::Publish),
            JobState::Published | JobState::Failed | JobState::Cancelled => Due::Step(Step::Sweep),
        }
    }

    /// Takes a step that was due.
    pub(crate) fn take_step(self: &Arc<Self>, job: &JobId, step: Step) -> Result<()> {
        let span = tracing::info_span!("step", otel.name = step.name(), %job);
        trace::adopt(&span, &self.record_of(job)?.traceparent);
        let _within = span.enter();
        match step {
            Step::Plan => self.plan(job.clone()),
            Step::OrderEmits => self.order_next_emits(job.clone()),
            Step::LeavePhase(phase) => self.leave_phase(job, phase),
            Step::EnterResolve => self.enter_resolve(job),
            Step::Resolve => self.resolve(job.clone()),
            Step::Publish => self.publish(job.clone()),
            Step::Sweep => self.sweep(job),
        }
    }

    /// What follows a step, `tries` of which have failed.
    pub(crate) fn after_step(&self, job: &JobId, step: Step, taken: Result<()>, tries: &mut u32) -> After {
        let Err(error) = taken else {
            *tries = 0;
            return if step == Step::Sweep { After::End } else { After::Look };
        };
        if step == Step::Sweep {
            tracing::warn!(%job, %error, "the work of the job could not be swept");
            return After::End;
        }
        if self.is_stopping() {
            return After::End;
        }
        if self.state_of(job).is_none_or(JobState::is_ended) {
            // It was cancelled, or failed by one of its tasks, while the step ran: that is recorded.
            return After::Look;
        }
        if error.class() == Class::Cancelled {
            // A cancel was followed by a retry before the step noticed: begin anew.
            return After::Pause(CANCELLED_PAUSE);
        }
        // What a plan needs more than there is, is refused; what fills up later waits for room.
        if error.class() == Class::Resource && step != Step::Plan {
            tracing::warn!(%job, ?step, %error, "a step waits for room");
            self.pause_job(job, &error);
            return After::Pause(ROOM_PAUSE);
        }
        *tries += 1;
        if error.verdict().retryable && *tries < STEP_TRIES {
            tracing::warn!(%job, ?step, %error, tries, "a step failed and is tried again");
            return After::Pause(FIRST_PAUSE * 2_u32.pow(*tries - 1));
        }
        *tries = 0;
        After::Fail(error)
    }
}

/// What was copied to WORK when a job was planned.
pub(crate) struct Copies {
    pub(crate) tokenizer: Option<FileRef>,
    pub(crate) files: Vec<NamedFile>,
}

/// The blocking steps: facts from the control, work by [`Steps`], the result back to the control.
impl Control {
    fn plan(self: &Arc<Self>, job: JobId) -> Result<()> {
        let StepFacts { spec, record, cancel, .. } = self.step_facts(&job)?;
        let spec_json = self.store().blobs().get(&record.spec.sha256)?;
        self.storage().put(&record.spec.uri, &spec_json)?;
        let copies = self.copy_files(&spec, &record.work)?;
        let plan = self.steps().plan(&spec)?;
        for (shard, number) in plan.shards.iter().zip(0..) {
            if shard.id != ShardId(number) {
                return Err(Error::internal(format!("the plan has shard {} at place {number}", shard.id)));
            }
        }
        self.enter_scan(&job, &cancel, plan, copies)
    }

    /// Workers read what the spec names from WORK by digest, so that a file that changes under a job changes nothing.
    fn copy_files(&self, spec: &JobSpec, work: &Uri) -> Result<Copies> {
        let copy = |name: &str, kind: &str, extension: &str, key: &str| -> Result<(FileRef, Vec<u8>)> {
            let naming = |e: Error| e.context(format!("`{key}`"));
            let bytes = self.storage().read(&Uri::parse(name).map_err(naming)?).map_err(naming)?;
            let sha256 = crate::store::digest_of(&bytes);
            let uri = work.join(&format!("{kind}-{sha256}{extension}"));
            self.storage().put(&uri, &bytes)?;
            Ok((FileRef { uri, sha256 }, bytes))
        };
        let tokenizer = match &spec.tokenizer {
            None => None,
            Some(tokenizer) => {
                let (file, bytes) = copy(&tokenizer.path, "tokenizer", ".json", "tokenizer.path")?;
                if let Some(eos) = &tokenizer.eos {
                    check_eos(&bytes, &tokenizer.path, eos)?;
                }
                Some(file)
            }
        };
        let mut files: Vec<NamedFile> = Vec::new();
        let mut read = Resources::default();
        for (key, name) in spec.named_files() {
            let (file, bytes) = copy(name, "file", "", &key)?;
            files.push(NamedFile { name: name.to_owned(), file });
            read.insert(name, bytes);
        }
        // A list that is no list is told now, not by every worker.
        let wrong = |e: tamis_common::sieve::BuildError| Error::spec(e.0);
        Terms::of_files(&spec.report.lexicon, &read).map_err(wrong)?;
        Filters::build(&spec.filter.filters, spec.filter.text_rules(), &read).map_err(wrong)?;
        Cleaners::build(&spec.clean.cleaners, &read).map_err(wrong)?;
        Ok(Copies { tokenizer, files })
    }

    fn copy_state(&self, job: &JobId, copier: &Mutex<Copier>) -> Result<()> {
        let record = self.record_of(job)?;
        if record.swept {
            // It was copied before.
            return Ok(());
        }
        let mut copier = copier.lock().unwrap_or_else(PoisonError::into_inner);
        copier.write(self.storage(), self.store(), self.coordinator(), (job, &record))
    }

    fn resolve(self: &Arc<Self>, job: JobId) -> Result<()> {
        let facts = self.job_facts(&job)?;
        let resolved = self.steps().resolve_and_mix(&facts)?;
        // Steps that have no mixture to choose need not say that they choose it.
        facts.enter_mix()?;
        self.enter_emit(&job, &facts.cancel, resolved)
    }

    fn order_next_emits(self: &Arc<Self>, job: JobId) -> Result<()> {
        let facts = self.job_facts(&job)?;
        let Publication { emits, resolved, .. } = self.publication(&job)?;
        let orders = self.steps().emit_orders(&facts, &resolved, &emits)?;
        self.order_emits(&job, &facts.cancel, orders)
    }

    fn publish(self: &Arc<Self>, job: JobId) -> Result<()> {
        let facts = self.job_facts(&job)?;
        let publication = self.publication(&job)?;
        self.steps().publish(&facts, &publication)?;
        self.enter_published(&job)
    }

    /// Everything that resolve and publish see.
    fn job_facts(self: &Arc<Self>, job: &JobId) -> Result<JobFacts> {
        let StepFacts { spec, shards, files, record, cancel } = self.step_facts(job)?;
        let scans = self.outputs(job, Phase::Scan)?;
        let on_mix = {
            let (control, job, cancel) = (self.clone(), job.clone(), cancel.clone());
            Arc::new(move || control.enter_mix(&job, &cancel))
        };
        Ok(JobFacts {
            job: job.clone(),
            spec,
            shards,
            scans,
            work: record.work,
            tokenizer: record.tokenizer,
            files,
            submitted_at_ms: record.submitted_at_ms,
            started_at_ms: record.started_at_ms,
            failed_attempts: record.failed_attempts,
            cancel,
            on_mix,
        })
    }
}
