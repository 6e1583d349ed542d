//! Tables of module `db_text` on a real disk: writers that are killed, a disk that is full, one
//! that cannot be written, a file that is replaced while it is read.
//!
//! The writer is this test program once more, so that it can be killed; `scripts/soak db-text`
//! kills more of them. A full disk is a small one of its own, which `unshare` lets a process have.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sluice::serve::files::DiskFiles;
use sluice_engine::db::{Action, DbError, Field, Outcome, Source, Statement};
use sluice_modules::db_text::store::{Folder as Database, Mode};

use crate::support;

/// The line of columns of the table that is written.
const COLUMNS: &str = "number(long) note(string,null)\n";
/// Where a child finds its folder.
const FOLDER: &str = "SLUICE_DB_TEXT_FOLDER";
/// How fast rows are added.
const WRITES_A_SECOND: u32 = 1_000;
/// So many writers wait for the disk together.
const WRITERS: usize = 16;
/// More rows than this, and the table is begun again: each writing writes all of them.
const ROWS_MAX: usize = 3_000;

/// A folder as a database; a bad row would be an error.
fn database(folder: &str) -> Database {
    let files = DiskFiles::new([PathBuf::from("/"), PathBuf::from("/")]);
    Database::new(folder, Arc::new(files), Mode { watches: false, longest: 4096, strict: true })
}

fn statement(action: Action) -> Statement {
    Statement { table: Arc::from("numbers"), action, conditions: Vec::new() }
}

fn insert(database: &Database, number: i64, note: &str) -> Outcome {
    let row =
        vec![(Arc::from("number"), Field::Int(number)), (Arc::from("note"), Field::text(note))];
    database.ask(vec![statement(Action::Insert(row))])
}

/// The numbers that a file holds, as a program that begins now finds them.
fn numbers(folder: &str) -> Result<Vec<i64>, DbError> {
    let rows = database(folder).ask(vec![statement(Action::Select(Arc::from([])))])?;
    Ok(rows.rows.iter().filter_map(|row| row[0].int()).collect())
}

/// This test program, to run one of the children below on a folder; `before` is a shell's command.
fn child(name: &str, folder: &str, before: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before} exec \"$0\" \"$@\"")]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("db_text::{name}"), "--ignored", "--nocapture"]);
    command.env(FOLDER, folder);
    command
}

/// The folder of a child; `None` where it was started by hand.
fn own_folder() -> Option<String> {
    Some(std::env::var(FOLDER).ok()?.trim_end_matches('/').to_owned())
}

#[test]
#[ignore = "a child of `what_was_reported_is_there_after_kill_9`"]
fn writer() {
    let Some(folder) = own_folder() else { return };
    let database = database(&folder);
    let first = numbers(&folder).unwrap().into_iter().max().map_or(0, |last| last + 1);
    let (next, begun) = (AtomicI64::new(0), Instant::now());
    let write = || loop {
        let due = next.fetch_add(1, Ordering::Relaxed);
        let at = Duration::from_secs(1) * u32::try_from(due).unwrap() / WRITES_A_SECOND;
        thread::sleep(at.saturating_sub(begun.elapsed()));
        insert(&database, first + due, "written while others are").unwrap();
        std::io::stdout().lock().write_all(format!("\n{}\n", first + due).as_bytes()).unwrap();
    };
    thread::scope(|scope| (0..WRITERS).for_each(|_| drop(scope.spawn(write))));
}

/// How often a writer is killed; `scripts/soak db-text` names its own number.
fn kills() -> u64 {
    std::env::var("SLUICE_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

#[test]
fn what_was_reported_is_there_after_kill_9() {
    let folder = support::Folder::new();
    folder.write("numbers", COLUMNS);
    let (mut reported, mut in_all) = (Vec::new(), 0);
    for kill in 0..kills() {
        let mut writer = child("writer", &folder.path(""), "");
        let mut writer = writer.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = writer.stdout.take().unwrap();
        // Not at the same moment of each: some in the midst of a writing.
        thread::sleep(Duration::from_millis(300 + kill * 37 % 200));
        let refused = insert(&database(&folder.path("")), -1, "not by two").unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
        writer.kill().unwrap();
        writer.wait().unwrap();
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        // A number that was cut off has no line end behind it.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let before = reported.len();
        reported.extend(whole.lines().filter_map(|line| line.parse::<i64>().ok()));
        assert!(reported.len() > before, "kill {kill}: nothing was written: {text}");
        in_all += reported.len() - before;
        let found = numbers(&folder.path("")).unwrap_or_else(|why| panic!("kill {kill}: {why}"));
        let missing: Vec<_> = reported.iter().filter(|number| !found.contains(number)).collect();
        assert!(missing.is_empty(), "kill {kill}: reported, and not in the file: {missing:?}");
        if found.len() > ROWS_MAX {
            folder.write("numbers", COLUMNS);
            reported.clear();
        }
    }
    // The folder is free again.
    insert(&database(&folder.path("")), -1, "by the next one").unwrap();
    println!("{} kills, {in_all} writes reported, all there", kills());
}

/// Runs a child on a disk of its own of `size`, and says what it said if it fails.
fn on_own_disk(name: &str, size: &str) {
    let folder = support::Folder::new();
    let mount = format!("mount -t tmpfs -o size={size} none \"${FOLDER}\" &&");
    let inner = child(name, &folder.path(""), &mount);
    let mut outer = Command::new("unshare");
    outer.arg("-rm").arg(inner.get_program()).args(inner.get_args());
    let out = outer.env(FOLDER, folder.path("")).output().unwrap();
    let (text, errors) =
        (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && text.contains("1 passed"), "{text}{errors}");
}

#[test]
fn a_disk_that_is_full_keeps_the_old_file() {
    on_own_disk("full_disk", "64k");
}

#[test]
#[ignore = "a child of `a_disk_that_is_full_keeps_the_old_file`"]
fn full_disk() {
    let Some(folder) = own_folder() else { return };
    let path = |name: &str| format!("{folder}/{name}");
    std::fs::write(path("numbers"), COLUMNS).unwrap();
    std::fs::write(path("ballast"), [0; 16 << 10]).unwrap();
    let (database, note) = (database(&folder), "n".repeat(200));
    let full = (0..1_000).find_map(|n| insert(&database, n, &note).err().map(|why| (n, why)));
    let (refused, why) = full.unwrap();
    let place = path("numbers");
    assert_eq!(why.to_string(), format!("{place}: No space left on device (os error 28)"));
    assert_eq!(numbers(&folder).unwrap(), (0..refused).rev().collect::<Vec<_>>(), "the old file");
    assert!(insert(&database, refused + 1, "").is_err(), "told again");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".sluice-writes-here", "ballast", "numbers"], "nothing half is left");
    std::fs::remove_file(path("ballast")).unwrap();
    database.flush(None).unwrap();
    let all: Vec<_> = (0..refused + 2).rev().collect();
    assert_eq!(numbers(&folder).unwrap(), all, "also what was refused meanwhile");
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    on_own_disk("read_only", "64k");
}

#[test]
#[ignore = "a child of `a_folder_that_cannot_be_written_can_be_read`"]
fn read_only() {
    let Some(folder) = own_folder() else { return };
    std::fs::write(format!("{folder}/numbers"), format!("{COLUMNS}7:x\n")).unwrap();
    let mount = Command::new("mount").args(["-o", "remount,ro", &folder]).status().unwrap();
    assert!(mount.success());
    let why = insert(&database(&folder), 8, "x").unwrap_err().to_string();
    assert_eq!(why, format!("{folder}: Read-only file system (os error 30)"));
    assert_eq!(numbers(&folder).unwrap(), [7]);
}

#[test]
fn a_table_that_is_replaced_while_it_is_read_is_the_old_or_the_new_one() {
    let folder = support::Folder::new();
    let rows = |note: &str| -> String {
        (0..2_000).fold(COLUMNS.to_owned(), |text, n| text + &format!("{n}:{note}\n"))
    };
    let texts = [rows("the old one"), rows("the new one, which is longer")];
    folder.write("numbers", &texts[0]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // As an administrator's tool does: written beside, and renamed.
            for text in texts.iter().cycle() {
                let new = folder.write("new", text);
                std::fs::rename(new, folder.path("numbers")).unwrap();
                if over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..50 {
            let all = statement(Action::Select(Arc::from([Arc::from("note")])));
            let read = database(&folder.path("")).ask(vec![all]);
            let rows = read.unwrap().rows;
            assert!(rows.len() == 2_000 && rows.iter().all(|row| *row == rows[0]), "mixed");
        }
        over.store(true, Ordering::Relaxed);
    });
}
