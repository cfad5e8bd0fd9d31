//! Messages, and what a bad network does to them; the server's side of each call.

use tamis_common::ids::{JobId, WorkerId};
use tamis_common::{Class, Error};
use tokio::sync::watch;

use super::random::Random;
use super::{Event, Violation, Weather, World};
use crate::control::{AttemptBeat, AttemptCall, Beat, Control, Grant, Granted, Order, Registration};

/// A caller that hears nothing for so long calls again.
pub(super) const PATIENCE_MS: u64 = 600;
/// How long a worker's question for tasks waits.
pub(super) const WAIT_MS: u64 = 900;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A worker by its place, and which of its lives.
    Worker(usize, u64),
    User,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Register(Registration),
    Acquire { worker: WorkerId, slots: u32 },
    Beat(WorkerId, Vec<AttemptBeat>),
    Commit(AttemptCall),
    Fail(AttemptCall, Class),
    Release(AttemptCall),
    Submit(u64),
    Cancel(JobId),
    Retry(JobId),
    Drain(WorkerId),
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) caller: Caller,
    pub(super) request: Request,
}

/// An answer on its way.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Done,
    Granted(Vec<Grant>, Option<Order>),
    Beats(Vec<Beat>, Option<Order>),
    Refused(Class),
}

/// A question for tasks that waits at the server.
pub(super) struct Poll {
    pub(super) call: Call,
    pub(super) worker: WorkerId,
    pub(super) slots: u32,
    pub(super) work: watch::Receiver<u64>,
    /// By the coordinator's clock.
    pub(super) until_ms: u64,
    pub(super) again_ms: u64,
}

/// When the copies of a message arrive; none: it is lost.
fn arrivals(random: &mut Random, weather: &Weather, may_double: bool) -> Vec<u64> {
    let delay = |random: &mut Random| match random.chance(weather.late_percent) {
        true => random.between(200, 3 * super::LEASE_MS),
        false => random.between(1, 40),
    };
    if random.chance(weather.loss_percent) {
        return Vec::new();
    }
    let mut delays = vec![delay(random)];
    if may_double && random.chance(weather.double_percent) {
        delays.push(delay(random));
    }
    delays
}

impl World {
    /// Sends a request. Its caller is told when no answer comes.
    pub(super) fn send(&mut self, caller: Caller, request: Request) -> u64 {
        self.next_call += 1;
        let call = Call { id: self.next_call, caller, request };
        let delays = arrivals(&mut self.random, &self.weather, true);
        self.tally.count("messages", 1);
        self.tally.count("messages lost", u64::from(delays.is_empty()));
        self.tally.count("messages doubled", u64::from(delays.len() > 1));
        for delay in delays {
            self.tally.count("messages late", u64::from(delay > 100));
            self.after(delay, Event::Arrive(call.clone()));
        }
        if let Caller::Worker(place, life) = caller {
            let wait = if matches!(call.request, Request::Acquire { .. }) { WAIT_MS } else { 0 };
            self.after(PATIENCE_MS + wait, Event::Silence(place, life, call.id));
        }
        call.id
    }

    fn answer(&mut self, call: &Call, reply: Reply) {
        if !matches!(&reply, Reply::Beats(answers, None) if answers.is_empty()) {
            self.trace(|| format!("  answer to {}: {}", call.id, brief(&reply)));
        }
        let Caller::Worker(place, life) = call.caller else { return };
        self.tally.count("messages", 1);
        let delays = arrivals(&mut self.random, &self.weather, false);
        self.tally.count("messages lost", u64::from(delays.is_empty()));
        for delay in delays {
            self.tally.count("messages late", u64::from(delay > 100));
            self.after(delay, Event::Return(place, life, call.id, reply.clone()));
        }
    }

    /// A request has come to where the coordinator is, or was.
    pub(super) fn arrive(&mut self, call: Call) -> Result<(), Violation> {
        let Some(control) = self.control.clone() else { return Ok(()) };
        if !matches!(&call.request, Request::Beat(_, beats) if beats.is_empty()) {
            self.trace(|| format!("call {} of {:?}: {:?}", call.id, call.caller, call.request));
        }
        if let Request::Acquire { worker, slots } = &call.request {
            let now_ms = self.coordinator_ms();
            let poll = Poll {
                worker: worker.clone(),
                slots: *slots,
                work: control.work_signal(),
                until_ms: now_ms + WAIT_MS,
                again_ms: now_ms,
                call,
            };
            self.after(WAIT_MS, Event::Tick);
            self.polls.push(poll);
            return Ok(());
        }
        let reply = self.serve(&control, &call)?;
        // A process that has died answers nothing.
        if self.is_alive() {
            self.answer(&call, reply);
        }
        Ok(())
    }

    fn serve(&mut self, control: &Control, call: &Call) -> Result<Reply, Violation> {
        let done = |result: Result<(), Error>| match result {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Refused(error.class()),
        };
        Ok(match &call.request {
            Request::Register(registration) => done(control.register(registration.clone()).map(drop)),
            Request::Acquire { .. } => Reply::Done,
            Request::Beat(worker, beats) => {
                let (answers, order) = control.heartbeat(worker, beats);
                let now_ms = self.coordinator_ms();
                for (beat, answer) in beats.iter().zip(&answers) {
                    self.tally.count("beats stale", u64::from(*answer != Beat::Keep));
                    if !self.disk.is_uncertain() {
                        let keep = *answer == Beat::Keep;
                        let noted =
                            self.ledger.note_beat(worker, beat.attempt, beat.bytes_done, keep, now_ms);
                        self.check(noted)?;
                    }
                }
                Reply::Beats(answers, order)
            }
            Request::Commit(attempt) => {
                let committed = control.commit(attempt, super::manifest_of(attempt.task.phase));
                self.read_journal()?;
                match committed {
                    Ok(()) => {
                        let noted = self.ledger.note_promise(&attempt.job, attempt.task, attempt.attempt);
                        self.check(noted)?;
                        Reply::Done
                    }
                    Err(error) => {
                        self.tally.count("commits stale", u64::from(error.class() == Class::LeaseLost));
                        Reply::Refused(error.class())
                    }
                }
            }
            Request::Fail(attempt, class) => {
                done(control.fail_task(attempt, &Error::new(*class, "a task failed")))
            }
            Request::Release(attempt) => done(control.release(attempt, "")),
            Request::Submit(number) => {
                let text = self.wishes[*number as usize].text();
                match control.submit(&text, &number.to_string(), false, None) {
                    Ok((job, _)) => {
                        self.submitted[*number as usize] = true;
                        let noted = self.ledger.note_submitted(*number, job);
                        self.check(noted)?;
                        Reply::Done
                    }
                    Err(error) => Reply::Refused(error.class()),
                }
            }
            Request::Cancel(job) => done(control.cancel(job, "")),
            Request::Retry(job) => done(control.retry(job)),
            Request::Drain(worker) => done(control.drain(worker)),
        })
    }

    /// Looks at the questions that wait, as their tasks in the server do when they are woken.
    pub(super) fn serve_polls(&mut self) -> Result<(), Violation> {
        let mut i = 0;
        while i < self.polls.len() {
            let Some(control) = self.control.clone() else { return Ok(()) };
            let now_ms = self.coordinator_ms();
            let poll = &mut self.polls[i];
            let is_woken = poll.work.has_changed().unwrap_or(false);
            if !is_woken && now_ms < poll.again_ms && now_ms < poll.until_ms {
                i += 1;
                continue;
            }
            poll.work.borrow_and_update();
            let (worker, slots) = (poll.worker.clone(), poll.slots);
            let asked = self.grant(&control, &worker, slots)?;
            if !self.is_alive() {
                return Ok(());
            }
            let poll = &mut self.polls[i];
            let granted = match asked {
                Ok(granted) => granted,
                Err(error) => {
                    let poll = self.polls.swap_remove(i);
                    self.answer(&poll.call, Reply::Refused(error.class()));
                    continue;
                }
            };
            if granted.grants.is_empty() && granted.order.is_none() && now_ms < poll.until_ms {
                poll.again_ms = granted.retry_in_ms.map_or(u64::MAX, |ms| now_ms + ms.max(1));
                if let Some(ms) = granted.retry_in_ms {
                    self.after(ms.max(1), Event::Tick);
                }
                i += 1;
                continue;
            }
            let poll = self.polls.swap_remove(i);
            self.hand_out(&control, poll, granted)?;
        }
        Ok(())
    }

    pub(super) fn grant(
        &mut self,
        control: &Control,
        worker: &WorkerId,
        slots: u32,
    ) -> Result<Result<Granted, Error>, Violation> {
        let fingerprint = self.fingerprint_of(worker);
        let with_work = control.jobs_with_work(&fingerprint);
        let granted = control.grant(worker, slots);
        self.read_journal()?;
        if let Ok(Granted { grants, order: None, .. }) = &granted {
            self.tally.count("tasks granted", grants.len() as u64);
            let noted = self.ledger.note_grants(&with_work, grants);
            self.check(noted)?;
        }
        Ok(granted)
    }

    fn hand_out(&mut self, control: &Control, poll: Poll, granted: Granted) -> Result<(), Violation> {
        let has_hung_up = match poll.call.caller {
            Caller::Worker(place, life) => !self.workers[place].waits_for(life, poll.call.id),
            Caller::User => false,
        };
        // The server may notice, or not yet.
        if has_hung_up && !granted.grants.is_empty() && self.random.chance(50) {
            self.tally.count("grants taken back", granted.grants.len() as u64);
            for grant in granted.grants {
                let call = AttemptCall {
                    worker: poll.worker.clone(),
                    job: grant.job,
                    task: grant.task,
                    attempt: grant.attempt,
                };
                let _ = control.release(&call, "the worker hung up");
                self.read_journal()?;
            }
            return Ok(());
        }
        self.answer(&poll.call, Reply::Granted(granted.grants, granted.order));
        Ok(())
    }

    /// A task that is free while a worker waits for one: nobody has told it.
    pub(super) fn check_polls(&mut self) -> Result<(), Violation> {
        let Some(control) = self.control.clone() else { return Ok(()) };
        let now_ms = self.coordinator_ms();
        for i in 0..self.polls.len() {
            let poll = &self.polls[i];
            if poll.again_ms <= now_ms || poll.until_ms <= now_ms || self.disk.is_uncertain() {
                continue;
            }
            let with_work = control.jobs_with_work(&self.fingerprint_of(&poll.worker));
            if !with_work.is_empty() {
                return Err(
                    self.violation(format!("worker {} waits, nobody told it of {with_work:?}", poll.worker))
                );
            }
        }
        Ok(())
    }
}

fn brief(reply: &Reply) -> String {
    match reply {
        Reply::Granted(grants, order) => {
            let tasks: Vec<String> =
                grants.iter().map(|grant| format!("{} as {}", grant.task, grant.attempt)).collect();
            format!("tasks {tasks:?}, order {order:?}")
        }
        other => format!("{other:?}"),
    }
}
