//! The fields of one row: quotes, doubled quotes, line ends within quotes.

/// Where in a row the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the start of a field: only here a quote opens.
    Start,
    /// Within a field without quotes, or behind a closed one.
    Plain,
    /// Within quotes.
    Quoted,
    /// Behind a quote within quotes: the first of two, or the closing one.
    Quote,
}

/// The fields of a row, pushed in pieces that are cut anywhere between characters.
pub(super) struct Fields {
    delimiter: u8,
    at: At,
    /// Set once the row is known to be of no use: then only its end is sought.
    forgotten: bool,
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, at: At::Start, forgotten: false, text: String::new(), ends: Vec::new() }
    }

    /// Starts a row.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        (self.at, self.forgotten) = (At::Start, false);
    }

    /// Keeps no more of this row.
    pub(super) fn forget(&mut self) {
        self.text = String::new();
        self.ends.clear();
        self.forgotten = true;
    }

    /// Whether a line end here would be part of a field.
    pub(super) fn is_open(&self) -> bool {
        self.at == At::Quoted
    }

    /// Ends the last field.
    pub(super) fn end_row(&mut self) {
        self.end_field();
    }

    /// Fields of an ended row.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The fields of an ended row, without their quotes.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }

    /// Takes the next piece of the row.
    pub(super) fn push(&mut self, mut piece: &str) {
        while let Some(first) = piece.as_bytes().first() {
            match self.at {
                At::Start if *first == b'"' => (self.at, piece) = (At::Quoted, &piece[1..]),
                At::Start => self.at = At::Plain,
                At::Quote if *first == b'"' => {
                    self.keep("\"");
                    (self.at, piece) = (At::Quoted, &piece[1..]);
                }
                At::Quote => self.at = At::Plain,
                At::Quoted => {
                    let quote = memchr::memchr(b'"', piece.as_bytes());
                    self.keep(&piece[..quote.unwrap_or(piece.len())]);
                    let Some(quote) = quote else { return };
                    (self.at, piece) = (At::Quote, &piece[quote + 1..]);
                }
                At::Plain => {
                    let delimiter = memchr::memchr(self.delimiter, piece.as_bytes());
                    self.keep(&piece[..delimiter.unwrap_or(piece.len())]);
                    let Some(delimiter) = delimiter else { return };
                    self.end_field();
                    (self.at, piece) = (At::Start, &piece[delimiter + 1..]);
                }
            }
        }
    }

    fn keep(&mut self, text: &str) {
        if !self.forgotten {
            self.text.push_str(text);
        }
    }

    fn end_field(&mut self) {
        if !self.forgotten {
            self.ends.push(self.text.len());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(row: &str) -> Vec<String> {
        let mut fields = Fields::new(b',');
        fields.push(row);
        fields.end_row();
        fields.iter().map(str::to_owned).collect()
    }

    #[test]
    fn quotes_open_only_at_the_start_of_a_field() {
        assert_eq!(fields("a,\"b,\"\"c\"\"\",d\"e"), ["a", "b,\"c\"", "d\"e"]);
        assert_eq!(fields(",\"\","), ["", "", ""]);
        assert_eq!(fields("\"a\" b,c"), ["a b", "c"]);
    }

    proptest! {
        #[test]
        fn rows_are_what_the_csv_crate_reads(row in "[a\",你 ]{1,30}", cut in 0usize..30) {
            let mut fields = Fields::new(b',');
            let cut = row.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(row.len());
            fields.push(&row[..cut]);
            fields.push(&row[cut..]);
            prop_assume!(!fields.is_open());
            fields.end_row();
            let mut oracle = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let expected = oracle.records().next().unwrap().unwrap();
            prop_assert_eq!(fields.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
            prop_assert_eq!(fields.len(), expected.len());
        }
    }
}
