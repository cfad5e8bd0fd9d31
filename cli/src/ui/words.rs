//! Numbers and times as people read them.

use std::time::Duration;

use tamis_coordinator::report::grouped;

/// `1 record`, `2,000 records`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(count))
}

/// How long something took: `7 ms`, `0.3 s`, `42 s`, `3 min 20 s`, `5 h 12 min`.
pub(crate) fn span(time: Duration) -> String {
    match time.as_secs() {
        _ if time < Duration::from_millis(100) => format!("{} ms", time.as_millis()),
        0..10 => format!("{:.1} s", time.as_millis() as f64 / 1_000.0),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// How long ago something was: `120 ms`, `42 s`, `3 min`, `5 h`, `12 d`.
pub(crate) fn age(milliseconds: u64) -> String {
    match milliseconds / 1_000 {
        0 => format!("{milliseconds} ms"),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Words on lines of 80 columns, behind `first` and then behind as much space.
pub(crate) fn wrapped(first: &str, text: &str) -> Vec<String> {
    const WIDTH: usize = 80;
    let mut lines = vec![first.to_owned()];
    let indent = " ".repeat(first.chars().count());
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        let fits = line + 1 + word.chars().count() <= WIDTH || line <= indent.len();
        match lines.last_mut() {
            Some(line) if fits => {
                if line.chars().count() > indent.len() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(0, "record"), "0 records");
        assert_eq!(counted(3_281, "record"), "3,281 records");
    }

    #[test]
    fn times_have_two_units_at_most() {
        for (ms, text) in [
            (7, "7 ms"),
            (340, "0.3 s"),
            (42_900, "42 s"),
            (200_000, "3 min 20 s"),
            (18_720_000, "5 h 12 min"),
        ] {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
        for (ms, text) in [(120, "120 ms"), (42_900, "42 s"), (200_000, "3 min"), (3 * 86_400_000, "3 d")] {
            assert_eq!(age(ms), text);
        }
    }
}
