//! The `tamis` binary as people run it, in processes that end with the test.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::until;

/// The binary, which `cargo test --workspace` builds beside the tests.
///
/// # Panics
/// If it is not there.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/PROFILE/deps/TEST
    let binary = test.ancestors().nth(2).unwrap().join("tamis");
    assert!(binary.exists(), "`{}` is missing: run `cargo test --release --workspace`", binary.display());
    binary
}

/// A call of the binary in `folder`, without what the environment says of tamis. Jobs may read everything and write in the
/// folder.
pub fn command(folder: &Path) -> Command {
    let mut command = without_tamis(Command::new(binary()));
    command.current_dir(folder).stdin(Stdio::null());
    command.env("TAMIS_ALLOW_READ", "/").env("TAMIS_ALLOW_WRITE", folder);
    command
}

/// A call without what the environment says of tamis.
pub fn without_tamis(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TAMIS_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the binary to its end.
pub fn tamis(folder: &Path, args: &[&str]) -> Output {
    command(folder).args(args).output().unwrap()
}

/// Runs the binary to its end, which must be good; what it printed.
///
/// # Panics
/// If it ends badly, with what it said.
pub fn tamis_ok(folder: &Path, args: &[&str]) -> String {
    let output = tamis(folder, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tamis {args:?} ended with {}:\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the binary to its end, which must be bad; its exit code and what it said on stderr.
///
/// # Panics
/// If it ends well.
pub fn tamis_fails(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = tamis(folder, args);
    assert!(!output.status.success(), "tamis {args:?} should fail");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The values that a call with `--json` printed.
pub fn json_values(printed: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(printed).into_iter().map(Result::unwrap).collect()
}

/// A process of the binary that runs on; killed when it is dropped.
pub struct Process {
    child: Child,
    /// The first line that it printed, with `--json`.
    pub hello: Value,
}

impl Process {
    /// Starts the binary with `--json` and waits for its first line.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::of(command(folder), args)
    }

    /// As [`Process::start`]; all that it logs for those who look for a defect goes to `folder/log`.
    pub fn start_logged(folder: &Path, args: &[&str], log: &str) -> Self {
        let mut call = command(folder);
        call.env("TAMIS_LOG", "trace").stderr(File::create(folder.join(log)).unwrap());
        Self::of(call, args)
    }

    /// As [`Process::start`], of a call with an environment of its own.
    pub fn of(mut call: Command, args: &[&str]) -> Self {
        let mut child = call.arg("--json").args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let hello = serde_json::from_str(&line);
        let hello = hello.unwrap_or_else(|e| panic!("tamis {args:?} began with {line:?}: {e}"));
        Self { child, hello }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGSTOP: it does nothing more until it is told to go on.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end; its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already, or ended now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A coordinator in a process.
pub struct CoordinatorProcess {
    process: Process,
    folder: PathBuf,
    /// Where it listens.
    pub address: String,
}

impl CoordinatorProcess {
    /// Starts one on a free port, with its data in `folder/data`. A lease is 2 s.
    pub fn start(folder: &Path) -> Self {
        Self::listen(folder, "127.0.0.1:0")
    }

    fn listen(folder: &Path, listen: &str) -> Self {
        let args = [
            "coordinator",
            "--listen",
            listen,
            "--http",
            "127.0.0.1:0",
            "--data-dir",
            "data",
            "--lease-seconds",
            "2",
        ];
        let process = Process::start(folder, &args);
        let address = process.hello["listen"].as_str().unwrap().to_owned();
        Self { process, folder: folder.to_owned(), address }
    }

    /// SIGKILL, then a new process at the same port with the same data.
    pub fn kill_and_restart(self) -> Self {
        let Self { process, folder, address } = self;
        process.kill();
        Self::listen(&folder, &address)
    }

    /// SIGTERM, and waits for the end: its data is free for others.
    ///
    /// # Panics
    /// If it ends badly.
    pub fn stop(self) {
        assert_eq!(self.process.terminate(), Some(0));
    }

    /// Starts a worker of one slot.
    pub fn worker(&self) -> Process {
        Process::start(&self.folder, &["--coordinator", &self.url(), "worker", "--slots", "1", "--wait"])
    }

    /// The first line that it printed.
    pub fn hello(&self) -> &Value {
        &self.process.hello
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls it; the values of JSON that it answered.
    pub fn call(&self, args: &[&str]) -> Vec<Value> {
        let url = self.url();
        let all: Vec<&str> =
            ["--json", "--coordinator", &url].into_iter().chain(args.iter().copied()).collect();
        json_values(&tamis_ok(&self.folder, &all))
    }

    /// Submits a spec; the id of the job.
    pub fn submit(&self, spec: &str) -> String {
        self.call(&["submit", spec])[0]["job_id"].as_str().unwrap().to_owned()
    }

    /// Waits for the job's output.
    ///
    /// # Panics
    /// If it is not published.
    pub fn until_published(&self, job: &str) {
        until("the job is published", || {
            let status = self.call(&["status", job]).remove(0);
            assert_ne!(status["state"], "failed", "{status}");
            (status["state"] == "published").then_some(())
        });
    }

    /// Freezes `worker` at a moment when it holds a task of `phase`.
    pub fn freeze_within(&self, worker: &Process, job: &str, phase: &str) {
        let id = worker.hello["worker_id"].as_str().unwrap();
        let holds = || {
            let workers = self.call(&["workers"]);
            let held =
                workers.iter().find(|worker| worker["worker_id"] == id).is_some_and(|w| w["busy"] != 0);
            let status = self.call(&["status", job]).remove(0);
            assert_ne!(status["state"], "published", "the job ended before a worker held a task of {phase}");
            let phases = status["phases"].as_array().unwrap();
            held && phases.iter().any(|p| p["phase"] == phase && p["tasks_running"] != 0)
        };
        until("a worker holds a task", || {
            if !holds() {
                return None;
            }
            // Calls take time: only what it holds while it stands still is certain.
            worker.freeze();
            let certain = holds();
            if !certain {
                worker.thaw();
            }
            certain.then_some(())
        });
    }
}
