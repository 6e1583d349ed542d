//! No lock can be reached from the dispatcher's selection: it reads a snapshot and atomics.

use std::collections::BTreeSet;

use crate::repository::{File, files, none};

const FOLDER: &str = "src/modules/dispatcher/";
/// Where selection begins.
const STARTS: &[&str] = &["select.rs", "algorithms.rs", "algorithms/"];
/// Types that wait for another thread.
const LOCKS: &[&str] =
    &["Mutex", "RwLock", "Condvar", "OnceLock", "LazyLock", "parking_lot", "Shards", "channel("];

/// The files of the folder that selection names, itself included.
fn reached(files: &[File]) -> Vec<&File> {
    let within: Vec<&File> = files.iter().filter(|f| f.path.starts_with(FOLDER)).collect();
    let mut names: BTreeSet<String> = STARTS.iter().map(|s| (*s).to_owned()).collect();
    loop {
        let read = within.iter().filter(|file| is_named(file, &names));
        let more: Vec<String> = read.flat_map(|file| named_files(&file.text)).collect();
        let known = names.len();
        names.extend(more);
        if names.len() == known {
            break;
        }
    }
    within.into_iter().filter(|f| is_named(f, &names)).collect()
}

fn is_named(file: &File, names: &BTreeSet<String>) -> bool {
    names.iter().any(|name| file.path[FOLDER.len()..].starts_with(name.as_str()))
}

/// Sibling files that a text names: `super::x`, `crate::dispatcher::x`.
fn named_files(text: &str) -> impl Iterator<Item = String> {
    ["super::", "crate::dispatcher::"].into_iter().flat_map(move |prefix| {
        text.match_indices(prefix).flat_map(move |(at, _)| {
            let rest = &text[at + prefix.len()..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let given = !name.is_empty() && name != "super";
            given.then(|| [format!("{name}.rs"), format!("{name}/")]).into_iter().flatten()
        })
    })
}

fn locks_reached(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in reached(files) {
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (at, line) in code.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(lock) = LOCKS.iter().find(|lock| code.contains(**lock)) {
                problems.push(file.problem(at, &format!("selection can reach a lock: {lock}")));
            }
        }
    }
    problems
}

#[test]
fn selection_takes_no_lock() {
    let planted = [
        File::planted("src/modules/dispatcher/select.rs", "use super::state::Set;\n"),
        File::planted("src/modules/dispatcher/state.rs", "struct Set(std::sync::Mutex<u8>);\n"),
        File::planted("src/modules/dispatcher/mi.rs", "struct Reload(std::sync::Mutex<u8>);\n"),
    ];
    assert_eq!(locks_reached(&planted).len(), 1);
    let files = files();
    assert!(!reached(&files).is_empty(), "the selection is not where this test looks for it");
    none(locks_reached(&files));
}
