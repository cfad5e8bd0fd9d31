//! The tasks of one phase of a job: which are free, granted, committed. Decisions take `&self` and are written down by
//! the caller before `&mut self` takes them over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tamis_common::ids::{AttemptId, Phase, ShardId, TaskId};
use tamis_common::{Class, Error, Result};

#[cfg(test)]
use crate::simulation::{Break, is_broken};

/// An accepted result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The attempt that made it.
    pub attempt: AttemptId,
    /// SHA-256 of its manifest, by which it is stored.
    pub manifest: String,
    /// Records that it read.
    pub records: u64,
}

/// What is durable of a task. Whether it is granted follows from the attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Failures that count.
    #[serde(default)]
    pub counted: u32,
    /// Failures and releases that do not.
    #[serde(default)]
    pub uncounted: u32,
    /// The result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Whether its shard is quarantined: no attempt is made until the job is retried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
}

/// The answer to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitVerdict {
    /// The attempt holds the task: its result is taken.
    Take,
    /// The same attempt has committed before: the answer is the same.
    Repeated,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The next worker that asks gets it.
    Ready,
    /// It waits: for what is not known yet, or for a pause after a failure to end.
    Held,
    /// A worker has it.
    Running,
    /// Its result is taken.
    Committed,
    /// It failed too often.
    Quarantined,
}

#[derive(Clone, Debug, Default)]
struct Task {
    record: TaskRecord,
    attempt: Option<AttemptId>,
    not_before_ms: u64,
    /// Input bytes of its shard.
    bytes: u64,
}

/// The tasks of a phase, one a shard, shards numbered from 0.
#[derive(Clone, Debug)]
pub struct Tasks {
    phase: Phase,
    tasks: Vec<Task>,
    free: BTreeSet<ShardId>,
    /// Of the free ones, those that are not granted before something else is known.
    held: BTreeSet<ShardId>,
    running: BTreeMap<AttemptId, ShardId>,
    committed: u32,
    /// Sums, for each heartbeat asks for them: of all tasks, and of those that are committed.
    bytes: u64,
    bytes_done: u64,
    records_done: u64,
}

impl Tasks {
    /// Tasks that nobody has tried, one for each shard, whose input bytes are given.
    pub fn new(phase: Phase, shards: impl IntoIterator<Item = u64>) -> Self {
        let task = |bytes| Task { bytes, ..Task::default() };
        let tasks: Vec<Task> = shards.into_iter().map(task).collect();
        Self {
            phase,
            free: (0..tasks.len() as u32).map(ShardId).collect(),
            held: BTreeSet::new(),
            running: BTreeMap::new(),
            committed: 0,
            bytes: tasks.iter().map(|task| task.bytes).sum(),
            bytes_done: 0,
            records_done: 0,
            tasks,
        }
    }

    /// Takes over what the store holds of a task.
    ///
    /// # Errors
    /// `Class::Internal` for a shard that the plan does not have.
    pub fn restore(&mut self, shard: ShardId, record: TaskRecord) -> Result<()> {
        let phase = self.phase;
        let task = self.tasks.get_mut(shard.0 as usize).ok_or_else(|| unknown(phase, shard))?;
        if let Some(commit) = &record.commit
            && task.record.commit.is_none()
        {
            self.committed += 1;
            self.bytes_done += task.bytes;
            self.records_done += commit.records;
        }
        if record.commit.is_some() || record.quarantined {
            self.free.remove(&shard);
        }
        task.record = record;
        Ok(())
    }

    /// The phase that they are of.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Number of tasks.
    pub fn total(&self) -> u32 {
        self.tasks.len() as u32
    }

    /// Number of committed tasks.
    pub fn committed(&self) -> u32 {
        self.committed
    }

    /// Input bytes of all tasks.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Input bytes of committed tasks.
    pub fn bytes_done(&self) -> u64 {
        self.bytes_done
    }

    /// Records of committed tasks.
    pub fn records_done(&self) -> u64 {
        self.records_done
    }

    /// Number of granted tasks.
    pub fn running(&self) -> u32 {
        self.running.len() as u32
    }

    /// Whether every task is committed.
    pub fn is_done(&self) -> bool {
        self.committed == self.total()
    }

    /// Holds every free task back.
    pub fn hold(&mut self) {
        self.held = self.free.clone();
    }

    /// Lets a task go that is held back.
    pub fn release(&mut self, shard: ShardId) {
        self.held.remove(&shard);
    }

    /// Whether all tasks but those that are held back are committed, and some are held back.
    pub fn only_held_are_left(&self) -> bool {
        !self.held.is_empty() && self.committed as usize + self.held.len() == self.tasks.len()
    }

    /// The first `limit` shards that may be granted now, in order.
    pub fn ready(&self, now_ms: u64, limit: usize) -> Vec<ShardId> {
        self.ungranted().filter(|&shard| self.task(shard).not_before_ms <= now_ms).take(limit).collect()
    }

    /// Tasks that are free and not held back.
    fn ungranted(&self) -> impl Iterator<Item = ShardId> {
        self.free.difference(&self.held).copied()
    }

    /// When the next paused task may be granted, if there is one.
    pub fn next_ready_ms(&self, now_ms: u64) -> Option<u64> {
        self.ungranted().map(|shard| self.task(shard).not_before_ms).filter(|&at| at > now_ms).min()
    }

    /// Where a task stands, and the attempt that runs.
    pub fn standing(&self, shard: ShardId, now_ms: u64) -> (Standing, Option<AttemptId>) {
        let Some(task) = self.tasks.get(shard.0 as usize) else { return (Standing::Held, None) };
        let standing = match task {
            Task { attempt: Some(attempt), .. } if self.holds(shard, *attempt) => Standing::Running,
            Task { record, .. } if record.commit.is_some() => Standing::Committed,
            Task { record, .. } if record.quarantined => Standing::Quarantined,
            task if task.not_before_ms > now_ms || self.held.contains(&shard) => Standing::Held,
            _ => Standing::Ready,
        };
        (standing, task.attempt.filter(|_| standing == Standing::Running))
    }

    /// The durable part of a task.
    ///
    /// # Errors
    /// `Class::Internal` for a shard that the plan does not have.
    pub fn record(&self, shard: ShardId) -> Result<&TaskRecord> {
        self.tasks.get(shard.0 as usize).map(|task| &task.record).ok_or_else(|| unknown(self.phase, shard))
    }

    /// Takes over a grant.
    ///
    /// # Errors
    /// `Class::Internal` if the task is not free.
    pub fn grant(&mut self, shard: ShardId, attempt: AttemptId) -> Result<()> {
        if !self.free.remove(&shard) {
            let task = TaskId { phase: self.phase, shard };
            return Err(Error::internal(format!("{task} was granted to attempt {attempt} but is not free")));
        }
        self.held.remove(&shard);
        self.tasks[shard.0 as usize].attempt = Some(attempt);
        self.running.insert(attempt, shard);
        Ok(())
    }

    /// Whether `attempt` holds the task.
    pub fn holds(&self, shard: ShardId, attempt: AttemptId) -> bool {
        self.running.get(&attempt) == Some(&shard)
    }

    /// Decides on a commit.
    ///
    /// # Errors
    /// `Class::LeaseLost` for an attempt that does not hold the task.
    pub fn judge_commit(&self, shard: ShardId, attempt: AttemptId) -> Result<CommitVerdict> {
        if self.record(shard)?.commit.as_ref().is_some_and(|commit| commit.attempt == attempt) {
            return Ok(CommitVerdict::Repeated);
        }
        #[cfg(test)]
        if is_broken(Break::SecondCommit) && self.record(shard)?.commit.is_some() {
            return Ok(CommitVerdict::Take);
        }
        self.judge_end(shard, attempt)?;
        Ok(CommitVerdict::Take)
    }

    /// Decides whether an attempt may fail or give back the task.
    ///
    /// # Errors
    /// `Class::LeaseLost` for an attempt that does not hold the task.
    pub fn judge_end(&self, shard: ShardId, attempt: AttemptId) -> Result<()> {
        if self.holds(shard, attempt) {
            return Ok(());
        }
        #[cfg(test)]
        if is_broken(Break::UnfencedCommit) && self.record(shard)?.commit.is_none() {
            return Ok(());
        }
        Err(lease_lost(TaskId { phase: self.phase, shard }, attempt))
    }

    /// Takes over the end of an attempt with the task's new record; a task that is neither committed nor quarantined
    /// is free again from `not_before_ms` on.
    ///
    /// # Errors
    /// `Class::LeaseLost` for an attempt that does not hold the task.
    pub fn end(
        &mut self,
        shard: ShardId,
        attempt: AttemptId,
        record: TaskRecord,
        not_before_ms: u64,
    ) -> Result<()> {
        self.judge_end(shard, attempt)?;
        self.running.remove(&attempt);
        let bytes = self.task(shard).bytes;
        if let Some(commit) = &record.commit {
            self.committed += 1;
            self.bytes_done += bytes;
            self.records_done += commit.records;
        } else if !record.quarantined {
            self.free.insert(shard);
        }
        self.tasks[shard.0 as usize] = Task { record, attempt: None, not_before_ms, bytes };
        Ok(())
    }

    /// Checks that every task is free, granted, committed or quarantined, and only one of it.
    #[cfg(test)]
    pub(crate) fn audit(&self) -> Result<(), String> {
        let mut committed = 0;
        for (task, shard) in self.tasks.iter().zip((0..).map(ShardId)) {
            let is_running = task.attempt.is_some_and(|attempt| self.holds(shard, attempt));
            let is_committed = task.record.commit.is_some();
            committed += u32::from(is_committed);
            let places = [self.free.contains(&shard), is_running, is_committed, task.record.quarantined];
            if places.iter().filter(|&&place| place).count() != 1 {
                let [free, running, committed, quarantined] = places;
                return Err(format!(
                    "shard {shard} of {:?} is free: {free}, running: {running}, committed: {committed}, \
                     quarantined: {quarantined}",
                    self.phase
                ));
            }
        }
        if committed != self.committed || self.free.len() > self.tasks.len() {
            return Err(format!("{committed} tasks are committed, {} are counted", self.committed));
        }
        let granted = self.tasks.iter().filter(|task| task.attempt.is_some()).count();
        if granted != self.running.len() || !self.held.is_subset(&self.free) {
            return Err(format!("{granted} tasks are granted, {} run", self.running.len()));
        }
        Ok(())
    }

    fn task(&self, shard: ShardId) -> &Task {
        &self.tasks[shard.0 as usize]
    }
}

/// The refusal of a stale attempt.
pub(crate) fn lease_lost(task: TaskId, attempt: AttemptId) -> Error {
    Error::new(Class::LeaseLost, format!("attempt {attempt} no longer holds the lease of {task}"))
}

fn unknown(phase: Phase, shard: ShardId) -> Error {
    Error::internal(format!("the plan has no shard {shard} for {}", phase.as_str()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::{AfterFailure, after_failure};

    const MAX_ATTEMPTS: u32 = 3;

    fn commit(attempt: AttemptId) -> TaskRecord {
        let commit = Commit { attempt, manifest: "d".into(), records: 1 };
        TaskRecord { commit: Some(commit), ..TaskRecord::default() }
    }

    #[test]
    fn a_stale_attempt_is_refused_and_a_repeated_commit_is_answered_alike() {
        let mut tasks = Tasks::new(Phase::Scan, [5]);
        let (shard, old, new) = (ShardId(0), AttemptId(1), AttemptId(2));
        tasks.grant(shard, old).unwrap();
        tasks.end(shard, old, TaskRecord { counted: 1, ..TaskRecord::default() }, 0).unwrap();
        tasks.grant(shard, new).unwrap();
        assert_eq!(tasks.judge_commit(shard, old).unwrap_err().class(), Class::LeaseLost);
        assert_eq!(tasks.judge_commit(shard, new).unwrap(), CommitVerdict::Take);
        tasks.end(shard, new, commit(new), 0).unwrap();
        assert_eq!(tasks.judge_commit(shard, new).unwrap(), CommitVerdict::Repeated);
        assert_eq!(tasks.judge_commit(shard, old).unwrap_err().class(), Class::LeaseLost);
        assert!(tasks.is_done());
        assert_eq!((tasks.bytes(), tasks.bytes_done(), tasks.records_done()), (5, 5, 1));
    }

    #[test]
    fn a_paused_task_is_granted_when_its_time_comes() {
        let mut tasks = Tasks::new(Phase::Emit, [5, 5]);
        tasks.grant(ShardId(0), AttemptId(1)).unwrap();
        tasks.end(ShardId(0), AttemptId(1), TaskRecord::default(), 500).unwrap();
        assert_eq!(tasks.ready(499, 9), [ShardId(1)]);
        assert_eq!(tasks.next_ready_ms(499), Some(500));
        assert_eq!(tasks.ready(500, 9), [ShardId(0), ShardId(1)]);
        assert_eq!(tasks.next_ready_ms(500), None);
    }

    #[test]
    fn a_task_that_is_held_back_is_not_granted_before_it_is_released() {
        let mut tasks = Tasks::new(Phase::Emit, [5, 5]);
        tasks.hold();
        assert!(tasks.ready(0, 9).is_empty() && tasks.only_held_are_left());
        tasks.release(ShardId(1));
        assert_eq!(tasks.ready(0, 9), [ShardId(1)]);
        assert!(!tasks.only_held_are_left());
        tasks.grant(ShardId(1), AttemptId(1)).unwrap();
        tasks.end(ShardId(1), AttemptId(1), commit(AttemptId(1)), 0).unwrap();
        assert!(tasks.only_held_are_left());
        tasks.release(ShardId(0));
        assert!(!tasks.only_held_are_left());
        assert_eq!(tasks.ready(0, 9), [ShardId(0)]);
    }

    #[derive(Clone, Debug)]
    enum Move {
        Grant,
        Commit { which: u64 },
        Fail { which: u64, class: Class },
        Restart,
    }

    fn moves() -> impl Strategy<Value = Move> {
        let classes = prop::sample::select(vec![Class::Storage, Class::LeaseLost, Class::Unavailable]);
        prop_oneof![
            3 => Just(Move::Grant),
            // Attempts that never were, are over, or run: all may call.
            2 => (0_u64..12).prop_map(|which| Move::Commit { which }),
            2 => (0_u64..12, classes).prop_map(|(which, class)| Move::Fail { which, class }),
            1 => Just(Move::Restart),
        ]
    }

    /// Fails an attempt as the coordinator does. Whether the shard was quarantined.
    fn fail(tasks: &mut Tasks, shard: ShardId, attempt: AttemptId, class: Class) -> Result<bool> {
        tasks.judge_end(shard, attempt)?;
        let mut record = tasks.record(shard)?.clone();
        let verdict = Error::new(class, "test").verdict();
        match after_failure(verdict, record.counted, record.uncounted, MAX_ATTEMPTS) {
            AfterFailure::Again { counted, .. } => {
                record.uncounted += u32::from(!verdict.counts);
                record.counted = counted;
            }
            AfterFailure::Quarantine { counted } => {
                record.counted = counted;
                record.quarantined = true;
            }
        }
        let quarantined = record.quarantined;
        tasks.end(shard, attempt, record, 0)?;
        Ok(quarantined)
    }

    proptest! {
        #[test]
        fn at_most_one_commit_a_task_is_taken_no_task_is_lost_and_every_phase_ends(
            shards in 1_usize..5,
            script in prop::collection::vec(moves(), 0..80),
        ) {
            let mut tasks = Tasks::new(Phase::Scan, vec![5; shards]);
            let mut granted: Vec<(AttemptId, ShardId)> = Vec::new();
            let mut taken = vec![0_u32; shards];
            let mut quarantined = false;
            for step in script {
                match step {
                    Move::Grant => {
                        let Some(&shard) = tasks.ready(0, 1).first() else { continue };
                        let attempt = AttemptId(granted.len() as u64);
                        tasks.grant(shard, attempt).unwrap();
                        granted.push((attempt, shard));
                    }
                    Move::Commit { which } => {
                        let Some(&(attempt, shard)) = granted.get(which as usize) else { continue };
                        if let Ok(CommitVerdict::Take) = tasks.judge_commit(shard, attempt) {
                            taken[shard.0 as usize] += 1;
                            tasks.end(shard, attempt, commit(attempt), 0).unwrap();
                        }
                    }
                    Move::Fail { which, class } => {
                        let Some(&(attempt, shard)) = granted.get(which as usize) else { continue };
                        quarantined |= fail(&mut tasks, shard, attempt, class).unwrap_or(false);
                    }
                    Move::Restart => {
                        // What the store would give back: records, and the attempts that run.
                        let mut reopened = Tasks::new(Phase::Scan, vec![5; shards]);
                        for shard in (0..shards as u32).map(ShardId) {
                            reopened.restore(shard, tasks.record(shard).unwrap().clone()).unwrap();
                        }
                        for (&attempt, &shard) in &tasks.running {
                            reopened.grant(shard, attempt).unwrap();
                        }
                        tasks = reopened;
                    }
                }
                let out = tasks.tasks.iter().filter(|task| task.record.quarantined).count();
                prop_assert_eq!(
                    tasks.free.len() + tasks.running.len() + tasks.committed as usize + out,
                    shards
                );
            }
            prop_assert!(taken.iter().all(|&commits| commits <= 1));

            // From here on workers do their best: it ends, unless a shard was quarantined, which ends the job.
            for (&attempt, &shard) in tasks.running.clone().iter() {
                tasks.end(shard, attempt, commit(attempt), 0).unwrap();
            }
            while let Some(&shard) = tasks.ready(u64::MAX, 1).first() {
                let attempt = AttemptId(granted.len() as u64);
                granted.push((attempt, shard));
                tasks.grant(shard, attempt).unwrap();
                tasks.end(shard, attempt, commit(attempt), 0).unwrap();
            }
            prop_assert!(tasks.is_done() || quarantined);
        }
    }
}
