//! Text of strangers within a page.

use std::fmt::Write as _;

/// Whether a character would not be seen where it stands: control characters, marks that turn the direction of writing,
/// and those without a width.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text for a place between tags or within a quoted attribute: no tag, no entity, and what is hidden is shown as its
/// number, `⟨U+202E⟩`. Line feeds and tabs stay.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(c),
            c if is_hidden(c) => {
                let _ = write!(html, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown_and_what_would_be_a_tag_is_not_one() {
        assert_eq!(escaped("<b a='1' c=\"2\">&"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
        assert_eq!(escaped("a\u{202e}b\u{200b}\u{1b}[31m\u{feff}"), "a⟨U+202E⟩b⟨U+200B⟩⟨U+001B⟩[31m⟨U+FEFF⟩");
        assert_eq!(escaped("两行\n\t文字"), "两行\n\t文字");
    }
}
