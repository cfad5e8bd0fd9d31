//! A coordinator and three workers, each a process of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use tamis_tests::chaos::Cluster;
use tamis_tests::corpus;
use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, Process, tamis_ok};
use tamis_tests::{spec, until};

/// Large enough that a worker is met within a task.
fn prepared(path: &Path) {
    corpus::write_jsonl(&path.join("in"), &corpus::documents(30_000, 5), 2);
    for name in ["alone", "calm", "stormy"] {
        let text = spec("in", name, "[run]\nshard_bytes = \"4MiB\"\nmax_attempts = 9");
        fs::write(path.join(format!("{name}.toml")), text).unwrap();
    }
    tamis_ok(path, &["run", "alone.toml", "--workers", "1", "--data-dir", "data-alone"]);
}

#[test]
fn killed_workers_and_a_killed_coordinator_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    prepared(path);
    let alone = Output::new(path.join("alone")).checked_manifest();

    let coordinator = CoordinatorProcess::start(path);
    let workers: Vec<Process> = (0..3).map(|_| coordinator.worker()).collect();
    let job = coordinator.submit("calm.toml");
    coordinator.until_published(&job);
    assert_eq!(Output::new(path.join("calm")).checked_manifest(), alone);
    for worker in workers {
        assert_eq!(worker.terminate(), Some(0), "a worker that is told to stop drains and ends well");
    }

    // One worker at a time, so that it is surely the one which holds the task.
    let first = coordinator.worker();
    let job = coordinator.submit("stormy.toml");
    coordinator.freeze_within(&first, &job, "scan");
    first.kill();
    let second = coordinator.worker();
    coordinator.freeze_within(&second, &job, "scan");
    let coordinator = coordinator.kill_and_restart();
    second.thaw();
    coordinator.freeze_within(&second, &job, "emit");
    second.kill();
    let _rest: Vec<Process> = (0..3).map(|_| coordinator.worker()).collect();
    coordinator.until_published(&job);
    let stormy = Output::new(path.join("stormy"));
    assert_eq!(stormy.checked_manifest(), alone);
    stormy.check_sums();
    let failed = stormy.json("run.json")["failed_attempts"].as_u64().unwrap();
    assert!(failed >= 2, "both killed workers held a task, {failed} attempts failed");
}

#[test]
fn a_cluster_is_watched_and_operated_through_its_commands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(200, 6), 2);
    let more = "[dedup]\nindex = \"books\"\n[run]\nkeep_work = \"all\"";
    fs::write(path.join("job.toml"), spec("in", "out", more)).unwrap();
    let coordinator = CoordinatorProcess::start(path);

    // Nobody works yet: the job waits, and can be ended and taken up again.
    let job = coordinator.submit("job.toml");
    until("the job waits for workers", || {
        (coordinator.call(&["status", &job])[0]["state"] == "scanning").then_some(())
    });
    coordinator.call(&["cancel", &job]);
    until("the job is cancelled", || {
        (coordinator.call(&["status", &job])[0]["state"] == "cancelled").then_some(())
    });
    coordinator.call(&["retry", &job]);
    let worker = coordinator.worker();
    coordinator.until_published(&job);

    let jobs = coordinator.call(&["jobs"]);
    assert_eq!((jobs.len(), &jobs[0]["job_id"]), (1, &job.as_str().into()));
    let report = coordinator.call(&["report", &job]).remove(0);
    assert_eq!(report, Output::new(path.join("out")).json("report.json"));
    let watched = coordinator.call(&["watch", &job]).remove(0);
    assert_eq!(watched, report);

    let kept = coordinator.call(&["explain", &job, "u7"]).remove(0);
    assert_eq!((&kept["kept"], &kept["drop"]), (&true.into(), &serde_json::Value::Null), "{kept}");
    let dropped = coordinator.call(&["explain", &job, "n9"]).remove(0);
    assert_eq!(dropped["drop"]["stage"], "near", "{dropped}");
    assert_eq!(dropped["drop"]["kept"]["document_id"], "u7", "{dropped}");

    let indexes = coordinator.call(&["index", "list"]);
    assert_eq!((&indexes[0]["name"], &indexes[0]["documents"]), (&"books".into(), &160.into()));
    let stats = coordinator.call(&["index", "stats", "books"]).remove(0);
    assert_eq!(stats["jobs"][0]["job_id"], job.as_str());

    let workers = coordinator.call(&["workers"]);
    assert_eq!(workers[0]["worker_id"], worker.hello["worker_id"]);
    coordinator.call(&["drain", worker.hello["worker_id"].as_str().unwrap()]);
    until("a drained worker leaves", || coordinator.call(&["workers"]).is_empty().then_some(()));
}

#[test]
fn a_request_that_is_sent_twice_is_one_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(20, 7), 1);
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
    let coordinator = CoordinatorProcess::start(path);
    let submit = || coordinator.call(&["submit", "job.toml", "--request-id", "r-1"]).remove(0);
    assert_eq!(submit(), submit());
    let coordinator = coordinator.kill_and_restart();
    assert_eq!(coordinator.call(&["jobs"]).len(), 1);
}

#[test]
fn a_hundred_jobs_at_once_all_end_and_take_little_memory() {
    const JOBS: usize = 100;
    /// The coordinator keeps no document, and takes steps of a few jobs at a time; a worker holds one shard.
    const MOST: u64 = 500 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(200, 41), 2);
    let mut cluster = Cluster::start(path, 0, &[], &[]);
    let jobs: Vec<(String, String)> = (0..JOBS)
        .map(|number| {
            let name = format!("job-{number}");
            fs::write(path.join(format!("{name}.toml")), spec("in", &name, "")).unwrap();
            let id = cluster.submit(&format!("{name}.toml"), &name);
            (name, id)
        })
        .collect();
    assert_eq!(cluster.call(&["jobs"]).len(), JOBS);
    (0..2).for_each(|_| cluster.add_worker());
    for (_, id) in &jobs {
        cluster.until_published(id);
    }
    let first = Output::new(path.join(&jobs[0].0));
    first.check_sums();
    for (name, _) in &jobs {
        let output = Output::new(path.join(name));
        output.checked_manifest();
        assert_eq!(output.records(), first.records(), "{name}");
    }
    for member in cluster.members() {
        let peak = cluster.peak_memory(member);
        println!("{member:?}: {} MiB at most", peak >> 20);
        assert!(peak < MOST, "{member:?} held {peak} bytes");
    }
}
