//! From a text to rows of the input matrix: words, their character n-grams, and word n-grams.

use hashbrown::HashMap;

use super::Args;
use super::reader::Reader;
use crate::work::steps;

/// The end of a text.
const END: &[u8] = b"</s>";
const LABEL_PREFIX: &[u8] = b"__label__";
const MAX_COUNT: i64 = 100_000_000_000_000;

pub(super) struct Dictionary {
    ids: HashMap<Box<[u8]>, u32>,
    words: usize,
    labels: Vec<String>,
    label_counts: Vec<i64>,
    /// Rows by bucket, where the model was pruned to the most useful.
    kept: Option<HashMap<u32, u32>>,
    /// Rows of each word: from its place to the next one's.
    rows: Vec<u32>,
    starts: Vec<usize>,
    bucket: u64,
    min_gram: usize,
    max_gram: usize,
    word_grams: usize,
}

impl Dictionary {
    pub(super) fn read(reader: &mut Reader<'_>, args: &Args) -> Result<Self, String> {
        let (size, words, labels) = (reader.size()?, reader.size()?, reader.size()?);
        let _tokens = reader.i64()?;
        let kept = reader.i64()?;
        if words.checked_add(labels) != Some(size) {
            return Err(format!("its {words} words and {labels} labels are not its {size} entries"));
        }
        let mut this = Self {
            ids: HashMap::new(),
            words,
            labels: Vec::new(),
            label_counts: Vec::new(),
            kept: None,
            rows: Vec::new(),
            starts: vec![0],
            bucket: args.bucket,
            min_gram: args.min_gram,
            max_gram: args.max_gram,
            word_grams: args.word_grams,
        };
        let mut entries = Vec::new();
        for place in 0..size {
            let entry = reader.zero_terminated()?;
            let count = reader.i64()?;
            let is_label = reader.flag()?;
            if is_label != (place >= words) {
                return Err("its labels do not stand behind its words".to_owned());
            }
            // Sums of such counts decide the shape of the tree.
            if !(0..MAX_COUNT).contains(&count) {
                return Err(format!("it counted {count} of an entry"));
            }
            if is_label {
                this.labels.push(String::from_utf8_lossy(entry).into_owned());
                this.label_counts.push(count);
            } else {
                entries.push(entry);
            }
            this.ids.insert(entry.into(), place as u32);
        }
        // Below 0: not pruned; 0: no n-gram was kept.
        if kept >= 0 {
            let mut rows = HashMap::new();
            for _ in 0..kept {
                let (bucket, row) = (reader.size()? as u32, reader.size()? as u32);
                rows.insert(bucket, row);
            }
            this.kept = Some(rows);
        }
        for (id, word) in entries.into_iter().enumerate() {
            let mut rows = vec![id as u32];
            if word != END && this.max_gram > 0 {
                this.each_gram(word, &mut Vec::new(), |row| rows.push(row as u32));
            }
            this.rows.append(&mut rows);
            this.starts.push(this.rows.len());
        }
        Ok(this)
    }

    pub(super) fn is_pruned(&self) -> bool {
        self.kept.is_some()
    }

    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    pub(super) fn label_counts(&self) -> &[i64] {
        &self.label_counts
    }

    /// Rows that the input matrix must have.
    pub(super) fn rows(&self) -> usize {
        let grams = match &self.kept {
            Some(kept) => kept.values().max().map_or(0, |row| *row as usize + 1),
            None if self.max_gram > 0 || self.word_grams > 1 => self.bucket as usize,
            None => 0,
        };
        self.words + grams
    }

    /// Tells the rows of a text, as the reference reads it as one line.
    pub(super) fn each_row(&self, text: &str, mut row: impl FnMut(usize)) {
        let mut hashes = Vec::new();
        let mut marked = Vec::new();
        let tokens = text.as_bytes().split(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0));
        for token in tokens.filter(|token| !token.is_empty()).chain([END]) {
            let id = self.ids.get(token).map(|id| *id as usize);
            steps(2 * token.len() + 1);
            match id {
                Some(id) if id < self.words => {
                    let rows = &self.rows[self.starts[id]..self.starts[id + 1]];
                    rows.iter().for_each(|id| row(*id as usize));
                }
                Some(_) => continue,
                None if token.starts_with(LABEL_PREFIX) => continue,
                None if token != END => self.each_gram(token, &mut marked, &mut row),
                None => {}
            }
            if self.word_grams > 1 {
                hashes.push(hash(token) as i32);
            }
            if token == END {
                break;
            }
        }
        self.each_word_gram(&hashes, &mut row);
    }

    /// Tells the rows of the character n-grams of a word; `marked` is room for it.
    fn each_gram(&self, word: &[u8], marked: &mut Vec<u8>, mut row: impl FnMut(usize)) {
        marked.clear();
        marked.push(b'<');
        marked.extend_from_slice(word);
        marked.push(b'>');
        let is_inside = |byte: u8| byte & 0xc0 == 0x80;
        for start in 0..marked.len() {
            steps(1);
            if is_inside(marked[start]) {
                continue;
            }
            let mut hash = FIRST_HASH;
            let mut at = start;
            for chars in 1..=self.max_gram {
                if at == marked.len() {
                    break;
                }
                steps(1);
                hash = next_hash(hash, marked[at]);
                at += 1;
                while at < marked.len() && is_inside(marked[at]) {
                    steps(1);
                    hash = next_hash(hash, marked[at]);
                    at += 1;
                }
                let is_mark = chars == 1 && (start == 0 || at == marked.len());
                if chars >= self.min_gram && !is_mark {
                    self.bucket_row(u64::from(hash), &mut row);
                }
            }
        }
    }

    fn each_word_gram(&self, hashes: &[i32], mut row: impl FnMut(usize)) {
        for (at, first) in hashes.iter().enumerate() {
            let end = hashes.len().min(at.saturating_add(self.word_grams));
            // Signs are extended, as in the reference.
            let mut hash = i64::from(*first) as u64;
            for next in &hashes[at + 1..end] {
                steps(1);
                hash = hash.wrapping_mul(116_049_371).wrapping_add(i64::from(*next) as u64);
                self.bucket_row(hash, &mut row);
            }
        }
    }

    fn bucket_row(&self, hash: u64, mut row: impl FnMut(usize)) {
        let Some(bucket) = hash.checked_rem(self.bucket) else { return };
        match &self.kept {
            None => row(self.words + bucket as usize),
            Some(kept) => {
                if let Some(kept) = kept.get(&(bucket as u32)) {
                    row(self.words + *kept as usize);
                }
            }
        }
    }
}

const FIRST_HASH: u32 = 2_166_136_261;

/// FNV-1a over signed bytes.
fn next_hash(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as i8 as u32).wrapping_mul(16_777_619)
}

fn hash(word: &[u8]) -> u32 {
    word.iter().fold(FIRST_HASH, |hash, byte| next_hash(hash, *byte))
}
