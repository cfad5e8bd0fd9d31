//! An index as a folder of its own: its files as they are, and `index.json`, which says what they are and is written
//! last.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tamis_common::dedup::DedupParams;
use tamis_common::{Class, Error, Result};

use super::catalogue::{Change, Contents, HASH_SCHEME, JobRecord};
use super::columns::Columns;
use super::enter::Folder;
use super::file::{FileRecord, sync_folder};
use super::run::Run;

const HEAD: &str = "index.json";
const VERSION: u32 = 1;

/// `index.json`
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    name: String,
    params: DedupParams,
    hash_scheme: u32,
    /// By ordinal.
    jobs: Vec<(u32, JobRecord)>,
    runs: Vec<FileRecord>,
}

/// Copies the files of an index to `folder`, which must be empty or not there.
///
/// # Errors
/// `Class::Conflict` for a filled folder; of the file system.
pub(super) fn export(name: &str, contents: &Contents, files: &Folder, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| Error::io("create", folder.display(), e))?;
    let mut entries = fs::read_dir(folder).map_err(|e| Error::io("list", folder.display(), e))?;
    if entries.next().is_some() {
        return Err(Error::new(Class::Conflict, format!("the folder `{}` is not empty", folder.display()))
            .with_hint("export an index to a folder of its own"));
    }
    let target = Folder::new(folder, 0);
    for run in contents.runs.values() {
        copy(&files.run(run.number), &target.run(run.number))?;
    }
    for columns in contents.jobs.values().filter_map(|job| job.columns.as_ref()) {
        copy(&files.columns(columns.number), &target.columns(columns.number))?;
    }
    let head = Head {
        version: VERSION,
        name: name.to_owned(),
        params: contents.index.params.clone(),
        hash_scheme: contents.index.hash_scheme,
        jobs: contents.jobs.iter().map(|(ordinal, job)| (*ordinal, job.clone())).collect(),
        runs: contents.runs.values().cloned().collect(),
    };
    let json = crate::publish::to_json(&head)?;
    let path = folder.join(HEAD);
    fs::write(&path, json)
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(|e| Error::io("write", path.display(), e))?;
    sync_folder(folder)
}

/// An exported index.
pub(super) struct Archive {
    folder: PathBuf,
    head: Head,
}

impl Archive {
    /// Reads what is in `folder`.
    ///
    /// # Errors
    /// `Class::Input` if it is no whole export of this version.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(HEAD);
        let wrong = |what: String| {
            Error::input(format!("`{}` is no exported index: {what}", folder.display())).with_hint(
                "name a folder that `tamis index export` has written, on the coordinator's machine",
            )
        };
        let json = fs::read(&path).map_err(|e| wrong(format!("`{HEAD}` cannot be read: {e}")))?;
        let head: Head = serde_json::from_slice(&json).map_err(|e| wrong(format!("`{HEAD}`: {e}")))?;
        if head.version != VERSION || head.hash_scheme != HASH_SCHEME {
            return Err(wrong(format!(
                "its version is {} and its hash scheme {}, not {VERSION} and {HASH_SCHEME}",
                head.version, head.hash_scheme
            )));
        }
        Ok(Self { folder: folder.to_owned(), head })
    }

    /// The name it had.
    pub(super) fn name(&self) -> &str {
        &self.head.name
    }

    /// Its pinned parameters.
    pub(super) fn params(&self) -> &DedupParams {
        &self.head.params
    }

    /// Copies the files to their place, under new numbers, reads every byte of the copies, and returns what is to be
    /// committed.
    ///
    /// # Errors
    /// `Class::Storage` for a file that is missing or damaged; of the file system.
    pub(super) fn copy_to(&self, target: &Folder, mut next_file: impl FnMut() -> u64) -> Result<Change> {
        let source = Folder::new(&self.folder, 0);
        let params = &self.head.params;
        let mut change = Change::default();
        for run in &self.head.runs {
            let copied = FileRecord { number: next_file(), ..run.clone() };
            let path = target.run(copied.number);
            copy(&source.run(run.number), &path)?;
            Run::open(&path, &copied, params.bands)?.verify()?;
            change.runs.push(copied);
        }
        for (ordinal, job) in &self.head.jobs {
            let mut job = job.clone();
            if let Some(columns) = &mut job.columns {
                let from = source.columns(columns.number);
                columns.number = next_file();
                let path = target.columns(columns.number);
                copy(&from, &path)?;
                Columns::open(&path, columns)?.verify()?;
            }
            change.jobs.push((*ordinal, job));
        }
        target.sync()?;
        Ok(change)
    }
}

/// Copies a file and makes its bytes durable; its name is once the folder is synced.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .and_then(|_| File::open(to)?.sync_all())
        .map_err(|e| Error::io("copy", format_args!("{} to {}", from.display(), to.display()), e))
}
