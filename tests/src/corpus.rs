//! A corpus of made-up English and Chinese documents in which the duplicates are known.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Draws the same numbers on every machine (xorshift64*).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// One document.
#[derive(Clone, Debug)]
pub struct Document {
    /// `u` unique, `e` exact copy of the one before, `n` near copy of the one before; then a number.
    pub id: String,
    /// The text.
    pub text: String,
}

fn english(draw: &mut Draw) -> Vec<String> {
    const SYLLABLES: [&str; 16] = [
        "ka", "lo", "mi", "ren", "ta", "vos", "shi", "pol", "du", "gra", "ne", "bix", "fo", "ul", "ser",
        "ant",
    ];
    let word = |draw: &mut Draw| {
        (0..1 + draw.below(3)).map(|_| SYLLABLES[draw.below(SYLLABLES.len())]).collect::<String>()
    };
    (0..120 + draw.below(200)).map(|_| word(draw) + " ").collect()
}

fn chinese(draw: &mut Draw) -> Vec<String> {
    // 2,000 common code points from the start of the Han block.
    let char = |draw: &mut Draw| char::from_u32(0x4e00 + draw.below(2_000) as u32).unwrap().to_string();
    (0..150 + draw.below(300)).map(|i| if i % 17 == 16 { "，".to_owned() } else { char(draw) }).collect()
}

/// `count` documents: of ten, seven are unique, then follow a base, its exact copy in other case and spacing, and its
/// near copy, in which one word or character of over a hundred is another.
pub fn documents(count: usize, seed: u64) -> Vec<Document> {
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut documents: Vec<Document> = Vec::with_capacity(count);
    let mut before: Vec<String> = Vec::new();
    for i in 0..count {
        let fresh = if draw.below(2) == 0 { english(&mut draw) } else { chinese(&mut draw) };
        let (kind, text) = match i % 10 {
            8 => ('e', format!("  {}\n", before.concat().to_uppercase())),
            9 => {
                let mut near = before.clone();
                let at = draw.below(near.len());
                near[at] = "zzyzx ".to_owned();
                ('n', near.concat())
            }
            _ => ('u', fresh.concat()),
        };
        if kind == 'u' {
            before = fresh;
        }
        documents.push(Document { id: format!("{kind}{i}"), text });
    }
    documents
}

/// How many of [`documents`] must stay.
pub fn unique(count: usize) -> usize {
    (0..count).filter(|i| i % 10 < 8).count()
}

/// Writes documents as JSON lines into `parts` files `part-0.jsonl` and so on, in turn by blocks.
pub fn write_jsonl(folder: &Path, documents: &[Document], parts: usize) {
    fs::create_dir_all(folder).unwrap();
    for (part, documents) in documents.chunks(documents.len().div_ceil(parts)).enumerate() {
        let mut lines = String::new();
        for document in documents {
            let line = serde_json::json!({ "id": document.id, "text": document.text, "part": part });
            writeln!(lines, "{line}").unwrap();
        }
        fs::write(folder.join(format!("part-{part}.jsonl")), lines).unwrap();
    }
}
