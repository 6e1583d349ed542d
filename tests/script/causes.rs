//! Every diagnostic once: the tables in `tests/script/causes/` hold for each code what it means,
//! the mend, a script that has this one mistake, and what is said about it.
//!
//! `UPDATE=1` writes what is said now into the tables, and `docs/diagnostics.md` from them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::world::{compile_after, compile_with};

/// The tables, in the order in which the document shows them.
const TABLES: &[&str] =
    &["characters", "files", "top", "routes", "statements", "conditions", "calls", "habits"];

/// One kind of mistake.
struct Cause {
    code: String,
    /// `strict`: is only told with `--strict`. `made`: the script is too long to be written here.
    /// `program`: the program tells of it, `tests/live/check.rs` makes it.
    how: String,
    means: String,
    mend: String,
    /// The main file, others behind `@@ NAME`; one named `running` is replaced by the main one.
    script: String,
    /// What the table says that is told.
    told: String,
}

struct Table {
    path: PathBuf,
    title: String,
    remark: String,
    causes: Vec<Cause>,
}

impl Table {
    fn read(name: &str) -> Self {
        let path = root().join(format!("tests/script/causes/{name}.txt"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, body) = text.split_once("\n== ").unwrap();
        let (title, remark) = head.split_once('\n').unwrap_or((head, ""));
        let causes = body.split("\n== ").map(Cause::read).collect();
        let remark = remark.trim().to_owned();
        Self { path, title: title.trim_start_matches("# ").to_owned(), remark, causes }
    }

    fn write(&self) {
        let mut text = format!("# {}\n", self.title);
        if !self.remark.is_empty() {
            let _ = write!(text, "\n{}\n", self.remark);
        }
        for cause in &self.causes {
            let how = if cause.how.is_empty() { String::new() } else { format!(" {}", cause.how) };
            let (code, script) = (&cause.code, &cause.script);
            let script = if script.is_empty() { String::new() } else { format!("{script}\n") };
            let _ = write!(text, "\n== {code}{how}\n{}\n> {}\n", cause.means, cause.mend);
            if cause.how != "program" {
                let _ = write!(text, "{script}--\n{}", cause.compile().render(false));
            }
        }
        std::fs::write(&self.path, text).unwrap();
    }
}

impl Cause {
    fn read(text: &str) -> Self {
        let (head, rest) = text.split_once('\n').unwrap();
        let (code, how) = head.split_once(' ').unwrap_or((head, ""));
        let (means, rest) = rest.split_once("\n> ").unwrap();
        let (mend, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let (script, told) = match rest.strip_prefix("--\n") {
            Some(told) => ("", told),
            None => rest.split_once("\n--\n").unwrap_or((rest.trim_end(), "")),
        };
        let own = |text: &str| text.to_owned();
        let (code, how, means, mend) = (own(code), own(how), own(means), own(mend));
        Self { code, how, means, mend, script: own(script), told: format!("{}\n", told.trim_end()) }
    }

    fn compile(&self) -> sluice_script::Compiled {
        let script =
            if self.how == "made" { made(&self.code) } else { format!("{}\n", self.script) };
        let mut files = script.split("@@ ");
        let main = files.next().unwrap_or_default();
        let others: Vec<(&str, &str)> = files.filter_map(|file| file.split_once('\n')).collect();
        match others.as_slice() {
            [("running", text)] => {
                let running = compile_with(*text, &[], false).script;
                compile_after(&running.unwrap(), main)
            }
            _ => compile_with(main, &others, self.how == "strict"),
        }
    }
}

/// Scripts beyond a limit.
fn made(code: &str) -> String {
    let many = |count: usize, piece: fn(usize) -> String| (0..count).map(piece).collect::<String>();
    let files = |count: usize| {
        let includes = many(count, |n| format!("include_file \"f{n}\"\n"));
        format!("{includes}{}", many(count, |n| format!("@@ f{n}\n#\n")))
    };
    match code {
        "include-depth" => {
            let chain = many(60, |n| format!("@@ f{n}\ninclude_file \"f{}\"\n", n + 1));
            format!("include_file \"f0\"\n{chain}")
        }
        "too-many-files" => files(1_001),
        "too-large" => format!("#{}", " ".repeat(33 << 20)),
        "nesting" => format!("route {{ {}", "if ($ru) { ".repeat(1_000)),
        "too-many-routes" => many(65_537, |n| format!("route[r{n}] {{ exit; }}\n")),
        "too-many-names" => statements(&many(4_097, |n| format!("$var(v{n}) = 1;\n"))),
        "too-many-flags" => statements(&many(33, |n| format!("setflag(\"f{n}\");\n"))),
        "too-many-variables" => statements(&many(65_537, |n| format!("xlog(\"$hdr(h{n})\");\n"))),
        "too-many-regexes" => many_regexes(),
        "too-many-networks" => statements(&many(65_537, |n| {
            format!("if ($si == 10.{}.{}.{}) drop;\n", n >> 16, n >> 8 & 255, n & 255)
        })),
        "too-many-values" => statements(&format!("return(1{});", ", 2".repeat(65))),
        other => panic!("no script is made for {other}"),
    }
}

fn statements(body: &str) -> String {
    format!("route {{\n{body}}}\n")
}

fn many_regexes() -> String {
    let tests = (0..65_537).map(|n| format!("if ($ru =~ \"{n}\") drop;\n"));
    statements(&tests.collect::<String>())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tables() -> Vec<Table> {
    TABLES.iter().map(|name| Table::read(name)).collect()
}

fn updates() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

#[test]
fn each_cause_is_told_once_and_as_the_table_says() {
    let mut wrong = String::new();
    for table in tables() {
        for cause in &table.causes {
            if cause.how == "program" {
                continue;
            }
            let compiled = cause.compile();
            let codes: Vec<&str> = compiled.diagnostics.iter().map(|d| d.code).collect();
            let told = compiled.render(false);
            if codes != [cause.code.as_str()] {
                let _ = writeln!(wrong, "{} tells of {codes:?}:\n{told}", cause.code);
            } else if told != cause.told && !updates() {
                let _ = writeln!(wrong, "{}: the table has\n{}not\n{told}", cause.code, cause.told);
            }
        }
        if updates() {
            table.write();
        }
    }
    assert!(wrong.is_empty(), "{wrong}UPDATE=1 writes what is told into the tables");
}

/// Words with a hyphen between quotes are codes in `src/script`; elsewhere those of a diagnostic.
fn codes_of(path: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            codes_of(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&entry).unwrap();
            let script = entry.components().any(|part| part.as_os_str() == "script");
            found.extend(codes_in(&text, script));
        }
    }
}

fn codes_in(text: &str, script: bool) -> BTreeSet<String> {
    let letters = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let kebab = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.len() > 1 && parts.iter().all(|part| !part.is_empty() && letters(part))
    };
    let mut found = BTreeSet::new();
    let pieces: Vec<&str> = text.split('"').collect();
    for pair in pieces.windows(2) {
        let [before, word] = pair else { continue };
        let before = before.trim_end();
        let made = ["error(", "warning(", "note("];
        let reported = made.iter().any(|made| before.ends_with(&format!("Diagnostic::{made}")));
        if (reported && (letters(word) || kebab(word))) || (script && kebab(word)) {
            found.insert((*word).to_owned());
        }
    }
    found
}

#[test]
fn every_code_of_the_sources_stands_in_a_table() {
    let planted = "Diagnostic::warning(\n    \"odd\", at, \"x\").hint(\"a-b c\"); f(\"mis-take\")";
    let planted = codes_in(planted, true);
    assert!(planted.iter().map(String::as_str).eq(["mis-take", "odd"]));
    let mut emitted = BTreeSet::new();
    codes_of(&root().join("src"), &mut emitted);
    let causes: Vec<Cause> = tables().into_iter().flat_map(|table| table.causes).collect();
    let listed: BTreeSet<String> = causes.iter().map(|cause| cause.code.clone()).collect();
    assert_eq!(listed.len(), causes.len(), "a code stands in two tables");
    // What only the program tells is tested there.
    let program = causes.iter().filter(|cause| cause.how == "program");
    emitted.extend(program.map(|cause| cause.code.clone()));
    let missing: Vec<_> = emitted.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "no row in tests/script/causes for {missing:?}; UPDATE=1 fills a new one"
    );
    let gone: Vec<_> = listed.difference(&emitted).collect();
    assert!(gone.is_empty(), "no source has {gone:?}");
    assert!(listed.len() >= 60);
}

#[test]
fn the_document_is_made_from_the_tables() {
    let mut text = include_str!("causes/head.md").to_owned();
    for table in tables() {
        let _ = write!(text, "\n## {}\n\n", table.title);
        if !table.remark.is_empty() {
            let _ = write!(text, "{}\n\n", table.remark);
        }
        text.push_str("| code | what it means | what to do |\n|---|---|---|\n");
        for cause in &table.causes {
            let row =
                format!("| `{}` | {} | {} |\n", cause.code, cell(&cause.means), cell(&cause.mend));
            text.push_str(&row);
        }
    }
    let path = root().join("docs/diagnostics.md");
    if updates() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "docs/diagnostics.md is not up to date; UPDATE=1 writes it");
}

/// A bar within a cell of a table would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
