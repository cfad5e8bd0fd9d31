//! The file of tokens under a running coordinator: what changes in it holds without a restart.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tamis_common::secret::warn_if_others_may_read;
use tamis_common::{Error, Result};

use super::tokens::Tokens;

/// A revoked token is refused after this long at most; a look asks the file system once.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A file of tokens and what it held when it was last good.
pub(super) struct TokenFile {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    tokens: Arc<Tokens>,
    seen: Option<Stamp>,
    looked: Instant,
}

/// Tells two versions of a file apart. A file that is replaced has another inode, also within one tick of the clock.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl TokenFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Of the file system, or `Class::Spec` with the line that is wrong.
    pub(super) fn open(path: &Path, now: Instant) -> Result<Self> {
        // Before the text: a change in between is seen at the next look.
        let seen = stamp(path);
        let tokens = read(path).map_err(|e| {
            let hint = e.hint().map_or_else(
                || "make it with `tamis token new --role operate --name NAME --tokens FILE`".to_owned(),
                ToOwned::to_owned,
            );
            e.with_hint(hint)
        })?;
        let state = State { tokens: Arc::new(tokens), seen, looked: now };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The tokens that hold now. A file that cannot be read leaves those that held before, and is logged once.
    pub(super) fn tokens(&self, now: Instant) -> Arc<Tokens> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.looked) < LOOK_EVERY {
            return state.tokens.clone();
        }
        state.looked = now;
        let found = stamp(&self.path);
        if found != state.seen {
            state.seen = found;
            match read(&self.path) {
                Ok(tokens) => {
                    tracing::info!(file = %self.path.display(), tokens = tokens.len(), "the tokens were read again");
                    state.tokens = Arc::new(tokens);
                }
                Err(error) => {
                    tracing::error!(%error, "the tokens could not be read again: those that held before go on");
                }
            }
        }
        state.tokens.clone()
    }
}

fn read(path: &Path) -> Result<Tokens> {
    let meta = std::fs::metadata(path).map_err(|e| Error::io("read the tokens", path.display(), e))?;
    warn_if_others_may_read("the tokens", path, &meta);
    Tokens::read(path)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some(Stamp {
        inode: meta.ino(),
        bytes: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::super::roles::Role;
    use super::super::tokens::{create, revoke};
    use super::*;

    #[test]
    fn a_change_holds_after_a_second_and_a_broken_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let first = create(&path, Role::Read, "first").unwrap();
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let file = TokenFile::open(&path, begin).unwrap();
        let knows =
            |made: &super::super::NewToken, now| file.tokens(now).find(made.secret.expose()).is_some();
        assert!(knows(&first, begin));

        let second = create(&path, Role::Submit, "second").unwrap();
        assert!(!knows(&second, begin), "within a second nobody looks");
        assert!(knows(&first, at(1)) && knows(&second, at(1)));

        revoke(&path, &first.token.id).unwrap();
        assert!(!knows(&first, at(2)) && knows(&second, at(2)));

        let good = fs::read(&path).unwrap();
        fs::write(&path, "nonsense\n").unwrap();
        assert!(knows(&second, at(3)), "a broken file keeps the old tokens");
        fs::remove_file(&path).unwrap();
        assert!(knows(&second, at(4)), "so does a missing one");
        fs::write(&path, &good).unwrap();
        revoke(&path, &second.token.id).unwrap();
        assert!(!knows(&second, at(5)));
    }

    #[test]
    fn a_missing_file_says_how_it_is_made() {
        let Err(error) = TokenFile::open(Path::new("/nowhere/tokens"), Instant::now()) else {
            panic!("there is no such file")
        };
        assert!(error.message().contains("/nowhere/tokens"), "{error}");
        assert!(error.hint().unwrap().contains("tamis token new"), "{error:?}");
    }
}
