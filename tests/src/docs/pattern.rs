//! What a page shows against what came: `…` stands for any text of a line, a line `…` for any lines.

const ANY: &str = "…";

/// Whether what came is what is shown.
pub(super) fn matches(shown: &[String], seen: &[String]) -> bool {
    // fits[j]: the patterns so far stand for the first j lines.
    let mut fits = vec![false; seen.len() + 1];
    fits[0] = true;
    for pattern in shown {
        let mut next = vec![false; seen.len() + 1];
        for j in 0..=seen.len() {
            next[j] = match pattern == ANY {
                true => fits[j] || (j > 0 && next[j - 1]),
                false => j > 0 && fits[j - 1] && line_matches(pattern, &seen[j - 1]),
            };
        }
        fits = next;
    }
    fits[seen.len()]
}

fn line_matches(pattern: &str, seen: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(ANY) else { return pattern == seen };
    let Some(mut left) = seen.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once(ANY).unwrap_or(("", rest));
    for part in middle.split(ANY) {
        let Some((_, behind)) = left.split_once(part) else { return false };
        left = behind;
    }
    left.ends_with(end)
}

/// What the page should show: what came, with the lines of the old pattern where they still fit. Where lines beside a line `…`
/// do not, as many take their place as they were.
pub(super) fn corrected(old: &[String], seen: &[String]) -> Vec<String> {
    let mut new = Vec::new();
    let (mut old_at, mut seen_at) = (0, 0);
    let ends = [(old.len(), seen.len())];
    for (o, s) in common_lines(old, seen).into_iter().chain(ends) {
        let (shown, came) = (&old[old_at..o], &seen[seen_at..s]);
        let anys: Vec<usize> = (0..shown.len()).filter(|i| shown[*i] == ANY).collect();
        match anys.as_slice() {
            [before] if came.len() + 1 >= shown.len() => {
                let after = shown.len() - before - 1;
                new.extend_from_slice(&came[..*before]);
                new.push(ANY.to_owned());
                new.extend_from_slice(&came[came.len() - after..]);
            }
            _ => new.extend_from_slice(came),
        }
        new.extend(old.get(o).cloned());
        (old_at, seen_at) = (o + 1, s + 1);
    }
    new
}

/// A longest common subsequence of patterns, lines `…` left out, and lines.
fn common_lines(old: &[String], seen: &[String]) -> Vec<(usize, usize)> {
    let same = |o: usize, s: usize| old[o] != ANY && line_matches(&old[o], &seen[s]);
    let mut longest = vec![vec![0_usize; seen.len() + 1]; old.len() + 1];
    for o in (0..old.len()).rev() {
        for s in (0..seen.len()).rev() {
            longest[o][s] = match same(o, s) {
                true => longest[o + 1][s + 1] + 1,
                false => longest[o + 1][s].max(longest[o][s + 1]),
            };
        }
    }
    let (mut o, mut s, mut pairs) = (0, 0, Vec::new());
    while o < old.len() && s < seen.len() {
        if same(o, s) {
            pairs.push((o, s));
            (o, s) = (o + 1, s + 1);
        } else if longest[o + 1][s] >= longest[o][s + 1] {
            o += 1;
        } else {
            s += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn dots_stand_for_text_of_a_line_or_for_lines() {
        let yes = |shown, seen| assert!(matches(&lines(shown), &lines(seen)), "{shown:?} is {seen:?}");
        let no = |shown, seen| assert!(!matches(&lines(shown), &lines(seen)), "{shown:?} is not {seen:?}");
        yes("", "");
        yes("…", "");
        yes("…", "a\nb");
        yes("a\n…\nc", "a\nc");
        yes("a\n…\nb\n…\nc", "a\nx\nb\nb\ny\nc");
        yes("j-…  published …", "j-7f  published yes");
        yes("…a…", "a");
        no("", "a");
        no("a", "");
        no("a\n…", "b\na");
        no("…a…a", "a");
        no("a…b", "ab c");
        no("…\nb", "b\na");
    }

    #[test]
    fn a_correction_keeps_what_still_fits() {
        let correct = |old, seen| corrected(&lines(old), &lines(seen)).join("\n");
        assert_eq!(
            correct("…\nsize … bytes\nend", "x\ny\nsize 7 bytes\nnew\nend"),
            "…\nsize … bytes\nnew\nend"
        );
        assert_eq!(correct("a\n…\nb", "a\nx\ny\nc"), "a\n…\nc");
        assert_eq!(correct("…\na\n…", "x\nb\ny"), "x\nb\ny");
        assert_eq!(correct("a\n…", "b\na\nc"), "b\na\n…");
        assert_eq!(correct("", "a"), "a");
        assert_eq!(correct("a", ""), "");
    }
}
