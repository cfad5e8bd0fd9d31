//! One value of a document against its threshold.

use crate::rules::{Family, Form, Settings};

/// Asks the rules of one family about one document, and notes what was measured.
pub struct Check<'a> {
    settings: &'a Settings,
    form: Form,
    measured: &'a mut dyn FnMut(usize, f64),
    /// The place behind the rule that was asked last: most are asked in order.
    next: usize,
}

impl<'a> Check<'a> {
    /// For a document of this form; `measured` is told the place of each rule that was asked, and the value.
    pub fn new(settings: &'a Settings, form: Form, measured: &'a mut dyn FnMut(usize, f64)) -> Self {
        Self { settings, form, measured, next: 0 }
    }

    /// Measures the document by a rule, unless the rule is off.
    ///
    /// # Errors
    /// The rule that the document fails.
    ///
    /// # Panics
    /// If the family has no such rule.
    pub fn rule(&mut self, name: &str, value: impl FnOnce() -> f64) -> Result<(), Failed> {
        let family = self.settings.family();
        let place = match family.rules.get(self.next) {
            Some(rule) if rule.name == name => Some(self.next),
            _ => family.rules.iter().position(|rule| rule.name == name),
        };
        let Some(rule) = place else { panic!("{} has no rule {name}", family.name) };
        self.next = rule + 1;
        let threshold = self.settings.threshold(rule, self.form);
        if threshold == 0.0 {
            return Ok(());
        }
        let value = value();
        (self.measured)(rule, value);
        match family.rules[rule].passes(value, threshold) {
            true => Ok(()),
            false => Err(Failed { rule, value, threshold, detail: None }),
        }
    }

    /// Whether a rule is on for this document.
    pub fn is_on(&self, name: &str) -> bool {
        self.threshold(name) != 0.0
    }

    /// The threshold of a rule for this document, for rules that judge parts of it; 0 is off.
    pub fn threshold(&self, name: &str) -> f64 {
        let Family { rules, .. } = self.settings.family();
        let rule = rules.iter().position(|rule| rule.name == name);
        rule.map_or(0.0, |rule| self.settings.threshold(rule, self.form))
    }
}

/// The rule that dropped a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// The place of the rule in its family.
    pub rule: usize,
    /// What was measured.
    pub value: f64,
    /// What it failed.
    pub threshold: f64,
    /// More words: the term that was hit, the language that was found.
    pub detail: Option<String>,
}

impl Failed {
    /// With more words.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
