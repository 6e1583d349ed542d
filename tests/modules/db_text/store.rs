//! A folder of tables: what is asked, changed, written, and what goes wrong (spec 5.3, 5.4).

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use sluice_engine::db::{
    Action, Compare, Condition, DbError, Field, Outcome, Source, Statement, Way,
};
use sluice_engine::files::{Claim, Files, InMemory, Stamp};
use sluice_modules::db_text::store::{Folder, Mode};

const CACHED: Mode = Mode { watches: false, longest: 4096, strict: false };
const WATCHED: Mode = Mode { watches: true, ..CACHED };
const USERS: &str = "id(int,auto) username(string) domain(string,null) q(double,null)\n\
                     1:alice:a.com:0.5\n2:bob::\n3:Carol:c.com:1\n";

fn name(name: &str) -> Arc<str> {
    Arc::from(name)
}

fn folder(mode: Mode) -> (Folder, Arc<InMemory>) {
    let files = Arc::new(InMemory::default());
    files.set("/db/users", Some(USERS.as_bytes()));
    (Folder::new("/db", Arc::clone(&files) as Arc<dyn Files>, mode), files)
}

fn statement(action: Action, conditions: &[(&str, Compare, Field)]) -> Statement {
    let condition = |(column, compare, value): &(&str, Compare, Field)| Condition {
        column: name(column),
        compare: *compare,
        value: value.clone(),
    };
    let conditions = conditions.iter().map(condition).collect();
    Statement { table: name("users"), action, conditions }
}

fn select(columns: &[&str], conditions: &[(&str, Compare, Field)]) -> Statement {
    statement(Action::Select(columns.iter().map(|column| name(column)).collect()), conditions)
}

fn set(fields: &[(&str, Field)]) -> Vec<(Arc<str>, Field)> {
    fields.iter().map(|(column, value)| (name(column), value.clone())).collect()
}

fn run(folder: &Folder, statement: Statement) -> Outcome {
    match folder.run(vec![statement]) {
        Way::Blocking(run) => run(),
        Way::Waiting(_) => panic!("a folder blocks"),
    }
}

/// The names of the users that pass.
fn users(folder: &Folder, conditions: &[(&str, Compare, Field)]) -> Vec<String> {
    let rows = run(folder, select(&["username"], conditions)).expect("rows").rows;
    let text = |row: &[Field]| String::from_utf8_lossy(row[0].bytes().unwrap()).into_owned();
    rows.iter().map(|row| text(row)).collect()
}

fn text(files: &InMemory) -> String {
    String::from_utf8(files.read("/db/users").unwrap()).unwrap()
}

#[test]
fn rows_are_found_by_every_comparison() {
    let (folder, _) = folder(CACHED);
    let equal = |column, value| users(&folder, &[(column, Compare::Equal, value)]);
    assert_eq!(equal("username", Field::text("ALICE")), ["alice"], "without regard to case");
    assert_eq!(equal("USERNAME", Field::text("carol")), ["Carol"]);
    assert_eq!(equal("domain", Field::Null), ["bob"], "NULL equals NULL only");
    assert_eq!(equal("domain", Field::text("")), ["bob"], "an empty text is NULL there");
    assert_eq!(equal("id", Field::text("2")), ["bob"], "a text that is a number");
    assert_eq!(equal("q", Field::Int(1)), ["Carol"]);
    let ids = |compare| users(&folder, &[("id", compare, Field::Int(2))]);
    assert_eq!(ids(Compare::Less), ["alice"]);
    assert_eq!(ids(Compare::AtMost), ["alice", "bob"], "in the order of the file");
    assert_eq!(ids(Compare::Greater), ["Carol"]);
    assert_eq!(ids(Compare::AtLeast), ["bob", "Carol"]);
    assert_eq!(ids(Compare::Differs), ["alice", "Carol"]);
    let differs = |value| users(&folder, &[("domain", Compare::Differs, value)]);
    assert_eq!(differs(Field::Null), ["alice", "Carol"]);
    assert_eq!(differs(Field::text("A.com")), ["Carol"], "NULL is other than none");
    let both =
        [("id", Compare::Greater, Field::Int(1)), ("domain", Compare::Equal, Field::text("c.com"))];
    assert_eq!(users(&folder, &both), ["Carol"]);
    assert_eq!(run(&folder, select(&[], &[])).unwrap().columns.len(), 4);
}

#[test]
fn a_worker_reads_at_once_what_is_in_memory() {
    let (folder, _) = folder(CACHED);
    let all = select(&["username"], &[]);
    assert_eq!(folder.now(&all), None, "it is read by the control plane first");
    run(&folder, all.clone()).unwrap();
    assert_eq!(folder.now(&all).unwrap().unwrap().rows.len(), 3);
    assert_eq!(folder.now(&statement(Action::Delete, &[])), None, "a change is never at once");
    let words = statement(Action::Raw("select * from users".into()), &[]);
    let why = folder.now(&words).unwrap().unwrap_err();
    assert_eq!(why.to_string(), "text databases take no statements in SQL");
    assert_eq!(run(&folder, words), Err(why));
    let (watched, _) = self::folder(WATCHED);
    run(&watched, all.clone()).unwrap();
    assert_eq!(watched.now(&all), None, "its file must be looked at");
}

#[test]
fn changes_are_in_the_file_when_they_are_done() {
    let (folder, files) = folder(CACHED);
    let dave = set(&[("username", Field::text("da:ve"))]);
    assert_eq!(run(&folder, statement(Action::Insert(dave), &[])).unwrap().changed, 1);
    let columns = USERS.lines().next().unwrap();
    let old = "1:alice:a.com:0.5\n2:bob::\n3:Carol:c.com:1\n";
    assert_eq!(text(&files), format!("{columns}\n4:da\\:ve::\n{old}"), "the newest first");

    let bob = [("username", Compare::Equal, Field::text("bob"))];
    let moved = set(&[("domain", Field::text("b.com")), ("username", Field::text("bert"))]);
    assert_eq!(run(&folder, statement(Action::Update(moved), &bob)).unwrap().changed, 1);
    assert!(text(&files).contains("\n2:bert:b.com:\n"));
    assert_eq!(users(&folder, &bob), [""; 0], "the index follows");
    let bert = [("username", Compare::Equal, Field::text("bert"))];
    assert_eq!(users(&folder, &bert), ["bert"]);

    assert_eq!(run(&folder, statement(Action::Delete, &bert)).unwrap().changed, 1);
    assert_eq!(users(&folder, &bert), [""; 0]);
    let eve = [("username", Compare::Equal, Field::text("eve"))];
    for domain in ["e.com", "f.com"] {
        let at = Action::Replace(set(&[("domain", Field::text(domain))]));
        assert_eq!(run(&folder, statement(at, &eve)).unwrap().changed, 1);
    }
    assert!(text(&files).starts_with(&format!("{columns}\n5:eve:f.com:\n4:")), "{}", text(&files));
}

#[test]
fn many_rows_come_and_go() {
    let (folder, files) = folder(CACHED);
    let insert = |n: u32| {
        let user = set(&[("username", Field::text(format!("user{n}")))]);
        statement(Action::Insert(user), &[])
    };
    let Way::Blocking(all) = folder.run((0..500).map(insert).collect()) else { panic!() };
    all().unwrap();
    let one = |n: u32| [("username", Compare::Equal, Field::text(format!("USER{n}")))];
    assert_eq!(users(&folder, &one(499)), ["user499"]);
    let most = [("id", Compare::AtMost, Field::Int(490))];
    assert_eq!(run(&folder, statement(Action::Delete, &most)).unwrap().changed, 490);
    assert_eq!(users(&folder, &one(499)), ["user499"], "also when holes were closed");
    assert_eq!(text(&files).lines().count(), 1 + 13);
}

#[test]
fn what_cannot_be_is_an_error_and_changes_nothing() {
    let (folder, files) = folder(CACHED);
    let fails = |action, conditions: &[_]| {
        run(&folder, statement(action, conditions)).expect_err("refused").to_string()
    };
    let insert = |column, value| Action::Insert(set(&[(column, value)]));
    assert_eq!(fails(insert("size", Field::Int(1)), &[]), "table users has no column size");
    assert_eq!(
        fails(insert("domain", Field::text("x")), &[]),
        "table users, column username: it may not be left out: it is not `null`"
    );
    assert_eq!(fails(insert("id", Field::text("x")), &[]), "table users, column id: it takes int");
    let nobody = Action::Update(set(&[("username", Field::Null)]));
    assert_eq!(fails(nobody, &[]), "table users, column username: it may not be NULL");
    let where_size = [("size", Compare::Equal, Field::Int(1))];
    assert_eq!(fails(Action::Delete, &where_size), "table users has no column size");
    assert_eq!(text(&files), USERS);
    let absent = Statement { table: name("nobody"), ..select(&[], &[]) };
    let why = run(&folder, absent).unwrap_err().to_string();
    assert_eq!(why, "table nobody: /db/nobody: entity not found");
}

#[test]
fn bad_rows_are_left_out_or_make_the_table_unusable() {
    let bad = format!("{USERS}x:dora::\n");
    let (folder, files) = folder(CACHED);
    files.set("/db/users", Some(bad.as_bytes()));
    assert_eq!(users(&folder, &[]).len(), 3);
    let alice = [("username", Compare::Equal, Field::text("alice"))];
    run(&folder, statement(Action::Delete, &alice)).unwrap();
    let columns = USERS.lines().next().unwrap();
    assert_eq!(text(&files), format!("{columns}\n2:bob::\n3:Carol:c.com:1\nx:dora::\n"), "kept");
    files.set("/db/users", Some(bad.as_bytes()));
    let strict = Folder::new("/db", files, Mode { strict: true, ..CACHED });
    let why = run(&strict, select(&[], &[])).unwrap_err().to_string();
    assert_eq!(why, "table users: /db/users:5:1: column id: `x` is not int");
}

#[test]
fn a_file_that_others_change() {
    let (cached, files) = folder(CACHED);
    let watched = Folder::new("/db", Arc::clone(&files) as Arc<dyn Files>, WATCHED);
    assert_eq!((users(&cached, &[]).len(), users(&watched, &[]).len()), (3, 3));
    let theirs = format!("{USERS}9:zoe::\n");
    files.set("/db/users", Some(theirs.as_bytes()));
    assert_eq!((users(&cached, &[]).len(), users(&watched, &[]).len()), (3, 4));
    // What they wrote is not lost where it was not seen.
    run(&cached, statement(Action::Insert(set(&[("username", Field::text("x"))])), &[])).unwrap();
    assert_eq!(files.read("/db/users.changed").unwrap(), theirs.as_bytes());
    assert!(text(&files).contains("\n4:x::\n"));
    files.set("/db/users", Some(theirs.as_bytes()));
    cached.reload(Some("USERS")).unwrap();
    assert_eq!(users(&cached, &[]).len(), 4);
    // A table that cannot be read again stays as it was.
    files.set("/db/users", Some(b"nonsense"));
    assert!(cached.reload(None).is_err());
    assert_eq!(users(&cached, &[]).len(), 4);
}

#[test]
fn two_processes_do_not_undo_each_others_changes() {
    let (one, files) = folder(CACHED);
    let other = Folder::new("/db", files, CACHED);
    run(&one, statement(Action::Delete, &[("id", Compare::Equal, Field::Int(1))])).unwrap();
    let why = run(&other, statement(Action::Delete, &[])).unwrap_err();
    assert_eq!(why, DbError::Refused("/db: another process changes tables there".into()));
    assert_eq!(users(&other, &[]).len(), 2, "but it may read");
}

/// A disk that is full now and then, and counts what is written.
#[derive(Default)]
struct Disk {
    files: InMemory,
    full: AtomicBool,
    writes: AtomicU32,
}

impl Files for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }
    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        self.files.stamp(path)
    }
    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.files.replace(path, bytes)
    }
    fn claim(&self, folder: &str) -> io::Result<Claim> {
        self.files.claim(folder)
    }
}

#[test]
fn on_a_full_disk_the_writer_is_told_and_nothing_is_lost() {
    let disk = Arc::new(Disk::default());
    disk.files.set("/db/users", Some(USERS.as_bytes()));
    let folder = Folder::new("/db", Arc::clone(&disk) as Arc<dyn Files>, CACHED);
    disk.full.store(true, Ordering::Relaxed);
    let insert = |user| statement(Action::Insert(set(&[("username", Field::text(user))])), &[]);
    let why = run(&folder, insert("dora")).unwrap_err().to_string();
    assert_eq!(why, "/db/users: no storage space");
    assert_eq!(text(&disk.files), USERS, "the old file stays");
    assert!(folder.flush(None).is_err(), "it is tried again, and told again");
    disk.full.store(false, Ordering::Relaxed);
    run(&folder, insert("emil")).unwrap();
    assert!(text(&disk.files).contains(":dora:"), "what was told as failed is kept");
}

#[test]
fn many_writers_share_a_writing() {
    let disk = Arc::new(Disk::default());
    disk.files.set("/db/users", Some(USERS.as_bytes()));
    let folder = Folder::new("/db", Arc::clone(&disk) as Arc<dyn Files>, CACHED);
    let begin = Barrier::new(8);
    thread::scope(|scope| {
        for writer in 0..8 {
            let (folder, begin, disk) = (&folder, &begin, &disk);
            scope.spawn(move || {
                begin.wait();
                for n in 0..50 {
                    let user = format!("w{writer}n{n}");
                    let row = set(&[("username", Field::text(&user))]);
                    run(folder, statement(Action::Insert(row), &[])).unwrap();
                    let seen = text(&disk.files);
                    assert!(seen.contains(&format!(":{user}:")), "done, and not in the file");
                }
            });
        }
    });
    assert_eq!(text(&disk.files).lines().count(), 4 + 400);
    assert!(disk.writes.load(Ordering::Relaxed) <= 400);
    let again = Folder::new("/db2", Arc::clone(&disk) as Arc<dyn Files>, CACHED);
    disk.files.set("/db2/users", Some(text(&disk.files).as_bytes()));
    assert_eq!(users(&again, &[]).len(), 403);
}

/// A disk on which another program overwrites a file while it is read for the first time.
#[derive(Default)]
struct Overwritten {
    files: InMemory,
    readings: AtomicU32,
}

impl Files for Overwritten {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let whole = self.files.read(path)?;
        if self.readings.fetch_add(1, Ordering::Relaxed) > 0 {
            return Ok(whole);
        }
        self.files.set(path, Some(&whole));
        Ok(whole[..whole.len() / 2].to_vec())
    }
    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        self.files.stamp(path)
    }
    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.replace(path, bytes)
    }
    fn claim(&self, folder: &str) -> io::Result<Claim> {
        self.files.claim(folder)
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let disk = Arc::new(Overwritten::default());
    disk.files.set("/db/users", Some(USERS.as_bytes()));
    let folder = Folder::new("/db", Arc::clone(&disk) as Arc<dyn Files>, CACHED);
    assert_eq!(users(&folder, &[]), ["alice", "bob", "Carol"]);
    assert_eq!(disk.readings.load(Ordering::Relaxed), 2);
}
