//! Values that nobody may see: not in logs, errors, or what a debugger prints.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Deserializer};

use crate::{Class, Error, Result};

/// What stands for a secret wherever it is printed.
const MASK: &str = "[redacted]";
/// Owner reads and writes, nobody else does anything.
const PRIVATE_MODE: u32 = 0o600;
/// The group may read.
const GROUP_READS: u32 = 0o040;
/// Everybody may read.
const OTHERS_READ: u32 = 0o004;
/// Keys and tokens are smaller; a wrong path shall not fill the memory.
const MAX_BYTES: u64 = 1 << 20;

/// A secret: it prints as `[redacted]`, and only [`Secret::expose`] gives it away.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        T::deserialize(from).map(Self)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Whether others than its owner may read a file of this mode. The group of a file of root may: so orchestrators lay a
/// secret for a process that is not root.
pub fn others_may_read(mode: u32, owner: u32) -> bool {
    let by_group = mode & GROUP_READS != 0 && owner != 0;
    by_group || mode & OTHERS_READ != 0
}

/// Logs a warning if group or others may read the file; `what` says what it holds.
pub fn warn_if_others_may_read(what: &str, path: &Path, meta: &Metadata) {
    if others_may_read(meta.mode(), meta.uid()) {
        let path = path.display();
        tracing::warn!("others than its owner may read {what} `{path}`: take that from them with chmod 600");
    }
}

/// Reads a file of text that only its owner should read; a warning is logged if others may. `what` says what it holds.
///
/// # Errors
/// `Class::NotFound`, `Class::Permission` or `Class::Storage` with the path; `Class::Spec` for more than 1 MiB.
pub fn read_private(what: &str, path: &Path) -> Result<Secret<String>> {
    let failed = |error| Error::io(&format!("read {what}"), path.display(), error);
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    warn_if_others_may_read(what, path, &meta);
    if meta.len() > MAX_BYTES {
        let (path, bytes) = (path.display(), meta.len());
        return Err(Error::spec(format!(
            "{what} `{path}` must have at most {MAX_BYTES} bytes, it has {bytes}"
        )));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(Secret::new(text))
}

/// Writes a new file that only its owner may read. One that is there already is left alone. `what` says what it holds.
///
/// # Errors
/// `Class::Conflict` if there is one, else of the file system, with the path.
pub fn write_private(what: &str, path: &Path, text: &Secret<String>) -> Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_MODE).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::new(
            Class::Conflict,
            format!("`{}` is there already, it is not overwritten", path.display()),
        )
        .with_hint("name another file, or remove that one first"),
        _ => Error::io(&format!("write {what}"), path.display(), error),
    })?;
    file.write_all(text.expose().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Error::io(&format!("write {what}"), path.display(), error))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_a_mask_also_within_other_values() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[redacted] [redacted] Some([redacted])"
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_private_file_is_for_its_owner_only_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private("the key", &path, &Secret::new("first".to_owned())).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, PRIVATE_MODE);
        let again = write_private("the key", &path, &Secret::new("second".to_owned())).unwrap_err();
        assert_eq!(again.class(), Class::Conflict, "{again}");
        assert_eq!(read_private("the key", &path).unwrap().expose(), "first");
    }

    #[test]
    fn a_missing_or_huge_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let missing = read_private("the token", &path).unwrap_err();
        assert!(missing.message().starts_with("cannot read the token `"), "{missing}");
        File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        let huge = read_private("the token", &path).unwrap_err();
        assert!(huge.message().contains("at most 1048576 bytes, it has 1048577"), "{huge}");
    }

    #[test]
    fn modes_that_others_read_are_told_apart() {
        assert!(
            !others_may_read(0o100600, 7) && !others_may_read(0o100400, 7) && !others_may_read(0o100440, 0)
        );
        assert!(others_may_read(0o100640, 7) && others_may_read(0o100604, 0) && others_may_read(0o100644, 7));
    }
}
