//! Cleaners: a cleaner answers with a new text and counts what it changed.
//!
//! A cleaner is one file: a constant [`Family`] with its options, and a [`Cleaner`]. It is named once more, in
//! [`KINDS`].

pub mod presets;

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

/// How a family is made into a cleaner.
pub struct CleanerKind {
    /// Its options.
    pub family: &'static Family,
    /// Makes the cleaner from its settings and the files that they name.
    pub build: fn(&Settings, &Resources) -> Result<Box<dyn Cleaner>, BuildError>,
}

/// All cleaners, in the order in which they are listed and in which the presets run them.
pub const KINDS: &[CleanerKind] = &[];

/// The cleaner of a name.
pub fn kind(name: &str) -> Option<&'static CleanerKind> {
    KINDS.iter().find(|kind| kind.family.name == name)
}

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

    /// The cleaned text; `changed` is told each cleaner that changed it, with what it changed.
    pub fn clean<'a>(
        &self,
        text: Cow<'a, str>,
        changed: &mut dyn FnMut(&'static Family, &Changes),
    ) -> Cow<'a, str> {
        let mut text = text;
        for (family, cleaner) in &self.0 {
            let mut changes = Changes::new();
            if let Some(cleaned) = cleaner.clean(&text, &mut changes) {
                text = Cow::Owned(cleaned);
                changed(family, &changes);
            }
        }
        text
    }
}
