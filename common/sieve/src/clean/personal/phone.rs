//! Phone numbers: Chinese mobile and fixed, North American, and any with a country code.
//!
//! Without a country code a number must be written as numbers of its country are: a Chinese mobile number in one piece
//! or as 3-4-4, a fixed one with its area code apart or behind a word like `电话`, a North American one as 3-3-4 with
//! hyphens, dots or parentheses. Service numbers (`95588`, `400-...`) are no person's and stay.

use super::Number;

/// The digits of ITU E.164, country code included.
const MAX_DIGITS: usize = 15;
/// The shortest numbers that are common, country code included: apart in groups, and in one piece.
const MIN_DIGITS: usize = 9;
const MIN_PLAIN_DIGITS: usize = 10;

/// Words before a fixed number in one piece, in small letters.
const WORDS: [&str; 10] = ["电话", "電話", "传真", "傳真", "热线", "座机", "联系方式", "tel", "fax", "phone"];

pub(super) fn find(number: &Number<'_>) -> Option<(usize, usize)> {
    if number.byte_before(number.start) == b'+' {
        let plus = number.start - 1;
        let before = number.byte_before(plus);
        let is_sum = before.is_ascii_alphanumeric() || matches!(before, b')' | b'+' | b'^' | b'_' | b'.');
        let end = if is_sum { None } else { with_country(number, number.start, true) };
        return end.map(|end| (plus, end));
    }
    if number.digits().starts_with(b"00") && number.starts_at(number.start) {
        return with_country(number, number.start + 2, false).map(|end| (number.start, end));
    }
    mobile(number).or_else(|| fixed(number)).or_else(|| north_american(number))
}

/// `13812345678`, `138-1234-5678`, `86 138 1234 5678`
fn mobile(number: &Number<'_>) -> Option<(usize, usize)> {
    let start = number.start;
    if number.digits().starts_with(b"86") && number.digits().len() == 13 {
        let end = mobile_at(number, start + 2)?;
        return number.starts_at(start).then_some((start, end));
    }
    let end = mobile_at(number, start)?;
    let prefix = match number.before(start, 3) {
        [b'8', b'6', b' ' | b'-'] => start - 3,
        _ => start,
    };
    let start = if number.starts_at(prefix) { prefix } else { start };
    number.starts_at(start).then_some((start, end))
}

/// The end of a mobile number that starts here.
fn mobile_at(number: &Number<'_>, at: usize) -> Option<usize> {
    if number.byte(at) != b'1' || !matches!(number.byte(at + 1), b'3'..=b'9') {
        return None;
    }
    let end = match number.groups(at) {
        [11, ..] => at + 11,
        [3, 4, 4, ..] => at + 13,
        _ => return None,
    };
    number.ends_at(end).then_some(end)
}

/// `010-12345678`, `(0571) 8765 4321`, `（021）12345678-801`
fn fixed(number: &Number<'_>) -> Option<(usize, usize)> {
    let digits = number.digits();
    let area = match digits {
        [b'0', b'1', b'0', ..] | [b'0', b'2', b'0'..=b'9', ..] => 3,
        [b'0', b'3'..=b'9', _, _, ..] => 4,
        _ => return None,
    };
    if digits.len() > area {
        let is_fixed = digits.len() == area + 8 || digits.len() == area + 7 && area == 4;
        let is_apart = number.starts_at(number.start) && number.ends_at(number.end) && is_called(number);
        return (is_fixed && is_apart).then_some((number.start, number.end));
    }
    let wide = ["（", "）"].map(str::as_bytes);
    let (start, behind) = match number.byte(number.end) {
        b')' if number.byte_before(number.start) == b'(' => (number.start - 1, number.end + 1),
        _ if number.rest(number.end).starts_with(wide[1]) => {
            let opens = number.before(number.start, 3) == wide[0];
            (if opens { number.start - 3 } else { return None }, number.end + 3)
        }
        b'-' | b' ' => (number.start, number.end + 1),
        _ => return None,
    };
    // Only a parenthesis may have a space behind it.
    let at = behind + usize::from(start < number.start && number.byte(behind) == b' ');
    if !matches!(number.byte(at), b'2'..=b'9') || !number.starts_at(start) {
        return None;
    }
    let end = match number.groups(at) {
        [8, ..] => at + 8,
        [4, 4, ..] => at + 9,
        [7, ..] if area == 4 => at + 7,
        [3, 4, ..] if area == 4 => at + 8,
        _ => return None,
    };
    // An extension.
    let dash = match number.rest(end) {
        [b'-', ..] => 1,
        rest if rest.starts_with("转".as_bytes()) => 3,
        _ => 0,
    };
    let extension = number.digits_at(end + dash);
    let with_extension = end + dash + extension;
    if dash > 0 && (1..=5).contains(&extension) && number.ends_at(with_extension) {
        return Some((start, with_extension));
    }
    number.ends_at(end).then_some((start, end))
}

/// Whether the word before says that it is a phone number.
fn is_called(number: &Number<'_>) -> bool {
    let before = number.before(number.start, 20).trim_ascii_end();
    let before = before.strip_suffix(b":").or(before.strip_suffix("：".as_bytes())).unwrap_or(before);
    let before = before.strip_suffix(b".").unwrap_or(before);
    WORDS.iter().any(|word| {
        before.len() >= word.len()
            && before[before.len() - word.len()..].eq_ignore_ascii_case(word.as_bytes())
    })
}

/// `(415) 555-2671`, `415-555-2671`, `1.415.555.2671`
fn north_american(number: &Number<'_>) -> Option<(usize, usize)> {
    if number.end - number.start != 3 || !is_area(number.digits()) {
        return None;
    }
    let (start, at) = match (number.byte_before(number.start), number.byte(number.end)) {
        (b'(', b')') => (
            number.start - 1,
            number.end + 1 + usize::from(matches!(number.byte(number.end + 1), b' ' | b'-')),
        ),
        (_, b'-' | b'.') => (number.start, number.end + 1),
        _ => return None,
    };
    let separator = number.byte(at + 3);
    let is_split = if start < number.start {
        matches!(separator, b'-' | b'.' | b' ')
    } else {
        separator == number.byte(number.end)
    };
    let end = at + 8;
    let is_number = is_split
        && number.digits_at(at) == 3
        && is_area(&number.bytes[at..at + 3])
        && number.digits_at(at + 4) == 4;
    if !is_number || !number.ends_at(end) {
        return None;
    }
    let (start, has_prefix) = match number.before(start, 2) {
        [b'1', b' ' | b'-' | b'.'] if number.starts_at(start - 2) => (start - 2, true),
        _ => (start, false),
    };
    // In China these are the services of companies.
    let is_service = !has_prefix && matches!(number.digits(), b"400" | b"800");
    (!is_service && number.starts_at(start)).then_some((start, end))
}

/// Whether these are the first three digits of an area or an exchange of North America.
fn is_area(digits: &[u8]) -> bool {
    matches!(digits, [b'2'..=b'9', second, third] if !(*second == b'1' && *third == b'1'))
}

/// The end of a number whose country code starts here.
fn with_country(number: &Number<'_>, at: usize, has_plus: bool) -> Option<usize> {
    let code = country_code(number.rest(at))?;
    let after_code = at + code;
    let behind = after_code + usize::from(matches!(number.byte(after_code), b' ' | b'-'));
    let is_chinese = &number.bytes[at..after_code] == b"86";
    if is_chinese && let end @ Some(_) = mobile_at(number, behind) {
        return end;
    }
    let mut digits = code + number.digits_at(after_code);
    let mut end = after_code + digits - code;
    let mut groups = usize::from(end > after_code);
    // The longest that may be a number; what follows it may be another one.
    let mut best = (groups > 0 && has_plus && is_plain(number, at, digits, end)).then_some(end);
    while let Some(from) = next_group(number, end) {
        let length = number.digits_at(from);
        // `(0)` is a prefix.
        let is_prefix = length == 1 && number.byte(from) == b'0' && number.byte(from + 1) == b')';
        if length < 2 && !is_prefix && groups > 0 || digits + length > MAX_DIGITS {
            break;
        }
        digits += length;
        groups += 1;
        end = from + length;
        if digits >= MIN_DIGITS + usize::from(!has_plus) && is_number(number, at, digits, end) {
            best = Some(end);
        }
    }
    best
}

/// Whether digits in one piece are a number.
fn is_plain(number: &Number<'_>, at: usize, digits: usize, end: usize) -> bool {
    (MIN_PLAIN_DIGITS..=MAX_DIGITS).contains(&digits) && is_number(number, at, digits, end)
}

/// Whether a number with a country code may end here.
fn is_number(number: &Number<'_>, at: usize, digits: usize, end: usize) -> bool {
    let bytes = &number.bytes[at..end];
    // A round number is none of a phone.
    let is_round =
        bytes.iter().rev().filter(|byte| byte.is_ascii_digit()).take(6).all(|digit| *digit == b'0');
    let is_american = || {
        let mut plain = bytes.iter().copied().filter(u8::is_ascii_digit).skip(1);
        let mut three = || [plain.next().unwrap_or(0), plain.next().unwrap_or(0), plain.next().unwrap_or(0)];
        digits == 11 && is_area(&three()) && is_area(&three())
    };
    !is_round && (bytes[0] != b'1' || is_american()) && number.ends_at(end)
}

/// Where the next group of digits starts, behind one separator or a parenthesis.
fn next_group(number: &Number<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    let mut separators = 0;
    if number.byte(at) == b')' {
        at += 1;
        separators += 1;
    }
    if matches!(number.byte(at), b' ' | b'-' | b'.') {
        at += 1;
        separators += 1;
    }
    if number.byte(at) == b'(' {
        at += 1;
        separators += 1;
    }
    (separators > 0 && number.byte(at).is_ascii_digit()).then_some(at)
}

/// The length of a country code of ITU E.164.
fn country_code(digits: &[u8]) -> Option<usize> {
    match digits {
        [b'1' | b'7', ..] => Some(1),
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => Some(2),
        [b'2', b'1'..=b'6' | b'9', third, ..]
        | [b'3', b'5' | b'7' | b'8', third, ..]
        | [b'4', b'2', third, ..]
        | [b'5', b'0' | b'9', third, ..]
        | [b'6', b'7'..=b'9', third, ..]
        | [b'8', b'5' | b'8', third, ..]
        | [b'9', b'6' | b'7' | b'9', third, ..]
            if third.is_ascii_digit() =>
        {
            Some(3)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::clean;

    fn is_masked(text: &str) {
        assert_eq!(clean("personal", text), "<PHONE>", "{text}");
        for (before, after) in [
            ("电话", "。"),
            ("联系人：", "，谢谢"),
            ("Call ", "."),
            ("(tel: ", ")"),
            ("", "/"),
            ("x, ", ", y"),
        ] {
            let around = |inner: &str| format!("{before}{inner}{after}");
            assert_eq!(clean("personal", &around(text)), around("<PHONE>"), "{text}");
        }
    }

    #[test]
    fn numbers_are_found_as_people_write_them() {
        for text in [
            "13812345678",
            "138-1234-5678",
            "138 1234 5678",
            "8613812345678",
            "+8613812345678",
            "+86 13812345678",
            "+86-138-1234-5678",
            "008613812345678",
            "0086 138 1234 5678",
            "86-13812345678",
            "19912345678",
            "010-82345678",
            "021-6234 5678",
            "(010)82345678",
            "（0571）87654321",
            "(0571) 8765-4321",
            "0571-87654321-801",
            "0755 26543210",
            "0571-8765432",
            "+86-10-82345678",
            "+86 (0)21 6234 5678",
            "010-82345678转801",
            "(415) 555-2671",
            "415-555-2671",
            "415.555.2671",
            "1-415-555-2671",
            "+1 415 555 2671",
            "+1 (415) 555-2671",
            "+14155552671",
            "+44 20 7946 0958",
            "+49 (0)30 1234567",
            "+33 1 23 45 67 89",
            "+7 916 123-45-67",
            "+81-3-1234-5678",
            "+85223456789",
            "+4915112345678",
            "0049 30 12345678",
            "+353 1 234 5678",
            "+971 50 123 4567",
        ] {
            is_masked(text);
        }
    }

    #[test]
    fn one_behind_the_other_are_two() {
        assert_eq!(
            clean("personal", "13812345678/13912345678，13812345678 13912345678,13712345678"),
            "<PHONE>/<PHONE>，<PHONE> <PHONE>,<PHONE>"
        );
        assert_eq!(clean("personal", "+44 20 7946 0958 88.77.66.55"), "<PHONE> <IP_ADDRESS>");
        assert_eq!(clean("personal", "电话01082345678，传真：057187654321"), "电话<PHONE>，传真：<PHONE>");
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "1381234567",
            "138123456789",
            "12812345678",
            "a13812345678",
            "13812345678b",
            "0x13812345678",
            "3.13812345678",
            "13812345678.00",
            "13812345678元",
            "13812345678-9",
            "4-13812345678",
            "id_13812345678",
            "/subject/13812345678",
            "95588",
            "400-123-4567",
            "2024-01-02",
            "2024-01-02 10:11:12",
            "1700000000",
            "1700000000000",
            "01082345678",
            "010-1234567",
            "0-571-08765-4",
            "978-7-301-15089-7",
            "ISBN 7-301-15089-7",
            "ISSN 0317-8471",
            "115-555-2671",
            "415-155-2671",
            "415-555-26711",
            "4155552671",
            "415 555 2671",
            "411-555-2671",
            "415-555.2671",
            "+1 2 3 4 5 6 7 8 9",
            "a+4420794609",
            "2+442079460958",
            "+0800",
            "+08:00",
            "+20000000",
            "+20 000 000 000",
            "+5 000 000",
            "+1 115 555 2671",
            "+999",
            "10.1000/0571-87654321",
            "6-7-8",
            "1,234,567,890",
            "0.0571-87654321",
            "550e8400-e29b-41d4-a716-446655440000",
            "3fa85f6457174562b3fc2c963f66afa6",
            "$13812345678",
            "#13812345678",
        ] {
            assert_eq!(clean("personal", text), text);
        }
    }
}
