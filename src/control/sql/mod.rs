//! SQL databases: MariaDB and MySQL, PostgreSQL, SQLite, by sqlx.
//!
//! One thread does everything, started with the first database; workers and management hand it
//! statements and get outcomes. Nobody but who asks waits for a database.
//!
//! | file | what |
//! |---|---|
//! | `source.rs` | a database as modules see it; its queue, what is counted and told |
//! | `work.rs` | statements over a connection: transactions, second attempts |
//! | `pool.rs` | connections; a database that goes and comes back |
//! | `words.rs` | statements as SQL |
//! | `value.rs` | values on their way |
//! | `kind.rs` | what the kinds have in common |
//! | `mysql.rs`, `postgres.rs`, `sqlite.rs` | the kinds |
//! | `url.rs` | URLs |

mod kind;
mod mysql;
mod pool;
mod postgres;
mod source;
mod sqlite;
#[cfg(test)]
mod tests;
mod url;
mod value;
mod words;
mod work;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use jiff::tz::TimeZone;
use sluice_engine::db::{Open, Source};
use sluice_engine::sql::{Sql, SqlCounts, SqlKind, SqlOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

use crate::limits;
use kind::Kind;
use mysql::Maria;
use pool::Pool;
use postgres::Elephant;
use source::{Database, serve};
use sqlite::Lite;
use url::Url;

/// The real databases. Clones share their thread.
#[derive(Clone)]
pub struct SqlDatabases {
    /// Where the file of an SQLite database may be.
    folders: Arc<[PathBuf]>,
    zone: TimeZone,
    thread: Arc<Mutex<Option<Starts>>>,
}

/// Work that begins in the thread of databases.
type Starts = mpsc::UnboundedSender<Box<dyn FnOnce() + Send>>;

impl SqlDatabases {
    /// Databases whose files are looked for in these folders, in this order, and whose local times
    /// are of this zone.
    pub fn new(folders: impl Into<Arc<[PathBuf]>>, zone: TimeZone) -> Self {
        Self { folders: folders.into(), zone, thread: Arc::default() }
    }

    /// Opens the database of a URL; `rest` is what stands behind `://`. Waits for the first
    /// connection, at most as long as the options say.
    ///
    /// # Errors
    /// Why there is none, in one line without the password.
    pub fn open(
        &self,
        rest: &str,
        options: SqlOptions,
        counts: Arc<SqlCounts>,
    ) -> Result<Arc<dyn Source>, String> {
        let zone = self.zone.clone();
        let scheme = options.kind.scheme();
        match options.kind {
            SqlKind::MySql => {
                let url = Url::parse(rest)?;
                self.start(Maria::new(&url, zone), &url.name(scheme), options, counts)
            }
            SqlKind::Postgres => {
                let url = Url::parse(rest)?;
                self.start(Elephant::new(&url, zone), &url.name(scheme), options, counts)
            }
            SqlKind::Sqlite => {
                let path = sqlite::file(rest, &self.folders)?;
                let options = match path == Path::new(sqlite::MEMORY) {
                    true => only_one(options),
                    false => options,
                };
                let name = format!("{scheme}://{}", path.display());
                self.start(Lite::new(&path, &options.pragmas, zone)?, &name, options, counts)
            }
        }
    }

    fn start<K: Kind + Send>(
        &self,
        kind: K,
        name: &str,
        options: SqlOptions,
        counts: Arc<SqlCounts>,
    ) -> Result<Arc<dyn Source>, String> {
        let name: Arc<str> = name.into();
        let (database, queue) = Database::new(Arc::clone(&name), Arc::clone(&counts));
        let (opened, opening) = oneshot::channel();
        self.in_thread(Box::new(move || {
            let pool = Pool::new(kind, name, options, counts);
            spawn_local(serve(pool, queue, opened));
        }))?;
        match opening.blocking_recv() {
            Ok(Ok(())) => Ok(Arc::new(database)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the thread of databases has ended".to_owned()),
        }
    }

    /// Begins work in the thread of databases, which is there from the first call on.
    fn in_thread(&self, work: Box<dyn FnOnce() + Send>) -> Result<(), String> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = match &*thread {
            Some(starts) => starts,
            None => thread.insert(spawn().map_err(|error| error.to_string())?),
        };
        starts.send(work).map_err(|_| "the thread of databases has ended".to_owned())
    }
}

impl Sql for SqlDatabases {
    fn opener(&self, options: SqlOptions, counts: Arc<SqlCounts>) -> Open {
        let all = self.clone();
        Arc::new(move |rest: &str| all.open(rest, options.clone(), Arc::clone(&counts)))
    }
}

/// A thread that does what it is given, until nobody can give it anything and all is done.
fn spawn() -> std::io::Result<Starts> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (starts, mut queue) = mpsc::unbounded_channel::<Box<dyn FnOnce() + Send>>();
    Builder::new().name("databases".into()).spawn(move || {
        let local = LocalSet::new();
        runtime.block_on(local.run_until(async move {
            while let Some(work) = queue.recv().await {
                work();
            }
        }));
        runtime.block_on(local);
    })?;
    Ok(starts)
}

/// A database in memory is its connection: there is one, and it is never given up.
fn only_one(options: SqlOptions) -> SqlOptions {
    let forever = limits::SQL_MEMORY.as_millis() as u64;
    SqlOptions { connections: 1, timeout_ms: forever, ping_ms: u64::MAX, ..options }
}
