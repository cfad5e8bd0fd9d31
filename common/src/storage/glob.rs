//! Patterns over names of objects: the literal folder first, so that listing is narrow, then the match.

use std::ffi::OsStr;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use super::Uri;
use crate::error::{Error, Result};

/// A glob: `*`, `?`, `[…]` and `{a,b}` within a name, `**` across folders.
pub(super) struct Pattern {
    /// Everything up to the last `/` before the first special character: a folder, with that `/`.
    folder: String,
    /// Matches the path below that folder.
    matcher: GlobMatcher,
    /// One matcher a folder level, where the levels are told by the pattern alone.
    levels: Option<Vec<GlobMatcher>>,
    hidden: bool,
}

/// Whether a text has a character that is special in patterns.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

impl Pattern {
    /// The ways to read a pattern: objects that it matches and, if there are none, all objects below the folders
    /// that it matches.
    ///
    /// # Errors
    /// `Class::Spec` for a pattern that is broken or leaves the bucket open.
    pub(super) fn readings(uri: &Uri) -> Result<Vec<Self>> {
        Ok(vec![Self::parse(uri)?, Self::parse(&uri.join(""))?])
    }

    fn parse(uri: &Uri) -> Result<Self> {
        let text = uri.as_str();
        let special = text.find(['*', '?', '[', '{']).unwrap_or(text.len());
        let below = text[..special].rfind('/').map_or(0, |slash| slash + 1);
        let (folder, below) = text.split_at(below);
        if folder == "s3://" {
            return Err(Error::spec(format!("`{uri}` has a pattern where the name of a bucket is needed")));
        }
        let below = match below.strip_suffix('/') {
            Some(folders) => format!("{folders}/**"),
            None => below.to_owned(),
        };
        let compile =
            |part: &str| GlobBuilder::new(part).literal_separator(true).empty_alternates(true).build();
        let matcher = compile(&below).map_err(|e| {
            Error::spec(format!("`{uri}` is no pattern: {}", e.kind()))
                .with_hint("`*`, `?`, `[ab]`, `{a,b}` and `**` are special; put one in brackets, like `[[]`, to mean itself")
        })?;
        let levels = match below.contains("**") || has_separator_in_braces(&below) {
            true => None,
            false => below.split('/').map(|level| compile(level).ok()).collect::<Option<Vec<_>>>(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            matcher: matcher.compile_matcher(),
            levels: levels.map(|levels| levels.iter().map(|level| level.compile_matcher()).collect()),
            hidden: below.starts_with('.') || below.contains("/."),
        })
    }

    /// The literal folder, ending in `/`.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether the path below the folder matches.
    pub(super) fn matches(&self, below: &Path) -> bool {
        self.matcher.is_match(below) && (self.hidden || !has_hidden_part(below))
    }

    /// Whether a folder called `name`, `depth` levels below the literal one, may hold a match.
    pub(super) fn may_hold(&self, depth: usize, name: &OsStr) -> bool {
        if !self.hidden && is_hidden(name) {
            return false;
        }
        match &self.levels {
            Some(levels) => depth + 1 < levels.len() && levels[depth].is_match(Path::new(name)),
            None => true,
        }
    }
}

fn has_separator_in_braces(pattern: &str) -> bool {
    let mut depth = 0usize;
    pattern.chars().any(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '/' && depth > 0
    })
}

pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

pub(super) fn has_hidden_part(path: &Path) -> bool {
    path.iter().any(is_hidden)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(&Uri::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn the_literal_folder_comes_first() {
        for (text, folder) in [
            ("/a/b/*.jsonl", "file:///a/b/"),
            ("/a/b*/c", "file:///a/"),
            ("s3://bucket/**/x", "s3://bucket/"),
            ("s3://bucket/a/{b,c}/d", "s3://bucket/a/"),
        ] {
            assert_eq!(pattern(text).folder(), folder, "{text}");
        }
    }

    #[test]
    fn patterns_match_whole_paths_below_their_folder() {
        for (text, below, matches) in [
            ("/d/*.jsonl", "a.jsonl", true),
            ("/d/*.jsonl", "x/a.jsonl", false),
            ("/d/**/*.jsonl", "a.jsonl", true),
            ("/d/**/*.jsonl", "x/y/a.jsonl", true),
            ("/d/**", "x/y/a.jsonl", true),
            ("/d/*/", "x/y/a.jsonl", true),
            ("/d/?.{csv,txt}", "a.txt", true),
            ("/d/a.jsonl{,.gz}", "a.jsonl", true),
            ("/d/[ab]x", "bx", true),
            ("/d/[!ab]x", "bx", false),
            ("/d/[[]1]", "[1]", true),
            ("/d/*", ".hidden", false),
            ("/d/.*", ".hidden", true),
            ("/d/**", "x/.git/a", false),
            ("/d/{x/y,z}/*", "x/y/a", true),
            ("/d/语料-*.jsonl", "语料-1.jsonl", true),
        ] {
            assert_eq!(pattern(text).matches(Path::new(below)), matches, "{text} {below}");
        }
    }

    #[test]
    fn folders_that_cannot_hold_a_match_are_not_entered() {
        let pruned = pattern("/d/a*/x/*.jsonl");
        assert!(pruned.may_hold(0, OsStr::new("ab")));
        assert!(!pruned.may_hold(0, OsStr::new("b")));
        assert!(pruned.may_hold(1, OsStr::new("x")));
        assert!(!pruned.may_hold(2, OsStr::new("y")));
        assert!(pattern("/d/**/x").may_hold(7, OsStr::new("y")));
    }

    #[test]
    fn a_broken_pattern_or_an_open_bucket_is_refused_by_name() {
        for text in ["/d/[a", "/d/{a", "s3://b*/x"] {
            let error = Pattern::parse(&Uri::parse(text).unwrap()).err().unwrap();
            assert!(error.message().contains(text), "{error}");
        }
    }
}
