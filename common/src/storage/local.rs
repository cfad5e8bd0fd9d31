//! Local disks.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::glob::{self, Pattern};
use super::{ObjectMeta, Uri};
use crate::error::{Class, Error, Result};

/// Bytes of a disk that records leave free.
pub const KEPT_FREE: u64 = 8 << 20;

pub(super) fn path_of(uri: &Uri) -> Result<PathBuf> {
    uri.local_path().ok_or_else(|| Error::spec(format!("`{uri}` is not a local path")))
}

pub(super) fn head(uri: &Uri) -> Result<ObjectMeta> {
    let path = path_of(uri)?;
    let meta = fs::metadata(&path).map_err(|e| Error::io("read", uri, e))?;
    if meta.is_dir() {
        return Err(Error::input(format!("`{uri}` is a folder where a file is needed")));
    }
    Ok(meta_of(uri.clone(), &meta))
}

pub(super) fn modified(uri: &Uri) -> Result<SystemTime> {
    let meta = fs::metadata(path_of(uri)?).and_then(|meta| meta.modified());
    meta.map_err(|e| Error::io("read", uri, e))
}

fn meta_of(uri: Uri, meta: &fs::Metadata) -> ObjectMeta {
    let version = format!("{}.{:09}-{}", meta.mtime(), meta.mtime_nsec(), meta.ino());
    ObjectMeta { uri, size: meta.len(), version }
}

pub(super) fn expand(pattern: &Uri) -> Result<Vec<ObjectMeta>> {
    let path = path_of(pattern)?;
    // A file may have brackets in its name.
    let found = if !glob::is_glob(pattern.as_str()) || fs::symlink_metadata(&path).is_ok() {
        Walk { pattern: None, hidden: false, found: Vec::new() }.run(&path)?
    } else {
        let mut found = Vec::new();
        for reading in &Pattern::readings(pattern)? {
            let folder = path_of(&Uri::parse(reading.folder())?)?;
            if !folder.exists() {
                let missing = format!("the folder `{}` does not exist", folder.display());
                return Err(super::matches_nothing(pattern).context(missing));
            }
            found = Walk { pattern: Some(reading), hidden: true, found }.run(&folder)?;
            if !found.is_empty() {
                break;
            }
        }
        found
    };
    match found.is_empty() {
        true => Err(super::matches_nothing(pattern)),
        false => Ok(found),
    }
}

/// Every object below a folder, hidden ones too; none if it is not there.
pub(super) fn list(folder: &Uri) -> Result<Vec<ObjectMeta>> {
    let path = path_of(folder)?;
    match path.exists() {
        true => Walk { pattern: None, hidden: true, found: Vec::new() }.run(&path),
        false => Ok(Vec::new()),
    }
}

/// A walk through folders, links followed.
struct Walk<'a> {
    pattern: Option<&'a Pattern>,
    /// Whether hidden files are taken; a pattern decides for itself.
    hidden: bool,
    found: Vec<ObjectMeta>,
}

impl Walk<'_> {
    fn run(mut self, path: &Path) -> Result<Vec<ObjectMeta>> {
        let meta = fs::metadata(path).map_err(|e| Error::io("read", path.display(), e))?;
        match meta.is_dir() {
            true => self.folder(path, path, &mut vec![(meta.dev(), meta.ino())])?,
            false => self.file(path, &meta)?,
        }
        self.found.sort_by(|a, b| a.uri.cmp(&b.uri));
        Ok(self.found)
    }

    fn file(&mut self, path: &Path, meta: &fs::Metadata) -> Result<()> {
        // A pipe or a socket would block for ever, and cannot be read twice.
        if !meta.is_file() {
            return Err(Error::input(format!("`{}` is neither a file nor a folder", path.display())));
        }
        self.found.push(meta_of(Uri::from_path(path)?, meta));
        Ok(())
    }

    /// Takes what stands in `folder`; `above` are the folders on the way to it, by device and inode.
    fn folder(&mut self, root: &Path, folder: &Path, above: &mut Vec<(u64, u64)>) -> Result<()> {
        let unreadable =
            |e| Error::io("list", folder.display(), e).with_hint("check that this user may read the folder");
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (name, path) = (entry.file_name(), entry.path());
            let below = path.strip_prefix(root).unwrap_or(&path);
            let (enter, take) = match self.pattern {
                Some(pattern) => (pattern.may_hold(above.len() - 1, &name), pattern.matches(below)),
                None => [self.hidden || !glob::is_hidden(&name); 2].into(),
            };
            if !enter && !take {
                continue;
            }
            let meta = match fs::metadata(&path) {
                Ok(meta) => meta,
                // A broken link that would not be taken is none of our business.
                Err(_) if !take => continue,
                Err(e) => return Err(Error::io("read", path.display(), e)),
            };
            if !meta.is_dir() {
                if take {
                    self.file(&path, &meta)?;
                }
                continue;
            }
            if !enter {
                continue;
            }
            let id = (meta.dev(), meta.ino());
            if above.contains(&id) {
                return Err(Error::input(format!("`{}` is a link to a folder above it", path.display())));
            }
            above.push(id);
            self.folder(root, &path, above)?;
            above.pop();
        }
        Ok(())
    }
}

pub(super) fn publish(from: &Uri, to: &Uri) -> Result<()> {
    let (source, target) = (path_of(from)?, path_of(to)?);
    make_parent(&target)?;
    match fs::rename(&source, &target) {
        Ok(()) => sync_parent(&target),
        Err(e) if e.kind() == ErrorKind::NotFound && !source.exists() && target.exists() => Ok(()),
        Err(e) if e.kind() == ErrorKind::CrossesDevices => {
            let partial = partial_of(&target);
            fs::copy(&source, &partial).map_err(|e| Error::io("copy to", to, e))?;
            File::open(&partial).and_then(|f| f.sync_all()).map_err(|e| Error::io("sync", to, e))?;
            fs::rename(&partial, &target).map_err(|e| Error::io("publish", to, e))?;
            sync_parent(&target)?;
            fs::remove_file(&source).map_err(|e| Error::io("remove", from, e))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Err(Error::io("publish", from, e)),
        Err(e) => Err(Error::io("publish", to, e)),
    }
}

/// The name under which an object grows until it is whole.
pub(super) fn partial_of(target: &Path) -> PathBuf {
    let mut partial = target.to_owned().into_os_string();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Whole and durable under a name of its own first, then linked: of two callers one wins, and nobody sees a half.
pub(super) fn put_if_absent(uri: &Uri, bytes: &[u8]) -> Result<bool> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let target = path_of(uri)?;
    make_parent(&target)?;
    let mut name = target.clone().into_os_string();
    name.push(format!(".{}-{}.partial", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let partial = PathBuf::from(name);
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| match fs::hard_link(&partial, &target) {
        // Not every file system has links: there a half can be seen for a moment.
        Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            let mut file = File::create_new(&target)?;
            file.write_all(bytes)?;
            file.sync_all()
        }
        linked => linked,
    });
    // Best effort: what is left of a failed call is swept with its folder.
    let _ = fs::remove_file(&partial);
    match linked {
        Ok(()) => sync_parent(&target).map(|()| true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(Error::io("create", uri, e)),
    }
}

/// Makes the folder of `path` with all folders above it, synced.
pub(super) fn make_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if parent.is_dir() {
        return Ok(());
    }
    make_parent(parent)?;
    match fs::create_dir(parent) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            Err(Error::io("create the folder", parent.display(), e))
        }
        _ => sync_parent(parent),
    }
}

pub(super) fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::io("sync the folder", parent.display(), e))
}

pub(super) fn is_empty(folder: &Uri) -> Result<bool> {
    match fs::read_dir(path_of(folder)?) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(true),
        Err(e) => Err(Error::io("list", folder, e)),
    }
}

pub(super) fn remove(folder: &Uri) -> Result<()> {
    let path = path_of(folder)?;
    let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    match removed {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", folder, e)),
        _ => Ok(()),
    }
}

pub(super) fn disk(folder: &Uri) -> Result<Option<Disk>> {
    let Some(path) = folder.local_path() else { return Ok(None) };
    Disk::of(nearest_existing(&path)).map(Some)
}

/// The disk under a local folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Disk {
    /// Bytes that are free for this process.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

impl Disk {
    /// Asks for the disk of a folder that exists.
    ///
    /// # Errors
    /// `Class::Storage` if the file system does not answer.
    pub fn of(folder: &Path) -> Result<Self> {
        let stat = rustix::fs::statvfs(folder)
            .map_err(|e| Error::io("ask for the free space of", folder.display(), e.into()))?;
        Ok(Self { free: stat.f_bavail * stat.f_frsize, size: stat.f_blocks * stat.f_frsize })
    }
}

/// The device that holds, or would hold, a local folder.
pub(super) fn device(folder: &Uri) -> Result<Option<u64>> {
    let Some(path) = folder.local_path() else { return Ok(None) };
    let meta = fs::metadata(nearest_existing(&path)).map_err(|e| Error::io("read", folder, e))?;
    Ok(Some(meta.dev()))
}

/// Refuses to begin what a nearly full disk could leave half done: the records of a coordinator are small, and go on to
/// the last [`KEPT_FREE`] bytes only.
///
/// # Errors
/// `Class::Resource` with the free bytes; `Class::Storage` if the file system does not answer.
pub fn check_room(folder: &Path) -> Result<()> {
    let free = Disk::of(folder)?.free;
    if free >= KEPT_FREE {
        return Ok(());
    }
    let message = format!(
        "the disk of `{}` is full: {} KiB are free, and the last {} are kept for what is under way",
        folder.display(),
        free >> 10,
        KEPT_FREE >> 10
    );
    Err(Error::new(Class::Resource, message).with_hint("free some space: all goes on by itself"))
}

fn nearest_existing(path: &Path) -> &Path {
    path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"))
}
