//! The command `reload_routes`: the script is read again, and its routes are put in force.
//!
//! A script that is refused changes nothing, and the reply says why: the first mistake as text, all
//! of them as data. Never touches a worker.

use serde_json::json;
use sluice_control::mi::Answer;
use sluice_engine::forced::{self, Unknown};
use sluice_engine::module::CommandError;
use sluice_engine::program::Program;
use sluice_script::{Compiled, Severity};

use super::report;
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
        let script = compiled.script.take().ok_or_else(|| mistakes(&compiled))?;
        for Unknown { at, text, is_error } in
            forced::unknown(&script, program.registry(), &program.shared().sockets)
        {
            let file = script.files.get(usize::from(at.file)).map_or("", String::as_str);
            let line = format!("{file}:{}:{}: {text}", at.line, at.column);
            if is_error {
                return Err(refusal(line));
            }
            warnings.push(line);
        }
        Ok(script)
    });
    match made {
        Ok(()) => tracing::info!(target: "core", "reload_routes: new routes are in force"),
        Err(error) => {
            tracing::error!(target: "core", "reload_routes: {}", error.text);
            return Err(error);
        }
    }
    Ok(if warnings.is_empty() { json!("OK") } else { json!({ "warnings": warnings }) })
}

fn refusal(why: String) -> CommandError {
    CommandError::new(500, format!("{why}; the old routes stay"))
}

fn mistakes(compiled: &Compiled) -> CommandError {
    let first = compiled.diagnostics.iter().find(|d| d.severity == Severity::Error);
    let first = first
        .map_or_else(String::new, |d| format!("{}: {}", report::beginning(compiled, d), d.message));
    CommandError { data: Some(findings(compiled, |_| true).into()), ..refusal(first) }
}

/// A line for each finding that is wanted.
fn findings(compiled: &Compiled, wanted: impl Fn(Severity) -> bool) -> Vec<String> {
    let wanted = compiled.diagnostics.iter().filter(|d| wanted(d.severity));
    wanted.map(|d| report::line(compiled, d)).collect()
}
