//! What documents name exists: links, and paths in backquotes that begin with one of our folders.

use crate::repository::{File, finds, holds, root};

/// Folders that a path in backquotes begins with.
const FOLDERS: &[&str] =
    &["src/", "bench/", "perf/", "tests/", "scripts/", "examples/", "docs/", ".ci/"];
/// What a run makes, and is not there before.
const MADE: &[&str] = &["perf/results/", "perf/out/"];

fn names_what_exists(file: &File) -> Vec<String> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .flat_map(|(at, line)| {
            let missing = named(file, line).filter(|path| !root().join(path).exists());
            missing.map(move |path| file.problem(at, &format!("{path} is not there")))
        })
        .collect()
}

/// Paths from the root that a line names.
fn named<'a>(file: &'a File, line: &'a str) -> impl Iterator<Item = String> + 'a {
    // Text in backquotes is every second piece; of a command only the first word may be a path.
    let quoted = line.split('`').skip(1).step_by(2).filter_map(|text| text.split(' ').next());
    let ours = |path: &&str| FOLDERS.iter().any(|f| path.starts_with(f)) && !MADE.contains(path);
    let quoted = quoted.filter(ours).map(str::to_owned);
    let targets = line.match_indices("](").filter_map(|(at, _)| {
        let rest = &line[at + 2..];
        rest.split([')', '#']).next().filter(|to| !to.is_empty() && !to.contains("://"))
    });
    let folder = file.path.rfind('/').map_or("", |at| &file.path[..=at]);
    quoted.chain(targets.map(move |to| format!("{folder}{to}")))
}

#[test]
fn documents_name_what_exists() {
    let link = "See [run](docs/rnu.md) and [the net](https://example.org).";
    let path = "It is in `src/net/drover.rs`, measured by `perf/compare --rounds 1`.";
    finds(names_what_exists, &[("README.md", link), ("docs/run.md", path)]);
    holds(names_what_exists);
}
