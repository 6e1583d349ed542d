//! What a script may change that takes the place of a running one: its routes, and nothing else.
//!
//! Compares what stands at top level by what it sets, not by where it stands. What is set in no
//! file, by the command line, is left out: it stays as it is.

use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::{Script, Setting};
use crate::source::Location;

/// An empty script with the running one's names, so that they keep their slots.
pub(crate) fn names_of(running: &Script) -> Script {
    Script {
        avps: running.avps.clone(),
        vars: running.vars.clone(),
        flags: running.flags.clone(),
        ..Script::default()
    }
}

/// Reports what stands at top level and is not as it was. With errors this is left for the next
/// attempt: what was refused would seem to be gone.
pub(crate) fn refuse_changes(running: &Script, script: &Script, sink: &mut Sink) {
    if sink.errors() > 0 {
        return;
    }
    let (before, now) = (lines(running), lines(script));
    for (name, line) in &now {
        let what = &name.0;
        let (message, hint) = match before.get(name) {
            Some(old) if old.value == line.value => continue,
            Some(old) => (
                format!("{what} cannot change at a reload"),
                format!("it is {} ({}) until the next start", old.shown(), place(running, old.at)),
            ),
            None => (format!("{what} cannot be added at a reload"), ROUTES_ONLY.to_owned()),
        };
        sink.report(Diagnostic::error(CODE, line.at, message).hint(hint));
    }
    let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
    let gone: Vec<String> =
        gone.map(|(name, line)| format!("{} ({})", name.0, place(running, line.at))).collect();
    if !gone.is_empty() {
        let top = Location { line: 1, column: 1, ..Location::default() };
        let message = format!("cannot be taken away at a reload: {}", gone.join(", "));
        sink.report(Diagnostic::error(CODE, top, message).hint(ROUTES_ONLY));
    }
}

const CODE: &str = "reload-change";
const ROUTES_ONLY: &str = "a reload changes routes only; this needs a start";

/// What a line of the top level sets, and how often that was set above it.
type Name = (String, usize);

/// A line of the top level.
struct Line<'a> {
    /// A module has no value.
    value: Option<&'a Setting>,
    at: Location,
}

impl Line<'_> {
    fn shown(&self) -> String {
        match self.value {
            Some(Setting::Int(number)) => number.to_string(),
            Some(Setting::Text(text)) => format!("\"{text}\""),
            Some(Setting::Word(word)) => word.clone(),
            None => String::new(),
        }
    }
}

fn lines(script: &Script) -> BTreeMap<Name, Line<'_>> {
    let modules = script.modules.iter().zip(&script.loaded_at);
    let modules = modules.map(|(name, at)| (format!("module {name}"), None, *at));
    let globals = script
        .globals
        .iter()
        .map(|global| (format!("global {}", global.name), Some(&global.value), global.at));
    let params = script.params.iter().map(|param| {
        let what = format!("parameter {} of module {}", param.name, param.module);
        (what, Some(&param.value), param.at)
    });
    let mut lines = BTreeMap::new();
    let mut times: HashMap<String, usize> = HashMap::new();
    for (what, value, at) in modules.chain(globals).chain(params).filter(|(.., at)| at.line > 0) {
        let nth = times.entry(what.clone()).or_default();
        lines.insert((what, *nth), Line { value, at });
        *nth += 1;
    }
    lines
}

fn place(script: &Script, at: Location) -> String {
    let file = script.files.get(usize::from(at.file)).map_or("", String::as_str);
    format!("{file}:{}", at.line)
}
