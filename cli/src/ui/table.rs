//! Tables on a terminal.

use console::measure_text_width;

use super::plain;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Lines of equal columns under a heading, two spaces between them. What strangers wrote is shown plain.
///
/// `rows` have a cell a column.
pub(crate) fn table<const N: usize>(columns: [(&str, Align); N], rows: &[[String; N]]) -> Vec<String> {
    let heading = columns.map(|(name, _)| name.to_owned());
    let cells: Vec<[String; N]> = std::iter::once(heading)
        .chain(rows.iter().cloned())
        .map(|row| row.map(|cell| plain(&cell)))
        .collect();
    let width = |column: usize| cells.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let padded = row.iter().zip(columns).zip(widths).map(|((cell, (_, align)), width)| {
            let pad = " ".repeat(width - measure_text_width(cell));
            match align {
                Align::Left => format!("{cell}{pad}"),
                Align::Right => format!("{pad}{cell}"),
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_words_left_and_wide_characters_count_twice() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let rows = [row("web", "7"), row("金融", "1,234"), row("a\u{1b}b", "")];
        let lines = table([("name", Align::Left), ("documents", Align::Right)], &rows);
        assert_eq!(
            lines,
            ["name       documents", "web                7", "金融           1,234", "a\\u{1b}b"]
        );
    }
}
