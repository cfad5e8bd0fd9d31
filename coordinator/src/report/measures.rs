//! What the output is: figures over tokens, by source and of the domain against general text. `docs/report.md` has each
//! formula with its source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tamis_common::artefact::TermCount;
use tamis_common::measure::{LENGTHS, Theta, TokenMeasures, Unigrams};
use tamis_common::stats::{Counts, Measured};

/// Terms of the lexicon that are named as never seen.
const NEVER_SEEN: usize = 50;

/// What was measured of one source.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// Whether it is of the domain.
    pub is_domain: bool,
    /// What was written.
    pub emitted: Counts,
    /// Its tokens; 0 without a tokenizer.
    pub token_count: u64,
    /// Its tokens and n-grams.
    pub tokens: TokenMeasures,
    /// What was counted beside them.
    pub measured: Measured,
    /// By term of the lexicon.
    pub lexicon: Vec<TermCount>,
}

/// How far two sets of tokens are apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// One source.
    pub a: String,
    /// The other one.
    pub b: String,
    /// Jensen-Shannon divergence of their token unigrams in bits, 0 to 1.
    pub bits: f64,
}

/// Domain against general text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Jensen-Shannon divergence of all domain and all general tokens in bits, 0 to 1.
    pub bits: f64,
    /// The same between two halves of the domain: what chance alone gives.
    pub domain_halves: f64,
    /// The same between two halves of general text.
    pub general_halves: f64,
}

/// N-grams of one length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NgramShare {
    /// Tokens of an n-gram.
    pub n: u64,
    /// The share, 0 to 1.
    pub share: f64,
}

/// The measures of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceMeasures {
    /// Its name.
    pub source: String,
    /// Its share of all tokens, 0 to 1.
    pub token_share: f64,
    /// Code points a token; `None` without tokens.
    pub chars_per_token: Option<f64>,
    /// UTF-8 bytes a token, comparable between scripts; `None` without tokens.
    pub bytes_per_token: Option<f64>,
    /// Different n-grams of tokens over all of them, for lengths 1, 2, 3, 5.
    pub distinct: Vec<NgramShare>,
    /// Bytes of text over its bytes under zstd at level 3, of a sample; the less, the more diverse.
    pub compression_ratio: Option<f64>,
    /// Share of the documents of a sample by language, ISO 639-1; `other` where the identifier is unsure.
    pub languages: BTreeMap<String, f64>,
    /// Jensen-Shannon divergence between two halves of it in bits.
    pub halves: Option<f64>,
    /// Share of the lexicon's terms that it holds.
    pub lexicon_coverage: Option<f64>,
    /// Share of its code points that belong to terms.
    pub lexicon_density: Option<f64>,
}

/// The lexicon over the domain text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LexiconMeasures {
    /// Its terms.
    pub terms: u64,
    /// Terms that domain text holds.
    pub seen: u64,
    /// Share of code points of domain text that belong to terms.
    pub domain_density: f64,
    /// The same of general text.
    pub general_density: Option<f64>,
    /// The first terms that no text holds, in the order of the lexicon.
    pub never_seen: Vec<String>,
}

/// Whether anything is in the output twice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repeats {
    /// Documents written, each with the hash of its text.
    pub documents: u64,
    /// Of them, those whose text was there before.
    pub repeated: u64,
    /// Documents sampled for near duplicates; 0: not measured.
    pub sampled: u64,
    /// Of them, those with a near duplicate before them.
    pub near_repeated: u64,
    /// Jaccard similarity of 5-grams of tokens from which they count.
    pub threshold: f64,
    /// The most similar pair, by id, with its similarity.
    pub most_similar: Option<(String, String, f64)>,
}

/// All measures of the output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// By source, in spec order.
    pub sources: Vec<SourceMeasures>,
    /// Between each two sources.
    pub divergences: Vec<Divergence>,
    /// Between domain and general text.
    pub mismatch: Option<Mismatch>,
    /// Entropy of the sources by tokens, in bits.
    pub source_entropy: Option<f64>,
    /// 2 to that power: as many equal sources would be as diverse.
    pub effective_sources: Option<f64>,
    /// Different n-grams over all of them, in the whole output.
    pub distinct: Vec<NgramShare>,
    /// Share of the domain's different n-grams that general text does not have.
    pub novelty: Vec<NgramShare>,
    /// The lexicon, if one is named.
    pub lexicon: Option<LexiconMeasures>,
    /// Exact and near duplicates, looked for again in the output.
    pub repeats: Repeats,
}

/// Measures the output; `terms` are those of the lexicon.
pub fn measure(sources: &[SourceFacts], terms: &[String], repeats: Repeats) -> Measures {
    let all: u64 = sources.iter().map(|source| source.token_count).sum();
    let merged = |is_domain: bool| {
        let of_role: Vec<&SourceFacts> =
            sources.iter().filter(|source| source.is_domain == is_domain && source.token_count > 0).collect();
        let mut merged = TokenMeasures::default();
        of_role.iter().for_each(|source| merged.merge(&source.tokens));
        (!of_role.is_empty()).then_some(merged)
    };
    let (domain, general) = (merged(true), merged(false));
    let mut whole = TokenMeasures::default();
    domain.iter().chain(&general).for_each(|part| whole.merge(part));

    let with_tokens: Vec<&SourceFacts> = sources.iter().filter(|source| source.token_count > 0).collect();
    let mut divergences = Vec::new();
    for (i, a) in with_tokens.iter().enumerate() {
        for b in &with_tokens[i + 1..] {
            let bits = divergence(&a.tokens.unigrams.total(), &b.tokens.unigrams.total());
            divergences.push(Divergence { a: a.name.clone(), b: b.name.clone(), bits });
        }
    }
    let counts: Vec<u64> = sources.iter().map(|source| source.token_count).collect();
    let source_entropy = (all > 0).then(|| entropy(&counts));
    Measures {
        sources: sources.iter().map(|source| of_source(source, all, terms)).collect(),
        divergences,
        mismatch: domain.as_ref().zip(general.as_ref()).map(|(domain, general)| Mismatch {
            bits: divergence(&domain.unigrams.total(), &general.unigrams.total()),
            domain_halves: halves(&domain.unigrams),
            general_halves: halves(&general.unigrams),
        }),
        source_entropy,
        effective_sources: source_entropy.map(f64::exp2),
        distinct: distinct(&whole),
        novelty: domain.zip(general).map_or_else(Vec::new, |(domain, general)| novelty(&domain, &general)),
        lexicon: lexicon(sources, terms),
        repeats,
    }
}

fn of_source(source: &SourceFacts, all: u64, terms: &[String]) -> SourceMeasures {
    let SourceFacts { token_count, emitted, measured, .. } = source;
    let a_token = |amount: u64| (*token_count > 0).then(|| amount as f64 / *token_count as f64);
    let sampled: u64 = measured.languages.values().sum();
    let share = |docs: &u64| *docs as f64 / sampled.max(1) as f64;
    let seen = source.lexicon.iter().filter(|term| term.hits > 0).count();
    SourceMeasures {
        source: source.name.clone(),
        token_share: *token_count as f64 / all.max(1) as f64,
        chars_per_token: a_token(emitted.chars),
        bytes_per_token: a_token(emitted.bytes),
        distinct: distinct(&source.tokens),
        compression_ratio: (measured.compressed_bytes > 0)
            .then(|| measured.sampled_bytes as f64 / measured.compressed_bytes as f64),
        languages: measured.languages.iter().map(|(name, docs)| (name.clone(), share(docs))).collect(),
        halves: (*token_count > 0).then(|| halves(&source.tokens.unigrams)),
        lexicon_coverage: (!terms.is_empty()).then(|| seen as f64 / terms.len() as f64),
        lexicon_density: (!terms.is_empty())
            .then(|| measured.lexicon_chars as f64 / emitted.chars.max(1) as f64),
    }
}

fn lexicon(sources: &[SourceFacts], terms: &[String]) -> Option<LexiconMeasures> {
    if terms.is_empty() {
        return None;
    }
    let hits = |term: usize, is_domain: Option<bool>| {
        let of_role =
            sources.iter().filter(|source| is_domain.is_none_or(|wanted| wanted == source.is_domain));
        of_role.map(|source| source.lexicon.get(term).copied().unwrap_or_default().hits).sum::<u64>()
    };
    let density = |is_domain: bool| {
        let of_role = sources.iter().filter(|source| source.is_domain == is_domain);
        let (found, all) = of_role.fold((0, 0), |(found, all), source| {
            (found + source.measured.lexicon_chars, all + source.emitted.chars)
        });
        (all > 0).then(|| found as f64 / all as f64)
    };
    let never = (0..terms.len()).filter(|term| hits(*term, None) == 0);
    Some(LexiconMeasures {
        terms: terms.len() as u64,
        seen: (0..terms.len()).filter(|term| hits(*term, Some(true)) > 0).count() as u64,
        domain_density: density(true).unwrap_or_default(),
        general_density: density(false),
        never_seen: never.take(NEVER_SEEN).map(|term| terms[term].clone()).collect(),
    })
}

/// Jensen-Shannon divergence of two distributions, given as counts, in bits: 0 for equal ones, 1 for those that share
/// nothing (J. Lin: *Divergence measures based on the Shannon entropy*, IEEE Trans. Inf. Theory 1991). 0 if one is empty.
fn divergence(a: &[u64], b: &[u64]) -> f64 {
    let (sum_a, sum_b) = (a.iter().sum::<u64>() as f64, b.iter().sum::<u64>() as f64);
    if sum_a == 0.0 || sum_b == 0.0 {
        return 0.0;
    }
    let at = |counts: &[u64], i: usize| counts.get(i).copied().unwrap_or_default() as f64;
    let mut bits = 0.0;
    for i in 0..a.len().max(b.len()) {
        let (p, q) = (at(a, i) / sum_a, at(b, i) / sum_b);
        let middle = (p + q) / 2.0;
        if p > 0.0 {
            bits += p / 2.0 * (p / middle).log2();
        }
        if q > 0.0 {
            bits += q / 2.0 * (q / middle).log2();
        }
    }
    bits.clamp(0.0, 1.0)
}

/// Shannon entropy of counts in bits.
fn entropy(counts: &[u64]) -> f64 {
    let sum = counts.iter().sum::<u64>() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / sum);
    // Rounding may leave -0 of a single source.
    shares.map(|share| -share * share.log2()).sum::<f64>().max(0.0)
}

fn halves(unigrams: &Unigrams) -> f64 {
    let [first, second] = &unigrams.0;
    divergence(first, second)
}

/// Different n-grams over all (distinct-n: J. Li et al.: *A Diversity-Promoting Objective Function*, NAACL 2016).
fn distinct(tokens: &TokenMeasures) -> Vec<NgramShare> {
    let unigrams = tokens.unigrams.total();
    let all: u64 = unigrams.iter().sum();
    if all == 0 {
        return Vec::new();
    }
    let different = unigrams.iter().filter(|count| **count > 0).count() as f64;
    let mut shares = vec![NgramShare { n: 1, share: different / all as f64 }];
    for (place, n) in LENGTHS.into_iter().enumerate() {
        let all = tokens.ngrams.occurrences[place];
        if all > 0 {
            // Of many the number of different ones is estimated.
            let share = (tokens.ngrams.different[place].distinct() / all as f64).min(1.0);
            shares.push(NgramShare { n: n as u64, share });
        }
    }
    shares
}

/// Share of the different n-grams of one set that the other does not have.
fn novelty(domain: &TokenMeasures, general: &TokenMeasures) -> Vec<NgramShare> {
    let (of_domain, of_general) = (domain.unigrams.total(), general.unigrams.total());
    let is_known = |token: usize| of_general.get(token).is_some_and(|count| *count > 0);
    let seen: Vec<usize> = (0..of_domain.len()).filter(|token| of_domain[*token] > 0).collect();
    let new = seen.iter().filter(|token| !is_known(**token)).count();
    let mut shares = vec![NgramShare { n: 1, share: new as f64 / seen.len().max(1) as f64 }];
    for (place, n) in LENGTHS.into_iter().enumerate() {
        let (domain, general): (&Theta, &Theta) =
            (&domain.ngrams.different[place], &general.ngrams.different[place]);
        shares.extend(domain.share_without(general).map(|share| NgramShare { n: n as u64, share }));
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, is_domain: bool, documents: &[&[u32]]) -> SourceFacts {
        let mut facts = SourceFacts { name: name.to_owned(), is_domain, ..SourceFacts::default() };
        for (half, ids) in documents.iter().enumerate() {
            facts.tokens.unigrams.add(half, ids);
            facts.tokens.ngrams.add(ids);
            facts.token_count += ids.len() as u64;
            facts.emitted.add(3 * ids.len() as u64, 6 * ids.len() as u64);
        }
        facts
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_divergence_of_known_distributions() {
        assert!(close(divergence(&[1, 1], &[1, 1]), 0.0));
        assert!(close(divergence(&[5], &[0, 7]), 1.0));
        // scipy.spatial.distance.jensenshannon([.5, .5, 0], [.25, .25, .5], 2) ** 2
        assert!(close(divergence(&[2, 2], &[1, 1, 2]), 0.311_278_124_459_132_83));
        assert_eq!(divergence(&[], &[1]), 0.0);
    }

    #[test]
    fn as_many_equal_sources_as_there_are_are_effective() {
        assert!(close(entropy(&[7, 7, 7, 7]).exp2(), 4.0));
        assert!(close(entropy(&[9]).exp2(), 1.0));
        assert!(entropy(&[90, 10]).exp2() < 1.5);
    }

    #[test]
    fn measures_of_a_small_output() {
        let sources = [
            source("d", true, &[&[1, 2, 3, 1, 2, 3], &[1, 2, 9]]),
            source("g", false, &[&[1, 2, 3], &[4, 4, 4]]),
        ];
        let measures = measure(&sources, &[], Repeats::default());
        let shares = |shares: &[NgramShare]| shares.iter().map(|one| (one.n, one.share)).collect::<Vec<_>>();
        // Tokens 1 2 3 9 of 9; bigrams 12 23 31 29 of 7; trigrams 123 231 312 129 of 5; two of two 5-grams.
        assert_eq!(
            shares(&measures.sources[0].distinct),
            [(1, 4.0 / 9.0), (2, 4.0 / 7.0), (3, 4.0 / 5.0), (5, 1.0)]
        );
        // General text has 1 2 3 4; 12 23 44; 123 444; no 5-gram.
        assert_eq!(shares(&measures.novelty), [(1, 0.25), (2, 0.5), (3, 0.75), (5, 1.0)]);
        assert!(close(measures.sources[0].token_share, 0.6));
        assert_eq!(measures.sources[0].chars_per_token, Some(3.0));
        assert_eq!(measures.divergences.len(), 1);
        let mismatch = measures.mismatch.as_ref().map(|mismatch| mismatch.bits);
        assert_eq!(mismatch, Some(measures.divergences[0].bits));
        assert!(close(measures.effective_sources.unwrap_or_default(), entropy(&[9, 6]).exp2()));
    }

    #[test]
    fn terms_are_covered_by_the_domain_and_never_seen_nowhere() {
        let mut sources = [source("d", true, &[&[1]]), source("g", false, &[&[1]])];
        let hit = TermCount { hits: 2, docs: 1 };
        sources[0].lexicon = vec![hit, TermCount::default(), TermCount::default()];
        sources[1].lexicon = vec![TermCount::default(), hit, TermCount::default()];
        sources[0].measured.lexicon_chars = 1;
        let terms = ["a", "b", "c"].map(str::to_owned);
        let measures = measure(&sources, &terms, Repeats::default());
        let lexicon = measures.lexicon.unwrap_or_else(|| unreachable!("a lexicon was given"));
        assert_eq!((lexicon.terms, lexicon.seen, lexicon.never_seen), (3, 1, vec!["c".to_owned()]));
        assert!(close(lexicon.domain_density, 1.0 / 3.0));
        assert_eq!(lexicon.general_density, Some(0.0));
    }
}
