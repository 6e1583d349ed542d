//! What the kinds of databases have in common: connections that tell a table's columns and perform
//! a step, and what can go wrong with one. Each kind has a file of its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use jiff::tz::TimeZone;
use sluice_engine::db::{DbError, Field, Rows};
use sqlx::{Column as _, Connection, Either};
use tokio::time::timeout;

use super::value::Column;
use super::words::{Dialect, Step};
use crate::limits;

/// Why a step was not done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection is broken; the reason.
    Lost(String),
    /// Nothing came for too long.
    Late,
    /// What is known of the table is of yesterday; what the database says.
    Stale(DbError),
    /// It may go well the next time: others were at work at the same time.
    Again(DbError),
    /// There is such a row already.
    Twice(DbError),
    /// The connection is not to be used again.
    Ended(DbError),
    /// The database says no.
    Said(DbError),
}

impl Fault {
    /// What the asker is told; `silence` is how long was waited.
    pub(crate) fn told(self, name: &str, silence: Duration) -> DbError {
        match self {
            Self::Lost(why) => DbError::Unreachable(format!("{name}: {why}")),
            Self::Late => DbError::Deadline(silence.as_millis() as u64),
            Self::Stale(error)
            | Self::Again(error)
            | Self::Twice(error)
            | Self::Ended(error)
            | Self::Said(error) => error,
        }
    }
}

/// A kind of database, with what its URL says.
#[allow(async_fn_in_trait, reason = "all of it runs in one thread, which needs no Send")]
pub(crate) trait Kind: 'static {
    /// A connection.
    type Connection: Connection;
    /// How it writes SQL.
    const DIALECT: Dialect;
    /// Begins a transaction that changes something.
    const BEGIN: &'static str;
    /// Only one connection writes at a time.
    const ONE_WRITES: bool = false;

    /// Makes a connection.
    async fn connect(&self) -> Result<Self::Connection, sqlx::Error>;

    /// The columns of the rows that a text gives.
    async fn columns(
        &self,
        connection: &mut Self::Connection,
        sql: String,
    ) -> Result<Vec<Column>, sqlx::Error>;

    /// Performs a step.
    async fn perform(
        &self,
        connection: &mut Self::Connection,
        step: &Step,
        silence: Duration,
    ) -> Result<Rows, Trouble>;

    /// Begins or ends a transaction.
    async fn command(
        &self,
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> Result<(), sqlx::Error>;

    /// The zone of local times.
    fn zone(&self) -> &TimeZone;

    /// Whether a text that a script wrote is one statement; where the database sees to that itself,
    /// it always is.
    fn is_one(&self, _sql: &str) -> bool {
        true
    }

    /// Forgets what the connection has prepared.
    async fn forget(&self, connection: &mut Self::Connection) -> Result<(), sqlx::Error>;

    /// What an error of the database means; `table` is the one that was asked.
    fn fault(&self, error: sqlx::Error, table: &str) -> Fault;
}

/// What ends a step.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The database, or the way to it.
    Sql(sqlx::Error),
    /// Nothing came for too long.
    Late,
    /// A value that cannot be read, or too many rows.
    Unfit(String),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// Takes what a database sends: rows by `read`, and how many rows it `changed`.
pub(crate) async fn take<Done, Row: sqlx::Row>(
    mut stream: impl Stream<Item = Result<Either<Done, Row>, sqlx::Error>> + Unpin,
    columns: &Arc<[Arc<str>]>,
    silence: Duration,
    changed: impl Fn(&Done) -> u64,
    read: impl Fn(&Row, usize) -> Result<Field, String>,
) -> Result<Rows, Trouble> {
    let mut rows = Rows { columns: Arc::clone(columns), ..Rows::default() };
    loop {
        let Ok(next) = timeout(silence, stream.next()).await else { return Err(Trouble::Late) };
        match next.transpose()? {
            None => return Ok(rows),
            Some(Either::Left(done)) => rows.changed += changed(&done),
            Some(Either::Right(row)) => {
                if rows.rows.len() == limits::SQL_ROWS {
                    return Err(Trouble::Unfit(format!("more than {} rows", limits::SQL_ROWS)));
                }
                if rows.columns.is_empty() {
                    rows.columns =
                        row.columns().iter().map(|column| column.name().into()).collect();
                }
                let fields = (0..row.len()).map(|at| read(&row, at));
                rows.rows.push(fields.collect::<Result<_, _>>().map_err(Trouble::Unfit)?);
            }
        }
    }
}

/// What every kind says alike.
pub(crate) fn common(error: &sqlx::Error) -> Option<Fault> {
    match error {
        sqlx::Error::Io(error) => Some(Fault::Lost(error.to_string())),
        sqlx::Error::Protocol(why) => Some(Fault::Lost(why.clone())),
        sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
            Some(Fault::Lost(error.to_string()))
        }
        sqlx::Error::Database(_) => None,
        other => Some(Fault::Said(DbError::Refused(other.to_string()))),
    }
}

/// What stands between the first two of these letters in a message of a database.
pub(crate) fn between(message: &str, before: &str, after: char) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}
