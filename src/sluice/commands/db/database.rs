//! A database of any kind, as `sluice db` works on it.

use std::sync::Arc;

use anyhow::{Result, bail};
use sluice_engine::db::Field;
use sluice_engine::sql::SqlKind;

use super::schema::{Column, Default, Kind, Table};
use super::sql::Sql;
use super::tables::VERSION;
use super::text::{Folder, Row};

/// Rows that go together: enough to be quick, few enough to be held.
const BATCH: usize = 1_000;
/// "Never" as seconds: 1900-01-01 00:00:01.
const NEVER_S: i64 = -2_208_988_799;

/// A database.
pub enum Database {
    /// A folder of text files.
    Text(Folder),
    /// Any other.
    Sql(Sql),
}

impl Database {
    /// The database of a URL. `makes`: a file or folder that is not there is made.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(url: &str, makes: bool) -> Result<Self> {
        let (scheme, rest) = match url.split_once("://") {
            Some(parts) => parts,
            // spec 5.1: before 1.5 a folder alone was a URL.
            None if url.starts_with('/') => ("text", url),
            None => bail!("`{url}` is no URL of a database: SCHEME://..."),
        };
        let kinds = [SqlKind::MySql, SqlKind::Postgres, SqlKind::Sqlite];
        let sql = kinds.into_iter().find(|kind| kind.scheme().eq_ignore_ascii_case(scheme));
        match sql {
            Some(kind) => Ok(Self::Sql(Sql::open(kind, rest, makes)?)),
            None if scheme.eq_ignore_ascii_case("text") => {
                if makes {
                    std::fs::create_dir_all(rest)?;
                }
                Ok(Self::Text(Folder::open(rest)?))
            }
            None => bail!("{scheme}://: kinds are text, mysql, postgres and sqlite"),
        }
    }

    /// Names of the tables, in order.
    pub fn tables(&self) -> Result<Vec<String>> {
        match self {
            Self::Text(folder) => folder.tables(),
            Self::Sql(sql) => sql.tables(),
        }
    }

    /// The columns of a table; `None`: there is no such table.
    pub fn columns(&self, table: &str) -> Result<Option<Vec<Column>>> {
        match self {
            Self::Text(folder) => folder.columns(table),
            Self::Sql(sql) => sql.columns(table),
        }
    }

    /// How many rows a table has, and what is wrong with those that cannot be read.
    pub fn count(&self, table: &str) -> Result<(u64, Vec<String>)> {
        match self {
            Self::Text(folder) => {
                let (rows, refused) = folder.rows(table)?;
                Ok((rows.len() as u64, refused))
            }
            Self::Sql(sql) => Ok((sql.count(table)?, Vec::new())),
        }
    }

    /// Hands all rows of a table to `take`, some at a time; how many there were.
    pub fn read(
        &self,
        table: &str,
        columns: &[Column],
        mut take: impl FnMut(Vec<Box<[Field]>>) -> Result<()>,
    ) -> Result<u64> {
        let sql = match self {
            Self::Text(folder) => {
                let (rows, _) = folder.rows(table)?;
                let count = rows.len() as u64;
                let mut rows = rows.into_iter().peekable();
                while rows.peek().is_some() {
                    take(rows.by_ref().take(BATCH).collect())?;
                }
                return Ok(count);
            }
            Self::Sql(sql) => sql,
        };
        let number = columns.iter().position(|column| column.auto);
        let (mut done, mut after) = (0, None);
        loop {
            let rows = sql.rows(table, columns, (done, after), BATCH)?;
            let Some(last) = rows.last() else { return Ok(done) };
            after = number.and_then(|at| last.get(at)).and_then(Field::int);
            done += rows.len() as u64;
            take(rows)?;
        }
    }

    /// Makes a table without rows.
    pub fn create(&mut self, table: &str, columns: &[Column], unique: &[&str]) -> Result<()> {
        match self {
            Self::Text(folder) => folder.create(table, columns),
            Self::Sql(sql) => sql.create(table, columns, unique),
        }
    }

    /// Adds rows; they are safe after [`Self::finish`].
    pub fn add(&mut self, table: &str, rows: Vec<Row>) -> Result<()> {
        match self {
            Self::Text(folder) => {
                folder.add(table, rows);
                Ok(())
            }
            Self::Sql(sql) => sql.add(table, rows),
        }
    }

    /// All rows of a table have been added.
    pub fn finish(&mut self, table: &str, columns: &[Column]) -> Result<()> {
        match self {
            Self::Text(folder) => folder.finish(table),
            Self::Sql(sql) => sql.finish(table, columns),
        }
    }

    /// Gives a table another name.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        match self {
            Self::Text(folder) => folder.rename(from, to),
            Self::Sql(sql) => sql.rename(from, to),
        }
    }

    /// Removes a table.
    pub fn remove(&mut self, table: &str) -> Result<()> {
        match self {
            Self::Text(folder) => folder.remove(table),
            Self::Sql(sql) => sql.remove(table),
        }
    }

    /// What the old table is called that a migration keeps.
    pub fn kept_name(&self, table: &str, version: Option<i64>) -> String {
        let version = version.map_or_else(|| "old".to_owned(), |version| format!("v{version}"));
        match self {
            // A file with a dot in its name is no table.
            Self::Text(_) => format!("{table}.{version}"),
            Self::Sql(_) => format!("{table}_{version}"),
        }
    }

    /// The version that the table `version` has for a table.
    pub fn version(&self, table: &str) -> Result<Option<i64>> {
        let Some(columns) = self.columns(VERSION)? else { return Ok(None) };
        let place = |name: &str| columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
        let (Some(name), Some(number)) = (place("table_name"), place("table_version")) else {
            return Ok(None);
        };
        let mut version = None;
        self.read(VERSION, &columns, |rows| {
            let of_table =
                |row: &[Field]| row.get(name).and_then(Field::bytes) == Some(table.as_bytes());
            let row = rows.iter().find(|row| of_table(row));
            version = version.or_else(|| row.and_then(|row| row.get(number)?.int()));
            Ok(())
        })?;
        Ok(version)
    }

    /// Writes the version of a table.
    pub fn set_version(&mut self, table: &str, version: i64) -> Result<()> {
        if self.columns(VERSION)?.is_none()
            && let Some(known) = super::tables::find(VERSION)
        {
            self.create(VERSION, &known.columns(), known.unique)?;
        }
        let (key, set) = (("table_name", table), ("table_version", version));
        if self.version(table)?.is_some() {
            return match self {
                Self::Text(folder) => folder.update(VERSION, key, set),
                Self::Sql(sql) => sql.update(VERSION, key, set),
            };
        }
        let row = vec![
            (Arc::from("table_name"), Field::text(table)),
            (Arc::from("table_version"), Field::Int(version)),
        ];
        self.add(VERSION, vec![row])?;
        self.finish(VERSION, &[])
    }

    /// Makes a table that OpenSIPS knows, with its version.
    pub fn make(&mut self, table: &Table) -> Result<()> {
        self.create(table.name, &table.columns(), table.unique)?;
        if table.version > 0 { self.set_version(table.name, table.version) } else { Ok(()) }
    }
}

/// A value for a column where a row has none, or NULL where none may be.
pub fn default_of(column: &Column) -> Field {
    match (column.default, column.kind) {
        _ if column.null || column.auto => Field::Null,
        (Default::Int(number), Kind::Double) => Field::Double(number as f64),
        (Default::Int(number), _) => Field::Int(number),
        (Default::Text(text), _) => Field::text(text),
        (Default::Never, _) | (Default::None, Kind::Time) => Field::Time(NEVER_S),
        (Default::None, Kind::Text(_) | Kind::Blob) => Field::text(""),
        (Default::None, _) => Field::Int(0),
    }
}
