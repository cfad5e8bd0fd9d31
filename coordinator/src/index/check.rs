//! Whether an index holds documents that nobody has submitted yet.

use std::collections::HashSet;
use std::sync::Arc;

use tamis_common::artefact::BandRow;
use tamis_common::dedup::{DedupParams, Signer, equal_values, similarity_of_equal};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::{Error, Result};

use super::{DedupIndex, EntryInfo, EntryRef};

/// Matches of a document that are told: who asks wants to know whether, and by what.
const MOST_MATCHES: usize = 10;

/// An entry that a document is a duplicate of.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The entry.
    pub entry: EntryInfo,
    /// Similarity, 0 to 1; 1 for equal match texts.
    pub similarity: f64,
    /// Whether the match texts are equal.
    pub equal: bool,
}

/// Compares texts with an index; its buffers are used again.
pub struct Checker {
    index: Arc<dyn DedupIndex>,
    params: DedupParams,
    threshold: f64,
    signer: Signer,
}

/// What is known of the documents of one call, by their numbers.
#[derive(Default)]
struct Asked {
    hashes: Vec<(u128, DocRef)>,
    /// Rows by band.
    bands: Vec<Vec<BandRow>>,
    /// `k` bytes each, or none.
    signatures: Vec<Vec<u8>>,
}

/// An entry that was found for a document. The order is that of the answer: equal ones, then the most similar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    doc: u32,
    /// `k` less the equal values; -1 for equal match texts.
    distance: i64,
    entry: EntryRef,
}

const EQUAL_TEXT: i64 = -1;

impl Checker {
    /// A checker by the parameters of the index.
    ///
    /// # Errors
    /// Of the index.
    pub fn new(index: Arc<dyn DedupIndex>, threshold: f64) -> Result<Self> {
        let params = index.stats()?.params;
        Ok(Self { index, signer: Signer::new(&params), params, threshold })
    }

    /// The matches of each text, the most similar first.
    ///
    /// # Errors
    /// Of the index.
    pub fn check(&mut self, texts: &[&str]) -> Result<Vec<Vec<Match>>> {
        let asked = self.sign(texts);
        let mut found = self.equal_entries(&asked)?;
        found.extend(self.similar_entries(&asked)?);
        found.sort_unstable();
        // An entry that is equal is proposed by the bands as well.
        let mut seen = HashSet::new();
        found.retain(|found| seen.insert((found.doc, found.entry)));
        let found: Vec<Found> = found
            .chunk_by(|a, b| a.doc == b.doc)
            .flat_map(|of_doc| &of_doc[..of_doc.len().min(MOST_MATCHES)])
            .copied()
            .collect();
        self.name(texts.len(), &found)
    }

    fn sign(&mut self, texts: &[&str]) -> Asked {
        let bands = self.params.bands as usize;
        let mut asked = Asked { bands: vec![Vec::new(); bands], ..Asked::default() };
        for (number, text) in (0..).zip(texts) {
            let doc = DocRef::new(ShardId(0), number);
            let signed = self.signer.sign(text);
            asked.hashes.push((signed.hash, doc));
            asked.signatures.push(signed.signature.unwrap_or_default().to_vec());
            for (rows, key) in asked.bands.iter_mut().zip(signed.band_keys) {
                rows.push(BandRow { key: *key, doc });
            }
        }
        asked.hashes.sort_unstable();
        asked.bands.iter_mut().for_each(|rows| rows.sort_unstable());
        asked
    }

    fn equal_entries(&self, asked: &Asked) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        self.index.lookup_hashes(&asked.hashes, &mut |doc, entry| {
            found.push(Found { doc: doc.record(), distance: EQUAL_TEXT, entry });
        })?;
        Ok(found)
    }

    fn similar_entries(&self, asked: &Asked) -> Result<Vec<Found>> {
        let mut pairs: Vec<(EntryRef, u32)> = Vec::new();
        for (band, rows) in (0..).zip(&asked.bands) {
            self.index.lookup_band(band, rows, &mut |doc, entry| pairs.push((entry, doc.record())))?;
            pairs.sort_unstable();
            pairs.dedup();
        }
        let mut entries: Vec<EntryRef> = pairs.iter().map(|(entry, _)| *entry).collect();
        entries.dedup();
        let mut groups = pairs.chunk_by(|a, b| a.0 == b.0);
        let k = self.params.k;
        let mut found = Vec::new();
        self.index.signatures(&entries, &mut |entry, theirs| {
            for (_, doc) in groups.next().unwrap_or_default() {
                let equal = equal_values(&asked.signatures[*doc as usize], theirs);
                if similarity_of_equal(equal, k as usize) >= self.threshold {
                    found.push(Found { doc: *doc, distance: i64::from(k) - i64::from(equal), entry });
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The matches by document, with the names of their entries.
    fn name(&self, documents: usize, found: &[Found]) -> Result<Vec<Vec<Match>>> {
        let mut entries: Vec<EntryRef> = found.iter().map(|found| found.entry).collect();
        entries.sort_unstable();
        entries.dedup();
        let infos = self.index.infos(&entries)?;
        let mut matches = vec![Vec::new(); documents];
        for Found { doc, distance, entry } in found {
            let info = entries.binary_search(entry).ok().and_then(|place| infos.get(place));
            let entry = info.cloned().ok_or_else(|| Error::internal("the index left out a name"))?;
            let equal = *distance == EQUAL_TEXT;
            let similarity = match equal {
                true => 1.0,
                false => {
                    similarity_of_equal((i64::from(self.params.k) - distance) as u32, self.params.k as usize)
                }
            };
            matches[*doc as usize].push(Match { entry, similarity, equal });
        }
        Ok(matches)
    }
}
