//! SQL databases: what the outside lends to the modules `db_mysql`, `db_postgres` and `db_sqlite`.
//! The program opens real ones; a test world has none, or its own. Does no I/O itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

    /// A count, by its place in [`SqlCount::ALL`].
    pub fn at(&self, place: usize) -> u64 {
        self.counts.get(place).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// A count.
    pub fn get(&self, count: SqlCount) -> u64 {
        self.at(count as usize)
    }
}
