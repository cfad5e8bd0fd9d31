//! Local disks.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{ObjectMeta, Uri};
use crate::error::{Class, Error, Result};

pub(super) fn path_of(uri: &Uri) -> Result<PathBuf> {
    uri.local_path().ok_or_else(|| Error::spec(format!("`{uri}` is not a local path")))
}

pub(super) fn head(uri: &Uri) -> Result<ObjectMeta> {
    let path = path_of(uri)?;
    let meta = fs::metadata(&path).map_err(|e| Error::io("read", uri, e))?;
    Ok(meta_of(uri.clone(), &meta))
}

fn meta_of(uri: Uri, meta: &fs::Metadata) -> ObjectMeta {
    let version = format!("{}.{:09}-{}", meta.mtime(), meta.mtime_nsec(), meta.ino());
    ObjectMeta { uri, size: meta.len(), version }
}

pub(super) fn expand(pattern: &Uri) -> Result<Vec<ObjectMeta>> {
    let path = path_of(pattern)?;
    let mut found = Vec::new();
    collect(&path, &mut found)?;
    found.sort_by(|a, b| a.uri.cmp(&b.uri));
    if found.is_empty() {
        return Err(Error::new(Class::NotFound, format!("`{pattern}` matches nothing")));
    }
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<ObjectMeta>) -> Result<()> {
    let meta = fs::metadata(path).map_err(|e| Error::io("read", path.display(), e))?;
    if !meta.is_dir() {
        found.push(meta_of(Uri::from_path(path)?, &meta));
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|e| Error::io("list", path.display(), e))? {
        let entry = entry.map_err(|e| Error::io("list", path.display(), e))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            collect(&entry.path(), found)?;
        }
    }
    Ok(())
}

pub(super) fn publish(from: &Uri, to: &Uri) -> Result<()> {
    let (source, target) = (path_of(from)?, path_of(to)?);
    make_parent(&target)?;
    match fs::rename(&source, &target) {
        Ok(()) => sync_parent(&target),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && target.exists() => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::CrossesDevices => {
            let partial = target.with_extension("partial");
            fs::copy(&source, &partial).map_err(|e| Error::io("copy to", to, e))?;
            File::open(&partial)
                .and_then(|f| f.sync_all())
                .map_err(|e| Error::io("sync", to, e))?;
            fs::rename(&partial, &target).map_err(|e| Error::io("publish", to, e))?;
            sync_parent(&target)
        }
        Err(e) => Err(Error::io("publish", to, e)),
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
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
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
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(Error::io("list", folder, e)),
    }
}

pub(super) fn remove(folder: &Uri) -> Result<()> {
    let path = path_of(folder)?;
    let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder, e)),
        _ => Ok(()),
    }
}

pub(super) fn free_bytes(folder: &Uri) -> Result<Option<u64>> {
    let Some(path) = folder.local_path() else { return Ok(None) };
    let existing = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let stat = rustix::fs::statvfs(existing)
        .map_err(|e| Error::io("ask for the free space of", folder, e.into()))?;
    Ok(Some(stat.f_bavail * stat.f_frsize))
}
