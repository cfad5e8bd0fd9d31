//! The data folder and the store of work: everything that tamis relies on, done once.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};

use super::checks::Checks;
use crate::ui::span;

/// A store that is down is tried again for long; nobody waits so long here.
const PATIENCE: Duration = Duration::from_secs(20);
/// Clocks that are further apart make ages of files wrong.
const SKEW: Duration = Duration::from_secs(5);
const FIRST: &[u8] = b"written by tamis doctor";
const SECOND: &[u8] = b"this must not be written";

/// State and index need a folder on a local disk that may be written to.
pub(super) fn check_data_dir(checks: &mut Checks, data_dir: &Path) {
    let made = Made::folder(data_dir);
    let found = made.and_then(|_made| {
        let probe = tempfile::NamedTempFile::new_in(data_dir);
        probe.map_err(|e| Error::io("write below", data_dir.display(), e))?;
        Ok(format!("`{}` may be written to", data_dir.display()))
    });
    if found.is_ok() && is_held(data_dir) {
        return checks.warn(
            "data folder",
            format!("`{}` is held by a coordinator that runs", data_dir.display()),
            "`tamis submit` hands jobs to it; `tamis run` and another coordinator need another --data-dir",
        );
    }
    checks.judge("data folder", found);
}

/// Whether a process has the state or the index of a data folder open: both are locked while they are.
fn is_held(data_dir: &Path) -> bool {
    ["state/db", "index/catalogue/db"].iter().any(|name| {
        let Ok(file) = std::fs::File::open(data_dir.join(name)) else { return false };
        matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
    })
}

/// Writes, reads, creates if absent, and removes below `work`.
pub(super) async fn check(checks: &mut Checks, storage: &Storage, work: &Uri) {
    let (storage, place) = (storage.clone(), work.clone());
    let trying = tokio::task::spawn_blocking(move || exercise(&storage, &place));
    let tried = match tokio::time::timeout(PATIENCE, trying).await {
        Ok(tried) => tried.unwrap_or_else(|e| Err(Error::internal(format!("the trial ended badly: {e}")))),
        Err(_) => Err(Error::new(
            Class::Unavailable,
            format!("`{work}` gave no answer within {}", span(PATIENCE)),
        )
        .with_hint(
            "see whether the store runs and can be reached: AWS_ENDPOINT_URL, AWS_REGION, the network",
        )),
    };
    let tried = match tried {
        Ok(tried) => tried,
        Err(error) => return checks.fail("work storage", &error),
    };
    checks.ok(
        "work storage",
        format!(
            "wrote, read, created once (a second creation was refused) and removed below `{work}` in {}",
            span(tried.took)
        ),
    );
    let told = format!("the clock of `{work}` is {} this machine's", apart(tried.skew));
    match tried.skew.0 > SKEW {
        true => {
            checks.warn("store clock", told, "set both clocks by NTP: ages of what is swept are told by them")
        }
        false => checks.ok("store clock", told),
    }
}

/// How far a clock is from this machine's, and whether it is ahead.
pub(super) type Skew = (Duration, bool);

/// `2.0 s ahead of`.
pub(super) fn apart((skew, is_ahead): Skew) -> String {
    match skew {
        skew if skew < Duration::from_secs(1) => "within a second of".to_owned(),
        skew => format!("{} {}", span(skew), if is_ahead { "ahead of" } else { "behind" }),
    }
}

struct Exercise {
    took: Duration,
    skew: Skew,
}

fn exercise(storage: &Storage, work: &Uri) -> Result<Exercise> {
    let folder = work.join(&format!(".tamis-doctor-{}/", std::process::id()));
    let _made = work.local_path().map(|path| Made::folder(&path)).transpose()?;
    let begun = Instant::now();
    let done = exercise_in(storage, &folder);
    // Whatever happened, nothing stays.
    let removed = storage.remove(&folder);
    let skew = done?;
    removed?;
    if !storage.is_empty(&folder)? {
        return Err(Error::storage(format!("what was removed from `{folder}` is still there")));
    }
    Ok(Exercise { took: begun.elapsed(), skew })
}

fn exercise_in(storage: &Storage, folder: &Uri) -> Result<Skew> {
    let (written, created) = (folder.join("written"), folder.join("created"));
    let before = SystemTime::now();
    storage.put(&written, FIRST)?;
    let skew = skew_of(storage.modified(&written)?, before, SystemTime::now());
    expect(storage, &written)?;
    let wrong = |what: &str| {
        Error::storage(format!("create-if-absent does not work below `{folder}`: {what}"))
            .with_hint("take another store: two coordinators would overwrite each other's claims here")
    };
    if !storage.put_if_absent(&created, FIRST)? {
        return Err(wrong("a first creation was refused"));
    }
    if storage.put_if_absent(&created, SECOND)? {
        return Err(wrong("a second creation was not refused"));
    }
    expect(storage, &created)?;
    Ok(skew)
}

fn expect(storage: &Storage, uri: &Uri) -> Result<()> {
    match storage.read(uri)? == FIRST {
        true => Ok(()),
        false => Err(Error::storage(format!("`{uri}` holds something else than was written"))),
    }
}

/// How far a time is outside of the span in which it was made.
pub(super) fn skew_of(told: SystemTime, before: SystemTime, after: SystemTime) -> Skew {
    match (told.duration_since(after), before.duration_since(told)) {
        (Ok(ahead), _) => (ahead, true),
        (_, Ok(behind)) => (behind, false),
        _ => (Duration::ZERO, false),
    }
}

/// Folders that were made for a check, removed when it is over unless somebody has filled them.
struct Made(Vec<PathBuf>);

impl Made {
    fn folder(path: &Path) -> Result<Self> {
        let missing = path.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
        std::fs::create_dir_all(path).map_err(|e| Error::io("make", path.display(), e))?;
        Ok(Self(missing))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // The innermost first. What is not empty stays.
        self.0.iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_by_what_it_is_outside_of_the_span() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(skew_of(at(5), at(4), at(6)), (Duration::ZERO, false));
        assert_eq!(skew_of(at(16), at(4), at(6)), (Duration::from_secs(10), true));
        assert_eq!(skew_of(at(1), at(4), at(6)), (Duration::from_secs(3), false));
        assert_eq!(apart((Duration::from_secs(10), true)), "10 s ahead of");
        assert_eq!(apart((Duration::ZERO, true)), "within a second of");
    }
}
