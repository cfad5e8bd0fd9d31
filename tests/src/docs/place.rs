//! Where a page is run: a folder with the examples, a shell, and what is shown by another name than it has.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pattern;
use super::shell::Shell;
use crate::process::{binary, without_tamis};
use crate::repository;
use crate::s3::Bucket;

/// The folder of the reader, as pages show it.
const SHOWN_FOLDER: &str = "/home/you/tamis";
/// The bucket of the reader.
const SHOWN_BUCKET: &str = "s3://corpora";
/// The port of the reader's coordinator.
const SHOWN_PORT: &str = ":7171";
/// What a terminal shows first comes sooner; this only turns a hang into a failure.
const READY: Duration = Duration::from_secs(60);

/// What came of a command.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) lines: Vec<String>,
    pub(super) code: i32,
}

/// Where a page is run.
pub(super) struct Place {
    // Ended before its folder is removed.
    shell: Shell,
    /// What pages show, and what it is here.
    names: Vec<(&'static str, String)>,
    terminals: usize,
    folder: PathBuf,
    whole: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().canonicalize().unwrap();
        let (folder, programs) = (path.join("tamis"), path.join("bin"));
        fs::create_dir_all(&programs).unwrap();
        copy(&repository().join("examples"), &folder.join("examples"));
        symlink(binary(), programs.join("tamis")).unwrap();
        if let Some(python) = std::env::var_os("TAMIS_TEST_PYTHON") {
            // A link would lose the environment that the interpreter stands in.
            let script = programs.join("python3");
            fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", Path::new(&python).display())).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        }

        let mut call = without_tamis(Command::new("bash"));
        call.args(["--noprofile", "--norc"]).current_dir(&folder);
        let mut paths = vec![programs];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        call.env("PATH", std::env::join_paths(paths).unwrap()).env("TMPDIR", &path).env("LC_ALL", "C.UTF-8");
        let mut names = vec![(SHOWN_FOLDER, folder.to_str().unwrap().to_owned())];
        if std::env::var_os("TAMIS_TEST_S3_ENDPOINT").is_some() {
            let bucket = Bucket::create();
            call.envs(bucket.environment().into_iter().filter(|(name, _)| name.starts_with("AWS_")));
            names.push((SHOWN_BUCKET, format!("s3://{}", bucket.name)));
        }
        Self { shell: Shell::start(call), names, terminals: 0, folder, whole }
    }

    /// Writes a file of the page.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.real(text)).unwrap();
    }

    /// Runs a command to its end.
    pub(super) fn run(&mut self, command: &str) -> Seen {
        let (printed, code) = self.shell.run(&self.real(command));
        Seen { lines: self.shown(&printed), code }
    }

    /// Starts a command that stays, and waits until it has printed as many lines as are shown.
    pub(super) fn start(&mut self, command: &str, shown: &[String]) -> Seen {
        self.terminals += 1;
        let log = self.whole.path().join(format!("terminal-{}", self.terminals));
        let is_coordinator = command.starts_with("tamis coordinator");
        let command = match is_coordinator {
            true => self.real(&with_free_port(command)),
            false => self.real(command),
        };
        self.shell.run(&format!("( {command}\n) >'{}' 2>&1 &", log.display()));
        let begun = Instant::now();
        loop {
            let printed = fs::read_to_string(&log).unwrap_or_default();
            // Of a line that is not at its end, nothing is known yet.
            let printed = printed.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if is_coordinator && let Some(port) = port_in(printed) {
                self.names.retain(|(shown, _)| *shown != SHOWN_PORT);
                self.names.push((SHOWN_PORT, format!(":{port}")));
                self.shell.run(&format!("export TAMIS_COORDINATOR=http://127.0.0.1:{port}"));
            }
            let mut lines = self.shown(printed);
            let is_ready = lines.len() >= shown.len();
            if is_ready || begun.elapsed() > READY {
                lines.truncate(shown.len().max(1));
                let code = i32::from(!is_ready || !pattern::matches(shown, &lines));
                return Seen { lines, code };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the page shows, as it is here.
    fn real(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (shown, real)| text.replace(shown, real))
    }

    /// What is here, as the page shows it.
    fn shown(&self, text: &str) -> Vec<String> {
        let text = self.names.iter().fold(text.to_owned(), |text, (shown, real)| text.replace(real, shown));
        text.lines().map(str::to_owned).collect()
    }
}

/// A coordinator of a page listens where the page says, on any free port.
fn with_free_port(command: &str) -> String {
    match command.contains("--listen") {
        true => command.replace(SHOWN_PORT, ":0"),
        false => command.replacen("coordinator", "coordinator --listen 127.0.0.1:0", 1),
    }
}

fn port_in(printed: &str) -> Option<u16> {
    let line = printed.lines().find(|line| line.contains("listens on"))?;
    line.rsplit_once(':')?.1.parse().ok()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        match entry.file_type().unwrap().is_dir() {
            // What a run of the example by hand has left.
            true if name == "out" => {}
            true => copy(&entry.path(), &to.join(name)),
            false => {
                fs::copy(entry.path(), to.join(name)).unwrap();
            }
        }
    }
}
