//! Languages that are kept.

mod identify;

pub use identify::likeliest_language;

use super::classifier::read_model;
use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::BuildError;
use crate::fasttext::Model;
use crate::resources::Resources;
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::Text;

const FAMILY: Family = Family {
    name: "language_id",
    about: "texts in none of the languages that are wanted",
    source: "thresholds: FineWeb (Penedo et al. 2024, arXiv:2406.17557), for a model of fastText; Chinese: FineWeb-2 \
        cmn_Hani",
    rules: &[Rule {
        name: "min_score",
        side: Side::AtLeast,
        defaults: Defaults::each(0.65, 0.692, 0.692),
        about: "score of the likeliest of these languages, of any if none is named; from 0 to 1",
    }],
    options: &[
        Opt {
            name: "languages",
            kind: Kind::Texts,
            about: "codes of ISO 639-1, such as `en` and `zh`; with a model its labels without `__label__`, of which \
                what stands before `_` suffices",
        },
        Opt {
            name: "model",
            kind: Kind::OptionalFile,
            about: "a model of fastText, such as `lid.176.ftz`, instead of the identifier that is built in",
        },
    ],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, resources| Ok(Box::new(Language::new(settings, resources)?)),
};

/// `[filter.language_id]`
struct Language {
    identifier: Identifier,
    /// By language of the identifier, whether it is wanted.
    wanted: Vec<bool>,
}

#[expect(clippy::large_enum_variant, reason = "there is one in a job")]
enum Identifier {
    BuiltIn,
    FastText(Model),
}

impl Identifier {
    /// The score of each language, in the order in which [`Identifier::name`] knows them.
    fn scores(&self, text: &str) -> Vec<f32> {
        match self {
            Self::BuiltIn => identify::scores(text),
            Self::FastText(model) => {
                model.probabilities(text).unwrap_or_else(|| vec![0.0; model.labels().len()])
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::BuiltIn => identify::languages().len(),
            Self::FastText(model) => model.labels().len(),
        }
    }

    fn name(&self, language: usize) -> &str {
        match self {
            Self::BuiltIn => identify::languages()[language],
            Self::FastText(model) => model.labels()[language].trim_start_matches("__label__"),
        }
    }
}

impl Language {
    fn new(settings: &Settings, resources: &Resources) -> Result<Self, BuildError> {
        let identifier = match settings.file("model") {
            Some(uri) => Identifier::FastText(read_model(uri, resources)?),
            None => Identifier::BuiltIn,
        };
        let names = settings.texts("languages");
        let mut wanted = vec![names.is_empty(); identifier.count()];
        for name in names {
            let mut is_known = false;
            for (language, wanted) in wanted.iter_mut().enumerate() {
                let known = identifier.name(language);
                if known == name || known.split_once('_').is_some_and(|(before, _)| before == name) {
                    (*wanted, is_known) = (true, true);
                }
            }
            if !is_known {
                let mut known: Vec<_> = (0..identifier.count()).map(|place| identifier.name(place)).collect();
                known.sort_unstable();
                return Err(BuildError(format!(
                    "language `{name}` is not known; known are {}",
                    known.join(" ")
                )));
            }
        }
        Ok(Self { identifier, wanted })
    }
}

impl Filter for Language {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let mut scores = Vec::new();
        check
            .rule("min_score", || {
                scores = self.identifier.scores(text.raw());
                let wanted = scores.iter().zip(&self.wanted).filter(|(_, wanted)| **wanted);
                f64::from(wanted.fold(0.0, |best, (score, _)| score.max(best)))
            })
            .map_err(|failed| match identify::likeliest(&scores) {
                Some(found) => {
                    failed.with_detail(format!("{} ({:.2})", self.identifier.name(found), scores[found]))
                }
                None => failed.with_detail("no language"),
            })?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{drop_of, failed_with, published};
    use super::*;
    use crate::fasttext::tests::small_model;
    use crate::rules::Value;

    const ENGLISH: &str = "The net profit of the company was higher than that of the year before.";
    const CHINESE: &str = "公司的净利润同比增长，董事会提出了每股分红的方案。";
    const GERMAN: &str = "Der Gewinn der Gesellschaft war höher als der des vergangenen Jahres.";

    fn wanted(languages: &[&str]) -> Settings {
        let languages = languages.iter().map(|language| (*language).to_owned()).collect();
        published("language_id").with_value("languages", Value::Texts(languages))
    }

    #[test]
    fn wanted_languages_stay_and_others_go_with_their_name() {
        let settings = wanted(&["en", "zh"]);
        assert_eq!(drop_of(&settings, ENGLISH), None);
        assert_eq!(drop_of(&settings, CHINESE), None);
        let failed = failed_with(&settings, &Resources::default(), GERMAN).unwrap();
        assert!(failed.value < 0.05, "{failed:?}");
        assert_eq!(failed.detail.as_deref(), Some("de (1.00)"));
        let failed = failed_with(&wanted(&["en"]), &Resources::default(), CHINESE).unwrap();
        assert_eq!((failed.threshold, failed.detail.as_deref()), (0.692, Some("zh (1.00)")));
    }

    #[test]
    fn without_languages_any_will_do_but_not_none() {
        let settings = wanted(&[]);
        assert_eq!(drop_of(&settings, GERMAN), None);
        assert_eq!(drop_of(&settings, CHINESE), None);
        let failed = failed_with(&settings, &Resources::default(), "1234 --- 5678").unwrap();
        assert_eq!((failed.value, failed.detail.as_deref()), (0.0, Some("no language")));
    }

    #[test]
    fn a_language_that_is_not_known_is_refused() {
        let refused = |settings: &Settings| (KIND.build)(settings, &Resources::default()).err().unwrap().0;
        assert!(refused(&wanted(&["english"])).starts_with("language `english` is not known; known are af "));
    }

    #[test]
    fn a_model_gives_its_labels() {
        let mut resources = Resources::default();
        resources.insert("model.bin", small_model());
        let settings = wanted(&["hq"]).with_value("model", Value::Text("model.bin".into()));
        assert_eq!(failed_with(&settings, &resources, "good"), None);
        let failed = failed_with(&settings, &resources, "bad bad\nnews").unwrap();
        assert!(failed.value < 0.2 && failed.detail.unwrap().starts_with("lq (0.8"));
    }
}
