//! Jobs touch what the operator allows, and nothing else, whatever their specs and inputs say.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tamis_tests::output::Output;
use tamis_tests::process::{Process, command, tamis};
use tamis_tests::{small_tokenizer, until};

const GOOD: &str = "{\"id\":\"good\",\"text\":\"a good record\"}\n";

/// A folder with the working directory `here` and what lies `elsewhere`.
fn prepare() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for place in ["here/in", "elsewhere/in"] {
        fs::create_dir_all(folder.path().join(place)).unwrap();
        fs::write(folder.path().join(place).join("a.jsonl"), GOOD).unwrap();
    }
    for place in ["here", "elsewhere"] {
        fs::copy(small_tokenizer(), folder.path().join(place).join("tokenizer.json")).unwrap();
    }
    let here = folder.path().join("here");
    (folder, here)
}

fn write_job(here: &Path, input: &str, output: &str, tokenizer: &str) {
    let text = format!(
        "name = \"test\"\n[tokenizer]\npath = {tokenizer:?}\n[[source]]\nname = \"web\"\ninputs = [{input:?}]\n[output]\nuri = {output:?}\n"
    );
    fs::write(here.join("job.toml"), text).unwrap();
}

/// `tamis run` as a user has it, without what the tests allow.
fn run(here: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut call: Command = command(here);
    call.env_remove("TAMIS_ALLOW_READ").env_remove("TAMIS_ALLOW_WRITE");
    let ended = call.args(["run", "job.toml"]).args(more).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn a_run_touches_the_working_directory_only() {
    let (_folder, here) = prepare();
    write_job(&here, "in", "out", "tokenizer.json");
    assert_eq!(run(&here, &[]).0, Some(0));
    Output::new(here.join("out")).check_sums();
    fs::remove_dir_all(here.join("out")).unwrap();

    symlink("../elsewhere/in", here.join("way")).unwrap();
    symlink("../../elsewhere/in/a.jsonl", here.join("in/link.jsonl")).unwrap();
    symlink("../elsewhere", here.join("gate")).unwrap();
    fs::create_dir(here.join("clean")).unwrap();
    fs::write(here.join("clean/a.jsonl"), GOOD).unwrap();
    for (input, output, tokenizer, named) in [
        ("../elsewhere/in", "out", "tokenizer.json", "source `web`"),
        ("../elsewhere/*/a.jsonl", "out", "tokenizer.json", "source `web`"),
        ("/**/a.jsonl", "out", "tokenizer.json", "source `web`"),
        ("way", "out", "tokenizer.json", "a link to"),
        ("in", "out", "tokenizer.json", "a link to"),
        ("clean", "../elsewhere/out", "tokenizer.json", "`output.uri`"),
        ("clean", "gate/out", "tokenizer.json", "a link to"),
        ("clean", "out", "../elsewhere/tokenizer.json", "`tokenizer.path`"),
        ("s3://bucket/in", "out", "tokenizer.json", "s3://bucket/in"),
    ] {
        write_job(&here, input, output, tokenizer);
        let (code, said) = run(&here, &[]);
        assert!(code != Some(0) && said.contains("must not be") && said.contains(named), "{input}: {said}");
        assert!(said.contains("--allow-"), "{input}: {said}");
        assert!(!here.join("out/manifest.json").exists(), "{input} {output} {tokenizer}");
    }
    write_job(&here, &format!("file://{}/in/../../elsewhere/in", here.display()), "out", "tokenizer.json");
    let (code, said) = run(&here, &[]);
    assert!(code == Some(2) && said.contains("climbs with `..`"), "{said}");

    write_job(&here, "../elsewhere/in", "../elsewhere/out", "tokenizer.json");
    let allowed = ["--allow-read", "../elsewhere/in", "--allow-write", "../elsewhere/out"];
    let (code, said) = run(&here, &allowed);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_coordinator_allows_nothing_until_it_is_told_what() {
    let (_folder, here) = prepare();
    write_job(&here, "in", "out", "tokenizer.json");
    let start = |allow: &[&str]| {
        let mut call = command(&here);
        call.env_remove("TAMIS_ALLOW_READ").env_remove("TAMIS_ALLOW_WRITE");
        let args = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data"];
        Process::of(call, &[&args, allow].concat())
    };
    let url = |process: &Process| format!("http://{}", process.hello["listen"].as_str().unwrap());

    let closed = start(&[]);
    let ended = tamis(&here, &["--coordinator", &url(&closed), "submit", "job.toml"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("must not be read") && said.contains("--allow-read"), "{said}");
    assert_eq!(closed.terminate(), Some(0));

    let open = start(&["--allow-read", ".", "--allow-write", "out"]);
    let call = |args: &[&str]| tamis(&here, &[&["--json", "--coordinator", &url(&open)], args].concat());
    // An index is copied to and from folders of the coordinator's machine: the same holds for them.
    let folder = here.join("../elsewhere/export");
    let ended = call(&["index", "import", folder.to_str().unwrap()]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(2) && said.contains("climbs"), "{said}");

    // A worker with roots of its own keeps to them, whatever its coordinator allows.
    let work = here.join("data/work");
    let mut worker = command(&here);
    worker.env("TAMIS_ALLOW_READ", &work).env("TAMIS_ALLOW_WRITE", &work);
    let narrow = Process::of(worker, &["--coordinator", &url(&open), "worker", "--slots", "1"]);
    let ended = call(&["submit", "--wait", "job.toml"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(1) && said.contains("in/a.jsonl` must not be read"), "{said}");
    assert_eq!(narrow.terminate(), Some(0));

    let mut worker = command(&here);
    worker.env("TAMIS_ALLOW_READ", here.join("in")).env("TAMIS_ALLOW_WRITE", &work);
    let _wide = Process::of(worker, &["--coordinator", &url(&open), "worker", "--slots", "1"]);
    let job = until("there is a job", || {
        let listed = String::from_utf8(call(&["jobs"]).stdout).unwrap();
        let job: serde_json::Value = serde_json::from_str(listed.lines().next()?).ok()?;
        Some(job["job_id"].as_str()?.to_owned())
    });
    assert!(call(&["retry", &job]).status.success());
    until("the job is published", || here.join("out/manifest.json").exists().then_some(()));
}

#[test]
fn state_work_keys_and_tokens_are_closed_whatever_is_allowed() {
    let (_folder, here) = prepare();
    write_job(&here, "in", "out", "tokenizer.json");
    let (code, said) = run(&here, &["--data-dir", "data"]);
    assert_eq!(code, Some(0), "{said}");
    for (input, output) in [
        ("data/work", "new"),
        ("data/state", "new"),
        ("data/**/*.parquet", "new"),
        ("**/documents.parquet", "new"),
        ("in", "data/new"),
        ("in", "data/work/new"),
        ("in", "data/index/new"),
    ] {
        write_job(&here, input, output, "tokenizer.json");
        let (code, said) = run(&here, &["--data-dir", "data"]);
        // What a pattern meets below an allowed folder is found out by the plan, in the job.
        let expected = if input.starts_with("**") { 1 } else { 2 };
        assert_eq!(code, Some(expected), "{input} {output}: {said}");
        assert!(said.contains("by a job: state, work, keys or tokens"), "{input} {output}: {said}");
    }

    // The folder of the tokens is closed to jobs, and to links.
    let certs = ["certs", "init", "certs"];
    assert!(tamis(&here, &certs).status.success());
    let token =
        ["token", "new", "--role", "submit", "--name", "s", "--tokens", "certs/tokens", "--out", "s.token"];
    assert!(tamis(&here, &token).status.success());
    let args = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "closed", "--tokens", "certs/tokens"];
    let coordinator = Process::of(command(&here), &[&args[..], &["--allow-write", "."]].concat());
    let url = format!("http://{}", coordinator.hello["listen"].as_str().unwrap());
    symlink("certs", here.join("way")).unwrap();
    for input in ["certs/ca.key", "certs/*", "certs/tokens", "way", "way/*.key"] {
        write_job(&here, input, "new", "tokenizer.json");
        let ended = tamis(&here, &["--coordinator", &url, "--token-file", "s.token", "submit", "job.toml"]);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(2) && said.contains("keys or tokens"), "{input}: {said}");
    }
    write_job(&here, "in", "certs/out", "certs/ca.pem");
    let ended = tamis(&here, &["--coordinator", &url, "--token-file", "s.token", "submit", "job.toml"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    // All that may not be is told at once.
    assert!(
        said.contains("2 problems") && said.contains("tokenizer.path") && said.contains("output.uri"),
        "{said}"
    );
}

#[test]
fn folders_of_the_process_may_be_named_with_climbs() {
    let (_folder, here) = prepare();
    write_job(&here, "in", "out", "tokenizer.json");
    let (code, said) = run(&here, &["--data-dir", "../elsewhere/data", "--work", "in/../../elsewhere/work"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(here.join("../elsewhere/data/state").is_dir() && here.join("../elsewhere/work").is_dir());
    Output::new(here.join("out")).check_sums();
}
