//! Clients that ask for too much get less of it, and others go on being served.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use tamis_common::secret::Secret;
use tamis_proto::connect::Access;
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tamis_tests::process::{Process, command, tamis, tamis_ok};
use tamis_tests::{corpus, spec, until};
use tonic::transport::{Channel, Endpoint};

fn coordinator(folder: &std::path::Path, more: &[&str]) -> (Process, String) {
    let args = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let process = Process::of(command(folder), &[&args, more].concat());
    let address = process.hello["listen"].as_str().unwrap().to_owned();
    (process, address)
}

fn lists_jobs(folder: &std::path::Path, address: &str) -> bool {
    tamis(folder, &["--coordinator", &format!("http://{address}"), "jobs"]).status.success()
}

fn client(address: &str) -> JobServiceClient<Channel> {
    JobServiceClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy())
}

#[test]
fn a_message_that_is_too_large_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let (_coordinator, address) = coordinator(folder.path(), &[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let request = v1::SubmitRequest { spec_json: " ".repeat(17 << 20), ..Default::default() };
        let status = client(&address).submit(request).await.unwrap_err();
        assert!(status.message().contains("message length too large"), "{status}");
    });
    assert!(lists_jobs(folder.path(), &address));
}

#[test]
fn connections_of_one_address_are_bounded_and_come_free_when_they_end() {
    const MOST: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let (_coordinator, address) = coordinator(folder.path(), &["--max-connections-of-address", "4"]);
    let held = hold(&address, MOST);
    assert!(!lists_jobs(folder.path(), &address), "one more is closed at once");
    drop(held);
    until("there is room again", || lists_jobs(folder.path(), &address).then_some(()));

    let _silent = hold(&address, MOST);
    assert!(!lists_jobs(folder.path(), &address));
    until("who says nothing loses its place", || lists_jobs(folder.path(), &address).then_some(()));
}

/// So many connections that say nothing and hold their places. One that comes too early, before the places of others are
/// free, is closed at once and holds none.
fn hold(address: &str, most: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    while held.len() < most {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        match stream.read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => held.push(stream),
            _ => {}
        }
    }
    held
}

#[test]
fn ten_thousand_streams_of_one_client_hold_nobody_up() {
    const STREAMS: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(20, 1), 1);
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
    let (process, address) = coordinator(path, &[]);
    let url = format!("http://{address}");
    let submitted = tamis(path, &["--json", "--coordinator", &url, "submit", "job.toml"]);
    let answer: serde_json::Value = serde_json::from_slice(&submitted.stdout).unwrap();
    let job = answer["job_id"].as_str().unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    // There is no worker: none of them ends.
    let greedy = client(&address);
    let (opened, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..STREAMS {
        let (mut greedy, opened) = (greedy.clone(), opened.clone());
        let request = v1::WatchJobRequest { job_id: job.to_owned() };
        runtime.spawn(async move {
            let mut stream = greedy.watch(request).await.unwrap().into_inner();
            let _ = opened.send(stream.message().await.unwrap().is_some());
            // Held, as a client would that never comes to an end.
            std::future::pending::<()>().await;
        });
    }
    for _ in 0..256 {
        assert!(runtime.block_on(answers.recv()).unwrap());
    }
    assert!(lists_jobs(path, &address), "another client is served");
    let worker = ["--coordinator", &url, "worker", "--slots", "1"];
    let _worker = Process::of(command(path), &worker);
    until("the job is published", || path.join("out/manifest.json").exists().then_some(()));
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{STREAMS} streams asked for, {} MiB at most", peak >> 10);
    assert!(peak < 500 << 10, "{peak} kB");
}

#[test]
fn jobs_that_have_not_ended_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(20, 1), 1);
    let (_coordinator, address) = coordinator(path, &["--max-jobs", "2"]);
    let url = format!("http://{address}");
    let submit = |number: usize| {
        fs::write(path.join("job.toml"), spec("in", &format!("out-{number}"), "")).unwrap();
        tamis(path, &["--json", "--coordinator", &url, "submit", "job.toml"])
    };
    let first = submit(0);
    assert!(first.status.success() && submit(1).status.success());
    let refused = submit(2);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && said.contains("--max-jobs"), "{said}");
    let answer: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    let cancelled = tamis(path, &["--coordinator", &url, "cancel", answer["job_id"].as_str().unwrap()]);
    assert!(cancelled.status.success());
    assert!(submit(3).status.success());
}

#[test]
fn one_client_cannot_take_the_room_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(5, 41), 1);
    for (name, role) in [("ann", "submit"), ("bob", "submit"), ("crew", "worker")] {
        let out = format!("{name}.token");
        tamis_ok(
            path,
            &["token", "new", "--role", role, "--name", name, "--tokens", "tokens", "--out", &out],
        );
        fs::write(path.join(format!("{name}.toml")), spec("in", name, "")).unwrap();
    }
    let bounds = ["--tokens", "tokens", "--max-jobs-of-client", "1", "--max-calls-of-client", "1"];
    let (_coordinator, address) = coordinator(path, &bounds);
    let url = format!("http://{address}");
    let submit = |who: &str, spec: &str| {
        let token = format!("{who}.token");
        tamis(path, &["--coordinator", &url, "--token-file", &token, "--json", "submit", spec])
    };
    assert!(submit("ann", "ann.toml").status.success());
    let refused = submit("ann", "crew.toml");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("1 jobs of the token `ann` have not ended yet"), "{said}");
    assert!(said.contains("--max-jobs-of-client"), "{said}");
    let other = submit("bob", "bob.toml");
    assert!(other.status.success(), "{other:?}");
    let bobs = tamis_ok(path, &["--coordinator", &url, "--token-file", "bob.token", "--json", "jobs"]);
    assert!(bobs.contains("\"submitted_by\":\"ann\""), "{bobs}");

    // A call that waits for tasks holds the one place of its token.
    let secret = fs::read_to_string(path.join("crew.token")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let access = Access { token: Some(Secret::new(secret.trim().to_owned())), ..Access::default() };
        let connection = access.connect_lazy(&access.endpoint(&url).unwrap()).unwrap();
        let mut workers = WorkerServiceClient::new(connection);
        let worker_id = "w".to_owned();
        let register = v1::RegisterRequest {
            worker_id: worker_id.clone(),
            slots: 1,
            protocol_min: 1,
            protocol_max: 1,
            // Of another build than the one that would be needed, it gets no task.
            pipeline_fingerprint: String::new(),
            ..Default::default()
        };
        workers.register(register.clone()).await.unwrap();
        let drained = v1::AcquireTasksRequest { worker_id, slots: 1, wait_ms: 0 };
        // Both jobs go to it, so that nothing is left to wait for.
        while !workers.acquire_tasks(drained.clone()).await.unwrap().into_inner().tasks.is_empty() {}
        let waiting = v1::AcquireTasksRequest { wait_ms: 60_000, ..drained };
        let mut polling = workers.clone();
        let poll = tokio::spawn(async move { polling.acquire_tasks(waiting).await });
        loop {
            match workers.register(register.clone()).await {
                Ok(_) => assert!(!poll.is_finished(), "the call waits"),
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
                    assert!(status.message().contains("the token `crew` has 1 calls open"), "{status}");
                    break;
                }
            }
        }
        poll.abort();
        // What its caller gave up makes room.
        while workers.register(register.clone()).await.is_err() {}
    });
}
