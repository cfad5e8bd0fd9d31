//! Reads the keys of a section one by one, gathering every problem instead of stopping at the first.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::problem::{Problem, nearest};
use super::size::parse_size;
use super::tree::{Entry, Node, Value, short};

/// What all sections of one spec share.
#[derive(Default)]
pub(super) struct Reader {
    problems: RefCell<Vec<Problem>>,
    lines: RefCell<HashMap<String, usize>>,
}

impl Reader {
    fn report(&self, key: String, line: Option<usize>, rule: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { key, line, rule: rule.into() });
    }

    /// All problems: those of reading, then those of `rules` about keys that were read well.
    pub(super) fn into_problems(self, rules: Vec<Problem>) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        let misreads = problems.len();
        let lines = self.lines.into_inner();
        for mut rule in rules {
            // What could not be read holds a default, about which nothing is to be said.
            let misread =
                |problem: &Problem| covers(&problem.key, &rule.key) || covers(&rule.key, &problem.key);
            if problems.iter().take(misreads).any(misread) {
                continue;
            }
            rule.line = line_near(&lines, &rule.key);
            problems.push(rule);
        }
        problems
    }
}

/// Whether `key` is `above` or stands below it.
fn covers(above: &str, key: &str) -> bool {
    above.is_empty()
        || key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The line of a key or, if it is not in the file, of the section that should hold it.
fn line_near(lines: &HashMap<String, usize>, key: &str) -> Option<usize> {
    let mut path = key;
    loop {
        if let Some(line) = lines.get(path) {
            return Some(*line);
        }
        path = &path[..path.rfind(['.', '['])?];
    }
}

/// One section being read.
pub(super) struct Section<'a> {
    reader: &'a Reader,
    path: String,
    line: Option<usize>,
    entries: &'a [Entry],
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole spec; empty, with a problem, if it is no table.
    pub(super) fn root(reader: &'a Reader, node: &'a Node) -> Self {
        Self::of(reader, String::new(), node)
    }

    fn of(reader: &'a Reader, path: String, node: &'a Node) -> Self {
        let entries = match &node.value {
            Value::Table(entries) => entries.as_slice(),
            other => {
                reader.report(path.clone(), node.line, format!("must be a section, got {other}"));
                &[]
            }
        };
        if let Some(line) = node.line {
            reader.lines.borrow_mut().entry(path.clone()).or_insert(line);
        }
        Self { reader, path, line: node.line, entries, known: RefCell::default() }
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    /// The value of `key`, which becomes a known key; `null` is as good as absent.
    fn take(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if let Some(line) = entry.line.or(entry.node.line) {
            self.reader.lines.borrow_mut().insert(self.path_of(key), line);
        }
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    fn wrong(&self, key: &str, node: &Node, rule: impl std::fmt::Display) {
        let rule = format!("{rule}, got {}", node.value);
        self.reader.report(self.path_of(key), node.line, rule);
    }

    fn missing(&self, key: &str) {
        self.reader.report(self.path_of(key), self.line, "is required and not set");
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let node = self.take(key)?;
        if let Value::Text(text) = &node.value {
            return Some(text.clone());
        }
        self.wrong(key, node, "must be a string");
        None
    }

    /// Empty, with a problem, if it is not there.
    pub(super) fn required_text(&self, key: &'static str) -> String {
        if !self.entries.iter().any(|entry| entry.key == key && !matches!(entry.node.value, Value::Null)) {
            self.missing(key);
        }
        self.text(key).unwrap_or_default()
    }

    pub(super) fn required_texts(&self, key: &'static str) -> Vec<String> {
        let Some(node) = self.take(key) else {
            self.missing(key);
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            self.wrong(key, node, "must be a list of strings");
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match &item.value {
                Value::Text(text) => texts.push(text.clone()),
                _ => self.wrong(&format!("{key}[{i}]"), item, "must be a string"),
            }
        }
        texts
    }

    /// A list of strings; empty if it is not there.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        if self.has(key) {
            return self.required_texts(key);
        }
        self.know(key);
        Vec::new()
    }

    /// A table of numbers.
    pub(super) fn numbers(&self, key: &'static str) -> Option<BTreeMap<String, f64>> {
        let node = self.take(key)?;
        let Value::Table(entries) = &node.value else {
            self.wrong(key, node, "must be a table of numbers like { web = 5 }");
            return None;
        };
        let mut numbers = BTreeMap::new();
        for entry in entries {
            let number = match entry.node.value {
                Value::Float(float) => float,
                Value::Integer(integer) => integer as f64,
                _ => {
                    self.wrong(&format!("{key}.{}", entry.key), &entry.node, "must be a number");
                    continue;
                }
            };
            numbers.insert(entry.key.clone(), number);
        }
        Some(numbers)
    }

    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(node) = self.take(key) else { return default };
        if let Value::Bool(flag) = node.value {
            return flag;
        }
        self.wrong(key, node, "must be true or false");
        default
    }

    /// An integer that fits `T`; ranges that are narrower are rules of the spec.
    pub(super) fn integer<T: TryFrom<i128>>(&self, key: &'static str) -> Option<T> {
        let node = self.take(key)?;
        let Value::Integer(integer) = node.value else {
            self.wrong(key, node, "must be an integer");
            return None;
        };
        let fitting = T::try_from(integer).ok();
        if fitting.is_none() {
            let side = if integer < 0 { "must not be negative" } else { "is too large" };
            self.wrong(key, node, side);
        }
        fitting
    }

    pub(super) fn number(&self, key: &'static str, default: f64) -> f64 {
        let Some(node) = self.take(key) else { return default };
        match node.value {
            Value::Float(float) => float,
            Value::Integer(integer) => integer as f64,
            _ => {
                self.wrong(key, node, "must be a number");
                default
            }
        }
    }

    /// A threshold: a number of at least 0.
    pub(super) fn threshold(&self, key: &'static str) -> Option<f64> {
        let node = self.take(key)?;
        let threshold = match node.value {
            Value::Float(float) => float,
            Value::Integer(integer) => integer as f64,
            _ => f64::NAN,
        };
        if threshold.is_finite() && threshold >= 0.0 {
            return Some(threshold);
        }
        self.wrong(key, node, "must be a number of at least 0 (0 turns the rule off)");
        None
    }

    /// Bytes: an integer, or a text like `128MiB`.
    pub(super) fn size(&self, key: &'static str, default: u64) -> u64 {
        let Some(node) = self.take(key) else { return default };
        let bytes = match &node.value {
            Value::Integer(integer) => u64::try_from(*integer).ok(),
            Value::Text(text) => parse_size(text),
            _ => None,
        };
        bytes.unwrap_or_else(|| {
            self.wrong(key, node, "must be a size in bytes like 134217728 or \"128MiB\"");
            default
        })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, known: &[(&'static str, T)]) -> Option<T> {
        let node = self.take(key)?;
        if let Value::Text(text) = &node.value
            && let Some((_, value)) = known.iter().find(|(name, _)| name == text)
        {
            return Some(*value);
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let mut rule = format!("must be one of {}, got {}", names.join(", "), node.value);
        if let Value::Text(text) = &node.value
            && let Some(best) = nearest(text, &names)
        {
            rule.push_str(&format!("; did you mean `{best}`?"));
        }
        self.reader.report(self.path_of(key), node.line, rule);
        None
    }

    /// A list of a few words; empty if it is not there.
    pub(super) fn choices<T: Copy>(&self, key: &'static str, known: &[(&'static str, T)]) -> Vec<T> {
        if !self.has(key) {
            self.know(key);
            return Vec::new();
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let words = self.required_texts(key);
        let mut values = Vec::with_capacity(words.len());
        for (i, word) in words.iter().enumerate() {
            match known.iter().find(|(name, _)| name == word) {
                Some((_, value)) => values.push(*value),
                None => self.refuse(
                    &format!("{key}[{i}]"),
                    format!("must be one of {}, got `{}`", names.join(", "), short(word)),
                ),
            }
        }
        values
    }

    /// Reports a key that breaks a rule.
    pub(super) fn refuse(&self, key: &str, rule: impl Into<String>) {
        let line = self.entries.iter().find(|entry| entry.key == key).and_then(|entry| entry.line);
        self.reader.report(self.path_of(key), line.or(self.line), rule);
    }

    /// Where `key` stands among the keys of the section.
    pub(super) fn place_of(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key == key && !matches!(entry.node.value, Value::Null))
    }

    /// Makes `key` known without reading it.
    pub(super) fn know(&self, key: &'static str) {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
    }

    /// A section or a list of them.
    pub(super) fn one_or_more(&self, key: &'static str) -> Vec<Section<'a>> {
        match self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node.value) {
            Some(Value::List(_)) => self.sections(key),
            _ => self.section(key).into_iter().collect(),
        }
    }

    /// Reads `key` by `parse`, whose error is the rule.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        rule: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let value = match &node.value {
            Value::Text(text) => parse(text),
            _ => None,
        };
        if value.is_none() {
            self.wrong(key, node, rule);
        }
        value
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.take(key)?;
        Some(Section::of(self.reader, self.path_of(key), node))
    }

    pub(super) fn required_section(&self, key: &'static str) -> Option<Section<'a>> {
        let section = self.section(key);
        if section.is_none() {
            self.missing(key);
        }
        section
    }

    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            self.wrong(key, node, format!("must be a list of sections (write [[{key}]])"));
            return Vec::new();
        };
        let path = self.path_of(key);
        items
            .iter()
            .enumerate()
            .map(|(i, item)| Section::of(self.reader, format!("{path}[{i}]"), item))
            .collect()
    }

    /// Whether `key` is set.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key && !matches!(entry.node.value, Value::Null))
    }

    /// Reports every key that was not asked for. To be called when all were.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let rule = match nearest(&entry.key, &known) {
                Some(best) => format!("is unknown; did you mean `{best}`?"),
                None => format!("is unknown; known here: {}", known.join(", ")),
            };
            self.reader.report(self.path_of(&entry.key), entry.line.or(entry.node.line), rule);
        }
    }
}
