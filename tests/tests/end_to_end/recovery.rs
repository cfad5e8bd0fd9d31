//! Recovery by hand: a lost state, a damaged one, a full disk, and what nobody needs.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tamis_common::fault::{Fault, Point};
use tamis_tests::chaos::{Calm, Cluster};
use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, Process, json_values, tamis_fails, tamis_ok};
use tamis_tests::{corpus, spec, until};

/// Inputs, specs, and what the second job writes when nothing goes wrong.
fn prepare(path: &Path) {
    corpus::write_jsonl(&path.join("first"), &corpus::documents(200, 21), 2);
    corpus::write_jsonl(&path.join("in"), &corpus::documents(1_000, 22), 5);
    fs::write(path.join("first.toml"), spec("first", "out-first", "[dedup]\nindex = \"books\"")).unwrap();
    for name in ["calm", "job"] {
        let text = spec("in", &format!("out-{name}"), "[dedup]\nindex = \"books\"");
        fs::write(path.join(format!("{name}.toml")), text).unwrap();
    }
    tamis_ok(path, &["run", "first.toml", "--data-dir", "calm"]);
    tamis_ok(path, &["run", "calm.toml", "--data-dir", "calm"]);
    fs::remove_dir_all(path.join("out-first")).unwrap();
}

/// A coordinator that has published and swept the first job, and its worker.
fn with_first_job(path: &Path) -> (CoordinatorProcess, Process, String) {
    prepare(path);
    let coordinator = CoordinatorProcess::start(path);
    let worker = coordinator.worker();
    let first = coordinator.submit("first.toml");
    coordinator.until_published(&first);
    until_swept(path, &first);
    (coordinator, worker, first)
}

fn until_swept(path: &Path, job: &str) {
    let spec = path.join("data/work").join(job).join("spec.json");
    until("the job is swept", || (!spec.exists()).then_some(()));
}

fn lose(path: &Path, parts: &[&str]) {
    parts.iter().for_each(|part| fs::remove_dir_all(path.join("data").join(part)).unwrap());
}

fn recover(path: &Path) -> Vec<Value> {
    json_values(&tamis_ok(path, &["--json", "recover", "--data-dir", "data"]))
}

#[test]
fn a_lost_state_is_made_anew_from_the_work_and_jobs_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    prepare(path);
    let mut cluster = Cluster::start(path, 0, &[], &[]);
    // A job that was ended and taken up again is copied as any other.
    cluster.budget.arm(Point::SweepAfter, 0, Fault::Slow(1));
    let first = cluster.submit("first.toml", "first");
    cluster.call(&["cancel", &first]);
    until("the cancelled job is swept", || cluster.budget.fired().first().copied());
    until("it is taken up again", || {
        let retried = cluster.call(&["retry", &first]).remove(0);
        (retried["state"] != "cancelled").then_some(())
    });
    cluster.add_worker();
    cluster.until_published(&first);
    let listed = cluster.call(&["index", "list"]).remove(0);
    // Two scans are committed, and a third is made, when the one worker ends for good.
    cluster.budget.arm(Point::CommitSend, 2, Fault::Kill);
    let job = cluster.submit("job.toml", "job");
    until("the worker ends", || {
        let kill = (Point::CommitSend, Fault::Kill);
        cluster.budget.fired().contains(&kill).then_some(())
    });
    drop(cluster);

    lose(path, &["state", "blobs", "index"]);
    let jobs = recover(path);
    let states: Vec<_> = jobs.iter().map(|job| (job["job_id"].as_str().unwrap(), &job["state"])).collect();
    assert_eq!(
        states,
        [(first.as_str(), &"published".into()), (job.as_str(), &"scanning".into())],
        "{jobs:?}"
    );
    assert_eq!((&jobs[0]["scans"], &jobs[0]["emits"]), (&2.into(), &2.into()));
    assert_eq!((&jobs[1]["scans"], &jobs[1]["emits"]), (&3.into(), &0.into()));
    tamis_ok(path, &["index", "rebuild", "--data-dir", "data"]);

    let coordinator = CoordinatorProcess::start(path);
    let again = coordinator.call(&["index", "list"]).remove(0);
    assert_eq!(
        (&again["state_digest"], &again["documents"]),
        (&listed["state_digest"], &listed["documents"])
    );
    let (code, said) = tamis_fails(path, &["recover", "--data-dir", "data"]);
    assert_eq!(code, 2);
    assert!(said.contains("in use by another process"), "{said}");
    let _worker = coordinator.worker();
    coordinator.until_published(&job);
    let output = Output::new(path.join("out-job"));
    output.check_sums();
    assert_eq!(output.records(), Output::new(path.join("out-calm")).records());
    let explained = coordinator.call(&["explain", &first, "u1"]).remove(0);
    assert_eq!(explained["kept"], true, "{explained}");
}

#[test]
fn a_damaged_state_names_the_command_and_a_damaged_job_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (coordinator, _worker, _) = with_first_job(path);
    let job = coordinator.submit("job.toml");
    coordinator.until_published(&job);
    until_swept(path, &job);
    coordinator.stop();

    // A database of noise does not open.
    for entry in fs::read_dir(path.join("data/state")).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::write(entry.path(), [0x5a_u8; 70_000]).unwrap();
        }
    }
    let (code, said) = tamis_fails(path, &["coordinator", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(said.contains("tamis recover"), "{said}");

    // One byte of one job's record is another: it is told, and the other job is there.
    let copy = path.join("data/work").join(&job).join("state/job.json");
    let whole = fs::read(&copy).unwrap();
    fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
    let (code, said) = tamis_fails(path, &["recover", "--data-dir", "data"]);
    assert_eq!(code, 1);
    assert!(said.contains("is damaged") && said.contains(&job), "{said}");
    assert!(said.contains("state.old-1"), "{said}");

    // Of another version of tamis: both are named.
    let text = String::from_utf8(whole.clone()).unwrap().replacen("\"version\":1", "\"version\":7", 1);
    fs::write(&copy, text).unwrap();
    let (_, said) = tamis_fails(path, &["recover", "--data-dir", "data"]);
    assert!(said.contains("has version 7, this build reads 1"), "{said}");

    fs::write(&copy, whole).unwrap();
    assert_eq!(recover(path).len(), 2);
    let coordinator = CoordinatorProcess::start(path);
    assert_eq!(coordinator.call(&["jobs"]).len(), 2);
}

#[test]
fn what_was_forgotten_does_not_come_back_with_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (coordinator, _worker, first) = with_first_job(path);
    coordinator.call(&["index", "forget", "books", &first]);
    coordinator.stop();
    lose(path, &["state", "blobs", "index"]);
    recover(path);
    tamis_ok(path, &["index", "rebuild", "--data-dir", "data"]);
    let coordinator = CoordinatorProcess::start(path);
    let indexes = coordinator.call(&["index", "list"]);
    assert!(indexes.iter().all(|index| index["documents"] == 0), "{indexes:?}");
}

#[test]
fn work_that_no_job_owns_is_found_first_and_removed_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (coordinator, _worker, first) = with_first_job(path);
    assert!(coordinator.call(&["gc"]).is_empty());

    // What an attempt left that came too late, the work of another coordinator, and a folder of nobody.
    let work = path.join("data/work");
    let late = work.join(&first).join("scan-00000/99");
    let other = work.join("j-other/state");
    for place in [&late, &other, &work.join("j-nobody")] {
        fs::create_dir_all(place).unwrap();
        fs::write(place.join("bands.parquet"), "left").unwrap();
    }
    let copy = fs::read_to_string(work.join(&first).join("state/job.json")).unwrap();
    let copy = serde_json::from_str::<Value>(&copy).map(|mut copy| {
        copy["coordinator"] = "c-other".into();
        copy.to_string()
    });
    fs::write(other.join("job.json"), copy.unwrap()).unwrap();

    let reasons = |found: &[Value]| -> Vec<(String, bool)> {
        let of =
            |garbage: &Value| (garbage["reason"].as_str().unwrap().to_owned(), garbage["removed"] == true);
        found.iter().map(of).collect()
    };
    let left = format!("left by a lost attempt of job {first}");
    let another = "a job of another coordinator, c-other".to_owned();
    let nobody = "no job of this coordinator; whose it is, it does not say".to_owned();
    let found = coordinator.call(&["gc"]);
    assert_eq!(reasons(&found), [(left.clone(), false), (nobody.clone(), false), (another.clone(), false)]);
    assert!(late.exists());
    let found = coordinator.call(&["gc", "--remove"]);
    assert_eq!(reasons(&found), [(left, true), (nobody.clone(), false), (another.clone(), false)]);
    assert!(!late.exists() && other.exists());
    let found = coordinator.call(&["gc", "--remove", "--foreign"]);
    assert_eq!(reasons(&found), [(nobody, true), (another, true)]);
    assert!(coordinator.call(&["gc"]).is_empty());
}

/// A file system of a few megabytes that can be filled.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(place: &'a Path, size: &str) -> Self {
        fs::create_dir_all(place).unwrap();
        let size = format!("size={size}");
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).status().unwrap();
        assert!(
            done.success(),
            "a small file system could not be mounted at {place:?}: this test needs root"
        );
        Self(place)
    }

    fn fill(&self) {
        let ballast = self.0.join("ballast");
        let stat = rustix::fs::statvfs(self.0).unwrap();
        fs::write(ballast, vec![1_u8; (stat.f_bavail * stat.f_frsize) as usize]).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
#[ignore = "needs the right to mount a file system"]
fn a_full_disk_pauses_the_job_with_a_reason_and_it_goes_on_when_there_is_room() {
    let calm = Calm::prepare();
    let folder = calm.copy();
    let path = folder.path();
    let work = path.join("small");
    let disk = SmallDisk::mount(&work, "32m");
    let mut cluster = Cluster::start(path, 1, &["--work", "small"], &[]);
    // Time to fill the disk between the plan and the first task.
    cluster.budget.arm(Point::GrantBefore, 0, Fault::Slow(3_000));
    let job = cluster.submit("plain.toml", "full");
    until("the grant is under way", || cluster.budget.fired().first().copied());
    disk.fill();
    let mut said = String::new();
    cluster.until(&job, |_, status| {
        said = status.message.clone();
        said.contains("paused until there is room")
    });
    assert!(said.contains("No space left on device"), "{said}");
    disk.empty();
    cluster.until_published(&job);
    assert_eq!(cluster.retries, 0, "nobody had to do anything but make room");
    calm.check_output(path, "plain");
    drop(cluster);

    // The coordinator's own disk: it refuses to begin what it could not record, says why, and loses nothing.
    let folder = calm.copy();
    let path = folder.path();
    let aside = path.join("aside");
    fs::rename(path.join("data"), &aside).unwrap();
    let data = path.join("data");
    let disk = SmallDisk::mount(&data, "64m");
    copy_into(&aside, &data);
    let mut cluster = Cluster::start(path, 1, &["--work", "roomy"], &[]);
    cluster.budget.arm(Point::CommitSend, 0, Fault::Slow(3_000));
    let job = cluster.submit("plain.toml", "full");
    until("a result is brought", || cluster.budget.fired().first().copied());
    disk.fill();
    let refused = cluster.refused(&["submit", "full.toml"]);
    assert!(refused.contains("is full") || refused.contains("No space left"), "{refused}");
    disk.empty();
    cluster.until_published(&job);
    assert_eq!((cluster.retries, cluster.restarts), (0, 0));
    calm.check_output(path, "plain");
}

fn copy_into(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(done.success());
}
