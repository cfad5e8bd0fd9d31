//! The published documents of a job as the index takes them: read from the artefacts as often as needed.

use std::collections::BTreeMap;

use tamis_common::artefact::{
    BANDS, BandRow, BandsReader, DOCUMENTS, DocumentColumns, DocumentsReader, VerdictsReader,
};
use tamis_common::ids::ShardId;
use tamis_common::mix::{Cutoff, rank};
use tamis_common::shard::Shard;
use tamis_common::spec::JobSpec;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};

use crate::drive::verdicts_uri;
use crate::index::{EntrySource, NewEntry};
use crate::plan::source_of;

/// What a shard left of its scan and of the search for duplicates.
pub struct CommittedShard {
    /// The shard.
    pub id: ShardId,
    /// The folder of its committed scan.
    pub scan: Uri,
    /// The file of its verdicts.
    pub verdicts: Uri,
    /// The name of its source.
    pub source: String,
    /// What the mixture took of it.
    pub cutoff: Cutoff,
    /// The seed of the mixture.
    pub seed: u64,
}

/// The committed tasks of a shard.
pub struct Emitted {
    /// The shard.
    pub shard: ShardId,
    /// The folder of its scan.
    pub scan: Uri,
    /// Where its emit was cut; `None`: it had no budget.
    pub cutoff: Option<Cutoff>,
}

/// The shards of a job by their committed tasks; `verdicts` is the folder of the verdicts.
///
/// # Errors
/// `Class::Internal` for a shard that the plan does not have.
pub fn committed(
    spec: &JobSpec,
    plan: &[Shard],
    emitted: &[Emitted],
    verdicts: &Uri,
) -> Result<Vec<CommittedShard>> {
    let seed = spec.mixture().map_or(0, |mix| mix.seed);
    let committed = emitted.iter().map(|Emitted { shard, scan, cutoff }| {
        let (_, source) = source_of(spec, plan, *shard)?;
        Ok(CommittedShard {
            id: *shard,
            scan: scan.clone(),
            verdicts: verdicts_uri(verdicts, *shard),
            source: source.name.clone(),
            cutoff: cutoff.unwrap_or(Cutoff::All),
            seed,
        })
    });
    committed.collect()
}

/// The documents of one shard that stay: a bit a record, and how many stay before each word of bits.
struct KeptShard {
    scan: Uri,
    source: String,
    /// Ordinal of its first document.
    first: u32,
    words: Vec<u64>,
    before: Vec<u32>,
}

impl KeptShard {
    fn ordinal(&self, record: u32) -> Option<u32> {
        let (word, bit) = (record as usize / 64, record % 64);
        let bits = *self.words.get(word)?;
        if bits >> bit & 1 == 0 {
            return None;
        }
        let below = (bits & ((1 << bit) - 1)).count_ones();
        Some(self.first + self.before[word] + below)
    }
}

/// Documents by the committed scans, without those that got a verdict or were left out by the mixture.
pub struct PublishedEntries<'a> {
    storage: &'a Storage,
    shards: BTreeMap<ShardId, KeptShard>,
    documents: u32,
}

impl<'a> PublishedEntries<'a> {
    /// Reads which documents stay. `shards` are in canonical order.
    ///
    /// # Errors
    /// Of the store; `Class::Resource` for more documents than 32 bits count.
    pub fn read(storage: &'a Storage, shards: &[CommittedShard]) -> Result<Self> {
        let mut first: u32 = 0;
        let mut kept_shards = BTreeMap::new();
        for CommittedShard { id, scan, verdicts, source, cutoff, seed } in shards {
            let mut words: Vec<u64> = Vec::new();
            let documents =
                DocumentsReader::open(storage.open(&scan.join(DOCUMENTS))?, DocumentColumns::Hashes)?;
            documents.for_each(|row| {
                let word = row.record as usize / 64;
                if words.len() <= word {
                    words.resize(word + 1, 0);
                }
                let is_taken = *cutoff == Cutoff::All || cutoff.takes(rank(row.hash, *seed), row.record);
                words[word] |= u64::from(is_taken) << (row.record % 64);
                Ok(())
            })?;
            let mut verdicts = VerdictsReader::open(storage.open(verdicts)?)?;
            while let Some(batch) = verdicts.next_batch()? {
                for verdict in batch {
                    if let Some(word) = words.get_mut(verdict.record as usize / 64) {
                        *word &= !(1 << (verdict.record % 64));
                    }
                }
            }
            let mut count = 0;
            let before = words
                .iter()
                .map(|word| {
                    let before = count;
                    count += word.count_ones();
                    before
                })
                .collect();
            let shard = KeptShard { scan: scan.clone(), source: source.clone(), first, words, before };
            kept_shards.insert(*id, shard);
            first = first.checked_add(count).ok_or_else(|| {
                Error::new(tamis_common::Class::Input, "a job may publish at most 4,294,967,295 documents")
            })?;
        }
        Ok(Self { storage, shards: kept_shards, documents: first })
    }

    /// How many documents are published.
    pub fn len(&self) -> u64 {
        u64::from(self.documents)
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.documents == 0
    }
}

impl EntrySource for PublishedEntries<'_> {
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
        for shard in self.shards.values() {
            let object = self.storage.open(&shard.scan.join(DOCUMENTS))?;
            DocumentsReader::open(object, DocumentColumns::All)?.for_each(|row| {
                if shard.ordinal(row.record).is_none() {
                    return Ok(());
                }
                each(NewEntry {
                    hash: row.hash,
                    signature: row.signature.as_deref(),
                    source: &shard.source,
                    id: &row.id,
                })
            })?;
        }
        Ok(())
    }

    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
        let mut all: Vec<BandRow> = Vec::new();
        for shard in self.shards.values() {
            all.clear();
            BandsReader::read_band(self.storage.open(&shard.scan.join(BANDS))?, band, &mut all)?;
            let kept = all.iter().filter_map(|row| Some((row.key, shard.ordinal(row.doc.record())?)));
            rows.extend(kept);
        }
        rows.sort_unstable();
        Ok(())
    }
}
