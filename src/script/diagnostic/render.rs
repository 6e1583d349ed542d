//! Diagnostics as text: place, message, the line, a caret under the exact columns, the mend.

use std::fmt::Write as _;

use crate::limits;
use crate::source::{Location, SourceText};
use crate::{Compiled, Diagnostic, Severity};

impl Compiled {
    /// All diagnostics for people; when the script was refused it ends as OpenSIPS does:
    /// `bad config file (N errors)`.
    pub fn render(&self, color: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            self.render_one(&mut out, diagnostic, color);
        }
        if self.errors > 0 {
            let plural = if self.errors == 1 { "" } else { "s" };
            let _ = writeln!(out, "bad config file ({} error{plural})", self.errors);
        }
        out
    }

    fn render_one(&self, out: &mut String, diagnostic: &Diagnostic, color: bool) {
        let word = diagnostic.severity.word();
        let paint = match diagnostic.severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[1;33m",
            Severity::Note => "\x1b[1;36m",
        };
        let (paint, plain) = if color { (paint, "\x1b[0m") } else { ("", "") };
        let place = self.place(diagnostic.at);
        let (message, code) = (&diagnostic.message, diagnostic.code);
        let _ = writeln!(out, "{place}: {paint}{word}{plain}: {message} [{code}]");
        self.render_excerpt(out, diagnostic.at, paint, plain);
        for label in &diagnostic.labels {
            let _ = writeln!(out, "{}: {}", self.place(label.at), label.text);
            self.render_excerpt(out, label.at, paint, plain);
        }
        if let Some(hint) = &diagnostic.hint {
            let _ = writeln!(out, "  = {hint}");
        }
        let traceback = self.traceback(diagnostic.at.file);
        if !traceback.is_empty() {
            let _ = writeln!(out, "  = Traceback (last included file at the bottom):");
        }
        for (level, from) in traceback.into_iter().enumerate() {
            let _ = writeln!(out, "    {level}. {}", self.place(from));
        }
    }

    /// The `include_file` lines that lead to a file, the main file's first; none for that itself.
    pub fn traceback(&self, file: u16) -> Vec<Location> {
        let from = |at: &Location| self.included_from.get(usize::from(at.file)).copied().flatten();
        let first = self.included_from.get(usize::from(file)).copied().flatten();
        let lines = std::iter::successors(first, from).take(limits::INCLUDE_DEPTH);
        let mut lines: Vec<Location> = lines.collect();
        lines.reverse();
        lines
    }

    fn place(&self, at: Location) -> String {
        let name = self.sources.get(usize::from(at.file)).map_or("?", |source| &source.name);
        format!("{name}:{}:{}", at.line, at.column)
    }

    fn render_excerpt(&self, out: &mut String, at: Location, paint: &str, plain: &str) {
        let Some(source) = self.sources.get(usize::from(at.file)) else { return };
        let (before, under, after) = line_of(source, at);
        let width = under.chars().count().max(1);
        let number = at.line.to_string();
        let _ = writeln!(out, "{number} | {before}{under}{after}");
        // Tabs stay tabs, so that the caret stands under its column at any tab width.
        let blank: String = before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect();
        let margin = " ".repeat(number.len());
        let _ = writeln!(out, "{margin} | {blank}{paint}{}{plain}", "^".repeat(width));
    }
}

/// The line of a place in three parts: before it, itself (up to the end of the line), after it.
/// A line too long to show is cut on both sides.
fn line_of(source: &SourceText, at: Location) -> (String, String, String) {
    let text = &source.text;
    let start = (at.start as usize).min(text.len());
    let reach = limits::EXCERPT_COLUMNS / 2;
    let low = start.saturating_sub(reach * 4);
    let begin = text[low..start].iter().rposition(|b| *b == b'\n').map_or(low, |n| low + n + 1);
    let high = (start + reach * 4).min(text.len());
    let end = text[start..high].iter().position(|b| *b == b'\n').map_or(high, |n| start + n);
    let stop = (at.end as usize).clamp(start, end);
    let before = printable(&text[begin..start]);
    let skip = before.chars().count().saturating_sub(reach);
    let whole = printable(&text[start..stop]);
    let under: String = whole.chars().take(reach).collect();
    let rest = if under.len() < whole.len() { stop..stop } else { stop..end };
    let after = printable(&text[rest]).trim_end().chars().take(reach).collect();
    (before.chars().skip(skip).collect(), under, after)
}

/// Bytes as one line of text: what is no character, or would move the cursor, becomes a mark.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c })
        .collect::<String>()
        .trim_end_matches(char::REPLACEMENT_CHARACTER)
        .to_owned()
}
