//! Words and phrases of lists, found in a text in one pass.
//!
//! Case does not matter, and any white space is one space. Where a script writes words apart, a term is found only as
//! whole words; characters of scripts that write without spaces are found anywhere. Of terms that overlap, the one that
//! starts first is found, of these the longest.

use aho_corasick::{AhoCorasick, MatchKind};
use hashbrown::HashMap;

use crate::BuildError;
use crate::resources::Resources;
use crate::rules::Settings;
use crate::text::{is_space, is_spaced_word};
use crate::work::steps;

/// Stands before and behind each word of a script with spaces, in terms and texts: a term that starts or ends with one
/// so matches only where a word starts or ends. Two words have something between them, so that matches side by side
/// need not share a mark.
const MARK: char = '\u{1}';

/// Terms to be found.
pub struct Terms {
    search: AhoCorasick,
    terms: Vec<Term>,
}

struct Term {
    /// As it was written in its list.
    written: String,
    /// Code points, marks aside.
    chars: u32,
}

/// A term that stands in a text.
pub struct Hit<'a> {
    /// The place of the term.
    pub id: usize,
    /// The term as its list writes it.
    pub term: &'a str,
    /// Code points.
    pub chars: u32,
}

impl Terms {
    /// The entries of the files in the option `files`, and of the list `texts`.
    pub(super) fn of(
        settings: &Settings,
        files: &str,
        texts: &str,
        resources: &Resources,
    ) -> Result<Self, BuildError> {
        let mut all: Vec<&str> = settings.texts(texts).iter().map(String::as_str).collect();
        for uri in settings.texts(files) {
            all.extend(resources.entries(uri)?);
        }
        if all.is_empty() {
            return Err(BuildError(format!("`{files}` and `{texts}` name no term")));
        }
        Self::new(&all)
    }

    /// The entries of some files; none: no term.
    ///
    /// # Errors
    /// For a file that was not read or is no text, naming it, and for too many terms.
    pub fn of_files(files: &[String], resources: &Resources) -> Result<Self, BuildError> {
        let mut all = Vec::new();
        for uri in files {
            all.extend(resources.entries(uri)?);
        }
        Self::new(&all)
    }

    fn new(all: &[&str]) -> Result<Self, BuildError> {
        let mut known = HashMap::new();
        let mut terms = Vec::new();
        let mut patterns = Vec::new();
        for written in all {
            let marked = marked(written.trim_matches(is_space));
            if marked.is_empty() || known.insert(marked.clone(), ()).is_some() {
                continue;
            }
            let chars = marked.chars().filter(|c| *c != MARK).count() as u32;
            terms.push(Term { written: (*written).to_owned(), chars });
            patterns.push(marked);
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)
            .map_err(|e| BuildError(format!("{} terms are too many: {e}", patterns.len())))?;
        Ok(Self { search, terms })
    }

    /// How many different terms there are.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The terms as their lists write them, by [`Hit::id`].
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.written.as_str())
    }

    /// Tells each hit, from the left, none of which overlap.
    pub fn each_hit<'a>(&'a self, text: &str, mut hit: impl FnMut(Hit<'a>)) {
        let marked = marked(text);
        steps(marked.len());
        for found in self.search.find_iter(&marked) {
            steps(1);
            let id = found.pattern().as_usize();
            let Term { written, chars } = &self.terms[id];
            hit(Hit { id, term: written, chars: *chars });
        }
    }
}

/// Lower case, one space for white space, and marks around words.
fn marked(text: &str) -> String {
    steps(text.len());
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    let mut in_word = false;
    let mut in_space = false;
    for c in text.chars() {
        let c = match c {
            '’' => '\'',
            MARK => ' ',
            c => c,
        };
        if is_spaced_word(c) != in_word {
            in_word = !in_word;
            out.push(MARK);
        }
        let was_space = std::mem::replace(&mut in_space, is_space(c));
        match c {
            _ if c.is_ascii() && !in_space => out.push(c.to_ascii_lowercase()),
            _ if !in_space => out.extend(c.to_lowercase()),
            _ if !was_space => out.push(' '),
            _ => {}
        }
    }
    if in_word {
        out.push(MARK);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hits(terms: &[&str], text: &str) -> Vec<String> {
        let mut hits = Vec::new();
        Terms::new(terms).unwrap().each_hit(text, |hit| hits.push(hit.term.to_owned()));
        hits
    }

    #[test]
    fn words_are_found_whole_and_characters_anywhere() {
        let terms = ["net profit", "profit", "C++", "净利润", "A股", "café"];
        assert_eq!(
            hits(&terms, "Net  Profit, profit; profits non-profit"),
            ["net profit", "profit", "profit"]
        );
        assert_eq!(hits(&terms, "c++ and c and CAFÉ cafés"), ["C++", "café"]);
        assert_eq!(hits(&terms, "公司净利润增长，买A股票，买AA股票"), ["净利润", "A股"]);
        assert_eq!(hits(&terms, "net\nprofit profit profit"), ["net profit", "profit", "profit"]);
    }

    #[test]
    fn the_longest_term_that_starts_first_is_found() {
        assert_eq!(hits(&["new", "new york"], "New York is new, New Yorkers"), ["new york", "new", "new"]);
        assert_eq!(hits(&["股票", "股票市场", "市场"], "股票市场和市场"), ["股票市场", "市场"]);
    }

    #[test]
    fn terms_that_differ_in_case_or_space_are_one() {
        assert_eq!(Terms::new(&["Net Profit", "net  profit", " ", "净利润"]).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn a_word_is_found_as_often_as_it_stands_between_spaces(text in "[ab ]{0,40}") {
            let expected = text.split(' ').filter(|word| *word == "ab").count();
            prop_assert_eq!(hits(&["ab"], &text).len(), expected);
        }

        #[test]
        fn a_phrase_of_characters_is_found_as_often_as_it_stands(text in "[中国，]{0,40}") {
            prop_assert_eq!(hits(&["中国"], &text).len(), text.matches("中国").count());
        }

        #[test]
        fn every_text_is_within_itself(text in "\\PC{1,20}") {
            if !text.trim_matches(is_space).is_empty() {
                prop_assert_eq!(hits(&[&text], &text).len(), 1);
            }
        }
    }
}
