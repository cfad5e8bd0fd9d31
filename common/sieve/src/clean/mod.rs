//! Cleaners: a cleaner answers with a new text and counts what it changed.
//!
//! A cleaner is one file: a constant [`Family`] with its options, and a [`Cleaner`]. It is named once more, in
//! [`KINDS`]. Each starts with a scan of bytes for what it may change: clean text passes at the speed of memory.

#![expect(clippy::manual_range_contains, reason = "scans of bytes are written without branches")]

mod control;
mod html;
mod line_endings;
mod mojibake;
mod personal;
pub mod presets;
#[cfg(test)]
mod properties;
mod scan;
#[cfg(test)]
mod testing;
mod unicode;
mod whitespace;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::BuildError;
use crate::resources::Resources;
use crate::rules::{Family, Settings};

/// Changes by what was changed, like `email` or `control`.
pub type Changes = BTreeMap<&'static str, u64>;

/// One cleaner with its settings.
pub trait Cleaner: Send + Sync {
    /// The cleaned text, if it differs; `changes` counts what was changed.
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String>;
}

/// Makes a cleaner from its settings and the files that they name.
pub type Build = fn(&Settings, &Resources) -> Result<Box<dyn Cleaner>, BuildError>;

/// How a family is made into a cleaner.
pub struct CleanerKind {
    /// Its options.
    pub family: &'static Family,
    /// Makes the cleaner from its settings and the files that they name.
    pub build: Build,
}

/// All cleaners, in the order in which they are listed and in which the presets run them.
pub const KINDS: &[CleanerKind] = &[
    html::KIND,
    mojibake::KIND,
    line_endings::KIND,
    control::KIND,
    unicode::KIND,
    whitespace::KIND,
    personal::KIND,
];

/// The cleaner of a name.
pub fn kind(name: &str) -> Option<&'static CleanerKind> {
    KINDS.iter().find(|kind| kind.family.name == name)
}

/// Passes over a text until nothing changes. What one cleaner uncovers for an earlier one, like an entity with a zero
/// width in it, is rare and needs a second pass; more are for texts made to need them, and the work stays linear.
const MAX_ROUNDS: usize = 8;

/// The cleaners of a job, in order.
pub struct Cleaners(Vec<(&'static Family, Box<dyn Cleaner>)>);

impl Cleaners {
    /// Cleaners with these settings, in this order.
    ///
    /// # Errors
    /// A file that is not what a cleaner needs, with the cleaner.
    pub fn build(cleaners: &[Settings], resources: &Resources) -> Result<Self, BuildError> {
        let build = |settings: &Settings| {
            let family = settings.family();
            let naming = |reason: String| BuildError(format!("`clean.{}`: {reason}", family.name));
            let kind = kind(family.name).ok_or_else(|| naming("there is no such cleaner".to_owned()))?;
            Ok((family, (kind.build)(settings, resources).map_err(|e| naming(e.0))?))
        };
        cleaners.iter().map(build).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cleaned text; `changed` is told each cleaner that changed it, once, with what it changed.
    ///
    /// A text that was changed passes the cleaners again, until they leave it as it is.
    pub fn clean<'a>(
        &self,
        text: Cow<'a, str>,
        changed: &mut dyn FnMut(&'static Family, &Changes),
    ) -> Cow<'a, str> {
        let mut text = text;
        // By cleaner; empty, and so without a place in memory, for most texts.
        let mut all: Vec<Option<Changes>> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let mut is_stable = true;
            for (at, (_, cleaner)) in self.0.iter().enumerate() {
                let mut changes = Changes::new();
                let Some(cleaned) = cleaner.clean(&text, &mut changes) else { continue };
                text = Cow::Owned(cleaned);
                is_stable = false;
                all.resize(self.0.len(), None);
                let sum = all[at].get_or_insert_default();
                for (kind, count) in changes {
                    *sum.entry(kind).or_default() += count;
                }
            }
            // A single cleaner leaves nothing for itself.
            if is_stable || self.0.len() == 1 {
                break;
            }
        }
        for ((family, _), changes) in self.0.iter().zip(&all) {
            if let Some(changes) = changes {
                changed(family, changes);
            }
        }
        text
    }
}

/// The character of a byte of windows-1252; none of the five bytes that it leaves open.
fn windows_1252(byte: u8) -> Option<char> {
    const HIGH: [char; 32] = [
        '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’',
        '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => Some(HIGH[usize::from(byte - 0x80)]).filter(|c| *c != '\0'),
        _ => Some(char::from(byte)),
    }
}
