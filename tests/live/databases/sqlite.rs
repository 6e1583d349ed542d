//! SQLite: a file that the program reads and writes, made by the `sqlite3` of another build.

use std::process::Command;

use super::{Kind, dispatcher_runs, script};
use crate::sip::{Agent, Request, first_line};
use crate::support::{Folder, Running, address, refused};

/// A file in a folder of its own.
pub struct Sqlite {
    _folder: Folder,
    path: String,
}

impl Sqlite {
    pub fn new() -> Self {
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
        let done = Running::spawn(Command::new("sqlite3").args(["-bail", &self.path]), text).wait();
        assert_eq!((done.code, &*done.err), (Some(0), ""), "{text}");
        done.out
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

#[test]
fn the_example_runs_as_it_stands() {
    let folder = Folder::new();
    let database = Sqlite { path: folder.path("sip.db"), _folder: Folder::new() };
    database.sql(include_str!("../../../examples/sql/schema.sql"));
    // But for the port, which may be taken here.
    let script = include_str!("../../../examples/sql/opensips.cfg");
    let (gateway, first) = (address(), Agent::new());
    let moved =
        format!("UPDATE dispatcher SET destination = 'sip:{}' WHERE id = 1;", first.address());
    database.sql(&moved);
    database.sql("DELETE FROM dispatcher WHERE id = 2;");
    let path = folder
        .write("opensips.cfg", &script.replace("udp:127.0.0.1:5060", &format!("udp:{gateway}")));
    let _running = Running::gateway(&["-f", &path, "-E"]);
    let caller = Agent::new();
    caller.send(gateway, Request::default().text(caller.address()));
    assert!(first_line(&first.receive()).starts_with("OPTIONS sip:bob@example.com"));
}
