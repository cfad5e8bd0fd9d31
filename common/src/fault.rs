//! Faults on demand, for tests of the real processes: points stand at every durable step, before and after it.
//!
//! They are compiled in and do nothing unless the environment variable [`VARIABLE`] names a folder, the budget:
//!
//! ```text
//! BUDGET/commit.after/0000-pass        the first pass of the point goes on
//! BUDGET/commit.after/0001-kill        the second one ends the process
//! BUDGET/fired/commit.after.0001-kill  where a fault stands once it was claimed
//! BUDGET/clock                         milliseconds that the clock on the wall is off, if it is there
//! ```
//!
//! Whoever passes a point claims the first fault that stands there, by renaming it: each fires exactly once, however many
//! processes share the budget.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::error::{Class, Error, Result};

/// Names the folder of the budget.
pub const VARIABLE: &str = "TAMIS_FAULTS";

/// Where claimed faults stand below the budget.
pub const FIRED: &str = "fired";

macro_rules! points {
    ($($(#[doc = $about:literal])* $point:ident = $name:literal,)*) => {
        /// A place in the code where faults fire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Point {
            $($(#[doc = $about])* $point,)*
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// What the budget calls it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    /// Before an object (an artefact, a published file) is made durable.
    ObjectBefore = "object.before",
    /// An object is durable and visible.
    ObjectAfter = "object.after",
    /// A worker is about to bring a result.
    CommitSend = "commit.send",
    /// Before a grant is durable.
    GrantBefore = "grant.before",
    /// A grant is durable, and not yet told.
    GrantAfter = "grant.after",
    /// A grant stands, and its answer is about to be sent.
    GrantReply = "grant.reply",
    /// A heartbeat is noted, and its answer is about to be sent.
    BeatReply = "beat.reply",
    /// Before a commit is durable.
    CommitBefore = "commit.before",
    /// A commit is durable, and not yet told.
    CommitAfter = "commit.after",
    /// A commit stands, and its answer is about to be sent.
    CommitReply = "commit.reply",
    /// Before a job's step from one state to the next is durable.
    StepBefore = "step.before",
    /// The step is durable, and not yet in memory.
    StepAfter = "step.after",
    /// The document tables are read.
    ResolveDocuments = "resolve.documents",
    /// Equal documents are found.
    ResolveExact = "resolve.exact",
    /// Bands have proposed pairs.
    ResolvePropose = "resolve.propose",
    /// Pairs are verified.
    ResolveVerify = "resolve.verify",
    /// The pairs of clusters are written.
    ResolveClusters = "resolve.clusters",
    /// The mixture is chosen.
    ResolveMix = "resolve.mix",
    /// The verdicts are written.
    ResolveVerdicts = "resolve.verdicts",
    /// Publish begins: the reports are made, nothing is changed.
    PublishBegin = "publish.begin",
    /// An old manifest is gone, and what it vouched for.
    PublishClear = "publish.clear",
    /// A file is in its place.
    PublishFile = "publish.file",
    /// The run record and the reports are written.
    PublishReports = "publish.reports",
    /// The manifest is written.
    PublishManifest = "publish.manifest",
    /// Before the files of a job that enters an index are written.
    IndexFilesBefore = "index.files.before",
    /// They are durable, and not yet named.
    IndexFilesAfter = "index.files.after",
    /// Before a change of an index's catalogue is durable.
    IndexRecordBefore = "index.record.before",
    /// The change is durable, and not yet in memory.
    IndexRecordAfter = "index.record.after",
    /// Before runs are merged.
    IndexMergeBefore = "index.merge.before",
    /// The merged run is durable, and not yet named.
    IndexMergeAfter = "index.merge.after",
    /// Before the files of merged runs are unlinked.
    IndexUnlink = "index.unlink",
    /// Before the work of an ended job is swept.
    SweepBefore = "sweep.before",
    /// The work is swept, and that is not yet recorded.
    SweepAfter = "sweep.after",
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// The process ends, as by SIGKILL.
    Kill,
    /// The process stands still, as by SIGSTOP.
    Stop,
    /// The disk takes so many milliseconds.
    Slow(u64),
    /// The disk fails.
    Fail,
    /// The disk is full.
    Full,
    /// The answer is lost.
    Lose,
    /// The message is delivered twice.
    Twice,
}

impl Fault {
    /// As it stands in the name of a fault.
    pub fn name(self) -> String {
        match self {
            Self::Pass => "pass".into(),
            Self::Kill => "kill".into(),
            Self::Stop => "stop".into(),
            Self::Slow(ms) => format!("slow_{ms}"),
            Self::Fail => "fail".into(),
            Self::Full => "full".into(),
            Self::Lose => "lose".into(),
            Self::Twice => "twice".into(),
        }
    }

    /// Of a name.
    ///
    /// # Errors
    /// `Class::Spec` for a name that stands for none.
    pub fn parse(name: &str) -> Result<Self> {
        let all = [Self::Pass, Self::Kill, Self::Stop, Self::Fail, Self::Full, Self::Lose, Self::Twice];
        let slow = name.strip_prefix("slow_").and_then(|ms| ms.parse().ok()).map(Self::Slow);
        let found = slow.or_else(|| all.into_iter().find(|fault| fault.name() == name));
        found.ok_or_else(|| Error::spec(format!("`{name}` is no fault")))
    }
}

/// Passes a point: kill, stop and slow happen here.
///
/// # Errors
/// `Class::Storage` or `Class::Resource` if the disk shall fail or be full.
pub fn pass(point: Point) -> Result<()> {
    match claim(point) {
        Some(Fault::Fail) => Err(Error::storage(format!("an injected fault at {}", point.name()))),
        Some(Fault::Full) => {
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(Error::io("write at", point.name(), full))
        }
        _ => Ok(()),
    }
}

/// Passes a point behind which nothing can fail: as [`pass`], without the error.
pub fn reach(point: Point) {
    claim(point);
}

/// Whether a message shall be lost at this point; else as [`pass`].
///
/// # Errors
/// `Class::Unavailable` if it shall: the other side sees a lost connection.
pub fn deliver(point: Point) -> Result<()> {
    match claim(point) {
        Some(Fault::Lose) => {
            Err(Error::new(Class::Unavailable, format!("an injected loss at {}", point.name())))
        }
        _ => Ok(()),
    }
}

/// Whether a message shall be delivered twice; else as [`pass`].
pub fn is_doubled(point: Point) -> bool {
    claim(point) == Some(Fault::Twice)
}

/// How far the clock on the wall is off, milliseconds.
pub fn clock_jump_ms() -> i64 {
    let Some(budget) = budget() else { return 0 };
    fs::read_to_string(budget.join("clock")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn budget() -> Option<&'static Path> {
    static BUDGET: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUDGET.get_or_init(|| std::env::var_os(VARIABLE).map(PathBuf::from)).as_deref()
}

/// Takes the first fault of the point and lets it happen, as far as it happens by itself.
fn claim(point: Point) -> Option<Fault> {
    let fault = claim_in(budget()?, point)?;
    match fault {
        Fault::Kill => end(Signal::KILL),
        Fault::Stop => end(Signal::STOP),
        Fault::Slow(ms) => std::thread::sleep(Duration::from_millis(ms)),
        _ => {}
    }
    Some(fault)
}

fn claim_in(budget: &Path, point: Point) -> Option<Fault> {
    let folder = budget.join(point.name());
    let mut names: Vec<OsString> =
        fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.file_name()).collect();
    names.sort_unstable();
    for name in names {
        let name = name.to_string_lossy();
        let claimed = budget.join(FIRED).join(format!("{}.{name}", point.name()));
        // Of all that try, one succeeds; the others look for the next.
        if fs::rename(folder.join(&*name), claimed).is_ok() {
            let (_, fault) = name.split_once('-')?;
            return Fault::parse(fault).ok();
        }
    }
    None
}

/// Sends itself a signal; returns only from a stop that was followed by a SIGCONT.
fn end(signal: Signal) {
    // To oneself it is always allowed.
    let _ = kill_process(getpid(), signal);
    if signal == Signal::KILL {
        loop {
            std::thread::park();
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_claimed_once_and_in_order_however_many_ask() {
        let budget = tempfile::tempdir().unwrap();
        let folder = budget.path().join(Point::CommitAfter.name());
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(budget.path().join(FIRED)).unwrap();
        for name in ["0001-fail", "0000-pass", "0002-slow_7"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let claim = || claim_in(budget.path(), Point::CommitAfter);
        assert_eq!(claim(), Some(Fault::Pass));
        let claimed: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(claimed.len(), 2);
        assert!(claimed.contains(&Fault::Fail) && claimed.contains(&Fault::Slow(7)));
        assert_eq!(claim(), None);
        assert_eq!(fs::read_dir(budget.path().join(FIRED)).unwrap().count(), 3);
    }

    #[test]
    fn without_a_budget_nothing_happens() {
        assert!(pass(Point::CommitBefore).is_ok() && !is_doubled(Point::CommitSend));
        assert_eq!(clock_jump_ms(), 0);
    }

    #[test]
    fn names_of_points_and_faults_are_their_own() {
        let names: std::collections::BTreeSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        for fault in [Fault::Pass, Fault::Kill, Fault::Stop, Fault::Slow(12), Fault::Lose, Fault::Twice] {
            assert_eq!(Fault::parse(&fault.name()).unwrap(), fault);
        }
        assert!(Fault::parse("slow_x").is_err());
    }
}
