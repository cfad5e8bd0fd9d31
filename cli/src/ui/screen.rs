//! Lines at the foot of a terminal that are drawn anew as they change, while other lines pass above them.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width, truncate_str};

use super::paint::is_dumb;

/// What a terminal has that does not tell its size.
const USUAL: Size = Size { columns: 80, rows: 24 };
/// Clears from the cursor to the end of its line, and to the end of the screen.
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_REST: &str = "\u{1b}[J";

/// Of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    /// That of stderr's terminal now.
    pub(super) fn now() -> Self {
        match Term::stderr().size_checked() {
            Some((rows @ 1.., columns @ 1..)) => Self { columns: columns.into(), rows: rows.into() },
            _ => USUAL,
        }
    }
}

/// Whether lines on stderr can be drawn anew: it is a terminal, and one that moves its cursor.
pub(super) fn can_draw() -> bool {
    std::io::stderr().is_terminal() && !is_dumb()
}

/// What stands at the foot of the terminal: there is one terminal.
static FOOT: Mutex<Foot> = Mutex::new(Foot { lines: Vec::new(), columns: 0 });

struct Foot {
    lines: Vec<String>,
    /// The width for which they were drawn.
    columns: usize,
}

fn foot() -> MutexGuard<'static, Foot> {
    FOOT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws `lines` in place of those that were drawn before; each is cut to the width.
pub(super) fn draw(lines: &[String], size: Size) {
    let mut foot = foot();
    // The last column stays free: a terminal that has it written is of two minds about where its cursor is.
    let cut: Vec<String> = lines.iter().map(|line| fit(line, size.columns.saturating_sub(1))).collect();
    let text = redrawn(&foot, None, &cut, size);
    (foot.lines, foot.columns) = (cut, size.columns);
    write(&text);
}

/// Lets the lines stand: what is printed from now on comes below them.
pub(super) fn leave() {
    foot().lines.clear();
}

/// Stderr for whole lines: they pass above those that are drawn.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        let foot = foot();
        if foot.lines.is_empty() {
            std::io::stderr().write_all(lines)?;
        } else {
            let text = String::from_utf8_lossy(lines);
            write(&redrawn(&foot, Some(text.trim_end_matches('\n')), &foot.lines, Size::now()));
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What goes to the terminal to replace lines below which the cursor stands.
fn redrawn(old: &Foot, above: Option<&str>, new: &[String], size: Size) -> String {
    let mut text = String::new();
    // A terminal that has become narrower shows a line on several rows.
    let rows: usize =
        old.lines.iter().map(|line| measure_text_width(line).div_ceil(size.columns).max(1)).sum();
    if rows > 0 {
        let _ = write!(text, "\u{1b}[{}A\r", rows.min(size.rows.saturating_sub(1).max(1)));
    }
    // Rows that were wrapped go whole: written over, they would be joined again when the terminal grows.
    if above.is_some() || old.columns != size.columns {
        text.push_str(CLEAR_REST);
    }
    above.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    new.iter().for_each(|line| text.push_str(&format!("{line}{CLEAR_LINE}\n")));
    text.push_str(CLEAR_REST);
    text
}

/// A line of at most `columns`.
fn fit(line: &str, columns: usize) -> String {
    truncate_str(line, columns, "…").into_owned()
}

/// At once, so that nothing comes between; perhaps nobody reads.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { columns: 10, rows: 24 };

    fn foot_of(texts: &[&str]) -> Foot {
        Foot { lines: lines(texts), columns: SIZE.columns }
    }

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn lines_replace_those_before_and_what_is_said_stands_above() {
        assert_eq!(redrawn(&foot_of(&[]), None, &lines(&["one"]), SIZE), "one\u{1b}[K\n\u{1b}[J");
        let two = foot_of(&["one", "two"]);
        assert_eq!(redrawn(&two, None, &lines(&["1"]), SIZE), "\u{1b}[2A\r1\u{1b}[K\n\u{1b}[J");
        let said = redrawn(&two, Some("note"), &lines(&["three"]), SIZE);
        assert_eq!(said, "\u{1b}[2A\r\u{1b}[Jnote\nthree\u{1b}[K\n\u{1b}[J");
    }

    #[test]
    fn lines_that_a_narrower_terminal_wraps_are_taken_back_whole() {
        let wide = Foot { lines: lines(&["twenty characters wi"]), columns: 40 };
        assert!(redrawn(&wide, None, &lines(&["x"]), SIZE).starts_with("\u{1b}[2A\r\u{1b}[J"));
        let odd = Foot { lines: lines(&["\u{1b}[31mtwenty-one characters\u{1b}[0m"]), columns: 40 };
        assert!(redrawn(&odd, None, &lines(&["x"]), SIZE).starts_with("\u{1b}[3A\r\u{1b}[J"));
    }

    #[test]
    fn a_line_is_cut_by_the_width_that_it_takes() {
        assert_eq!(fit("0123456789", 10), "0123456789");
        assert_eq!(fit("0123456789a", 10), "012345678…");
        assert_eq!(measure_text_width(&fit("等待另一个任务完成", 10)), 9);
    }
}
