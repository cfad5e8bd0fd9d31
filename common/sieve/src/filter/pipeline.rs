//! The filters of a job, one after the other.

use std::borrow::Cow;

use super::{Check, Filter, Verdict, kind};
use crate::BuildError;
use crate::resources::Resources;
use crate::rules::Settings;
use crate::text::{Text, TextRules};

/// Why a document goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// `filter.rule`.
    pub rule: String,
    /// The place of the filter in the job.
    pub filter: usize,
    /// The place of the rule in its family.
    pub place: usize,
    /// What was measured.
    pub value: f64,
    /// What it failed.
    pub threshold: f64,
    /// More words.
    pub detail: Option<String>,
}

/// What became of a document.
#[derive(Debug, PartialEq)]
pub enum Outcome<'a> {
    /// It stays, with this text.
    Kept(Cow<'a, str>),
    /// It goes.
    Dropped(Dropped),
}

/// A value that a rule measured, and what it was measured against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The place of the filter in the job.
    pub filter: usize,
    /// The place of the rule in its family.
    pub rule: usize,
    /// What was measured.
    pub value: f64,
    /// The threshold for the document's form.
    pub threshold: f64,
}

struct Stand {
    /// `gopher_quality`; from the second of the same family on, `classifier#2`.
    label: String,
    settings: Settings,
    filter: Box<dyn Filter>,
}

/// The filters of a job, in order.
pub struct Filters {
    rules: TextRules,
    stands: Vec<Stand>,
}

impl Filters {
    /// Filters with these settings, in this order.
    ///
    /// # Errors
    /// A file that is not what a filter needs, with the filter.
    pub fn build(filters: &[Settings], rules: TextRules, resources: &Resources) -> Result<Self, BuildError> {
        let mut stands: Vec<Stand> = Vec::with_capacity(filters.len());
        for settings in filters {
            let name = settings.family().name;
            let earlier = stands.iter().filter(|stand| stand.settings.family().name == name).count();
            let label = if earlier == 0 { name.to_owned() } else { format!("{name}#{}", earlier + 1) };
            let naming = |reason: String| BuildError(format!("`filter.{label}`: {reason}"));
            let kind = kind(name).ok_or_else(|| naming("there is no such filter".to_owned()))?;
            let filter = (kind.build)(settings, resources).map_err(|e| naming(e.0))?;
            stands.push(Stand { label, settings: settings.clone(), filter });
        }
        Ok(Self { rules, stands })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stands.is_empty()
    }

    /// Label and settings of each filter.
    pub fn list(&self) -> impl Iterator<Item = (&str, &Settings)> {
        self.stands.iter().map(|stand| (stand.label.as_str(), &stand.settings))
    }

    /// Asks the filters in order, until one drops the text; `measured` is told every value on the way.
    pub fn judge<'a>(&self, text: &'a str, measured: &mut dyn FnMut(Measured)) -> Outcome<'a> {
        self.judge_page(text, None, measured)
    }

    /// The same of a text that may have an address.
    pub fn judge_page<'a>(
        &self,
        text: &'a str,
        url: Option<&str>,
        measured: &mut dyn FnMut(Measured),
    ) -> Outcome<'a> {
        let mut edited: Option<String> = None;
        let mut words = None;
        let mut at = 0;
        // Each turn goes as far as one text goes: an edited one has other views.
        while at < self.stands.len() {
            let views =
                Text::new(edited.as_deref().unwrap_or(text), self.rules).with_url(url).knowing(words.take());
            let mut changed = None;
            while changed.is_none() && at < self.stands.len() {
                match self.stands[at].judge(at, &views, measured) {
                    Err(cause) => return Outcome::Dropped(cause),
                    Ok(Verdict::Keep) => {}
                    Ok(Verdict::Edit(text)) => changed = Some(text),
                }
                at += 1;
            }
            words = views.into_handed_on();
            edited = changed.or(edited);
        }
        Outcome::Kept(edited.map_or(Cow::Borrowed(text), Cow::Owned))
    }
}

impl Stand {
    fn judge(
        &self,
        at: usize,
        text: &Text<'_>,
        measured: &mut dyn FnMut(Measured),
    ) -> Result<Verdict, Dropped> {
        let form = text.form();
        let note = &mut |rule: usize, value: f64| {
            let threshold = self.settings.threshold(rule, form);
            measured(Measured { filter: at, rule, value, threshold });
        };
        let mut check = Check::new(&self.settings, form, note);
        self.filter.judge(text, &mut check).map_err(|failed| {
            let rule = self.settings.family().rules[failed.rule].name;
            Dropped {
                rule: format!("{}.{rule}", self.label),
                filter: at,
                place: failed.rule,
                value: failed.value,
                threshold: failed.threshold,
                detail: failed.detail,
            }
        })
    }
}
