//! Simulated workers: they pull, beat, work, commit, and do it late, twice or never.

use std::collections::BTreeMap;

use tamis_common::Class;
use tamis_common::ids::{AttemptId, WorkerId};

use super::network::{Caller, Reply, Request};
use super::steps::leave_file;
use super::{BEAT_MS, Event, World};
use crate::control::{AttemptBeat, AttemptCall, Beat, Grant, Order, Registration};

/// How an attempt will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Commit,
    Fail(Class),
    Release,
    /// It beats and does nothing.
    Stall,
}

#[derive(Clone, Debug)]
struct Running {
    call: AttemptCall,
    outcome: Outcome,
    done: u64,
    /// The call that ends it is on its way.
    is_ending: bool,
}

/// A worker.
pub(super) struct SimulatedWorker {
    pub(super) id: WorkerId,
    pub(super) fingerprint: String,
    slots: u32,
    /// Counted up at each start: what was meant for an earlier life is not heard.
    pub(super) life: u64,
    pub(super) is_up: bool,
    /// Until then nothing that it should do is done.
    pub(super) frozen_until_ms: u64,
    is_draining: bool,
    running: BTreeMap<AttemptId, Running>,
    pending: BTreeMap<u64, Request>,
}

impl SimulatedWorker {
    pub(super) fn new(place: usize, fingerprint: &str, slots: u32) -> Self {
        Self {
            id: WorkerId(format!("w{place}")),
            fingerprint: fingerprint.to_owned(),
            slots,
            life: 0,
            is_up: false,
            frozen_until_ms: 0,
            is_draining: false,
            running: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// The process ends, with all that it knew.
    pub(super) fn stop(&mut self) {
        self.is_up = false;
        self.life += 1;
        self.running.clear();
        self.pending.clear();
        self.is_draining = false;
    }

    pub(super) fn waits_for(&self, life: u64, call: u64) -> bool {
        self.is_up && self.life == life && self.pending.contains_key(&call)
    }

    fn asks_for_tasks(&self) -> bool {
        self.pending.values().any(|request| matches!(request, Request::Acquire { .. }))
    }
}

impl World {
    pub(super) fn fingerprint_of(&self, worker: &WorkerId) -> String {
        // `w2`, or `w2.5` in its fifth life.
        let place =
            worker.as_str().trim_start_matches('w').split('.').next().and_then(|n| n.parse::<usize>().ok());
        place.map_or_else(String::new, |place| self.workers[place].fingerprint.clone())
    }

    /// A worker's process starts, under its old name or a new one.
    pub(super) fn start_worker(&mut self, place: usize, has_new_name: bool) {
        let worker = &mut self.workers[place];
        if worker.is_up {
            return;
        }
        worker.life += 1;
        worker.is_up = true;
        if has_new_name {
            worker.id = WorkerId(format!("w{place}.{}", worker.life));
        }
        let life = worker.life;
        self.register(place);
        self.after(BEAT_MS, Event::Beat(place, life));
    }

    fn call(&mut self, place: usize, request: Request) {
        let caller = Caller::Worker(place, self.workers[place].life);
        let id = self.send(caller, request.clone());
        self.workers[place].pending.insert(id, request);
    }

    fn register(&mut self, place: usize) {
        let worker = &self.workers[place];
        let registration = Registration {
            worker: worker.id.clone(),
            host: String::new(),
            slots: worker.slots,
            protocol_min: 1,
            protocol_max: 1,
            version: String::new(),
            fingerprint: worker.fingerprint.clone(),
        };
        self.call(place, Request::Register(registration));
    }

    fn ask_for_tasks(&mut self, place: usize) {
        let worker = &self.workers[place];
        let slots = worker.slots.saturating_sub(worker.running.len() as u32);
        if !worker.is_up || slots == 0 || worker.is_draining || worker.asks_for_tasks() {
            return;
        }
        let request = Request::Acquire { worker: worker.id.clone(), slots };
        self.call(place, request);
    }

    /// It beats, if it lives, and comes to know what it was told.
    pub(super) fn beat(&mut self, place: usize, life: u64) {
        let worker = &mut self.workers[place];
        if !worker.is_up || worker.life != life {
            return;
        }
        let mut beats = Vec::new();
        for (attempt, running) in &mut worker.running {
            if running.outcome != Outcome::Stall {
                running.done += 1;
            }
            beats.push(AttemptBeat {
                job: running.call.job.clone(),
                task: running.call.task,
                attempt: *attempt,
                bytes_done: running.done,
                records_done: running.done,
            });
        }
        let id = worker.id.clone();
        self.call(place, Request::Beat(id, beats));
        self.after(BEAT_MS, Event::Beat(place, life));
    }

    /// A call got no answer: it is made again, but for beats, which come anyway.
    pub(super) fn silence(&mut self, place: usize, life: u64, call: u64) {
        let worker = &mut self.workers[place];
        if worker.life != life {
            return;
        }
        match worker.pending.remove(&call) {
            None | Some(Request::Beat(..)) => {}
            Some(Request::Acquire { .. }) => self.ask_for_tasks(place),
            Some(request) => self.call(place, request),
        }
    }

    /// An answer has come.
    pub(super) fn hear(&mut self, place: usize, life: u64, call: u64, reply: Reply) {
        let worker = &mut self.workers[place];
        if worker.life != life {
            return;
        }
        let Some(request) = worker.pending.remove(&call) else { return };
        match (request, reply) {
            (Request::Register(_), Reply::Done) => self.ask_for_tasks(place),
            (Request::Acquire { .. }, Reply::Granted(grants, order)) => {
                self.take_up(place, grants, true);
                self.obey(place, order);
                self.ask_for_tasks(place);
            }
            (Request::Beat(_, beats), Reply::Beats(answers, order)) => {
                for (beat, answer) in beats.iter().zip(answers) {
                    // Its thread may notice too late, and commit.
                    if answer != Beat::Keep && !self.random.chance(self.weather.deaf_percent) {
                        self.workers[place].running.remove(&beat.attempt);
                    }
                }
                self.obey(place, order);
                self.ask_for_tasks(place);
            }
            (Request::Commit(ended) | Request::Fail(ended, _) | Request::Release(ended), reply) => {
                let again = Reply::Refused(Class::Storage);
                if matches!((&reply, &again), (Reply::Refused(a), Reply::Refused(b)) if a == b) {
                    // It tries again when it hears of no lost lease.
                    self.after(100, Event::Finish(place, life, ended.attempt));
                    if let Some(running) = self.workers[place].running.get_mut(&ended.attempt) {
                        running.is_ending = false;
                    }
                } else {
                    self.workers[place].running.remove(&ended.attempt);
                }
                self.ask_for_tasks(place);
            }
            (Request::Acquire { .. }, _) => {
                let life = self.workers[place].life;
                self.after(50, Event::Ask(place, life));
            }
            _ => {}
        }
        self.leave_if_drained(place);
    }

    pub(super) fn ask_again(&mut self, place: usize, life: u64) {
        if self.workers[place].life == life && self.workers[place].is_up {
            self.ask_for_tasks(place);
        }
    }

    fn obey(&mut self, place: usize, order: Option<Order>) {
        match order {
            None => {}
            Some(Order::Register) => self.register(place),
            Some(Order::Drain) => {
                let worker = &mut self.workers[place];
                worker.is_draining = true;
                // It gives back what it has not got far with.
                let running: Vec<AttemptId> =
                    worker.running.values().filter(|r| !r.is_ending).map(|r| r.call.attempt).collect();
                for attempt in running {
                    if self.random.chance(50) {
                        self.end(place, attempt, Outcome::Release);
                    }
                }
            }
        }
        self.leave_if_drained(place);
    }

    fn leave_if_drained(&mut self, place: usize) {
        let worker = &mut self.workers[place];
        if worker.is_up && worker.is_draining && worker.running.is_empty() {
            worker.stop();
            self.tally.count("workers drained", 1);
            self.after(500, Event::StartWorker(place, true));
        }
    }

    /// It begins to work on what it was granted; if that is new, it has written nothing yet.
    pub(super) fn take_up(&mut self, place: usize, grants: Vec<Grant>, is_new: bool) {
        for grant in grants {
            let outcome = self.outcome();
            let length = match self.random.chance(10) {
                true => self.random.between(500, 3_000),
                false => self.random.between(5, 300),
            };
            if self.steps.has_files && is_new {
                leave_file(&grant.work);
            }
            let worker = &mut self.workers[place];
            let (job, task, attempt) = (grant.job, grant.task, grant.attempt);
            let call = AttemptCall { worker: worker.id.clone(), job, task, attempt };
            worker.running.insert(attempt, Running { call, outcome, done: 0, is_ending: false });
            let life = worker.life;
            self.after(length, Event::Finish(place, life, attempt));
        }
    }

    fn outcome(&mut self) -> Outcome {
        if !self.random.chance(self.weather.fail_percent) {
            return Outcome::Commit;
        }
        match self.random.below(8) {
            0 => Outcome::Release,
            1 => Outcome::Stall,
            2 => Outcome::Fail(Class::Input),
            _ => Outcome::Fail(self.random.pick(&[
                Class::Storage,
                Class::Resource,
                Class::Unavailable,
                Class::Internal,
                Class::Cancelled,
                Class::LeaseLost,
                Class::Permission,
                Class::Conflict,
            ])),
        }
    }

    /// An attempt is done.
    pub(super) fn finish_task(&mut self, place: usize, life: u64, attempt: AttemptId) {
        let worker = &self.workers[place];
        if worker.life != life {
            return;
        }
        let Some(running) = worker.running.get(&attempt) else { return };
        // What stalls stalls as long as there are faults.
        match (running.outcome, self.is_calm) {
            (Outcome::Stall, false) => self.after(500, Event::Finish(place, life, attempt)),
            (_, true) => self.end(place, attempt, Outcome::Commit),
            (outcome, false) => self.end(place, attempt, outcome),
        }
    }

    fn end(&mut self, place: usize, attempt: AttemptId, outcome: Outcome) {
        let Some(running) = self.workers[place].running.get_mut(&attempt) else { return };
        if std::mem::replace(&mut running.is_ending, true) {
            return;
        }
        let call = running.call.clone();
        let request = match outcome {
            Outcome::Commit | Outcome::Stall => {
                self.tally.count("commits tried", 1);
                Request::Commit(call)
            }
            Outcome::Fail(class) => {
                self.tally.count(format!("task failed: {class:?}"), 1);
                Request::Fail(call, class)
            }
            Outcome::Release => {
                self.tally.count("tasks released", 1);
                Request::Release(call)
            }
        };
        self.call(place, request);
    }
}
