//! The control plane, end to end: a real coordinator and real sessions over gRPC, in this process.
#![expect(clippy::unwrap_used, reason = "tests")]

mod plane;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plane::{Client, Gate, LONG_LEASE, PATIENCE, Plane, SHORT_LEASE, any_file};
use tamis_common::ids::{JobId, Phase, ShardId, TaskId};
use tamis_common::{Class, Error};
use tamis_coordinator::Coordinator;
use tamis_proto::v1::JobState;
use tamis_proto::{from_status, v1};
use tamis_worker::{Worker, WorkerConfig};

fn scan(shard: u32) -> TaskId {
    TaskId { phase: Phase::Scan, shard: ShardId(shard) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_scanned_resolved_emitted_published_and_swept() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let executor = plane.executor(|_, _| Ok(()));
    let worker = plane.worker(coordinator.addr, "w", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("whole", 5, None)).await;
    let status = client.until_state(&job, JobState::Published).await;

    let done: Vec<(u32, u32)> = status.phases.iter().map(|p| (p.tasks_done, p.tasks_total)).collect();
    assert_eq!(done, [(5, 5), (5, 5)]);
    assert_eq!(status.phases[0].records_done, 50);
    assert_eq!(status.phases[0].bytes_done, 500);
    assert_eq!(status.failed_attempts, 0);
    assert!(status.submitted_at_ms > 0 && status.started_at_ms > 0 && status.ended_at_ms > 0);
    assert!(executor.runs.lock().unwrap().values().all(|&runs| runs == 1));
    assert_eq!(std::fs::read_dir(plane.output("whole").join("text")).unwrap().count(), 5);

    let report = client.jobs.get_report(v1::GetReportRequest { job_id: job.0[..10].into() }).await.unwrap();
    assert_eq!(report.into_inner().report_json, "{\"funnel\":[]}");
    let refused = client.jobs.cancel(v1::CancelJobRequest { job_id: job.0.clone(), reason: String::new() });
    assert_eq!(from_status(&refused.await.unwrap_err()).class(), Class::Conflict);

    worker.drain(PATIENCE).await;
    coordinator.shutdown().await;
    let work = plane.dir.path().join("work");
    assert!(any_file(&work, &|path| path.ends_with("documents.parquet")));
    let kept = ["documents.parquet", "verdicts.parquet"];
    // And the copy of the state.
    let is_kept = |path: &std::path::Path| {
        kept.iter().any(|name| path.ends_with(name))
            || path.parent().is_some_and(|folder| folder.ends_with("state"))
    };
    assert!(!any_file(&work, &|path| !is_kept(path)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_job() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let executor = plane.executor(move |_, progress| held.pass(|| progress.check()));
    let _one = plane.worker(coordinator.addr, "one", &executor).await;
    let _two = plane.worker(coordinator.addr, "two", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("shared", 4, None)).await;
    // One slot each: two tasks run only if both workers have one.
    gate.arrived(2).await;
    let status =
        client.until(&job, |status| status.phases.first().is_some_and(|p| p.tasks_running == 2)).await;
    assert_eq!(status.state(), JobState::Scanning);
    let workers = client.workers.list(v1::ListWorkersRequest {}).await.unwrap().into_inner().workers;
    assert_eq!(workers.iter().map(|worker| worker.attempts.len()).collect::<Vec<_>>(), [1, 1]);
    gate.open();
    client.until_state(&job, JobState::Published).await;
    let workers = client.workers.list(v1::ListWorkersRequest {}).await.unwrap().into_inner().workers;
    assert_eq!(workers.iter().map(|worker| worker.tasks_committed).sum::<u64>(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_a_worker_that_vanishes_goes_to_another() {
    let plane = Plane::new(SHORT_LEASE);
    let coordinator = plane.coordinator().await;
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let hanging = plane.executor(move |_, progress| held.pass(|| progress.check()));
    let lost = plane.worker(coordinator.addr, "lost", &hanging).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("orphaned", 2, None)).await;
    gate.arrived(1).await;
    drop(lost);
    let executor = plane.executor(|_, _| Ok(()));
    let _heir = plane.worker(coordinator.addr, "heir", &executor).await;
    let status = client.until_state(&job, JobState::Published).await;
    assert_eq!(status.failed_attempts, 1);
    assert_eq!(executor.runs.lock().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_commit_is_refused_and_a_repeated_one_gets_the_same_answer() {
    // Nobody beats here, and a commit writes to disk: on a busy machine that takes its time.
    let plane = Plane::new(Duration::from_secs(4));
    let coordinator = plane.coordinator().await;
    let mut client = Client::connect(coordinator.addr).await;
    client.register("slow").await;
    client.register("quick").await;
    let job = client.submit(plane.spec_json("contested", 1, None)).await;
    let stale = client.acquire("slow").await;
    // Nobody beats for it: the long poll of another worker gets the task when its lease is over.
    let fresh = client.acquire("quick").await;
    assert_eq!(stale.shard, fresh.shard);
    assert!(fresh.attempt > stale.attempt);
    assert_ne!(fresh.work_uri, stale.work_uri);
    assert_eq!(client.commit("slow", &stale).await.unwrap_err().class(), Class::LeaseLost);
    client.commit("quick", &fresh).await.unwrap();
    client.commit("quick", &fresh).await.unwrap();
    assert_eq!(client.commit("slow", &stale).await.unwrap_err().class(), Class::LeaseLost);

    let emit = client.acquire("quick").await;
    assert_eq!(emit.phase(), v1::Phase::Emit);
    assert!(emit.scan_uri.ends_with(&format!("scan-00000/{}", fresh.attempt)));
    client.commit("quick", &emit).await.unwrap();
    client.until_state(&job, JobState::Published).await;
    client.commit("quick", &emit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_restarted_in_scan_goes_on_with_the_same_attempts() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let addr = coordinator.addr;
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let executor = plane.executor(move |task, progress| match task.id.shard {
        ShardId(0) => Ok(()),
        _ => held.pass(|| progress.check()),
    });
    let worker = plane.worker(addr, "w", &executor).await;
    let mut client = Client::connect(addr).await;
    let job = client.submit(plane.spec_json("survivor", 3, None)).await;
    gate.arrived(1).await;
    client.until(&job, |status| status.phases.first().is_some_and(|phase| phase.tasks_done == 1)).await;
    coordinator.shutdown().await;

    let coordinator = plane.coordinator_at(addr).await;
    let mut client = Client::connect(coordinator.addr).await;
    let status = client.get(&job).await;
    assert_eq!((status.state(), status.phases[0].tasks_done), (JobState::Scanning, 1));
    gate.open();
    let status = client.until_state(&job, JobState::Published).await;
    // The attempt that ran meanwhile was not lost, and nothing ran twice.
    assert_eq!(status.failed_attempts, 0);
    assert!(executor.runs.lock().unwrap().values().all(|&runs| runs == 1));
    worker.drain(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_dropped_in_resolve_resolves_again() {
    let gate = Arc::new(Gate::default());
    let plane = Plane::with_resolve_gate(LONG_LEASE, Some(gate.clone()));
    let coordinator = plane.coordinator().await;
    let addr = coordinator.addr;
    let executor = plane.executor(|_, _| Ok(()));
    let _worker = plane.worker(addr, "w", &executor).await;
    let mut client = Client::connect(addr).await;
    let job = client.submit(plane.spec_json("again", 2, Some("default"))).await;
    gate.arrived(1).await;
    drop(coordinator);
    gate.open();
    let coordinator = plane.coordinator_at(addr).await;
    let mut client = Client::connect(coordinator.addr).await;
    client.until_state(&job, JobState::Published).await;
    assert_eq!(*plane.steps.log.lock().unwrap(), ["resolve again", "resolve again", "publish again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_stops_its_attempts_and_can_be_retried() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let stopped = Arc::new(AtomicBool::new(false));
    let (gate, seen) = (Arc::new(Gate::default()), stopped.clone());
    let held = gate.clone();
    let executor = plane.executor(move |_, progress| {
        held.pass(|| progress.check()).inspect_err(|_| seen.store(true, Ordering::SeqCst))
    });
    let worker = plane.worker(coordinator.addr, "w", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("unwanted", 2, None)).await;
    gate.arrived(1).await;
    let request = v1::CancelJobRequest { job_id: job.0.clone(), reason: "a wrong source".into() };
    let status = client.jobs.cancel(request.clone()).await.unwrap().into_inner();
    assert_eq!((status.state(), status.message.as_str()), (JobState::Cancelled, "cancelled: a wrong source"));
    client.jobs.cancel(request).await.unwrap();

    client.jobs.retry(v1::RetryJobRequest { job_id: job.0.clone() }).await.unwrap();
    // The one slot is free for the second attempt only when the first has heard of the cancel.
    gate.arrived(2).await;
    assert!(stopped.load(Ordering::SeqCst));
    gate.open();
    client.until_state(&job, JobState::Published).await;
    worker.drain(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_names_shard_worker_and_cause_and_a_retry_goes_on_from_what_is_done() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = mended.clone();
    // The others are committed before the job fails.
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let executor = plane.executor(move |task, progress| {
        if task.id != scan(2) || is_mended.load(Ordering::SeqCst) {
            return Ok(());
        }
        held.pass(|| progress.check())?;
        Err(Error::input(format!("`{}` is truncated at byte 7", task.shard.uri)))
    });
    let _worker = plane.worker(coordinator.addr, "unlucky", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("broken", 3, None)).await;
    client.until(&job, |status| status.phases.first().is_some_and(|scan| scan.tasks_done == 2)).await;
    gate.open();
    let status = client.until_state(&job, JobState::Failed).await;
    let error = status.error.unwrap();
    assert_eq!(error.class(), v1::ErrorClass::Input);
    assert_eq!(
        error.message,
        "scan-00002 (`file:///in/2.jsonl`) failed on worker unlucky after 1 attempt: \
         `file:///in/2.jsonl` is truncated at byte 7"
    );
    assert_eq!(status.phases[0].tasks_done, 2);

    mended.store(true, Ordering::SeqCst);
    client.jobs.retry(v1::RetryJobRequest { job_id: job.0.clone() }).await.unwrap();
    client.until_state(&job, JobState::Published).await;
    let runs = executor.runs.lock().unwrap();
    assert_eq!((runs[&scan(0)], runs[&scan(1)], runs[&scan(2)]), (1, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_panics_is_quarantined_after_max_attempts() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let executor = plane.executor(|task, _| match task.id.shard {
        ShardId(1) => panic!("a planted defect"),
        _ => Ok(()),
    });
    let _worker = plane.worker(coordinator.addr, "w", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("poisoned", 2, None)).await;
    let status = client.until_state(&job, JobState::Failed).await;
    assert!(status.message.contains("after 3 attempts"), "{}", status.message);
    assert!(status.message.contains("panicked: a planted defect"), "{}", status.message);
    assert_eq!(status.failed_attempts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_sent_twice_is_one_job_even_after_a_restart() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let mut client = Client::connect(coordinator.addr).await;
    let request = v1::SubmitRequest {
        spec_json: plane.spec_json("once", 1, None),
        client_request_id: "request-1".into(),
        replace: false,
    };
    let first = client.jobs.submit(request.clone()).await.unwrap().into_inner();
    let second = client.jobs.submit(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.existed, second.existed), (false, true));
    coordinator.shutdown().await;

    let coordinator = plane.coordinator().await;
    let mut client = Client::connect(coordinator.addr).await;
    let third = client.jobs.submit(request.clone()).await.unwrap().into_inner();
    assert!(third.existed);
    assert_eq!((&second.job_id, &third.job_id), (&first.job_id, &first.job_id));
    let other = v1::SubmitRequest { spec_json: plane.spec_json("other", 1, None), ..request };
    assert_eq!(from_status(&client.jobs.submit(other).await.unwrap_err()).class(), Class::Conflict);
    let listed = client.jobs.list(v1::ListJobsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.jobs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_newest_first_page_by_page() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let mut client = Client::connect(coordinator.addr).await;
    let mut submitted = Vec::new();
    for name in ["a", "b", "c"] {
        submitted.push(client.submit(plane.spec_json(name, 1, None)).await);
    }
    let first = v1::ListJobsRequest { page_size: 2, page_token: String::new() };
    let first = client.jobs.list(first).await.unwrap().into_inner();
    let names: Vec<&str> = first.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["c", "b"]);
    let second = v1::ListJobsRequest { page_size: 2, page_token: first.next_page_token };
    let second = client.jobs.list(second).await.unwrap().into_inner();
    assert_eq!(second.jobs[0].job_id, submitted[0].0);
    assert!(second.next_page_token.is_empty());
    // All of this minute begin alike.
    let ambiguous =
        client.jobs.get(v1::GetJobRequest { job_id: submitted[0].0[..6].into() }).await.unwrap_err();
    assert_eq!(from_status(&ambiguous).class(), Class::Spec);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_worker_gives_its_task_back_and_no_attempt_is_counted() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let hanging = plane.executor(move |_, progress| held.pass(|| progress.check()));
    let leaving = plane.worker(coordinator.addr, "leaving", &hanging).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("handed-over", 2, None)).await;
    gate.arrived(1).await;
    leaving.drain(Duration::ZERO).await;
    let executor = plane.executor(|_, _| Ok(()));
    let _heir = plane.worker(coordinator.addr, "heir", &executor).await;
    let status = client.until_state(&job, JobState::Published).await;
    assert_eq!(status.failed_attempts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_leave_finishes_its_task_first() {
    let plane = Plane::new(SHORT_LEASE);
    let coordinator = plane.coordinator().await;
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let executor = plane.executor(move |_, progress| held.pass(|| progress.check()));
    let mut worker = plane.worker(coordinator.addr, "asked", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let job = client.submit(plane.spec_json("finished", 1, None)).await;
    gate.arrived(1).await;
    client.workers.drain(v1::DrainWorkerRequest { worker_id: "asked".into() }).await.unwrap();
    gate.open();
    tokio::time::timeout(PATIENCE, worker.wait()).await.unwrap();
    let status = client.get(&job).await;
    assert_eq!((status.phases[0].tasks_done, status.failed_attempts), (1, 0));
    let unknown =
        client.workers.drain(v1::DrainWorkerRequest { worker_id: "nobody".into() }).await.unwrap_err();
    assert_eq!(from_status(&unknown).class(), Class::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_share_an_index_resolve_in_turn_and_a_waiting_one_says_for_whom() {
    let gate = Arc::new(Gate::default());
    let plane = Plane::with_resolve_gate(LONG_LEASE, Some(gate.clone()));
    let coordinator = plane.coordinator().await;
    let executor = plane.executor(|_, _| Ok(()));
    let _worker = plane.worker(coordinator.addr, "w", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let first = client.submit(plane.spec_json("first", 1, Some("default"))).await;
    gate.arrived(1).await;
    let second = client.submit(plane.spec_json("second", 1, Some("default"))).await;
    let apart = client.submit(plane.spec_json("apart", 1, Some("other"))).await;
    let waiting = client.until_state(&second, JobState::Waiting).await;
    let expected = format!("waits for job {first} (first), which has its turn at the index `default`");
    assert!(waiting.message.starts_with(&expected), "{}", waiting.message);
    // Another index is no reason to wait.
    gate.arrived(2).await;
    gate.open();
    for job in [&first, &second, &apart] {
        client.until_state(job, JobState::Published).await;
    }
    let log = plane.steps.log.lock().unwrap();
    let at = |what: &str| log.iter().position(|entry| entry == what).unwrap();
    assert!(at("publish first") < at("resolve second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_gives_its_turn_away_and_resolves_anew_when_it_is_retried() {
    let gate = Arc::new(Gate::default());
    let plane = Plane::with_resolve_gate(LONG_LEASE, Some(gate.clone()));
    let coordinator = plane.coordinator().await;
    let executor = plane.executor(|_, _| Ok(()));
    let _worker = plane.worker(coordinator.addr, "w", &executor).await;
    let mut client = Client::connect(coordinator.addr).await;
    let first = client.submit(plane.spec_json("first", 1, Some("default"))).await;
    gate.arrived(1).await;
    let second = client.submit(plane.spec_json("second", 1, Some("default"))).await;
    client.until_state(&second, JobState::Waiting).await;
    let cancel = v1::CancelJobRequest { job_id: first.0.clone(), reason: String::new() };
    client.jobs.cancel(cancel).await.unwrap();
    gate.arrived(2).await;
    client.jobs.retry(v1::RetryJobRequest { job_id: first.0.clone() }).await.unwrap();
    let waiting = client.until_state(&first, JobState::Waiting).await;
    assert!(waiting.message.contains("(second)"), "{}", waiting.message);
    gate.open();
    client.until_state(&first, JobState::Published).await;
    let log = plane.steps.log.lock().unwrap();
    assert_eq!(*log, ["resolve first", "resolve second", "publish second", "resolve first", "publish first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_running_jobs_may_not_write_to_one_folder() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let mut client = Client::connect(coordinator.addr).await;
    let first: JobId = client.submit(plane.spec_json("same", 1, None)).await;
    let again = v1::SubmitRequest { spec_json: plane.spec_json("same", 2, None), ..Default::default() };
    let error = from_status(&client.jobs.submit(again).await.unwrap_err());
    assert_eq!(error.class(), Class::Conflict);
    assert!(error.message().contains(first.as_str()), "{}", error.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_and_a_data_folder_in_use_are_named() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let mut config = plane.config();
    config.listen = coordinator.addr;
    config.data_dir = plane.dir.path().join("other");
    let refused = Coordinator::start(config, plane.storage.clone(), plane.steps.clone()).await.err().unwrap();
    assert_eq!(refused.class(), Class::Conflict);
    assert!(refused.message().contains("the port is in use"), "{}", refused.message());
    assert!(refused.hint().unwrap().contains("--listen"));
    let refused =
        Coordinator::start(plane.config(), plane.storage.clone(), plane.steps.clone()).await.err().unwrap();
    assert_eq!(refused.class(), Class::Conflict);
    assert!(refused.message().contains("in use by another process"), "{}", refused.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_not_there_is_named_after_a_bounded_time() {
    let plane = Plane::new(LONG_LEASE);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = WorkerConfig {
        connect_patience: Duration::from_millis(300),
        ..WorkerConfig::new(format!("http://{free}"), 1)
    };
    let executor = plane.executor(|_, _| Ok(()));
    let refused = Worker::start(config, plane.storage.clone(), executor).await.err().unwrap();
    assert_eq!(refused.class(), Class::Unavailable);
    assert!(refused.message().starts_with(&format!("no coordinator answers at `http://{free}`")));
    assert!(refused.hint().unwrap().contains("--wait"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_protocol_is_refused_with_both_ranges() {
    let plane = Plane::new(LONG_LEASE);
    let coordinator = plane.coordinator().await;
    let mut client = Client::connect(coordinator.addr).await;
    let request = v1::RegisterRequest {
        worker_id: "future".into(),
        slots: 1,
        protocol_min: 7,
        protocol_max: 9,
        ..v1::RegisterRequest::default()
    };
    let error = from_status(&client.workers.register(request).await.unwrap_err());
    assert_eq!(error.class(), Class::Conflict);
    assert!(error.message().contains("7 to 9") && error.message().contains("1 to 1"), "{}", error.message());
}
