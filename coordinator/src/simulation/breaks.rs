//! Deliberate breaks of the control plane: what the simulation must see. They exist in tests only.

use std::cell::Cell;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// A task that has a result takes another one.
    SecondCommit,
    /// A result is taken from an attempt that has lost its lease.
    UnfencedCommit,
    /// An attempt that has lost its lease is told to go on.
    UnfencedBeat,
    /// Attempts found at a start have no lease time before them.
    NoGrace,
}

thread_local! {
    static BROKEN: Cell<Option<Break>> = const { Cell::new(None) };
}

/// Whether a rule is broken in this thread.
pub(crate) fn is_broken(rule: Break) -> bool {
    BROKEN.get() == Some(rule)
}

/// Runs something while a rule is broken.
pub(super) fn broken<T>(rule: Break, run: impl FnOnce() -> T) -> T {
    BROKEN.set(Some(rule));
    let result = run();
    BROKEN.set(None);
    result
}
