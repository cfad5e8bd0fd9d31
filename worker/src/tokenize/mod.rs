//! Text to token ids under the target model's `tokenizer.json`.
//!
//! `tokenizers` is the reference. `fastokens` replaces it where it loads the file and agrees with it on a set of
//! probes at load; emit compares the two again on a sample of the documents.

mod probe;

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};
use tamis_common::spec::TokenizerSpec;
use tamis_common::storage::hex;
use tamis_common::tokenizer::no_eos;
use tamis_common::{Error, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One document in this many is tokenized by the reference too: at a thirtieth of the speed that costs less than
/// two percent.
const REFERENCE_SAMPLE: u64 = 2_000;
/// Keeps this sample apart from others that are drawn by a hash of the text.
const REFERENCE_SEED: u64 = 0x7265_6665_7265_6e63;

/// A loaded tokenizer, shared by all slots of a worker.
pub struct Tokenizer {
    name: String,
    digest: String,
    vocab_size: usize,
    reference: tokenizers::Tokenizer,
    /// Where it agrees with the reference; else why it is not used.
    fast: Result<fastokens::Tokenizer, String>,
}

impl Tokenizer {
    /// Loads a `tokenizer.json`; `name` is what messages call it. Truncation and padding of the file are switched
    /// off: a training set holds whole documents.
    ///
    /// # Errors
    /// `Class::Spec` if it is no tokenizer, or one whose ids are random or too large.
    pub fn load(bytes: &[u8], name: &str) -> Result<Self> {
        let head: Head = serde_json::from_slice(bytes).map_err(|e| no_tokenizer(name, e))?;
        refuse_dropout(&head, name)?;
        let reference = load_reference(bytes, name)?;
        refuse_far_ids(vocab_size(&reference), name)?;
        let fast = load_fast(bytes, &head, &reference).inspect_err(|reason| {
            tracing::info!(tokenizer = name, %reason, "tokenizing with the reference, fastokens does not fit");
        });
        Ok(Self {
            name: name.to_owned(),
            digest: hex(&Sha256::digest(bytes)),
            vocab_size: vocab_size(&reference),
            reference,
            fast,
        })
    }

    /// Replaces `ids` by those of `text`, with the special tokens of the post-processor around it if `special`.
    ///
    /// # Errors
    /// `Class::Input` if the tokenizer cannot encode the text.
    fn encode(&self, text: &str, special: bool, ids: &mut Vec<u32>) -> Result<()> {
        let Ok(fast) = &self.fast else { return self.encode_reference(text, special, ids) };
        match encode_fast(fast, text, special) {
            Ok(encoded) => {
                *ids = encoded;
                Ok(())
            }
            Err(reason) => {
                tracing::warn!(tokenizer = self.name, %reason, "fastokens failed on a text, the reference takes it");
                self.encode_reference(text, special, ids)
            }
        }
    }

    /// As [`Self::encode`], by the reference engine.
    fn encode_reference(&self, text: &str, special: bool, ids: &mut Vec<u32>) -> Result<()> {
        let encoding = encode_reference(&self.reference, text, special).map_err(|reason| {
            Error::input(format!("tokenizer `{}` cannot encode a text: {reason}", self.name))
        })?;
        ids.clear();
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Whether this text belongs to the stable sample on which the engine is compared with the reference.
    pub fn is_sampled_for_reference(&self, text: &str) -> bool {
        self.fast.is_ok()
            && xxh3_64_with_seed(text.as_bytes(), REFERENCE_SEED).is_multiple_of(REFERENCE_SAMPLE)
    }

    /// The engine that encodes: `fastokens` or `tokenizers`.
    pub fn engine(&self) -> &'static str {
        if self.fast.is_ok() { "fastokens" } else { "tokenizers" }
    }

    /// Why `fastokens` does not replace the reference; `None`: it does, and agreed with it on every probe.
    pub fn slow_because(&self) -> Option<&str> {
        self.fast.as_ref().err().map(String::as_str)
    }

    /// One more than the largest id, or the number of tokens if that is larger; added tokens are counted.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// SHA-256 of the file, lower-case hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A tokenizer as a job uses it.
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    special: bool,
    /// Ends every document.
    eos: Option<u32>,
}

impl<'a> Encoder<'a> {
    /// The tokenizer with the settings of a spec.
    ///
    /// # Errors
    /// `Class::Spec` if the tokenizer has no token as `eos` names it.
    pub fn new(tokenizer: &'a Tokenizer, spec: &TokenizerSpec) -> Result<Self> {
        let eos = match &spec.eos {
            None => None,
            Some(eos) => {
                Some(tokenizer.reference.token_to_id(eos).ok_or_else(|| no_eos(eos, &tokenizer.name))?)
            }
        };
        Ok(Self { tokenizer, special: spec.add_special_tokens, eos })
    }

    /// Replaces `ids` by those of a document.
    ///
    /// # Errors
    /// `Class::Input` if the tokenizer cannot encode the text.
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        self.tokenizer.encode(text, self.special, ids)?;
        self.end(ids);
        Ok(())
    }

    /// As [`Self::encode`], by the reference engine.
    ///
    /// # Errors
    /// `Class::Input` if the tokenizer cannot encode the text.
    pub fn encode_reference(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        self.tokenizer.encode_reference(text, self.special, ids)?;
        self.end(ids);
        Ok(())
    }

    /// The post-processor may have ended the document already.
    fn end(&self, ids: &mut Vec<u32>) {
        if let Some(eos) = self.eos
            && !(self.special && ids.last() == Some(&eos))
        {
            ids.push(eos);
        }
    }

    /// Tokens of a document.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn count(&self, text: &str) -> Result<usize> {
        let mut ids = Vec::new();
        self.encode(text, &mut ids)?;
        Ok(ids.len())
    }

    /// The tokenizer behind it.
    pub fn tokenizer(&self) -> &'a Tokenizer {
        self.tokenizer
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .field("engine", &self.engine())
            .field("vocab_size", &self.vocab_size)
            .finish_non_exhaustive()
    }
}

fn no_tokenizer(name: &str, reason: impl fmt::Display) -> Error {
    Error::spec(format!("`{name}` is no tokenizer.json: {reason}"))
        .with_hint("`tokenizer.path` must name the `tokenizer.json` that belongs to the target model")
}

/// What is asked of the file before the engines read it.
#[derive(serde::Deserialize)]
struct Head {
    model: Model,
    truncation: Option<IgnoredAny>,
    padding: Option<IgnoredAny>,
}

#[derive(serde::Deserialize)]
struct Model {
    dropout: Option<f64>,
}

/// With dropout the ids of a text are drawn by chance, and no two runs would give the same set.
fn refuse_dropout(head: &Head, name: &str) -> Result<()> {
    let dropout = head.model.dropout.unwrap_or(0.0);
    if dropout == 0.0 {
        return Ok(());
    }
    Err(Error::spec(format!("`{name}`: `model.dropout` must be 0 or null, got {dropout}"))
        .with_hint("set `model.dropout` to null: with dropout the ids are random"))
}

fn load_reference(bytes: &[u8], name: &str) -> Result<tokenizers::Tokenizer> {
    let loaded = contained(|| tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| e.to_string()));
    let mut reference = loaded.map_err(|reason| no_tokenizer(name, reason))?;
    reference.with_padding(None);
    reference.with_truncation(None).map_err(|e| no_tokenizer(name, e))?;
    Ok(reference)
}

/// The fast engine, or the reason why it must not be used.
fn load_fast(
    bytes: &[u8],
    head: &Head,
    reference: &tokenizers::Tokenizer,
) -> Result<fastokens::Tokenizer, String> {
    let bytes = match head {
        Head { truncation: None, padding: None, .. } => Cow::Borrowed(bytes),
        _ => Cow::Owned(of_whole_texts(bytes).map_err(|e| e.to_string())?),
    };
    // It takes a file, or a tree of JSON values whose making costs as much as all else here. The folder is new: beside
    // the tokenizer, a `tokenizer_config.json` would count.
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = folder.path().join("tokenizer.json");
    std::fs::write(&file, &bytes).map_err(|e| e.to_string())?;
    let fast = contained(|| fastokens::Tokenizer::from_file(&file).map_err(|e| e.to_string()))?;
    for text in probe::texts(reference) {
        let expected = encode_reference(reference, &text, false)?;
        if encode_fast(&fast, &text, false)? != expected.get_ids() {
            return Err(format!("ids differ from those of the reference on the probe {text:?}"));
        }
    }
    // A post-processor does the same to every text.
    for text in ["", "a", "中文 and English"] {
        let expected = encode_reference(reference, text, true)?;
        if encode_fast(&fast, text, true)? != expected.get_ids() {
            return Err(format!("special tokens differ from those of the reference on the probe {text:?}"));
        }
    }
    Ok(fast)
}

/// The file without truncation and padding.
fn of_whole_texts(bytes: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes)?;
    fields.remove("truncation");
    fields.remove("padding");
    serde_json::to_vec(&fields)
}

fn encode_fast(fast: &fastokens::Tokenizer, text: &str, special: bool) -> Result<Vec<u32>, String> {
    contained(|| fast.encode_with_special_tokens(text, special).map_err(|e| e.to_string()))
}

fn encode_reference(
    reference: &tokenizers::Tokenizer,
    text: &str,
    special: bool,
) -> Result<tokenizers::Encoding, String> {
    contained(|| reference.encode_fast(text, special).map_err(|e| e.to_string()))
}

/// Runs foreign code whose panic must not end the worker.
fn contained<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(format!("panicked: {}", message.unwrap_or("no message")))
    })
}

/// Ids may have holes, and the token width must hold the largest.
/// Megatron and Parquet store ids as signed 32-bit numbers.
fn refuse_far_ids(vocab_size: usize, name: &str) -> Result<()> {
    const MOST: usize = 1 << 31;
    if vocab_size <= MOST {
        return Ok(());
    }
    Err(Error::spec(format!(
        "`{name}` has the token id {}, and the largest that can be written is {}",
        vocab_size - 1,
        MOST - 1
    ))
    .with_hint("see whether the file is damaged: no model has so many tokens"))
}

fn vocab_size(reference: &tokenizers::Tokenizer) -> usize {
    let past_largest = reference.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
    past_largest.max(reference.get_vocab_size(true))
}

#[cfg(test)]
pub(crate) mod tests;
