//! Lists of cleaners under one name.

use crate::rules::Settings;

/// A list of cleaners in order.
pub struct Preset {
    /// What a spec calls it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
}

impl Preset {
    /// The settings of its cleaners, in order.
    pub fn settings(&self) -> Vec<Settings> {
        Vec::new()
    }
}

/// All presets.
pub const PRESETS: &[Preset] =
    &[Preset { name: "recommended", about: "what repairs text and masks personal data" }];
