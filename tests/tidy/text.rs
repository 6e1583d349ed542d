//! Rules for one file's text: size, width, opening, words that must not stay.

use crate::repository::{File, finds, holds};

/// Lines of a file: never more.
const LONGEST: usize = 1_000;
/// Lines of a file that needs a reason in [`LONG`].
const LONG_FROM: usize = 600;
/// Columns of a line of code.
const WIDEST: usize = 100;
/// The same where a test quotes text.
const WIDEST_QUOTED: usize = 120;

/// Files over [`LONG_FROM`] lines: path and reason.
const LONG: &[(&str, &str)] = &[];

/// What unfinished work leaves behind. Split, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("allow(dead", "_code"),
    concat!("allow(un", "used"),
    concat!("(skele", "ton)"),
];

/// How paths begin that exist on one machine only.
const PRIVATE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

fn size(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    let excused = LONG.iter().any(|(path, reason)| *path == file.path && !reason.is_empty());
    let limit = if excused { LONGEST } else { LONG_FROM };
    if file.is_code() && lines > limit {
        vec![format!("{}: {lines} lines; split it", file.path)]
    } else {
        Vec::new()
    }
}

fn width(file: &File) -> Vec<String> {
    if !file.is_code() {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    // What a test sends or expects may be long: breaking it would hide it.
    let quotes = |line: &str| file.path.starts_with("tests/") && line.contains('"');
    lines
        .filter(|(_, line)| {
            line.chars().count() > if quotes(line) { WIDEST_QUOTED } else { WIDEST }
        })
        .map(|(at, _)| file.problem(at, "wider than 100 columns"))
        .collect()
}

fn opening(file: &File) -> Vec<String> {
    let opened = file.text.starts_with("//! ") && file.text.find('\n') > Some(10);
    if file.is_rust() && !opened {
        vec![file.problem(0, "opens without `//!` and what the file is for")]
    } else {
        Vec::new()
    }
}

fn unfinished(file: &File) -> Vec<String> {
    if !file.is_code() && !file.path.ends_with(".toml") {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(at, line)| {
            let word = UNFINISHED.iter().find(|word| line.contains(*word))?;
            Some(file.problem(at, &format!("`{word}`: finish it or take it out")))
        })
        .collect()
}

/// A path that begins like those of one machine; the same word within a path is none.
fn private_path(file: &File) -> Vec<String> {
    let begins = |line: &str, prefix: &str| {
        line.match_indices(prefix).any(|(at, _)| {
            !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "._-$})".contains(c))
        })
    };
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| PRIVATE_PATHS.iter().any(|prefix| begins(line, prefix)))
        .map(|(at, _)| file.problem(at, "names a path of one machine"))
        .collect()
}

/// SIP code says which section it obeys; patches are a mechanism of ours.
fn cites_rfc(file: &File) -> Vec<String> {
    let plain = ["lib.rs", "limits.rs", "tests.rs", "patch.rs"];
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let about_sip = file.path.starts_with("src/sip/") && file.is_rust();
    if about_sip && !plain.contains(&name) && !file.text.contains("RFC ") {
        vec![file.problem(0, "SIP code without an RFC section")]
    } else {
        Vec::new()
    }
}

/// Limits have a reason each: a doc comment above every constant of a `limits.rs`.
fn limits_have_reasons(file: &File) -> Vec<String> {
    if !file.path.ends_with("/limits.rs") {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let constants = lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub const"));
    constants
        .filter(|(at, _)| *at == 0 || !lines[at - 1].starts_with("///"))
        .map(|(at, _)| file.problem(at, "a limit without its reason"))
        .collect()
}

#[test]
fn files_are_short() {
    let long = "x\n".repeat(LONG_FROM + 1);
    finds(size, &[("src/a/b.rs", &long)]);
    assert!(LONG.iter().all(|(path, _)| crate::repository::root().join(path).exists()));
    holds(size);
}

#[test]
fn lines_are_narrow() {
    finds(width, &[("src/a/b.rs", &"x".repeat(WIDEST + 1))]);
    holds(width);
}

#[test]
fn each_file_says_what_it_is_for() {
    finds(opening, &[("src/a/b.rs", "use std::fmt;\n"), ("src/a/c.rs", "//!\n//! Late.\n")]);
    holds(opening);
}

#[test]
fn nothing_is_unfinished() {
    let planted = UNFINISHED.iter().map(|word| format!("//! {word}"));
    for text in planted {
        finds(unfinished, &[("src/a/b.rs", &text)]);
    }
    holds(unfinished);
}

#[test]
fn no_path_of_one_machine() {
    let planted = format!("include!(\"{}x.rs\");", PRIVATE_PATHS[0]);
    let prose = format!("cd {}sluice", PRIVATE_PATHS[1]);
    finds(private_path, &[("src/a/b.rs", &planted), ("docs/run.md", &prose)]);
    holds(private_path);
}

#[test]
fn sip_code_cites_its_section() {
    finds(cites_rfc, &[("src/sip/uri.rs", "//! URIs.\n")]);
    holds(cites_rfc);
}

#[test]
fn limits_say_why() {
    finds(limits_have_reasons, &[("src/sip/limits.rs", "//! Limits.\npub const MOST: u8 = 1;\n")]);
    holds(limits_have_reasons);
}
