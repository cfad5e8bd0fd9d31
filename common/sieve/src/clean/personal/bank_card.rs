//! Bank card numbers (ISO/IEC 7812): 13 to 19 digits whose first belong to an issuer and whose last checks them (Luhn).
//!
//! In one piece, or in the groups in which cards show them, behind the same single space or hyphen. Without the check ten
//! times as many would pass; numbers of goods (EAN) and books (ISBN) start otherwise or are told by their own check digit.

use super::{Number, digits_of};

pub(super) fn find(number: &Number<'_>) -> Option<(usize, usize)> {
    if !matches!(number.end - number.start, 4 | 6 | 13..=19) {
        return None;
    }
    // By how many groups a card may be made of; what follows may be another number.
    let groups = number.groups(number.start);
    let counts: &[usize] = match groups {
        [13..=19, ..] => &[1],
        [4, 4, 4, 4, 1..=3, ..] => &[5, 4],
        [4, 4, 4, 4, ..] => &[4],
        [4, 6, 4 | 5, ..] => &[3],
        [6, 13, ..] => &[2],
        _ => return None,
    };
    let end_of = |count: usize| number.start + groups[..count].iter().sum::<usize>() + count - 1;
    counts.iter().find_map(|count| find_in(number, end_of(*count)))
}

fn find_in(number: &Number<'_>, end: usize) -> Option<(usize, usize)> {
    let bytes = &number.bytes[number.start..end];
    let length = digits_of(bytes).count();
    let first = digits_of(bytes).take(6).fold(0, |value, digit| value * 10 + digit);
    let is_card = is_issued(first, length) && passes_luhn(bytes) && !(length == 13 && passes_ean(bytes));
    (is_card && number.starts_at(number.start) && number.ends_at(end)).then_some((number.start, end))
}

/// Whether an issuer has numbers of this length that start with these six digits.
fn is_issued(first: u32, length: usize) -> bool {
    match first {
        // Visa
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        // Mastercard
        510_000..=559_999 | 222_100..=272_099 => length == 16,
        // UnionPay
        620_000..=629_999 | 810_000..=817_199 => (16..=19).contains(&length),
        // American Express
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        // Diners Club
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            (14..=19).contains(&length)
        }
        // Discover
        601_100..=601_199 | 644_000..=659_999 => (16..=19).contains(&length),
        // JCB
        352_800..=358_999 => (16..=19).contains(&length),
        // Maestro
        501_800..=501_899
        | 502_000..=502_099
        | 503_800..=503_899
        | 589_300..=589_399
        | 630_400..=630_499
        | 675_900..=676_399 => (16..=19).contains(&length),
        // Chinese cards from before UnionPay
        955_880..=955_889 | 955_550..=955_559 | 955_950..=955_999 | 900_300..=900_399 => {
            (16..=19).contains(&length)
        }
        _ => false,
    }
}

fn passes_luhn(bytes: &[u8]) -> bool {
    let sum: u32 = digits_of(bytes)
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digit of goods.
fn passes_ean(bytes: &[u8]) -> bool {
    let sum: u32 = digits_of(bytes).rev().enumerate().map(|(place, digit)| digit * [1, 3][place % 2]).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        find(&Number::at(text.as_bytes(), 0, 0, start)).map(|(start, end)| &text[start..end])
    }

    #[test]
    fn cards_are_found_in_one_piece_and_in_groups() {
        for text in [
            "4111111111111111",
            "5555555555554444",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6222021234567890128",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "3782 822463 10005",
            "2223003122003222",
            "6222 0212 3456 7890 128",
        ] {
            assert_eq!(found(text), Some(text));
            assert_eq!(found(&format!("卡号{text}，")), Some(text));
            assert_eq!(found(&format!("card {text}.")), Some(text));
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "4111111111111112",
            "9111111111111111",
            "411111111111111",
            "41111111111111111111",
            "a4111111111111111",
            "4111111111111111b",
            "4111 1111-1111 1111",
            "4111  1111 1111 1111",
            "4.111111111111111",
            "1700000000000",
            "978-3-16-148410-0",
            "9783161484100",
            "1234567890123456",
            "4111111111111111元",
            "4006381333931",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
