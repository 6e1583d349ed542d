//! SQL databases, here SQLite in files: what every kind does.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use sluice_engine::db::{
    Action, Compare, Condition, DbError, Field, Outcome, Source, Statement, Way,
};
use sluice_engine::sql::{SqlCount, SqlCounts, SqlKind, SqlOptions};

use super::SqlDatabases;

const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(64) UNIQUE, \
                     pin INT NOT NULL DEFAULT 7, q FLOAT, seen DATETIME, note BLOB)";

/// A database in a file of its own, gone with it.
struct Made {
    file: PathBuf,
    counts: Arc<SqlCounts>,
    source: Arc<dyn Source>,
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn options() -> SqlOptions {
    SqlOptions {
        module: "db_sqlite",
        kind: SqlKind::Sqlite,
        timeout_ms: 5_000,
        connections: 4,
        slow_us: 0,
        tries: 2,
        ping_ms: 0,
        // A disk that is slow is not what is tested.
        pragmas: vec!["busy_timeout=100".to_owned(), "synchronous=OFF".to_owned()],
    }
}

fn made(name: &str) -> Made {
    let file = std::env::temp_dir().join(format!("sluice-{name}-{}.db", std::process::id()));
    std::fs::write(&file, "").unwrap();
    let counts = Arc::<SqlCounts>::default();
    let source = open(&file.display().to_string(), &counts).unwrap();
    source.ask(vec![raw(USERS)]).unwrap();
    Made { file, counts, source }
}

fn open(rest: &str, counts: &Arc<SqlCounts>) -> Result<Arc<dyn Source>, String> {
    let folders = [PathBuf::from("/")];
    SqlDatabases::new(folders, TimeZone::UTC).open(rest, options(), Arc::clone(counts))
}

fn raw(sql: &str) -> Statement {
    statement(Action::Raw(sql.into()), vec![])
}

fn statement(action: Action, conditions: Vec<Condition>) -> Statement {
    Statement { table: "users".into(), action, conditions }
}

fn user(name: &str) -> Vec<(Arc<str>, Field)> {
    vec![("name".into(), Field::text(name))]
}

fn insert(name: &str) -> Statement {
    statement(Action::Insert(user(name)), vec![])
}

fn is(column: &str, value: Field) -> Vec<Condition> {
    vec![Condition { column: column.into(), compare: Compare::Equal, value }]
}

fn select(columns: &[&str], conditions: Vec<Condition>) -> Statement {
    let columns = columns.iter().map(|column| Arc::from(*column)).collect();
    statement(Action::Select(columns), conditions)
}

fn names(source: &dyn Source) -> Vec<String> {
    let rows = source.ask(vec![select(&["name"], vec![])]).unwrap();
    let text = |field: &Field| String::from_utf8_lossy(field.bytes().unwrap()).into_owned();
    rows.rows.iter().map(|row| text(&row[0])).collect()
}

fn wait<T>(way: Way<'_, T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match way {
        Way::Waiting(outcome) => runtime.block_on(outcome),
        Way::Blocking(work) => work(),
    }
}

#[test]
fn values_come_back_as_they_went() {
    let made = made("values");
    let fields = vec![
        ("NAME".into(), Field::text("o'neil \"; DROP TABLE users")),
        ("pin".into(), Field::text("12")),
        ("q".into(), Field::Double(0.7)),
        ("seen".into(), Field::Time(1_700_000_000)),
        ("note".into(), Field::Text([0, 0xff].into())),
    ];
    let added = made.source.ask(vec![statement(Action::Insert(fields), vec![])]).unwrap();
    assert_eq!(added.changed, 1);
    let rows = made.source.ask(vec![select(&[], is("pin", Field::Int(12)))]).unwrap();
    let columns: Vec<&str> = rows.columns.iter().map(|column| &**column).collect();
    assert_eq!(columns, ["id", "name", "pin", "q", "seen", "note"]);
    let expected = [
        Field::Int(1),
        Field::text("o'neil \"; DROP TABLE users"),
        Field::Int(12),
        Field::Double(0.7),
        Field::Time(1_700_000_000),
        Field::Text([0, 0xff].into()),
    ];
    assert_eq!(*rows.rows, [expected.into()]);
    let stored = made.source.ask(vec![raw("SELECT typeof(seen), seen FROM users")]).unwrap();
    let text = Field::text("2023-11-14 22:13:20");
    assert_eq!(stored.rows[0][0], Field::text("text"), "as OpenSIPS writes it");
    assert!(stored.rows[0][1] == text || stored.rows[0][1] == Field::Time(1_700_000_000));
}

#[test]
fn rows_are_changed_replaced_and_removed() {
    let made = made("changes");
    let source = &*made.source;
    let replace = |name: &str, pin| {
        let fields = vec![("pin".into(), Field::Int(pin))];
        source.ask(vec![statement(Action::Replace(fields), is("name", Field::text(name)))])
    };
    assert_eq!(replace("alice", 1).unwrap().changed, 1);
    assert_eq!(replace("alice", 2).unwrap().changed, 1);
    assert_eq!(replace("bob", 3).unwrap().changed, 1);
    assert_eq!(names(source), ["alice", "bob"]);
    let pins = source.ask(vec![select(&["pin"], vec![])]).unwrap();
    assert_eq!(*pins.rows, [[Field::Int(2)].into(), [Field::Int(3)].into()]);
    let null = vec![("q".into(), Field::Null)];
    let all = source.ask(vec![statement(Action::Update(null), vec![])]).unwrap();
    assert_eq!(all.changed, 2);
    assert_eq!(source.ask(vec![select(&[], is("q", Field::Null))]).unwrap().rows.len(), 2);
    let gone = statement(Action::Delete, is("name", Field::text("bob")));
    assert_eq!(source.ask(vec![gone]).unwrap().changed, 1);
    assert_eq!(names(source), ["alice"]);
    let empty = source.ask(vec![select(&[], is("pin", Field::Int(99)))]).unwrap();
    assert_eq!((empty.columns.len(), empty.rows.len()), (6, 0), "columns without a row");
}

#[test]
fn statements_of_one_run_are_done_as_a_whole() {
    let made = made("whole");
    let source = &*made.source;
    let twice: Outcome = wait(source.run(vec![insert("alice"), insert("alice")]));
    assert!(matches!(&twice, Err(DbError::Refused(why)) if why.contains("UNIQUE")), "{twice:?}");
    assert_eq!(names(source), [""; 0]);
    let both = vec![insert("alice"), insert("bob"), select(&["name"], vec![])];
    assert_eq!(wait(source.run(both)).unwrap().rows.len(), 2);
    let each = wait(source.each(vec![insert("carol"), insert("alice"), insert("dave")]));
    assert_eq!(each.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(names(source), ["alice", "bob", "carol", "dave"]);
}

#[test]
fn what_is_wrong_is_told_in_a_line() {
    let made = made("wrong");
    let told = |statement| made.source.ask(vec![statement]).unwrap_err().to_string();
    let other = Statement { table: "calls".into(), ..select(&[], vec![]) };
    assert_eq!(told(other), "table calls: no such table: calls");
    assert_eq!(told(select(&["pen"], vec![])), "table users has no column pen");
    assert_eq!(told(select(&[], is("pen", Field::Null))), "table users has no column pen");
    let text = told(select(&[], is("pin", Field::text("x"))));
    assert_eq!(text, "table users, column pin: `x` is no number");
    let null = statement(Action::Insert(vec![("pin".into(), Field::Null)]), vec![]);
    let text = told(null);
    assert_eq!(text, "table users, column pin: NOT NULL constraint failed: users.pin");
    let two = raw("SELECT name FROM users WHERE name = ''; DROP TABLE users; --'");
    assert_eq!(told(two), "only one statement at a time");
    let before = made.counts.get(SqlCount::Failed);
    assert_eq!(told(raw("SELEKT")), "near \"SELEKT\": syntax error");
    assert_eq!(made.counts.get(SqlCount::Failed), before + 1);
}

#[test]
fn a_table_that_was_changed_is_known_anew() {
    let made = made("anew");
    let source = &*made.source;
    source.ask(vec![insert("alice"), select(&[], vec![])]).unwrap();
    source.ask(vec![raw("ALTER TABLE users ADD COLUMN realm TEXT DEFAULT 'x'")]).unwrap();
    let rows = source.ask(vec![select(&["realm"], vec![])]).unwrap();
    assert_eq!(*rows.rows, [[Field::text("x")].into()]);
    source.ask(vec![raw("ALTER TABLE users ADD COLUMN more INT DEFAULT 5")]).unwrap();
    let rows = source.ask(vec![select(&[], vec![])]).unwrap();
    assert_eq!(rows.columns.len(), 8);
    source.ask(vec![raw("ALTER TABLE users RENAME COLUMN more TO less")]).unwrap();
    let error = source.ask(vec![select(&["more"], vec![])]).unwrap_err();
    assert_eq!(error.to_string(), "table users has no column more");
}

#[test]
fn another_one_that_writes_is_waited_for_and_then_told() {
    let made = made("busy");
    let other = open(&made.file.display().to_string(), &made.counts).unwrap();
    // A transaction that stays open: the database is locked for everyone else.
    let held = other.ask(vec![raw("BEGIN IMMEDIATE")]);
    assert!(held.is_ok());
    let error = made.source.ask(vec![insert("alice")]).unwrap_err();
    assert_eq!(error, DbError::Unreachable("database is locked".to_owned()));
    other.ask(vec![raw("COMMIT")]).unwrap();
    made.source.ask(vec![insert("alice")]).unwrap();
    assert_eq!(names(&*made.source), ["alice"]);
}

#[test]
fn many_ask_at_once() {
    let made = made("many");
    let source = &*made.source;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ways = (0..200).map(|number| match source.run(vec![insert(&format!("u{number}"))]) {
        Way::Waiting(outcome) => outcome,
        Way::Blocking(_) => panic!("it waits"),
    });
    let done = runtime.block_on(futures_util::future::join_all(ways));
    assert_eq!(done.into_iter().find_map(Result::err), None);
    assert_eq!(names(source).len(), 200);
    let timings = made.counts.timings();
    let shapes = timings.iter().map(|(table, action, t)| (&**table, *action, t.count));
    let shapes: Vec<_> = shapes.collect();
    assert_eq!(shapes, [("users", "insert", 200), ("users", "raw", 1), ("users", "select", 1)]);
    assert!(timings.iter().all(|(.., timing)| timing.failed == 0 && timing.sum_us > 0));
    assert!(made.counts.get(SqlCount::Connections) <= 4);
    assert_eq!(made.counts.get(SqlCount::Queries), 202, "with the table and the names");
}

#[test]
fn a_database_in_memory_lasts_as_long_as_it_is_open() {
    let counts = Arc::<SqlCounts>::default();
    let source = open(":memory:", &counts).unwrap();
    source.ask(vec![raw(USERS), insert("alice")]).unwrap();
    assert_eq!(names(&*source), ["alice"]);
    assert_eq!(source.name(), "sqlite://:memory:");
    assert_eq!(counts.get(SqlCount::Connections), 1);
}

#[test]
fn what_cannot_be_opened_is_told() {
    let counts = Arc::<SqlCounts>::default();
    let error = open("nowhere/sip.db", &counts).err().unwrap();
    assert_eq!(error, "nowhere/sip.db: no such file");
    let file = std::env::temp_dir().join(format!("sluice-no-db-{}", std::process::id()));
    std::fs::write(&file, "this is a text, and not at all a database of SQLite").unwrap();
    let path = file.display().to_string();
    let error = open(&path, &counts).err().unwrap();
    assert_eq!(error, format!("sqlite://{path}: file is not a database"));
    std::fs::remove_file(file).unwrap();
}
