//! `training.json`: what the run that follows needs to know.

use serde::{Deserialize, Serialize};
use tamis_common::spec::ReportSpec;

/// A learning rate that a published run used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedRate {
    /// The run.
    pub run: String,
    /// Its peak learning rate.
    pub peak_learning_rate: f64,
    /// Where that is said.
    pub source: String,
}

/// One epoch over the set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Version of this layout.
    pub version: u32,
    /// Tokens of the set.
    pub tokens: u64,
    /// Epochs: the set is made to be seen once.
    pub epochs: u32,
    /// Tokens a sequence (`report.sequence_length`).
    pub sequence_length: u64,
    /// Whole sequences, if documents are packed one after the other.
    pub sequences: u64,
    /// Sequences a batch (`report.batch_sequences`).
    pub batch_sequences: u64,
    /// Tokens a batch.
    pub batch_tokens: u64,
    /// Whole steps of one epoch.
    pub steps: u64,
    /// Sequences that fill no batch.
    pub sequences_left: u64,
    /// What nobody else can decide.
    pub warning: String,
    /// Peak learning rates of published runs of continued pretraining.
    pub published_learning_rates: Vec<PublishedRate>,
}

/// The run over `tokens` tokens.
pub fn training(spec: &ReportSpec, tokens: u64) -> Training {
    let sequences = tokens / spec.sequence_length;
    let rate = |run: &str, peak_learning_rate: f64, source: &str| PublishedRate {
        run: run.to_owned(),
        peak_learning_rate,
        source: source.to_owned(),
    };
    Training {
        version: 1,
        tokens,
        epochs: 1,
        sequence_length: spec.sequence_length,
        sequences,
        batch_sequences: spec.batch_sequences,
        batch_tokens: spec.sequence_length.saturating_mul(spec.batch_sequences),
        steps: sequences / spec.batch_sequences,
        sequences_left: sequences % spec.batch_sequences,
        warning: "choose the learning rate yourself: it depends on the model, on the rate with which its pretraining ended, \
                  and on how much may be forgotten; too high a rate undoes the pretraining"
            .to_owned(),
        published_learning_rates: vec![
            rate("Llemma 34B on Code Llama 34B", 5e-5, "Azerbayev et al. 2023, arXiv:2310.10631"),
            rate("Llemma 7B on Code Llama 7B", 1e-4, "Azerbayev et al. 2023, arXiv:2310.10631"),
            rate("Pythia 410M, the lowest of three that were compared", 1.5e-4, "Gupta et al. 2023, arXiv:2308.04014"),
            rate("Pythia 410M, the highest of three that were compared", 6e-4, "Gupta et al. 2023, arXiv:2308.04014"),
            rate("decoders of 405M and 10B", 3e-4, "Ibrahim et al. 2024, arXiv:2403.08763"),
            rate("DeepSeekMath 7B on DeepSeek-Coder 7B", 4.2e-4, "Shao et al. 2024, arXiv:2402.03300"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_whole_and_what_is_left_is_told() {
        let spec = ReportSpec { sequence_length: 10, batch_sequences: 4, ..ReportSpec::default() };
        let training = training(&spec, 1_005);
        assert_eq!((training.sequences, training.steps, training.sequences_left), (100, 25, 0));
        assert_eq!(training.batch_tokens, 40);
        let none = super::training(&spec, 9);
        assert_eq!((none.sequences, none.steps), (0, 0));
    }
}
