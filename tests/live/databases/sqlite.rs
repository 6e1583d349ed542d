//! SQLite: a file that the program reads and writes, made by the `sqlite3` of another build.

use std::process::Command;

use super::{Kind, dispatcher_runs, script};
use crate::support::{Folder, address, refused};

/// A file in a folder of its own.
struct Sqlite {
    _folder: Folder,
    path: String,
}

impl Sqlite {
    fn new() -> Self {
        let folder = Folder::new();
        let path = folder.path("sip.db");
        Self { _folder: folder, path }
    }
}

impl Kind for Sqlite {
    const MODULE: &'static str = "db_sqlite";

    fn url(&self) -> String {
        format!("sqlite://{}", self.path)
    }

    fn sql(&self, text: &str) -> String {
        let done = Command::new("sqlite3").args([&self.path, text]).output();
        let done =
            done.unwrap_or_else(|error| panic!("sqlite3: {error}; Debian's package sqlite3"));
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

#[test]
fn the_dispatcher_runs_from_sqlite() {
    dispatcher_runs(&Sqlite::new());
}

#[test]
fn a_file_that_is_none_is_told() {
    let folder = Folder::new();
    let url = "modparam(\"dispatcher\", \"db_url\", \"sqlite://sip.db\")\n";
    let path = folder.write("test.cfg", &script("db_sqlite", url));
    let refusal = || refused(&["-f", &path, "-l", &address().to_string(), "-E"], "");
    let error = refusal();
    assert!(error.contains("sip.db: no such file"), "{error}");
    folder.write("sip.db", "no database, but it is found beside the script");
    let error = refusal();
    assert!(error.contains("sip.db: file is not a database"), "{error}");
}
