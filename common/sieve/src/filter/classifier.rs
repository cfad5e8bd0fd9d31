//! A supervised model of fastText as a judge of quality.

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::BuildError;
use crate::fasttext::Model;
use crate::resources::Resources;
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::Text;

const FAMILY: Family = Family {
    name: "classifier",
    about: "the probability that a supervised model of fastText gives one of its labels",
    source: "the way of DCLM (Li et al. 2024, arXiv:2406.11794, section 4.4), which keeps the best tenth; the threshold \
        depends on the model",
    rules: &[Rule {
        name: "min_score",
        side: Side::AtLeast,
        defaults: Defaults::all(0.5),
        about: "probability of the label",
    }],
    options: &[
        Opt { name: "model", kind: Kind::File, about: "a model of fastText, `.bin` or `.ftz`" },
        Opt { name: "label", kind: Kind::Text("__label__hq"), about: "the label of what is wanted" },
    ],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, resources| Ok(Box::new(Classifier::new(settings, resources)?)),
};

/// The model that the option `model` names.
pub(super) fn read_model(uri: &str, resources: &Resources) -> Result<Model, BuildError> {
    Model::read(resources.bytes(uri)?)
        .map_err(|reason| BuildError(format!("`{uri}` cannot be used: {reason}")))
}

/// `[filter.classifier]`
struct Classifier {
    model: Model,
    /// The place of the label in the model.
    label: usize,
}

impl Classifier {
    fn new(settings: &Settings, resources: &Resources) -> Result<Self, BuildError> {
        let (uri, wanted) = (settings.text("model"), settings.text("label"));
        let model = read_model(uri, resources)?;
        let label = model.labels().iter().position(|label| label == wanted).ok_or_else(|| {
            const SHOWN: usize = 8;
            let known: Vec<_> = model.labels().iter().take(SHOWN).map(String::as_str).collect();
            let more = if model.labels().len() > SHOWN { " ..." } else { "" };
            BuildError(format!("`{uri}` has no label `{wanted}`; it has {}{more}", known.join(" ")))
        })?;
        Ok(Self { model, label })
    }
}

impl Filter for Classifier {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        check.rule("min_score", || {
            self.model.probabilities(text.raw()).map_or(0.0, |scores| f64::from(scores[self.label]))
        })?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{judge_with, published};
    use super::*;
    use crate::fasttext::tests::small_model;
    use crate::rules::Value;

    fn with_model() -> (Settings, Resources) {
        let mut resources = Resources::default();
        resources.insert("model.bin", small_model());
        (published("classifier").with_value("model", Value::Text("model.bin".into())), resources)
    }

    #[test]
    fn what_the_model_finds_bad_goes() {
        let (settings, resources) = with_model();
        assert!(judge_with(&settings, &resources, "good\nnews").is_ok());
        let (rule, score, threshold) = judge_with(&settings, &resources, "bad news").unwrap_err();
        assert!(rule == "min_score" && score < 0.2 && threshold == 0.5);
        let other = settings.with_value("label", Value::Text("__label__lq".into()));
        assert!(judge_with(&other, &resources, "bad 新闻").is_ok());
        assert!(judge_with(&other, &resources, "good 新闻").is_err());
    }

    #[test]
    fn what_cannot_work_is_told_with_its_file() {
        let (settings, mut resources) = with_model();
        let refused =
            |settings: &Settings, resources: &Resources| (KIND.build)(settings, resources).err().unwrap().0;
        let other = settings.clone().with_value("label", Value::Text("hq".into()));
        assert_eq!(
            refused(&other, &resources),
            "`model.bin` has no label `hq`; it has __label__hq __label__lq"
        );
        resources.insert("model.bin", b"PK".to_vec());
        assert_eq!(refused(&settings, &resources), "`model.bin` cannot be used: it is no fastText model");
    }
}
