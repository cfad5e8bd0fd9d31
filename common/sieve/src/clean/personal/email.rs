//! E-mail addresses.
//!
//! A local part of letters, digits and `._%+-` and a domain of at least two labels whose last is of letters. Addresses
//! that are nobody's stay: of domains reserved for examples (RFC 2606), of logins like `git@github.com:a/b`. So does what
//! only looks so: `icon@2x.png`, `getty@tty1.service`.

use super::{EMAIL, Found};
use crate::work::steps;

/// RFC 5321.
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 253;

/// Last labels that are files or units and no domains.
const NO_DOMAINS: [&str; 30] = [
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "bmp",
    "ico",
    "css",
    "js",
    "json",
    "html",
    "xml",
    "pdf",
    "txt",
    "service",
    "socket",
    "target",
    "timer",
    "mount",
    "device",
    "slice",
    "scope",
    "swap",
    "conf",
    "local",
    "localhost",
    "internal",
    "lan",
    "git",
];

/// Of RFC 2606 and RFC 6761.
const RESERVED: [&str; 7] =
    ["example.com", "example.net", "example.org", "example.edu", "example", "invalid", "test"];

pub(super) fn find_all(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for at in memchr::memchr_iter(b'@', bytes) {
        if at < done {
            continue;
        }
        if let Some((start, end)) = address(bytes, done, at) {
            found.push(Found { start, end, kind: EMAIL });
            done = end;
        }
    }
}

/// The address around an `@`, not before `done`.
fn address(bytes: &[u8], done: usize, at: usize) -> Option<(usize, usize)> {
    let is_local =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-');
    let local = bytes[done..at].iter().rev().take(MAX_LOCAL + 1).take_while(is_local).count();
    let is_label = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let domain = bytes[at + 1..].iter().take(MAX_DOMAIN + 1).take_while(is_label).count();
    steps(local + domain + 1);
    if local > MAX_LOCAL || domain > MAX_DOMAIN {
        return None;
    }
    let start =
        at - bytes[at - local..at].iter().position(u8::is_ascii_alphanumeric).map_or(0, |skip| local - skip);
    if start == at || bytes[at - 1] == b'.' {
        return None;
    }
    let domain = domain_of(&bytes[at + 1..at + 1 + domain])?;
    let end = at + 1 + domain.len();
    let is_login = matches!(&bytes[start..at], b"git" | b"hg" | b"svn") && bytes.get(end) == Some(&b':');
    // A path or a second address goes on.
    let goes_on = matches!(bytes.get(end), Some(b'@' | b'_'));
    (!is_login && !goes_on).then_some((start, end))
}

/// The longest domain from here on that somebody may have.
fn domain_of(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.trim_end_matches(['.', '-']);
    let (rest, last) = text.rsplit_once('.')?;
    // No last label has a hyphen: it joins the address to something else.
    let text = &text[..text.len() - last.find('-').map_or(0, |at| last.len() - at)];
    let last = &text[rest.len() + 1..];
    let is_name = (2..=24).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_whole = rest
        .split('.')
        .all(|label| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-'));
    let is_among = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(last));
    let lower = text.to_ascii_lowercase();
    let is_reserved = RESERVED.iter().any(|name| {
        lower.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    (is_name && is_whole && !is_among(&NO_DOMAINS) && !is_reserved).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find_all(text, &mut found);
        found.iter().map(|found| &text[found.start..found.end]).collect()
    }

    #[test]
    fn addresses_are_found_in_any_text() {
        assert_eq!(found("Write to Jane.Doe+list@mail.uni-x.ac.uk."), ["Jane.Doe+list@mail.uni-x.ac.uk"]);
        assert_eq!(
            found("邮箱zhang_san@163.com，或者<li@sina.com.cn>。"),
            ["zhang_san@163.com", "li@sina.com.cn"]
        );
        assert_eq!(found("mailto:a@b.io?x, (c-d@e.info); x%y@z.org"), ["a@b.io", "c-d@e.info", "x%y@z.org"]);
        assert_eq!(
            found("12345@qq.com--end ...a@b.de... x@y.org-z@y.org"),
            ["12345@qq.com", "a@b.de", "x@y.org", "z@y.org"]
        );
        assert_eq!(found("https://user:secret@host.org/x"), ["secret@host.org"]);
    }

    #[test]
    fn what_is_no_address_of_a_person_is_not() {
        for text in [
            "@",
            "a@",
            "@b.org",
            "a@b",
            "a@b.c",
            "@name: hi",
            "x@1.2.3",
            "npm i pkg@1.2.3",
            "icon@2x.png",
            "a.@b.org",
            "getty@tty1.service",
            "git@github.com:a/b.git",
            "me@example.com",
            "me@sub.example.org",
            "root@localhost",
            "user@test",
            "a@-b.org",
            "a@b..org",
            "a b@ c.org",
            "medium.com/@name/a.b",
            "int @x.y",
            "user@host.local",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
        assert_eq!(found(&format!("{}@b.org", "a".repeat(65))), Vec::<&str>::new());
    }
}
