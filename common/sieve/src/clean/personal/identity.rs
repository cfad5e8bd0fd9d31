//! Chinese resident identity numbers (GB 11643-1999).
//!
//! Six digits of region, eight of the date of birth, three of order, and a check character of ISO 7064 MOD 11-2. Region,
//! date and check must hold: of random digits one in some thousands passes. Numbers of 15 digits have a year of two digits
//! and no check, and are a setting.

use super::Number;

/// The first two digits of regions (GB/T 2260), with Taiwan, Hong Kong and Macau, and permits of residence.
const REGIONS: [u8; 36] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
    61, 62, 63, 64, 65, 71, 81, 82, 83, 91,
];

/// Years of birth: the oldest that a living or lately dead person has, and more than will be true for a while.
const YEARS: std::ops::RangeInclusive<u32> = 1880..=2039;

pub(super) fn find(number: &Number<'_>, old: bool) -> Option<(usize, usize)> {
    let length = number.end - number.start;
    let (digits, end) = match length {
        17 if matches!(number.byte(number.end), b'x' | b'X') => {
            (compact(number, number.end + 1)?, number.end + 1)
        }
        18 => (compact(number, number.end)?, number.end),
        // `110105 19491231 002X`
        6 => grouped(number)?,
        15 if old => {
            let digits = number.digits();
            let value = |range: std::ops::Range<usize>| value_of(&digits[range]);
            let is_person = is_region(digits) && is_date(1900 + value(6..8), value(8..10), value(10..12));
            let is_apart = number.starts_at(number.start) && number.ends_at(number.end);
            return (is_person && is_apart).then_some((number.start, number.end));
        }
        _ => return None,
    };
    let is_person = is_region(&digits)
        && is_date(value_of(&digits[6..10]), value_of(&digits[10..12]), value_of(&digits[12..14]))
        && check(&digits[..17]) == digits[17].to_ascii_uppercase();
    (is_person && number.starts_at(number.start) && number.ends_at(end)).then_some((number.start, end))
}

fn compact(number: &Number<'_>, end: usize) -> Option<[u8; 18]> {
    number.bytes[number.start..end].try_into().ok()
}

fn grouped(number: &Number<'_>) -> Option<([u8; 18], usize)> {
    let separator = number.byte(number.end);
    if !matches!(separator, b' ' | b'-') || number.byte(number.end + 9) != separator {
        return None;
    }
    let end = number.end + 14;
    let mut digits = [0; 18];
    digits[..6].copy_from_slice(number.bytes.get(number.start..number.end)?);
    digits[6..14].copy_from_slice(number.bytes.get(number.end + 1..number.end + 9)?);
    digits[14..].copy_from_slice(number.bytes.get(number.end + 10..end)?);
    let is_number = digits[..17].iter().all(u8::is_ascii_digit)
        && (digits[17].is_ascii_digit() || matches!(digits[17], b'x' | b'X'));
    is_number.then_some((digits, end))
}

fn value_of(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

fn is_region(digits: &[u8]) -> bool {
    REGIONS.contains(&(value_of(&digits[..2]) as u8)) && digits[2..6] != *b"0000"
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    YEARS.contains(&year) && (1..=days).contains(&day)
}

/// The check character of ISO 7064 MOD 11-2.
fn check(digits: &[u8]) -> u8 {
    let sum = digits.iter().fold(0, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    match (12 - sum) % 11 {
        10 => b'X',
        value => b'0' + value as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, old: bool) -> Option<&str> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        find(&Number::at(text.as_bytes(), 0, 0, start), old).map(|(start, end)| &text[start..end])
    }

    #[test]
    fn numbers_with_region_date_and_check_are_found() {
        // The example of the standard.
        assert_eq!(found("身份证号码11010519491231002X。", false), Some("11010519491231002X"));
        assert_eq!(found("11010519491231002x", false), Some("11010519491231002x"));
        assert_eq!(found("号码：440524188001010014，", false), Some("440524188001010014"));
        assert_eq!(found("ID 110105 19491231 002X", false), Some("110105 19491231 002X"));
        assert_eq!(found("110105-19491231-002X", false), Some("110105-19491231-002X"));
    }

    #[test]
    fn others_are_not() {
        for text in [
            "110105194912310021",
            "110105194913310029",
            "100105194912310020",
            "11010519491231002XY",
            "A11010519491231002X",
            "011010519491231002X",
            "0.11010519491231002X",
            "110105 19491231-002X",
            "123456789012345678",
            "110105491231002",
            "110105194902300029",
        ] {
            assert_eq!(found(text, false), None, "{text}");
        }
    }

    #[test]
    fn those_of_fifteen_digits_are_a_setting() {
        assert_eq!(found("旧号110105491231002，", true), Some("110105491231002"));
        assert_eq!(found("旧号110105491331002，", true), None);
    }
}
