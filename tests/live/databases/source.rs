//! What a database of each kind gives and takes, asked without a gateway; and what becomes of
//! questions while it is away, silent or slow.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sluice_control::SqlDatabases;
use sluice_engine::TimeZone;
use sluice_engine::db::{Action, Condition, DbError, Field, Source, Statement};
use sluice_engine::sql::{SqlCount, SqlCounts, SqlKind, SqlOptions};

use super::Kind;
use super::relay::Relay;
use crate::support::PATIENCE;

/// How long a database may be silent here.
const TIMEOUT: Duration = Duration::from_millis(1_000);

/// Rows, or why there are none.
type Answer = Result<Vec<Vec<Field>>, DbError>;

/// A database that is asked directly.
pub struct Asked {
    pub source: Arc<dyn Source>,
    pub counts: Arc<SqlCounts>,
}

impl Asked {
    pub fn new(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let kinds = [SqlKind::MySql, SqlKind::Postgres, SqlKind::Sqlite];
        let kind = kinds.into_iter().find(|kind| kind.scheme() == scheme).unwrap();
        let options = SqlOptions {
            module: "test",
            kind,
            timeout_ms: TIMEOUT.as_millis() as u64,
            connections: 2,
            slow_us: 0,
            tries: 2,
            ping_ms: 300_000,
            pragmas: Vec::new(),
        };
        let counts = Arc::<SqlCounts>::default();
        // A zone that is an hour or two from the server's.
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let all = SqlDatabases::new([], zone);
        let source = all.open(rest, options, Arc::clone(&counts));
        Self { source: source.unwrap_or_else(|why| panic!("{why}")), counts }
    }

    fn ask(&self, action: Action, conditions: Vec<Condition>) -> Answer {
        let statement = Statement { table: "kept".into(), action, conditions };
        let rows = self.source.ask(vec![statement])?;
        Ok(rows.rows.into_iter().map(Vec::from).collect())
    }

    fn raw(&self, sql: &str) -> Answer {
        self.ask(Action::Raw(sql.into()), vec![])
    }

    /// What is said of a statement that cannot be done.
    pub fn refusal(&self, sql: &str) -> String {
        self.raw(sql).unwrap_err().to_string()
    }

    /// Asks until the answer is the wanted one.
    pub fn until(&self, wanted: impl Fn(&Answer) -> bool) {
        let begun = Instant::now();
        loop {
            let answer = self.raw("SELECT 1");
            if wanted(&answer) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{answer:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Every type goes there and comes back; what does not fit is told.
pub fn values_come_back(kind: &impl Kind, columns: &str, given: &[(&str, Field, Field)]) {
    kind.sql(&format!("CREATE TABLE kept (id INT PRIMARY KEY, {columns});"));
    let asked = Asked::new(&kind.url());
    let id = || Condition::equal(&"id".into(), Field::text("1"));
    let fields = || given.iter().map(|(name, value, _)| (Arc::from(*name), value.clone()));
    asked.ask(Action::Replace(fields().collect()), vec![id()]).unwrap();
    let names: Arc<[Arc<str>]> = given.iter().map(|(name, ..)| Arc::from(*name)).collect();
    let rows = asked.ask(Action::Select(Arc::clone(&names)), vec![id()]).unwrap();
    let expected: Vec<Field> = given.iter().map(|(.., back)| back.clone()).collect();
    assert_eq!(rows, std::slice::from_ref(&expected), "{names:?}");
    // Again, over a statement that is prepared by now; and found by each value.
    asked.ask(Action::Replace(fields().collect()), vec![id()]).unwrap();
    for (name, value, _) in given.iter().filter(|(name, ..)| !name.starts_with("un")) {
        let condition = Condition::equal(&Arc::from(*name), value.clone());
        let found = asked.ask(Action::Select(Arc::new(["id".into()])), vec![condition]);
        assert_eq!(found, Ok(vec![vec![Field::Int(1)]]), "{name}");
    }
    let null = |name: &&str| (Arc::from(*name), Field::Null);
    let all: Vec<_> = given.iter().map(|(name, ..)| *name).collect();
    asked.ask(Action::Update(all.iter().map(null).collect()), vec![id()]).unwrap();
    let rows = asked.ask(Action::Select(names), vec![id()]).unwrap();
    assert_eq!(rows, [vec![Field::Null; all.len()]]);

    let row = || vec![("id".into(), Field::Int(1))];
    let error = asked.ask(Action::Insert(row()), vec![]).unwrap_err();
    assert!(matches!(error, DbError::Refused(_)), "there is such a row: {error:?}");
    let null = vec![("id".into(), Field::Null)];
    let error = asked.ask(Action::Update(null), vec![]).unwrap_err();
    assert!(matches!(&error, DbError::Misfit { column, .. } if column == "id"), "{error:?}");
}

/// A database that goes, comes back, is silent and is slow.
pub fn outages(kind: &impl Kind, relay: &Relay, url: &str) {
    kind.sql("CREATE TABLE kept (id INT PRIMARY KEY);");
    let asked = Asked::new(url);
    assert_eq!(asked.raw("SELECT 1").unwrap(), [[Field::Int(1)]]);

    // Cut once, a statement is done again over a new connection.
    relay.cut();
    relay.heal();
    assert_eq!(asked.raw("SELECT 1").unwrap(), [[Field::Int(1)]]);
    assert_eq!(asked.counts.get(SqlCount::Gone), 0);

    relay.cut();
    let error = asked.raw("SELECT 1").unwrap_err();
    assert!(matches!(error, DbError::Unreachable(_)), "{error:?}");
    let begun = Instant::now();
    for _ in 0..1_000 {
        assert!(asked.raw("SELECT 1").is_err());
    }
    assert!(begun.elapsed() < PATIENCE / 4, "nobody waits for it");
    let connections = asked.counts.get(SqlCount::Connections);
    relay.heal();
    asked.until(Result::is_ok);
    let count = |count| asked.counts.get(count);
    assert_eq!((count(SqlCount::Gone), count(SqlCount::Back)), (1, 1));
    assert_eq!(count(SqlCount::Connections), connections + 1, "one asks for all");

    relay.stall();
    let begun = Instant::now();
    let late = DbError::Deadline(TIMEOUT.as_millis() as u64);
    assert_eq!(asked.raw("SELECT 1"), Err(late));
    assert!(begun.elapsed() >= TIMEOUT && begun.elapsed() < PATIENCE);
    assert_eq!(count(SqlCount::Late), 1);
    relay.heal();
    asked.until(Result::is_ok);

    // Slow, but in time.
    relay.delay(TIMEOUT / 10);
    let begun = Instant::now();
    let fields = vec![("id".into(), Field::Int(7))];
    asked.ask(Action::Insert(fields), vec![]).unwrap();
    assert!(begun.elapsed() >= TIMEOUT / 10);
    relay.heal();
    let rows = asked.ask(Action::Select(Arc::new(["id".into()])), vec![]).unwrap();
    assert_eq!(rows, [[Field::Int(7)]]);
}
