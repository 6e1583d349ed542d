//! PostgreSQL: how it is reached, how its values are read, what its errors mean.
//!
//! A value is bound as text and cast to the type of its column, so that a number in a text, which
//! is what scripts have, fits a column of numbers as it does with the other kinds.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sluice_engine::db::{DbError, Field, Rows};
use sqlx::postgres::{
    PgConnectOptions, PgDatabaseError, PgRow, PgSslMode, PgTypeKind, PgValueFormat, PgValueRef,
};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, PgConnection, Postgres, Row,
    SqlSafeStr, Statement, TypeInfo, ValueRef,
};

use super::kind::{Fault, Kind, Trouble, common, take};
use super::mysql::shortest;
use super::url::Url;
use super::value::{Bound, Class, Column, moment_of};
use super::words::{Dialect, Step, quoted};
use crate::limits;

/// Where Debian and the makers have the socket of a server on this machine.
const SOCKETS: &str = "/var/run/postgresql";

/// Its times begin with the year 2000; seconds since 1970.
const EPOCH: i64 = 946_684_800;

/// A database of PostgreSQL.
pub(crate) struct Elephant {
    options: PgConnectOptions,
    zone: TimeZone,
}

impl Elephant {
    /// The database of a URL; without a host by the socket of this machine.
    pub(crate) fn new(url: &Url, zone: TimeZone) -> Self {
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(url.host.as_deref().unwrap_or(SOCKETS))
            .port(url.port.unwrap_or(5432))
            .database(&url.database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("sluice")
            .statement_cache_capacity(limits::SQL_PREPARED)
            .disable_statement_logging();
        if let Some(user) = &url.user {
            options = options.username(user);
        }
        if let Some(password) = &url.password {
            options = options.password(password);
        }
        Self { options, zone }
    }
}

impl Kind for Elephant {
    type Connection = PgConnection;
    const DIALECT: Dialect =
        Dialect { quote: '"', numbered: true, folds: true, no_values: " DEFAULT VALUES" };
    const BEGIN: &'static str = "BEGIN";

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.options).await
    }

    async fn columns(
        &self,
        connection: &mut PgConnection,
        sql: String,
    ) -> Result<Vec<Column>, sqlx::Error> {
        let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
        let column = |column: &sqlx::postgres::PgColumn| {
            let class = class(column.type_info().name());
            let cast = cast(column.type_info().name(), class);
            Column { name: column.name().into(), class, cast }
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    async fn perform(
        &self,
        connection: &mut PgConnection,
        step: &Step,
        silence: Duration,
    ) -> Result<Rows, Trouble> {
        let mut query = sqlx::query::<Postgres>(AssertSqlSafe(&*step.sql)).persistent(step.keep);
        for value in &step.values {
            query = match value {
                Bound::Null => query.bind(None::<&str>),
                Bound::Int(number) => query.bind(number.to_string()),
                Bound::Double(number) => query.bind(number.to_string()),
                Bound::Text(text) => query.bind(&**text),
                Bound::Bytes(bytes) => query.bind(&**bytes),
            };
        }
        let read = |row: &PgRow, at| field(row, at, &self.zone);
        take(
            connection.fetch_many(query),
            &step.columns,
            silence,
            |done| done.rows_affected(),
            read,
        )
        .await
    }

    async fn command(
        &self,
        connection: &mut PgConnection,
        sql: &'static str,
    ) -> Result<(), sqlx::Error> {
        connection.execute(sqlx::raw_sql(sql)).await.map(|_| ())
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }

    async fn forget(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        connection.clear_cached_statements().await
    }

    fn fault(&self, error: sqlx::Error, table: &str) -> Fault {
        common(&error).unwrap_or_else(|| {
            let sqlx::Error::Database(said) = &error else {
                return Fault::Said(DbError::Refused(error.to_string()));
            };
            let said = said.try_downcast_ref::<PgDatabaseError>();
            said.map_or_else(
                || Fault::Said(DbError::Refused(error.to_string())),
                |said| meaning(said.code(), said.message(), said.column(), table),
            )
        })
    }
}

/// What an error means, by its SQLSTATE.
fn meaning(code: &str, message: &str, column: Option<&str>, table: &str) -> Fault {
    let refused = || DbError::Refused(message.to_owned());
    match code {
        "42P01" => {
            Fault::Said(DbError::NoTable { table: table.to_owned(), why: message.to_owned() })
        }
        // undefined_column; a plan of before the table was changed, or none
        "42703" | "0A000" | "26000" => Fault::Stale(refused()),
        // unique_violation
        "23505" => Fault::Twice(refused()),
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Fault::Again(refused()),
        // The server ends, begins, or has no room.
        "57P01" | "57P02" | "57P03" | "53300" => Fault::Lost(message.to_owned()),
        code if code.starts_with("08") => Fault::Lost(message.to_owned()),
        // not_null_violation; data exceptions
        code if code == "23502" || code.starts_with("22") => match column {
            Some(column) => Fault::Said(DbError::Misfit {
                table: table.to_owned(),
                column: column.to_owned(),
                why: message.to_owned(),
            }),
            None => Fault::Said(refused()),
        },
        _ => Fault::Said(refused()),
    }
}

fn class(kind: &str) -> Class {
    match kind {
        "BOOL" | "INT2" | "INT4" | "INT8" | "OID" => Class::Int,
        "FLOAT4" | "FLOAT8" => Class::Double,
        "TIMESTAMP" | "TIMESTAMPTZ" => Class::Time,
        "BYTEA" => Class::Bytes,
        _ => Class::Text,
    }
}

/// What a bound text is cast to.
fn cast(kind: &str, class: Class) -> Option<Box<str>> {
    match kind {
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "\"CHAR\"" | "BYTEA" => None,
        // A built-in type is in capitals here; one that a user made is as the user wrote it.
        _ if class != Class::Text || kind.to_uppercase() == *kind => Some(kind.into()),
        _ => {
            let mut name = String::new();
            quoted(&mut name, '"', kind);
            Some(name.into())
        }
    }
}

fn field(row: &PgRow, at: usize, zone: &TimeZone) -> Result<Field, String> {
    let raw = row.try_get_raw(at).map_err(|error| error.to_string())?;
    if raw.is_null() {
        return Ok(Field::Null);
    }
    let kind = raw.type_info().into_owned();
    let found = match raw.format() {
        PgValueFormat::Text => None,
        PgValueFormat::Binary => binary(kind.name(), &raw, zone),
    };
    let column = row.column(at).name();
    found.ok_or_else(|| format!("column {column} is of type {}; cast it to text", kind.name()))
}

/// A value as the protocol has it; nothing of a type that is not known.
fn binary(kind: &str, raw: &PgValueRef<'_>, zone: &TimeZone) -> Option<Field> {
    let bytes = raw.as_bytes().ok()?;
    Some(match kind {
        "BOOL" => Field::Int(i64::from(*bytes.first()? != 0)),
        "INT2" => Field::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        "INT4" => Field::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        "OID" => Field::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        "INT8" => Field::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        "FLOAT4" => shortest(f32::from_be_bytes(bytes.try_into().ok()?)),
        "FLOAT8" => Field::Double(f64::from_be_bytes(bytes.try_into().ok()?)),
        "NUMERIC" => Field::text(numeric(bytes)?),
        "TIMESTAMP" | "TIMESTAMPTZ" => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?);
            let seconds = micros.div_euclid(1_000_000).checked_add(EPOCH)?;
            match kind {
                "TIMESTAMPTZ" => Field::Time(seconds),
                _ => moment_of(shown(seconds)?, zone),
            }
        }
        "DATE" => {
            let days = i64::from(i32::from_be_bytes(bytes.try_into().ok()?));
            let day = shown(days.checked_mul(86_400)?.checked_add(EPOCH)?)?;
            Field::text(day.date().to_string())
        }
        "TIME" => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?);
            let time = shown(micros.div_euclid(1_000_000))?.time();
            Field::text(time.strftime("%H:%M:%S").to_string())
        }
        "UUID" => Field::text(uuid(bytes)),
        // Filled up with blanks that do not count; MariaDB does not tell them.
        "CHAR" => Field::text(bytes.trim_ascii_end()),
        "TEXT" | "VARCHAR" | "NAME" | "\"CHAR\"" | "BYTEA" | "JSON" | "UNKNOWN" | "XML" => {
            Field::text(bytes)
        }
        // An enum that a user made is its label; of other types the shape is not known.
        _ if matches!(raw.type_info().kind(), PgTypeKind::Enum(_)) => Field::text(bytes),
        _ => return None,
    })
}

/// What a clock shows so many seconds after the beginning of 1970.
fn shown(seconds: i64) -> Option<DateTime> {
    let begin = TimeZone::UTC.to_datetime(Timestamp::UNIX_EPOCH);
    begin.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// A decimal number: how many groups of four digits, the weight of the first, sign, digits behind
/// the point, the groups.
fn numeric(bytes: &[u8]) -> Option<String> {
    let word = |at: usize| {
        let at = at.checked_mul(2)?;
        Some(i16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
    };
    let (groups, weight, sign, behind) = (word(0)?, word(1)?, word(2)? as u16, word(3)?);
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        _ => return Some("NaN".to_owned()),
    };
    let group = |at: i16| match (0..groups).contains(&at) {
        true => word(4 + usize::try_from(at).ok()?),
        false => Some(0),
    };
    let whole = (0..=weight).map(group).collect::<Option<Vec<_>>>()?;
    let digits: String = whole.iter().map(|group| format!("{group:04}")).collect();
    let digits = digits.trim_start_matches('0');
    text.push_str(if digits.is_empty() { "0" } else { digits });
    let behind = usize::try_from(behind).ok()?;
    if behind > 0 {
        let first = i32::from(weight) + 1;
        let groups = (0..behind.div_ceil(4))
            .map(|at| group(i16::try_from(first.checked_add(i32::try_from(at).ok()?)?).ok()?));
        let groups = groups.collect::<Option<Vec<_>>>()?;
        let digits: String = groups.iter().map(|group| format!("{group:04}")).collect();
        text.push('.');
        text.push_str(digits.get(..behind)?);
    }
    Some(text)
}

fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_numbers() {
        let made = |words: &[i16]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            numeric(&bytes)
        };
        assert_eq!(made(&[2, 0, 0, 2, 12, 3_400]).as_deref(), Some("12.34"));
        assert_eq!(made(&[1, -1, 0x4000, 3, 50]).as_deref(), Some("-0.005"));
        assert_eq!(made(&[2, 1, 0, 0, 1, 1]).as_deref(), Some("10001"));
        assert_eq!(made(&[1, 1, 0, 0, 5]).as_deref(), Some("50000"));
        assert_eq!(made(&[0, 0, 0, 0]).as_deref(), Some("0"));
        assert_eq!(made(&[0, 0, 0, 2]).as_deref(), Some("0.00"));
        assert_eq!(made(&[1, -2, 0, 6, 12]).as_deref(), Some("0.000000"));
        assert_eq!(made(&[0, 0, -0x4000, 0]).as_deref(), Some("NaN"));
        assert_eq!(made(&[2, 0, 0, 2, 12]), None, "a group is missing");
        assert_eq!(made(&[2]), None);
    }

    #[test]
    fn types_are_cast_to() {
        assert_eq!(cast("INT4", class("INT4")).as_deref(), Some("INT4"));
        assert_eq!(cast("TIMESTAMP", class("TIMESTAMP")).as_deref(), Some("TIMESTAMP"));
        assert_eq!(cast("VARCHAR", class("VARCHAR")), None);
        assert_eq!(cast("INET", class("INET")).as_deref(), Some("INET"));
        assert_eq!(cast("mood", class("mood")).as_deref(), Some("\"mood\""));
    }

    #[test]
    fn errors_have_a_meaning() {
        let told = |code, column| format!("{:?}", meaning(code, "why", column, "t"));
        assert_eq!(told("42P01", None), "Said(NoTable { table: \"t\", why: \"why\" })");
        assert!(told("42703", None).starts_with("Stale"));
        assert!(told("23505", None).starts_with("Twice"));
        assert!(told("57P01", None).starts_with("Lost"));
        assert!(told("23502", Some("pin")).contains("column: \"pin\""));
        assert!(told("28P01", None).starts_with("Said(Refused"));
    }
}
