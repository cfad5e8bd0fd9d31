//! What a version of tamis left on disk opens in every later one: `tests/golden/VERSION.tar.zst` holds the folder of a
//! cluster in which one job is published and swept, and another was emitting when all processes ended.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tamis_common::fault::{Fault, Point};
use tamis_tests::chaos::Cluster;
use tamis_tests::output::Output;
use tamis_tests::process::{json_values, tamis_ok};
use tamis_tests::{corpus, repository, small_tokenizer, spec, until};

/// State and artefacts hold absolute paths. This one is the folder in which a process runs, wherever that is.
const HERE: &str = "/proc/self/cwd";
/// The ids that the job under way keeps, in order.
const KEPT: &str = "kept.json";

fn golden() -> PathBuf {
    repository().join("tests/golden")
}

/// Commits of the second job when its worker ends: all four scans and two emits of four.
const COMMITS: usize = 6;

#[test]
#[ignore = "writes the golden folder of this version, once a release"]
fn make_golden() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let first = corpus::documents(120, 31);
    let mut second = corpus::documents(200, 32);
    second.extend(first.iter().take(30).cloned());
    corpus::write_jsonl(&path.join("in/first"), &first, 2);
    corpus::write_jsonl(&path.join("in/second"), &second, 4);
    fs::copy(small_tokenizer(), path.join("tokenizer.json")).unwrap();
    for name in ["first", "second"] {
        let more = "[clean]\npreset = \"recommended\"\n[dedup]\nindex = \"books\"";
        let text = spec(&format!("{HERE}/in/{name}"), &format!("{HERE}/out-{name}"), more);
        let text = text.replace(small_tokenizer().to_str().unwrap(), &format!("{HERE}/tokenizer.json"));
        fs::write(path.join(format!("{name}.toml")), text).unwrap();
        tamis_ok(path, &["run", &format!("{name}.toml"), "--data-dir", "calm"]);
    }
    let kept = kept(path);
    assert_eq!(kept.len(), corpus::unique(200), "the index drops what the first job has published");
    fs::write(path.join(KEPT), serde_json::to_vec(&kept).unwrap()).unwrap();
    ["calm", "out-first", "out-second"].iter().for_each(|name| fs::remove_dir_all(path.join(name)).unwrap());

    let mut cluster = Cluster::start(path, 1, &["--work", &format!("{HERE}/data/work")], &[]);
    cluster.budget.arm(Point::SweepAfter, 0, Fault::Slow(1));
    let first = cluster.submit("first.toml", "first");
    cluster.until_published(&first);
    cluster.budget.arm(Point::CommitSend, COMMITS, Fault::Kill);
    cluster.submit("second.toml", "second");
    let kill = (Point::CommitSend, Fault::Kill);
    until("the worker ends", || cluster.budget.fired().contains(&kill).then_some(()));
    drop(cluster);
    fs::remove_dir_all(path.join("faults")).unwrap();
    ["coordinator.log", "worker-0.log"].iter().for_each(|name| fs::remove_file(path.join(name)).unwrap());

    fs::create_dir_all(golden()).unwrap();
    let file = golden().join(concat!(env!("CARGO_PKG_VERSION"), ".tar.zst"));
    let mut archive = tar::Builder::new(zstd::Encoder::new(File::create(file).unwrap(), 19).unwrap());
    archive.append_dir_all(".", path).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
}

/// The ids that the second job has kept.
fn kept(path: &Path) -> Vec<Value> {
    Output::new(path.join("out-second")).records().into_iter().map(|record| record["id"].clone()).collect()
}

#[test]
fn what_every_version_left_opens_and_goes_on() {
    let mut versions: Vec<PathBuf> =
        fs::read_dir(golden()).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    assert!(!versions.is_empty());
    for version in versions {
        println!("{}", version.display());
        let folder = tempfile::tempdir().unwrap();
        let archive = zstd::Decoder::new(File::open(version).unwrap()).unwrap();
        tar::Archive::new(archive).unpack(folder.path()).unwrap();
        opens_and_goes_on(folder.path());
    }
}

fn opens_and_goes_on(path: &Path) {
    let work = format!("{HERE}/data/work");
    let mut cluster = Cluster::start(path, 0, &["--work", &work], &[]);
    let jobs = cluster.call(&["jobs"]);
    let [second, first] = ["second", "first"].map(|name| {
        let output = format!("out-{name}");
        let job = jobs.iter().find(|job| job["output_uri"].as_str().unwrap().ends_with(&output)).unwrap();
        (job["job_id"].as_str().unwrap().to_owned(), job["state"].as_str().unwrap().to_owned())
    });
    assert_eq!((first.1.as_str(), second.1.as_str()), ("published", "emitting"), "{jobs:?}");
    Output::new(path.join("out-first")).check_sums();
    cluster.call(&["index", "verify", "books"]);
    let explained = cluster.call(&["explain", &first.0, "u1"]).remove(0);
    assert_eq!(explained["kept"], true, "{explained}");

    cluster.add_worker();
    cluster.until_published(&second.0);
    let expected: Vec<Value> = serde_json::from_slice(&fs::read(path.join(KEPT)).unwrap()).unwrap();
    assert_eq!(kept(path), expected);
    Output::new(path.join("out-second")).check_sums();
    let digest = |cluster: &Cluster| cluster.call(&["index", "list"]).remove(0)["state_digest"].clone();
    let whole = digest(&cluster);
    drop(cluster);

    // Recovery reads the copies of the state and the artefacts that are kept.
    for part in ["state", "blobs", "index"] {
        fs::remove_dir_all(path.join("data").join(part)).unwrap();
    }
    let recovered =
        json_values(&tamis_ok(path, &["--json", "recover", "--data-dir", "data", "--work", &work]));
    assert_eq!(recovered.len(), 2);
    assert!(recovered.iter().all(|job| job["state"] == "published"), "{recovered:?}");
    tamis_ok(path, &["index", "rebuild", "--data-dir", "data"]);
    let cluster = Cluster::start(path, 0, &["--work", &work], &[]);
    assert_eq!(digest(&cluster), whole);
}
