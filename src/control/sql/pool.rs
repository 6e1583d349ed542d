//! The connections to one database: how many there are is for the caller to bound. One that is
//! free is taken, else one is made. A database that cannot be reached is asked again by one task,
//! with pauses that grow and differ; until it is back, whoever asks is told so at once.
//!
//! Not sqlx's own pool: that lets everyone who asks try to connect, each until its deadline.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use sluice_engine::db::DbError;
use sluice_engine::sql::{SqlCount, SqlCounts, SqlOptions};
use sqlx::Connection;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use super::kind::{Fault, Kind};
use super::value::Column;
use super::words::probe;
use crate::limits;

/// See the file's head.
pub(crate) struct Pool<K: Kind> {
    /// The database.
    pub kind: K,
    /// Its URL without the password.
    pub name: Arc<str>,
    /// What the module's parameters say.
    pub options: SqlOptions,
    /// What is counted.
    pub counts: Arc<SqlCounts>,
    idle: RefCell<Vec<Idle<K>>>,
    /// Why it cannot be reached, when it cannot.
    away: RefCell<Option<DbError>>,
    tables: RefCell<HashMap<String, Rc<[Column]>>>,
    /// Held by whoever writes, where only one can.
    pub writing: Mutex<()>,
    /// Grows when a connection breaks: those that are older are not used again.
    era: Cell<u64>,
}

struct Idle<K: Kind> {
    lease: Lease<K>,
    since: Instant,
}

/// A connection that is in use.
pub(crate) struct Lease<K: Kind> {
    /// The connection.
    pub connection: K::Connection,
    /// Whether it has been used before: then it may have broken meanwhile.
    pub is_used: bool,
    era: u64,
}

impl<K: Kind> Pool<K> {
    /// One without a connection yet.
    pub(crate) fn new(
        kind: K,
        name: Arc<str>,
        options: SqlOptions,
        counts: Arc<SqlCounts>,
    ) -> Rc<Self> {
        Rc::new(Self {
            kind,
            name,
            options,
            counts,
            idle: RefCell::default(),
            away: RefCell::default(),
            tables: RefCell::default(),
            writing: Mutex::new(()),
            era: Cell::new(0),
        })
    }

    /// How long the database may be silent.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.options.timeout_ms)
    }

    /// Makes the first connection.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn open(&self) -> Result<(), DbError> {
        let lease = self.connect().await?;
        self.give(lease);
        Ok(())
    }

    /// A connection.
    ///
    /// # Errors
    /// The database cannot be reached; from then on it is tried again until it can.
    pub(crate) async fn take(self: &Rc<Self>) -> Result<Lease<K>, DbError> {
        if let Some(why) = &*self.away.borrow() {
            return Err(why.clone());
        }
        loop {
            let Some(idle) = self.idle.borrow_mut().pop() else { break };
            let mut lease = idle.lease;
            let rested = idle.since.elapsed() >= Duration::from_millis(self.options.ping_ms);
            if !rested {
                return Ok(lease);
            }
            if let Ok(Ok(())) = timeout(self.silence(), lease.connection.ping()).await {
                return Ok(lease);
            }
        }
        match self.connect().await {
            Ok(lease) => Ok(lease),
            Err(error) => {
                self.gone(&error);
                Err(error)
            }
        }
    }

    /// Gives a connection back; one of before a failure is closed.
    pub(crate) fn give(&self, lease: Lease<K>) {
        if lease.era == self.era.get() {
            let lease = Lease { is_used: true, ..lease };
            self.idle.borrow_mut().push(Idle { lease, since: Instant::now() });
        }
    }

    /// A connection has broken: the others are from the same server.
    pub(crate) fn broken(&self) {
        self.era.set(self.era.get() + 1);
        self.idle.borrow_mut().clear();
    }

    /// The columns of a table; asked for again where `anew`.
    pub(crate) async fn columns(
        &self,
        lease: &mut Lease<K>,
        table: &str,
        anew: bool,
    ) -> Result<Rc<[Column]>, Fault> {
        if let (false, Some(known)) = (anew, self.tables.borrow().get(table)) {
            return Ok(Rc::clone(known));
        }
        let asked = async {
            if anew {
                self.kind.forget(&mut lease.connection).await?;
            }
            self.kind.columns(&mut lease.connection, probe(K::DIALECT, table)).await
        };
        let columns: Rc<[Column]> = match timeout(self.silence(), asked).await {
            Err(_) => return Err(Fault::Late),
            Ok(Err(error)) => return Err(self.kind.fault(error, table)),
            Ok(Ok(columns)) => columns.into(),
        };
        let mut tables = self.tables.borrow_mut();
        if tables.len() >= limits::SQL_TABLES {
            tables.clear();
        }
        tables.insert(table.to_owned(), Rc::clone(&columns));
        Ok(columns)
    }

    async fn connect(&self) -> Result<Lease<K>, DbError> {
        let told = |fault: Fault| match fault {
            Fault::Late => DbError::Unreachable(format!(
                "{}: no connection within {} ms",
                self.name, self.options.timeout_ms
            )),
            // Whatever it says, there is no database to be had: changes are to be kept for it.
            fault => match fault.told(&self.name, self.silence()) {
                DbError::Refused(why) => DbError::Unreachable(format!("{}: {why}", self.name)),
                error => error,
            },
        };
        match timeout(self.silence(), self.kind.connect()).await {
            Ok(Ok(connection)) => {
                self.counts.add(SqlCount::Connections, 1);
                Ok(Lease { connection, is_used: false, era: self.era.get() })
            }
            Ok(Err(error)) => Err(told(self.kind.fault(error, ""))),
            Err(_) => Err(told(Fault::Late)),
        }
    }

    /// Notes that the database has gone, and has it tried again; one line in the log.
    fn gone(self: &Rc<Self>, why: &DbError) {
        if self.away.borrow().is_some() {
            return;
        }
        *self.away.borrow_mut() = Some(why.clone());
        self.counts.turn(&self.name, false);
        let module = self.options.module;
        tracing::error!(target: "db", "{module}: {why}; it is tried again until it is back");
        spawn_local(come_back(Rc::downgrade(self), Instant::now()));
    }
}

/// Tries to reach a database that has gone, until it is back or nobody needs it.
async fn come_back<K: Kind>(pool: Weak<Pool<K>>, since: Instant) {
    let mut pause = limits::SQL_AGAIN;
    loop {
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(limits::SQL_AGAIN_MAX);
        let Some(pool) = pool.upgrade() else { return };
        match pool.connect().await {
            Ok(lease) => {
                pool.give(lease);
                *pool.away.borrow_mut() = None;
                pool.counts.turn(&pool.name, true);
                let (module, name) = (pool.options.module, &pool.name);
                let seconds = since.elapsed().as_secs_f64();
                tracing::info!(target: "db", "{module}: {name} is back after {seconds:.1} s");
                return;
            }
            Err(why) => *pool.away.borrow_mut() = Some(why),
        }
    }
}

/// Between half of a pause and all of it: many that wait shall not come at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause.mul_f64(0.5 + (random % 1_000) as f64 / 2_000.0)
}
