//! What a committed attempt hands over: its files, and its statistics.

use serde::{Deserialize, Serialize};

use crate::stats::{EmitStats, ScanStats};
use crate::storage::Written;

/// One file of a task, relative to the attempt's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// `/`-separated path below the attempt's folder; for emit also the path below the output folder.
    pub name: String,
    /// Size and digest of the bytes.
    #[serde(flatten)]
    pub written: Written,
    /// SHA-256 of the uncompressed content, where the format compresses: equal across builds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_sha256: Option<String>,
    /// Records in the file.
    pub records: u64,
}

/// The result of one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskManifest {
    /// All files, by name.
    pub files: Vec<FileEntry>,
    /// Of a scan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scan: Option<ScanStats>,
    /// Of an emit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub emit: Option<EmitStats>,
}
