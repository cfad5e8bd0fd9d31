//! What happened how often.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Counts by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<Cow<'static, str>, u64>);

impl Tally {
    /// It happened so many times more.
    pub(super) fn count(&mut self, name: impl Into<Cow<'static, str>>, times: u64) {
        *self.0.entry(name.into()).or_default() += times;
    }

    /// All that another one counted.
    pub(super) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, times)| self.count(name.clone(), *times));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, times)| writeln!(f, "{times:>12}  {name}"))
    }
}
