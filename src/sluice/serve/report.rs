//! What is told about a script: as text for people, as JSON for tools.

use std::io::IsTerminal;

use serde_json::{Value, json};
use sluice_script::source::Location;
use sluice_script::{Compiled, Diagnostic, Severity};

/// Prints the findings for people, to standard error.
pub fn print(compiled: &Compiled) {
    eprint!("{}", compiled.render(std::io::stderr().is_terminal()));
}

/// The findings as one list, by place. Lines and columns count from 1, columns in characters;
/// the end is one past the last character.
pub fn json(compiled: &Compiled) -> Value {
    compiled.diagnostics.iter().map(|diagnostic| finding(compiled, diagnostic)).collect()
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
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let notes = diagnostic.labels.iter().map(|label| {
        let mut note = place(compiled, label.at);
        note["message"] = label.text.as_str().into();
        note
    });
    let traceback = compiled.traceback(diagnostic.at.file);
    let mut finding = place(compiled, diagnostic.at);
    finding["severity"] = severity.into();
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
