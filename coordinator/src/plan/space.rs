//! Whether a job fits on the disks: an estimate before it starts, and a clear refusal.

use tamis_common::shard::{Compression, Format, Shard};
use tamis_common::spec::{JobSpec, TextFormat, TokenFormat, show_size};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};

use super::Plan;

/// Text of a web crawl shrinks to a third or a quarter under gzip and zstd, and in a Parquet file with them.
const EXPANSION: f64 = 3.5;
/// What zstd at level 3 leaves of text; Chinese shrinks less than English.
const PACKED: f64 = 0.45;
/// What LZ4 leaves of it.
const PACKED_IN_WORK: f64 = 0.7;
/// Bytes of a document: half of a usual web page, since short documents cost more rows.
const DOCUMENT_BYTES: f64 = 1_500.0;
/// A row of the document table without its signature: record, offset, id, sizes, hash.
const ROW_BYTES: f64 = 60.0;
/// A row of the bands: key and document; band numbers pack to nothing. Random keys do not shrink.
const BAND_BYTES: f64 = 12.0;
/// Four bytes a token; a token is at least 3.5 bytes of text with any tokenizer made for the language.
const TOKEN_BYTES: f64 = 4.0 / 3.5;
/// A row of drops; as if every second document were dropped.
const DROP_BYTES: f64 = 0.5 * 120.0;

/// Bytes that a job will write, roughly: figures to refuse what cannot fit, not to bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskEstimate {
    /// Artefacts under WORK: survivors, documents, bands, drops.
    pub work_bytes: u64,
    /// What is published. It is written under WORK first and renamed where both stand on one disk.
    pub output_bytes: u64,
}

/// What the job of `plan` will write, from the input bytes by format and compression and by documented factors.
pub fn estimate(plan: &Plan, spec: &JobSpec) -> DiskEstimate {
    let text: f64 = plan.shards.iter().map(text_bytes).sum();
    let documents = text / DOCUMENT_BYTES;
    let params = &spec.dedup.params;
    let near = match spec.dedup.near {
        true => f64::from(params.k) + BAND_BYTES * f64::from(params.bands),
        false => 0.0,
    };
    let written_text = if spec.output.text == TextFormat::None { 0.0 } else { PACKED };
    let tokens = if spec.output.tokens == TokenFormat::None { 0.0 } else { TOKEN_BYTES };
    DiskEstimate {
        work_bytes: (text * PACKED_IN_WORK + documents * (ROW_BYTES + near + DROP_BYTES)) as u64,
        output_bytes: (text * (written_text + tokens) + documents * DROP_BYTES) as u64,
    }
}

fn text_bytes(shard: &Shard) -> f64 {
    let packed = shard.compression != Compression::None || shard.format == Format::Parquet;
    shard.bytes as f64 * if packed { EXPANSION } else { 1.0 }
}

/// Refuses a job that cannot fit on the local disks that hold `work` and `output`; object stores always can.
///
/// # Errors
/// `Class::Resource` with the figures; `Class::Storage` if a file system does not answer.
pub fn check_space(storage: &Storage, estimate: &DiskEstimate, work: &Uri, output: &Uri) -> Result<()> {
    let DiskEstimate { work_bytes, output_bytes } = *estimate;
    // Outputs are staged under WORK, also if they then move to another disk.
    fits(storage.free_bytes(work)?, work_bytes.saturating_add(output_bytes), "work", work)?;
    if storage.on_one_disk(work, output)? {
        return Ok(());
    }
    fits(storage.free_bytes(output)?, output_bytes, "output", output)
}

fn fits(free: Option<u64>, needed: u64, what: &str, folder: &Uri) -> Result<()> {
    match free {
        Some(free) if free < needed => Err(Error::new(
            Class::Resource,
            format!(
                "the job needs about {} below the {what} folder `{folder}`, and its disk has {} free",
                show_size(needed),
                show_size(free)
            ),
        )
        .with_hint(format!("free some space, or choose a {what} folder on another disk"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_too_small_is_refused_with_both_figures() {
        let folder = Uri::parse("/work").unwrap();
        let error = fits(Some(3 << 29), 5 << 40, "work", &folder).unwrap_err();
        assert_eq!(error.class(), Class::Resource);
        assert_eq!(
            error.message(),
            "the job needs about 5.0 TiB below the work folder `file:///work`, and its disk has 1.5 GiB free"
        );
        fits(Some(5), 5, "work", &folder).unwrap();
        fits(None, u64::MAX, "work", &folder).unwrap();
    }
}
