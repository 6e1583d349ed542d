//! `docs/compatibility.md`: every module of OpenSIPS, and what becomes of the configurations that
//! people begin with. Made from the modules' tables and from the scripts in `inventory`, which are
//! ours and use what those configurations use. `SLUICE_WRITE=1` writes the page anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use sluice_engine::module::{KnownModule, KnownStatus};
use sluice_modules::{KNOWN, MODULES, versions};
use sluice_script::Severity;
use sluice_tests::world::Plan;

use crate::real::compile_real;

const HEAD: &str = "\
# Compatibility with OpenSIPS

This page is made by a test from the tables in the program and kept current by it. What a built
module offers in detail is printed by `sluice doc MODULE`.

## Configurations

Scripts of ours that use the same globals, modules, parameters, functions, variables and statements
as the configurations that people begin with: the seed's two (S), the examples beside it (E),
OpenSIPS' own templates (T), its default configuration (C) and its redirect examples (R). They lie
in `tests/script/inventory/`. *Starts* means that the program starts with it; else the column says
what is not there yet.

| | like | verdict |
|---|---|---|
";

const MODULES_HEAD: &str = "
## Modules

*Built*: here. *Later*: loading it is a warning with its line, calling one of its functions is an
error. *Merged*: its functions are elsewhere, loading it is a note. *Not ours*: it will not be
built. *Releases* are those of OpenSIPS that have the module; `~` where the first or the last is not
proven.

| module | also loaded as | releases | here |
|---|---|---|---|
";

/// The scripts by name, in the order of the page.
fn inventory() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("script/inventory");
    let mut scripts: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let order = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let family = "SETCR".find(&name[..1]).unwrap_or_else(|| panic!("family of {name}"));
        (family, name[1..].parse::<u32>().unwrap())
    };
    scripts.sort_by_key(order);
    scripts
}

/// What a script's first line says it is like.
fn likeness(text: &str) -> &str {
    text.split('`').nth(1).unwrap_or_else(|| panic!("no `name` in the first line of: {text}"))
}

/// What keeps the script from starting, by module.
fn missing(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut missing = BTreeMap::<String, Vec<String>>::new();
    let compiled = compile_real("inventory.cfg", text.into());
    let errors = compiled.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    for error in errors {
        let (what, module) = match error.message.split_once(" (module ") {
            Some((what, rest)) => (what, rest.split(')').next().unwrap_or_default()),
            None => (error.message.as_str(), ""),
        };
        let of_module = missing.entry(module.to_owned()).or_default();
        if !of_module.iter().any(|known| known == what) {
            of_module.push(what.to_owned());
        }
    }
    missing
}

fn verdict(text: &str) -> String {
    let missing = missing(text);
    if missing.is_empty() {
        return "starts".to_owned();
    }
    let of_module = |(module, what): (&String, &Vec<String>)| {
        let code = |what: &String| format!("`{}`", what.trim_end_matches("()"));
        match module.as_str() {
            "" => what.join(", "),
            module => format!("{module}: {}", what.iter().map(code).collect::<Vec<_>>().join(" ")),
        }
    };
    missing.iter().map(of_module).collect::<Vec<_>>().join("; ")
}

fn configurations(page: &mut String) {
    for path in inventory() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let _ = writeln!(page, "| {name} | `{}` | {} |", likeness(&text), verdict(&text));
    }
}

/// The functions and variables of a module that is not built, or of its part that is not.
fn names(known: &KnownModule) -> String {
    let functions = known.functions.iter().map(|name| format!("`{name}`"));
    let variables = known.variables.iter().map(|name| format!("`${name}`"));
    functions.chain(variables).collect::<Vec<_>>().join(" ")
}

fn modules(page: &mut String) {
    let rest = |name: &str| KNOWN.iter().find(|known| known.name == name);
    let built = MODULES.iter().map(|m| {
        let here = match rest(m.name) {
            Some(rest) => format!("built in part, later: {}", names(rest)),
            None => "built".to_owned(),
        };
        (m.name, m.aliases, here)
    });
    let not_built = KNOWN.iter().filter(|k| MODULES.iter().all(|m| m.name != k.name));
    let known = not_built.map(|k| {
        let here = match k.status {
            KnownStatus::Later => "later".to_owned(),
            KnownStatus::Merged(note) => format!("merged: {note}"),
            KnownStatus::NotOurs(why) => format!("not ours: {why}"),
        };
        (k.name, k.aliases, here)
    });
    let mut rows: Vec<_> = built.chain(known).collect();
    rows.sort_by_key(|(name, ..)| *name);
    for (name, aliases, here) in rows {
        let releases = versions::releases(name).unwrap_or_default();
        let _ = writeln!(page, "| {name} | {} | {releases} | {here} |", aliases.join(", "));
    }
}

#[test]
fn the_page_is_current() {
    let mut page = HEAD.to_owned();
    configurations(&mut page);
    page.push_str(MODULES_HEAD);
    modules(&mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    if std::env::var_os("SLUICE_WRITE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/compatibility.md is old; SLUICE_WRITE=1 cargo test -p sluice-tests --test script \
         compatibility"
    );
}

#[test]
fn what_is_said_to_start_does() {
    let mut started = 0;
    for path in inventory() {
        let text = std::fs::read_to_string(&path).unwrap();
        if missing(&text).is_empty() {
            let plan = Plan::default()
                .file("dispatcher.list", "2 sip:127.0.0.1:5071\n")
                .file("/etc/opensips/dbtext/dispatcher", "setid(int) destination(string)\n")
                .file("/etc/opensips/dbtext/address", "grp(int) ip(string)\n");
            let refused = plan.try_run(&text).err();
            assert!(refused.is_none(), "{}: {refused:?}", path.display());
            started += 1;
        }
    }
    assert!(started > 0);
}
