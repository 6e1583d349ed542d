//! Which crate may name which, and that modules meet only through `api`.

use crate::repository::{File, files, finds, holds, none};

/// A member and the workspace crates that it may depend on (ARCHITECTURE.md, "Rooms").
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("sip", &["base"]),
    ("script", &["base"]),
    ("net", &["base", "sip"]),
    ("engine", &["base", "sip", "script"]),
    ("modules", &["base", "sip", "script", "engine"]),
    ("control", &["base", "engine"]),
    ("traffic", &["base", "sip", "net"]),
];

/// Outside crates that stand for a right, and the members that have it.
const RIGHTS: &[(&str, &[&str])] = &[
    ("mio", &["net"]),
    ("socket2", &["net"]),
    ("libc", &["net", "perf"]),
    ("core_affinity", &["net"]),
    ("tokio", &["control", "sluice"]),
    ("hickory-resolver", &["control"]),
    ("axum", &["control"]),
    ("hyper", &["control"]),
    ("hyper-util", &["control"]),
    ("anyhow", &["sluice", "traffic", "perf"]),
    ("nix", &["control", "sluice"]),
    ("tracing-subscriber", &["sluice"]),
    ("tracing-appender", &["sluice"]),
];

/// The dependencies of a manifest: line, name.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (at, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
            found.push((at, &line[..end]));
        }
    }
    found
}

/// The member that a manifest belongs to.
fn member(file: &File) -> Option<&str> {
    let folder = file.path.strip_suffix("/Cargo.toml")?;
    Some(folder.strip_prefix("src/").unwrap_or(folder))
}

fn depends_downwards(file: &File) -> Vec<String> {
    let Some((member, allowed)) =
        LAYERS.iter().find(|(name, _)| file.path == format!("src/{name}/Cargo.toml"))
    else {
        return Vec::new();
    };
    dependencies(&file.text)
        .into_iter()
        .filter_map(|(at, name)| {
            let other = name.strip_prefix("sluice-")?;
            let known = allowed.contains(&other);
            (!known).then(|| file.problem(at, &format!("{member} must not import {other}")))
        })
        .collect()
}

fn has_the_right(file: &File) -> Vec<String> {
    let Some(member) = member(file) else { return Vec::new() };
    dependencies(&file.text)
        .into_iter()
        .filter_map(|(at, name)| {
            let (_, members) = RIGHTS.iter().find(|(right, _)| *right == name)?;
            let held = members.contains(&member);
            (!held).then(|| file.problem(at, &format!("{member} must not use {name}")))
        })
        .collect()
}

/// Dependencies that no source of their member names.
fn unused(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for manifest in files {
        let Some(member) = member(manifest) else { continue };
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        // Live tests are targets of the program's package.
        let live = if member == "sluice" { "tests/live/" } else { folder };
        let own = |file: &&File| file.path.starts_with(folder) || file.path.starts_with(live);
        let sources: Vec<&File> = files.iter().filter(own).filter(|file| file.is_rust()).collect();
        for (at, name) in dependencies(&manifest.text) {
            let paths = ["_", ""].map(|dash| format!("{}::", name.replace('-', dash)));
            let uses = |file: &&File| paths.iter().any(|path| file.text.contains(path));
            if !sources.iter().any(uses) {
                problems.push(manifest.problem(at, &format!("{member} does not use {name}")));
            }
        }
    }
    problems
}

/// A module folder names another one only by `crate::other::api` or by its table.
fn modules_meet_at_api(file: &File) -> Vec<String> {
    let Some((own, _)) = file.path.strip_prefix("src/modules/").and_then(|p| p.split_once('/'))
    else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for (found, _) in line.match_indices("crate::") {
            let path = &line[found + "crate::".len()..];
            if line[..found].ends_with("$") || !file.is_rust() {
                continue;
            }
            let other = path.split("::").next().unwrap_or_default();
            let meets = path.starts_with(&format!("{other}::api"))
                || path.starts_with(&format!("{other}::MODULE"));
            let own_or_list = other == own || !path.contains("::") && !path.starts_with('{');
            if !meets && !own_or_list && !is_shared(other) {
                problems.push(file.problem(at, &format!("{own} reaches into {other}")));
            }
        }
    }
    problems
}

/// A file of the crate itself, beside the folders: `crate::limits`.
fn is_shared(name: &str) -> bool {
    crate::repository::root().join(format!("src/modules/{name}.rs")).exists()
}

#[test]
fn crates_depend_downwards() {
    let upwards = "[dependencies]\nsluice-base.workspace = true\nsluice-engine.workspace = true\n";
    finds(depends_downwards, &[("src/sip/Cargo.toml", upwards)]);
    let dev = "[dev-dependencies]\nsluice-modules = { path = \"../modules\" }\n";
    finds(depends_downwards, &[("src/engine/Cargo.toml", dev)]);
    holds(depends_downwards);
}

#[test]
fn rights_are_held_by_few() {
    let sockets = "[dependencies]\nmio.workspace = true\n";
    finds(has_the_right, &[("src/modules/Cargo.toml", sockets), ("src/sip/Cargo.toml", sockets)]);
    holds(has_the_right);
}

#[test]
fn dependencies_are_used() {
    let planted = [
        File::planted("src/net/Cargo.toml", "[dependencies]\nmio = \"1\"\nsluice-base = \"1\"\n"),
        File::planted("src/net/lib.rs", "use mio::Poll;\n"),
        File::planted("src/sip/lib.rs", "use sluice_base::Span;\n"),
    ];
    assert_eq!(unused(&planted).len(), 1);
    none(unused(&files()));
}

#[test]
fn modules_meet_only_through_api() {
    let inside = "use crate::sl::functions::reply;\n";
    let braces = "use crate::{sl::functions, sl::api};\n";
    let path = "src/modules/dispatcher/functions.rs";
    finds(modules_meet_at_api, &[(path, inside), (path, braces)]);
    let fine = "use crate::sl::api::reply;\nuse crate::dispatcher::state::State;\n";
    assert!(modules_meet_at_api(&File::planted(path, fine)).is_empty());
    holds(modules_meet_at_api);
}
