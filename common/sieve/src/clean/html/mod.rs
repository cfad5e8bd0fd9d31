//! What is left of HTML: entities, tags, comments, scripts.
//!
//! The cleaned text grows from left to right like a stack: a `;` or `>` that comes last may end an entity or a tag,
//! which is then taken off the end, and what it stands for put there in the same way. So nothing is left that a second
//! pass would find, `&amp;lt;` and `<<b>b>` included, and the work stays linear.

mod entities;
mod tags;

use memchr::{memchr, memchr2, memmem, memrchr};

use super::scan::find;
use super::{Changes, Cleaner, CleanerKind};
use crate::resources::Resources;
use crate::rules::{Family, Kind, Opt, Settings};
use crate::work::steps;
use tags::{Leaves, TAGS, Tag};

const FAMILY: Family = Family {
    name: "html",
    about: "entities are decoded; tags, comments and scripts removed",
    source: "",
    rules: &[],
    options: &[
        Opt { name: "entities", kind: Kind::Flag(true), about: "`&amp;`, `&#8217;`: decoded" },
        Opt { name: "tags", kind: Kind::Flag(true), about: "known tags: removed; blocks become lines" },
        Opt { name: "comments", kind: Kind::Flag(true), about: "`<!-- -->`: removed with what is in them" },
        Opt {
            name: "scripts",
            kind: Kind::Flag(true),
            about: "`<script>` and `<style>`: removed with what is in them",
        },
    ],
};

pub(super) const KIND: CleanerKind = CleanerKind {
    family: &FAMILY,
    build: |settings: &Settings, _: &Resources| {
        Ok(Box::new(Html {
            entities: settings.flag("entities"),
            tags: settings.flag("tags"),
            comments: settings.flag("comments"),
            scripts: settings.flag("scripts"),
        }))
    },
};

/// `[clean.html]`
#[derive(Clone, Copy)]
struct Html {
    entities: bool,
    tags: bool,
    comments: bool,
    scripts: bool,
}

impl Cleaner for Html {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        find(text.as_bytes(), 0, is_candidate)?;
        let mut stack = Stack::new(*self, text);
        stack.run();
        let counts = stack.counts;
        let kinds = ["entity", "tag", "comment", "script"];
        for (kind, count) in kinds.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            changes.insert(kind, count);
        }
        (counts != [0; 4]).then_some(stack.out)
    }
}

/// The start of an entity, a tag or a comment.
fn is_candidate(a: u8, b: u8, _: u8) -> bool {
    let letter = ((b | 0x20) >= b'a') & ((b | 0x20) <= b'z');
    (a == b'&') & (letter | (b == b'#')) | (a == b'<') & (letter | (b == b'/') | (b == b'!'))
}

/// What is counted, as places.
const ENTITY: usize = 0;
const TAG: usize = 1;
const COMMENT: usize = 2;
const SCRIPT: usize = 3;

struct Stack<'a> {
    rules: Html,
    text: &'a str,
    /// What of the text is done.
    at: usize,
    out: String,
    counts: [u64; 4],
    /// Where `>` stand in `out`: a tag starts behind the last of them.
    ends: Vec<usize>,
    /// The first `<!--` in `out`, and how far it was looked for.
    comment: Option<usize>,
    searched: usize,
    /// Names by their place in [`TAGS`] that the text closes.
    closed: [bool; TAGS.len()],
    /// Scripts and styles that nothing closes any more.
    is_unclosed: [bool; 2],
}

impl<'a> Stack<'a> {
    fn new(rules: Html, text: &'a str) -> Self {
        Self {
            rules,
            text,
            at: 0,
            out: String::with_capacity(text.len()),
            counts: [0; 4],
            ends: Vec::new(),
            comment: None,
            searched: 0,
            closed: closed_names(text),
            is_unclosed: [false; 2],
        }
    }

    fn run(&mut self) {
        while let Some(length) = memchr2(b';', b'>', &self.text.as_bytes()[self.at..]) {
            let end = self.at + length;
            self.out.push_str(&self.text[self.at..end]);
            steps(length + 1);
            let last = char::from(self.text.as_bytes()[end]);
            self.at = end + 1;
            self.push(last);
        }
        self.out.push_str(&self.text[self.at..]);
    }

    /// Puts a character behind the text, and what becomes of that.
    fn push(&mut self, c: char) {
        let mut next = Some(c);
        while let Some(c) = next {
            next = match c {
                ';' => self.end_entity(),
                '>' => {
                    self.end_tag();
                    None
                }
                _ => {
                    self.out.push(c);
                    None
                }
            };
        }
    }

    /// Puts a `;`, or takes off the entity that it ends and says what that stands for.
    fn end_entity(&mut self) -> Option<char> {
        if self.rules.entities {
            let from = self.out.len().saturating_sub(entities::LONGEST + 1);
            steps(entities::LONGEST);
            if let Some(start) = memrchr(b'&', &self.out.as_bytes()[from..])
                && let Some(c) = entities::decode(&self.out[from + start + 1..])
                && !self.is_address(from + start)
            {
                self.cut(from + start);
                self.counts[ENTITY] += 1;
                return Some(c);
            }
        }
        self.out.push(';');
        None
    }

    /// Whether this is C: `p = &sum;` at the end of a line.
    fn is_address(&self, start: usize) -> bool {
        let (before, name) = self.out.split_at(start);
        before.ends_with("= ")
            && matches!(self.text.as_bytes().get(self.at), None | Some(b'\n' | b'\r'))
            && !matches!(name, "&amp" | "&apos" | "&gt" | "&lt" | "&nbsp" | "&quot")
            && !name.starts_with("&#")
    }

    /// Whether this is a link to a section in Perl's documentation: `L</section>`.
    fn is_link(&self, start: usize) -> bool {
        match self.out.as_bytes()[..start] {
            [b'L'] => true,
            [.., before, b'L'] => !before.is_ascii_alphanumeric(),
            _ => false,
        }
    }

    /// Puts a `>`, or takes off the comment, tag or script that it ends.
    fn end_tag(&mut self) {
        if self.rules.comments && self.end_comment() {
            return;
        }
        let from = self.ends.last().map_or(0, |end| end + 1);
        let start = memrchr(b'<', &self.out.as_bytes()[from..]).map(|start| from + start);
        steps(self.out.len() - start.unwrap_or(from));
        let tag = start.and_then(|start| Some((start, Tag::parse(&self.out[start + 1..])?)));
        let is_tag = |(start, tag): &(usize, Tag)| {
            if tag.is_closing { !self.is_link(*start) } else { tag.is_sure || self.closed[tag.name] }
        };
        let Some((start, tag)) = tag.filter(is_tag) else {
            self.ends.push(self.out.len());
            self.out.push('>');
            return;
        };
        if self.rules.scripts && !tag.is_closing && self.skip_script(tag) {
            self.cut(start);
            self.counts[SCRIPT] += 1;
        } else if self.rules.tags {
            self.cut(start);
            self.counts[TAG] += 1;
            match tag.leaves() {
                Leaves::Newline if !self.out.is_empty() && !self.out.ends_with('\n') => self.out.push('\n'),
                Leaves::Tab => self.out.push('\t'),
                _ => {}
            }
        } else {
            self.ends.push(self.out.len());
            self.out.push('>');
        }
    }

    /// Takes off the comment that a `>` ends, from the first `<!--` on.
    fn end_comment(&mut self) -> bool {
        if !self.out.ends_with("--") {
            return false;
        }
        if self.comment.is_none() {
            let from = self.searched.saturating_sub("<!--".len() - 1);
            steps(self.out.len() - from);
            self.comment = memmem::find(&self.out.as_bytes()[from..], b"<!--").map(|start| from + start);
            self.searched = self.out.len();
        }
        // `<!-->` is not one.
        let Some(start) = self.comment.filter(|start| start + "<!----".len() <= self.out.len()) else {
            return false;
        };
        self.cut(start);
        self.counts[COMMENT] += 1;
        true
    }

    /// Skips what stands in a script or style, with its closing tag.
    fn skip_script(&mut self, tag: Tag) -> bool {
        let which = match tag {
            _ if tag.is("script") => 0,
            _ if tag.is("style") => 1,
            _ => return false,
        };
        if self.is_unclosed[which] {
            return false;
        }
        let mut from = self.at;
        while let Some(start) = memmem::find(&self.text.as_bytes()[from..], b"</") {
            let inner = from + start + 1;
            steps(start + CLOSING);
            if let Some((closing, length)) = closing_tag(self.text.as_bytes(), inner, b">")
                && closing.name == tag.name
            {
                self.at = inner + length + 1;
                return true;
            }
            from = inner + 1;
        }
        self.is_unclosed[which] = true;
        false
    }

    /// Cuts the end off.
    fn cut(&mut self, start: usize) {
        self.out.truncate(start);
        while self.ends.last().is_some_and(|end| *end >= start) {
            self.ends.pop();
        }
        self.comment = self.comment.filter(|comment| *comment < start);
        self.searched = self.searched.min(start);
    }
}

/// Names that the text closes, by `</b>` or `&lt;/b&gt;`.
fn closed_names(text: &str) -> [bool; TAGS.len()] {
    let mut closed = [false; TAGS.len()];
    let bytes = text.as_bytes();
    for inner in memchr::memchr_iter(b'/', bytes) {
        steps(1);
        let end: &[u8] = match &bytes[..inner] {
            [.., b'<'] => b">",
            [.., b'&', b'l', b't', b';'] => b"&gt;",
            _ => continue,
        };
        steps(CLOSING);
        if let Some((tag, _)) = closing_tag(bytes, inner, end) {
            closed[tag.name] = true;
        }
    }
    closed
}

/// Bytes that are looked at to find the end of a closing tag.
const CLOSING: usize = 32;

/// The closing tag whose `/` stands here, and its length to its end.
fn closing_tag(bytes: &[u8], inner: usize, end: &[u8]) -> Option<(Tag, usize)> {
    let near = &bytes[inner..bytes.len().min(inner + CLOSING)];
    let length = memchr(end[0], near)?;
    let is_closed = near[length..].starts_with(end);
    let tag = std::str::from_utf8(&near[..length]).ok().filter(|_| is_closed).and_then(Tag::parse)?;
    tag.is_closing.then_some((tag, length))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean, clean_with, counts, settings};
    use crate::rules::Value;

    #[test]
    fn entities_are_decoded_to_the_last_layer() {
        assert_eq!(
            clean("html", "AT&amp;T &lt;int&gt; &quot;x&quot; &nbsp;&copy; &#8217;&#x4E2D;"),
            "AT&T <int> \"x\" \u{a0}© ’中"
        );
        assert_eq!(clean("html", "&#147;quoted&#148; &#128; &apos;"), "“quoted” € '");
        assert_eq!(clean("html", "&amp;amp;amp;lt; &&#97;mp; &#38;lt&#59;"), "< & <");
        assert_eq!(counts("html", "&amp;amp; &eacute;"), [("entity", 3)]);
    }

    #[test]
    fn what_is_no_entity_stays() {
        for text in [
            "a && b; c",
            "?a=1&copy=2&amp",
            "R&D;",
            "&; &#; &#x; &unknown; &#xd800;",
            "if (a & b) return;",
            "p = &sum;\nq = &reg;",
        ] {
            assert_eq!(clean("html", text), text);
        }
    }

    #[test]
    fn tags_go_and_blocks_become_lines() {
        assert_eq!(
            clean(
                "html",
                "<div class=\"x\"><p>One <b>bold</b> <a href='u'>link</a></p><P>Two<br/>three<BR>four</P></div>end"
            ),
            "One bold link\nTwo\nthree\nfour\nend"
        );
        assert_eq!(
            clean("html", "<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>"),
            "a\tb\t\nc\t\n"
        );
        assert_eq!(clean("html", "<!DOCTYPE html>正文<span lang=zh>中文</span>"), "正文中文");
        assert_eq!(clean("html", "&lt;p&gt;RSS&lt;/p&gt; <<b>b>x</b>"), "RSS\n x");
    }

    #[test]
    fn code_and_mathematics_stay() {
        for text in [
            "a < b > c",
            "Vec<int> x; std::map<a, b> m;",
            "#include <map>\n#include <linux/cdrom.h>\n#include <time.h>",
            "if (i<n && j>m)",
            "x <b and c> d",
            "List<T>, Option<P>, <i>",
            "cp <source> <target>; git log <object>",
            "0<p<1, p>0",
            "<user@host.org>",
            "<EMAIL>",
            "a<-b, c->d, <!, <!-->",
            "<b",
            "1 <2 3>",
            "run <script> now",
            "see L</section> (L</b>)",
            "< p >",
        ] {
            assert_eq!(clean("html", text), text);
        }
    }

    #[test]
    fn comments_and_scripts_go_with_what_is_in_them() {
        assert_eq!(clean("html", "a<!-- x <b> > -->b<!---->c <!-- open"), "abc <!-- open");
        assert_eq!(
            clean("html", "a<script type='x'>if (a<b) {c=\"</b>\";}</script >b<STYLE>p{}</style>c<script>d"),
            "abcd"
        );
        assert_eq!(
            counts("html", "<style>p{}</style><!-- --><p>&amp;"),
            [("comment", 1), ("entity", 1), ("script", 1), ("tag", 1)]
        );
    }

    #[test]
    fn each_part_is_a_setting() {
        let text = "<p>a&amp;b<!-- c --><style>d</style></p>";
        let without =
            |option: &str| clean_with(&settings("html").with_value(option, Value::Flag(false)), text);
        assert_eq!(without("entities"), "a&amp;b\n");
        assert_eq!(without("tags"), "<p>a&b</p>");
        assert_eq!(without("comments"), "a&b<!-- c -->\n");
        assert_eq!(without("scripts"), "a&bd\n");
    }
}
