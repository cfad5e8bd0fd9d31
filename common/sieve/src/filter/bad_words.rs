//! Words that a text must not hold, or not many of them.

use super::terms::Terms;
use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Side};
use crate::text::Text;

const FAMILY: Family = Family {
    name: "bad_words",
    about: "words and phrases that a text must not hold, or not many of them",
    source: "C4's rule over any list: Raffel et al. 2020, arXiv:1910.10683, section 2.2",
    rules: &[
        Rule {
            name: "drop_from_hits",
            side: Side::Below,
            defaults: Defaults::all(1.0),
            about: "listed words in the text; C4: one is too many",
        },
        Rule {
            name: "max_ratio",
            side: Side::AtMost,
            defaults: Defaults::all(0.0),
            about: "listed words a word of the text",
        },
    ],
    options: &[
        Opt {
            name: "files",
            kind: Kind::Files,
            about: "lists: a word or phrase a line, `#` starts a comment",
        },
        Opt { name: "words", kind: Kind::Texts, about: "words and phrases besides those of the files" },
    ],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, resources| Ok(Box::new(BadWords(Terms::of(settings, "files", "words", resources)?))),
};

/// `[filter.bad_words]`
struct BadWords(Terms);

impl Filter for BadWords {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let mut hits = 0_u64;
        let mut first = None;
        self.0.each_hit(text.raw(), |hit| {
            hits += 1;
            first.get_or_insert(hit.term);
        });
        let named = |failed: Failed| match first {
            Some(term) => failed.with_detail(format!("`{term}`")),
            None => failed,
        };
        check.rule("drop_from_hits", || hits as f64).map_err(named)?;
        check
            .rule(
                "max_ratio",
                || if hits == 0 { 0.0 } else { hits as f64 / text.words().len().max(1) as f64 },
            )
            .map_err(named)?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{drop_of, failed_with, published};
    use super::*;
    use crate::resources::Resources;
    use crate::rules::{Settings, Value};

    fn listed(words: &[&str]) -> Settings {
        published("bad_words").with_value("words", Value::Texts(words.iter().map(|w| (*w).into()).collect()))
    }

    #[test]
    fn one_listed_word_is_too_many_unless_said_otherwise() {
        let settings = listed(&["casino", "赌场"]);
        assert_eq!(drop_of(&settings, "The best Casino in town"), Some(("drop_from_hits", 1.0, 1.0)));
        assert_eq!(drop_of(&settings, "线上赌场开户，赌场"), Some(("drop_from_hits", 2.0, 1.0)));
        assert_eq!(drop_of(&settings, "Casinos are not listed, nor is 赌 alone"), None);
        let settings = settings.with_threshold("drop_from_hits", 2.0);
        assert_eq!(drop_of(&settings, "The best Casino in town"), None);
        assert_eq!(drop_of(&settings.with_threshold("drop_from_hits", 0.0), "casino casino"), None);
    }

    #[test]
    fn a_share_is_of_the_words() {
        let settings = listed(&["casino", "赌场"])
            .with_threshold("drop_from_hits", 0.0)
            .with_threshold("max_ratio", 0.2);
        assert_eq!(drop_of(&settings, "one casino of five words"), None);
        assert_eq!(drop_of(&settings, "one casino of four"), Some(("max_ratio", 0.25, 0.2)));
        assert_eq!(drop_of(&settings, "赌场很大"), Some(("max_ratio", 0.25, 0.2)));
        assert_eq!(drop_of(&settings, ""), None);
    }

    #[test]
    fn lists_come_from_files_and_the_word_is_told() {
        let mut resources = Resources::default();
        resources.insert("s3://lists/bad.txt", "# comment\ncasino\n\n 网上赌场 \n".as_bytes());
        let settings =
            published("bad_words").with_value("files", Value::Texts(vec!["s3://lists/bad.txt".into()]));
        let failed = failed_with(&settings, &resources, "来网上 网上赌场吧").unwrap();
        assert_eq!(failed.detail.as_deref(), Some("`网上赌场`"));
    }

    #[test]
    fn a_filter_without_words_is_refused() {
        let refused = (KIND.build)(&published("bad_words"), &Resources::default()).err().unwrap();
        assert_eq!(refused.0, "`files` and `words` name no term");
    }
}
