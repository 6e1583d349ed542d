//! The module tables are complete: every entry is documented, and a test of modules names it.

use sluice_control::mi;
use sluice_engine::module::Transformation;
use sluice_modules::{CORE, MODULES};
use sluice_script::catalog::Status;

use crate::repository::{files, none};

/// Where an entry's test is: in the module's world, or, for what the program does, over sockets.
const FOLDERS: &[&str] = &["tests/modules/", "tests/live/"];

/// An entry of a table: its module, its name as a test writes it, its line of documentation.
struct Entry {
    module: &'static str,
    name: String,
    doc: &'static str,
}

/// Everything that the tables offer.
fn entries() -> Vec<Entry> {
    let mut found = Vec::new();
    // A function is named by calling it, so its parenthesis is part of the name.
    for module in std::iter::once(&CORE).chain(MODULES) {
        let mut add = |name: String, doc| found.push(Entry { module: module.name, name, doc });
        module.functions.iter().for_each(|f| add(format!("{}(", f.name), f.doc));
        module.variables.iter().for_each(|v| add(format!("${}", v.name), v.doc));
        // One that is ignored or refused does nothing that a test of its own could see.
        let honoured = module.params.iter().filter(|p| matches!(p.status, Status::Honoured));
        honoured.for_each(|p| add(p.name.to_owned(), p.doc));
        module.commands.iter().for_each(|c| add(c.name.to_owned(), c.doc));
        let transformations = module.transformations.iter();
        // In the name of one that picks from a list `i` is an index; a test writes 0.
        let name = |t: &Transformation| format!("{}.{}", t.class, t.name).replace(".i.", ".0.");
        transformations.for_each(|t| add(name(t), t.doc));
    }
    let mut of_core = |name: &str, doc| {
        found.push(Entry { module: CORE.name, name: name.to_owned(), doc });
    };
    mi::CORE.iter().for_each(|command| of_core(command.name, command.doc));
    mi::CORE_STATISTICS.iter().for_each(|statistic| of_core(statistic.name, statistic.doc));
    found
}

fn undocumented(entry: &Entry) -> Option<String> {
    let lines = entry.doc.lines().count();
    let good = lines == 1 && entry.doc.len() > 3 && !entry.doc.starts_with('(');
    (!good).then(|| format!("{}: {} has no line of documentation", entry.module, entry.name))
}

fn untested(entry: &Entry, tests: &str) -> Option<String> {
    let named = tests.match_indices(&entry.name).any(|(at, _)| {
        let before = tests[..at].chars().next_back().unwrap_or(' ');
        let after = tests[at + entry.name.len()..].chars().next().unwrap_or(' ');
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !part(before) && (!part(after) || entry.name.ends_with('('))
    });
    // `$(name)` and `$(name(x))` are the same variable.
    let braced = entry.name.replacen('$', "$(", 1);
    let named = named || entry.name.starts_with('$') && tests.contains(&braced);
    (!named).then(|| format!("{}: no test of modules names {}", entry.module, entry.name))
}

#[test]
fn every_entry_is_documented() {
    let planted = Entry { module: "m", name: "f".to_owned(), doc: "" };
    assert!(undocumented(&planted).is_some());
    let bare = std::iter::once(&CORE).chain(MODULES).filter(|module| module.doc.len() <= 10);
    none(bare.map(|module| format!("{} has no line of documentation", module.name)).collect());
    none(entries().iter().filter_map(undocumented).collect());
}

#[test]
fn every_entry_is_tested() {
    let planted = Entry { module: "m", name: "ds_list".to_owned(), doc: "Lists the sets." };
    assert!(untested(&planted, "ds_lists my_ds_list").is_some());
    assert!(untested(&planted, "mi ds_list").is_none());
    let planted = Entry { module: "m", name: "forward(".to_owned(), doc: "Sends it on." };
    assert!(untested(&planted, "// we go forward; t_forward()").is_some());
    assert!(untested(&planted, "forward(10)").is_none());
    let tests: String = files()
        .into_iter()
        .filter(|file| FOLDERS.iter().any(|folder| file.path.starts_with(folder)))
        .map(|file| file.text)
        .collect();
    none(entries().iter().filter_map(|entry| untested(entry, &tests)).collect());
}

/// What is asked of the language is shown in the program itself (`tests/live/language.rs`).
#[test]
fn every_entry_of_the_core_has_a_snippet() {
    let all = files();
    let snippets = all.iter().filter(|file| file.path.starts_with("tests/live/language/"));
    let snippets: String = snippets.map(|file| file.text.as_str()).collect();
    let mut core = entries();
    core.retain(|entry| entry.module == CORE.name && is_of_the_language(&entry.name));
    assert!(core.len() > 200, "the core has more entries than {}", core.len());
    none(core.iter().filter_map(|entry| untested(entry, &snippets)).collect());
}

/// Functions, variables, transformations; not what the table has for the outside.
fn is_of_the_language(name: &str) -> bool {
    name.ends_with('(') || name.starts_with('$') || name.contains('.')
}
