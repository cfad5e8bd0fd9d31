//! The terms of a domain: a text must hold some, and not be a mere list of them.

use hashbrown::HashSet;

use super::terms::Terms;
use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Side};
use crate::text::Text;

const FAMILY: Family = Family {
    name: "lexicon",
    about: "terms of a domain that a text must hold, and how dense they may stand",
    source: "",
    rules: &[
        Rule {
            name: "min_terms",
            side: Side::AtLeast,
            defaults: Defaults::all(1.0),
            about: "different terms in the text",
        },
        Rule {
            name: "min_density",
            side: Side::AtLeast,
            defaults: Defaults::all(0.0),
            about: "code points of terms among all",
        },
        Rule {
            name: "max_density",
            side: Side::AtMost,
            defaults: Defaults::all(0.0),
            about: "code points of terms among all; much is a glossary, or stuffed with keywords",
        },
    ],
    options: &[
        Opt { name: "files", kind: Kind::Files, about: "lists: a term a line, `#` starts a comment" },
        Opt { name: "terms", kind: Kind::Texts, about: "terms besides those of the files" },
    ],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, resources| Ok(Box::new(Lexicon(Terms::of(settings, "files", "terms", resources)?))),
};

/// `[filter.lexicon]`
struct Lexicon(Terms);

impl Filter for Lexicon {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let mut different = HashSet::new();
        let mut chars = 0_u64;
        self.0.each_hit(text.raw(), |hit| {
            different.insert(hit.id);
            chars += u64::from(hit.chars);
        });
        let density = || chars as f64 / text.chars().max(1) as f64;
        check.rule("min_terms", || different.len() as f64)?;
        check.rule("min_density", density)?;
        check.rule("max_density", density)?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{drop_of, published};
    use crate::rules::{Settings, Value};

    fn finance() -> Settings {
        let terms = ["dividend", "net profit", "净利润", "同比"];
        published("lexicon").with_value("terms", Value::Texts(terms.map(String::from).to_vec()))
    }

    #[test]
    fn different_terms_count() {
        let settings = finance().with_threshold("min_terms", 2.0);
        assert_eq!(drop_of(&settings, "A dividend is paid; the dividend"), Some(("min_terms", 1.0, 2.0)));
        assert_eq!(drop_of(&settings, "A dividend is paid of the Net Profit"), None);
        assert_eq!(drop_of(&settings, "净利润同比增长"), None);
        assert_eq!(drop_of(&settings, "净利润增长"), Some(("min_terms", 1.0, 2.0)));
        assert_eq!(drop_of(&finance(), ""), Some(("min_terms", 0.0, 1.0)));
    }

    #[test]
    fn density_is_of_code_points() {
        let settings = finance().with_threshold("min_density", 0.25).with_threshold("max_density", 0.5);
        assert_eq!(drop_of(&settings, "净利润很高很高很高"), None);
        assert_eq!(drop_of(&settings, "净利润，同比。"), Some(("max_density", 5.0 / 7.0, 0.5)));
        assert_eq!(drop_of(&settings, "the net profit of the whole long year"), None);
        assert_eq!(
            drop_of(&settings, "a dividend and a very long text without other terms"),
            Some(("min_density", 8.0 / 51.0, 0.25))
        );
    }

    proptest! {
        #[test]
        fn density_is_a_share(text in "[净利润同比 a]{0,40}") {
            let settings = finance().with_threshold("min_terms", 0.0).with_threshold("max_density", 1e-9);
            if let Some((_, density, _)) = drop_of(&settings, &text) {
                prop_assert!(density > 0.0 && density <= 1.0);
            }
        }
    }
}
