//! A coordinator and workers in this process, with steps and an executor that do almost nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tamis_common::artefact::{DOCUMENTS, FileEntry, SURVIVORS, TaskManifest};
use tamis_common::ids::{JobId, Phase, ShardId, TaskId, WorkerId};
use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::spec::JobSpec;
use tamis_common::stats::{EmitStats, ScanStats};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};
use tamis_coordinator::drive::{JobFacts, Plan, Publication, Resolved, Steps, verdicts_uri};
use tamis_coordinator::index::Indexes;
use tamis_coordinator::{Coordinator, CoordinatorConfig, CoordinatorHandle};
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tamis_worker::progress::Progress;
use tamis_worker::{Executor, Task, Worker, WorkerConfig, WorkerHandle};
use tonic::transport::Channel;

/// No test waits longer for a condition: a hang is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough that a busy machine loses none by chance, where a test does not want one lost.
pub(crate) const LONG_LEASE: Duration = Duration::from_secs(20);
pub(crate) const SHORT_LEASE: Duration = Duration::from_secs(2);

/// Holds threads until it is opened, and tells how many have come.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until the gate opens.
    ///
    /// # Errors
    /// What `check` says meanwhile.
    pub(crate) fn pass(&self, check: impl Fn() -> Result<()>) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while !state.0 {
            check()?;
            state = self.changed.wait_timeout(state, Duration::from_millis(5)).unwrap().0;
        }
        check()
    }

    /// Waits until `count` threads have come.
    pub(crate) async fn arrived(self: &Arc<Self>, count: usize) {
        let gate = self.clone();
        tokio::task::spawn_blocking(move || {
            let state = gate.state.lock().unwrap();
            let waited = gate.changed.wait_timeout_while(state, PATIENCE, |state| state.1 < count).unwrap();
            assert!(!waited.1.timed_out(), "{} came, {count} were awaited", waited.0.1);
        })
        .await
        .unwrap();
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().0 = true;
        self.changed.notify_all();
    }
}

/// Steps that note what they were asked.
pub(crate) struct FakeSteps {
    storage: Storage,
    /// Resolve waits here, if set.
    pub(crate) resolve_gate: Option<Arc<Gate>>,
    /// Jobs in the order in which they entered resolve and publish.
    pub(crate) log: Mutex<Vec<String>>,
}

impl FakeSteps {
    fn note(&self, what: &str, facts: &JobFacts) {
        self.log.lock().unwrap().push(format!("{what} {}", facts.spec.name));
    }
}

impl Steps for FakeSteps {
    fn parse_spec(&self, json: &str) -> Result<JobSpec> {
        let wanted: serde_json::Value =
            serde_json::from_str(json).map_err(|e| Error::spec(format!("the spec is no JSON: {e}")))?;
        let name = wanted["name"].as_str().ok_or_else(|| Error::spec("`name` is missing"))?;
        let shards = wanted["shards"].as_u64().unwrap_or(1);
        Ok(spec(name, wanted["output"].as_str().unwrap(), shards, wanted["index"].as_str()))
    }

    fn check_output(&self, spec: &JobSpec, replace: bool) -> Result<()> {
        if replace || self.storage.is_empty(&Uri::parse(&spec.output.uri)?)? {
            return Ok(());
        }
        Err(Error::new(
            tamis_common::Class::Conflict,
            format!("`output.uri` `{}` is not empty", spec.output.uri),
        ))
    }

    fn plan(&self, spec: &JobSpec) -> Result<Plan> {
        let shard = |(number, uri): (u32, &String)| {
            Ok(Shard {
                id: ShardId(number),
                source: 0,
                uri: Uri::parse(uri)?,
                size: 100,
                version: "1".into(),
                format: Format::Jsonl,
                compression: Compression::None,
                part: Part::Whole,
                bytes: 100,
            })
        };
        Ok(Plan { shards: (0..).zip(&spec.sources[0].inputs).map(shard).collect::<Result<_>>()? })
    }

    fn resolve_and_mix(&self, facts: &JobFacts) -> Result<Resolved> {
        self.note("resolve", facts);
        if let Some(gate) = &self.resolve_gate {
            gate.pass(|| facts.check())?;
        }
        assert_eq!(facts.scans.len(), facts.shards.len());
        facts.enter_mix()?;
        let verdicts = facts.resolve_uri();
        for shard in facts.shards.iter() {
            self.storage.put(&verdicts_uri(&verdicts, shard.id), b"none")?;
        }
        Ok(Resolved { verdicts, summary_json: "{}".into() })
    }

    fn publish(&self, facts: &JobFacts, publication: &Publication) -> Result<()> {
        self.note("publish", facts);
        let output = Uri::parse(&facts.spec.output.uri)?;
        for emit in &publication.emits {
            for file in &emit.manifest.files {
                self.storage.publish(&emit.folder.join(&file.name), &output.join(&file.name))?;
            }
        }
        self.storage.put(&output.join("report.json"), b"{\"funnel\":[]}").map(|_| ())
    }

    fn indexes(&self) -> Result<Arc<Indexes>> {
        Err(Error::new(tamis_common::Class::NotFound, "these steps have no indexes"))
    }
}

type Hook = Box<dyn Fn(&Task, &Progress) -> Result<()> + Send + Sync>;

/// An executor that writes one file a task, after a hook that a test chooses.
pub(crate) struct FakeExecutor {
    storage: Storage,
    hook: Hook,
    /// Runs of each task.
    pub(crate) runs: Mutex<BTreeMap<TaskId, u32>>,
}

impl Executor for FakeExecutor {
    fn run(&self, task: &Task, progress: Arc<Progress>) -> Result<TaskManifest> {
        *self.runs.lock().unwrap().entry(task.id).or_default() += 1;
        assert_eq!(self.storage.read(&task.spec.uri)?.first(), Some(&b'{'));
        (self.hook)(task, &progress)?;
        progress.advance(100, 10);
        let mut manifest = TaskManifest::default();
        let names = match task.id.phase {
            Phase::Scan => {
                manifest.scan = Some(ScanStats { records: 10, ..ScanStats::default() });
                vec![SURVIVORS.to_owned(), DOCUMENTS.to_owned()]
            }
            Phase::Emit => {
                let inputs = task.emit.as_ref().unwrap();
                self.storage.read(&inputs.scan.join(SURVIVORS))?;
                self.storage.read(&inputs.verdicts)?;
                manifest.emit = Some(EmitStats::default());
                vec![format!("text/part-{}.jsonl", task.id.shard)]
            }
        };
        for name in names {
            let written = self.storage.put(&task.work.join(&name), task.shard.uri.as_str().as_bytes())?;
            manifest.files.push(FileEntry { name, written, content_sha256: None, records: 10 });
        }
        Ok(manifest)
    }
}

/// A folder with a coordinator's data, WORK and outputs.
pub(crate) struct Plane {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) storage: Storage,
    pub(crate) steps: Arc<FakeSteps>,
    pub(crate) lease: Duration,
}

impl Plane {
    pub(crate) fn new(lease: Duration) -> Self {
        Self::with_resolve_gate(lease, None)
    }

    pub(crate) fn with_resolve_gate(lease: Duration, resolve_gate: Option<Arc<Gate>>) -> Self {
        let storage = Storage::new(tokio::runtime::Handle::current());
        let steps = FakeSteps { storage: storage.clone(), resolve_gate, log: Mutex::default() };
        Self { dir: tempfile::tempdir().unwrap(), storage, steps: Arc::new(steps), lease }
    }

    pub(crate) fn config(&self) -> CoordinatorConfig {
        let work = Uri::from_path(&self.dir.path().join("work")).unwrap();
        CoordinatorConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            lease: self.lease,
            ..CoordinatorConfig::new(self.dir.path().join("data"), work)
        }
    }

    pub(crate) async fn coordinator(&self) -> CoordinatorHandle {
        self.coordinator_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn coordinator_at(&self, listen: SocketAddr) -> CoordinatorHandle {
        let config = CoordinatorConfig { listen, ..self.config() };
        let begun = std::time::Instant::now();
        loop {
            match Coordinator::start(config.clone(), self.storage.clone(), self.steps.clone()).await {
                // One that was dropped gives its port back a moment later.
                Err(e) if e.message().contains("the port is in use") && begun.elapsed() < PATIENCE => {
                    tokio::task::yield_now().await;
                }
                started => return started.unwrap(),
            }
        }
    }

    pub(crate) fn executor(
        &self,
        hook: impl Fn(&Task, &Progress) -> Result<()> + Send + Sync + 'static,
    ) -> Arc<FakeExecutor> {
        let (storage, runs) = (self.storage.clone(), Mutex::default());
        Arc::new(FakeExecutor { storage, hook: Box::new(hook), runs })
    }

    pub(crate) async fn worker(
        &self,
        addr: SocketAddr,
        name: &str,
        executor: &Arc<FakeExecutor>,
    ) -> WorkerHandle {
        let config =
            WorkerConfig { worker_id: WorkerId::from(name), ..WorkerConfig::new(addr.to_string(), 1) };
        Worker::start(config, self.storage.clone(), executor.clone()).await.unwrap()
    }

    pub(crate) fn output(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("out").join(name)
    }

    /// The JSON of a spec, as [`FakeSteps::parse_spec`] reads it.
    pub(crate) fn spec_json(&self, name: &str, shards: u64, index: Option<&str>) -> String {
        let output = self.output(name);
        serde_json::json!({ "name": name, "shards": shards, "output": output, "index": index }).to_string()
    }
}

/// Whether there is a file below a folder for which `wanted` holds.
pub(crate) fn any_file(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() { any_file(&path, wanted) } else { wanted(&path) }
    })
}

/// A client of jobs.
pub(crate) struct Client {
    pub(crate) jobs: JobServiceClient<Channel>,
    pub(crate) workers: WorkerServiceClient<Channel>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let url = format!("http://{addr}");
        Self {
            jobs: JobServiceClient::connect(url.clone()).await.unwrap(),
            workers: WorkerServiceClient::connect(url).await.unwrap(),
        }
    }

    pub(crate) async fn submit(&mut self, spec_json: String) -> JobId {
        let request = v1::SubmitRequest { spec_json, ..v1::SubmitRequest::default() };
        JobId(self.jobs.submit(request).await.unwrap().into_inner().job_id)
    }

    pub(crate) async fn get(&mut self, job: &JobId) -> v1::JobStatus {
        self.jobs.get(v1::GetJobRequest { job_id: job.0.clone() }).await.unwrap().into_inner()
    }

    /// Watches a job until a status is as wanted.
    pub(crate) async fn until(
        &mut self,
        job: &JobId,
        wanted: impl Fn(&v1::JobStatus) -> bool,
    ) -> v1::JobStatus {
        let request = v1::WatchJobRequest { job_id: job.0.clone() };
        let mut stream = self.jobs.watch(request).await.unwrap().into_inner();
        let mut last = None;
        let watching = async {
            while let Some(status) = stream.message().await.unwrap() {
                last = Some(status.clone());
                if wanted(&status) {
                    return Some(status);
                }
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, watching).await.ok().flatten();
        found.unwrap_or_else(|| panic!("the job never came there; last seen: {last:?}"))
    }

    pub(crate) async fn until_state(&mut self, job: &JobId, state: v1::JobState) -> v1::JobStatus {
        self.until(job, |status| status.state() == state).await
    }

    /// Registers a worker that is only calls.
    pub(crate) async fn register(&mut self, name: &str) {
        let request = v1::RegisterRequest {
            worker_id: name.into(),
            slots: 1,
            protocol_min: 1,
            protocol_max: 1,
            ..v1::RegisterRequest::default()
        };
        self.workers.register(request).await.unwrap();
    }

    /// Waits for one task.
    pub(crate) async fn acquire(&mut self, name: &str) -> v1::Task {
        let wait_ms = PATIENCE.as_millis() as u64;
        let request = v1::AcquireTasksRequest { worker_id: name.into(), slots: 1, wait_ms };
        let mut response = self.workers.acquire_tasks(request).await.unwrap().into_inner();
        assert_eq!(response.tasks.len(), 1, "{response:?}");
        response.tasks.remove(0)
    }

    pub(crate) async fn commit(&mut self, name: &str, task: &v1::Task) -> std::result::Result<(), Error> {
        let manifest = TaskManifest {
            scan: Some(ScanStats::default()),
            emit: Some(EmitStats::default()),
            ..TaskManifest::default()
        };
        let request = v1::CommitTaskRequest {
            worker_id: name.into(),
            job_id: task.job_id.clone(),
            phase: task.phase,
            shard: task.shard,
            attempt: task.attempt,
            manifest_json: serde_json::to_string(&manifest).unwrap(),
        };
        let committed = self.workers.commit_task(request).await;
        committed.map(|_| ()).map_err(|status| tamis_proto::from_status(&status))
    }
}

fn spec(name: &str, output: &str, shards: u64, index: Option<&str>) -> JobSpec {
    let inputs: Vec<String> = (0..shards).map(|i| format!("file:///in/{i}.jsonl")).collect();
    let text = format!(
        "name = {name:?}\n[[source]]\nname = \"web\"\ninputs = {inputs:?}\n[output]\nuri = {output:?}\n\
         [run]\nshard_bytes = \"1MiB\"\nmax_attempts = 3\n"
    );
    let mut spec = JobSpec::parse(&text, "job.toml").unwrap();
    spec.dedup.index = index.map(ToOwned::to_owned);
    spec
}
