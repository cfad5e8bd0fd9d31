//! Clients that ask for too much get less of it, and others go on being served.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_tests::process::{Process, command, tamis};
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
    // They say nothing, and hold their places until they are closed for it.
    let held: Vec<TcpStream> = (0..MOST).map(|_| TcpStream::connect(&address).unwrap()).collect();
    until("one more is closed at once", || {
        let mut more = TcpStream::connect(&address).unwrap();
        more.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        matches!(more.read(&mut [0]), Ok(0)).then_some(())
    });
    assert!(!lists_jobs(folder.path(), &address));
    drop(held);
    until("there is room again", || lists_jobs(folder.path(), &address).then_some(()));

    let silent: Vec<TcpStream> = (0..MOST).map(|_| TcpStream::connect(&address).unwrap()).collect();
    until("who says nothing loses its place", || lists_jobs(folder.path(), &address).then_some(()));
    drop(silent);
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
