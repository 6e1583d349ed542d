//! SQLite: a file is a database. Where the file is looked for, how values are read, what errors
//! mean.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use sluice_engine::db::{DbError, Field, Rows};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row, SqlSafeStr, Sqlite,
    SqliteConnection, Statement, TypeInfo, ValueRef,
};

use super::kind::{Fault, Kind, Trouble, common, take};
use super::value::{Bound, Class, Column, local_time};
use super::words::{Dialect, Step};
use crate::limits;

/// A database that is nowhere but in memory, as long as its one connection lasts.
pub(crate) const MEMORY: &str = ":memory:";

/// A database of SQLite.
pub(crate) struct Lite {
    options: SqliteConnectOptions,
    zone: TimeZone,
}

impl Lite {
    /// The database in a file. `pragmas` are `name=value`, for each connection.
    ///
    /// # Errors
    /// A pragma without a value.
    pub(crate) fn new(path: &Path, pragmas: &[String], zone: TimeZone) -> Result<Self, String> {
        let mut options = match path == Path::new(MEMORY) {
            true => SqliteConnectOptions::from_str("sqlite::memory:").map_err(|e| e.to_string())?,
            false => SqliteConnectOptions::new().filename(path),
        };
        for pragma in pragmas {
            let Some((name, value)) = pragma.split_once('=') else {
                return Err(format!("`{pragma}` is no pragma: NAME=VALUE"));
            };
            options = options.pragma(name.trim().to_owned(), value.trim().to_owned());
        }
        options = options
            .statement_cache_capacity(limits::SQL_PREPARED)
            // As SQLite is where nobody says otherwise.
            .foreign_keys(false)
            .disable_statement_logging();
        Ok(Self { options, zone })
    }
}

/// Where the file of a URL is: in the first of the folders that has it. `sqlite://a/b` of OpenSIPS
/// is `/a/b`, which is looked for last.
///
/// # Errors
/// There is no such file.
pub(crate) fn file(url: &str, folders: &[PathBuf]) -> Result<PathBuf, String> {
    if url == MEMORY {
        return Ok(MEMORY.into());
    }
    let root = PathBuf::from("/");
    let places = folders.iter().chain([&root]).map(|folder| folder.join(url));
    let mut files = places.filter(|place| place.is_file());
    files.next().ok_or_else(|| format!("{url}: no such file"))
}

impl Kind for Lite {
    type Connection = SqliteConnection;
    // A name in " that is none would be a text to SQLite.
    const DIALECT: Dialect =
        Dialect { quote: '`', numbered: false, folds: false, no_values: " DEFAULT VALUES" };
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    // SQLite has one who waits sleep for longer and longer while others go first.
    const ONE_WRITES: bool = true;

    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        let mut connection = SqliteConnection::connect_with(&self.options).await?;
        // The file is not looked at before it is needed.
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").await?;
        Ok(connection)
    }

    async fn columns(
        &self,
        connection: &mut SqliteConnection,
        sql: String,
    ) -> Result<Vec<Column>, sqlx::Error> {
        let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
        let column = |column: &sqlx::sqlite::SqliteColumn| Column {
            name: column.name().into(),
            class: class(column.type_info().name()),
            cast: None,
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    async fn perform(
        &self,
        connection: &mut SqliteConnection,
        step: &Step,
        silence: Duration,
    ) -> Result<Rows, Trouble> {
        let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(&*step.sql)).persistent(step.keep);
        for value in step.values.clone() {
            query = match value {
                Bound::Null => query.bind(None::<String>),
                Bound::Int(number) => query.bind(number),
                Bound::Double(number) => query.bind(number),
                Bound::Text(text) => query.bind(text),
                Bound::Bytes(bytes) => query.bind(bytes),
            };
        }
        let read = |row: &SqliteRow, at| field(row, at, &self.zone);
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
        connection: &mut SqliteConnection,
        sql: &'static str,
    ) -> Result<(), sqlx::Error> {
        connection.execute(sqlx::raw_sql(sql)).await.map(|_| ())
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }

    fn is_one(&self, sql: &str) -> bool {
        is_one(sql)
    }

    async fn forget(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        connection.clear_cached_statements().await
    }

    fn fault(&self, error: sqlx::Error, table: &str) -> Fault {
        common(&error).unwrap_or_else(|| {
            let (code, message) = match &error {
                sqlx::Error::Database(said) => {
                    let code = said.code().and_then(|code| code.parse().ok());
                    (code.unwrap_or(0), said.message())
                }
                _ => (0, ""),
            };
            meaning(code, message, table)
        })
    }
}

/// Whether nothing but blanks and semicolons stands behind the first semicolon that is in no quotes
/// and in no comment. All of a text would be done: a script that forgets to escape a value would
/// let a caller add a statement.
fn is_one(sql: &str) -> bool {
    let mut rest = sql;
    while let Some(letter) = rest.chars().next() {
        let behind = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = match letter {
            '\'' | '"' | '`' => behind.split_once(letter).map_or("", |(_, rest)| rest),
            '[' => behind.split_once(']').map_or("", |(_, rest)| rest),
            '-' if behind.starts_with('-') => behind.split_once('\n').map_or("", |(_, rest)| rest),
            '/' if behind.starts_with('*') => behind.split_once("*/").map_or("", |(_, rest)| rest),
            ';' => return behind.chars().all(|letter| letter == ';' || letter.is_whitespace()),
            _ => behind,
        };
    }
    true
}

/// What an error means, by its extended result code.
fn meaning(code: u32, message: &str, table: &str) -> Fault {
    let refused = || DbError::Refused(message.to_owned());
    match code & 0xff {
        1 if message.starts_with("no such table") => {
            Fault::Said(DbError::NoTable { table: table.to_owned(), why: message.to_owned() })
        }
        1 if message.contains("no such column") || message.contains("has no column") => {
            Fault::Stale(refused())
        }
        // SQLITE_BUSY, SQLITE_LOCKED: another one writes, for longer than busy_timeout.
        5 | 6 => Fault::Said(DbError::Unreachable(message.to_owned())),
        // SQLITE_SCHEMA
        17 => Fault::Stale(refused()),
        // SQLITE_CONSTRAINT_NOTNULL, SQLITE_CONSTRAINT_UNIQUE and _PRIMARYKEY
        19 if code == 1299 => Fault::Said(match message.rsplit_once('.') {
            Some((_, column)) => DbError::Misfit {
                table: table.to_owned(),
                column: column.to_owned(),
                why: message.to_owned(),
            },
            None => refused(),
        }),
        19 if code == 2067 || code == 1555 => Fault::Twice(refused()),
        _ => Fault::Said(refused()),
    }
}

fn class(kind: &str) -> Class {
    match kind {
        "BOOLEAN" | "INTEGER" => Class::Int,
        "REAL" => Class::Double,
        "DATETIME" => Class::Time,
        "BLOB" => Class::Bytes,
        "TEXT" => Class::Text,
        _ => Class::Any,
    }
}

fn field(row: &SqliteRow, at: usize, zone: &TimeZone) -> Result<Field, String> {
    let raw = row.try_get_raw(at).map_err(|error| error.to_string())?;
    if raw.is_null() {
        return Ok(Field::Null);
    }
    // A value has a type of its own here; of the column's only times matter.
    let is_time = row.column(at).type_info().name() == "DATETIME";
    let kind = raw.type_info();
    let field = match kind.name() {
        "INTEGER" | "BOOLEAN" => row.try_get_unchecked(at).map(Field::Int),
        "REAL" => row.try_get_unchecked(at).map(Field::Double),
        _ => row.try_get_unchecked::<Vec<u8>, _>(at).map(|bytes| match str::from_utf8(&bytes) {
            Ok(text) if is_time => local_time(text, zone),
            _ => Field::Text(bytes.into()),
        }),
    };
    field.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_a_meaning() {
        let told = |code, message| format!("{:?}", meaning(code, message, "t"));
        let missing = told(1, "no such table: t");
        assert_eq!(missing, "Said(NoTable { table: \"t\", why: \"no such table: t\" })");
        assert!(told(1, "table t has no column named x").starts_with("Stale"));
        assert!(told(5, "database is locked").starts_with("Said(Unreachable"));
        let null = told(1299, "NOT NULL constraint failed: t.pin");
        assert!(null.contains("column: \"pin\""), "{null}");
        assert!(told(2067, "UNIQUE constraint failed: t.id").starts_with("Twice"));
        assert!(told(11, "database disk image is malformed").starts_with("Said(Refused"));
    }

    #[test]
    fn one_statement_is_told_from_several() {
        for one in [
            "",
            "SELECT 1",
            "SELECT 1 ; ; \n",
            "SELECT ';', \"a;b\", `;`, [;] FROM t",
            "SELECT 'it''s; one' -- ; not here",
            "SELECT /* ; */ 1;",
            "SELECT 'open; end",
        ] {
            assert!(is_one(one), "{one}");
        }
        for several in ["SELECT 1; DROP TABLE t", "SELECT ''; x", "SELECT 1 -- ;\n; x", ";x"] {
            assert!(!is_one(several), "{several}");
        }
    }

    #[test]
    fn a_file_is_found_in_the_folders() {
        let folder = std::env::temp_dir().join(format!("sluice-sqlite-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sip.db"), "").unwrap();
        let folders = [PathBuf::from("/nowhere"), folder.clone()];
        assert_eq!(file("sip.db", &folders), Ok(folder.join("sip.db")));
        let whole = folder.join("sip.db").display().to_string();
        assert_eq!(file(&whole, &folders), Ok(folder.join("sip.db")));
        assert_eq!(file(&whole[1..], &[]), Ok(folder.join("sip.db")), "as OpenSIPS reads it");
        assert_eq!(file("other.db", &folders).unwrap_err(), "other.db: no such file");
        assert_eq!(file(MEMORY, &folders), Ok(PathBuf::from(MEMORY)));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
