//! Diagnostics: what is wrong, where, and the mend. One per cause.
//!
//! The [`Sink`] collects them and drops what only follows from an earlier one: the same finding
//! at the same place, and syntax errors on a line whose characters were already refused.

use std::collections::HashSet;

use crate::catalog::{Named, Renamed};
use crate::limits;
use crate::source::Location;

mod nearest;
mod render;

pub(crate) use nearest::nearest;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The script does not start.
    Error,
    /// It starts, but probably not as meant.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// `error`, `warning`, `note`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A second place that explains the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The place.
    pub at: Location,
    /// What it has to do with it.
    pub text: String,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind, for tests and tools: `unknown-function`.
    pub code: &'static str,
    /// Where.
    pub at: Location,
    /// What is wrong.
    pub message: String,
    /// The mend.
    pub hint: Option<String>,
    /// Further places.
    pub labels: Vec<Label>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, at: Location, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, code, at, message, hint: None, labels: Vec::new() }
    }

    /// A warning.
    pub fn warning(code: &'static str, at: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// A note.
    pub fn note(code: &'static str, at: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, at, message) }
    }

    /// With the mend.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With "did you mean" when one of the names is near.
    #[must_use]
    pub fn suggest(self, written: &str, names: &[&str], wrap: fn(&str) -> String) -> Self {
        match nearest(written, names) {
            Some(name) => self.hint(format!("did you mean {}?", wrap(name))),
            None => self,
        }
    }

    /// With a second place.
    #[must_use]
    pub fn label(mut self, at: Location, text: impl Into<String>) -> Self {
        self.labels.push(Label { at, text: text.into() });
        self
    }
}

/// What is written in place of an old name.
pub(crate) fn now(renamed: Renamed) -> String {
    let new = shown(renamed.what, renamed.new);
    match renamed.since {
        "" => format!("newer OpenSIPS writes {new}"),
        since => format!("since {since} OpenSIPS writes {new}"),
    }
}

fn shown(what: Named, name: &str) -> String {
    match what {
        Named::Global | Named::Word => name.to_owned(),
        Named::Function if name.starts_with('$') => name.to_owned(),
        Named::Function => format!("{name}()"),
        Named::Variable => format!("${name}"),
    }
}

/// Collects diagnostics.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    /// What OpenSIPS merely lets through is an error.
    strict: bool,
    list: Vec<Diagnostic>,
    errors: usize,
    /// Warnings and notes.
    others: usize,
    seen: HashSet<(&'static str, u16, u32)>,
    /// Old names that have been told.
    told: HashSet<(Named, String)>,
    torn: HashSet<(u16, u32)>,
    silent: bool,
}

impl Sink {
    pub fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    pub const fn strict(&self) -> bool {
        self.strict
    }

    /// Takes a finding.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        let at = diagnostic.at;
        if !self.seen.insert((diagnostic.code, at.file, at.start)) {
            return;
        }
        // Counted apart, so that many warnings do not hide an error.
        let count = if diagnostic.severity == Severity::Error {
            &mut self.errors
        } else {
            &mut self.others
        };
        *count += 1;
        if *count <= limits::DIAGNOSTICS {
            self.list.push(diagnostic);
        }
    }

    /// Takes a finding about the characters of a line: later syntax errors there follow from it,
    /// and so do further ones of its kind.
    pub fn tear(&mut self, diagnostic: Diagnostic) {
        let at = diagnostic.at;
        if self.torn.insert((at.file, at.line)) {
            self.report(diagnostic);
        }
    }

    /// Takes a syntax error, unless it follows from the characters of its line.
    pub fn syntax(&mut self, diagnostic: Diagnostic) {
        if !self.silent && !self.is_torn(diagnostic.at) {
            self.report(diagnostic);
        }
    }

    /// Takes a finding that OpenSIPS would let through, or that we let through in its place.
    pub fn lenient(&mut self, diagnostic: Diagnostic) {
        let severity = if self.strict { Severity::Error } else { Severity::Warning };
        self.report(Diagnostic { severity, ..diagnostic });
    }

    /// Notes the new name of an old one, once for each.
    pub fn renamed(&mut self, renamed: Option<Renamed>, at: Location) {
        let Some(renamed) = renamed else { return };
        if self.told.insert((renamed.what, renamed.old.to_owned())) {
            let message = format!("{} is an old name", shown(renamed.what, renamed.old));
            self.report(Diagnostic::note("old-name", at, message).hint(now(renamed)));
        }
    }

    /// Takes no more syntax errors: the parser has given up.
    pub const fn silence(&mut self) {
        self.silent = true;
    }

    /// Whether the characters of the line were refused.
    pub fn is_torn(&self, at: Location) -> bool {
        self.torn.contains(&(at.file, at.line))
    }

    /// How many errors there are, those not kept included.
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// All findings by place.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|d| (d.at.file, d.at.start));
        self.list
    }
}
