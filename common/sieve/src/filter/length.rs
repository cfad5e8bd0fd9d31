//! Bounds on the length of a text, in code points.

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Rule, Side};
use crate::text::Text;

const FAMILY: Family = Family {
    name: "length",
    about: "bounds on the length of a text",
    source: "",
    rules: &[
        Rule { name: "min_chars", side: Side::AtLeast, defaults: Defaults::all(0.0), about: "code points" },
        Rule { name: "max_chars", side: Side::AtMost, defaults: Defaults::all(0.0), about: "code points" },
    ],
    options: &[],
};

pub(super) const KIND: FilterKind = FilterKind { family: &FAMILY, build: |_, _| Ok(Box::new(Length)) };

/// `[filter.length]`
struct Length;

impl Filter for Length {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        check.rule("min_chars", || text.chars() as f64)?;
        check.rule("max_chars", || text.chars() as f64)?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::drop_of;
    use super::*;
    use crate::rules::{ChineseWords, Settings};

    fn length(min_chars: u64, max_chars: u64) -> Settings {
        Settings::defaults(&FAMILY, ChineseWords::Characters)
            .with_threshold("min_chars", min_chars as f64)
            .with_threshold("max_chars", max_chars as f64)
    }

    #[test]
    fn bounds_count_code_points_and_hold_themselves() {
        let judge = |text: &str| drop_of(&length(2, 3), text);
        assert_eq!(judge("股"), Some(("min_chars", 1.0, 2.0)));
        assert_eq!(judge("股票"), None);
        assert_eq!(judge("股票市"), None);
        assert_eq!(judge("股票市场"), Some(("max_chars", 4.0, 3.0)));
    }

    #[test]
    fn a_bound_of_zero_is_off() {
        assert_eq!(drop_of(&length(0, 0), ""), None);
        assert_eq!(drop_of(&length(0, 0), "long enough"), None);
    }

    proptest! {
        #[test]
        fn a_text_is_kept_if_and_only_if_its_length_is_within_both_bounds(
            text in "\\PC{0,20}",
            min_chars in 0u64..20,
            max_chars in 0u64..20,
        ) {
            let chars = text.chars().count() as u64;
            let is_within = chars >= min_chars && (max_chars == 0 || chars <= max_chars);
            prop_assert_eq!(drop_of(&length(min_chars, max_chars), &text).is_none(), is_within);
        }
    }
}
