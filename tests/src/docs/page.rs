//! A page: its fenced blocks and what is said of them.

/// A page that is run.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// What stands behind the opening fence.
    pub language: String,
    /// Where it is written to.
    pub file: Option<String>,
    /// The terminal in which its command stays.
    pub terminal: Option<String>,
    /// Why it is not run.
    pub exemption: Option<Exemption>,
    lines: Vec<String>,
}

/// Why a block is not run.
#[derive(Clone, Debug)]
pub struct Exemption {
    /// As the page gives it.
    pub reason: String,
}

impl Exemption {
    /// The variable that makes the block run where it is set.
    pub fn variable(&self) -> Option<&str> {
        self.reason.strip_prefix("without ").filter(|name| name.starts_with("TAMIS_TEST_"))
    }

    /// Whether the block is not run here.
    pub fn holds(&self) -> bool {
        self.variable().is_none_or(|variable| std::env::var_os(variable).is_none())
    }
}

/// A command and what the page shows of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The line of the command, from 1.
    pub(super) line: usize,
    pub(super) command: String,
    pub(super) shown: Vec<String>,
    /// The line at which what is shown begins, from 0.
    pub(super) shown_at: usize,
}

/// What may stand in a comment before a block.
const DIRECTIVES: [&str; 3] = ["file", "terminal", "not run"];

impl Page {
    /// Reads a page.
    ///
    /// # Panics
    /// If it does not keep to the convention, with its line.
    pub fn parse(name: &str, text: &str) -> Self {
        let lines: Vec<&str> = text.split('\n').collect();
        let mut blocks = Vec::new();
        let mut said: Vec<(&str, &str)> = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            if let Some(directive) = directive_of(line) {
                said.push(directive);
            } else if let Some(language) = line.strip_prefix("```") {
                let length = lines[at + 1..].iter().position(|line| *line == "```");
                let length =
                    length.unwrap_or_else(|| panic!("{name}:{}: a fence that is not closed", at + 1));
                let get =
                    |key| said.iter().find(|(said, _)| *said == key).map(|(_, value)| (*value).to_owned());
                let block = Block {
                    line: at + 1,
                    language: language.to_owned(),
                    file: get("file"),
                    terminal: get("terminal"),
                    exemption: get("not run").map(|reason| Exemption { reason }),
                    lines: lines[at + 1..=at + length].iter().map(|line| (*line).to_owned()).collect(),
                };
                block.check(name);
                blocks.push(block);
                said.clear();
                at += length + 1;
            } else if !said.is_empty() {
                panic!("{name}:{}: `{}` stands before no block", at, said[0].0);
            }
            at += 1;
        }
        Self { blocks }
    }
}

fn directive_of(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.split_once(": ")?;
    DIRECTIVES.contains(&key).then_some((key, value))
}

impl Block {
    fn check(&self, page: &str) {
        let line = self.line;
        let is_run = self.language == "console" || self.language == "text" || self.file.is_some();
        assert!(is_run, "{page}:{line}: a block of `{}` is neither run nor written to a file", self.language);
        if self.language == "console" {
            let first = self.lines.first().map(String::as_str).unwrap_or_default();
            assert!(first.starts_with("$ "), "{page}:{line}: a console begins with a line `$ COMMAND`");
            let is_one = self.terminal.is_none() || self.steps().len() == 1;
            assert!(is_one, "{page}:{line}: a terminal has one command");
        }
    }

    /// What stands between the fences.
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The commands of a console.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (i, line) in self.lines.iter().enumerate() {
            // The fence is line `self.line` from 1, so this one is `self.line + i` from 0.
            let at = self.line + i;
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step {
                    line: at + 1,
                    command: command.to_owned(),
                    shown: Vec::new(),
                    shown_at: at + 1,
                }),
                (None, Some(step)) => match line.strip_prefix("> ").filter(|_| step.shown.is_empty()) {
                    Some(more) => {
                        step.command.push('\n');
                        step.command.push_str(more);
                        step.shown_at = at + 1;
                    }
                    None => step.shown.push(line.clone()),
                },
                (None, None) => {}
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_know_their_lines_and_what_is_said_of_them() {
        let text = "# A page\n\n<!-- file: a/job.toml -->\n```toml\nname = \"x\"\n```\n\n<!-- not run: without \
                    TAMIS_TEST_NOTHING -->\n<!-- terminal: one -->\n```console\n$ echo a \\\n> b\na b\n```\n";
        let blocks = Page::parse("page", text).blocks;
        assert_eq!(blocks[0].file.as_deref(), Some("a/job.toml"));
        assert_eq!(blocks[0].text(), "name = \"x\"\n");
        assert_eq!(blocks[1].terminal.as_deref(), Some("one"));
        assert_eq!(blocks[1].exemption.as_ref().and_then(Exemption::variable), Some("TAMIS_TEST_NOTHING"));
        let step = blocks[1].steps().remove(0);
        assert_eq!((step.line, step.shown_at, step.command.as_str()), (11, 12, "echo a \\\nb"));
        assert_eq!(text.split('\n').nth(step.shown_at), Some("a b"));
    }

    #[test]
    #[should_panic(expected = "page:1: a block of `rust` is neither run nor written to a file")]
    fn a_block_that_nothing_runs_is_refused() {
        Page::parse("page", "```rust\nfn main() {}\n```\n");
    }
}
