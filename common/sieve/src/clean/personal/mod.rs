//! Masking of personal data: each find is replaced by a placeholder that says its kind.
//!
//! A kind is one file. E-mail addresses are looked for at `@`, all others where digits begin: both scans pass text
//! without them at the speed of memory.

mod bank_card;
mod email;
mod identity;
mod ip;
#[cfg(test)]
mod labelled;
mod phone;

use super::scan::{Rewrite, find};
use super::{Changes, Cleaner, CleanerKind};
use crate::resources::Resources;
use crate::rules::{Family, Kind, Opt, Settings};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "personal",
    about: "e-mail and public IP addresses, phone, identity and bank card numbers are replaced by placeholders",
    source: "kinds as in datatrove 0.10.1 (e-mail, IP), GB 11643-1999, GB/T 15120, ISO/IEC 7812, E.164",
    rules: &[],
    options: &[
        Opt {
            name: "email",
            kind: Kind::Flag(true),
            about: "e-mail addresses, but of domains that nobody has",
        },
        Opt { name: "ip", kind: Kind::Flag(true), about: "public IPv4 and IPv6 addresses" },
        Opt {
            name: "phone",
            kind: Kind::Flag(true),
            about: "phone numbers: Chinese, North American, with country code",
        },
        Opt {
            name: "identity",
            kind: Kind::Flag(true),
            about: "Chinese resident identity numbers of 18 places",
        },
        Opt {
            name: "old_identity",
            kind: Kind::Flag(false),
            about: "those of 15 digits, which have no check digit",
        },
        Opt { name: "bank_card", kind: Kind::Flag(true), about: "bank card numbers" },
        Opt { name: "email_text", kind: Kind::Text("<EMAIL>"), about: "what stands for an e-mail address" },
        Opt { name: "ip_text", kind: Kind::Text("<IP_ADDRESS>"), about: "what stands for an IP address" },
        Opt { name: "phone_text", kind: Kind::Text("<PHONE>"), about: "what stands for a phone number" },
        Opt {
            name: "identity_text",
            kind: Kind::Text("<ID_NUMBER>"),
            about: "what stands for an identity number",
        },
        Opt {
            name: "bank_card_text",
            kind: Kind::Text("<BANK_CARD>"),
            about: "what stands for a bank card number",
        },
    ],
};

pub(super) const KIND: CleanerKind = CleanerKind {
    family: &FAMILY,
    build: |settings: &Settings, _: &Resources| {
        let text_of = |kind: &str| settings.text(&format!("{kind}_text")).to_owned();
        Ok(Box::new(Personal {
            is_on: KINDS.map(|kind| settings.flag(kind)),
            old_identity: settings.flag("old_identity"),
            texts: KINDS.map(text_of),
        }))
    },
};

/// Kinds, by their place.
const KINDS: [&str; 5] = ["email", "ip", "phone", "identity", "bank_card"];
const EMAIL: usize = 0;
const IP: usize = 1;
const PHONE: usize = 2;
const IDENTITY: usize = 3;
const BANK_CARD: usize = 4;

/// `[clean.personal]`
struct Personal {
    is_on: [bool; 5],
    old_identity: bool,
    texts: [String; 5],
}

/// A find: a range of bytes, and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    start: usize,
    end: usize,
    kind: usize,
}

impl Cleaner for Personal {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let mut cleaned = None;
        // A number may hide an address: `a@b.org.13812345678` is none before the number is masked.
        for _ in 0..MAX_ROUNDS {
            let Some(masked) = self.mask(cleaned.as_deref().unwrap_or(text), changes) else { break };
            cleaned = Some(masked);
        }
        cleaned
    }
}

/// One for what stands there, one for what that hid; more are for texts made to need them, and the work stays linear.
const MAX_ROUNDS: usize = 4;

impl Personal {
    /// The text with every find masked, if there is one.
    fn mask(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let mut emails = Vec::new();
        if self.is_on[EMAIL] {
            email::find_all(text, &mut emails);
        }
        let mut all = Vec::new();
        if self.is_on[IP..].contains(&true) {
            self.find_numbers(text, &emails, &mut all);
        }
        if !emails.is_empty() {
            all.append(&mut emails);
            all.sort_unstable_by_key(|found| found.start);
        }
        let mut rewrite = Rewrite::new(text);
        for Found { start, end, kind } in all {
            let with = &self.texts[kind];
            // A placeholder may be of the kind that it stands for.
            if text[start..end] != **with {
                rewrite.replace(start, end, with);
                *changes.entry(KINDS[kind]).or_default() += 1;
            }
        }
        rewrite.finish()
    }

    /// Finds what begins with digits, from left to right, outside of e-mail addresses.
    fn find_numbers(&self, text: &str, emails: &[Found], found: &mut Vec<Found>) {
        let bytes = text.as_bytes();
        let mut emails = emails.iter().peekable();
        // Before `done` all is done; `barrier` is the end of the last find.
        let (mut done, mut barrier) = (0, 0);
        while let Some(hit) = find(bytes, done, is_candidate) {
            while let Some(email) = emails.next_if(|email| email.end <= hit) {
                barrier = barrier.max(email.end);
            }
            if let Some(email) = emails.peek().filter(|email| email.start <= hit) {
                done = email.end;
                continue;
            }
            let limit = emails.peek().map_or(bytes.len(), |email| email.start);
            let number = Number::at(&bytes[..limit], barrier, done.max(barrier), hit);
            steps(LOOKED_AT);
            match self.number(&number) {
                Some(one) => {
                    (done, barrier) = (one.end, one.end);
                    found.push(one);
                }
                None => done = number.end.max(hit + 1),
            }
        }
    }

    /// What a number is.
    fn number(&self, number: &Number<'_>) -> Option<Found> {
        let of =
            |kind: usize, range: Option<(usize, usize)>| range.map(|(start, end)| Found { start, end, kind });
        let is_on = &self.is_on;
        if number.byte_before(number.start) == b'+' {
            return if is_on[PHONE] { of(PHONE, phone::find(number)) } else { None };
        }
        if is_on[IP]
            && let found @ Some(_) = of(IP, ip::find(number))
        {
            return found;
        }
        if is_on[IDENTITY]
            && let found @ Some(_) = of(IDENTITY, identity::find(number, self.old_identity))
        {
            return found;
        }
        if is_on[BANK_CARD]
            && let found @ Some(_) = of(BANK_CARD, bank_card::find(number))
        {
            return found;
        }
        if is_on[PHONE] { of(PHONE, phone::find(number)) } else { None }
    }
}

/// Three characters of a hexadecimal number that starts with a digit, a digit behind a dot, or a country code.
fn is_candidate(a: u8, b: u8, c: u8) -> bool {
    let digit = |byte: u8| (byte >= b'0') & (byte <= b'9');
    let hex = |byte: u8| digit(byte) | ((byte | 0x20) >= b'a') & ((byte | 0x20) <= b'f');
    digit(a) & (hex(b) & hex(c) | (b == b'.') & digit(c)) | (a == b'+') & digit(b)
}

/// The most bytes that are looked at for one number, before and behind it.
const LOOKED_AT: usize = 128;

/// Digits in a text, with what stands around them.
struct Number<'a> {
    bytes: &'a [u8],
    /// The end of what was found before: it counts as a placeholder.
    barrier: usize,
    /// The first digit.
    start: usize,
    /// Behind the last digit.
    end: usize,
}

impl<'a> Number<'a> {
    /// The digits around a hit; behind its sign, if it is one.
    fn at(bytes: &'a [u8], barrier: usize, done: usize, hit: usize) -> Self {
        let before = bytes[done..hit].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let start = if bytes[hit] == b'+' { hit + 1 } else { hit - before };
        let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        steps(before + digits);
        Self { bytes, barrier, start, end: start + digits }
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte before a place, 0 at the start.
    fn byte_before(&self, at: usize) -> u8 {
        match at.checked_sub(1) {
            Some(before) if before < self.barrier => b'>',
            Some(before) => self.byte(before),
            None => 0,
        }
    }

    /// At most so many bytes before a place, none of what was found.
    fn before(&self, at: usize, length: usize) -> &'a [u8] {
        &self.bytes[at.saturating_sub(length).max(self.barrier).min(at)..at]
    }

    /// All from here on.
    fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    fn digits(&self) -> &'a [u8] {
        &self.bytes[self.start..self.end]
    }

    /// Digits from here on, at most 20.
    fn digits_at(&self, at: usize) -> usize {
        self.rest(at).iter().take(20).take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// Whether a number may start here: not in a word, a hexadecimal number, a decimal, a path.
    fn starts_at(&self, at: usize) -> bool {
        let before = self.byte_before(at);
        let second = self.byte_before(at.saturating_sub(1));
        match before {
            b'.' => !second.is_ascii_digit(),
            b'-' => !second.is_ascii_alphanumeric(),
            b'/' => !second.is_ascii_alphanumeric() && second != b'/',
            b'_' | b'$' | b'#' | b'%' | b'&' | b'\\' | b'@' => false,
            _ => !before.is_ascii_alphanumeric(),
        }
    }

    /// Whether a number may end here: neither a word nor more digits go on.
    fn ends_at(&self, at: usize) -> bool {
        let next = self.byte(at);
        let second = self.byte(at + 1);
        match next {
            b'.' => !second.is_ascii_digit(),
            b'-' => !second.is_ascii_alphanumeric(),
            b'_' | b'%' | b'@' | b'$' => false,
            _ => !next.is_ascii_alphanumeric() && !self.is_amount(at),
        }
    }

    /// Whether a unit of money or of large numbers follows.
    fn is_amount(&self, at: usize) -> bool {
        const UNITS: [&str; 15] = [
            "元", "万", "亿", "萬", "億", "€", "円", "块", "股", "吨", "美元", "港元", "日元", "欧元", "英镑",
        ];
        let rest = self.rest(at);
        UNITS.iter().any(|unit| rest.starts_with(unit.as_bytes()))
    }

    /// The lengths of groups of digits from `at` on, all but the first behind the same single space or hyphen.
    fn groups(&self, at: usize) -> [usize; MAX_GROUPS] {
        let mut groups = [0; MAX_GROUPS];
        let mut end = at;
        let mut separator = 0;
        for (index, group) in groups.iter_mut().enumerate() {
            let from = if index == 0 { at } else { end + 1 };
            if index > 0 {
                let next = self.byte(end);
                if !matches!(next, b' ' | b'-') || separator != 0 && next != separator {
                    break;
                }
                separator = next;
            }
            let digits = self.digits_at(from);
            if digits == 0 {
                break;
            }
            *group = digits;
            end = from + digits;
        }
        groups
    }
}

/// More groups than any number has.
const MAX_GROUPS: usize = 8;

/// The digits of a range.
fn digits_of(bytes: &[u8]) -> impl DoubleEndedIterator<Item = u32> {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean, clean_with, counts, settings};
    use crate::rules::Value;

    #[test]
    fn each_find_is_replaced_and_counted_by_kind() {
        let text = "电话13812345678，邮箱 13912345678@qq.com，身份证11010519491231002X，卡号6222021234567890128。\
            IP 8.8.4.40 or 2001:4860:4860::8888; +44 20 7946 0958";
        assert_eq!(
            clean("personal", text),
            "电话<PHONE>，邮箱 <EMAIL>，身份证<ID_NUMBER>，卡号<BANK_CARD>。IP <IP_ADDRESS> or <IP_ADDRESS>; <PHONE>"
        );
        assert_eq!(
            counts("personal", text),
            [("bank_card", 1), ("email", 1), ("identity", 1), ("ip", 2), ("phone", 2)]
        );
    }

    #[test]
    fn what_a_number_hid_is_found_too() {
        assert_eq!(clean("personal", "a@b.org.13812345678"), "<EMAIL>.<PHONE>");
        assert_eq!(clean("personal", "a@b.org...13812345678"), "<EMAIL>...<PHONE>");
    }

    #[test]
    fn kinds_and_their_texts_are_settings() {
        let text = "a@b.cn 13812345678";
        let own = settings("personal").with_value("phone_text", Value::Text("[电话]".into()));
        assert_eq!(clean_with(&own, text), "<EMAIL> [电话]");
        assert_eq!(
            clean_with(&own.clone().with_value("phone", Value::Flag(false)), text),
            "<EMAIL> 13812345678"
        );
        assert_eq!(clean_with(&own.with_value("email", Value::Flag(false)), text), "a@b.cn [电话]");
    }

    #[test]
    fn a_placeholder_of_its_own_kind_is_no_change() {
        let own = settings("personal").with_value("email_text", Value::Text("mail@masked.org".into()));
        assert_eq!(clean_with(&own, "to jane@doe.org"), "to mail@masked.org");
        assert_eq!(clean_with(&own, "to mail@masked.org"), "to mail@masked.org");
    }
}
