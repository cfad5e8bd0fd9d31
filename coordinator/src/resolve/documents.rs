//! The documents of a job, numbered without gaps in canonical order.

use std::cmp::Reverse;

use tamis_common::artefact::{DocumentColumns, DocumentsReader};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::spec::Keep;
use tamis_common::{Class, Error, Result};

use super::{ResolveInput, ResolveShard};

/// A set of small numbers that knows how many members stand before each.
#[derive(Default)]
pub(super) struct RankedSet {
    words: Vec<u64>,
    /// Members before each word; filled by `rank`.
    before: Vec<u32>,
}

impl RankedSet {
    /// Enters a number. Ranks must be made anew afterwards.
    pub(super) fn insert(&mut self, member: u32) {
        let word = member as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (member % 64);
    }

    /// Counts, so that `rank_of` and `select` answer; returns the number of members.
    pub(super) fn rank(&mut self) -> u32 {
        let mut sum = 0;
        self.before = self
            .words
            .iter()
            .map(|word| {
                let before = sum;
                sum += word.count_ones();
                before
            })
            .collect();
        sum
    }

    /// Members; counted by `rank`.
    pub(super) fn len(&self) -> u32 {
        let last = self.before.last().zip(self.words.last());
        last.map_or(0, |(before, word)| before + word.count_ones())
    }

    pub(super) fn contains(&self, member: u32) -> bool {
        self.words.get(member as usize / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
    }

    /// How many members are smaller than `member`, if it is one.
    pub(super) fn rank_of(&self, member: u32) -> Option<u32> {
        let at = member as usize / 64;
        let word = *self.words.get(at)?;
        let bit = 1_u64 << (member % 64);
        (word & bit != 0).then(|| self.before[at] + (word & (bit - 1)).count_ones())
    }

    /// The member with `rank` smaller ones.
    fn select(&self, rank: u32) -> u32 {
        let at = self.before.partition_point(|before| *before <= rank) - 1;
        let mut word = self.words[at];
        for _ in self.before[at]..rank {
            word &= word - 1;
        }
        at as u32 * 64 + word.trailing_zeros()
    }
}

struct ShardDocuments {
    id: ShardId,
    /// Number of its first document.
    first: u32,
    records: RankedSet,
    is_reference: bool,
}

/// All documents of the job: each has a number, in canonical order from 0.
pub(super) struct Documents {
    shards: Vec<ShardDocuments>,
    len: u32,
    /// Code points of each, where the longest of a cluster stays.
    lengths: Vec<u32>,
}

impl Documents {
    /// Numbers the rows of the shards' document tables; `shards` are sorted.
    pub(super) fn read(input: &ResolveInput<'_>, shards: &[&ResolveShard]) -> Result<Self> {
        let mut all = Self { shards: Vec::with_capacity(shards.len()), len: 0, lengths: Vec::new() };
        for shard in shards {
            input.check_cancelled()?;
            let mut records = RankedSet::default();
            let object = input.storage.open(&shard.documents)?;
            DocumentsReader::open(object, DocumentColumns::Hashes)?.for_each(|row| {
                records.insert(row.record);
                if input.keep == Keep::Longest {
                    all.lengths.push(u32::try_from(row.chars).unwrap_or(u32::MAX));
                }
                Ok(())
            })?;
            let count = records.rank();
            let is_reference = shard.is_reference;
            all.shards.push(ShardDocuments { id: shard.id, first: all.len, records, is_reference });
            // The largest number marks what is not a document.
            all.len = all.len.checked_add(count).filter(|len| *len < u32::MAX).ok_or_else(|| {
                Error::new(Class::Input, "a job may have at most 4,294,967,294 documents")
                    .with_hint("cut the job into several that share an index")
            })?;
        }
        Ok(all)
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Whether the one that stands for a cluster need not be its smallest.
    pub(super) fn are_ranked(&self) -> bool {
        !self.lengths.is_empty() || self.shards.iter().any(|shard| shard.is_reference)
    }

    /// Which of the documents of a cluster stands for it: the one of the smallest rank.
    pub(super) fn rank(&self, number: u32) -> impl Ord + Copy + use<> {
        let length = match self.is_reference(number) {
            // The first one of several, as there is nothing to keep of it.
            true => u32::MAX,
            false => self.lengths.get(number as usize).copied().unwrap_or_default(),
        };
        (Reverse(self.is_reference(number)), Reverse(length), number)
    }

    /// Whether a document only removes others.
    pub(super) fn is_reference(&self, number: u32) -> bool {
        self.shard_of(number).is_reference
    }

    /// The number of a document.
    ///
    /// # Errors
    /// `Class::Storage` if it is in no document table.
    pub(super) fn number(&self, doc: DocRef) -> Result<u32> {
        let id = doc.shard();
        // Shards are numbered without gaps as a rule.
        let place = match self.shards.get(id.0 as usize) {
            Some(shard) if shard.id == id => Ok(id.0 as usize),
            _ => self.shards.binary_search_by_key(&id, |shard| shard.id),
        };
        place
            .ok()
            .and_then(|place| {
                let shard = &self.shards[place];
                Some(shard.first + shard.records.rank_of(doc.record())?)
            })
            .ok_or_else(|| {
                Error::storage(format!("document {doc} has band keys but no row in the document table"))
                    .with_hint("the shard's artefacts do not belong together: run the job again")
            })
    }

    /// The document of a number below `len`.
    pub(super) fn doc(&self, number: u32) -> DocRef {
        let shard = self.shard_of(number);
        DocRef::new(shard.id, shard.records.select(number - shard.first))
    }

    fn shard_of(&self, number: u32) -> &ShardDocuments {
        &self.shards[self.shards.partition_point(|shard| shard.first <= number) - 1]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_and_members_answer_each_other(members in prop::collection::btree_set(0..700_u32, 1..90)) {
            let mut set = RankedSet::default();
            members.iter().for_each(|member| set.insert(*member));
            prop_assert_eq!(set.rank() as usize, members.len());
            for (rank, member) in (0..).zip(&members) {
                prop_assert_eq!(set.rank_of(*member), Some(rank));
                prop_assert_eq!(set.select(rank), *member);
            }
            let all: BTreeSet<u32> = (0..800).filter(|n| set.contains(*n)).collect();
            prop_assert_eq!(all, members);
        }
    }

    #[test]
    fn shards_without_documents_do_not_confuse_the_numbers() {
        let shard = |id, first, records: &[u32]| {
            let mut set = RankedSet::default();
            records.iter().for_each(|record| set.insert(*record));
            set.rank();
            ShardDocuments { id: ShardId(id), first, records: set, is_reference: false }
        };
        let documents = Documents {
            shards: vec![
                shard(1, 0, &[]),
                shard(3, 0, &[5, 900]),
                shard(4, 2, &[]),
                shard(9, 2, &[0]),
                shard(10, 3, &[]),
            ],
            len: 3,
            lengths: Vec::new(),
        };
        for (number, doc) in (0..).zip([(3, 5), (3, 900), (9, 0)]) {
            let doc = DocRef::new(ShardId(doc.0), doc.1);
            assert_eq!(documents.doc(number), doc);
            assert_eq!(documents.number(doc).ok(), Some(number));
        }
        assert!(documents.number(DocRef::new(ShardId(3), 6)).is_err());
        assert!(documents.number(DocRef::new(ShardId(2), 0)).is_err());
    }
}
