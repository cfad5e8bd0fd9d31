//! Publishing: files to their place, then the manifest (who sees it sees all), then the index. Every step may be
//! repeated.

mod entries;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tamis_common::Result;
use tamis_common::artefact::FileEntry;
use tamis_common::storage::{Storage, Uri};

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
    for file in outgoing {
        storage.publish(&file.folder.join(&file.file.name), &output.join(&file.file.name))?;
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
    files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    storage.put(&output.join(MANIFEST), &to_json(&Manifest { version: 1, files })?)?;
    Ok(())
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
