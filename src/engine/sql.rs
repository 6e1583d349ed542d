//! SQL databases: what the outside lends to the modules `db_mysql`, `db_postgres` and `db_sqlite`.
//! The program opens real ones; a test world has none, or its own. Does no I/O itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::db::{Open, Source};

/// A kind of SQL database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SqlKind {
    /// MariaDB and MySQL.
    MySql,
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl SqlKind {
    /// What stands before `://`.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// How the databases of a kind are used: what their module's parameters say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqlOptions {
    /// The module, for the log.
    pub module: &'static str,
    /// The kind.
    pub kind: SqlKind,
    /// The longest that connecting takes, and that a database is silent, milliseconds.
    pub timeout_ms: u64,
    /// The most connections to one database.
    pub connections: u32,
    /// A statement that took longer is told, microseconds; 0: none is.
    pub slow_us: u64,
    /// How often a statement is tried whose connection breaks; 1: once.
    pub tries: u32,
    /// A connection that was idle for longer is tried before it is used, milliseconds.
    pub ping_ms: u64,
    /// `name=value` of pragmas for each new connection; SQLite only.
    pub pragmas: Vec<String>,
}

/// Opens SQL databases.
pub trait Sql: Send + Sync {
    /// What opens the databases of a kind; `counts` are of all of them.
    fn opener(&self, options: SqlOptions, counts: Arc<SqlCounts>) -> Open;
}

/// No database, for programs without any.
#[derive(Debug)]
pub struct NoSql;

impl Sql for NoSql {
    fn opener(&self, options: SqlOptions, _: Arc<SqlCounts>) -> Open {
        let scheme = options.kind.scheme();
        Arc::new(move |_: &str| -> Result<Arc<dyn Source>, String> {
            Err(format!("{scheme}://: there are no SQL databases here"))
        })
    }
}

/// What the databases of a kind have done.
#[derive(Default, Debug)]
pub struct SqlCounts {
    counts: [AtomicU64; SqlCount::ALL.len()],
    /// Databases that have gone and come back, until somebody asks.
    turns: Mutex<Vec<Turn>>,
    /// By table and what is done with it.
    timings: Mutex<BTreeMap<(Box<str>, &'static str), Timing>>,
}

/// A database has gone, or is back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Its URL without the password.
    pub name: Arc<str>,
    /// It is back.
    pub is_back: bool,
}

/// How long statements of one shape took: those on one table that do the same with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    /// How many took at most [`Timing::BOUNDS_US`], each bound for itself.
    pub within: [u64; Self::BOUNDS_US.len()],
    /// How many there were.
    pub count: u64,
    /// How many were not done.
    pub failed: u64,
    /// What all took, microseconds.
    pub sum_us: u64,
}

impl Timing {
    /// From what is in memory to what a caller does not wait for, microseconds.
    pub const BOUNDS_US: [u64; 7] = [1_000, 5_000, 20_000, 100_000, 500_000, 2_000_000, 10_000_000];
}

/// One of [`SqlCounts`]; in this order in the tables of the modules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SqlCount {
    /// Statements asked for.
    Queries,
    /// Those that were not done.
    Failed,
    /// Those that took longer than `exec_query_threshold`.
    Slow,
    /// Those that the database did not answer in time.
    Late,
    /// The time that all took together, microseconds.
    Micros,
    /// Connections made.
    Connections,
    /// How often a database went away.
    Gone,
    /// How often one came back.
    Back,
}

impl SqlCount {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Queries,
        Self::Failed,
        Self::Slow,
        Self::Late,
        Self::Micros,
        Self::Connections,
        Self::Gone,
        Self::Back,
    ];
}

impl SqlCounts {
    /// Adds to a count.
    pub fn add(&self, count: SqlCount, more: u64) {
        self.counts[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// Counts that a database has gone or is back, and keeps it for [`Self::turns`]; where nobody
    /// asks for them, the latest [`SQL_TURNS`](crate::limits::SQL_TURNS).
    pub fn turn(&self, name: &Arc<str>, is_back: bool) {
        self.add(if is_back { SqlCount::Back } else { SqlCount::Gone }, 1);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= crate::limits::SQL_TURNS {
            turns.remove(0);
        }
        turns.push(Turn { name: Arc::clone(name), is_back });
    }

    /// What has gone and come back since this was asked last, in order.
    pub fn turns(&self) -> Vec<Turn> {
        std::mem::take(&mut *self.turns.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes how long a statement took. The tables are those of the modules, and what scripts name:
    /// beyond [`SQL_SHAPES`](crate::limits::SQL_SHAPES) they are counted together.
    pub fn time(&self, table: &str, action: &'static str, took_us: u64, failed: bool) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = timings.len() >= crate::limits::SQL_SHAPES;
        let mut key = (table.into(), action);
        if is_full && !timings.contains_key(&key) {
            key = ("others".into(), "any");
        }
        let timing = timings.entry(key).or_default();
        timing.count += 1;
        timing.failed += u64::from(failed);
        timing.sum_us += took_us;
        for (within, bound) in timing.within.iter_mut().zip(Timing::BOUNDS_US) {
            *within += u64::from(took_us <= bound);
        }
    }

    /// The shapes of statements so far: table, what is done with it, how long it took.
    pub fn timings(&self) -> Vec<(Box<str>, &'static str, Timing)> {
        let timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        let all = timings.iter().map(|((table, action), timing)| (table.clone(), *action, *timing));
        all.collect()
    }

    /// A count, by its place in [`SqlCount::ALL`].
    pub fn at(&self, place: usize) -> u64 {
        self.counts.get(place).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// A count.
    pub fn get(&self, count: SqlCount) -> u64 {
        self.at(count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_timed_by_their_shape() {
        let counts = SqlCounts::default();
        counts.time("users", "select", 900, false);
        counts.time("users", "select", 6_000, true);
        counts.time("acc", "insert", 60_000_000, false);
        let timings = counts.timings();
        let (table, action, acc) = &timings[0];
        assert_eq!((&**table, *action, acc.within), ("acc", "insert", [0; 7]));
        let users = timings[1].2;
        assert_eq!((users.count, users.failed, users.sum_us), (2, 1, 6_900));
        assert_eq!(users.within, [1, 1, 2, 2, 2, 2, 2]);
        for number in 0..1_000 {
            counts.time(&format!("t{number}"), "select", 1, false);
        }
        let timings = counts.timings();
        assert_eq!(timings.len(), crate::limits::SQL_SHAPES + 1);
        let others = timings.iter().find(|(table, ..)| &**table == "others").unwrap().2;
        assert_eq!(others.count, 1_002 - crate::limits::SQL_SHAPES as u64);
    }
}
