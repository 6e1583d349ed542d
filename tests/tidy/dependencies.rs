//! Rules for what comes from outside: a reason for each crate, and `deny.toml` kept without a
//! further tool.

use std::collections::BTreeSet;
use std::process::Command;

use crate::repository::{File, files, finds, none, root};

/// The only source that a lock file may name.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every outside dependency has a comment on its line.
fn has_reasons(file: &File) -> Vec<String> {
    if file.path != "Cargo.toml" {
        return Vec::new();
    }
    let start = file.text.find("[workspace.dependencies]").unwrap_or(file.text.len());
    let first = file.text[..start].lines().count();
    let section = file.text[start..].lines().skip(1).take_while(|line| !line.starts_with('['));
    section
        .enumerate()
        .filter(|(_, line)| line.contains('=') && !line.starts_with("sluice"))
        .filter(|(_, line)| !line.contains(" # "))
        .map(|(at, _)| file.problem(first + 1 + at, "a dependency without its reason"))
        .collect()
}

/// Packages of a lock file: name, version, source.
fn locked(lock: &str) -> Vec<(&str, &str, &str)> {
    let field = |package: &'_ str, name: &str| {
        let start = package.find(&format!("\n{name} = \""))? + name.len() + 5;
        Some((start, start + package[start..].find('"')?))
    };
    lock.split("[[package]]")
        .skip(1)
        .filter_map(|package| {
            let (a, b) = field(package, "name")?;
            let (c, d) = field(package, "version")?;
            let source = field(package, "source").map_or("", |(e, f)| &package[e..f]);
            Some((&package[a..b], &package[c..d], source))
        })
        .collect()
}

/// Names quoted within one `key = [ .. ]` of `deny.toml`.
fn listed<'a>(deny: &'a str, key: &str) -> Vec<&'a str> {
    let start = deny.find(&format!("\n{key} = [")).expect("the list is there");
    let list = &deny[start..start + deny[start..].find("\n]").expect("the list ends")];
    let lines = list.lines().filter(|line| line.contains('"'));
    lines.filter_map(|line| line.split('"').nth(1)).collect()
}

/// Foreign sources and banned crates, on every platform.
fn lock_problems(lock: &str, deny: &str) -> Vec<String> {
    let banned = listed(deny, "deny");
    let mut problems = Vec::new();
    for (name, version, source) in locked(lock) {
        if !source.is_empty() && source != SOURCE {
            problems.push(format!("{name} {version} comes from {source}"));
        }
        if banned.contains(&name) {
            problems.push(format!("{name} is banned by deny.toml"));
        }
    }
    problems
}

/// Crates that are built in two versions without a reason in `deny.toml`. A package is told as
/// cargo tells it: `mio v1.2.5`.
fn built_twice(packages: &BTreeSet<&str>, deny: &str) -> Vec<String> {
    let skipped = listed(deny, "skip");
    let names = packages.iter().filter_map(|package| package.split(' ').next());
    let mut seen = BTreeSet::new();
    let twice = names.filter(|name| !seen.insert(*name) && !skipped.contains(name));
    twice.map(|name| format!("{name} is built twice; see deny.toml")).collect()
}

/// Whether a licence expression can be met with the allowed licences.
fn licence_allowed(expression: &str, allowed: &[&str]) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let any = |part: &str| {
        let mut choices = part.split(" OR ").map(str::trim);
        choices.any(|choice| allowed.contains(&choice))
    };
    plain.split(" AND ").all(any)
}

/// Packages built for this platform and their licences, as cargo tells them.
fn licences() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", "normal,build", "--format", "{p}\t{l}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    let outside = pairs.filter(|(package, _)| !package.starts_with("sluice"));
    outside.map(|(p, l)| (p.to_owned(), l.trim_end_matches(" (*)").to_owned())).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("the file is there")
}

#[test]
fn each_dependency_has_a_reason() {
    let bare = "[workspace.dependencies]\nsluice-base = { path = \"x\" }\nleft-pad = \"1\"\n";
    finds(has_reasons, &[("Cargo.toml", bare)]);
    none(files().iter().flat_map(has_reasons).collect());
}

#[test]
fn the_lock_file_obeys_deny_toml() {
    let package = |name: &str, source: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n")
    };
    let deny = read("deny.toml");
    let planted = package("openssl", SOURCE) + &package("mine", "git+https://example.org/x");
    assert_eq!(lock_problems(&planted, &deny).len(), 2);
    for lock in ["Cargo.lock", "tests/fuzz/Cargo.lock"] {
        none(lock_problems(&read(lock), &deny));
    }
}

#[test]
fn nothing_is_built_twice_without_a_reason() {
    let deny = read("deny.toml");
    let planted = BTreeSet::from(["mio v1.0.0", "mio v1.2.5", "syn v2.0.1", "syn v3.0.1"]);
    assert_eq!(built_twice(&planted, &deny).len(), 1);
    let built = licences();
    let built = built.iter().map(|(package, _)| package.as_str()).collect();
    none(built_twice(&built, &deny));
}

#[test]
fn licences_are_allowed() {
    let deny = read("deny.toml");
    let allowed = listed(&deny, "allow");
    assert!(!licence_allowed("GPL-3.0-only", &allowed));
    assert!(!licence_allowed("MIT AND GPL-3.0-only", &allowed));
    assert!(licence_allowed("(MIT OR GPL-3.0-only) AND ISC", &allowed));
    let packages = licences();
    assert!(packages.len() > 50, "cargo told of {} packages only", packages.len());
    let refused = packages.into_iter().filter(|(_, licence)| !licence_allowed(licence, &allowed));
    none(refused.map(|(package, licence)| format!("{package}: {licence}")).collect());
}
