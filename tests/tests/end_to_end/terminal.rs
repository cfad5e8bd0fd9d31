//! What people see of a job on a terminal and in a pipe, and what `doctor`, `plan` and `completions` tell.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output as Ended, Stdio};

use serde_json::{Value, json};
use tamis_common::fault::{Fault, Point, VARIABLE};
use tamis_tests::chaos::Budget;
use tamis_tests::process::{
    CoordinatorProcess, Process, binary, command, json_values, tamis, tamis_fails, tamis_ok,
};
use tamis_tests::{corpus, repository, spec, until};

const PHASES: [&str; 6] = ["plan", "scan", "resolve", "mix", "emit", "publish"];

fn prepared(documents: usize, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    corpus::write_jsonl(&folder.path().join("in"), &corpus::documents(documents, 61), 3);
    fs::write(folder.path().join("job.toml"), spec("in", "out", more)).unwrap();
    folder
}

/// Runs the binary in a terminal of its own; all that it wrote there.
fn in_terminal(folder: &Path, columns: u32, rows: u32, env: &[(&str, &str)], args: &str) -> String {
    let line = format!("stty columns {columns} rows {rows}; exec {} {args}", binary().display());
    let mut call = Command::new("script");
    // `command` knows which variables a call must not see.
    for (name, value) in command(folder).get_envs() {
        match value {
            Some(value) => call.env(name, value),
            None => call.env_remove(name),
        };
    }
    call.env("TERM", "xterm").env_remove("NO_COLOR").envs(env.iter().copied());
    let output = call
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("`script` of util-linux is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// What stands on the screen in the end: the cursor moves and clears as in a terminal.
fn screen(written: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), Vec::new());
            }
            '\u{1b}' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                match &rest[end..=end] {
                    "A" => row -= rest[1..end].parse::<usize>().unwrap(),
                    "K" => lines[row].truncate(column),
                    "J" => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
                    "m" => {}
                    code => panic!("no terminal of this test knows {code}"),
                }
                rest = &rest[end + 1..];
            }
            c => {
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    lines.into_iter().map(String::from_iter).collect()
}

#[test]
fn on_a_terminal_the_phases_stay_in_order_and_tell_what_they_took() {
    let folder = prepared(600, "[run]\nshard_bytes = \"64KiB\"");
    for (columns, rows) in [(80, 24), (200, 50), (40, 24)] {
        let written = in_terminal(folder.path(), columns, rows, &[], "run job.toml --replace");
        let shown = screen(&written);
        let first = shown.iter().position(|line| line.starts_with("plan")).unwrap();
        for (phase, line) in PHASES.iter().zip(&shown[first..]) {
            assert!(line.starts_with(&format!("{phase:<9}done in ")), "{columns}: {line:?}\n{shown:#?}");
            assert!(line.chars().count() < columns as usize, "{line:?}");
        }
        assert!(columns < 80 || shown[first + 1].contains("600 records"), "{shown:#?}");
        assert!(
            shown[first + 6].starts_with("published ") && shown[first + 6].contains(" after it was"),
            "{shown:#?}"
        );
        assert!(written.contains("\u{1b}[32m"), "there is colour");
    }
    let plain = in_terminal(folder.path(), 80, 24, &[("NO_COLOR", "1")], "run job.toml --replace");
    assert!(
        plain.contains("\u{1b}[K") && !plain.contains("\u{1b}[3") && !plain.contains("\u{1b}[2m"),
        "{plain}"
    );
    let dumb = in_terminal(folder.path(), 80, 24, &[("TERM", "dumb")], "run job.toml --replace");
    assert!(!dumb.contains('\u{1b}') && dumb.contains("scan: done in "), "{dumb}");
}

#[test]
fn a_terminal_of_few_rows_shows_the_phase_that_runs() {
    let folder = prepared(60, "");
    let shown = screen(&in_terminal(folder.path(), 80, 6, &[], "run job.toml"));
    let phases =
        shown.iter().filter(|line| PHASES.iter().any(|phase| line.starts_with(&format!("{phase:<9}done"))));
    assert_eq!(phases.count(), 1, "{shown:#?}");
}

fn said(ended: &Ended) -> String {
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stderr.clone()).unwrap()
}

#[test]
fn in_a_pipe_there_is_a_line_a_change_that_tells_of_failures_too() {
    let folder = prepared(300, "[run]\nshard_bytes = \"64KiB\"");
    let budget = Budget::new(folder.path().join("faults"));
    budget.arm(Point::ObjectBefore, 12, Fault::Fail);
    let mut call = command(folder.path());
    call.env(VARIABLE, budget.folder()).args(["run", "job.toml", "--workers", "1"]);
    let said = said(&call.output().unwrap());
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("scan: done in ")).count(), 1, "{said}");
    assert!(said.contains("1 failed attempt") && !said.contains("1 failed attempts"), "{said}");
    assert!(said.lines().last().unwrap().starts_with("published "), "{said}");
    let mut lines: Vec<&str> = said.lines().collect();
    lines.dedup();
    assert_eq!(lines.len(), said.lines().count(), "nothing is said twice in a row:\n{said}");
}

#[test]
fn a_watch_says_what_it_waits_for() {
    let folder = prepared(60, "");
    let coordinator = CoordinatorProcess::start(folder.path());
    let url = coordinator.url();
    let log = fs::File::create(folder.path().join("said")).unwrap();
    let mut call = command(folder.path());
    call.args(["--coordinator", &url, "submit", "--wait", "job.toml"]).stdout(Stdio::null()).stderr(log);
    let mut watching = call.spawn().unwrap();
    let said = || fs::read_to_string(folder.path().join("said")).unwrap();
    until("the watch says that there is no worker", || {
        said().contains("scanning: 0/3 shards, waits for a worker").then_some(())
    });
    let worker = coordinator.worker();
    assert!(watching.wait().unwrap().success());
    assert!(said().lines().last().unwrap().starts_with("published "), "{}", said());

    let jobs = tamis_ok(folder.path(), &["--coordinator", &url, "jobs", "--state", "published,failed"]);
    let lines: Vec<&str> = jobs.lines().collect();
    assert_eq!(lines.len(), 2, "{jobs}");
    assert!(lines[0].starts_with("job ") && lines[1].contains("published     3/3"), "{jobs}");
    let none = coordinator.call(&["jobs", "--state", "failed"]);
    assert_eq!(none, Vec::<Value>::new());
    assert_eq!(coordinator.call(&["jobs", "--limit", "0"]), Vec::<Value>::new());
    let workers = tamis_ok(folder.path(), &["--coordinator", &url, "workers"]);
    let id = worker.hello["worker_id"].as_str().unwrap();
    assert!(workers.lines().nth(1).unwrap().starts_with(id), "{workers}");
}

fn states(checks: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (text(&check["what"]), text(&check["state"])))
        .collect()
}

fn doctor(folder: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let ended = tamis(folder, &[&["--json", "doctor", "--listen", "127.0.0.1:0"], args].concat());
    let printed = String::from_utf8(ended.stdout).unwrap();
    (
        ended.status.code(),
        json_values(&printed).pop().unwrap_or_else(|| panic!("{args:?}: {:?}", ended.stderr)),
    )
}

#[test]
fn a_doctor_finds_a_machine_and_a_job_well_and_leaves_nothing_behind() {
    let folder = prepared(60, "");
    let (code, checks) = doctor(folder.path(), &["job.toml"]);
    assert_eq!((code, &checks["failed"]), (Some(0), &json!(0)), "{checks:#}");
    let states = states(&checks);
    for what in
        ["processor", "open files", "data folder", "work storage", "tokenizer", "inputs", "disk", "output"]
    {
        assert!(states.iter().any(|(name, state)| name == what && state != "fail"), "{what}: {checks:#}");
    }
    let tokenizer =
        checks["checks"].as_array().unwrap().iter().find(|check| check["what"] == "tokenizer").unwrap();
    assert!(tokenizer["detail"].as_str().unwrap().contains("4,000 tokens, sha256 "), "{tokenizer}");
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["in", "job.toml"]);
}

#[test]
fn a_doctor_fails_with_what_is_wrong_and_what_to_do() {
    let folder = prepared(6, "");
    let path = folder.path();
    fs::write(path.join("tokenizer.json"), "{}").unwrap();
    let text = fs::read_to_string(path.join("job.toml")).unwrap();
    let tokenizer = repository().join("examples/finance-zh/tokenizer.json");
    let wrong = text.replace(tokenizer.to_str().unwrap(), "tokenizer.json").replace("\"in\"", "\"nowhere\"");
    fs::write(path.join("wrong.toml"), format!("{wrong}\n[dedup]\nresolve_memory = \"100TiB\"\n")).unwrap();
    fs::write(path.join("file"), "").unwrap();
    let (code, checks) = doctor(
        path,
        &[
            "wrong.toml",
            "--work",
            "file/work",
            "--tokens",
            "no-tokens",
            "--coordinator",
            "http://127.0.0.1:1",
        ],
    );
    assert_eq!(code, Some(1), "{checks:#}");
    let states = states(&checks);
    for what in ["work storage", "tokens", "coordinator", "tokenizer", "inputs", "memory"] {
        assert!(states.contains(&(what.to_owned(), "fail".to_owned())), "{what}: {checks:#}");
    }
    let (code, checks) = doctor(path, &["folder.toml"]);
    assert_eq!(code, Some(1), "a spec that is missing is a check that failed: {checks:#}");
    let text = tamis(path, &["doctor", "wrong.toml", "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("FAIL  tokenizer") && text.contains("What to do") && text.contains(" failed"),
        "{text}"
    );
}

#[test]
fn a_doctor_sees_a_coordinator_its_workers_its_clock_and_its_port() {
    let folder = prepared(6, "");
    let coordinator = CoordinatorProcess::start(folder.path());
    let url = coordinator.url();
    let checked = || {
        let args = ["--json", "--coordinator", &url, "doctor", "--listen", &coordinator.address];
        json_values(&tamis_ok(folder.path(), &args)).remove(0)
    };
    let is = |checks: &Value, what: &str, state: &str| {
        states(checks).contains(&(what.to_owned(), state.to_owned()))
    };
    let checks = checked();
    assert!(is(&checks, "workers", "warn"), "it has none: {checks:#}");
    let _worker: Process = coordinator.worker();
    let checks = checked();
    for what in ["coordinator", "clock", "workers", "port gRPC"] {
        assert!(is(&checks, what, "ok"), "{what}: {checks:#}");
    }
    let told = checks.to_string();
    assert!(
        told.contains("1 worker with 1 slot") && told.contains("a coordinator of tamis answers"),
        "{checks:#}"
    );
    assert!(told.contains("within a second"), "{checks:#}");
}

#[test]
fn a_plan_of_all_there_is_tells_what_the_run_then_finds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let example = repository().join("examples/finance-zh");
    for entry in ["job.toml", "tokenizer.json"] {
        fs::copy(example.join(entry), path.join(entry)).unwrap();
    }
    std::os::unix::fs::symlink(example.join("data"), path.join("data")).unwrap();
    let plan = json_values(&tamis_ok(path, &["--json", "plan", "job.toml"])).remove(0);
    let report = json_values(&tamis_ok(path, &["--json", "run", "job.toml"])).remove(0);
    let stage = |name: &str| {
        report["funnel"].as_array().unwrap().iter().find(|stage| stage["stage"] == name).unwrap().clone()
    };
    let sources = plan["sources"].as_array().unwrap();
    let sum = |of: &dyn Fn(&Value) -> f64| sources.iter().map(of).sum::<f64>().round() as u64;
    assert!(sources.iter().all(|source| source["is_whole"] == true), "{plan:#}");
    assert_eq!(
        sum(&|source| source["records"]["value"].as_f64().unwrap()),
        stage("read")["docs"].as_u64().unwrap()
    );
    // Exact duplicates are sought among all sources by both.
    assert_eq!(
        sum(&|source| source["documents"]["value"].as_f64().unwrap()),
        stage("exact")["docs"].as_u64().unwrap()
    );
    let filtered: f64 =
        sources.iter().map(|s| s["filtered_share"].as_f64().unwrap() * s["sampled"].as_f64().unwrap()).sum();
    let dropped = stage("parsed")["docs"].as_u64().unwrap() - stage("filtered")["docs"].as_u64().unwrap();
    assert_eq!(filtered.round() as u64, dropped);
    let output: u64 = fs::read_dir(path.join("out/tokens"))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(
        plan["output_bytes"]["value"].as_f64().unwrap() > output as f64,
        "all of the text, not only the mixture"
    );
    assert_eq!(plan["mix"]["short"], Value::Null);
    assert!(!path.join(".tamis/work").join("sample-0-0.jsonl").exists());
}

#[test]
fn a_plan_of_a_sample_comes_near_what_there_is_and_says_how_near() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(12_000, 62), 2);
    // One of the inputs compressed: there the place of a record is not known.
    let lines = fs::read(
        path.join("in").join(fs::read_dir(path.join("in")).unwrap().next().unwrap().unwrap().file_name()),
    );
    fs::create_dir(path.join("packed")).unwrap();
    fs::write(path.join("packed/a.jsonl.zst"), zstd::encode_all(&*lines.unwrap(), 3).unwrap()).unwrap();
    for (input, records) in [("in", 12_000.0), ("packed", 6_000.0)] {
        fs::write(path.join("job.toml"), spec(input, "out", "[run]\nshard_bytes = \"1MiB\"")).unwrap();
        let plan =
            json_values(&tamis_ok(path, &["--json", "plan", "job.toml", "--sample-docs", "2000"])).remove(0);
        let source = &plan["sources"][0];
        let found = source["records"]["value"].as_f64().unwrap();
        assert!((found / records - 1.0).abs() < 0.15, "{input}: {found} records instead of {records}");
        assert_eq!((&source["sampled"], &source["is_whole"]), (&json!(2_000), &json!(false)));
        assert!(source["tokens"]["spread"].is_number() && plan["seconds"]["spread"].is_number(), "{plan:#}");
    }
    let text = tamis_ok(path, &["plan", "job.toml", "--sample-docs", "2000"]);
    for word in ["sample ", "tokens ", "time ", "disk ", "memory ", "±"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, mark) in [
        ("bash", "complete -F _tamis"),
        ("zsh", "#compdef tamis"),
        ("fish", "complete -c tamis"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = tamis_ok(folder.path(), &["completions", shell]);
        assert!(
            script.contains(mark) && script.contains("doctor") && script.contains("coordinator"),
            "{shell}"
        );
    }
    let script = tamis_ok(folder.path(), &["completions", "bash"]);
    fs::write(folder.path().join("tamis.bash"), script).unwrap();
    let asked = "source tamis.bash; COMP_WORDS=(tamis wat); COMP_CWORD=1; _tamis tamis wat tamis; echo ${COMPREPLY[@]}";
    let answer = Command::new("bash").args(["-c", asked]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(answer.stdout).unwrap().trim(), "watch");
}

#[test]
fn what_a_command_would_ignore_is_refused() {
    let folder = prepared(6, "");
    let path = folder.path();
    for (args, flags) in [
        (&["coordinator", "--tls-ca", "ca.pem", "--token-file", "t"][..], "--tls-ca, --token-file: "),
        (&["run", "job.toml", "--coordinator", "http://127.0.0.1:1"], "--coordinator: "),
        (&["--insecure", "try", "job.toml"], "--insecure: "),
    ] {
        let (code, said) = tamis_fails(path, args);
        assert_eq!(code, 2);
        assert!(
            said.starts_with(&format!("error: {flags}this command calls no coordinator\nhint: ")),
            "{said}"
        );
    }
    // What the environment says is for all commands.
    let mut call = command(path);
    let ended = call.env("TAMIS_COORDINATOR", "http://127.0.0.1:1").args(["filters", "c4"]).output().unwrap();
    assert!(ended.status.success());

    let (code, said) = tamis_fails(path, &["run", "in"]);
    assert_eq!(
        (code, said.as_str()),
        (2, "error: the job spec `in` is a folder\nhint: name the TOML or JSON file in it\n")
    );
    let (code, said) = tamis_fails(path, &["token", "revoke", "abc", "--tokens", "none/tokens"]);
    assert_eq!((code, said.matches("none/tokens").count()), (2, 1), "{said}");
    let (code, said) = tamis_fails(path, &["plan", "job.toml", "--sample-docs", "0"]);
    assert_eq!(code, 2, "{said}");
}
