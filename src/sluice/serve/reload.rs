//! The command `reload_routes`: the script is read again, and its routes are put in force.
//!
//! A script that is refused changes nothing, and the reply says why: the first mistake as text, all
//! of them as data. Never touches a worker.

use serde_json::json;
use sluice_control::mi::Answer;
use sluice_engine::module::CommandError;
use sluice_engine::program::Program;
use sluice_script::{Compiled, Diagnostic, Severity};

use super::script::Origin;

/// Reloads; `script` is where it can be read again.
///
/// # Errors
/// Why the old routes stay.
pub(super) fn reload(program: &Program, script: Option<&Origin>) -> Answer {
    let Some(origin) = script else {
        return Err(refusal("the script was not read from a file".to_owned()));
    };
    let mut warnings = Vec::new();
    let made = program.reload(|running| {
        let compiled = origin.recompile(running, program.registry());
        let mut compiled = compiled.map_err(|error| refusal(format!("{error:#}")))?;
        warnings = findings(&compiled, |severity| severity == Severity::Warning);
        compiled.script.take().ok_or_else(|| mistakes(&compiled))
    });
    match made {
        Ok(()) if warnings.is_empty() => Ok(json!("OK")),
        Ok(()) => Ok(json!({ "warnings": warnings })),
        Err(error) => {
            tracing::error!(target: "core", "reload_routes: {}", error.text);
            Err(error)
        }
    }
}

fn refusal(why: String) -> CommandError {
    CommandError::new(500, format!("{why}; the old routes stay"))
}

fn mistakes(compiled: &Compiled) -> CommandError {
    let first = compiled.diagnostics.iter().find(|d| d.severity == Severity::Error);
    let first =
        first.map_or_else(String::new, |d| format!("{}: {}", place(compiled, d), d.message));
    CommandError { data: Some(findings(compiled, |_| true).into()), ..refusal(first) }
}

/// A line for each finding that is wanted.
fn findings(compiled: &Compiled, wanted: impl Fn(Severity) -> bool) -> Vec<String> {
    let wanted = compiled.diagnostics.iter().filter(|d| wanted(d.severity));
    wanted.map(|d| finding(compiled, d)).collect()
}

fn finding(compiled: &Compiled, diagnostic: &Diagnostic) -> String {
    let Diagnostic { severity, code, message, hint, .. } = diagnostic;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}: {severity}: {message} [{code}]{hint}", place(compiled, diagnostic))
}

fn place(compiled: &Compiled, diagnostic: &Diagnostic) -> String {
    let at = diagnostic.at;
    let source = compiled.sources.get(usize::from(at.file));
    format!("{}:{}:{}", source.map_or("", |source| &source.name), at.line, at.column)
}
