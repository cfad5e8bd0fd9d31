//! A job whose inputs, artefacts, tokenizer and output all stand in a bucket.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use serde_json::Value;
use tamis_tests::output::Output;
use tamis_tests::process::{command, json_values, tamis_ok};
use tamis_tests::s3::Bucket;
use tamis_tests::{corpus, small_tokenizer, spec};

#[test]
#[ignore = "needs TAMIS_TEST_S3_ENDPOINT, the http:// address of an S3 server such as moto"]
fn a_job_on_a_bucket_writes_what_it_writes_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(600, 8), 2);
    fs::write(path.join("disk.toml"), spec("in", "out", "")).unwrap();
    tamis_ok(path, &["run", "disk.toml"]);

    let bucket = Bucket::create();
    let base = format!("s3://{}", bucket.name);
    for part in ["part-0.jsonl", "part-1.jsonl"] {
        bucket.upload(&format!("in/{part}"), &fs::read(path.join("in").join(part)).unwrap());
    }
    bucket.upload("tokenizer.json", &fs::read(small_tokenizer()).unwrap());
    let text = spec(&format!("{base}/in/*.jsonl"), &format!("{base}/out"), "")
        .replace(small_tokenizer().to_str().unwrap(), &format!("{base}/tokenizer.json"));
    fs::write(path.join("bucket.toml"), text).unwrap();
    let work = format!("{base}/work");
    let output = command(path)
        .envs(bucket.environment())
        .args(["--json", "run", "bucket.toml", "--work", &work, "--data-dir", "data-bucket"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json_values(&String::from_utf8(output.stdout).unwrap()).pop().unwrap();
    assert_eq!(report["funnel"][8]["docs"], corpus::unique(600));

    let disk = Output::new(path.join("out"));
    let files = |manifest: &Value| -> Vec<(String, String)> {
        let files = manifest["files"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut files: Vec<_> =
            files.iter().map(|file| (text(&file["name"]), text(&file["sha256"]))).collect();
        // Drops name their inputs, and the report holds the digest of a spec that does: these differ.
        files.retain(|(name, _)| name.starts_with("text/") || name.starts_with("tokens/"));
        files
    };
    let manifest: Value = serde_json::from_slice(&bucket.download("out/manifest.json")).unwrap();
    assert_eq!(files(&manifest), files(&disk.json("manifest.json")));
    for (name, _) in files(&manifest) {
        assert_eq!(bucket.download(&format!("out/{name}")), fs::read(path.join("out").join(&name)).unwrap());
    }
}
