//! What must be true whatever happened on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Cluster;
use crate::output::Output;
use crate::process::{Process, tamis_ok};
use crate::{corpus, spec, until};

/// The jobs whose output is compared, each with what it adds to the spec: the plain one, one with everything that is
/// written and measured, and a mixture in which some shards wait for the tokens of others.
pub const JOBS: [(&str, &str); 3] = [
    ("plain", ""),
    ("full", "[clean]\npreset = \"recommended\"\n[filter]\npreset = \"recommended\"\n"),
    (
        "mixed",
        "[[source]]\nname = \"general\"\nrole = \"general\"\ninputs = [\"in/general\"]\n[mix]\ndomain_to_general = \"1:1\"\n",
    ),
];

/// Jobs that stand in the index before, so that the next one lets runs be merged.
const BEFORE: usize = 3;

/// A folder in which nothing ever went wrong: the state that each storm starts from, and the outputs that it must give.
pub struct Calm {
    folder: tempfile::TempDir,
    manifests: BTreeMap<&'static str, String>,
    entered: BTreeMap<&'static str, Entered>,
}

/// What a job entered into the index: documents, and a digest of them all.
type Entered = (u64, String);

impl Calm {
    /// Runs everything once without a fault.
    pub fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let known = corpus::documents(150, 1);
        corpus::write_jsonl(&path.join("in/before"), &known, BEFORE);
        let mut domain = corpus::documents(300, 2);
        domain.extend(known.into_iter().take(60));
        corpus::write_jsonl(&path.join("in/domain"), &domain, 4);
        corpus::write_jsonl(&path.join("in/general"), &corpus::documents(500, 3), 3);
        for number in 0..BEFORE {
            let input = format!("in/before/part-{number}.jsonl");
            write_spec(path, &format!("before-{number}"), &input, "");
            tamis_ok(path, &["run", &format!("before-{number}.toml"), "--data-dir", "data"]);
        }
        let (mut manifests, mut entered) = (BTreeMap::new(), BTreeMap::new());
        for (name, more) in JOBS {
            write_spec(path, name, "in/domain", more);
            let data = format!("data-{name}");
            copy(&path.join("data"), &path.join(&data));
            tamis_ok(
                path,
                &["run", &format!("{name}.toml"), "--data-dir", &data, "--work", &format!("{data}/work")],
            );
            let output = Output::new(path.join(name));
            output.check_sums();
            manifests.insert(name, output.checked_manifest());
            let server =
                Process::start(path, &["coordinator", "--data-dir", &data, "--listen", "127.0.0.1:0"]);
            let url = format!("http://{}", server.hello["listen"].as_str().unwrap());
            tamis_ok(path, &["--coordinator", &url, "index", "export", "books", &format!("export-{name}")]);
            server.terminate();
            let (_, last) = exported(&path.join(format!("export-{name}")));
            entered.insert(name, last);
        }
        Self { folder, manifests, entered }
    }

    /// A folder for a storm: the inputs, the specs, and the state before the jobs.
    pub fn copy(&self) -> tempfile::TempDir {
        let storm = tempfile::tempdir().unwrap();
        let (from, to) = (self.folder.path(), storm.path());
        // Drops name their inputs: the storm reads the very same ones.
        std::os::unix::fs::symlink(from.join("in"), to.join("in")).unwrap();
        for (name, more) in JOBS {
            let inputs = from.join("in/domain");
            let more = more.replace("in/general", from.join("in/general").to_str().unwrap());
            write_spec(to, name, inputs.to_str().unwrap(), &more);
        }
        copy(&from.join("data"), &to.join("data"));
        storm
    }

    /// Checks that a storm has left what the calm did: the output of `name` byte for byte, every record accounted for,
    /// the index, and nothing else.
    ///
    /// # Panics
    /// If anything differs.
    pub fn check(&self, cluster: &mut Cluster, folder: &Path, name: &str, job: &str) {
        cluster.calm_down();
        self.check_output(folder, name);

        // What a failed write left in the index goes with the next start.
        cluster.restart_coordinator();
        let work = folder.join("data/work").join(job);
        until("nothing is left in the job's work but what is kept", || {
            files(&work).iter().all(|file| is_kept(file)).then_some(())
        });
        for place in ["data/blobs", "data/index/runs", name] {
            let half = |file: &String| file.contains("partial") || file.ends_with(".unfinished");
            let left: Vec<String> = files(&folder.join(place)).into_iter().filter(half).collect();
            assert!(left.is_empty(), "left in {place}: {left:?}");
        }

        cluster.call(&["index", "verify", "books"]);
        let export = folder.join(format!("export-{job}"));
        cluster.call(&["index", "export", "books", export.to_str().unwrap()]);
        let (jobs, last) = exported(&export);
        assert_eq!(jobs, BEFORE + 1, "the job stands in the index once");
        assert_eq!(last, self.entered[name], "what stands in the index of {name} is another");
        let named = files(&export).len() - 1;
        assert_eq!(files(&folder.join("data/index/runs")).len(), named, "a file of the index has no name");
    }
}

impl Calm {
    /// Checks the output alone.
    ///
    /// # Panics
    /// If it differs in a byte, or a record is not accounted for.
    pub fn check_output(&self, folder: &Path, name: &str) {
        let output = Output::new(folder.join(name));
        assert_eq!(output.checked_manifest(), self.manifests[name], "the output of {name} is another");
        output.check_sums();
    }
}

fn write_spec(folder: &Path, name: &str, inputs: &str, more: &str) {
    let more = format!("{more}[dedup]\nindex = \"books\"\n[run]\nmax_attempts = 1000\n");
    fs::write(folder.join(format!("{name}.toml")), spec(inputs, name, &more)).unwrap();
}

/// Of an exported index, the number of jobs and what the last one entered.
fn exported(folder: &Path) -> (usize, Entered) {
    let head: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    let jobs = head["jobs"].as_array().unwrap();
    let last = &jobs.last().unwrap()[1];
    (jobs.len(), (last["documents"].as_u64().unwrap(), last["content"].as_str().unwrap().to_owned()))
}

/// What `run.keep_work = "index"` keeps, below a job's folder.
fn is_kept(file: &str) -> bool {
    ["/documents.parquet", "/bands.parquet", "/verdicts.parquet"].iter().any(|kept| file.ends_with(kept))
        || file.starts_with("state/")
}

/// All files below a folder, by their path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => copy(&path, &to.join(entry.file_name())),
            path => drop(fs::copy(path, to.join(entry.file_name())).unwrap()),
        }
    }
}
