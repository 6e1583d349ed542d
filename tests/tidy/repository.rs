//! The files of the repository, and the two assertions that every rule is tested with.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file: its path from the root of the repository, with `/`, and its text.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// A planted file.
    pub fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it is Rust source.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is code that people read: Rust, C or shell.
    pub fn is_code(&self) -> bool {
        let shell = self.path.starts_with("scripts/") || self.text.starts_with("#!");
        self.is_rust() || self.path.ends_with(".c") || shell
    }

    /// A problem on the line with this index.
    pub fn problem(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, line + 1)
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every text file of the repository, except what builds and measurements leave.
pub fn files() -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    assert!(found.len() > 50, "the repository was not found");
    found
}

fn walk(directory: &Path, prefix: &str, found: &mut Vec<File>) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let entry = entry.expect("a readable entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("a file type");
        if matches!(path.as_str(), ".git" | "target" | "perf/out" | "perf/results") {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            found.push(File { path, text });
        }
    }
}

/// Asserts that the rule finds exactly one problem in each planted file.
pub fn finds(rule: impl Fn(&File) -> Vec<String>, planted: &[(&str, &str)]) {
    for (path, text) in planted {
        let problems = rule(&File::planted(path, text));
        assert_eq!(problems.len(), 1, "planted {path}: {text:?} gave {problems:?}");
    }
}

/// Asserts that no file of the repository breaks the rule.
pub fn holds(rule: impl Fn(&File) -> Vec<String>) {
    none(files().iter().flat_map(rule).collect());
}

/// Asserts that there are no problems.
pub fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
