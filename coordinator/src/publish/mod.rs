//! Publishing: files to their place, then the manifest (who sees it sees all), then the index. Every step may be
//! repeated.

mod claim;
mod entries;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tamis_common::Result;
use tamis_common::artefact::FileEntry;
use tamis_common::fault::{self, Point};
use tamis_common::storage::{Storage, Uri};

pub use claim::{claim, job_of, release};
pub use entries::{CommittedShard, Emitted, PublishedEntries, committed};

/// What makes an output folder whole.
pub const MANIFEST: &str = "manifest.json";
/// The figures of a job.
pub const REPORT: &str = "report.json";
/// The same for people.
pub const HTML: &str = "report.html";
/// What the training run needs to know.
pub const TRAINING: &str = "training.json";
/// What is true of this run only: ids, times. Not covered by the manifest.
pub const RUN: &str = "run.json";

/// `manifest.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub version: u32,
    /// SHA-256 of the tokenizer file whose ids the token files hold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokenizer_sha256: Option<String>,
    /// All files by path below the output folder, the manifest and `run.json` aside.
    pub files: Vec<ManifestFile>,
}

/// A published file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Path and digests.
    #[serde(flatten)]
    pub file: FileEntry,
    /// The source whose documents it holds; none for reports.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
}

/// A file on its way to the output folder.
pub struct Outgoing {
    /// The attempt's folder.
    pub folder: Uri,
    /// The file, named as below the output folder.
    pub file: FileEntry,
    /// Its source.
    pub source: String,
}

/// What is written about the output.
pub struct Reports {
    /// `report.json`.
    pub report: Vec<u8>,
    /// `report.html`.
    pub html: Vec<u8>,
    /// `training.json`.
    pub training: Vec<u8>,
    /// `run.json`.
    pub run: Vec<u8>,
    /// SHA-256 of the tokenizer file, for the manifest.
    pub tokenizer_sha256: Option<String>,
}

/// Moves the files, writes reports and run record, and last the manifest.
///
/// # Errors
/// Of the store.
pub fn publish_files(
    storage: &Storage,
    output: &Uri,
    outgoing: &[Outgoing],
    reports: &Reports,
) -> Result<()> {
    // An older manifest would vouch for files that change now.
    storage.remove(&output.join(MANIFEST))?;
    remove_others(storage, output, outgoing)?;
    fault::pass(Point::PublishClear)?;
    for file in outgoing {
        storage.publish(&file.folder.join(&file.file.name), &output.join(&file.file.name))?;
        fault::pass(Point::PublishFile)?;
    }
    storage.put(&output.join(RUN), &reports.run)?;
    let mut files: Vec<ManifestFile> = outgoing
        .iter()
        .map(|out| ManifestFile { file: out.file.clone(), source: Some(out.source.clone()) })
        .collect();
    for (name, bytes) in [(REPORT, &reports.report), (HTML, &reports.html), (TRAINING, &reports.training)] {
        let written = storage.put(&output.join(name), bytes)?;
        let file = FileEntry { name: name.to_owned(), written, content_sha256: None, records: 1 };
        files.push(ManifestFile { file, source: None });
    }
    fault::pass(Point::PublishReports)?;
    files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    let manifest = Manifest { version: 1, tokenizer_sha256: reports.tokenizer_sha256.clone(), files };
    storage.put(&output.join(MANIFEST), &to_json(&manifest)?)?;
    fault::pass(Point::PublishManifest)
}

/// Removes what a replaced output left, so that the folder holds what the manifest says and no more.
fn remove_others(storage: &Storage, output: &Uri, outgoing: &[Outgoing]) -> Result<()> {
    let ours: BTreeSet<Uri> = outgoing.iter().map(|out| output.join(&out.file.name)).collect();
    for folder in ["text", "tokens", "drops", "clusters"] {
        for object in storage.list(&output.join(folder))? {
            if !ours.contains(&object.uri) {
                storage.remove(&object.uri)?;
            }
        }
    }
    Ok(())
}

/// Pretty JSON with a final newline.
///
/// # Errors
/// `Class::Internal` for a value that is no JSON.
pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| tamis_common::Error::internal(format!("cannot write JSON: {e}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use tamis_common::storage::Written;

    use super::*;

    const FILES: [&str; 3] = ["text/part-00000.jsonl", "text/part-00001.jsonl", "drops/part-00000.parquet"];

    /// Every file below a folder with its bytes.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                found.extend(
                    files(&entry.path()).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
                );
            } else {
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
        found
    }

    #[test]
    fn a_publication_that_ends_in_any_step_is_made_whole_by_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        // What stands in the way of a step: a folder where a file is moved to, or where it is written first.
        let obstacles = FILES.map(str::to_owned).into_iter();
        let obstacles =
            obstacles.chain([RUN, REPORT, HTML, TRAINING, MANIFEST].map(|name| format!("{name}.partial")));
        for (step, obstacle) in obstacles.enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
            let outgoing = FILES.map(|name| {
                let path = work.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, name).unwrap();
                let written = Written { size: name.len() as u64, sha256: "0".repeat(64) };
                let file = FileEntry { name: name.into(), written, content_sha256: None, records: 1 };
                Outgoing { folder: Uri::from_path(&work).unwrap(), file, source: "web".into() }
            });
            // What an earlier job left, and its manifest.
            fs::create_dir_all(out.join("text")).unwrap();
            fs::write(out.join("text/part-00007.jsonl"), "old").unwrap();
            fs::write(out.join(MANIFEST), "old").unwrap();
            fs::create_dir_all(out.join(&obstacle)).unwrap();
            let output = Uri::from_path(&out).unwrap();
            let reports = Reports {
                report: b"report".into(),
                html: b"html".into(),
                training: b"training".into(),
                run: b"run".into(),
                tokenizer_sha256: Some("ab".into()),
            };
            let publish = || publish_files(&storage, &output, &outgoing, &reports);

            publish().unwrap_err();
            let left = files(&out);
            assert!(!left.contains_key(MANIFEST), "{obstacle}: nothing vouches for half an output");
            assert_eq!(left.len(), step, "{obstacle}: {:?}", left.keys());
            fs::remove_dir(out.join(&obstacle)).unwrap();
            for _ in 0..2 {
                publish().unwrap();
                let mut whole = files(&out);
                let manifest: Manifest = serde_json::from_slice(&whole.remove(MANIFEST).unwrap()).unwrap();
                assert_eq!(manifest.tokenizer_sha256.as_deref(), Some("ab"));
                let vouched: Vec<String> = manifest.files.into_iter().map(|file| file.file.name).collect();
                assert_eq!(vouched, [FILES[2], HTML, REPORT, FILES[0], FILES[1], TRAINING]);
                let told = [REPORT, HTML, TRAINING, RUN].map(|name| whole.remove(name).unwrap());
                assert_eq!(
                    told,
                    [
                        reports.report.clone(),
                        reports.html.clone(),
                        reports.training.clone(),
                        reports.run.clone()
                    ]
                );
                assert_eq!(whole, FILES.map(|name| (name.to_owned(), name.as_bytes().to_vec())).into());
            }
        }
    }
}
