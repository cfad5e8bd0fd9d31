//! A trial of a job's cleaners and filters on a sample, without a cluster.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tamis_common::Result;
use tamis_common::shard::Shard;
use tamis_common::sieve::filter::{Measured, Outcome};
use tamis_common::sieve::resources::Resources;
use tamis_common::sieve::rules::{Rule, Side};
use tamis_common::sieve::text::is_space;
use tamis_common::spec::JobSpec;
use tamis_common::stats::{CleanerStats, Counts, ValueHistogram};
use tamis_common::storage::Storage;

use crate::sample::{Wanted, draw};
use crate::sieve::{Sieve, counts_of};

/// Examples on each side of a threshold.
const EXAMPLES: usize = 3;
/// Code points of a text that an example shows.
const EXCERPT: usize = 200;

/// What cleaners and filters do to a sample.
#[derive(Debug, Default, Serialize)]
pub struct Trial {
    /// Records read.
    pub records: u64,
    /// Records without a text.
    pub rejected: u64,
    /// Documents with a text.
    pub parsed: Counts,
    /// Documents of which cleaning left nothing.
    pub emptied: u64,
    /// Documents that stay.
    pub kept: Counts,
    /// What cleaners changed, by their names.
    pub cleaners: BTreeMap<String, CleanerStats>,
    /// The filters in their order.
    pub filters: Vec<FilterTrial>,
}

/// What one filter does to a sample.
#[derive(Debug, Serialize)]
pub struct FilterTrial {
    /// Its label: `gopher_quality`.
    pub name: String,
    /// Documents that came to it.
    pub seen: u64,
    /// Documents that it dropped.
    pub dropped: u64,
    /// Documents that it would drop if it stood alone.
    pub alone: u64,
    /// Its rules that are on, in order.
    pub rules: Vec<RuleTrial>,
}

/// What one rule does to a sample.
#[derive(Debug, Serialize)]
pub struct RuleTrial {
    /// Its name in the filter.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Which values pass: `at_least`, `at_most` or `below` the threshold.
    pub passes: &'static str,
    /// The thresholds that were asked: of other text and of Chinese.
    pub thresholds: Vec<f64>,
    /// Documents that came to it.
    pub seen: u64,
    /// Documents that it dropped.
    pub dropped: u64,
    /// The dropped ones by source.
    pub by_source: BTreeMap<String, u64>,
    /// The values of all that came to it.
    #[serde(serialize_with = "bars")]
    pub values: ValueHistogram,
    /// Passing documents nearest to the threshold, nearest first.
    pub passing: Vec<Example>,
    /// Failing documents nearest to the threshold, nearest first.
    pub failing: Vec<Example>,
}

fn bars<S: Serializer>(values: &ValueHistogram, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    values.bars().serialize(serializer)
}

/// A document beside a threshold.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// What was measured.
    pub value: f64,
    /// The threshold of its form.
    pub threshold: f64,
    /// The start of its text.
    pub text: String,
}

impl Example {
    fn distance(&self) -> f64 {
        ((self.value - self.threshold) / self.threshold).abs()
    }
}

/// Reads about `documents` documents, of each source the same number from shards all over it, cleans and judges them.
///
/// # Errors
/// As [`tamis_common::read::read_shard`] and [`Sieve::build`].
pub fn run(
    storage: &Storage,
    spec: &JobSpec,
    shards: &[Shard],
    files: &Resources,
    documents: usize,
) -> Result<Trial> {
    let sieve = Sieve::build(spec, files)?;
    let alone = Sieve::each_alone(spec, files)?;
    let mut trial = Trial { filters: filters_of(&sieve), ..Trial::default() };
    let of_source = Wanted { records: documents.div_ceil(spec.sources.len().max(1)), bytes: u64::MAX };
    draw(storage, spec, shards, of_source, &mut |drawn| {
        let (source, shard, record) = (&spec.sources[drawn.source], drawn.shard, drawn.record);
        trial.records += 1;
        let Ok(body) = record.body else {
            trial.rejected += 1;
            return Ok(());
        };
        let id = match &body.id {
            Some(id) => id.clone().into_owned(),
            None => format!("{}#{}", shard.uri, record.offset),
        };
        let url = sieve.url_of(&body, source);
        trial.take(&sieve, &alone, Page { source: &source.name, id: &id, url: url.as_deref() }, body.text);
        Ok(())
    })?;
    Ok(trial)
}

fn filters_of(sieve: &Sieve) -> Vec<FilterTrial> {
    let rule = |rule: &Rule| RuleTrial {
        name: rule.name,
        about: rule.about,
        passes: match rule.side {
            Side::AtLeast => "at_least",
            Side::AtMost => "at_most",
            Side::Below => "below",
        },
        thresholds: Vec::new(),
        seen: 0,
        dropped: 0,
        by_source: BTreeMap::new(),
        values: ValueHistogram::default(),
        passing: Vec::new(),
        failing: Vec::new(),
    };
    sieve
        .filters()
        .list()
        .map(|(label, settings)| FilterTrial {
            name: label.to_owned(),
            seen: 0,
            dropped: 0,
            alone: 0,
            rules: settings.family().rules.iter().map(rule).collect(),
        })
        .collect()
}

/// Where a text was found.
#[derive(Clone, Copy)]
struct Page<'a> {
    source: &'a str,
    id: &'a str,
    url: Option<&'a str>,
}

impl Trial {
    fn take(&mut self, sieve: &Sieve, alone: &[Sieve], page: Page<'_>, text: Cow<'_, str>) {
        let Page { source, id, url } = page;
        self.parsed.merge(&counts_of(&text));
        let cleaned = sieve.clean(text, &mut self.cleaners);
        if cleaned.chars().all(is_space) {
            self.emptied += 1;
            return;
        }
        for (filter, alone) in self.filters.iter_mut().zip(alone) {
            filter.alone += u64::from(matches!(
                alone.filters().judge_page(&cleaned, url, &mut |_| {}),
                Outcome::Dropped(_)
            ));
        }
        let mut asked: Vec<Measured> = Vec::new();
        let outcome = sieve.filters().judge_page(&cleaned, url, &mut |measured| asked.push(measured));
        let failed = match &outcome {
            Outcome::Dropped(dropped) => Some((dropped.filter, dropped.place)),
            Outcome::Kept(text) => {
                self.kept.merge(&counts_of(text));
                None
            }
        };
        // Filters without a rule that is on measure nothing.
        let reached = failed.map_or(self.filters.len(), |(filter, _)| filter + 1);
        self.filters[..reached].iter_mut().for_each(|filter| filter.seen += 1);
        if let Some((filter, _)) = failed {
            self.filters[filter].dropped += 1;
        }
        for Measured { filter, rule, value, threshold } in asked {
            let is_dropped = failed == Some((filter, rule));
            let rule = &mut self.filters[filter].rules[rule];
            rule.seen += 1;
            *rule.values.0.entry(ValueHistogram::bucket(value)).or_default() += 1;
            if !rule.thresholds.contains(&threshold) {
                rule.thresholds.push(threshold);
            }
            if is_dropped {
                rule.dropped += 1;
                *rule.by_source.entry(source.to_owned()).or_default() += 1;
            }
            // As far from the threshold as a value can be: an example of nothing.
            if !is_dropped && value == 0.0 {
                continue;
            }
            let examples = if is_dropped { &mut rule.failing } else { &mut rule.passing };
            let example = Example {
                source: source.to_owned(),
                id: id.to_owned(),
                value,
                threshold,
                text: cleaned.chars().take(EXCERPT).collect(),
            };
            let place = examples.partition_point(|other| other.distance() <= example.distance());
            if place < EXAMPLES {
                examples.insert(place, example);
                examples.truncate(EXAMPLES);
            }
        }
    }
}
