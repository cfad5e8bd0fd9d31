//! What filters and cleaners show of themselves: a family with its rules and options, and what a spec set them to.
//!
//! A family is described once, by a constant; from it follow what a spec may say, its defaults, the canonical form of
//! the spec, and what `tamis filters` lists.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Which form of the rules holds for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Words stand between spaces and punctuation.
    General,
    /// Text of Han characters.
    Chinese,
}

/// What counts as a word of Chinese.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChineseWords {
    /// Each character.
    #[default]
    Characters,
    /// What jieba cuts.
    Jieba,
}

/// Which values pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Values of at least the threshold.
    AtLeast,
    /// Values of at most the threshold.
    AtMost,
    /// Values below the threshold: of things of which that many are too many, so that one can be.
    Below,
}

/// The default of a threshold by form; 0 is off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// For [`Form::General`].
    pub general: f64,
    /// For [`Form::Chinese`] in words of jieba.
    pub jieba: f64,
    /// For [`Form::Chinese`] in characters.
    pub characters: f64,
}

impl Defaults {
    /// The same for every form.
    pub const fn all(value: f64) -> Self {
        Self { general: value, jieba: value, characters: value }
    }

    /// One for each form.
    pub const fn each(general: f64, jieba: f64, characters: f64) -> Self {
        Self { general, jieba, characters }
    }

    /// The threshold of a form.
    pub fn of(&self, form: Form, words: ChineseWords) -> f64 {
        match (form, words) {
            (Form::General, _) => self.general,
            (Form::Chinese, ChineseWords::Jieba) => self.jieba,
            (Form::Chinese, ChineseWords::Characters) => self.characters,
        }
    }
}

/// A rule: a value of the document against a threshold, which a spec sets by the rule's name. Values equal to the
/// threshold pass, but for [`Side::Below`]; a threshold of 0 turns the rule off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Unique in the family.
    pub name: &'static str,
    /// Which values pass.
    pub side: Side,
    /// The published thresholds.
    pub defaults: Defaults,
    /// What is measured, in which unit.
    pub about: &'static str,
}

impl Rule {
    /// Whether its published thresholds differ between forms.
    pub fn differs_for_chinese(&self) -> bool {
        self.defaults != Defaults::all(self.defaults.general)
    }

    /// Whether the value passes the threshold, which is not 0.
    pub fn passes(&self, value: f64, threshold: f64) -> bool {
        match self.side {
            Side::AtLeast => value >= threshold,
            Side::AtMost => value <= threshold,
            Side::Below => value < threshold,
        }
    }
}

/// What an option holds, with its default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(u64),
    /// A text.
    Text(&'static str),
    /// A list of texts, by default empty.
    Texts,
    /// One of these; the first is the default.
    Choice(&'static [&'static str]),
    /// The URI of a file that must be given.
    File,
    /// The URI of a file, or none.
    OptionalFile,
    /// URIs of files, by default none.
    Files,
}

/// A setting that is no threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opt {
    /// Unique in the family, rules included.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it does.
    pub about: &'static str,
}

/// A filter or a cleaner as a spec knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// The name of its section.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Where it was published, with what its constants are taken from; empty for our own.
    pub source: &'static str,
    /// Its rules, in the order in which they are asked.
    pub rules: &'static [Rule],
    /// Its other settings.
    pub options: &'static [Opt],
}

impl Family {
    /// Whether a rule has other thresholds for Chinese: only then a section `chinese` says something.
    pub fn has_chinese_form(&self) -> bool {
        self.rules.iter().any(Rule::differs_for_chinese)
    }

    fn rule(&self, name: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.name == name)
    }
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Integer`].
    Integer(u64),
    /// Of [`Kind::Text`], [`Kind::Choice`], [`Kind::File`], [`Kind::OptionalFile`]; empty for no file.
    Text(String),
    /// Of [`Kind::Texts`], [`Kind::Files`].
    Texts(Vec<String>),
}

impl Value {
    fn default_of(kind: Kind) -> Self {
        match kind {
            Kind::Flag(flag) => Self::Flag(flag),
            Kind::Integer(integer) => Self::Integer(integer),
            Kind::Text(text) => Self::Text(text.to_owned()),
            Kind::Choice(known) => Self::Text(known.first().copied().unwrap_or_default().to_owned()),
            Kind::File | Kind::OptionalFile => Self::Text(String::new()),
            Kind::Texts | Kind::Files => Self::Texts(Vec::new()),
        }
    }
}

/// A family with every setting set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    family: &'static Family,
    /// By rule: thresholds of [`Form::General`] and [`Form::Chinese`].
    thresholds: Vec<[f64; 2]>,
    /// By option.
    values: Vec<Value>,
}

impl Settings {
    /// The published defaults.
    pub fn defaults(family: &'static Family, words: ChineseWords) -> Self {
        let of = |rule: &Rule| [Form::General, Form::Chinese].map(|form| rule.defaults.of(form, words));
        Self {
            family,
            thresholds: family.rules.iter().map(of).collect(),
            values: family.options.iter().map(|option| Value::default_of(option.kind)).collect(),
        }
    }

    /// What they are settings of.
    pub fn family(&self) -> &'static Family {
        self.family
    }

    /// The threshold of the rule in this place of the family; 0 is off.
    pub fn threshold(&self, rule: usize, form: Form) -> f64 {
        self.thresholds[rule][form as usize]
    }

    /// Sets a threshold by the rule's place.
    pub fn set_threshold(&mut self, rule: usize, form: Form, threshold: f64) {
        self.thresholds[rule][form as usize] = threshold;
    }

    /// With every rule on, at a threshold that no value fails: measures a text by all rules of the family.
    #[must_use]
    pub fn that_drop_nothing(mut self) -> Self {
        for (place, rule) in self.family.rules.iter().enumerate() {
            let never = match rule.side {
                Side::AtLeast => f64::MIN,
                Side::AtMost | Side::Below => f64::MAX,
            };
            self.set_threshold(place, Form::General, never);
            self.set_threshold(place, Form::Chinese, never);
        }
        self
    }

    /// Sets both thresholds of a rule by its name.
    ///
    /// # Panics
    /// If the family has no such rule.
    #[must_use]
    pub fn with_threshold(mut self, rule: &str, threshold: f64) -> Self {
        let rule =
            self.family.rule(rule).unwrap_or_else(|| panic!("{} has no rule {rule}", self.family.name));
        self.thresholds[rule] = [threshold; 2];
        self
    }

    /// Sets an option by its name.
    ///
    /// # Panics
    /// If the family has no such option.
    #[must_use]
    pub fn with_value(mut self, option: &str, value: Value) -> Self {
        let place = self.place(option);
        self.values[place] = value;
        self
    }

    /// Sets an option by its place.
    pub fn set_value(&mut self, option: usize, value: Value) {
        self.values[option] = value;
    }

    /// The values of the options, in the family's order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// A flag.
    ///
    /// # Panics
    /// If the family has no such flag.
    pub fn flag(&self, option: &str) -> bool {
        match self.value(option) {
            Value::Flag(flag) => *flag,
            other => panic!("{}.{option} is {other:?}, no flag", self.family.name),
        }
    }

    /// A whole number.
    ///
    /// # Panics
    /// If the family has no such number.
    pub fn integer(&self, option: &str) -> u64 {
        match self.value(option) {
            Value::Integer(integer) => *integer,
            other => panic!("{}.{option} is {other:?}, no integer", self.family.name),
        }
    }

    /// A text, choice or file.
    ///
    /// # Panics
    /// If the family has no such text.
    pub fn text(&self, option: &str) -> &str {
        match self.value(option) {
            Value::Text(text) => text,
            other => panic!("{}.{option} is {other:?}, no text", self.family.name),
        }
    }

    /// The file of an option that may have none.
    ///
    /// # Panics
    /// If the family has no such option.
    pub fn file(&self, option: &str) -> Option<&str> {
        Some(self.text(option)).filter(|uri| !uri.is_empty())
    }

    /// A list of texts or files.
    ///
    /// # Panics
    /// If the family has no such list.
    pub fn texts(&self, option: &str) -> &[String] {
        match self.value(option) {
            Value::Texts(texts) => texts,
            other => panic!("{}.{option} is {other:?}, no list", self.family.name),
        }
    }

    /// Every file that is named, in order.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        self.family.options.iter().zip(&self.values).flat_map(|(option, value)| match (option.kind, value) {
            (Kind::File | Kind::OptionalFile, Value::Text(uri)) if !uri.is_empty() => {
                std::slice::from_ref(uri)
            }
            (Kind::Files, Value::Texts(uris)) => uris.as_slice(),
            _ => &[],
        })
    }

    /// Changes every file that is named.
    pub fn map_files(&mut self, change: impl Fn(&str) -> String) {
        for (option, value) in self.family.options.iter().zip(&mut self.values) {
            match (option.kind, value) {
                (Kind::File | Kind::OptionalFile, Value::Text(uri)) if !uri.is_empty() => *uri = change(uri),
                (Kind::Files, Value::Texts(uris)) => uris.iter_mut().for_each(|uri| *uri = change(uri)),
                _ => {}
            }
        }
    }

    fn place(&self, option: &str) -> usize {
        self.family
            .options
            .iter()
            .position(|known| known.name == option)
            .unwrap_or_else(|| panic!("{} has no option {option}", self.family.name))
    }

    fn value(&self, option: &str) -> &Value {
        &self.values[self.place(option)]
    }
}

/// Every setting, in the family's order; what differs for Chinese in a section `chinese`.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Chinese<'a>(&'a Settings);
        impl Serialize for Chinese<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Settings { family, thresholds, .. } = self.0;
                serializer
                    .collect_map(family.rules.iter().zip(thresholds).map(|(rule, [_, set])| (rule.name, set)))
            }
        }
        let mut map = serializer.serialize_map(None)?;
        for (rule, [general, _]) in self.family.rules.iter().zip(&self.thresholds) {
            map.serialize_entry(rule.name, general)?;
        }
        for (option, value) in self.family.options.iter().zip(&self.values) {
            map.serialize_entry(option.name, value)?;
        }
        if self.family.has_chinese_form() {
            map.serialize_entry("chinese", &Chinese(self))?;
        }
        map.end()
    }
}
