//! From a text to what finds its duplicates.

use xxhash_rust::xxh3::xxh3_128;

use super::DedupParams;
use super::shingles::Shingler;
use super::sketch::{Sketch, band_key, byte_of};
use crate::text::match_text;

/// What finds the duplicates of a text; borrowed from its [`Signer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// xxh3-128 of the match text.
    pub hash: u128,
    /// `k` bytes; `None` if the text has fewer units than a shingle.
    pub signature: Option<&'a [u8]>,
    /// One key a band; empty without a signature.
    pub band_keys: &'a [u64],
}

/// Signs texts one after the other, without allocating for each.
pub struct Signer {
    rows: usize,
    bands: usize,
    shingler: Shingler,
    sketch: Sketch,
    folded: String,
    signature: Vec<u8>,
    band_keys: Vec<u64>,
}

impl Signer {
    /// A signer by the given parameters; `threshold` and `verify` do not matter to it.
    pub fn new(params: &DedupParams) -> Self {
        Self {
            rows: params.rows.max(1) as usize,
            bands: params.bands as usize,
            shingler: Shingler::new(params.shingle),
            sketch: Sketch::new(params.k),
            folded: String::new(),
            signature: Vec::new(),
            band_keys: Vec::new(),
        }
    }

    /// The hash of a cleaned text alone: for jobs that look for exact duplicates only.
    pub fn hash(&mut self, text: &str) -> u128 {
        match_text(text, &mut self.folded);
        xxh3_128(self.folded.as_bytes())
    }

    /// Signs a cleaned text.
    pub fn sign(&mut self, text: &str) -> Signed<'_> {
        let hash = self.hash(text);
        self.signature.clear();
        self.band_keys.clear();
        let shingles = self.shingler.hashes(&self.folded);
        if shingles.is_empty() {
            return Signed { hash, signature: None, band_keys: &[] };
        }
        let bins = self.sketch.fill(shingles);
        self.signature.extend(bins.iter().map(|value| byte_of(*value)));
        self.band_keys.extend(bins.chunks_exact(self.rows).take(self.bands).map(band_key));
        Signed { hash, signature: Some(&self.signature), band_keys: &self.band_keys }
    }
}

#[cfg(test)]
mod tests {
    use super::super::similarity;
    use super::*;

    fn sign(text: &str) -> (u128, Option<Vec<u8>>, Vec<u64>) {
        let mut signer = Signer::new(&DedupParams::default());
        // What was signed before must not show.
        signer.sign("some other text that is long enough to have a signature");
        let signed = signer.sign(text);
        (signed.hash, signed.signature.map(<[u8]>::to_vec), signed.band_keys.to_vec())
    }

    #[test]
    fn signatures_do_not_change_between_versions() {
        let (hash, signature, keys) =
            sign("The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸跳过懒狗。");
        let digest = xxh3_128(&signature.unwrap_or_default());
        let bands = keys.iter().fold(0, |sum: u64, key| sum.rotate_left(7) ^ key);
        // Computed by an independent implementation. A change here needs another `HASH_VERSION`.
        assert_eq!(
            format!("{hash:032x} {digest:032x} {bands:016x}"),
            "1f5251dc89d9e9e51690b3fbd357caa4 d8e68cb0b138d30059109823790c0408 f25456c5dd837864"
        );
    }

    #[test]
    fn a_text_of_fewer_units_than_a_shingle_has_a_hash_alone() {
        let (hash, signature, keys) = sign("one two  Three four!");
        assert_eq!((signature, keys), (None, Vec::new()));
        assert_eq!(hash, sign("one two three FOUR!").0);
        assert_eq!(sign("").1, None);
    }

    #[test]
    fn near_texts_are_similar_and_others_are_not() {
        let text = (0..300).map(|i| format!("word{} ", i * 7 % 1_000)).collect::<String>();
        let near = text.replacen("word7 ", "changed ", 1);
        let other = (0..300).map(|i| format!("term{} ", i * 7 % 1_000)).collect::<String>();
        let [text, near, other] = [text, near, other].map(|t| sign(&t).1.unwrap_or_default());
        assert_eq!(text.len(), 256);
        // Five of 296 shingles differ.
        assert!((similarity(&text, &near) - 291.0 / 301.0).abs() < 0.05);
        assert!(similarity(&text, &other) < 0.05);
    }

    /// A text whose words and letters change between scripts, some of which have words and some have not.
    fn mixed(changed: Option<usize>) -> String {
        let word = |i: usize| match (changed, i % 6) {
            (Some(at), _) if at == i => "ДРУГОЕ ".to_owned(),
            (_, 0) => format!("Word{i} "),
            (_, 1) => format!("слово{i} "),
            (_, 2) => char::from_u32(0x4e00 + i as u32 * 7).into_iter().collect(),
            (_, 3) => format!("كلمة{i} "),
            (_, 4) => char::from_u32(0x3042 + i as u32 % 60).into_iter().collect(),
            _ => format!("λέξη{i} "),
        };
        (0..300).map(word).collect()
    }

    #[test]
    fn documents_of_mixed_scripts_are_equal_in_other_case_and_width_and_near_by_their_units() {
        let text = mixed(None);
        let wide: String = text
            .to_uppercase()
            .chars()
            .map(|c| match c {
                '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
                ' ' => '\u{3000}',
                c => c,
            })
            .collect();
        assert_ne!(wide, text);
        assert_eq!(sign(&wide), sign(&text));
        for at in [6, 100, 152] {
            let [text, near] = [&text, &mixed(Some(at))].map(|t| sign(t).1.unwrap_or_default());
            // Five shingles differ of 296: each ideograph and kana is a unit, as is each word.
            assert!((similarity(&text, &near) - 291.0 / 301.0).abs() < 0.05, "{}", similarity(&text, &near));
        }
    }
}
