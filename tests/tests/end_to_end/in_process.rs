//! A coordinator and workers in this process that do real work, with parts of it failing.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tamis_common::artefact::TaskManifest;
use tamis_common::spec::JobSpec;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};
use tamis_coordinator::index::Indexes;
use tamis_coordinator::steps::JobSteps;
use tamis_coordinator::{Coordinator, CoordinatorConfig, CoordinatorHandle};
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_tests::output::Output;
use tamis_tests::{PATIENCE, corpus, spec};
use tamis_worker::execute::Tasks;
use tamis_worker::progress::Progress;
use tamis_worker::{Executor, Task, Worker, WorkerConfig};
use tonic::transport::Channel;

/// Does tasks, but every third attempt fails after it has written what it would have handed in.
struct Unreliable {
    tasks: Tasks,
    attempts: AtomicU32,
}

impl Executor for Unreliable {
    fn run(&self, task: &Task, progress: Arc<Progress>) -> Result<TaskManifest> {
        let done = self.tasks.run(task, progress)?;
        match self.attempts.fetch_add(1, Ordering::SeqCst) % 3 {
            2 => Err(Error::new(Class::Storage, "the disk was slow to answer")),
            _ => Ok(done),
        }
    }
}

async fn coordinator(data: &Path, storage: &Storage) -> CoordinatorHandle {
    let work = Uri::from_path(&data.join("work")).unwrap();
    let indexes = Arc::new(Indexes::open(&data.join("index")).unwrap());
    let steps = Arc::new(JobSteps::new(storage.clone(), indexes, work.clone()));
    let mut config = CoordinatorConfig::new(data, work);
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Coordinator::start(config, storage.clone(), steps).await.unwrap()
}

async fn run(folder: &Path, output: &str, executor: Arc<dyn Executor>, storage: &Storage) -> v1::JobStatus {
    let handle = coordinator(&folder.join(format!("data-{output}")), storage).await;
    let url = format!("http://{}", handle.addr);
    let mut workers = Vec::new();
    for _ in 0..2 {
        let config = WorkerConfig::new(&url, 2);
        workers.push(Worker::start(config, storage.clone(), executor.clone()).await.unwrap());
    }
    let text = spec("in", output, "[run]\nshard_bytes = \"128KiB\"\nmax_attempts = 20");
    let mut spec = JobSpec::parse(&text, "job.toml").unwrap();
    spec.absolutize(folder);
    let mut client: JobServiceClient<Channel> = JobServiceClient::connect(url).await.unwrap();
    let request = v1::SubmitRequest { spec_json: spec.to_canonical_json(), ..v1::SubmitRequest::default() };
    let job_id = client.submit(request).await.unwrap().into_inner().job_id;
    let mut statuses = client.watch(v1::WatchJobRequest { job_id }).await.unwrap().into_inner();
    let ended = tokio::time::timeout(PATIENCE, async {
        let mut last = None;
        while let Some(status) = statuses.message().await.unwrap() {
            last = Some(status);
        }
        last.unwrap()
    });
    let status = ended.await.unwrap();
    for worker in workers {
        worker.drain(PATIENCE).await;
    }
    handle.shutdown().await;
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_fail_change_no_byte_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(1_500, 9), 2);
    let storage = Storage::new(tokio::runtime::Handle::current());
    let reliable = Arc::new(Tasks::new(storage.clone()));
    let calm = run(path, "calm", reliable, &storage).await;
    let unreliable = Unreliable { tasks: Tasks::new(storage.clone()), attempts: AtomicU32::new(0) };
    let stormy = run(path, "stormy", Arc::new(unreliable), &storage).await;
    for status in [&calm, &stormy] {
        assert_eq!(status.state(), v1::JobState::Published, "{status:?}");
    }
    assert_eq!(calm.failed_attempts, 0);
    assert!(stormy.failed_attempts > 3, "{}", stormy.failed_attempts);
    let (calm, stormy) = (Output::new(path.join("calm")), Output::new(path.join("stormy")));
    assert_eq!(calm.checked_manifest(), stormy.checked_manifest());
    stormy.check_sums();
}
