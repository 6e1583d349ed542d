//! What is told about a script: as text for people, as JSON for tools.

use std::io::IsTerminal;

use serde_json::{Value, json};
use sluice_script::source::Location;
use sluice_script::{Compiled, Diagnostic};

/// Prints the findings for people, to standard error.
pub fn print(compiled: &Compiled) {
    eprint!("{}", compiled.render(std::io::stderr().is_terminal()));
}

/// The findings as one list, by place. Lines and columns count from 1, columns in characters;
/// the end is one past the last character.
pub fn json(compiled: &Compiled) -> Value {
    compiled.diagnostics.iter().map(|diagnostic| finding(compiled, diagnostic)).collect()
}

/// A finding in a line: place, severity, message, code, the mend.
pub fn line(compiled: &Compiled, diagnostic: &Diagnostic) -> String {
    let Diagnostic { severity, code, message, hint, .. } = diagnostic;
    let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}: {}: {message} [{code}]{hint}", beginning(compiled, diagnostic), severity.word())
}

/// Where a finding begins, `FILE:LINE:COLUMN`.
pub fn beginning(compiled: &Compiled, diagnostic: &Diagnostic) -> String {
    let at = diagnostic.at;
    let source = compiled.sources.get(usize::from(at.file));
    format!("{}:{}:{}", source.map_or("", |source| &source.name), at.line, at.column)
}

/// The list for a script that could not be read at all.
pub fn unreadable(path: &str, error: &anyhow::Error) -> Value {
    json!([{
        "severity": "error",
        "code": "unreadable-script",
        "file": path,
        "line": 1,
        "column": 1,
        "end_line": 1,
        "end_column": 1,
        "message": format!("{error:#}"),
        "hint": null,
        "notes": [],
        "included_from": [],
    }])
}

fn finding(compiled: &Compiled, diagnostic: &Diagnostic) -> Value {
    let notes = diagnostic.labels.iter().map(|label| {
        let mut note = place(compiled, label.at);
        note["message"] = label.text.as_str().into();
        note
    });
    let traceback = compiled.traceback(diagnostic.at.file);
    let mut finding = place(compiled, diagnostic.at);
    finding["severity"] = diagnostic.severity.word().into();
    finding["code"] = diagnostic.code.into();
    finding["message"] = diagnostic.message.as_str().into();
    finding["hint"] = diagnostic.hint.as_deref().into();
    finding["notes"] = notes.collect();
    finding["included_from"] = traceback.into_iter().map(|at| place(compiled, at)).collect();
    finding
}

fn place(compiled: &Compiled, at: Location) -> Value {
    let source = compiled.sources.get(usize::from(at.file));
    let text = source.map(|source| source.slice(at)).unwrap_or_default();
    let (mut line, mut column) = (at.line, at.column);
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
    }
    json!({
        "file": source.map_or("", |source| &source.name),
        "line": at.line,
        "column": at.column,
        "end_line": line,
        "end_column": column,
    })
}
