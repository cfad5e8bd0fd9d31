//! Filters: a filter sees a document's shared views and keeps it, or drops it with rule, value and threshold.

mod length;

use std::cell::OnceCell;

use tamis_common::artefact::DropCause;
use tamis_common::spec::FilterSpec;

use length::Length;

/// A document as filters see it. Each view is computed once, however many filters ask.
pub struct Document<'a> {
    text: &'a str,
    chars: OnceCell<u64>,
}

impl<'a> Document<'a> {
    /// The views of a cleaned text.
    pub fn new(text: &'a str) -> Self {
        Self { text, chars: OnceCell::new() }
    }

    /// The cleaned text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Its code points.
    pub fn chars(&self) -> u64 {
        *self.chars.get_or_init(|| self.text.chars().count() as u64)
    }
}

/// One family of rules.
pub trait Filter: Send + Sync {
    /// What a spec calls it, `[filter.NAME]`; its rules are `NAME.rule`.
    fn name(&self) -> &'static str;

    /// The cause of a drop, by the first rule that a document fails.
    fn judge(&self, document: &Document<'_>) -> Option<DropCause>;
}

/// The filters of a job, in order.
pub struct Filters(Vec<Box<dyn Filter>>);

impl Filters {
    /// The filters that a spec names.
    pub fn from_spec(spec: &FilterSpec) -> Self {
        let length = spec.length.map(|bounds| Box::new(Length::new(bounds)) as Box<dyn Filter>);
        Self(length.into_iter().collect())
    }

    /// The cause of a drop, by the first filter that a document fails.
    pub fn judge(&self, document: &Document<'_>) -> Option<DropCause> {
        self.0.iter().find_map(|filter| filter.judge(document))
    }
}
