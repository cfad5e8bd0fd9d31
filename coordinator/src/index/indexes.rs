//! All named indexes of a coordinator, in one folder: `catalogue/` is sled, `runs/` holds the files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_common::dedup::DedupParams;
use tamis_common::spec::{MAX_INDEX_NAME, check_name};
use tamis_common::{Class, Error, Result};

use super::archive::Archive;
use super::catalogue::{Catalogue, Change, Contents, HASH_SCHEME};
use super::enter::Folder;
use super::file::{UNFINISHED, remove, sync_folder};
use super::local::LocalIndex;
use super::{DedupIndex, IndexStats, columns, run};

/// The named indexes of a coordinator.
pub struct Indexes {
    catalogue: Arc<Catalogue>,
    runs: PathBuf,
    by_name: Mutex<BTreeMap<String, Arc<LocalIndex>>>,
}

impl Indexes {
    /// Opens the indexes in `dir` (`DATA_DIR/index`), which is made if it is not there, and removes what crashes left.
    ///
    /// # Errors
    /// `Class::Unavailable` if another process has them open; `Class::Storage` if the catalogue or a file that it
    /// names is missing or damaged: the hint names `tamis index rebuild`. Nothing is removed then.
    pub fn open(dir: &Path) -> Result<Self> {
        let runs = dir.join("runs");
        fs::create_dir_all(&runs).map_err(|e| Error::io("create", runs.display(), e))?;
        let (catalogue, is_new) = Catalogue::open(&dir.join("catalogue"))?;
        if is_new {
            if let Some(file) = index_files(&runs)?.iter().find(|file| !is_unfinished(file)) {
                let file = file.display();
                return Err(catalogue.damaged(format_args!("it is empty, but `{file}` is there")));
            }
            catalogue.initialize()?;
            sync_folder(dir)?;
        }
        let catalogue = Arc::new(catalogue);
        let mut by_name = BTreeMap::new();
        let mut named = BTreeSet::new();
        for (name, contents) in catalogue.load()? {
            named.extend(file_names(&runs, &contents));
            let index = LocalIndex::open(&name, &runs, catalogue.clone(), contents)?;
            by_name.insert(name, Arc::new(index));
        }
        for file in index_files(&runs)?.into_iter().filter(|file| !named.contains(file)) {
            tracing::info!(file = %file.display(), "removing an index file that a crash left behind");
            remove(&file)?;
        }
        Ok(Self { catalogue, runs, by_name: Mutex::new(by_name) })
    }

    /// The index called `name`, made with `params` if there is none.
    ///
    /// # Errors
    /// `Class::Spec` for an impossible name, or if the index has other parameters; of the store.
    pub fn open_index(&self, name: &str, params: &DedupParams) -> Result<Arc<dyn DedupIndex>> {
        let mut by_name = self.lock();
        if let Some(index) = by_name.get(name) {
            let record = index.contents().index;
            if record.hash_scheme != HASH_SCHEME || !record.params.comparable_with(params) {
                let has = shown(&record.params, record.hash_scheme);
                let wants = shown(params, HASH_SCHEME);
                return Err(Error::spec(format!("index `{name}` has {has}; the job has {wants}"))
                    .with_hint("set these parameters under `[dedup]`, or name another `dedup.index`"));
            }
            return Ok(index.clone());
        }
        check_index_name(name)?;
        let mut contents = Contents::new(Self::next_number(&by_name), params);
        self.catalogue.commit(name, &mut contents, &Change::default())?;
        let index = Arc::new(LocalIndex::open(name, &self.runs, self.catalogue.clone(), contents)?);
        by_name.insert(name.to_owned(), index.clone());
        Ok(index)
    }

    /// The index called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<Arc<dyn DedupIndex>> {
        self.lock().get(name).map(|index| index.clone() as Arc<dyn DedupIndex>)
    }

    /// As [`Self::get`].
    ///
    /// # Errors
    /// `Class::NotFound` if there is none of this name.
    pub fn find(&self, name: &str) -> Result<Arc<dyn DedupIndex>> {
        self.local(name).map(|index| index as Arc<dyn DedupIndex>)
    }

    /// All indexes at a glance, by name.
    pub fn list(&self) -> Vec<IndexStats> {
        self.lock().values().map(|index| index.glance()).collect()
    }

    /// Reads every byte of an index and checks it.
    ///
    /// # Errors
    /// `Class::NotFound` if there is none of this name; `Class::Storage` naming the first damaged file.
    pub fn verify(&self, name: &str) -> Result<()> {
        self.local(name)?.verify()
    }

    /// Copies an index to `folder`, which must be empty or not there.
    ///
    /// # Errors
    /// `Class::NotFound` if there is none of this name; `Class::Conflict` for a filled folder; of the file system.
    pub fn export(&self, name: &str, folder: &Path) -> Result<()> {
        self.local(name)?.export(folder)
    }

    /// Takes an exported index in, under `name` or, if that is empty, under the name it had; returns the name.
    ///
    /// # Errors
    /// `Class::Conflict` if there is an index of this name; `Class::Input` for a folder that holds no whole export; of
    /// the file system.
    pub fn import(&self, name: &str, folder: &Path) -> Result<String> {
        let archive = Archive::open(folder)?;
        let name = if name.is_empty() { archive.name() } else { name };
        check_index_name(name)?;
        let mut by_name = self.lock();
        if by_name.contains_key(name) {
            return Err(Error::new(Class::Conflict, format!("there is an index `{name}` already"))
                .with_hint("give the imported one another name"));
        }
        let mut contents = Contents::new(Self::next_number(&by_name), archive.params());
        let target = Folder::new(&self.runs, contents.index.number);
        let change = archive.copy_to(&target, || self.catalogue.next_file())?;
        self.catalogue.commit(name, &mut contents, &change)?;
        let index = Arc::new(LocalIndex::open(name, &self.runs, self.catalogue.clone(), contents)?);
        by_name.insert(name.to_owned(), index);
        Ok(name.to_owned())
    }

    fn next_number(by_name: &BTreeMap<String, Arc<LocalIndex>>) -> u32 {
        by_name.values().map(|index| index.contents().index.number + 1).max().unwrap_or_default()
    }

    pub(super) fn local(&self, name: &str) -> Result<Arc<LocalIndex>> {
        let by_name = self.lock();
        by_name.get(name).cloned().ok_or_else(|| {
            let known: Vec<String> = by_name.keys().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            };
            Error::new(Class::NotFound, format!("no index `{name}`: {known}"))
                .with_hint("an index is made by the first job that names it in `dedup.index`")
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<LocalIndex>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(params: &DedupParams, hash_scheme: u32) -> String {
    let DedupParams { threshold, shingle, k, bands, rows, .. } = params;
    format!(
        "threshold = {threshold}: shingle = {shingle}, k = {k}, bands = {bands}, rows = {rows}, hash scheme {hash_scheme}"
    )
}

fn check_index_name(name: &str) -> Result<()> {
    check_name(name, MAX_INDEX_NAME)
        .map_err(|rule| Error::spec(format!("name of an index (`dedup.index`) {rule}")))
}

/// The files that an index consists of.
fn file_names(runs: &Path, contents: &Contents) -> Vec<PathBuf> {
    let folder = Folder::new(runs, contents.index.number);
    let columns = contents.jobs.values().filter_map(|job| job.columns.as_ref());
    let columns = columns.map(|file| folder.columns(file.number));
    contents.runs.keys().map(|number| folder.run(*number)).chain(columns).collect()
}

/// The files in `runs` that look like those of an index, finished or not; others are nobody's business here.
fn index_files(runs: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io("list", runs.display(), e);
    let mut files = Vec::new();
    for entry in fs::read_dir(runs).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if [run::ENDING, columns::ENDING, UNFINISHED].iter().any(|ending| ends_with(&path, ending)) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn is_unfinished(path: &Path) -> bool {
    ends_with(path, UNFINISHED)
}

fn ends_with(path: &Path, ending: &str) -> bool {
    let name = path.file_name().map(OsString::from).unwrap_or_default();
    name.to_string_lossy().ends_with(ending)
}
