//! Where `unsafe` may stand, that each block says why it is sound, and that every other crate
//! forbids it.

use crate::repository::{File, finds, holds};

/// Files and folders that may use it.
const ALLOWED: &[&str] = &[
    "src/net/",
    "src/base/lanes.rs",
    "src/base/ring.rs",
    // The load and the forwarder that everything is measured against make their system calls
    // themselves, so that they share nothing with what they measure. Not part of the program.
    "perf/batch.rs",
];

/// Roots of crates that hold such a file: they deny it outside of that file.
const DENYING_ROOTS: &[&str] = &["src/base/lib.rs", "perf/lib.rs"];

/// Lines above a use within which its `SAFETY:` comment must begin.
const REASON_WITHIN: usize = 12;

const KEYWORD: &str = concat!("un", "safe");

/// Whether the line uses the keyword as code.
fn is_use(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["{", "fn", "impl", "extern", "trait"]
        .iter()
        .any(|next| code.contains(&format!("{KEYWORD} {next}")))
}

fn stands_where_allowed(file: &File) -> Vec<String> {
    if !file.is_rust() || ALLOWED.iter().any(|place| file.path.starts_with(place)) {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| is_use(line))
        .map(|(at, _)| file.problem(at, "no unsafe code here"))
        .collect()
}

fn says_why(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let uses = lines.iter().enumerate().filter(|(_, line)| is_use(line));
    uses.filter(|(at, _)| {
        let above = &lines[at.saturating_sub(REASON_WITHIN)..*at];
        !above.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety"))
    })
    .map(|(at, _)| file.problem(at, "no `SAFETY:` comment"))
    .collect()
}

fn crate_forbids(file: &File) -> Vec<String> {
    let parts: Vec<&str> = file.path.split('/').collect();
    let is_root = matches!(
        parts.as_slice(),
        ["src", _, "lib.rs" | "main.rs"]
            | ["bench" | "perf" | "tests", "lib.rs"]
            | ["tests", _, "main.rs"]
    );
    if !is_root || file.path.starts_with("src/net/") {
        return Vec::new();
    }
    let denies =
        DENYING_ROOTS.contains(&file.path.as_str()) && file.text.contains("#![deny(unsafe_code)]");
    if denies || file.text.contains("#![forbid(unsafe_code)]") {
        Vec::new()
    } else {
        vec![file.problem(0, "the crate does not forbid unsafe code")]
    }
}

#[test]
fn only_where_allowed() {
    let block = format!("let x = {KEYWORD} {{ y() }};");
    finds(stands_where_allowed, &[("src/engine/x.rs", &block), ("src/base/span.rs", &block)]);
    holds(stands_where_allowed);
}

#[test]
fn each_use_says_why() {
    let block = format!("let x = {KEYWORD} {{ y() }};");
    finds(says_why, &[("src/net/x.rs", &block)]);
    let reason = format!("// SAFETY: y has no demands.\n{block}");
    assert!(says_why(&File::planted("src/net/x.rs", &reason)).is_empty());
    holds(says_why);
}

#[test]
fn other_crates_forbid_it() {
    let bare = "//! A crate.\n";
    finds(crate_forbids, &[("src/engine/lib.rs", bare), ("tests/wire/main.rs", bare)]);
    holds(crate_forbids);
}
