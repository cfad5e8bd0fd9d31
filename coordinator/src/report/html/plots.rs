//! Plots as SVG within the page. Coordinates have two digits behind the point, so that equal figures are equal bytes.

use std::fmt::Write as _;

use super::escape::escaped;

/// What a sign says, by its shape as well as by its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A disc with a tick.
    Good,
    /// An octagon with a cross.
    Bad,
    /// A diamond with a question mark.
    Unknown,
    /// An empty ring.
    Neutral,
    /// A triangle with a stroke.
    Warning,
}

/// A sign; `title` says the same in words.
pub(super) fn sign(sign: Sign, title: &str) -> String {
    let (class, shape) = match sign {
        Sign::Good => (
            "good",
            "<circle cx=\"12\" cy=\"12\" r=\"11\"/><path class=\"stroke\" d=\"M6.5 12.5l3.5 3.5 7.5-8\"/>",
        ),
        Sign::Bad => (
            "bad",
            "<path d=\"M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9z\"/><path class=\"stroke\" d=\"M8 8l8 8M16 8l-8 8\"/>",
        ),
        Sign::Unknown => (
            "unknown",
            "<path d=\"M12 0l12 12-12 12L0 12z\"/><path class=\"stroke\" d=\"M9 9.5c0-4 6-4 6-.5 0 2.3-3 2.2-3 5M12 17v.5\"/>",
        ),
        Sign::Neutral => ("neutral", "<circle class=\"ring\" cx=\"12\" cy=\"12\" r=\"9.5\"/>"),
        Sign::Warning => {
            ("unknown", "<path d=\"M12 1l11.5 21H.5z\"/><path class=\"stroke\" d=\"M12 9v6M12 18v.5\"/>")
        }
    };
    format!(
        "<svg class=\"sign {class}\" viewBox=\"0 0 24 24\" role=\"img\"><title>{}</title>{shape}</svg>",
        escaped(title)
    )
}

/// A piece of a bar, as parts of its length.
pub(super) struct Piece {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Its class, which has its colour.
    pub(super) class: String,
    /// What it says when it is pointed at.
    pub(super) title: String,
}

/// A bar of pieces as wide as its place, with a mark at a part of its length.
pub(super) fn bar(title: &str, pieces: &[Piece], mark: Option<f64>) -> String {
    let mut svg = format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\"><title>{}</title>\
         <rect class=\"track\" width=\"100\" height=\"10\"/>",
        escaped(title)
    );
    for piece in pieces.iter().filter(|piece| piece.to > piece.from) {
        let from = 100.0 * piece.from.clamp(0.0, 1.0);
        // What is there is seen, however little it is.
        let width = (100.0 * piece.to.clamp(0.0, 1.0) - from).max(0.8);
        let from = from.min(100.0 - width);
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{from:.2}\" width=\"{width:.2}\" height=\"10\">",
            piece.class
        );
        if !piece.title.is_empty() {
            let _ = write!(svg, "<title>{}</title>", escaped(&piece.title));
        }
        svg.push_str("</rect>");
    }
    if let Some(mark) = mark {
        let place = 100.0 * mark.clamp(0.0, 1.0);
        let _ = write!(svg, "<path class=\"mark\" d=\"M{place:.2} 0V10\"/>");
    }
    svg.push_str("</svg>");
    svg
}

/// A bar of one piece from the start.
pub(super) fn part_bar(title: &str, part: f64, class: &str) -> String {
    let piece = Piece { from: 0.0, to: part, class: class.to_owned(), title: String::new() };
    bar(title, &[piece], None)
}

/// Shares one behind the other, each with its name; colours go by place.
pub(super) fn stacked(title: &str, shares: &[(String, f64)]) -> String {
    let mut from = 0.0;
    let mut pieces = Vec::new();
    for (place, (name, share)) in shares.iter().enumerate() {
        pieces.push(Piece { from, to: from + share, class: colour(place), title: name.clone() });
        from += share;
    }
    bar(title, &pieces, None)
}

/// The class of the colour at a place.
pub(super) fn colour(place: usize) -> String {
    format!("s{}", place % 8)
}

/// A coloured square for a legend.
pub(super) fn key(place: usize) -> String {
    format!("<span class=\"key {}\" aria-hidden=\"true\"></span>", colour(place))
}

/// Columns side by side, each with what it says; the highest fills the height. Under them stand the words for the first
/// and the last one.
pub(super) fn histogram(title: &str, columns: &[(String, u64)], first: &str, last: &str) -> String {
    const WIDTH: f64 = 240.0;
    const HEIGHT: f64 = 60.0;
    let most = columns.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1) as f64;
    let step = WIDTH / columns.len().max(1) as f64;
    let mut svg = format!(
        "<svg class=\"histogram\" viewBox=\"0 0 240 78\" role=\"img\"><title>{}</title><path class=\"axis\" d=\"M0 60.5H240\"/>",
        escaped(title)
    );
    for (place, (name, count)) in columns.iter().enumerate().filter(|(_, (_, count))| *count > 0) {
        let height = (HEIGHT * *count as f64 / most).max(1.0);
        let _ = write!(
            svg,
            "<rect class=\"column\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{height:.2}\"><title>{}</title></rect>",
            place as f64 * step,
            HEIGHT - height,
            (step - 1.0).max(0.5),
            escaped(name)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"0\" y=\"74\">{}</text><text x=\"240\" y=\"74\" text-anchor=\"end\">{}</text></svg>",
        escaped(first),
        escaped(last)
    );
    svg
}
