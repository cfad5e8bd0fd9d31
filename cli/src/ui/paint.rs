//! Colours, where a terminal may have them.

use std::io::IsTerminal as _;

/// Puts colour around words, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// No colour.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self(false);

    /// For text on stdout.
    pub(crate) fn of_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && may_paint())
    }

    /// For text on stderr.
    pub(crate) fn of_stderr() -> Self {
        Self(std::io::stderr().is_terminal() && may_paint())
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// What heads a part.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What goes, or went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What stays, or is well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What asks for a look.
    pub(crate) fn notable(self, text: &str) -> String {
        self.paint("33", text)
    }
}

/// Whether the environment lets terminals have colours: <https://no-color.org>.
fn may_paint() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal can do no more than show text.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
