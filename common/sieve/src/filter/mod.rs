//! Filters: a filter sees the shared views of a document and keeps it, or drops it with rule, value and threshold.
//!
//! A family is one file: a constant [`Family`] with its rules, and a [`Filter`] that asks them in order. It is named
//! once more, in [`KINDS`].

mod bad_words;
mod c4;
mod characters;
mod check;
mod classifier;
mod decontaminate;
mod fineweb;
mod gopher_quality;
mod gopher_repetition;
mod language;
mod length;
mod lexicon;
mod pipeline;
pub mod presets;
#[cfg(test)]
mod properties;
mod seen;
mod terms;
#[cfg(test)]
mod testing;
mod urls;

pub use check::{Check, Failed};
pub use language::likeliest_language;
pub use pipeline::{Dropped, Filters, Measured, Outcome};
pub use terms::{Hit, Terms};

use crate::BuildError;
use crate::resources::Resources;
use crate::rules::{Family, Settings};
use crate::text::Text;

/// What a filter says of a document that it does not drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// It stays with this text: later filters and everything behind them see it so.
    Edit(String),
}

/// One family of rules with its settings.
pub trait Filter: Send + Sync {
    /// Asks the rules in order, until one fails.
    ///
    /// # Errors
    /// The first rule that the document fails.
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed>;
}

/// Makes a filter from its settings and the files that they name.
pub type Build = fn(&Settings, &Resources) -> Result<Box<dyn Filter>, BuildError>;

/// How a family is made into a filter.
pub struct FilterKind {
    /// Its rules and options.
    pub family: &'static Family,
    /// Makes the filter from its settings and the files that they name.
    pub build: Build,
}

/// All families, in the order in which they are listed.
pub const KINDS: &[FilterKind] = &[
    urls::KIND,
    language::KIND,
    length::KIND,
    gopher_repetition::KIND,
    gopher_quality::KIND,
    c4::KIND,
    fineweb::KIND,
    characters::KIND,
    classifier::KIND,
    bad_words::KIND,
    lexicon::KIND,
    decontaminate::KIND,
];

/// The family of a name.
pub fn kind(name: &str) -> Option<&'static FilterKind> {
    KINDS.iter().find(|kind| kind.family.name == name)
}
