//! Generated documents, the same in the benches and in the measuring tests: signatures and keys without texts.

use std::path::Path;

use tamis_common::artefact::{BandRow, BandsWriter, DocumentRow, DocumentsWriter};
use tamis_common::dedup::DedupParams;
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::storage::{Storage, Uri};

/// One document in this many is a near copy of the one before.
pub(crate) const COPIES: u32 = 10;

/// A fixed random number for a place.
pub(crate) fn random(job: u32, document: u32, column: u32) -> u64 {
    let mut x = u64::from(job) << 48 ^ u64::from(document) << 12 ^ u64::from(column);
    for _ in 0..2 {
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
    }
    x
}

/// The document whose signature and keys a document has.
pub(crate) fn base(document: u32) -> u32 {
    if document % COPIES == COPIES - 1 { document - 1 } else { document }
}

/// `k` values.
pub(crate) fn signature(job: u32, document: u32, k: u32) -> Vec<u8> {
    (0..k / 8).flat_map(|i| random(job, base(document), 200 + i).to_le_bytes()).collect()
}

/// No two documents have the same.
pub(crate) fn hash(job: u32, document: u32) -> u128 {
    u128::from(random(job, document, 100)) << 64 | u128::from(document)
}

/// The key of a document in a band.
pub(crate) fn key(job: u32, document: u32, band: u32) -> u64 {
    random(job, base(document), band)
}

/// Writes the artefacts of a shard with `count` documents from `first` on: its document table and its bands.
pub(crate) fn write_shard(
    storage: &Storage,
    folder: &Path,
    params: &DedupParams,
    id: ShardId,
    (job, first, count): (u32, u32, u32),
) -> (Uri, Uri) {
    let uri = |name: &str| Uri::from_path(&folder.join(format!("{id}-{name}"))).unwrap();
    let (documents, bands) = (uri("documents"), uri("bands"));
    let mut table = DocumentsWriter::create(storage, &documents, params.k).unwrap();
    for record in 0..count {
        let document = first + record;
        let signature = Some(signature(job, document, params.k));
        let row = DocumentRow { record, hash: hash(job, document), signature, ..DocumentRow::default() };
        table.push(&row).unwrap();
    }
    table.finish().unwrap();
    let mut writer = BandsWriter::create(storage, &bands).unwrap();
    for band in 0..params.bands {
        let row = |record| BandRow { key: key(job, first + record, band), doc: DocRef::new(id, record) };
        let mut rows: Vec<BandRow> = (0..count).map(row).collect();
        rows.sort_unstable();
        writer.write_band(&rows).unwrap();
    }
    writer.finish().unwrap();
    (documents, bands)
}
