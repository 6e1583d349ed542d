//! MariaDB and MySQL: how they are reached, how their values are read, what their errors mean.

use std::path::Path;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sluice_engine::db::{DbError, Field, Rows};
use sqlx::mysql::{
    MySqlConnectOptions, MySqlDatabaseError, MySqlQueryResult, MySqlRow, MySqlSslMode,
};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, MySql, MySqlConnection, Row,
    SqlSafeStr, Statement, TypeInfo, ValueRef,
};

use super::kind::{Fault, Kind, Trouble, between, common, take};
use super::url::Url;
use super::value::{Bound, Class, Column, moment_of};
use super::words::{Dialect, Step};
use crate::limits;

/// Where Debian, Red Hat and the makers have the socket of a server on this machine.
const SOCKETS: [&str; 3] =
    ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];

/// A database of MariaDB or MySQL.
pub(crate) struct Maria {
    options: MySqlConnectOptions,
    zone: TimeZone,
}

impl Maria {
    /// The database of a URL. As there, `localhost` without a port is the socket of this machine,
    /// if there is one; what the URL leaves out is of the environment that MySQL's programs have.
    pub(crate) fn new(url: &Url, zone: TimeZone) -> Self {
        let given_port = std::env::var("MYSQL_TCP_PORT").ok().and_then(|port| port.parse().ok());
        let given_socket = std::env::var("MYSQL_UNIX_PORT").ok();
        let mut options = MySqlConnectOptions::new()
            .host(url.host.as_deref().unwrap_or("localhost"))
            .port(url.port.or(given_port).unwrap_or(3306))
            .database(&url.database)
            .ssl_mode(MySqlSslMode::Disabled)
            .statement_cache_capacity(limits::SQL_PREPARED)
            // Sessions are as the server has them for everyone.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .disable_statement_logging();
        if let Some(user) = &url.user {
            options = options.username(user);
        }
        if let Some(password) = &url.password {
            options = options.password(password);
        }
        let is_local = url.port.is_none() && url.host.as_deref().is_none_or(|h| h == "localhost");
        let mut sockets = given_socket.as_deref().into_iter().chain(SOCKETS);
        if let Some(socket) = sockets.find(|path| is_local && Path::new(path).exists()) {
            options = options.socket(socket);
        }
        Self { options, zone }
    }
}

impl Kind for Maria {
    type Connection = MySqlConnection;
    const DIALECT: Dialect =
        Dialect { quote: '`', numbered: false, folds: false, no_values: " () VALUES ()" };
    const BEGIN: &'static str = "START TRANSACTION";

    async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        MySqlConnection::connect_with(&self.options).await
    }

    async fn columns(
        &self,
        connection: &mut MySqlConnection,
        sql: String,
    ) -> Result<Vec<Column>, sqlx::Error> {
        let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
        let column = |column: &sqlx::mysql::MySqlColumn| Column {
            name: column.name().into(),
            class: class(column.type_info().name()),
            cast: None,
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    async fn perform(
        &self,
        connection: &mut MySqlConnection,
        step: &Step,
        silence: Duration,
    ) -> Result<Rows, Trouble> {
        let read = |row: &MySqlRow, at| field(row, at, &self.zone, false);
        let changed = |done: &MySqlQueryResult| done.rows_affected();
        // A statement that is prepared for one use is closed afterwards, and the server does not
        // answer that: what is asked next would wait for a late acknowledgement of TCP, up to
        // 40 ms. As plain text the server would do several, so that these are prepared all the
        // same, and refused.
        if !step.keep && step.values.is_empty() && !step.sql.contains(';') {
            let rows = sqlx::raw_sql(AssertSqlSafe(&*step.sql)).fetch_many(connection);
            let read = |row: &MySqlRow, at| field(row, at, &self.zone, true);
            return take(rows, &step.columns, silence, changed, read).await;
        }
        let mut query = sqlx::query::<MySql>(AssertSqlSafe(&*step.sql)).persistent(step.keep);
        for value in &step.values {
            query = match value {
                Bound::Null => query.bind(None::<&str>),
                Bound::Int(number) => query.bind(number),
                Bound::Double(number) => query.bind(number),
                Bound::Text(text) => query.bind(&**text),
                Bound::Bytes(bytes) => query.bind(&**bytes),
            };
        }
        take(connection.fetch_many(query), &step.columns, silence, changed, read).await
    }

    async fn command(
        &self,
        connection: &mut MySqlConnection,
        sql: &'static str,
    ) -> Result<(), sqlx::Error> {
        connection.execute(sqlx::raw_sql(sql)).await.map(|_| ())
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }

    async fn forget(&self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        connection.clear_cached_statements().await
    }

    fn fault(&self, error: sqlx::Error, table: &str) -> Fault {
        common(&error).unwrap_or_else(|| {
            let sqlx::Error::Database(said) = &error else {
                return Fault::Said(DbError::Refused(error.to_string()));
            };
            let said = said.try_downcast_ref::<MySqlDatabaseError>();
            said.map_or_else(
                || Fault::Said(DbError::Refused(error.to_string())),
                |said| meaning(said.number(), said.message(), table),
            )
        })
    }
}

/// What an error means, by its number.
fn meaning(number: u16, message: &str, table: &str) -> Fault {
    let refused = || DbError::Refused(message.to_owned());
    match number {
        // ER_BAD_FIELD_ERROR
        1054 => Fault::Stale(refused()),
        // ER_NO_SUCH_TABLE
        1146 => Fault::Said(DbError::NoTable { table: table.to_owned(), why: message.to_owned() }),
        // ER_DUP_ENTRY
        1062 => Fault::Twice(refused()),
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK
        1205 | 1213 => Fault::Again(refused()),
        // ER_CON_COUNT_ERROR, ER_SERVER_SHUTDOWN, ER_TOO_MANY_USER_CONNECTIONS,
        // ER_CONNECTION_KILLED; the network's
        1040 | 1053 | 1152..=1161 | 1203 | 1927 => Fault::Lost(message.to_owned()),
        // Out of range, truncated, too long, NULL where none may be, no default.
        1048 | 1264 | 1265 | 1292 | 1364 | 1366 | 1406 => match between(message, "olumn '", '\'') {
            Some(column) => Fault::Said(DbError::Misfit {
                table: table.to_owned(),
                column,
                why: message.to_owned(),
            }),
            None => Fault::Said(refused()),
        },
        _ => Fault::Said(refused()),
    }
}

fn class(kind: &str) -> Class {
    match kind {
        "BOOLEAN" | "YEAR" | "BIT" => Class::Int,
        "FLOAT" | "DOUBLE" => Class::Double,
        "DATETIME" | "TIMESTAMP" => Class::Time,
        // One half of the unsigned ones is no i64.
        "DECIMAL" | "DATE" | "TIME" | "NULL" | "BIGINT UNSIGNED" => Class::Any,
        kind if kind.contains("INT") => Class::Int,
        kind if kind.contains("BLOB") || kind.contains("BINARY") || kind == "GEOMETRY" => {
            Class::Bytes
        }
        _ => Class::Text,
    }
}

/// A value; times stand in an answer `as_text`, where the question was one.
fn field(row: &MySqlRow, at: usize, zone: &TimeZone, as_text: bool) -> Result<Field, String> {
    let raw = row.try_get_raw(at).map_err(|error| error.to_string())?;
    if raw.is_null() {
        return Ok(Field::Null);
    }
    let kind = raw.type_info();
    let kind = kind.name();
    let bytes = || row.try_get_unchecked::<&[u8], _>(at);
    let field = match kind {
        "DATETIME" | "TIMESTAMP" if as_text => bytes().map(|bytes| shown_time(bytes, zone)),
        "DATE" | "TIME" if as_text => bytes().map(|bytes| Field::text(whole_seconds(bytes))),
        "FLOAT" => row.try_get_unchecked::<f32, _>(at).map(shortest),
        "DOUBLE" => row.try_get_unchecked(at).map(Field::Double),
        "DATETIME" | "TIMESTAMP" => bytes().map(|bytes| time(bytes, zone)),
        "DATE" => bytes().map(|bytes| Field::text(date_text(bytes))),
        "TIME" => bytes().map(|bytes| Field::text(time_text(bytes))),
        "BIT" => bytes()
            .map(|bytes| Field::Int(bytes.iter().fold(0, |all, byte| all << 8 | i64::from(*byte)))),
        kind if kind.ends_with("UNSIGNED") => row.try_get_unchecked::<u64, _>(at).map(|number| {
            i64::try_from(number).map_or_else(|_| Field::text(number.to_string()), Field::Int)
        }),
        "BOOLEAN" | "YEAR" => row.try_get_unchecked(at).map(Field::Int),
        kind if kind.contains("INT") => row.try_get_unchecked(at).map(Field::Int),
        _ => bytes().map(Field::text),
    };
    field.map_err(|error| error.to_string())
}

/// 0.7 stays 0.7.
pub(crate) fn shortest(number: f32) -> Field {
    Field::Double(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
}

/// A time as the protocol has it: how many bytes follow, year, month, day, hour, minute, second,
/// microseconds; what is zero at the end is left out.
fn time(bytes: &[u8], zone: &TimeZone) -> Field {
    let part = |at: usize| bytes.get(at).copied().unwrap_or(0) as i8;
    let Some(year) = year(bytes) else { return Field::Null };
    let shown = DateTime::new(year, part(3), part(4), part(5), part(6), part(7), 0);
    shown.map_or(Field::Null, |shown| moment_of(shown, zone))
}

/// A time as it is shown: `2023-11-14 22:13:20`.
fn shown_time(bytes: &[u8], zone: &TimeZone) -> Field {
    let text = std::str::from_utf8(whole_seconds(bytes)).unwrap_or_default();
    text.parse::<DateTime>().map_or(Field::Null, |shown| moment_of(shown, zone))
}

/// Without the fraction of a second.
fn whole_seconds(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == b'.').next().unwrap_or(bytes)
}

fn year(bytes: &[u8]) -> Option<i16> {
    let year = u16::from_le_bytes([*bytes.get(1)?, *bytes.get(2)?]);
    i16::try_from(year).ok().filter(|year| *year > 0)
}

fn date_text(bytes: &[u8]) -> String {
    let part = |at: usize| bytes.get(at).copied().unwrap_or(0);
    format!("{:04}-{:02}-{:02}", year(bytes).unwrap_or(0), part(3), part(4))
}

/// A span of time: how many bytes follow, whether it is negative, days, hours, minutes, seconds.
fn time_text(bytes: &[u8]) -> String {
    let part = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
    let days = u32::from_le_bytes([2, 3, 4, 5].map(|at| part(at) as u8));
    let hours = u64::from(days) * 24 + u64::from(part(6));
    let sign = if part(1) == 1 { "-" } else { "" };
    format!("{sign}{hours:02}:{:02}:{:02}", part(7), part(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_protocol() {
        let zone = TimeZone::UTC;
        let noon = [7, 0xe7, 0x07, 11, 14, 22, 13, 20];
        assert_eq!(time(&noon, &zone), Field::Time(1_700_000_000));
        assert_eq!(time(&[4, 0xe7, 0x07, 11, 14], &zone), Field::Time(1_699_920_000));
        assert_eq!(time(&[0], &zone), Field::Null);
        assert_eq!(shown_time(b"2023-11-14 22:13:20.5", &zone), Field::Time(1_700_000_000));
        assert_eq!(shown_time(b"0000-00-00 00:00:00", &zone), Field::Null);
        assert_eq!(whole_seconds(b"-01:02:03.250"), b"-01:02:03");
        assert_eq!(time(&[4, 0xe7, 0x07, 13, 14], &zone), Field::Null, "no month");
        assert_eq!(date_text(&[4, 0xe7, 0x07, 11, 4]), "2023-11-04");
        assert_eq!(time_text(&[8, 1, 2, 0, 0, 0, 3, 4, 5]), "-51:04:05");
        assert_eq!(time_text(&[0]), "00:00:00");
        assert_eq!(shortest(0.7), Field::Double(0.7));
    }

    #[test]
    fn errors_have_a_meaning() {
        let told = |number, message| match meaning(number, message, "t") {
            Fault::Said(error) | Fault::Again(error) | Fault::Stale(error) => error.to_string(),
            fault => format!("{fault:?}"),
        };
        assert_eq!(told(1146, "Table 'd.t' doesn't exist"), "table t: Table 'd.t' doesn't exist");
        let long = "Data too long for column 'a' at row 1";
        assert_eq!(told(1406, long), format!("table t, column a: {long}"));
        assert_eq!(told(1048, "Column 'b' cannot be null").split(':').next(), {
            Some("table t, column b")
        });
        assert_eq!(told(1040, "Too many connections"), "Lost(\"Too many connections\")");
        assert_eq!(told(1045, "Access denied"), "Access denied");
    }
}
