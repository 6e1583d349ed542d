//! `sluice doc [MODULE]`: the definition tables, printed; of a module that is not built, what
//! becomes of it.

use std::fmt::Write;

use anyhow::{Result, bail};
use sluice_control::mi;
use sluice_engine::module::{KnownModule, KnownStatus, Module, ParamEntry};
use sluice_engine::registry::Registry;
use sluice_modules::versions::releases;
use sluice_script::catalog::{ParamDef, ParamKind, SettingKind, Status};

/// Arguments of `sluice doc`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// A module; without it, the list of modules
    pub module: Option<String>,
}

/// Prints to standard output.
///
/// # Errors
/// When OpenSIPS never had such a module.
pub fn run(options: &Options, registry: &Registry) -> Result<()> {
    let text = match &options.module {
        None => list(registry),
        Some(name) => {
            let built = registry.modules().iter().find(|m| goes_by(name, m.name, m.aliases));
            let known = || registry.known().iter().find(|k| goes_by(name, k.name, k.aliases));
            match built.map(|m| page(m)).or_else(|| known().map(not_built)) {
                Some(text) => text,
                None => bail!("no module {name}; `sluice doc` lists them"),
            }
        }
    };
    print!("{text}");
    Ok(())
}

fn list(registry: &Registry) -> String {
    registry.modules().iter().fold(String::new(), |mut text, module| {
        let _ = writeln!(text, "{:<14} {}", module.name, module.doc);
        text
    })
}

fn page(module: &Module) -> String {
    let mut text = format!("{}: {}\n", module.name, module.doc);
    origin(&mut text, module.name, module.aliases);
    for included in module.includes {
        let _ = writeln!(text, "  offers everything of {} too", included.name);
    }
    section(&mut text, "Parameters", module.params, parameter);
    section(&mut text, "Functions", module.functions, |f| {
        (signature(f.name, f.params), f.doc.into())
    });
    section(&mut text, "Variables", module.variables, |v| (format!("${}", v.name), v.doc.into()));
    section(&mut text, "Transformations", module.transformations, |t| {
        (format!("{{{}.{}}}", t.class, t.name), t.doc.into())
    });
    section(&mut text, "Statistics", module.statistics, |s| (s.name.into(), s.doc.into()));
    if module.name == sluice_modules::CORE.name {
        section(&mut text, "Statistics", mi::CORE_STATISTICS, |s| (s.name.into(), s.doc.into()));
    }
    section(&mut text, "Management commands", module.commands, |c| {
        let (group, short) = c.group_and_short(module.name);
        (command(c.name, group, short, c.params), c.doc.into())
    });
    if module.name == sluice_modules::CORE.name {
        section(&mut text, "Management commands", mi::CORE, |c| {
            (command(c.name, c.group, c.short, c.params), c.doc.into())
        });
    }
    text
}

/// A module that is not built.
fn not_built(module: &KnownModule) -> String {
    let fate = match module.status {
        KnownStatus::Later => "not built yet, comes later".to_owned(),
        KnownStatus::NotOurs(why) => format!("not ours, will not be built: {why}"),
        KnownStatus::Merged(note) => format!("merged: {note}"),
    };
    let mut text = format!("{}: {fate}\n", module.name);
    origin(&mut text, module.name, module.aliases);
    text
}

/// Other names of a module and the releases that it is in.
fn origin(text: &mut String, name: &str, aliases: &[&str]) {
    if !aliases.is_empty() {
        let _ = writeln!(text, "  also loaded as {}", aliases.join(", "));
    }
    if let Some(releases) = releases(name) {
        let _ = writeln!(text, "  in releases of OpenSIPS: {releases}");
    }
}

fn goes_by(wanted: &str, name: &str, aliases: &[&str]) -> bool {
    name == wanted || aliases.contains(&wanted)
}

fn section<T>(
    text: &mut String,
    title: &str,
    entries: &[T],
    line: impl Fn(&T) -> (String, String),
) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for entry in entries {
        let (name, doc) = line(entry);
        let _ = writeln!(text, "  {name}\n      {doc}");
    }
}

fn parameter(entry: &ParamEntry) -> (String, String) {
    let kind = match entry.kind {
        SettingKind::Int => "int",
        SettingKind::Bool => "bool",
        SettingKind::Text | SettingKind::Route => "string",
        SettingKind::Either => "int or string",
        SettingKind::Word => "word",
        SettingKind::Socket => "socket",
        SettingKind::Hosts => "hosts",
        SettingKind::Port => "port",
    };
    let doc = match entry.status {
        Status::Honoured => entry.doc.to_owned(),
        Status::Ignored(why) => format!("{} Ignored: {why}", entry.doc),
        Status::Later => format!("{} Comes later.", entry.doc),
    };
    (format!("{} ({kind})", entry.name), doc)
}

/// A command by its old and its new name.
fn command(name: &str, group: &str, short: &str, params: &[&str]) -> String {
    let params: String = params.iter().map(|param| format!(" {param}")).collect();
    format!("{name}{params} ({group}:{short})")
}

fn signature(name: &str, params: &[ParamDef]) -> String {
    let mut text = format!("{name}(");
    for (at, param) in params.iter().enumerate() {
        let kind = match param.kind {
            ParamKind::Int => "int",
            ParamKind::Text | ParamKind::Checked(_) | ParamKind::Literal => "string",
            ParamKind::Any | ParamKind::NumberOr(_) => "int or string",
            ParamKind::Output | ParamKind::Variable => "variable",
            ParamKind::Outputs => "variables",
            ParamKind::Regex | ParamKind::WholeRegex => "regex",
            ParamKind::Subst => "/regex/replacement/flags",
            ParamKind::Word(_) => "word",
            ParamKind::Flag => "flag",
            ParamKind::Route(_) => "route",
        };
        let (open, close) = if param.optional { ("[", "]") } else { ("", "") };
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{open}{comma}{} {kind}{close}", param.name);
    }
    text + ")"
}
