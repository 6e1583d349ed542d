//! A folder of text files, for `sluice db`: tables whole, since that is how they are held.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use sluice_engine::db::{Action, Condition, Field, Statement};
use sluice_engine::files::{Claim, Files};
use sluice_modules::db_text::table::Table;
use sluice_modules::db_text::text::{self, Parsed, Type};

use super::schema::{Column, Default, Kind};
use crate::serve::files::DiskFiles;

/// The longest field: whatever a file holds.
const LONGEST: usize = 16 << 20;

/// A folder as a database.
pub struct Folder {
    path: String,
    files: DiskFiles,
    /// Kept from the first change on.
    claim: Option<Claim>,
    /// Rows that wait for [`Folder::finish`], by table.
    waiting: BTreeMap<String, Vec<Row>>,
}

/// Values by the names of their columns.
pub type Row = Vec<(Arc<str>, Field)>;

impl Folder {
    /// The folder of a path.
    ///
    /// # Errors
    /// There is none.
    pub fn open(path: &str) -> Result<Self> {
        let path = path.trim_end_matches('/').to_owned();
        if !Path::new(&path).is_dir() {
            bail!("{path}: no such folder");
        }
        let files = DiskFiles::new([PathBuf::from("."), PathBuf::from(".")]);
        Ok(Self { path, files, claim: None, waiting: BTreeMap::new() })
    }

    /// Names of the tables, in order.
    pub fn tables(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).with_context(|| self.path.clone())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // What has a dot is no table: what was kept beside one, or is hidden.
            if !name.contains('.') && self.parsed(&name).is_ok() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The columns of a table; `None`: there is no such table.
    pub fn columns(&self, table: &str) -> Result<Option<Vec<Column>>> {
        if !Path::new(&self.place(table)).exists() {
            return Ok(None);
        }
        Ok(Some(self.parsed(table)?.columns.iter().map(column).collect()))
    }

    /// All rows, and what is wrong with those that cannot be read, with file and line.
    pub fn rows(&self, table: &str) -> Result<(Vec<Box<[Field]>>, Vec<String>)> {
        let parsed = self.parsed(table)?;
        let place = self.place(table);
        let refused = parsed.refused.iter().map(|why| format!("{place}:{why}")).collect();
        Ok((parsed.rows.into_iter().map(|row| row.fields).collect(), refused))
    }

    /// Makes a table without rows.
    pub fn create(&mut self, table: &str, columns: &[Column]) -> Result<()> {
        self.claim()?;
        let mut bytes = Vec::new();
        text::write_columns(&columns.iter().map(text_column).collect::<Vec<_>>(), &mut bytes);
        self.write(table, &bytes)
    }

    /// Takes rows; they are in the file after [`Folder::finish`].
    pub fn add(&mut self, table: &str, rows: Vec<Row>) {
        self.waiting.entry(table.to_owned()).or_default().extend(rows);
    }

    /// Writes the rows that were added to a table behind those that are there.
    pub fn finish(&mut self, name: &str) -> Result<()> {
        let Some(rows) = self.waiting.remove(name) else { return Ok(()) };
        self.claim()?;
        let parsed = self.parsed(name)?;
        let old = parsed.rows.iter().map(|row| row_of(&parsed, &row.fields)).collect::<Vec<_>>();
        let mut table = Table::new(name, Parsed { rows: Vec::new(), ..parsed });
        // A table lists what was added last first, and so does its file.
        let all = old.into_iter().chain(rows).collect::<Vec<_>>();
        for (number, row) in all.into_iter().enumerate().rev() {
            let (name, action) = (Arc::from(name), Action::Insert(row));
            let statement = Statement { table: name, action, conditions: Vec::new() };
            table.change(&statement).map_err(|why| anyhow!("row {}: {why}", number + 1))?;
        }
        self.write(name, &table.write())
    }

    /// Sets a field of the rows that have a value in a column.
    pub fn update(&mut self, table: &str, key: (&str, &str), set: (&str, i64)) -> Result<()> {
        self.claim()?;
        let condition = Condition::equal(&Arc::from(key.0), Field::text(key.1));
        let action = Action::Update(vec![(Arc::from(set.0), Field::Int(set.1))]);
        let mut held = Table::new(table, self.parsed(table)?);
        let statement = Statement { table: Arc::from(table), action, conditions: vec![condition] };
        held.change(&statement)?;
        self.write(table, &held.write())
    }

    /// Gives a table another name.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.claim()?;
        let (from, to) = (self.place(from), self.place(to));
        if Path::new(&to).exists() {
            bail!("{to} is there already");
        }
        std::fs::rename(&from, &to).with_context(|| from)
    }

    /// Removes a table.
    pub fn remove(&mut self, table: &str) -> Result<()> {
        self.claim()?;
        let place = self.place(table);
        std::fs::remove_file(&place).with_context(|| place)
    }

    fn place(&self, table: &str) -> String {
        format!("{}/{table}", self.path)
    }

    fn parsed(&self, table: &str) -> Result<Parsed> {
        let place = self.place(table);
        let bytes = std::fs::read(&place).with_context(|| place.clone())?;
        text::parse(&bytes, LONGEST).map_err(|why| anyhow!("{place}:{why}"))
    }

    fn write(&self, table: &str, bytes: &[u8]) -> Result<()> {
        let place = self.place(table);
        self.files.replace(&place, bytes).with_context(|| place)
    }

    /// A gateway that runs on these tables would write over what is changed here.
    fn claim(&mut self) -> Result<()> {
        if self.claim.is_none() {
            let claimed = self.files.claim(&self.path);
            self.claim = Some(claimed.map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => {
                    anyhow!(
                        "{}: a program that runs changes tables there; stop it first",
                        self.path
                    )
                }
                _ => anyhow!("{}: {error}", self.path),
            })?);
        }
        Ok(())
    }
}

fn row_of(parsed: &Parsed, fields: &[Field]) -> Row {
    let names = parsed.columns.iter().map(|column| Arc::from(&*column.name));
    names.zip(fields.iter().cloned()).collect()
}

fn column(column: &text::Column) -> Column {
    let kind = match column.kind {
        Type::Text => Kind::Text(0),
        Type::Int => Kind::Int,
        Type::Long => Kind::Long,
        Type::Double => Kind::Double,
        Type::Time => Kind::Time,
        Type::Blob => Kind::Blob,
    };
    let name = column.name.to_string();
    Column { name, kind, null: column.null, auto: column.auto, default: Default::None }
}

fn text_column(column: &Column) -> text::Column {
    let kind = match column.kind {
        Kind::Text(_) => Type::Text,
        Kind::Int => Type::Int,
        Kind::Long => Type::Long,
        Kind::Double => Type::Double,
        Kind::Time => Type::Time,
        Kind::Blob => Type::Blob,
    };
    text::Column { name: column.name.as_str().into(), kind, null: column.null, auto: column.auto }
}
