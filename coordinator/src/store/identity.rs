//! Who this coordinator is: work below a shared folder belongs to one of them.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tamis_common::{Error, Result};

/// The file below the data folder.
pub(crate) const FILE: &str = "coordinator-id";

/// The identity that stands in a data folder; one without any gets a new one.
///
/// # Errors
/// Of the file system.
pub(crate) fn of(data_dir: &Path) -> Result<String> {
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("read", path.display(), e)),
        _ => {
            // Seeded by the operating system, and different at each call.
            let half = || RandomState::new().build_hasher().finish();
            let id = format!("c-{:016x}{:016x}", half(), half());
            adopt(data_dir, &id)?;
            Ok(id)
        }
    }
}

/// Gives a data folder an identity: that of the coordinator whose work it takes over.
///
/// # Errors
/// Of the file system.
pub(crate) fn adopt(data_dir: &Path, id: &str) -> Result<()> {
    let path = data_dir.join(FILE);
    let failed = |e| Error::io("write", path.display(), e);
    fs::create_dir_all(data_dir).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(data_dir).map_err(failed)?;
    writeln!(file, "{id}").and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(&path).map_err(|e| failed(e.error))?;
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(failed)
}
