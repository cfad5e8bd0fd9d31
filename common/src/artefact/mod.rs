//! What a worker hands to the next phase: one reader and one writer each.
//!
//! | file | written by | holds |
//! |---|---|---|
//! | [`SURVIVORS`] | scan | the text and other fields of every record that no rule dropped |
//! | [`DOCUMENTS`] | scan | id, place, size, hash and signature of each survivor |
//! | [`BANDS`] | scan | LSH keys of each signature, sorted by band, key, document |
//! | [`DROPS`] | scan; emit (published) | one row a dropped record, with the cause |
//! | `clusters/` | resolve (published) | one row a pair of duplicates |
//! | [`SAMPLES`] | scan | a few documents a rule that cleaners and filters dropped |
//! | [`MEASURES`] | emit | what the report shows of the output: tokens, n-grams, hashes of texts, sampled documents |
//! | [`VERDICTS`] | resolve | one row a survivor that does not stay, with the cause |

mod bands;
mod clusters;
mod documents;
mod drops;
mod manifest;
mod measures;
mod numbers;
mod samples;
mod survivors;
mod table;
mod verdicts;

pub use bands::{BandRow, BandsReader, BandsWriter};
pub use clusters::{PairRow, PairsWriter};
pub use documents::{DocumentColumns, DocumentRow, DocumentsReader, DocumentsWriter};
pub use drops::{Drop, DropCause, DropsReader, DropsWriter, Partner, Stage};
pub use manifest::{FileEntry, TaskManifest};
pub use measures::{ContentsWriter, MEASURES, TermCount, for_each_content, read_measures, write_measures};
pub use samples::{Sample, Samples, excerpt};
pub use survivors::{Survivor, SurvivorBatch, SurvivorsReader, SurvivorsWriter};
pub use verdicts::{Verdict, VerdictsReader, VerdictsWriter};

/// File name of what a scan made, as the coordinator is told; written last.
pub const TASK_MANIFEST: &str = "manifest.json";
/// File name of the survivors of a shard.
pub const SURVIVORS: &str = "survivors.parquet";
/// File name of the document table of a shard.
pub const DOCUMENTS: &str = "documents.parquet";
/// File name of the LSH keys of a shard.
pub const BANDS: &str = "bands.parquet";
/// File name of the drops of a shard.
pub const DROPS: &str = "drops.parquet";
/// File name of the samples of a shard.
pub const SAMPLES: &str = "samples.json";
/// File name of the verdicts on a shard.
pub const VERDICTS: &str = "verdicts.parquet";
