//! Public IP addresses.
//!
//! Addresses that are nobody's stay: private, loopback, link-local, shared, reserved, multicast and those of
//! documentation. So do four numbers that are a version or a section: behind `v`, `version`, `kernel`, `第` and their
//! like, or where each has one digit.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Number;

/// The longest text of an IPv6 address.
const MAX_V6: usize = 45;

/// Words before four numbers that are no address, in small letters.
const NUMBERED: [&str; 22] = [
    "v",
    "ver",
    "version",
    "versions",
    "release",
    "rel",
    "kernel",
    "linux",
    "firmware",
    "driver",
    "build",
    "section",
    "chapter",
    "clause",
    "§",
    "oid",
    "版",
    "版本",
    "版本号",
    "第",
    "内核",
    "固件",
];

pub(super) fn find(number: &Number<'_>) -> Option<(usize, usize)> {
    match number.byte(number.end) {
        b'.' => v4(number),
        b':' | b'a'..=b'f' | b'A'..=b'F' => v6(number),
        _ => None,
    }
}

fn v4(number: &Number<'_>) -> Option<(usize, usize)> {
    let mut octets = [0_u8; 4];
    let mut at = number.start;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if number.byte(at) != b'.' {
                return None;
            }
            at += 1;
        }
        let digits = number.digits_at(at);
        let text = std::str::from_utf8(&number.bytes[at..at + digits]).ok()?;
        if digits > 3 || digits > 1 && text.starts_with('0') {
            return None;
        }
        *octet = text.parse().ok()?;
        at += digits;
    }
    let (before, next) = (number.byte_before(number.start), number.byte(at));
    let goes_on = next.is_ascii_alphanumeric()
        || matches!(next, b'_')
        || matches!(next, b'.' | b'-') && number.byte(at + 1).is_ascii_alphanumeric();
    if before.is_ascii_alphanumeric() || matches!(before, b'.' | b'_' | b'-') || goes_on {
        return None;
    }
    let is_section = octets.iter().all(|octet| *octet < 10);
    (!is_section && is_public_v4(octets) && !is_numbered(number)).then_some((number.start, at))
}

fn is_public_v4(octets: [u8; 4]) -> bool {
    let address = Ipv4Addr::from(octets);
    let is_reserved = match octets {
        [0 | 240.., ..] => true,
        // Shared, for protocols, relays, benchmarks.
        [100, second, ..] => second & 0xc0 == 64,
        [192, 0, 0, _] | [192, 88, 99, _] => true,
        [198, 18 | 19, ..] => true,
        _ => false,
    };
    !is_reserved
        && !address.is_private()
        && !address.is_loopback()
        && !address.is_link_local()
        && !address.is_documentation()
        && !address.is_multicast()
}

/// Whether a word before says that these numbers count something else.
fn is_numbered(number: &Number<'_>) -> bool {
    let before = number.before(number.start, 24).trim_ascii_end();
    let before = before.strip_suffix(b":").or(before.strip_suffix("：".as_bytes())).unwrap_or(before);
    let before = before.strip_suffix(b".").unwrap_or(before);
    NUMBERED.iter().any(|word| {
        let Some(start) = before.len().checked_sub(word.len()) else { return false };
        let is_whole = !word.is_ascii() || start == 0 || !before[start - 1].is_ascii_alphabetic();
        is_whole && before[start..].eq_ignore_ascii_case(word.as_bytes())
    })
}

/// Global unicast addresses only, which start with a group of four.
fn v6(number: &Number<'_>) -> Option<(usize, usize)> {
    let (start, bytes) = (number.start, number.bytes);
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let length = bytes[start..].iter().take(MAX_V6 + 1).take_while(is_part).count();
    if length > MAX_V6 || !matches!(bytes[start], b'2' | b'3') {
        return None;
    }
    let text = std::str::from_utf8(&bytes[start..start + length]).ok()?;
    let text = text.trim_end_matches('.');
    // `2001:db8::1:` at the end of a clause.
    let text = text.strip_suffix(':').filter(|text| !text.ends_with(':')).unwrap_or(text);
    let address: Ipv6Addr = text.parse().ok()?;
    let segments = address.segments();
    // `2::3` is a path of names or a slice.
    let is_written_out =
        text.find(':') == Some(4) && text.split(':').filter(|group| !group.is_empty()).count() >= 3;
    let is_documentation =
        segments[0] == 0x2001 && segments[1] == 0xdb8 || segments[0] == 0x3fff && segments[1] < 0x1000;
    let end = start + text.len();
    let (before, next) = (number.byte_before(start), number.byte(end));
    let is_apart = !before.is_ascii_alphanumeric()
        && !matches!(before, b':' | b'_' | b'.' | b'-')
        && !next.is_ascii_alphanumeric()
        && next != b'_';
    (is_written_out && is_apart && !is_documentation && segments[0] & 0xe000 == 0x2000)
        .then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::clean;

    #[test]
    fn public_addresses_are_found() {
        for text in [
            "8.8.4.40",
            "123.125.114.144",
            "1.2.3.40",
            "223.5.5.15",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "2001:4860:4860::8888",
            "2a00:1450:4001:81b::200e",
            "2408:8000:1010:1::8",
            "2620:0:2d0:200::7",
            "2001:470:0:1:2:3:4:5",
        ] {
            for (before, after) in [
                ("", ""),
                ("IP地址", "。"),
                ("from ", "."),
                ("[", "]"),
                ("http://", "/x"),
                ("是", "，端口80"),
            ] {
                let around = |inner: &str| format!("{before}{inner}{after}");
                assert_eq!(clean("personal", &around(text)), around("<IP_ADDRESS>"), "{text}");
            }
        }
        assert_eq!(clean("personal", "8.8.4.40:8080 8.8.40.0/24"), "<IP_ADDRESS>:8080 <IP_ADDRESS>/24");
    }

    #[test]
    fn addresses_of_nobody_and_other_numbers_stay() {
        for text in [
            "0.0.0.0",
            "10.1.2.30",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.1",
            "192.168.1.10",
            "192.0.2.10",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.251",
            "255.255.255.0",
            "100.64.0.1",
            "198.18.0.10",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4",
            "1.2.3.40.5",
            "01.02.03.04",
            "1.2.3.400",
            "v12.34.56.78",
            "version 10.20.30.40",
            "Version: 21.20.30.40",
            "kernel 2.6.32.71",
            "linux-2.6.32.71",
            "版本12.34.56.78",
            "第12.3.4.50条",
            "§ 12.34.56.78",
            "12.34.56.78-rc1",
            "a12.34.56.78",
            "12.34.56.78b",
            "1.3.6.1.4.1.311.21",
            "3.14159",
            "::1",
            "fe80::1",
            "fc00::1",
            "2001:db8::1",
            "ff02::1",
            "std::2001::x",
            "20:30:40",
            "2f:ab:2f:ab:2f:ab:2f:ab",
            "2001::1x",
            "12:30:45.678",
            "2020:01",
            "3fff::1:2",
            "2001:470:0:1:2:3:4:5:6",
        ] {
            assert_eq!(clean("personal", text), text);
        }
    }
}
