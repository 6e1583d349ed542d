//! `sluice user`: users of tables, and that who was added is let in.

use std::process::Command;

use sluice_tests::digest::hash;

use crate::support::{Ended, Folder, sluice};

const TEXT: &str = "id(int,auto) username(string) domain(string) password(string,null) \
                    ha1(string) ha1_sha256(string,null) ha1_sha512t256(string,null)\n";

fn user(url: &str, args: &[&str], password: &str) -> Ended {
    let all: Vec<&str> = ["user", "--db", url].into_iter().chain(args.iter().copied()).collect();
    sluice(&all, password)
}

/// What is printed by a call that succeeds.
fn done(url: &str, args: &[&str], password: &str) -> String {
    let ended = user(url, args, password);
    assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.err);
    ended.out
}

/// What is said by one that fails.
fn refused(url: &str, args: &[&str], password: &str) -> String {
    let ended = user(url, args, password);
    assert_ne!(ended.code, Some(0), "{args:?}: {}", ended.out);
    ended.err.trim_end().to_owned()
}

/// Adds, lists, changes and removes; `row` gives a user's fields.
fn goes_through_life(url: &str, row: impl Fn() -> String) {
    assert_eq!(done(url, &["add", "alice@example.com"], "secret\n"), "alice@example.com added\n");
    let ha1 = |by: &str, password: &str| hash(by, &format!("alice:example.com:{password}"));
    let hashes = |password: &str| ["MD5", "SHA-256", "SHA-512-256"].map(|by| ha1(by, password));
    for hash in hashes("secret") {
        assert!(row().contains(&hash), "{}", row());
    }
    assert!(!row().contains("secret"), "{}", row());
    let again = refused(url, &["add", "alice@example.com"], "secret\n");
    assert!(again.contains("alice@example.com is there already"), "{again}");
    done(url, &["add", "--plain", "bob@example.com"], "pass:word\r\n");
    done(url, &["add", "bob@other", "--realm", "voice"], "p\n");
    assert_eq!(done(url, &["list"], ""), "alice@example.com\nbob@example.com\nbob@other\n");
    assert_eq!(done(url, &["list", "other"], ""), "bob@other\n");
    done(url, &["passwd", "alice@example.com"], "other\n");
    assert!(row().contains(&hashes("other")[0]) && !row().contains(&hashes("secret")[0]));
    assert_eq!(done(url, &["rm", "bob"], ""), "bob: 2 removed\n");
    assert_eq!(done(url, &["list"], ""), "alice@example.com\n");
    for (args, password, why) in [
        (["rm", "eve@example.com"], "", "there is no eve@example.com in "),
        (["passwd", "eve@example.com"], "x\n", "there is no eve@example.com in "),
        (["add", "eve"], "x\n", "a user is written `alice@example.com`"),
        (["add", "eve@example.com"], "\n", "no password on standard input"),
    ] {
        let said = refused(url, &args, password);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn of_a_text_database() {
    let folder = Folder::new();
    folder.write("subscriber", TEXT);
    let path = folder.path("subscriber");
    let url = format!("text://{}", folder.path(""));
    goes_through_life(&url, || std::fs::read_to_string(&path).unwrap());
    let nowhere = refused(&url, &["--table", "nowhere", "list"], "");
    assert!(nowhere.contains("nowhere"), "{nowhere}");
    // A table without columns for the newer hashes.
    folder.write("old", "username(str) domain(str) ha1(str)\n");
    done(&url, &["--table", "old", "add", "alice@x"], "secret\n");
    let old = std::fs::read_to_string(folder.path("old")).unwrap();
    assert!(old.contains(&format!("alice:x:{}\n", hash("MD5", "alice:x:secret"))), "{old}");
    folder.write("none", "username(str) domain(str)\n");
    let none = refused(&url, &["--table", "none", "add", "alice@x"], "secret\n");
    assert!(none.contains("no column for a password"), "{none}");
}

/// The table that the seed prints has columns that may not be left out.
#[test]
fn of_the_seeds_table() {
    let (folder, seeds) = (Folder::new(), include_str!("../../examples/registrar/db/subscriber"));
    let path = folder.write("subscriber", seeds);
    let url = format!("text://{}", folder.path(""));
    done(&url, &["add", "carol@example.com"], "secret\n");
    let text = std::fs::read_to_string(&path).unwrap();
    let ha1 = hash("MD5", "carol:example.com:secret");
    let line = format!("carol:example.com::::::0:0:::::{ha1}:");
    assert!(text.lines().any(|row| row.starts_with(&line)), "{line} in {text}");
    assert_eq!(text.lines().count(), seeds.lines().count() + 1);
}

#[test]
fn of_an_sqlite_database() {
    let folder = Folder::new();
    let file = folder.path("users.db");
    let sqlite = |text: &str| {
        let done = Command::new("sqlite3").args([&file, text]).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    sqlite(
        "CREATE TABLE subscriber (id INTEGER PRIMARY KEY AUTOINCREMENT, \
         username CHAR(64) DEFAULT '' NOT NULL, domain CHAR(64) DEFAULT '' NOT NULL, \
         password CHAR(25) DEFAULT '' NOT NULL, ha1 CHAR(64) DEFAULT '' NOT NULL, \
         ha1_sha256 CHAR(64) DEFAULT '' NOT NULL, ha1_sha512t256 CHAR(64) DEFAULT '' NOT NULL);",
    );
    goes_through_life(&format!("sqlite://{file}"), || sqlite("SELECT * FROM subscriber"));
}

#[test]
fn databases_that_are_none() {
    for (url, why) in [
        ("/etc/passwd", "is no URL of a database"),
        ("ldap://x/y", "kinds are text, sqlite, mysql and postgres"),
        ("text:///no/such/folder", "/no/such/folder"),
    ] {
        let said = refused(url, &["list"], "");
        assert!(said.contains(why), "{said}");
    }
}
