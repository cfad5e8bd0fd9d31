//! A simulation of the control plane: the real [`Control`], with simulated workers, network, disk and clock, in one
//! thread. A seed determines a schedule: who says what when, which messages are late, lost or doubled, who dies in the
//! midst of what. At each step the invariants are checked; what breaks one is told with its seed, and the same seed
//! shows it again.
//!
//! ```text
//! TAMIS_SIMULATION_SCHEDULES=100000 cargo test --release -p tamis-coordinator many_schedules -- --ignored --nocapture
//! TAMIS_SIMULATION_SEED=17 cargo test --release -p tamis-coordinator one_schedule -- --ignored --nocapture
//! ```
//!
//! After a time of faults comes a time without any, in which all jobs must come to be published.

mod breaks;
mod disk;
mod invariants;
mod network;
mod random;
mod steps;
mod tally;
mod tests;
mod weather;
mod workers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tamis_common::ids::{AttemptId, JobId, Phase};
use tamis_common::storage::{Storage, Uri};
use tokio::sync::{mpsc, watch};

pub(crate) use breaks::{Break, is_broken};

use crate::control::{Clock, Control, Settings};
use crate::drive::{After, Due, Step};
use crate::job::JobState;
use crate::schedule::Terms;
use disk::{Disk, Strike};
use invariants::Ledger;
use network::{Call, Caller, Poll, Reply, Request};
use random::Random;
use steps::{Seen, SimulatedSteps, Wish};
use tally::Tally;
use weather::{Fault, Weather};
use workers::SimulatedWorker;

const LEASE_MS: u64 = 1_000;
const STALL_MS: u64 = 3_000;
const BEAT_MS: u64 = 300;
/// How often the coordinator looks at leases.
const LOOK_MS: u64 = 125;
/// How often something goes wrong.
const FAULT_MS: u64 = 250;
/// Without faults every job ends long before this.
const CALM_MS: u64 = 400_000;
const KEPT_TRACE: usize = 60;

/// What happens at some time.
#[derive(Clone, Debug)]
enum Event {
    Arrive(Call),
    Return(usize, u64, u64, Reply),
    Silence(usize, u64, u64),
    Beat(usize, u64),
    Ask(usize, u64),
    Finish(usize, u64, AttemptId),
    StartWorker(usize, bool),
    StartCoordinator,
    /// Both are of one process of the coordinator.
    Look(u64),
    Walk(u64, JobId),
    Take(u64, JobId, Step),
    Submit(u64),
    Fault,
    Calm,
    /// A user sees to jobs that have ended badly.
    Mend,
    /// A time at which a poll must be looked at.
    Tick,
}

impl Event {
    /// The worker in whose process it happens.
    fn worker(&self) -> Option<usize> {
        match *self {
            Self::Return(place, ..)
            | Self::Silence(place, ..)
            | Self::Beat(place, _)
            | Self::Ask(place, _)
            | Self::Finish(place, ..) => Some(place),
            _ => None,
        }
    }
}

struct Timed {
    at_ms: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        (self.at_ms, self.order) == (other.at_ms, other.order)
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

/// An invariant that did not hold.
#[derive(Debug)]
struct Violation {
    seed: u64,
    problem: String,
    trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        write!(f, "TAMIS_SIMULATION_SEED={}: {}", self.seed, self.problem)
    }
}

/// The walk of a job through its steps.
struct Walk {
    tries: u32,
    /// What wakes it while it waits.
    waits: Option<(watch::Receiver<u64>, watch::Receiver<u64>)>,
}

/// Everything that is simulated.
struct World {
    seed: u64,
    random: Random,
    weather: Weather,
    now_ms: u64,
    /// The coordinator's clock; it may jump ahead of `now_ms`.
    clock: Arc<AtomicU64>,
    ahead_ms: u64,
    order: u64,
    next_call: u64,
    events: BinaryHeap<Reverse<Timed>>,
    disk: Disk,
    /// The process of the coordinator, as the disk counts them.
    process: u64,
    control: Option<Arc<Control>>,
    starts: Option<mpsc::UnboundedReceiver<JobId>>,
    walks: BTreeMap<JobId, Walk>,
    again: BTreeSet<JobId>,
    polls: Vec<Poll>,
    storage: Storage,
    work: Uri,
    steps: Arc<SimulatedSteps>,
    workers: Vec<SimulatedWorker>,
    wishes: Vec<Wish>,
    submitted: Vec<bool>,
    is_calm: bool,
    ledger: Ledger,
    tally: Tally,
    /// The last steps, if they are wanted.
    trace: Option<Vec<String>>,
}

/// Runs the schedule of a seed; `Err` if it broke an invariant.
fn run(seed: u64, ground: &Ground, is_traced: bool) -> Result<Tally, Box<Violation>> {
    let mut world = World::new(seed, ground, is_traced);
    let ran = world.run();
    if world.steps.has_files {
        let _ = world.storage.remove(&world.work);
    }
    match ran {
        Ok(()) => Ok(world.counted()),
        Err(violation) => Err(Box::new(violation)),
    }
}

/// What schedules share.
struct Ground {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    spec: tamis_common::spec::JobSpec,
}

impl Ground {
    fn new() -> Self {
        // In memory, where there is such a folder: nothing here has to survive.
        let shm = std::path::Path::new("/dev/shm");
        let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Self {
            runtime: runtime.expect("a runtime can be made"),
            folder: folder.expect("a temporary folder can be made"),
            spec: crate::testing::spec("base", "/out"),
        }
    }
}

impl World {
    fn new(seed: u64, ground: &Ground, is_traced: bool) -> Self {
        let mut random = Random::new(seed);
        let weather = Weather::of(&mut random);
        let has_files = random.chance(20);
        let disk = Disk::default();
        let steps = Arc::new(SimulatedSteps::new(ground.spec.clone(), disk.clone(), has_files));
        steps.stage().interludes = Some(Random::new(random.next()));
        steps.stage().interlude_percent = weather.interlude_percent;
        let builds = if random.chance(25) { 2 } else { 1 };
        let workers = (0..random.between(builds, 4) as usize)
            .map(|place| {
                let build = ["a", "b"][place % builds as usize];
                SimulatedWorker::new(place, build, random.between(1, 3) as u32)
            })
            .collect();
        let wishes: Vec<Wish> = (0..random.between(1, 4))
            .map(|number| Wish {
                number,
                shards: random.between(1, 5) as u32,
                index: random.chance(60).then(|| "shared".to_owned()),
                max_slots: if random.chance(30) { random.between(1, 2) as u32 } else { 0 },
                max_attempts: random.between(1, 4) as u32,
                is_mixed: random.chance(50),
            })
            .collect();
        let work = Uri::from_path(&ground.folder.path().join(seed.to_string())).expect("a path is a URI");
        Self {
            seed,
            random,
            weather,
            now_ms: 0,
            clock: Arc::default(),
            ahead_ms: 0,
            order: 0,
            next_call: 0,
            events: BinaryHeap::new(),
            disk,
            process: 0,
            control: None,
            starts: None,
            walks: BTreeMap::new(),
            again: BTreeSet::new(),
            polls: Vec::new(),
            storage: Storage::new(ground.runtime.handle().clone()),
            work,
            steps,
            workers,
            submitted: vec![false; wishes.len()],
            wishes,
            is_calm: false,
            ledger: Ledger::default(),
            tally: Tally::default(),
            trace: is_traced.then(Vec::new),
        }
    }

    fn counted(mut self) -> Tally {
        self.tally.count("schedules", 1);
        self.tally.count("commits taken", self.ledger.commits);
        self.tally.count("leases expired", self.ledger.expiries);
        self.tally
    }

    fn after(&mut self, delay_ms: u64, event: Event) {
        self.order += 1;
        self.events.push(Reverse(Timed { at_ms: self.now_ms + delay_ms, order: self.order, event }));
    }

    fn trace(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>7} {}", self.now_ms, line()));
        }
    }

    fn coordinator_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Whether the coordinator's process lives.
    fn is_alive(&self) -> bool {
        self.control.is_some() && self.disk.process() == self.process
    }

    fn violation(&mut self, problem: String) -> Violation {
        let mut trace = self.trace.take().unwrap_or_default();
        let from = trace.len().saturating_sub(KEPT_TRACE);
        Violation { seed: self.seed, problem, trace: trace.split_off(from) }
    }

    fn check(&mut self, checked: Result<(), String>) -> Result<(), Violation> {
        checked.map_err(|problem| self.violation(problem))
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.start_coordinator()?;
        for place in 0..self.workers.len() {
            let delay = self.random.below(200);
            self.after(delay, Event::StartWorker(place, false));
        }
        let trouble_ms = self.random.between(500, 6_000);
        for number in 0..self.wishes.len() as u64 {
            let delay = self.random.below(trouble_ms / 2);
            self.after(delay, Event::Submit(number));
        }
        self.after(FAULT_MS, Event::Fault);
        self.after(trouble_ms, Event::Calm);
        while let Some(Reverse(Timed { at_ms, event, .. })) = self.events.pop() {
            self.now_ms = self.now_ms.max(at_ms);
            self.clock.store(self.now_ms + self.ahead_ms, Ordering::Relaxed);
            self.tally.count("events", 1);
            self.happen(event)?;
            self.settle()?;
            if self.is_over() {
                return Ok(());
            }
            if self.is_calm && self.now_ms > trouble_ms + CALM_MS {
                let jobs = self.ledger.durable.jobs.values();
                let states: Vec<String> = jobs.map(|job| format!("{} {}", job.name, job.state)).collect();
                return Err(self.violation(format!("jobs that never end: {states:?}")));
            }
        }
        Err(self.violation("nothing more happens, though jobs have not ended".to_owned()))
    }

    /// All jobs are published, and nothing of them is left to do.
    fn is_over(&mut self) -> bool {
        let jobs = &self.ledger.durable.jobs;
        let is_published = |state: JobState| state == JobState::Published;
        let over = self.is_calm
            && self.submitted.iter().all(|&submitted| submitted)
            && jobs.values().all(|job| is_published(job.state));
        if over {
            self.tally.count("jobs published", jobs.len() as u64);
        }
        over
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        if let Some(place) = event.worker()
            && self.workers[place].frozen_until_ms > self.now_ms
        {
            let delay = self.workers[place].frozen_until_ms - self.now_ms;
            self.after(delay, event);
            return Ok(());
        }
        match event {
            Event::Arrive(call) => self.arrive(call)?,
            Event::Return(place, life, call, reply) => self.hear(place, life, call, reply),
            Event::Silence(place, life, call) => self.silence(place, life, call),
            Event::Beat(place, life) => self.beat(place, life),
            Event::Ask(place, life) => self.ask_again(place, life),
            Event::Finish(place, life, attempt) => self.finish_task(place, life, attempt),
            Event::StartWorker(place, has_new_name) => self.start_worker(place, has_new_name),
            Event::StartCoordinator => self.start_coordinator()?,
            Event::Look(process) if process == self.process => self.look()?,
            Event::Walk(process, job) if process == self.process => self.walk(job),
            Event::Take(process, job, step) if process == self.process => self.take(job, step)?,
            Event::Submit(number) => {
                if !self.submitted[number as usize] {
                    self.send(Caller::User, Request::Submit(number));
                    self.after(700, Event::Submit(number));
                }
            }
            Event::Fault => self.fault(),
            Event::Calm => self.calm(),
            Event::Mend => self.mend(),
            Event::Look(_) | Event::Walk(..) | Event::Take(..) | Event::Tick => {}
        }
        Ok(())
    }

    /// What follows from what has happened: the dead are buried, the woken are served, everything is checked.
    fn settle(&mut self) -> Result<(), Violation> {
        self.read_journal()?;
        self.read_stage()?;
        self.bury();
        self.serve_polls()?;
        self.read_journal()?;
        self.bury();
        self.wake_walks();
        self.audit()?;
        self.check_polls()
    }

    fn audit(&mut self) -> Result<(), Violation> {
        let Some(control) = self.control.clone().filter(|_| !self.disk.is_uncertain()) else { return Ok(()) };
        let audited = control.audit(&self.ledger.durable);
        self.check(audited)
    }

    fn read_journal(&mut self) -> Result<(), Violation> {
        let now_ms = self.coordinator_ms();
        for writes in self.disk.take_journal() {
            let noted = self.ledger.note(&writes, now_ms);
            self.check(noted)?;
        }
        Ok(())
    }

    fn read_stage(&mut self) -> Result<(), Violation> {
        let seen = std::mem::take(&mut self.steps.stage().seen);
        for seen in seen {
            self.trace(|| format!("  {seen:?}"));
            match seen {
                Seen::Interlude(interlude) => {
                    self.tally.count(format!("fault in a step: {interlude:?}"), 1);
                }
                Seen::Published { job, index, resolved_at, index_at, again } => {
                    if index.is_some() {
                        let noted = self.ledger.note_published(&job, resolved_at, index_at, again);
                        self.check(noted)?;
                    }
                }
                Seen::Granted(worker, grants) => {
                    self.ledger.note_served(&grants);
                    self.tally.count("fault in a sweep: retry", 1);
                    let place = self.workers.iter().position(|known| known.id == worker && known.is_up);
                    if let Some(place) = place {
                        self.take_up(place, grants, false);
                    }
                }
                Seen::Violation(problem) => return Err(self.violation(problem)),
            }
        }
        Ok(())
    }

    /// A process that has died leaves nothing but the disk, and starts again some time later.
    fn bury(&mut self) {
        if self.control.is_none() || self.is_alive() {
            return;
        }
        self.trace(|| "the coordinator is dead".to_owned());
        self.control = None;
        self.starts = None;
        self.walks.clear();
        self.again.clear();
        self.polls.clear();
        let delay = self.random.between(10, 2 * LEASE_MS);
        self.after(delay, Event::StartCoordinator);
    }

    fn start_coordinator(&mut self) -> Result<(), Violation> {
        if self.control.is_some() {
            return Ok(());
        }
        self.trace(|| "the coordinator starts".to_owned());
        self.tally.count("coordinator starts", 1);
        let (sender, starts) = mpsc::unbounded_channel();
        let clock = self.clock.clone();
        let settings = Settings {
            most_jobs: usize::MAX,
            most_jobs_of_client: usize::MAX,
            work: self.work.clone(),
            terms: Terms { lease_ms: LEASE_MS, stall_ms: STALL_MS },
            heartbeat_ms: BEAT_MS,
        };
        let opened = self.disk.open().and_then(|store| {
            let clock = Clock::new(move || clock.load(Ordering::Relaxed));
            Control::open(store, self.storage.clone(), self.steps.clone(), settings, clock, sender)
        });
        let control = opened.map_err(|e| self.violation(format!("the state cannot be opened: {e}")))?;
        self.process = self.disk.process();
        self.steps.stage().control = Arc::downgrade(&control);
        self.control = Some(control);
        self.starts = Some(starts);
        self.read_journal()?;
        let now_ms = self.coordinator_ms();
        let noted = self.ledger.note_start(now_ms);
        self.check(noted)?;
        self.after(LOOK_MS, Event::Look(self.process));
        Ok(())
    }

    /// The coordinator looks at leases.
    fn look(&mut self) -> Result<(), Violation> {
        let Some(control) = self.control.clone() else { return Ok(()) };
        let before = self.ledger.running();
        let jobs =
            self.ledger.durable.attempts.iter().map(|(id, record)| (*id, record.job.clone())).collect();
        control.expire();
        self.read_journal()?;
        let now_ms = self.coordinator_ms();
        let is_certain = self.is_alive() && !self.disk.is_uncertain();
        let noted = self.ledger.note_look(&before, &jobs, now_ms, is_certain);
        self.check(noted)?;
        if control.workers_silent_for(4 * LEASE_MS) > 0 {
            return Err(self.violation("a worker that has left is not forgotten".to_owned()));
        }
        self.after(LOOK_MS, Event::Look(self.process));
        Ok(())
    }

    /// Walks that a start or a change has woken.
    fn wake_walks(&mut self) {
        while let Some(Ok(job)) = self.starts.as_mut().map(mpsc::UnboundedReceiver::try_recv) {
            if self.walks.contains_key(&job) {
                self.again.insert(job);
                continue;
            }
            self.walks.insert(job.clone(), Walk { tries: 0, waits: None });
            self.after(1, Event::Walk(self.process, job));
        }
        let has_changed = |signal: &watch::Receiver<u64>| signal.has_changed().unwrap_or(true);
        let is_woken = |walk: &Walk| {
            walk.waits.as_ref().is_some_and(|(changed, moved)| has_changed(changed) || has_changed(moved))
        };
        let woken: Vec<JobId> =
            self.walks.iter().filter(|(_, walk)| is_woken(walk)).map(|(job, _)| job.clone()).collect();
        for job in woken {
            if let Some(walk) = self.walks.get_mut(&job) {
                walk.waits = None;
            }
            self.walk(job);
        }
    }

    /// A walk looks at what is due, and takes the step a moment later.
    fn walk(&mut self, job: JobId) {
        let Some(control) = self.control.clone() else { return };
        let Some(mut changed) = control.changes_of(&job) else { return self.end_walk(&job) };
        let mut moved = control.moves();
        moved.borrow_and_update();
        changed.borrow_and_update();
        match control.due(&job) {
            Due::Nothing => self.end_walk(&job),
            Due::Wait => {
                if let Some(walk) = self.walks.get_mut(&job) {
                    walk.waits = Some((changed, moved));
                }
            }
            Due::Step(step) => {
                let delay = self.random.between(1, 60);
                self.after(delay, Event::Take(self.process, job, step));
            }
        }
    }

    fn take(&mut self, job: JobId, step: Step) -> Result<(), Violation> {
        let Some(control) = self.control.clone() else { return Ok(()) };
        self.trace(|| format!("job {job} takes the step {step:?}"));
        if step == Step::Sweep && !self.is_calm && self.random.chance(self.weather.interlude_percent) {
            let worker = self.workers[0].id.clone();
            self.steps.stage().sweeping = Some((job.clone(), worker));
        }
        let taken = control.take_step(&job, step);
        self.steps.stage().sweeping = None;
        self.trace(|| format!("  {taken:?}"));
        self.read_journal()?;
        self.read_stage()?;
        if !self.is_alive() {
            return Ok(());
        }
        let Some(walk) = self.walks.get_mut(&job) else { return Ok(()) };
        match control.after_step(&job, step, taken, &mut walk.tries) {
            After::Look => self.walk(job),
            After::Pause(pause) => self.after(pause.as_millis() as u64, Event::Walk(self.process, job)),
            After::End => self.end_walk(&job),
            After::Fail(error) => {
                let internal = error.class() == tamis_common::Class::Internal;
                if internal {
                    return Err(self.violation(format!("job {job} fails by a defect: {error}")));
                }
                match control.fail_job(&job, &error) {
                    Ok(()) => self.walk(job),
                    Err(_) => self.end_walk(&job),
                }
            }
        }
        Ok(())
    }

    fn end_walk(&mut self, job: &JobId) {
        self.walks.remove(job);
        if self.again.remove(job) {
            self.walks.insert(job.clone(), Walk { tries: 0, waits: None });
            self.after(1, Event::Walk(self.process, job.clone()));
        }
    }

    /// Something goes wrong.
    fn fault(&mut self) {
        if self.is_calm || self.weather.faults.is_empty() {
            return;
        }
        let delay = self.random.between(1, 2 * FAULT_MS);
        self.after(delay, Event::Fault);
        let fault = self.random.pick(&self.weather.faults.clone());
        let place = self.random.below(self.workers.len() as u64) as usize;
        let jobs: Vec<JobId> = self.ledger.durable.jobs.keys().cloned().collect();
        let job = (!jobs.is_empty()).then(|| jobs[self.random.below(jobs.len() as u64) as usize].clone());
        self.trace(|| format!("{fault:?}, worker {place}, job {job:?}"));
        match fault {
            Fault::CoordinatorDies if self.random.chance(30) => {
                self.disk.kill();
            }
            Fault::DiesInWrite if self.random.chance(50) => {
                let strike = self.random.pick(&[Strike::DieBefore, Strike::DieAfter]);
                self.disk.strike(self.random.below(8) as u32, Some(strike));
            }
            Fault::DiskRefuses if self.random.chance(30) => {
                let strike = self.random.pick(&[Strike::Refuse, Strike::RefuseWritten]);
                self.disk.strike(self.random.below(4) as u32, Some(strike));
            }
            Fault::WorkerDies if self.workers[place].is_up => {
                self.workers[place].stop();
                let delay = self.random.between(10, 2 * LEASE_MS);
                let has_new_name = self.random.chance(50);
                self.after(delay, Event::StartWorker(place, has_new_name));
            }
            Fault::WorkerFreezes => {
                let length = self.random.between(100, 3 * LEASE_MS);
                self.workers[place].frozen_until_ms = self.now_ms + length;
            }
            Fault::WorkerDrains if self.random.chance(30) => {
                let worker = self.workers[place].id.clone();
                self.send(Caller::User, Request::Drain(worker));
            }
            Fault::UserCancels if self.random.chance(40) => {
                let Some(job) = job else { return };
                self.send(Caller::User, Request::Cancel(job.clone()));
                if self.random.chance(60) {
                    self.send(Caller::User, Request::Retry(job));
                }
            }
            Fault::UserRetries => {
                let Some(job) = job else { return };
                self.send(Caller::User, Request::Retry(job));
            }
            Fault::ClockJumps if self.random.chance(30) => {
                self.ahead_ms += self.random.between(10, 2 * LEASE_MS);
            }
            _ => return,
        }
        self.tally.count(format!("fault: {fault:?}"), 1);
    }

    /// From now on nothing goes wrong, and what is broken is mended.
    fn calm(&mut self) {
        self.trace(|| "calm".to_owned());
        self.is_calm = true;
        self.weather = Weather::default();
        self.steps.stage().interludes = None;
        self.disk.strike(0, None);
        for place in 0..self.workers.len() {
            self.workers[place].frozen_until_ms = 0;
            self.start_worker(place, true);
        }
        self.after(1, Event::Mend);
    }

    fn mend(&mut self) {
        // Its operator starts it again when it takes no more changes.
        if self.disk.is_uncertain() {
            self.disk.kill();
        }
        let ended = |state: JobState| matches!(state, JobState::Failed | JobState::Cancelled);
        let jobs = self.ledger.durable.jobs.iter();
        let ended: Vec<JobId> =
            jobs.filter(|(_, record)| ended(record.state)).map(|(job, _)| job.clone()).collect();
        for job in ended {
            self.tally.count("jobs retried in the calm", 1);
            self.send(Caller::User, Request::Retry(job));
        }
        self.after(1_000, Event::Mend);
    }
}

/// A manifest that a commit may bring.
fn manifest_of(phase: Phase) -> &'static str {
    static TEXTS: std::sync::OnceLock<[String; 2]> = std::sync::OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        use tamis_common::artefact::TaskManifest;
        use tamis_common::stats::{EmitStats, ScanStats};
        let scan = TaskManifest { scan: Some(ScanStats::default()), ..TaskManifest::default() };
        let emit = TaskManifest { emit: Some(EmitStats::default()), ..TaskManifest::default() };
        [scan, emit].map(|manifest| serde_json::to_string(&manifest).expect("a manifest is JSON"))
    });
    match phase {
        Phase::Scan => &texts[0],
        Phase::Emit => &texts[1],
    }
}
