//! The cleaners and filters of a job, and what they did to the records of a shard.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tamis_common::artefact::{DropCause, Stage};
use tamis_common::sieve::BuildError;
use tamis_common::sieve::clean::Cleaners;
use tamis_common::sieve::filter::{Filters, Outcome};
use tamis_common::sieve::resources::Resources;
use tamis_common::sieve::rules::{Rule, Settings};
use tamis_common::sieve::text::is_space;
use tamis_common::spec::{CleanSpec, FilterSpec, JobSpec, SourceSpec};
use tamis_common::stats::{CleanerStats, Counts, RuleStats, ScanStats, ValueHistogram};
use tamis_common::{Error, Result};

use tamis_common::read::{Body, text_field};

/// Cleaners, then filters.
pub struct Sieve {
    cleaners: Cleaners,
    filters: Filters,
}

/// What became of a text.
pub struct Sieved<'a> {
    /// What it was after cleaning; `None`: nothing was left.
    pub cleaned: Option<Counts>,
    /// The text that stays, or why it goes; the text is then the cleaned one.
    pub outcome: std::result::Result<Cow<'a, str>, (DropCause, Cow<'a, str>)>,
}

impl Sieve {
    /// Those that a spec names.
    ///
    /// # Errors
    /// `Class::Spec` for a file that is not what a filter needs, naming it.
    pub fn build(spec: &JobSpec, files: &Resources) -> Result<Self> {
        let wrong = |e: BuildError| Error::spec(e.0);
        let filters = Filters::build(&spec.filter.filters, spec.filter.text_rules(), files).map_err(wrong)?;
        Ok(Self { cleaners: Cleaners::build(&spec.clean.cleaners, files).map_err(wrong)?, filters })
    }

    /// One for each filter of a spec, without cleaners.
    ///
    /// # Errors
    /// As [`Sieve::build`].
    pub fn each_alone(spec: &JobSpec, files: &Resources) -> Result<Vec<Self>> {
        let alone = |settings: &Settings| {
            let filter = FilterSpec { filters: vec![settings.clone()], ..spec.filter.clone() };
            Self::build(&JobSpec { clean: CleanSpec::default(), filter, ..spec.clone() }, files)
        };
        spec.filter.filters.iter().map(alone).collect()
    }

    /// The address of a record, if a filter asks for it.
    pub fn url_of(&self, body: &Body<'_>, source: &SourceSpec) -> Option<String> {
        let asks = self.filters.list().any(|(_, settings)| settings.family().name == "urls");
        asks.then(|| text_field(body.extra, &source.url_field)).flatten()
    }

    /// The filters.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// The cleaned text; `stats` counts what was changed, by cleaner.
    pub fn clean<'a>(&self, text: Cow<'a, str>, stats: &mut BTreeMap<String, CleanerStats>) -> Cow<'a, str> {
        self.cleaners.clean(text, &mut |family, changes| {
            if !stats.contains_key(family.name) {
                stats.insert(family.name.to_owned(), CleanerStats::default());
            }
            let Some(stats) = stats.get_mut(family.name) else { return };
            stats.docs += 1;
            for (what, count) in changes {
                *stats.changes.entry((*what).to_owned()).or_default() += count;
            }
        })
    }

    /// Counters for one shard.
    pub fn tally(&self) -> Tally {
        let rules = |(label, settings): (&str, &Settings)| {
            let tally = |rule: &Rule| RuleTally {
                key: format!("{label}.{}", rule.name),
                dropped: Counts::default(),
                values: vec![0; ValueHistogram::BUCKETS],
            };
            settings.family().rules.iter().map(tally).collect()
        };
        Tally { cleaners: BTreeMap::new(), filters: self.filters.list().map(rules).collect() }
    }

    /// Cleans and judges a text.
    pub fn sieve<'a>(&self, text: Cow<'a, str>, url: Option<&str>, tally: &mut Tally) -> Sieved<'a> {
        let cleaned = self.clean(text, &mut tally.cleaners);
        if !self.cleaners.is_empty() && cleaned.chars().all(is_space) {
            let cause = DropCause::new(Stage::Clean, "empty");
            return Sieved { cleaned: None, outcome: Err((cause, cleaned)) };
        }
        let counts = counts_of(&cleaned);
        let filters = &mut tally.filters;
        let judged = self.filters.judge_page(&cleaned, url, &mut |measured| {
            let bucket = usize::from(ValueHistogram::bucket(measured.value));
            filters[measured.filter][measured.rule].values[bucket] += 1;
        });
        let outcome = match judged {
            Outcome::Kept(Cow::Owned(edited)) => Ok(Cow::Owned(edited)),
            Outcome::Kept(Cow::Borrowed(_)) => Ok(cleaned),
            Outcome::Dropped(dropped) => {
                tally.filters[dropped.filter][dropped.place].dropped.add(counts.chars, counts.bytes);
                let mut cause =
                    DropCause::new(Stage::Filter, dropped.rule).with_value(dropped.value, dropped.threshold);
                cause.detail = dropped.detail;
                Err((cause, cleaned))
            }
        };
        Sieved { cleaned: Some(counts), outcome }
    }
}

/// How much one text is.
pub fn counts_of(text: &str) -> Counts {
    let mut counts = Counts::default();
    counts.add(text.chars().count() as u64, text.len() as u64);
    counts
}

/// What cleaners and filters did to the records of a shard.
pub struct Tally {
    cleaners: BTreeMap<String, CleanerStats>,
    /// By filter and rule.
    filters: Vec<Vec<RuleTally>>,
}

struct RuleTally {
    key: String,
    dropped: Counts,
    /// By bucket of [`ValueHistogram`].
    values: Vec<u64>,
}

impl Tally {
    /// Puts the counts into the statistics of the scan.
    pub fn finish(self, stats: &mut ScanStats) {
        stats.cleaners = self.cleaners;
        for rule in self.filters.into_iter().flatten() {
            let values: BTreeMap<u16, u64> = (0..).zip(rule.values).filter(|(_, count)| *count > 0).collect();
            if !values.is_empty() {
                let values = ValueHistogram(values);
                stats.rules.insert(rule.key, RuleStats { dropped: rule.dropped, values });
            }
        }
    }
}
