//! How a coordinator bears load: many workers that are only calls, over gRPC on loopback, against a coordinator in a
//! process of its own. It prints its figures and judges only what does not hang on the machine's speed.
//!
//! ```text
//! cargo test --release -p tamis-coordinator --test load -- --ignored --nocapture many_workers
//! ```
//!
//! `TAMIS_LOAD_WORKERS` (200), `TAMIS_LOAD_TASKS` (20000), `TAMIS_LOAD_TASK_MS` (500: how long a worker takes for a
//! task) and `TAMIS_LOAD_HISTORY` (1000 jobs that have ended) change the load.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tamis_common::artefact::TaskManifest;
use tamis_common::ids::ShardId;
use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::spec::JobSpec;
use tamis_common::stats::{EmitStats, ScanStats};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};
use tamis_coordinator::drive::{JobFacts, Plan, Publication, Resolved, Steps};
use tamis_coordinator::index::Indexes;
use tamis_coordinator::{Coordinator, CoordinatorConfig};
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// The coordinator's folder; set for its process only.
const FOLDER: &str = "TAMIS_LOAD_FOLDER";
const BEAT: Duration = Duration::from_secs(1);
const MEMORY_BOUND_MB: u64 = 500;
/// The whole of it never takes longer: a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Steps that plan as many shards as the spec's name says, and do nothing else.
struct NoSteps;

impl Steps for NoSteps {
    fn parse_spec(&self, json: &str) -> Result<JobSpec> {
        let (name, shards) =
            json.split_once(' ').ok_or_else(|| Error::spec("a name and a number are wanted"))?;
        let text = format!(
            "name = {shards:?}\n[[source]]\nname = \"web\"\ninputs = [\"/in\"]\n[output]\nuri = \"/out/{name}\"\n"
        );
        JobSpec::parse(&text, "job.toml")
    }

    fn check_output(&self, _: &JobSpec, _: bool) -> Result<()> {
        Ok(())
    }

    fn plan(&self, spec: &JobSpec) -> Result<Plan> {
        let shards: u32 = spec.name.parse().map_err(|_| Error::spec("the name is no number"))?;
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
        Ok(Plan { shards: (0..shards).map(shard).collect() })
    }

    fn resolve_and_mix(&self, facts: &JobFacts) -> Result<Resolved> {
        Ok(Resolved { verdicts: facts.resolve_uri(), summary_json: "{}".into() })
    }

    fn publish(&self, _: &JobFacts, _: &Publication) -> Result<()> {
        Ok(())
    }

    fn indexes(&self) -> Result<Arc<Indexes>> {
        Err(Error::new(Class::NotFound, "these steps have no indexes"))
    }
}

/// The other process: a coordinator until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that `many_workers` starts"]
async fn coordinator() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let config = CoordinatorConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..CoordinatorConfig::new(folder.join("data"), Uri::from_path(&folder.join("work")).unwrap())
    };
    let storage = Storage::new(tokio::runtime::Handle::current());
    let begun = Instant::now();
    let mut coordinator = Coordinator::start(config, storage, Arc::new(NoSteps)).await.unwrap();
    let ready = format!("{} {}", coordinator.addr, begun.elapsed().as_millis());
    std::fs::write(folder.join("ready.partial"), ready).unwrap();
    std::fs::rename(folder.join("ready.partial"), folder.join("ready")).unwrap();
    coordinator.ended().await;
}

/// A coordinator in a process of its own, killed when it is dropped.
struct Process {
    child: Child,
    addr: SocketAddr,
    start_ms: u64,
}

impl Process {
    async fn start(folder: &Path) -> Self {
        let ready = folder.join("ready");
        let _ = std::fs::remove_file(&ready);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "coordinator"])
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let text = loop {
            match std::fs::read_to_string(&ready) {
                Ok(text) => break text,
                Err(_) => assert!(begun.elapsed() < PATIENCE, "the coordinator never got ready"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let (addr, ms) = text.split_once(' ').unwrap();
        Self { child, addr: addr.parse().unwrap(), start_ms: ms.parse().unwrap() }
    }

    /// Its greatest memory so far.
    fn memory_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long calls took.
#[derive(Default)]
struct Times {
    acquire: Vec<Duration>,
    heartbeat: Vec<Duration>,
    commit: Vec<Duration>,
    commits: [u64; 2],
}

impl Times {
    fn add(&mut self, other: Self) {
        self.acquire.extend(other.acquire);
        self.heartbeat.extend(other.heartbeat);
        self.commit.extend(other.commit);
        (0..2).for_each(|phase| self.commits[phase] += other.commits[phase]);
    }
}

fn print(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let (median, p99, max) = (at(0.5), at(0.99), at(1.0));
    println!(
        "{name:>10}: {:>7} calls, p50 {median:>7.1} ms, p99 {p99:>7.1} ms, max {max:>7.1} ms",
        times.len()
    );
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

type Workers = WorkerServiceClient<Channel>;

async fn timed<T>(times: &mut Vec<Duration>, call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let result = call.await;
    times.push(begun.elapsed());
    result
}

/// A worker of one slot that takes `length` for a task, give or take the half, until nothing comes any more.
async fn work(addr: SocketAddr, name: String, length: Duration) -> Times {
    let mut client = WorkerServiceClient::connect(format!("http://{addr}")).await.unwrap();
    let register = v1::RegisterRequest {
        worker_id: name.clone(),
        slots: 1,
        protocol_min: 1,
        protocol_max: 1,
        ..v1::RegisterRequest::default()
    };
    client.register(register).await.unwrap();
    let mut times = Times::default();
    let mut last = None;
    loop {
        let request = v1::AcquireTasksRequest { worker_id: name.clone(), slots: 1, wait_ms: 10_000 };
        let begun = Instant::now();
        let answer = client.acquire_tasks(request).await.unwrap().into_inner();
        let Some(task) = answer.tasks.into_iter().next() else { return times };
        // The first one of a phase may have waited for work to be there.
        if last.replace(task.phase) == Some(task.phase) {
            times.acquire.push(begun.elapsed());
        }
        let share = 0.5 + f64::from(task.attempt as u32 % 101) / 100.0;
        do_task(&mut client, &name, &task, length.mul_f64(share), &mut times).await;
        let phase = task.phase();
        let manifest = TaskManifest {
            scan: (phase == v1::Phase::Scan).then(ScanStats::default),
            emit: (phase == v1::Phase::Emit).then(EmitStats::default),
            // Manifests differ, as real ones do.
            files: vec![tamis_common::artefact::FileEntry {
                name: format!("{}-{}", task.shard, task.attempt),
                written: tamis_common::storage::Written { size: 1, sha256: String::new() },
                content_sha256: None,
                records: 1,
            }],
        };
        let request = v1::CommitTaskRequest {
            worker_id: name.clone(),
            job_id: task.job_id.clone(),
            phase: task.phase,
            shard: task.shard,
            attempt: task.attempt,
            manifest_json: serde_json::to_string(&manifest).unwrap(),
        };
        timed(&mut times.commit, client.commit_task(request)).await.unwrap();
        times.commits[usize::from(phase == v1::Phase::Emit)] += 1;
    }
}

/// Takes its time and beats meanwhile, once at least.
async fn do_task(client: &mut Workers, name: &str, task: &v1::Task, length: Duration, times: &mut Times) {
    let end = tokio::time::Instant::now() + length;
    let mut done = 0;
    loop {
        done += 1;
        let attempt = v1::AttemptProgress {
            job_id: task.job_id.clone(),
            phase: task.phase,
            shard: task.shard,
            attempt: task.attempt,
            bytes_done: done,
            records_done: done,
        };
        let request = v1::HeartbeatRequest { worker_id: name.into(), attempts: vec![attempt] };
        let answer = timed(&mut times.heartbeat, client.heartbeat(request)).await.unwrap().into_inner();
        assert_eq!(answer.orders, [i32::from(v1::AttemptOrder::Keep)]);
        tokio::time::sleep_until(end.min(tokio::time::Instant::now() + BEAT)).await;
        if tokio::time::Instant::now() >= end {
            return;
        }
    }
}

async fn submit(jobs: &mut JobServiceClient<Channel>, name: &str, shards: u64) -> String {
    let request = v1::SubmitRequest { spec_json: format!("{name} {shards}"), ..v1::SubmitRequest::default() };
    jobs.submit(request).await.unwrap().into_inner().job_id
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: measures a coordinator under load and prints the figures"]
async fn many_workers() {
    let (workers, tasks) = (setting("TAMIS_LOAD_WORKERS", 200), setting("TAMIS_LOAD_TASKS", 20_000));
    let length = Duration::from_millis(setting("TAMIS_LOAD_TASK_MS", 500));
    let history = setting("TAMIS_LOAD_HISTORY", 1_000);
    let folder = tempfile::tempdir().unwrap();

    let coordinator = Process::start(folder.path()).await;
    let mut jobs = JobServiceClient::connect(format!("http://{}", coordinator.addr)).await.unwrap();
    let begun = Instant::now();
    for number in 0..history {
        let job_id = submit(&mut jobs, &format!("old-{number}"), 20).await;
        jobs.cancel(v1::CancelJobRequest { job_id, reason: "history".into() }).await.unwrap();
    }
    println!("{history} jobs were made in {:.1} s", begun.elapsed().as_secs_f64());
    drop(coordinator);

    let coordinator = Process::start(folder.path()).await;
    println!("start-up with {history} jobs: {} ms", coordinator.start_ms);
    let mut jobs = JobServiceClient::connect(format!("http://{}", coordinator.addr)).await.unwrap();
    let job_id = submit(&mut jobs, "load", tasks).await;
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..workers {
        running.spawn(work(coordinator.addr, format!("w{number}"), length));
    }
    let mut times = Times::default();
    let all = async {
        while let Some(one) = running.join_next().await {
            times.add(one.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    // At the end a worker waits for tasks that never come.
    let seconds = begun.elapsed().as_secs_f64() - 10.0;
    let memory_mb = coordinator.memory_mb();
    println!("{workers} workers, {tasks} shards, {length:?} a task: {seconds:.1} s");
    print("acquire", times.acquire);
    print("heartbeat", times.heartbeat);
    print("commit", times.commit);
    println!("    memory: {memory_mb} MB at most");

    let status = jobs.get(v1::GetJobRequest { job_id }).await.unwrap().into_inner();
    assert_eq!(status.state(), v1::JobState::Published, "{status:?}");
    assert_eq!(times.commits, [tasks, tasks], "each task is committed once");
    assert_eq!(status.failed_attempts, 0);
    assert!(memory_mb < MEMORY_BOUND_MB, "the coordinator took {memory_mb} MB");
}
