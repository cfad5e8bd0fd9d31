//! A coordinator and workers, each a process of its own, under a supervisor that starts again what ends and lets go on what
//! was stopped, as systemd or Kubernetes would.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tamis_common::fault::{Point, VARIABLE};
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tonic::transport::{Channel, Endpoint};

use super::{Budget, Proxy};
use crate::PATIENCE;
use crate::process::{command, json_values, tamis, tamis_ok};

/// Short, so that a lost lease does not hold a test up; a worker beats five times as often.
const LEASE: &str = "1";
/// Longer than a lease: a process that stood still for so long has lost its own.
const STOP: Duration = Duration::from_millis(1_700);
const PAUSE: Duration = Duration::from_millis(10);
/// A coordinator that stands still answers nobody.
const CALL: Duration = Duration::from_millis(700);

/// One of the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The coordinator.
    Coordinator,
    /// The worker of this number.
    Worker(usize),
}

struct Slot {
    member: Member,
    child: Child,
    stopped: Option<Instant>,
}

/// The processes, their faults, and what became of them.
pub struct Cluster {
    folder: PathBuf,
    env: Vec<(String, String)>,
    coordinator_args: Vec<String>,
    slots: Vec<Slot>,
    runtime: tokio::runtime::Runtime,
    jobs: JobServiceClient<Channel>,
    /// Where the coordinator listens.
    pub address: String,
    /// Between workers and coordinator.
    pub proxy: Proxy,
    /// The faults.
    pub budget: Budget,
    /// Processes that were started again.
    pub restarts: usize,
    /// Processes that stood still and were let go on.
    pub stops: usize,
    /// Jobs that failed and were retried.
    pub retries: usize,
}

impl Cluster {
    /// A coordinator with its data in `folder/data`, and workers of one slot each.
    pub fn start(folder: &Path, workers: usize, more: &[&str], env: &[(&str, &str)]) -> Self {
        let budget = Budget::new(folder.join("faults"));
        let mut env: Vec<_> =
            env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        env.push((VARIABLE.to_owned(), budget.folder().to_str().unwrap().to_owned()));
        let mut args: Vec<String> =
            ["--json", "coordinator", "--data-dir", "data", "--lease-seconds", LEASE].map(Into::into).into();
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args.extend(["--http", "off"].map(str::to_owned));
        let first = args.iter().map(String::as_str).chain(["--listen", "127.0.0.1:0"]);
        let mut child = spawn(folder, &env, &first.collect::<Vec<_>>(), "coordinator", Stdio::piped());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let hello: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        let address = hello["listen"].as_str().unwrap().to_owned();
        args.extend(["--listen".to_owned(), address.clone()]);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let endpoint =
            Endpoint::from_shared(format!("http://{address}")).unwrap().timeout(CALL).connect_timeout(CALL);
        let jobs = JobServiceClient::new({
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        });
        let mut cluster = Self {
            folder: folder.to_owned(),
            env,
            coordinator_args: args,
            slots: vec![Slot { member: Member::Coordinator, child, stopped: None }],
            runtime,
            jobs,
            proxy: Proxy::start(address.parse().unwrap()),
            address,
            budget,
            restarts: 0,
            stops: 0,
            retries: 0,
        };
        (0..workers).for_each(|_| cluster.add_worker());
        cluster
    }

    /// Starts one worker more.
    pub fn add_worker(&mut self) {
        let member = Member::Worker(self.slots.len() - 1);
        let child = self.spawn(member);
        self.slots.push(Slot { member, child, stopped: None });
    }

    fn spawn(&self, member: Member) -> Child {
        match member {
            Member::Coordinator => {
                let args: Vec<&str> = self.coordinator_args.iter().map(String::as_str).collect();
                spawn(&self.folder, &self.env, &args, "coordinator", Stdio::null())
            }
            Member::Worker(number) => {
                let url = format!("http://{}", self.proxy.address);
                let args = ["--coordinator", &url, "worker", "--slots", "1", "--wait"];
                spawn(&self.folder, &self.env, &args, &format!("worker-{number}"), Stdio::null())
            }
        }
    }

    /// Starts again what has ended, and lets go on what stood still for longer than a lease.
    ///
    /// # Panics
    /// If a process ended by itself: only faults may end one.
    pub fn supervise(&mut self) {
        for i in 0..self.slots.len() {
            let member = self.slots[i].member;
            if let Some(status) = self.slots[i].child.try_wait().unwrap() {
                assert_eq!(
                    status.signal(),
                    Some(9),
                    "{member:?} ended by itself: {status}\n{}",
                    self.said(member)
                );
                self.slots[i] = Slot { member, child: self.spawn(member), stopped: None };
                self.restarts += 1;
                continue;
            }
            let slot = &mut self.slots[i];
            match (is_stopped(&slot.child), slot.stopped) {
                (true, None) => slot.stopped = Some(Instant::now()),
                (true, Some(since)) if since.elapsed() > STOP => {
                    signal(&slot.child, Signal::CONT);
                    slot.stopped = None;
                    self.stops += 1;
                }
                _ => {}
            }
        }
    }

    /// What a process has said on stderr.
    pub fn said(&self, member: Member) -> String {
        let name = match member {
            Member::Coordinator => "coordinator".to_owned(),
            Member::Worker(number) => format!("worker-{number}"),
        };
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Ends a process as by a power cut.
    pub fn kill(&self, member: Member) {
        self.signal(member, Signal::KILL);
    }

    /// Lets a process stand still; [`Cluster::supervise`] lets it go on after more than a lease.
    pub fn stop(&self, member: Member) {
        self.signal(member, Signal::STOP);
    }

    fn signal(&self, member: Member, which: Signal) {
        let slot = self.slots.iter().find(|slot| slot.member == member).unwrap();
        signal(&slot.child, which);
    }

    /// All of them, the coordinator first.
    pub fn members(&self) -> Vec<Member> {
        self.slots.iter().map(|slot| slot.member).collect()
    }

    /// The most memory that a process has held since it was started, bytes.
    pub fn peak_memory(&self, member: Member) -> u64 {
        let slot = self.slots.iter().find(|slot| slot.member == member).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", slot.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Hands a job in, however often that takes; its id.
    pub fn submit(&mut self, spec: &str, request: &str) -> String {
        let url = format!("http://{}", self.address);
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{spec} could not be handed in");
            let args = ["--json", "--coordinator", &url, "submit", spec, "--request-id", request];
            let mut call = command(&self.folder);
            let mut child = call.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            while child.try_wait().unwrap().is_none() {
                self.supervise();
                std::thread::sleep(PAUSE);
            }
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                let answer = json_values(&String::from_utf8(output.stdout).unwrap()).remove(0);
                return answer["job_id"].as_str().unwrap().to_owned();
            }
            self.supervise();
            std::thread::sleep(PAUSE);
        }
    }

    /// How a job stands, if the coordinator answers.
    pub fn status(&self, job: &str) -> Option<v1::JobStatus> {
        let (mut jobs, request) = (self.jobs.clone(), v1::GetJobRequest { job_id: job.to_owned() });
        self.runtime.block_on(async move { jobs.get(request).await }).ok().map(tonic::Response::into_inner)
    }

    /// Supervises until `wanted` says so of the job's status; a job that failed is retried, as its operator would.
    ///
    /// # Panics
    /// After [`PATIENCE`].
    pub fn until(&mut self, job: &str, mut wanted: impl FnMut(&mut Self, &v1::JobStatus) -> bool) {
        let begun = Instant::now();
        let mut last = None;
        loop {
            self.supervise();
            if let Some(status) = self.status(job) {
                if wanted(self, &status) {
                    return;
                }
                if status.state() == v1::JobState::Failed {
                    self.retry(job);
                }
                last = Some(status);
            }
            assert!(begun.elapsed() < PATIENCE, "the job never came there; last seen: {last:?}");
            std::thread::sleep(PAUSE);
        }
    }

    fn retry(&mut self, job: &str) {
        let (mut jobs, request) = (self.jobs.clone(), v1::RetryJobRequest { job_id: job.to_owned() });
        if self.runtime.block_on(async move { jobs.retry(request).await }).is_ok() {
            self.retries += 1;
        }
    }

    /// Supervises until the job's output is published, and no fault waits any more for what comes then.
    pub fn until_published(&mut self, job: &str) {
        let last = [Point::SweepBefore, Point::SweepAfter];
        self.until(job, |cluster, status| {
            status.state() == v1::JobState::Published
                && !last.iter().any(|point| cluster.budget.is_armed(*point))
        });
    }

    /// Calls the coordinator; the values of JSON that it answered. No faults may be armed.
    pub fn call(&self, args: &[&str]) -> Vec<Value> {
        let url = format!("http://{}", self.address);
        let all: Vec<&str> =
            ["--json", "--coordinator", &url].into_iter().chain(args.iter().copied()).collect();
        json_values(&tamis_ok(&self.folder, &all))
    }

    /// As [`Cluster::call`], for a call that may be refused: what it said on stderr.
    pub fn refused(&self, args: &[&str]) -> String {
        let url = format!("http://{}", self.address);
        let all: Vec<&str> = ["--coordinator", &url].into_iter().chain(args.iter().copied()).collect();
        String::from_utf8(tamis(&self.folder, &all).stderr).unwrap()
    }

    /// Takes back all faults, and waits until all processes run.
    pub fn calm_down(&mut self) {
        self.budget.disarm();
        self.proxy.delay(0);
        self.proxy.part(false);
        let begun = Instant::now();
        while self.slots.iter().any(|slot| is_stopped(&slot.child)) || self.list_fails() {
            self.supervise();
            assert!(begun.elapsed() < PATIENCE, "the cluster does not come to rest");
            std::thread::sleep(PAUSE);
        }
    }

    /// Ends the coordinator, as an operator may, and waits until it is there again.
    pub fn restart_coordinator(&mut self) {
        let before = self.restarts;
        self.kill(Member::Coordinator);
        let begun = Instant::now();
        while self.restarts == before || self.list_fails() {
            self.supervise();
            assert!(begun.elapsed() < PATIENCE, "the coordinator does not come back");
            std::thread::sleep(PAUSE);
        }
        self.restarts = before;
    }

    fn list_fails(&self) -> bool {
        let mut jobs = self.jobs.clone();
        self.runtime.block_on(async move { jobs.list(v1::ListJobsRequest::default()).await }).is_err()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            let _ = slot.child.kill();
            let _ = slot.child.wait();
        }
    }
}

fn spawn(folder: &Path, env: &[(String, String)], args: &[&str], log: &str, stdout: Stdio) -> Child {
    let log: File =
        OpenOptions::new().create(true).append(true).open(folder.join(format!("{log}.log"))).unwrap();
    let mut call: Command = command(folder);
    call.args(args).envs(env.iter().cloned()).stdout(stdout).stderr(log);
    call.spawn().unwrap()
}

fn signal(child: &Child, which: Signal) {
    // It may have ended a moment ago.
    let _ = kill_process(Pid::from_child(child), which);
}

fn is_stopped(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}
