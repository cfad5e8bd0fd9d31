//! Samples of what cleaners and filters dropped: a few documents a rule, of different texts, chosen by hash.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drops::DropCause;
use crate::error::{Error, Result};
use crate::storage::{Storage, Uri, Written};

/// Samples a rule.
const MOST: usize = 10;
/// Code points of a text that a sample shows.
const EXCERPT: usize = 300;

/// The start of a text, as samples show it.
pub fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

/// A document that a rule dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What chose it: the smallest stay.
    pub draw: u64,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// The value that the rule measured.
    pub value: Option<f64>,
    /// More words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The start of its text.
    pub text: String,
}

/// Samples by `stage/rule`; those of several shards merge into those of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Samples(pub BTreeMap<String, Vec<Sample>>);

impl Samples {
    /// Offers a dropped document.
    pub fn offer(&mut self, cause: &DropCause, source: &str, id: &str, text: &str) {
        let samples = self.0.entry(cause.key()).or_default();
        let draw = xxh3_64(text.as_bytes());
        if samples.len() == MOST && samples.last().is_some_and(|last| last.draw <= draw) {
            return;
        }
        // The same text again tells nothing new.
        let place = samples.partition_point(|sample| sample.draw < draw);
        if samples.get(place).is_some_and(|sample| sample.draw == draw) {
            return;
        }
        samples.insert(
            place,
            Sample {
                draw,
                source: source.to_owned(),
                id: id.to_owned(),
                value: cause.value,
                detail: cause.detail.clone(),
                text: excerpt(text),
            },
        );
        samples.truncate(MOST);
    }

    /// Adds those of a later shard.
    pub fn merge(&mut self, other: Self) {
        for (rule, samples) in other.0 {
            let mine = self.0.entry(rule).or_default();
            mine.extend(samples);
            // Stable: of equal draws, the one of the earlier shard stays.
            mine.sort_by_key(|sample| sample.draw);
            mine.dedup_by_key(|sample| sample.draw);
            mine.truncate(MOST);
        }
    }

    /// Writes them as JSON.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn write(&self, storage: &Storage, uri: &Uri) -> Result<Written> {
        let json = serde_json::to_vec(self)
            .map_err(|e| Error::internal(format!("samples cannot be written as JSON: {e}")))?;
        let mut object = storage.create(uri)?;
        object.write_all(&json).map_err(|e| Error::io("write", uri, e))?;
        object.finish()
    }

    /// Reads them.
    ///
    /// # Errors
    /// `Class::Storage` for a file that holds no samples; of the store.
    pub fn read(storage: &Storage, uri: &Uri) -> Result<Self> {
        serde_json::from_slice(&storage.read(uri)?)
            .map_err(|e| Error::storage(format!("`{uri}` holds no samples: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Stage;
    use super::*;

    proptest! {
        #[test]
        fn samples_do_not_depend_on_how_documents_are_split(
            texts in prop::collection::vec("[a-z]{1,3}", 0..60),
            cut in 0usize..60,
        ) {
            let cause = DropCause::new(Stage::Filter, "length.min_chars").with_value(1.0, 2.0);
            let of = |texts: &[String]| {
                let mut samples = Samples::default();
                for text in texts {
                    samples.offer(&cause, "web", text, text);
                }
                samples
            };
            let (left, right) = texts.split_at(cut.min(texts.len()));
            let mut merged = of(left);
            merged.merge(of(right));
            let whole = of(&texts);
            let different: std::collections::BTreeSet<_> = texts.iter().collect();
            prop_assert!(whole.0.values().all(|samples| samples.len() == different.len().min(MOST)));
            prop_assert_eq!(merged, whole);
        }
    }
}
