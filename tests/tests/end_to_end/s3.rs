//! Jobs whose inputs, artefacts, tokenizer and output all stand in a bucket: a store that behaves, one that does not, and
//! one that is down.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tamis_common::fault::{Fault, Point};
use tamis_tests::chaos::{Amiss, Ask, Cluster, Seen, StoreProxy};
use tamis_tests::output::Output;
use tamis_tests::process::{command, json_values, tamis_ok};
use tamis_tests::s3::{Bucket, SECRET};
use tamis_tests::{corpus, small_tokenizer, spec, until};

/// The inputs in `folder/in` and in the bucket, a spec of a job on each (`disk.toml`, `bucket.toml`), and the output of the
/// first in `folder/out`.
fn prepare(folder: &Path, documents: usize, parts: usize, more: &str) -> Bucket {
    corpus::write_jsonl(&folder.join("in"), &corpus::documents(documents, 8), parts);
    fs::write(folder.join("disk.toml"), spec("in", "out", more)).unwrap();
    tamis_ok(folder, &["run", "disk.toml"]);

    let bucket = Bucket::create();
    let base = format!("s3://{}", bucket.name);
    for part in fs::read_dir(folder.join("in")).unwrap().map(Result::unwrap) {
        let name = part.file_name().into_string().unwrap();
        bucket.upload(&format!("in/{name}"), &fs::read(part.path()).unwrap());
    }
    bucket.upload("tokenizer.json", &fs::read(small_tokenizer()).unwrap());
    let text = spec(&format!("{base}/in/*.jsonl"), &format!("{base}/out"), more)
        .replace(small_tokenizer().to_str().unwrap(), &format!("{base}/tokenizer.json"));
    fs::write(folder.join("bucket.toml"), text).unwrap();
    bucket
}

/// Checks that the output in the bucket is the one on the disk, byte for byte.
fn check_output(folder: &Path, bucket: &Bucket) {
    let files = |manifest: &Value| -> Vec<(String, String)> {
        let files = manifest["files"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut files: Vec<_> =
            files.iter().map(|file| (text(&file["name"]), text(&file["sha256"]))).collect();
        // Drops name their inputs, and the report holds the digest of a spec that does: these differ.
        files.retain(|(name, _)| name.starts_with("text/") || name.starts_with("tokens/"));
        files
    };
    let disk = Output::new(folder.join("out"));
    let manifest: Value = serde_json::from_slice(&bucket.download("out/manifest.json")).unwrap();
    assert_eq!(files(&manifest), files(&disk.json("manifest.json")));
    assert!(!files(&manifest).is_empty());
    for (name, _) in files(&manifest) {
        assert_eq!(
            bucket.download(&format!("out/{name}")),
            fs::read(folder.join("out").join(&name)).unwrap()
        );
    }
    let report: Value = serde_json::from_slice(&bucket.download("out/report.json")).unwrap();
    assert_eq!(report["funnel"], disk.json("report.json")["funnel"]);
    // Nothing else is left there, the claim on the folder least of all.
    let listed =
        manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned());
    let mut listed: Vec<String> = listed.chain(["manifest.json", "run.json"].map(str::to_owned)).collect();
    listed.sort();
    assert_eq!(bucket.keys_below("out"), listed);
}

/// A coordinator and two workers whose work stands in the bucket, behind the proxy.
fn cluster(folder: &Path, bucket: &Bucket, store: &StoreProxy) -> Cluster {
    let endpoint = store.endpoint();
    let mut env = bucket.environment_through(&endpoint).to_vec();
    // A silent store shall not hold the test up.
    env.push(("AWS_TIMEOUT", "2s"));
    Cluster::start(folder, 2, &["--work", &format!("s3://{}/work", bucket.name)], &env)
}

/// Checks that no process has said or written the secret.
fn check_secret(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = fs::read(entry.path()).unwrap();
            let holds = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!holds, "{:?} holds the secret", entry.path());
        }
    }
}

#[test]
#[ignore = "needs TAMIS_TEST_S3_ENDPOINT, the http:// address of an S3 server such as moto"]
fn a_job_on_a_bucket_writes_what_it_writes_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let bucket = prepare(path, 600, 2, "");
    let work = format!("s3://{}/work", bucket.name);
    let output = command(path)
        .envs(bucket.environment())
        .args(["--json", "run", "bucket.toml", "--work", &work, "--data-dir", "data-bucket"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json_values(&String::from_utf8(output.stdout).unwrap()).pop().unwrap();
    assert_eq!(report["funnel"][8]["docs"], corpus::unique(600));
    check_output(path, &bucket);
}

#[test]
#[ignore = "needs TAMIS_TEST_S3_ENDPOINT, the http:// address of an S3 server such as moto"]
fn a_cluster_on_an_s3_server_lists_pages_reads_ranges_and_writes_parts() {
    /// Names of a listing, of which a page holds 1,000; the job reads two of them.
    const OBJECTS: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // The tokens of a shard are more than a part of an upload holds.
    let bucket = prepare(path, 24_000, 2, "");
    (0..OBJECTS - 2).for_each(|number| bucket.upload(&format!("in/{number:04}.txt"), b""));
    let store = StoreProxy::start(bucket.host());
    let mut cluster = cluster(path, &bucket, &store);
    let job = cluster.submit("bucket.toml", "s3");
    cluster.until_published(&job);
    check_output(path, &bucket);
    drop(cluster);
    check_secret(path);

    let seen = store.seen();
    let of = |ask: Ask| seen.iter().filter(|seen| seen.ask == ask).collect::<Vec<&Seen>>();
    let inputs = of(Ask::List).into_iter().filter(|seen| seen.is_continued).count();
    assert!(inputs >= OBJECTS / 1_000 - 1, "{inputs} further pages were listed");
    let ranged =
        of(Ask::Get).into_iter().filter(|seen| seen.is_ranged && seen.path.ends_with(".jsonl")).count();
    assert!(ranged > 2 * 3, "the inputs were read in {ranged} ranges");
    assert!(
        of(Ask::Begin).len() >= 2 && of(Ask::Complete).len() >= 2,
        "each large object is written in parts"
    );
    assert!(of(Ask::Part).len() >= 2 * of(Ask::Complete).len(), "{} parts", of(Ask::Part).len());
    let copied = of(Ask::Copy).into_iter().filter(|seen| seen.path.contains("/out/")).count();
    assert!(copied >= 2 * 4, "{copied} files were published by a copy within the store");
    let claims =
        of(Ask::Create).into_iter().filter(|seen| seen.path.ends_with("/out/.tamis-publishing")).count();
    assert_eq!(claims, 1, "the output folder is taken by a create-if-absent");
}

#[test]
#[ignore = "needs TAMIS_TEST_S3_ENDPOINT, the http:// address of an S3 server such as moto"]
fn an_object_store_with_errors_changes_nothing() {
    use Amiss::{Broken, Cut, HiddenError, Late, LostAfter, Silence, SlowDown};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let bucket = prepare(path, 24_000, 2, "");
    let store = StoreProxy::start(bucket.host());
    for ask in [Ask::Head, Ask::Get, Ask::List, Ask::Put, Ask::Create, Ask::Copy, Ask::Delete] {
        [Broken, SlowDown, LostAfter, Late(300)].into_iter().for_each(|amiss| store.arm(ask, amiss));
    }
    [Silence, Cut].into_iter().for_each(|amiss| store.arm(Ask::Get, amiss));
    store.arm(Ask::Put, Silence);
    store.arm(Ask::Copy, HiddenError);
    for ask in [Ask::Begin, Ask::Part, Ask::Complete] {
        [Broken, SlowDown].into_iter().for_each(|amiss| store.arm(ask, amiss));
    }
    store.arm(Ask::Part, LostAfter);
    store.arm(Ask::Complete, HiddenError);
    let mut cluster = cluster(path, &bucket, &store);
    // Beside what the store does, processes die.
    for point in [Point::CommitSend, Point::ObjectAfter, Point::PublishFile, Point::ResolveVerdicts] {
        cluster.budget.arm(point, 0, Fault::Kill);
    }
    let job = cluster.submit("bucket.toml", "s3");
    cluster.until_published(&job);
    check_output(path, &bucket);
    assert_eq!(cluster.restarts, 4);
    drop(cluster);
    check_secret(path);
    println!("answers amiss: {:?}", store.fired());
    assert_eq!(store.waiting(), [], "each has been given once");
}

#[test]
#[ignore = "needs TAMIS_TEST_S3_ENDPOINT, the http:// address of an S3 server such as moto"]
fn a_store_that_stays_down_is_asked_a_bounded_number_of_times_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let bucket = prepare(path, 60, 2, "[run]\nmax_attempts = 1\n");
    let store = StoreProxy::start(bucket.host());
    store.always("/in/part-1.jsonl", Amiss::Broken);
    let cluster = cluster(path, &bucket, &store);
    let asked = || store.seen().iter().filter(|seen| seen.path.ends_with("/in/part-1.jsonl")).count();
    let refused = until("the job fails", || {
        let job = cluster.call(&["jobs"]).pop();
        match job {
            None => {
                // Found out by the plan.
                let said = cluster.refused(&["submit", "bucket.toml", "--request-id", "s3"]);
                (!said.is_empty()).then_some(said)
            }
            Some(job) if job["state"] == "failed" => {
                Some(cluster.call(&["status", job["job_id"].as_str().unwrap()]).remove(0).to_string())
            }
            Some(_) => None,
        }
    });
    let named = format!("s3://{}/in/part-1.jsonl", bucket.name);
    assert!(refused.contains(&named) && refused.contains("500"), "{refused}");
    // One request and eight more, and the step of the plan is made four times.
    assert!(asked() <= 4 * 9, "asked {} times", asked());
    store.mend();
    let job = cluster.call(&["jobs"]).remove(0)["job_id"].as_str().unwrap().to_owned();
    cluster.call(&["retry", &job]);
    let mut cluster = cluster;
    cluster.until_published(&job);
    check_output(path, &bucket);
    drop(cluster);
    check_secret(path);
}
