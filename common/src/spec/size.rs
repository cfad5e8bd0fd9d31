//! Sizes in bytes as people write them.

const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    // Last: the others end in it.
    ("b", 1),
];

/// Bytes of `128MiB`, `1.5 GB`, `4096`; `None` if it is no such size. Units of 1024 and of 1000, in any case.
pub fn parse_size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, bytes)| Some((lower.strip_suffix(name)?, *bytes)))
        .unwrap_or((&lower, 1));
    let number = number.trim_end();
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    // Only plain decimals: no sign, exponent or word.
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') || unit == 1 {
        return None;
    }
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    // 2^53: beyond it the product is no longer exact.
    (bytes < 9_007_199_254_740_992.0).then_some(bytes as u64)
}

/// A size for people: `1.5 GiB`.
pub fn show_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1 << 20, "1.0 MiB"), (u64::MAX, "16384.0 PiB")] {
            assert_eq!(show_size(bytes), text);
        }
    }

    #[test]
    fn sizes_are_read_in_units_of_1024_and_of_1000() {
        for (text, bytes) in [
            ("128MiB", 128 << 20),
            ("128 mib", 128 << 20),
            ("1.5GiB", 3 << 29),
            ("64KB", 64_000),
            ("4096", 4096),
            ("7B", 7),
            ("0", 0),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "-1", "1.5", "1e3KB", "12 parsecs", "99999999999TiB", "inf MB", "1.2.3MB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
