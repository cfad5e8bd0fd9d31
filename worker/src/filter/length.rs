//! Bounds on the length of a text, in code points.

use tamis_common::artefact::{DropCause, Stage};
use tamis_common::spec::LengthSpec;

use super::{Document, Filter};

/// `[filter.length]`
pub(super) struct Length(LengthSpec);

impl Length {
    pub(super) fn new(bounds: LengthSpec) -> Self {
        Self(bounds)
    }
}

impl Filter for Length {
    fn name(&self) -> &'static str {
        "length"
    }

    fn judge(&self, document: &Document<'_>) -> Option<DropCause> {
        let chars = document.chars();
        let LengthSpec { min_chars, max_chars } = self.0;
        let failed = |rule: &str, bound: u64| {
            let rule = format!("{}.{rule}", self.name());
            Some(DropCause::new(Stage::Filter, rule).with_value(chars as f64, bound as f64))
        };
        if chars < min_chars {
            return failed("min_chars", min_chars);
        }
        if max_chars > 0 && chars > max_chars {
            return failed("max_chars", max_chars);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_count_code_points_and_hold_themselves() {
        let length = Length::new(LengthSpec { min_chars: 2, max_chars: 3 });
        let judge = |text: &str| length.judge(&Document::new(text)).map(|c| (c.rule, c.value, c.threshold));
        assert_eq!(judge("股"), Some(("length.min_chars".into(), Some(1.0), Some(2.0))));
        assert_eq!(judge("股票"), None);
        assert_eq!(judge("股票市"), None);
        assert_eq!(judge("股票市场"), Some(("length.max_chars".into(), Some(4.0), Some(3.0))));
    }

    #[test]
    fn a_bound_of_zero_is_off() {
        let length = Length::new(LengthSpec::default());
        assert_eq!(length.judge(&Document::new("")), None);
        assert_eq!(length.judge(&Document::new("long enough")), None);
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
            let cause = Length::new(LengthSpec { min_chars, max_chars }).judge(&Document::new(&text));
            prop_assert_eq!(cause.is_none(), is_within);
        }
    }
}
