//! The job spec: what a user asks for. One struct a section, defaults beside the fields.
//!
//! [`JobSpec::parse`] reads what people write and reports every problem at once; [`JobSpec::to_canonical_json`] writes
//! what crosses the wire.

mod families;
mod paths;
mod problem;
mod read;
mod reader;
mod size;
#[cfg(test)]
mod tests;
mod tree;
mod validate;

pub use size::{parse_size, show_size};
pub use validate::{MAX_INDEX_NAME, check_name};

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use tamis_sieve::rules::{ChineseWords, Settings};
use tamis_sieve::text::{Language, TextRules};

use crate::dedup::DedupParams;

/// A whole job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobSpec {
    /// What people call the job; letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// The target tokenizer; none: no tokens are counted or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerSpec>,
    /// The sources, in the order that decides which duplicate stays.
    #[serde(rename = "source")]
    pub sources: Vec<SourceSpec>,
    /// Cleaners; off unless named.
    pub clean: CleanSpec,
    /// Filters; off unless named.
    pub filter: FilterSpec,
    /// Exact and near duplicates.
    pub dedup: DedupSpec,
    /// The mixture; none: everything that survives is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<MixSpec>,
    /// What to write, and where.
    pub output: OutputSpec,
    /// By what the output is judged.
    pub report: ReportSpec,
    /// How the job is cut and run.
    pub run: RunSpec,
    /// What records and files may ask of a worker.
    pub limits: LimitsSpec,
}

impl JobSpec {
    /// The spec as JSON with every key set and in a fixed order: what crosses the wire. Reading it back gives this
    /// spec again.
    pub fn to_canonical_json(&self) -> String {
        // Only maps with other keys than strings, or a failing `Serialize`, could make this fail.
        serde_json::to_string(self).expect("a spec has nothing that JSON cannot hold")
    }
}

impl JobSpec {
    /// The files that cleaners and filters name, each once, with the section that names it first.
    pub fn named_files(&self) -> Vec<(String, &str)> {
        let cleaners = self.clean.cleaners.iter().map(|settings| ("clean", settings));
        let filters = self.filter.filters.iter().map(|settings| ("filter", settings));
        let mut named: Vec<(String, &str)> = Vec::new();
        let mut name = |key: String, file| {
            if named.iter().all(|(_, known)| *known != file) {
                named.push((key, file));
            }
        };
        for (section, settings) in cleaners.chain(filters) {
            for file in settings.files() {
                name(format!("{section}.{}", settings.family().name), file);
            }
        }
        for file in &self.report.lexicon {
            name("report.lexicon".to_owned(), file);
        }
        named
    }

    /// The mixture, also where only sources bound what they give.
    pub fn mixture(&self) -> Option<MixSpec> {
        let is_bounded = self.sources.iter().any(|source| source.max_tokens.is_some());
        self.mix.clone().or_else(|| is_bounded.then(MixSpec::default))
    }
}

/// Writes `(1.0, 5.0)` as `"1:5"`, as people write it.
fn as_ratio<S: Serializer>(ratio: &Option<(f64, f64)>, serializer: S) -> Result<S::Ok, S::Error> {
    let (domain, general) = ratio.unwrap_or_default();
    serializer.collect_str(&format_args!("{domain}:{general}"))
}

/// `[tokenizer]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenizerSpec {
    /// URI of a `tokenizer.json`.
    pub path: String,
    /// The token that ends every document, such as `<|endoftext|>`; none: nothing is appended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eos: Option<String>,
    /// Whether the special tokens that the tokenizer's post-processor puts around a text are added. Default false.
    pub add_special_tokens: bool,
}

/// What a source is to the mixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Text of the domain.
    Domain,
    /// General text, against forgetting.
    General,
}

/// What a document is in a `.txt` input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TxtUnit {
    /// The whole file.
    File,
    /// A line.
    Line,
    /// A block between blank lines.
    Block,
}

/// The part of a source in the search for duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceDedup {
    /// Its documents are compared with all others, and go where another stands for them.
    Full,
    /// It only removes from others and is not written: a benchmark, or a set that is trained on elsewhere.
    Check,
    /// It is never touched, and removes nothing.
    None,
}

/// `[[source]]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceSpec {
    /// Unique in the job; letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Default: domain.
    pub role: Role,
    /// Files, directories or globs; absolute URIs once the client has made them so.
    pub inputs: Vec<String>,
    /// The input format; `None`: detected by content (and by name where content cannot tell CSV from text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<crate::shard::Format>,
    /// Field or column that holds the text. Default `text`.
    pub text_field: String,
    /// Field or column that holds the id. Default `id`; a missing id is `uri#offset`.
    pub id_field: String,
    /// WHATWG label of the inputs' encoding. Default `utf-8`.
    pub encoding: String,
    /// Field or column that holds the address of the page, for filters that ask for it. Default `url`.
    pub url_field: String,
    /// For `.txt`. Default `file`.
    pub txt_unit: TxtUnit,
    /// Field separator of CSV, one ASCII character. Default `,`.
    pub csv_delimiter: char,
    /// Its part in the search for duplicates. Default full.
    pub dedup: SourceDedup,
    /// Tokens that it gives at most; none: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

impl SourceSpec {
    /// Whether ASCII text is itself in the source's encoding, so that line ends can be found without decoding. False for an unknown encoding.
    pub fn is_ascii_compatible(&self) -> bool {
        encoding_rs::Encoding::for_label(self.encoding.as_bytes())
            // In gb18030 and its like a second byte may be ASCII, but never one below 0x30.
            .is_some_and(encoding_rs::Encoding::is_ascii_compatible)
    }
}

/// `[clean]`: cleaners in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CleanSpec {
    /// Each with every setting.
    pub cleaners: Vec<Settings>,
}

impl Serialize for CleanSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_families(&self.cleaners, &mut map)?;
        map.end()
    }
}

/// `[filter]`: filters in the order in which they are asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterSpec {
    /// Which form of the rules holds for a document. Default auto.
    pub language: Language,
    /// What counts as a word of Chinese. Default characters.
    pub words: ChineseWords,
    /// Each with every setting.
    pub filters: Vec<Settings>,
}

impl FilterSpec {
    /// What the spec says of all texts.
    pub fn text_rules(&self) -> TextRules {
        TextRules { language: self.language, words: self.words }
    }
}

impl Serialize for FilterSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("language", &self.language)?;
        map.serialize_entry("words", &self.words)?;
        serialize_families(&self.filters, &mut map)?;
        map.end()
    }
}

/// A section for each family, in order; a list of them for a family that is named more than once.
fn serialize_families<M: serde::ser::SerializeMap>(all: &[Settings], map: &mut M) -> Result<(), M::Error> {
    for (i, first) in all.iter().enumerate() {
        let same = |other: &&Settings| other.family() == first.family();
        if all[..i].iter().any(|earlier| same(&earlier)) {
            continue;
        }
        match all.iter().filter(same).collect::<Vec<_>>().as_slice() {
            [only] => map.serialize_entry(first.family().name, only)?,
            several => map.serialize_entry(first.family().name, several)?,
        }
    }
    Ok(())
}

/// Which document of a cluster stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first in canonical order: that of the source that is listed first.
    First,
    /// The one of most code points, the first of several.
    Longest,
}

/// `[dedup]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DedupSpec {
    /// Whether exact duplicates are removed. Default true.
    pub exact: bool,
    /// Whether near duplicates are removed. Default true.
    pub near: bool,
    /// Shingles, signature, bands, threshold.
    #[serde(flatten)]
    pub params: DedupParams,
    /// Default first.
    pub keep: Keep,
    /// Name of the global index; none: only within the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Whether the published documents enter the index. Default true.
    pub register: bool,
    /// Memory for finding duplicates, bytes. Default 1 GiB.
    pub resolve_memory: u64,
}

impl Default for DedupSpec {
    fn default() -> Self {
        Self {
            exact: true,
            near: true,
            params: DedupParams::default(),
            keep: Keep::First,
            index: None,
            register: true,
            resolve_memory: 1 << 30,
        }
    }
}

/// What happens when a role or a source has less text than its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnShortfall {
    /// Keep all there is and report what is missing.
    KeepAll,
    /// Cut the others down so that the ratio holds.
    HoldRatio,
}

/// `[mix]`: at most one of `domain_to_general` and `weights`; with neither, sources give what they hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MixSpec {
    /// Parts of domain tokens and of general tokens: `"1:5"` is (1, 5).
    #[serde(serialize_with = "as_ratio", skip_serializing_if = "Option::is_none")]
    pub domain_to_general: Option<(f64, f64)>,
    /// Parts of tokens by the names of sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<BTreeMap<String, f64>>,
    /// Tokens of all sources at most; none: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Chooses among equal mixtures. Default 0.
    pub seed: u64,
    /// Default keep_all.
    pub on_shortfall: OnShortfall,
}

impl Default for MixSpec {
    fn default() -> Self {
        Self {
            domain_to_general: None,
            weights: None,
            max_tokens: None,
            seed: 0,
            on_shortfall: OnShortfall::KeepAll,
        }
    }
}

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TextFormat {
    /// JSON lines, zstd.
    #[serde(rename = "jsonl.zst")]
    JsonlZst,
    /// Parquet, zstd.
    #[serde(rename = "parquet")]
    Parquet,
    /// No text.
    #[serde(rename = "none")]
    None,
}

/// How tokens are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// Megatron-core indexed dataset, `.bin` and `.idx`.
    Megatron,
    /// Flat numpy arrays: ids, and where each document begins.
    Npy,
    /// Parquet with a column `input_ids`.
    Parquet,
    /// No tokens.
    None,
}

/// `[output]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputSpec {
    /// The output folder.
    pub uri: String,
    /// Default jsonl.zst.
    pub text: TextFormat,
    /// Default megatron with a tokenizer, else none.
    pub tokens: TokenFormat,
    /// zstd level of what is written, 1 to 19. Default 3.
    pub level: i32,
}

impl OutputSpec {
    /// Measured: above it zstd costs far more time than it saves space on text.
    pub const DEFAULT_LEVEL: i32 = 3;
}

/// `[report]`: targets of the readiness report. A target that is not set judges nothing: the figure is shown alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportSpec {
    /// Tokens that the output must have at least. Default 1,000,000,000.
    pub min_tokens: u64,
    /// How far the achieved share of the domain may be from the asked one, as a part of it. Default 0.01.
    pub ratio_tolerance: f64,
    /// Share of sampled documents that may have a near duplicate in the output. Default 0.001.
    pub max_near_duplicates: f64,
    /// Jensen-Shannon divergence, in bits, between domain and general tokens at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_divergence: Option<f64>,
    /// Effective number of sources (the exponential of their entropy by tokens) at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_effective_sources: Option<f64>,
    /// Share of the domain's different 5-grams of tokens that general text does not have, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_novelty: Option<f64>,
    /// Share of the lexicon's terms that the domain text must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_lexicon_coverage: Option<f64>,
    /// Share of the records read that cleaners and filters may drop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_noise: Option<f64>,
    /// URIs of lists of terms of the domain, a term a line.
    pub lexicon: Vec<String>,
    /// Tokens a sequence of the training run. Default 4,096.
    pub sequence_length: u64,
    /// Sequences a batch of the training run. Default 1,024.
    pub batch_sequences: u64,
}

impl Default for ReportSpec {
    fn default() -> Self {
        Self {
            min_tokens: 1_000_000_000,
            ratio_tolerance: 0.01,
            max_near_duplicates: 0.001,
            max_divergence: None,
            min_effective_sources: None,
            min_novelty: None,
            min_lexicon_coverage: None,
            max_noise: None,
            lexicon: Vec::new(),
            sequence_length: 4_096,
            batch_sequences: 1_024,
        }
    }
}

/// What a record that cannot be read means for its job. A record whose text is empty or null is not bad: it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRecord {
    /// It is dropped with its reason, up to [`RunSpec::max_bad_share`].
    Drop,
    /// The job fails and names it.
    Fail,
}

/// What to do with a truncated or corrupt input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCorrupt {
    /// Fail the job with the file's name.
    Fail,
    /// Keep what could be read, and say so in the report.
    Skip,
}

/// What of WORK outlives the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepWork {
    /// Everything.
    All,
    /// What the index needs to be rebuilt and `explain` to answer: document tables, bands and verdicts.
    Index,
    /// Nothing.
    Nothing,
}

/// `[run]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSpec {
    /// Input bytes a shard. Default 128 MiB.
    pub shard_bytes: u64,
    /// Default fail.
    pub on_corrupt: OnCorrupt,
    /// Default drop.
    pub on_bad_record: OnBadRecord,
    /// Share of a source's records that may be bad, above which the job fails: an input is not what its spec says.
    /// Default 0.01.
    pub max_bad_share: f64,
    /// Attempts at a task before its shard is quarantined and the job fails. Default 4.
    pub max_attempts: u32,
    /// Slots that the job may hold at once; 0: no cap.
    pub max_slots: u32,
    /// Default index.
    pub keep_work: KeepWork,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            shard_bytes: 128 << 20,
            on_corrupt: OnCorrupt::Fail,
            on_bad_record: OnBadRecord::Drop,
            max_bad_share: 0.01,
            max_attempts: 4,
            max_slots: 0,
            keep_work: KeepWork::Index,
        }
    }
}

/// `[limits]`: what one record, input or job may ask for. What is beyond is refused by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsSpec {
    /// Bytes of a record, decompressed; longer ones are dropped. Default 256 MiB.
    pub record_bytes: u64,
    /// Levels of arrays and objects in a JSON record; deeper ones are dropped. Default 128.
    pub json_depth: u32,
    /// Decompressed bytes for each stored one, from 64 MiB on; beyond, an input is corrupt. Default 1,000.
    pub expansion: u64,
    /// Bytes of the window that a zstd frame may ask for; beyond, an input is corrupt. Default 128 MiB.
    pub window_bytes: u64,
    /// Stored bytes of a Parquet page; beyond, an input is corrupt. Default 256 MiB.
    pub page_bytes: u64,
    /// Decompressed bytes of a Parquet row group; beyond, an input is corrupt. Default 16 GiB.
    pub row_group_bytes: u64,
    /// Files of all inputs together. Default 1,000,000.
    pub inputs: u64,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            record_bytes: 256 << 20,
            json_depth: 128,
            expansion: 1_000,
            window_bytes: 128 << 20,
            page_bytes: 256 << 20,
            row_group_bytes: 16 << 30,
            inputs: 1_000_000,
        }
    }
}
