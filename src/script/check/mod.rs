//! Checks what stands at top level: modules, their parameters, globals (spec 1.3).
//!
//! Takes the items in order; gives the script's tables, and the world that routes see.

use std::rc::Rc;

use ::regex::bytes::Regex;

use crate::catalog::{Catalog, Found, ModuleStatus, Named, SettingKind, SettingSignature};
use crate::diagnostic::{Diagnostic, Sink, nearest};
use crate::ir::{Global, Param, Script};
use crate::lex::Trail;
use crate::parse::ast::{Item, Name, Piece, Text};
use crate::regex;
use crate::source::{Location, SourceText};

mod lint;
mod setting;
mod socket;

pub(crate) use lint::lint;

use setting::{Owner, setting};

/// A module that the script loads.
#[derive(Debug)]
struct Loaded {
    /// The name in the script.
    written: String,
    canonical: &'static str,
    built: bool,
    /// What does its work, if it is a module no more.
    merged: Option<&'static str>,
}

/// What loading a module means that is not built.
const UNUSED: &str = "the script runs as long as nothing of it is used; its parameters are ignored";

/// The world as the script sees it.
pub(crate) struct World<'a> {
    pub catalog: &'a dyn Catalog,
    sources: &'a [Rc<SourceText>],
    loaded: Vec<Loaded>,
    /// All `loadmodule` lines, also those further down: base name and place.
    written: Vec<(String, Location)>,
    /// Modules that a misspelt `loadmodule` probably meant: reported there and not again.
    assumed: Vec<&'static str>,
    /// Names of `loadmodule` lines that failed.
    failed: Vec<String>,
    /// A `loadmodule` has lost its name: any module may be meant.
    lost: bool,
}

impl<'a> World<'a> {
    pub fn new(catalog: &'a dyn Catalog, sources: &'a [Rc<SourceText>]) -> Self {
        Self {
            catalog,
            sources,
            loaded: Vec::new(),
            written: Vec::new(),
            assumed: Vec::new(),
            failed: Vec::new(),
            lost: false,
        }
    }

    /// Whether the module was meant to be loaded by a line that is an error itself.
    pub fn is_assumed(&self, module: &str) -> bool {
        self.lost || self.assumed.contains(&module)
    }

    fn source(&self, at: Location) -> Rc<SourceText> {
        self.sources.get(usize::from(at.file)).cloned().unwrap_or_default()
    }

    /// Whether a variable of that name exists, be its module loaded or not.
    pub fn knows_variable(&self, name: &str) -> bool {
        !matches!(self.catalog.variable(name, &[]), Found::No)
    }

    /// Checks the items of the top level.
    pub fn declare(&mut self, items: &[Item], script: &mut Script, sink: &mut Sink) {
        let modules = items.iter().filter_map(|item| match item {
            Item::Module(path) => {
                let written = String::from_utf8_lossy(&path.bytes);
                Some((base_name(&written).to_owned(), path.at))
            }
            _ => None,
        });
        self.written = modules.collect();
        for item in items {
            match item {
                Item::Module(path) => self.load(path, script, sink),
                Item::Param { module, name, value } => {
                    self.set(module, name, value, script, sink);
                }
                Item::Global { name, pieces } => self.global(name, pieces, script, sink),
            }
        }
    }

    fn load(&mut self, path: &Text, script: &mut Script, sink: &mut Sink) {
        let written = String::from_utf8_lossy(&path.bytes).into_owned();
        let directory = written.ends_with('/');
        let base = base_name(&written);
        if base.is_empty() {
            self.lost = true;
            return sink.syntax(
                Diagnostic::error("no-module-name", path.at, "this loadmodule names no module")
                    .hint("write the module's name: loadmodule \"dispatcher.so\""),
            );
        }
        if self.loaded.iter().any(|loaded| loaded.written == base) {
            let message = format!("attempting to load the same module twice: {base}");
            return sink.lenient(Diagnostic::warning("loaded-twice", path.at, message));
        }
        let status = self.catalog.module(base);
        if directory && status != ModuleStatus::Unknown {
            let message = format!("the path names a directory; read as {written}{base}.so");
            sink.lenient(Diagnostic::warning("module-directory", path.at, message));
        }
        let (canonical, built, merged) = match status {
            ModuleStatus::Built(name) => (name, true, None),
            ModuleStatus::Later(name) => {
                let message = format!("module {name} comes with a later release");
                sink.report(Diagnostic::warning("module-later", path.at, message).hint(UNUSED));
                (name, false, None)
            }
            ModuleStatus::NotOurs(name, why) => {
                let message = format!("module {name} is not part of Sluice: {why}");
                sink.report(Diagnostic::warning("module-not-ours", path.at, message).hint(UNUSED));
                (name, false, None)
            }
            ModuleStatus::Merged(name, why) => {
                let message = format!("module {base} need not be loaded: {why}");
                sink.report(Diagnostic::note("module-merged", path.at, message));
                (name, false, Some(why))
            }
            ModuleStatus::Unknown => return self.unknown(base, directory, path.at, sink),
        };
        if built && script.modules.contains(&canonical) {
            let message = format!("attempting to load the same module twice: {canonical}");
            return sink.lenient(Diagnostic::warning("loaded-twice", path.at, message));
        }
        if built {
            script.modules.push(canonical);
            script.loaded_at.push(path.at);
        }
        self.loaded.push(Loaded { written: base.to_owned(), canonical, built, merged });
    }

    fn unknown(&mut self, base: &str, directory: bool, at: Location, sink: &mut Sink) {
        let names = self.catalog.module_names();
        if directory && base == "modules" {
            self.lost = true;
            return sink.report(
                Diagnostic::error("no-module-name", at, "the path ends before the module's name")
                    .hint("write the module's name: loadmodule \"dispatcher.so\""),
            );
        }
        self.assumed.extend(nearest(base, &names));
        self.failed.push(base.to_owned());
        let message = format!("failed to load module {base}: there is no such module");
        sink.report(Diagnostic::error("unknown-module", at, message).suggest(
            base,
            &names,
            |name| format!("\"{name}.so\""),
        ));
    }

    /// `modparam`: the first argument is a regex over the loaded modules (spec 1.3).
    fn set(&self, module: &Text, name: &Text, given: &Piece, script: &mut Script, sink: &mut Sink) {
        let mut pattern = b"^(".to_vec();
        pattern.extend_from_slice(&module.bytes);
        pattern.extend_from_slice(b")$");
        let regex = match regex::compile(&pattern) {
            Ok(regex) => regex,
            Err(bad) => {
                let source = self.source(module.at);
                // The pattern stands behind "^(".
                let place = Trail::quoted(&source, module.at).part(bad.offset.saturating_sub(2), 1);
                return sink.report(Diagnostic::error("bad-regex", place, bad.to_string()));
            }
        };
        let (shown, value_at) = (String::from_utf8_lossy(&name.bytes).into_owned(), given.at);
        let mut matched = false;
        for loaded in &self.loaded {
            let fits = |name: &str| regex.is_match(name.as_bytes());
            if !fits(&loaded.written) && !fits(loaded.canonical) {
                continue;
            }
            matched = true;
            if let Some(why) = loaded.merged {
                let of = loaded.canonical;
                let message = format!("parameter {shown} of module {of} is ignored: {why}");
                sink.report(Diagnostic::note("ignored", value_at, message));
                continue;
            }
            if !loaded.built {
                // Told where it is loaded.
                continue;
            }
            let signature = match self.catalog.param(loaded.canonical, &shown) {
                Found::Yes(signature) => signature,
                found => {
                    let names = self.catalog.param_names(loaded.canonical);
                    unknown_param(found, &shown, name.at, loaded.canonical, &names, sink);
                    continue;
                }
            };
            let owner = Owner::Module(loaded.canonical);
            let given = std::slice::from_ref(given);
            if let Some(value) = setting(&signature, &shown, owner, given, self, sink) {
                let (module, name, at) = (loaded.canonical, signature.name, value_at);
                script.params.push(Param { module, name, value, at });
            }
        }
        if !matched {
            self.no_match(module, &regex, sink);
        }
    }

    fn no_match(&self, module: &Text, regex: &Regex, sink: &mut Sink) {
        let shown = String::from_utf8_lossy(&module.bytes).into_owned();
        let failed = self.failed.iter().any(|name| regex.is_match(name.as_bytes()));
        let meant = self.assumed.iter().any(|name| regex.is_match(name.as_bytes()));
        if failed || meant || self.lost {
            return;
        }
        let message = format!("no module matching {shown} found");
        if let Some((_, below)) =
            self.written.iter().find(|(base, _)| regex.is_match(base.as_bytes()))
        {
            let diagnostic = Diagnostic::error("modparam-early", module.at, message);
            return sink.report(
                diagnostic
                    .label(*below, "it is loaded only here")
                    .hint("modparam stands below the loadmodule of its module"),
            );
        }
        let diagnostic = Diagnostic::error("modparam-unloaded", module.at, message);
        let status = self.catalog.module(&shown);
        let known = !matches!(status, ModuleStatus::Unknown | ModuleStatus::Merged(..));
        sink.report(if known {
            diagnostic.hint(format!("write loadmodule \"{shown}.so\" above this line"))
        } else {
            let loaded: Vec<&str> = self.loaded.iter().map(|l| l.written.as_str()).collect();
            diagnostic.suggest(&shown, &loaded, |name| format!("\"{name}\""))
        });
    }

    fn global(&self, name: &Name, pieces: &[Piece], script: &mut Script, sink: &mut Sink) {
        let signature = match self.catalog.global(&name.text) {
            Found::Yes(signature) => signature,
            Found::Later(module) => return sink.report(later(&name.text, module, name.at)),
            Found::NotOurs(module, why) => {
                return sink.report(not_ours(&name.text, module, why, name.at));
            }
            Found::NeedsModule(_) | Found::No => {
                let names = self.catalog.global_names();
                let message = format!("unknown config variable {}", name.text);
                return sink.report(Diagnostic::error("unknown-global", name.at, message).suggest(
                    &name.text,
                    &names,
                    str::to_owned,
                ));
            }
        };
        let given = setting(&signature, &name.text, Owner::Core, pieces, self, sink);
        if let Some(value) = given {
            sink.renamed(self.catalog.renamed(Named::Global, &name.text), name.at);
            let single = matches!(signature.kind, SettingKind::Int | SettingKind::Bool);
            let before = script.globals.iter().find(|global| global.name == signature.name);
            if let Some(before) = before.filter(|before| single && before.value != value) {
                let message = format!("{} is set again: this value counts", name.text);
                sink.lenient(
                    Diagnostic::warning("set-again", name.at, message)
                        .label(before.at, "the first value is set here"),
                );
            }
            script.globals.push(Global { name: signature.name, value, at: name.at });
        }
    }
}

/// The name of a module without folders and ending.
fn base_name(path: &str) -> &str {
    let base = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    base.strip_suffix(".so").unwrap_or(base)
}

/// The error for something that is not built yet.
pub(crate) fn later(what: &str, module: &str, at: Location) -> Diagnostic {
    let of = if module.is_empty() { String::new() } else { format!(" (module {module})") };
    Diagnostic::error("later", at, format!("{what}{of} comes with a later release"))
}

/// The error for something that will not be built.
pub(crate) fn not_ours(what: &str, module: &str, why: &str, at: Location) -> Diagnostic {
    let message = format!("{what} of module {module} is not part of Sluice: {why}");
    Diagnostic::error("not-ours", at, message)
}

fn unknown_param(
    found: Found<SettingSignature>,
    name: &str,
    at: Location,
    module: &str,
    names: &[&'static str],
    sink: &mut Sink,
) {
    sink.report(match found {
        Found::Later(module) => later(&format!("parameter {name}"), module, at),
        Found::NotOurs(module, why) => not_ours(&format!("parameter {name}"), module, why, at),
        _ => {
            let message = format!("Parameter {name} not found in module {module} - can't set");
            Diagnostic::error("unknown-param", at, message)
                .suggest(name, names, |name| format!("\"{name}\""))
        }
    });
}
