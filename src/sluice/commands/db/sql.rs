//! An SQL database, for `sluice db`: its tables made, looked at and read, in its own words.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use sluice_control::SqlDatabases;
use sluice_engine::TimeZone;
use sluice_engine::db::{Action, Condition, Field, Rows, Source, Statement};
use sluice_engine::sql::{SqlCounts, SqlKind, SqlOptions};

use super::schema::{Column, Default, Kind};
use super::text::Row;

/// The longest that connecting takes, and that a database is silent: a table may be long.
const TIMEOUT_MS: u64 = 60_000;
/// A text that is longer has no limit in its column: an index or a default needs one.
const VARCHAR_MAX: u32 = 255;
/// "Never", as OpenSIPS writes it.
const NEVER: &str = "1900-01-01 00:00:01";

/// A database.
pub struct Sql {
    kind: SqlKind,
    source: Arc<dyn Source>,
}

impl Sql {
    /// The database of a URL. `makes`: an SQLite file that is not there is made.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(kind: SqlKind, rest: &str, makes: bool) -> Result<Self> {
        if kind == SqlKind::Sqlite && makes && !std::path::Path::new(rest).exists() {
            std::fs::File::create_new(rest).with_context(|| rest.to_owned())?;
        }
        let folders = [std::path::PathBuf::from(".")];
        let options = SqlOptions {
            module: "db",
            kind,
            timeout_ms: TIMEOUT_MS,
            connections: 1,
            slow_us: 0,
            tries: 1,
            ping_ms: u64::MAX,
            pragmas: Vec::new(),
        };
        let databases = SqlDatabases::new(folders, TimeZone::system());
        let source = databases.open(rest, options, Arc::new(SqlCounts::default()));
        Ok(Self { kind, source: source.map_err(|why| anyhow!(why))? })
    }

    /// Names of the tables, in order.
    pub fn tables(&self) -> Result<Vec<String>> {
        let rows = self.ask(match self.kind {
            SqlKind::MySql => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                 AND table_type = 'BASE TABLE' ORDER BY 1"
            }
            SqlKind::Postgres => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = \
                 current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
            }
            SqlKind::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE \
                 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
            }
        })?;
        Ok(rows.rows.iter().filter_map(|row| text(row.first())).collect())
    }

    /// The columns of a table; `None`: there is no such table.
    pub fn columns(&self, table: &str) -> Result<Option<Vec<Column>>> {
        let name = plain(table)?;
        let rows = self.ask(&match self.kind {
            SqlKind::MySql => format!(
                "SELECT column_name, data_type, is_nullable = 'YES', \
                 extra LIKE '%auto_increment%', character_maximum_length \
                 FROM information_schema.columns WHERE table_schema = DATABASE() \
                 AND table_name = '{name}' ORDER BY ordinal_position"
            ),
            SqlKind::Postgres => format!(
                "SELECT column_name::text, data_type::text, is_nullable = 'YES', \
                 COALESCE(column_default LIKE 'nextval%', false) OR is_identity = 'YES', \
                 character_maximum_length::bigint FROM information_schema.columns WHERE \
                 table_schema = current_schema() AND table_name = '{name}' ORDER BY \
                 ordinal_position"
            ),
            SqlKind::Sqlite => format!(
                "SELECT name, type, \"notnull\" = 0, pk = 1 AND lower(type) = 'integer' AND \
                 (SELECT SUM(pk > 0) FROM pragma_table_info('{name}')) = 1, NULL FROM \
                 pragma_table_info('{name}') ORDER BY cid"
            ),
        })?;
        let column = |row: &[Field]| {
            let is = |at: usize| row.get(at).and_then(Field::int).is_some_and(|bit| bit != 0);
            let length = row.get(4).and_then(Field::int).and_then(|length| length.try_into().ok());
            let auto = is(3);
            Some(Column {
                name: text(row.first())?,
                kind: kind_of(&text(row.get(1))?, length),
                // A number of rows is never NULL, whatever SQLite says of it.
                null: is(2) && !auto,
                auto,
                default: Default::None,
            })
        };
        let columns: Option<Vec<_>> = rows.rows.iter().map(|row| column(row)).collect();
        let columns = columns.with_context(|| format!("{table}: its columns cannot be read"))?;
        Ok(Some(columns).filter(|columns| !columns.is_empty()))
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> Result<u64> {
        let rows = self.ask(&format!("SELECT COUNT(*) FROM {}", self.quoted(table)?))?;
        let count = rows.rows.first().and_then(|row| row.first()).and_then(Field::int);
        count.and_then(|count| count.try_into().ok()).with_context(|| format!("{table}: no count"))
    }

    /// The next rows behind those that were read, at most `many`. `number` is the place of a column
    /// that numbers rows, by which they are read; without one, `done` says how many were read.
    pub fn rows(
        &self,
        table: &str,
        columns: &[Column],
        (done, after): (u64, Option<i64>),
        many: usize,
    ) -> Result<Vec<Box<[Field]>>> {
        let mut sql = "SELECT ".to_owned();
        for (at, column) in columns.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}{}", self.quoted(&column.name)?);
        }
        let _ = write!(sql, " FROM {}", self.quoted(table)?);
        match columns.iter().find(|column| column.auto) {
            Some(number) => {
                let number = self.quoted(&number.name)?;
                if let Some(after) = after {
                    let _ = write!(sql, " WHERE {number} > {after}");
                }
                let _ = write!(sql, " ORDER BY {number} LIMIT {many}");
            }
            None => {
                let all: Vec<_> = (1..=columns.len()).map(|at| at.to_string()).collect();
                let _ = write!(sql, " ORDER BY {} LIMIT {many} OFFSET {done}", all.join(", "));
            }
        }
        Ok(self.ask(&sql)?.rows)
    }

    /// Makes a table without rows.
    pub fn create(&self, table: &str, columns: &[Column], unique: &[&str]) -> Result<()> {
        let mut sql = format!("CREATE TABLE {} (", self.quoted(table)?);
        for (at, column) in columns.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let _ =
                write!(sql, "{comma}{} {}", self.quoted(&column.name)?, self.definition(column));
        }
        if !unique.is_empty() {
            let names: Result<Vec<_>> = unique.iter().map(|name| self.quoted(name)).collect();
            let _ = write!(sql, ", UNIQUE ({})", names?.join(", "));
        }
        sql.push(')');
        self.ask(&sql).map(drop)
    }

    /// Adds rows, all or none.
    pub fn add(&self, table: &str, rows: Vec<Row>) -> Result<()> {
        let statement = |row| Statement {
            table: table.into(),
            action: Action::Insert(row),
            conditions: Vec::new(),
        };
        let statements: Vec<_> = rows.into_iter().map(statement).collect();
        self.source.ask(statements).map(drop).map_err(|error| anyhow!("{error}"))
    }

    /// Rows were added with numbers of their own: the next is behind them.
    pub fn finish(&self, table: &str, columns: &[Column]) -> Result<()> {
        let number = columns.iter().find(|column| column.auto);
        let (SqlKind::Postgres, Some(number)) = (self.kind, number) else { return Ok(()) };
        let (name, column) = (plain(table)?, plain(&number.name)?);
        let (table, number) = (self.quoted(table)?, self.quoted(&number.name)?);
        self.ask(&format!(
            "SELECT setval(pg_get_serial_sequence('\"{name}\"', '{column}'), MAX({number})) FROM \
             {table} HAVING MAX({number}) IS NOT NULL"
        ))
        .map(drop)
    }

    /// Sets a field of the rows that have a value in a column.
    pub fn update(&self, table: &str, key: (&str, &str), set: (&str, i64)) -> Result<()> {
        let condition = Condition::equal(&key.0.into(), Field::text(key.1));
        let action = Action::Update(vec![(set.0.into(), Field::Int(set.1))]);
        let statement = Statement { table: table.into(), action, conditions: vec![condition] };
        self.source.ask(vec![statement]).map(drop).map_err(|error| anyhow!("{error}"))
    }

    /// Gives a table another name.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.quoted(from)?, self.quoted(to)?);
        self.ask(&format!("ALTER TABLE {from} RENAME TO {to}")).map(drop)
    }

    /// Removes a table.
    pub fn remove(&self, table: &str) -> Result<()> {
        self.ask(&format!("DROP TABLE {}", self.quoted(table)?)).map(drop)
    }

    fn ask(&self, sql: &str) -> Result<Rows> {
        let action = Action::Raw(Arc::from(sql));
        let statement = Statement { table: Arc::from(""), action, conditions: Vec::new() };
        self.source.ask(vec![statement]).map_err(|error| anyhow!("{error}"))
    }

    fn quoted(&self, name: &str) -> Result<String> {
        let quote = if self.kind == SqlKind::MySql { '`' } else { '"' };
        Ok(format!("{quote}{}{quote}", plain(name)?))
    }

    /// Type and default of a column.
    fn definition(&self, column: &Column) -> String {
        if column.auto {
            return match (self.kind, column.kind) {
                (SqlKind::MySql, Kind::Long) => "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
                (SqlKind::MySql, _) => "INT NOT NULL AUTO_INCREMENT PRIMARY KEY",
                (SqlKind::Postgres, Kind::Long) => "BIGSERIAL NOT NULL PRIMARY KEY",
                (SqlKind::Postgres, _) => "SERIAL NOT NULL PRIMARY KEY",
                (SqlKind::Sqlite, _) => "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
            }
            .to_owned();
        }
        let mut sql = self.kind_name(column.kind);
        sql.push_str(if column.null { " NULL" } else { " NOT NULL" });
        let has_length = !matches!(column.kind, Kind::Text(0 | 256..) | Kind::Blob);
        match column.default {
            Default::Int(number) => drop(write!(sql, " DEFAULT {number}")),
            Default::Text(text) if has_length => drop(write!(sql, " DEFAULT '{text}'")),
            Default::Never => drop(write!(sql, " DEFAULT '{NEVER}'")),
            Default::Text(_) | Default::None => {}
        }
        sql
    }

    fn kind_name(&self, kind: Kind) -> String {
        let name = match (kind, self.kind) {
            (Kind::Int, SqlKind::MySql) => "INT",
            (Kind::Int, _) => "INTEGER",
            (Kind::Long, _) => "BIGINT",
            (Kind::Double, SqlKind::Postgres) => "DOUBLE PRECISION",
            (Kind::Double, _) => "DOUBLE",
            (Kind::Text(length @ 1..=VARCHAR_MAX), _) => return format!("VARCHAR({length})"),
            (Kind::Text(_), SqlKind::MySql) => "MEDIUMTEXT",
            (Kind::Text(_), _) => "TEXT",
            (Kind::Blob, SqlKind::MySql) => "MEDIUMBLOB",
            (Kind::Blob, SqlKind::Postgres) => "BYTEA",
            (Kind::Blob, SqlKind::Sqlite) => "BLOB",
            (Kind::Time, SqlKind::Postgres) => "TIMESTAMP",
            (Kind::Time, _) => "DATETIME",
        };
        name.to_owned()
    }
}

/// What a type of the database holds.
fn kind_of(name: &str, length: Option<u32>) -> Kind {
    let name = name.to_ascii_lowercase();
    let (bare, in_brackets) = name.split_once('(').unwrap_or((&name, ""));
    let length = length.or_else(|| in_brackets.trim_end_matches(')').parse().ok());
    match bare.trim() {
        "bigint" | "bigserial" | "int8" => Kind::Long,
        kind if kind.contains("int") || ["year", "bit", "boolean"].contains(&kind) => Kind::Int,
        "double" | "double precision" | "float" | "real" | "decimal" | "numeric" => Kind::Double,
        kind if kind.starts_with("timestamp") || kind == "datetime" => Kind::Time,
        kind if kind.contains("blob") || kind.contains("binary") || kind == "bytea" => Kind::Blob,
        kind if kind.contains("char") => {
            Kind::Text(length.filter(|length| *length <= VARCHAR_MAX).unwrap_or(0))
        }
        _ => Kind::Text(0),
    }
}

/// A name that needs no care inside of quotes.
fn plain(name: &str) -> Result<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) {
        bail!("`{name}` is no name of a table or a column");
    }
    Ok(name)
}

fn text(field: Option<&Field>) -> Option<String> {
    match field? {
        Field::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}
