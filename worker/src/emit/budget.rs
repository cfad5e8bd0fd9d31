//! A budget of tokens, filled exactly: documents are tokenized in the order of their ranks until the budget is full. The last
//! one is taken if the sum is nearer to the budget with it than without it, so that what shards give too much and too
//! little cancels out; where the spec bounds tokens (`max_tokens`), it must fit.
//!
//! How many tokens a document has is known only when it is tokenized, and texts are read in the order of their records. So
//! the documents that should fill the budget, and a few more, are tokenized in a pass over the shard; if they are not
//! enough, those that are missing in another. What was tokenized is kept for the pass that writes. A large pool is
//! read, but only a little more of it is tokenized than its budget takes.

use tamis_common::artefact::{
    DOCUMENTS, DocumentColumns, DocumentsReader, DropCause, SURVIVORS, Stage, SurvivorsReader, VerdictsReader,
};
use tamis_common::mix::{Cutoff, rank, share_of};
use tamis_common::{Error, Result};

use super::{EmitContext, Tokenizing};
use crate::spool::{Spool, SpoolReader};

/// What a shard may give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Tokens at most.
    pub tokens: u64,
    /// Code points a token, estimated from a sample of the source.
    pub chars_per_token: f64,
}

impl Budget {
    /// A budget as it comes off the wire.
    ///
    /// # Errors
    /// `Class::Spec` if `chars_per_token` is not above 0.
    pub fn new(tokens: u64, chars_per_token: f64) -> Result<Self> {
        if !(chars_per_token.is_finite() && chars_per_token > 0.0) {
            return Err(Error::spec(format!("`chars_per_token` must be above 0, got `{chars_per_token}`")));
        }
        Ok(Self { tokens, chars_per_token })
    }
}

/// How much more than the estimate is tokenized in the first pass, and how much more in each that follows.
const FIRST_EXCESS: f64 = 0.01;
const NEXT_EXCESS: f64 = 0.05;

/// A survivor that no verdict keeps out.
struct Candidate {
    record: u32,
    rank: u64,
    chars: u64,
    /// The pass that tokenized it, from 1; 0: none did.
    pass: u32,
    tokens: u64,
}

/// The documents that fill a budget.
pub(super) struct Chosen {
    /// In record order.
    candidates: Vec<Candidate>,
    next: usize,
    passes: Vec<SpoolReader>,
    cutoff: Cutoff,
    budget: Budget,
}

/// Finds the documents that fill the budget of a shard.
///
/// # Errors
/// Of the store and of the tokenizer; `Class::Cancelled`.
pub(super) fn choose(
    ctx: &EmitContext<'_>,
    budget: Budget,
    tokenizing: &mut Tokenizing<'_>,
) -> Result<Chosen> {
    let seed = ctx.spec.mixture().map_or(0, |mix| mix.seed);
    let mut candidates = candidates(ctx, seed)?;
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_unstable_by_key(|i| (candidates[*i].rank, candidates[*i].record));

    let mut passes = Vec::new();
    let (mut tokenized, mut tokens, mut chars) = (0, 0_u64, 0_u64);
    while tokens <= budget.tokens && tokenized < order.len() {
        // What was tokenized tells better than the estimate what the rest will be.
        let (excess, chars_per_token) = match tokens {
            0 => (FIRST_EXCESS, budget.chars_per_token),
            _ => (NEXT_EXCESS * passes.len() as f64, chars as f64 / tokens as f64),
        };
        let missing_chars = (budget.tokens - tokens) as f64 * (1.0 + excess) * chars_per_token;
        let begun = tokenized;
        let mut expected = 0;
        while tokenized < order.len() && (expected as f64 <= missing_chars || tokenized == begun) {
            let candidate = &mut candidates[order[tokenized]];
            candidate.pass = passes.len() as u32 + 1;
            expected += candidate.chars;
            tokenized += 1;
        }
        passes.push(tokenize_pass(ctx, &mut candidates, passes.len() as u32 + 1, tokenizing)?);
        for i in &order[begun..tokenized] {
            tokens += candidates[*i].tokens;
        }
        chars += expected;
    }

    let order = order.iter().map(|i| &candidates[*i]);
    let cutoff = cutoff(order, tokenized, budget.tokens, is_bound(ctx));
    let passes = passes.into_iter().map(Spool::read).collect::<Result<_>>()?;
    Ok(Chosen { candidates, next: 0, passes, cutoff, budget })
}

/// All survivors without a verdict, in record order.
fn candidates(ctx: &EmitContext<'_>, seed: u64) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    let object = ctx.storage.open(&ctx.scan.join(DOCUMENTS))?;
    DocumentsReader::open(object, DocumentColumns::Hashes)?.for_each(|row| {
        let rank = rank(row.hash, seed);
        candidates.push(Candidate { record: row.record, rank, chars: row.chars, pass: 0, tokens: 0 });
        Ok(())
    })?;
    let mut out = Vec::new();
    let mut verdicts = VerdictsReader::open(ctx.storage.open(ctx.verdicts)?)?;
    while let Some(batch) = verdicts.next_batch()? {
        out.extend(batch.into_iter().map(|verdict| verdict.record));
    }
    candidates.retain(|candidate| out.binary_search(&candidate.record).is_err());
    Ok(candidates)
}

/// Tokenizes the candidates of a pass, in record order.
fn tokenize_pass(
    ctx: &EmitContext<'_>,
    candidates: &mut [Candidate],
    pass: u32,
    tokenizing: &mut Tokenizing<'_>,
) -> Result<Spool> {
    let mut spool = Spool::create()?;
    let mut wanted = candidates.iter_mut().filter(|candidate| candidate.pass == pass).peekable();
    let mut survivors = SurvivorsReader::open(ctx.storage.open(&ctx.scan.join(SURVIVORS))?)?;
    while wanted.peek().is_some() {
        let Some(batch) = survivors.next_batch()? else {
            return Err(Error::internal(format!("shard {} has documents without a text", ctx.shard.id)));
        };
        ctx.progress.check()?;
        for survivor in batch.iter() {
            let Some(candidate) = wanted.next_if(|candidate| candidate.record == survivor.record) else {
                continue;
            };
            let ids = tokenizing.tokenize(&survivor)?;
            candidate.tokens = ids.len() as u64;
            spool.push(ids)?;
            // Said in bytes alone: records count when they are written.
            ctx.progress.advance(survivor.text.len() as u64, 0);
        }
    }
    Ok(spool)
}

/// Whether the budget is a bound that the spec sets, and not only a share.
fn is_bound(ctx: &EmitContext<'_>) -> bool {
    let source = ctx.spec.sources.get(usize::from(ctx.shard.source));
    let of_source = source.is_some_and(|source| source.max_tokens.is_some());
    of_source || ctx.spec.mix.as_ref().is_some_and(|mix| mix.max_tokens.is_some())
}

/// The last document that is taken; `order` is by rank, the first `tokenized` of it have tokens.
fn cutoff<'a>(
    order: impl Iterator<Item = &'a Candidate>,
    tokenized: usize,
    budget: u64,
    is_bound: bool,
) -> Cutoff {
    let mut cutoff = Cutoff::Nothing;
    let mut left = budget;
    let mut all = 0;
    for (place, candidate) in order.enumerate() {
        let tokens = candidate.tokens;
        let is_nearer = !is_bound && tokens.saturating_sub(left) < left;
        if place >= tokenized || (tokens > left && !is_nearer) {
            return cutoff;
        }
        left = left.saturating_sub(tokens);
        cutoff = Cutoff::UpTo(candidate.rank, candidate.record);
        all += 1;
    }
    if all == 0 { cutoff } else { Cutoff::All }
}

impl Chosen {
    /// Where the budget was full.
    pub(super) fn cutoff(&self) -> Cutoff {
        self.cutoff
    }

    /// Puts the token ids of a survivor into `ids`, or says why it does not fit. To be called for every survivor without a
    /// verdict, in order.
    ///
    /// # Errors
    /// Of the disk; `Class::Internal` for a survivor that is no candidate.
    pub(super) fn take(&mut self, record: u32, ids: &mut Vec<u32>) -> Result<Option<DropCause>> {
        let candidate = self.candidates.get(self.next).filter(|candidate| candidate.record == record);
        let Some(candidate) = candidate else {
            return Err(Error::internal(format!(
                "record {record} survived, but has no row among the documents"
            )));
        };
        self.next += 1;
        if let Some(pass) = candidate.pass.checked_sub(1) {
            self.passes[pass as usize].next(candidate.tokens as usize, ids)?;
        }
        if self.cutoff.takes(candidate.rank, record) {
            return Ok(None);
        }
        // The value is the document's place in the order of choice, 0 to 1; the threshold is where the budget was full.
        let cause = DropCause::new(Stage::Mix, "budget")
            .with_value(share_of(candidate.rank), self.cutoff.share())
            .with_detail(format!("the shard's budget of {} tokens is full", self.budget.tokens));
        Ok(Some(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(tokens: &[u64]) -> Vec<Candidate> {
        let of = |(rank, tokens): (u64, &u64)| Candidate {
            record: 9 - rank as u32,
            rank,
            chars: 3 * tokens,
            pass: 1,
            tokens: *tokens,
        };
        (0..).zip(tokens).map(of).collect()
    }

    #[test]
    fn documents_are_taken_in_order_until_one_more_would_not_fit_a_bound() {
        let all = candidates(&[10, 20, 30]);
        let cut = |budget| cutoff(all.iter(), 3, budget, true);
        assert_eq!(cut(9), Cutoff::Nothing);
        assert_eq!(cut(10), Cutoff::UpTo(0, 9));
        assert_eq!(cut(59), Cutoff::UpTo(1, 8));
        assert_eq!(cut(60), Cutoff::All);
        assert_eq!(cutoff(all.iter(), 2, 59, true), Cutoff::UpTo(1, 8));
        assert_eq!(cutoff([].iter(), 0, 5, true), Cutoff::Nothing);
    }

    #[test]
    fn the_last_document_of_a_share_is_taken_if_the_sum_is_nearer_with_it() {
        let all = candidates(&[10, 20, 30]);
        let cut = |budget| cutoff(all.iter(), 3, budget, false);
        assert_eq!(cut(0), Cutoff::Nothing);
        assert_eq!(cut(5), Cutoff::Nothing);
        assert_eq!(cut(6), Cutoff::UpTo(0, 9));
        assert_eq!(cut(20), Cutoff::UpTo(0, 9));
        assert_eq!(cut(21), Cutoff::UpTo(1, 8));
        assert_eq!(cut(46), Cutoff::All);
    }
}
