//! Supervised models of fastText: reading `.bin` and `.ftz`, and the probabilities of their labels.
//!
//! Written after the reference (github.com/facebookresearch/fastText 0.9.2), so that the same text gets the same
//! probabilities, in `f32` and in the same order of sums: of a hierarchical softmax over a quantised matrix too, which
//! is what `lid.176.ftz` is.

mod dictionary;
mod loss;
mod matrix;
mod reader;

use std::sync::Arc;

use dictionary::Dictionary;
use loss::Loss;
use matrix::Matrix;
use reader::Reader;

const MAGIC: i32 = 793_712_314;
const NEWEST_VERSION: i32 = 12;
/// What a model may ask for a word or a place; far above what is trained, and work stays linear in the text.
const MAX_GRAM: i32 = 64;

/// What the file says of the model.
struct Args {
    dimension: usize,
    word_grams: usize,
    loss: i32,
    bucket: u64,
    min_gram: usize,
    max_gram: usize,
}

/// A classifier of texts.
pub(crate) struct Model {
    dictionary: Dictionary,
    input: Matrix,
    output: Matrix,
    loss: Loss,
}

impl Model {
    /// Reads a model; dense matrices stay in these bytes.
    pub(crate) fn read(bytes: &Arc<[u8]>) -> Result<Self, String> {
        let mut reader = Reader::new(bytes);
        let args = Args::read(&mut reader)?;
        let dictionary = Dictionary::read(&mut reader, &args)?;
        let is_quantised = reader.flag()?;
        let input = Matrix::read(&mut reader, is_quantised)?;
        if !is_quantised && dictionary.is_pruned() {
            return Err("it is pruned but not quantised".to_owned());
        }
        let is_output_quantised = reader.flag()?;
        let output = Matrix::read(&mut reader, is_quantised && is_output_quantised)?;
        let labels = dictionary.labels().len();
        if input.columns() != args.dimension || output.columns() != args.dimension {
            return Err("its matrices are of another dimension than it says".to_owned());
        }
        if input.rows() < dictionary.rows() || output.rows() < labels {
            return Err("its matrices are too small for its words and labels".to_owned());
        }
        let loss = Loss::new(args.loss, dictionary.label_counts())?;
        Ok(Self { dictionary, input, output, loss })
    }

    /// Its labels, with their prefix.
    pub(crate) fn labels(&self) -> &[String] {
        self.dictionary.labels()
    }

    /// The probability of each label, in the order of [`Model::labels`]; none if the model knows nothing of the text.
    /// Line ends are spaces.
    pub(crate) fn probabilities(&self, text: &str) -> Option<Vec<f32>> {
        let mut hidden = vec![0.0; self.input.columns()];
        let mut rows = 0_u64;
        self.dictionary.each_row(text, |row| {
            rows += 1;
            self.input.add_row(row, &mut hidden);
        });
        if rows == 0 {
            return None;
        }
        let scale = 1.0 / rows as f32;
        hidden.iter_mut().for_each(|value| *value *= scale);
        Some(self.loss.probabilities(self.labels().len(), |row| self.output.dot(row, &hidden)))
    }

    /// The likeliest label with its probability.
    #[cfg(test)]
    pub(crate) fn best(&self, text: &str) -> Option<(&str, f32)> {
        let probabilities = self.probabilities(text)?;
        let (label, probability) = probabilities
            .iter()
            .enumerate()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        Some((&self.labels()[label], *probability))
    }
}

impl Args {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        if reader.i32().ok() != Some(MAGIC) {
            return Err("it is no fastText model".to_owned());
        }
        let version = reader.i32()?;
        if version > NEWEST_VERSION {
            return Err(format!("it is of version {version}; {NEWEST_VERSION} is the newest that is known"));
        }
        let dimension = reader.i32()?;
        let [_window, _epochs, _min_count, _negatives] =
            [reader.i32()?, reader.i32()?, reader.i32()?, reader.i32()?];
        let word_grams = reader.i32()?;
        let loss = reader.i32()?;
        let kind = reader.i32()?;
        let bucket = reader.i32()?;
        let (min_gram, max_gram) = (reader.i32()?, reader.i32()?);
        let _update_rate = reader.i32()?;
        reader.skip(8)?;
        if kind != 3 {
            return Err("it is no supervised model: it has vectors, but no labels".to_owned());
        }
        if dimension < 1 || bucket < 0 || word_grams > MAX_GRAM || max_gram > MAX_GRAM {
            return Err(format!(
                "its dimension {dimension}, bucket {bucket}, word n-grams {word_grams} or character n-grams \
                 {max_gram} make no sense"
            ));
        }
        Ok(Self {
            dimension: dimension as usize,
            word_grams: word_grams.max(1) as usize,
            loss,
            bucket: bucket as u64,
            min_gram: min_gram.max(0) as usize,
            // Models of version 11 were trained without subwords.
            max_gram: if version == 11 { 0 } else { max_gram.max(0) as usize },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
