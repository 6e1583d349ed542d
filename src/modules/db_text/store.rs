//! A folder as a database: its tables in memory, read when first asked for, written back whole.
//!
//! OpenSIPS keeps changes in memory until it ends. Here a change is done when it is on the disk;
//! what others change meanwhile goes with the next writing, so that many writers share one. A file
//! is always a table that was complete.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use ahash::AHashMap;
use sluice_engine::db::{Action, DbError, Outcome, Rows, Source, Statement, Way};
use sluice_engine::files::{Claim, Files, Stamp};

use super::table::{self, Table};
use super::text;
use crate::limits::READINGS_MAX;

/// How a database is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    /// `db_mode` 1: a file that was changed by others is read again.
    pub watches: bool,
    /// `buffer_size`: the longest field, bytes.
    pub longest: usize,
    /// A row that cannot be read makes its table unusable, as in OpenSIPS.
    pub strict: bool,
}

/// A database: a folder whose files are tables. Clones are the same one.
#[derive(Clone)]
pub struct Folder(Arc<Inner>);

struct Inner {
    name: String,
    path: String,
    files: Arc<dyn Files>,
    mode: Mode,
    /// By name in lower case (spec 5.1).
    tables: RwLock<AHashMap<String, Arc<Entry>>>,
    /// Held from the first change on.
    claim: Mutex<Option<Claim>>,
}

/// A table and its file.
struct Entry {
    path: String,
    table: RwLock<Table>,
    disk: Mutex<Disk>,
    /// Writing has ended.
    written: Condvar,
}

/// How the file stands to the table.
#[derive(Default)]
struct Disk {
    stamp: Stamp,
    /// Changes so far.
    changes: u64,
    /// How many of them are on the disk.
    saved: u64,
    /// How many of them were tried in vain, and why.
    failed: Option<(u64, String)>,
    /// Someone is writing.
    writing: bool,
}

impl Folder {
    /// The database of a folder.
    pub fn new(path: &str, files: Arc<dyn Files>, mode: Mode) -> Self {
        Self(Arc::new(Inner {
            name: format!("text://{path}"),
            path: path.trim_end_matches('/').to_owned(),
            files,
            mode,
            tables: RwLock::default(),
            claim: Mutex::default(),
        }))
    }

    /// Reads tables again, all or one. What was changed and could not be written is lost.
    ///
    /// # Errors
    /// The first that cannot be read; it stays as it was.
    pub fn reload(&self, table: Option<&str>) -> Result<(), DbError> {
        self.each(table, |entry| self.0.read_again(entry))
    }

    /// Writes what is not on the disk yet, of all tables or of one.
    ///
    /// # Errors
    /// The first that cannot be written.
    pub fn flush(&self, table: Option<&str>) -> Result<(), DbError> {
        self.each(table, |entry| {
            let changes = lock(&entry.disk).changes;
            self.0.save(entry, changes)
        })
    }

    fn each(
        &self,
        table: Option<&str>,
        mut visit: impl FnMut(&Entry) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let wanted = table.map(str::to_ascii_lowercase);
        let tables = self.0.tables.read().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> = tables
            .iter()
            .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name))
            .map(|(_, entry)| Arc::clone(entry))
            .collect();
        drop(tables);
        all.iter().try_for_each(|entry| visit(entry))
    }
}

impl Source for Folder {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn place(&self, table: &str) -> String {
        format!("{}/{table}", self.0.path)
    }

    fn now(&self, statement: &Statement) -> Option<Outcome> {
        let columns = match &statement.action {
            Action::Select(columns) => columns,
            Action::Raw(_) => return Some(Err(table::no_language())),
            _ => return None,
        };
        if self.0.mode.watches {
            return None;
        }
        let tables = self.0.tables.try_read().ok()?;
        let entry = tables.get(&statement.table.to_ascii_lowercase())?;
        let table = entry.table.try_read().ok()?;
        Some(table.select(columns, &statement.conditions))
    }

    fn ask(&self, statements: Vec<Statement>) -> Outcome {
        let mut outcome = Ok(Rows::default());
        for statement in &statements {
            outcome = self.0.apply(statement);
            if outcome.is_err() {
                break;
            }
        }
        // What was done before a failure is kept too.
        let saved = self.flush(None);
        outcome.and_then(|rows| saved.map(|()| rows))
    }

    fn run(&self, statements: Vec<Statement>) -> Way<'_> {
        let folder = self.clone();
        Way::Blocking(Box::new(move || folder.ask(statements)))
    }

    fn each(&self, statements: Vec<Statement>) -> Way<'_, Vec<Outcome>> {
        let folder = self.clone();
        Way::Blocking(Box::new(move || {
            let outcomes = statements.iter().map(|statement| folder.0.apply(statement));
            let mut outcomes: Vec<Outcome> = outcomes.collect();
            if let Err(error) = folder.flush(None) {
                let done = outcomes.iter_mut().filter(|outcome| outcome.is_ok());
                done.for_each(|outcome| *outcome = Err(error.clone()));
            }
            outcomes
        }))
    }
}

impl Inner {
    fn apply(&self, statement: &Statement) -> Outcome {
        if let Action::Raw(_) = statement.action {
            return Err(table::no_language());
        }
        let entry = self.entry(&statement.table)?;
        if self.mode.watches {
            self.refresh(&entry)?;
        }
        if let Action::Select(columns) = &statement.action {
            let table = entry.table.read().unwrap_or_else(PoisonError::into_inner);
            return table.select(columns, &statement.conditions);
        }
        self.claim()?;
        let mut table = entry.table.write().unwrap_or_else(PoisonError::into_inner);
        let rows = table.change(statement)?;
        if rows.changed > 0 {
            lock(&entry.disk).changes += 1;
        }
        Ok(rows)
    }

    /// A table, read when it is asked for the first time.
    fn entry(&self, name: &str) -> Result<Arc<Entry>, DbError> {
        let key = name.to_ascii_lowercase();
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(entry) = known {
            return Ok(entry);
        }
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = tables.get(&key) {
            return Ok(Arc::clone(entry));
        }
        let path = format!("{}/{name}", self.path);
        let (table, stamp) = self.read(name, &path)?;
        let disk = Mutex::new(Disk { stamp, ..Disk::default() });
        let table = RwLock::new(table);
        let entry = Arc::new(Entry { path, table, disk, written: Condvar::new() });
        tables.insert(key, Arc::clone(&entry));
        Ok(entry)
    }

    fn read(&self, name: &str, path: &str) -> Result<(Table, Stamp), DbError> {
        let fail = |why: String| DbError::NoTable { table: name.to_owned(), why };
        let (bytes, stamp) =
            self.read_whole(path).map_err(|error| fail(format!("{path}: {error}")))?;
        let parsed =
            text::parse(&bytes, self.mode.longest).map_err(|why| fail(format!("{path}:{why}")))?;
        if let (true, Some(first)) = (self.mode.strict, parsed.refused.first()) {
            return Err(fail(format!("{path}:{first}")));
        }
        for why in &parsed.refused {
            tracing::error!(target: "db_text", "{path}:{why}; the row is left out");
        }
        for why in &parsed.warnings {
            tracing::warn!(target: "db_text", "{path}:{why}");
        }
        Ok((Table::new(name, parsed), stamp))
    }

    /// The bytes of a file, and its stamp before they were read: a change after that is seen later,
    /// not missed. A file that changes meanwhile may be half of each, so it is read again.
    fn read_whole(&self, path: &str) -> std::io::Result<(Vec<u8>, Stamp)> {
        let mut stamp = self.files.stamp(path)?;
        for _ in 1..READINGS_MAX {
            let bytes = self.files.read(path)?;
            let after = self.files.stamp(path)?;
            if after == stamp {
                return Ok((bytes, stamp));
            }
            stamp = after;
        }
        Ok((self.files.read(path)?, stamp))
    }

    /// Reads a table again if its file was changed by others.
    fn refresh(&self, entry: &Entry) -> Result<(), DbError> {
        let stamp = self.files.stamp(&entry.path);
        let disk = lock(&entry.disk);
        let same = stamp.is_ok_and(|stamp| stamp == disk.stamp);
        if same || disk.writing || disk.saved < disk.changes {
            return Ok(());
        }
        drop(disk);
        self.read_again(entry)
    }

    fn read_again(&self, entry: &Entry) -> Result<(), DbError> {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let (new, stamp) = self.read(name, &entry.path)?;
        let mut table = entry.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut disk = lock(&entry.disk);
        *table = new;
        disk.stamp = stamp;
        disk.saved = disk.changes;
        Ok(())
    }

    /// Two processes that write one folder would undo each other's changes.
    fn claim(&self) -> Result<(), DbError> {
        let mut claim = lock(&self.claim);
        if claim.is_none() {
            let made = self.files.claim(&self.path).map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => {
                    DbError::Refused(format!("{}: another process changes tables there", self.path))
                }
                _ => DbError::Refused(format!("{}: {error}", self.path)),
            })?;
            *claim = Some(made);
        }
        Ok(())
    }

    /// Waits until the first `changes` of a table are on the disk; whoever finds nobody writing
    /// writes for all.
    fn save(&self, entry: &Entry, changes: u64) -> Result<(), DbError> {
        let mut disk = lock(&entry.disk);
        let mut tried = false;
        loop {
            if disk.saved >= changes {
                return Ok(());
            }
            if let Some((_, why)) = disk.failed.as_ref().filter(|(to, _)| tried && *to >= changes) {
                return Err(DbError::Refused(format!("{}: {why}", entry.path)));
            }
            tried = true;
            if disk.writing {
                disk = entry.written.wait(disk).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            disk.writing = true;
            drop(disk);
            disk = self.write(entry);
        }
    }

    /// Writes a table as it is now.
    fn write<'a>(&self, entry: &'a Entry) -> MutexGuard<'a, Disk> {
        let table = entry.table.read().unwrap_or_else(PoisonError::into_inner);
        // No change comes between the two: it would need the table.
        let (changes, known) = {
            let disk = lock(&entry.disk);
            (disk.changes, disk.stamp)
        };
        let bytes = table.write();
        drop(table);
        let put_aside = self.put_aside(entry, known);
        let written = put_aside.and_then(|()| self.files.replace(&entry.path, &bytes));
        let stamp = self.files.stamp(&entry.path);
        let mut disk = lock(&entry.disk);
        disk.writing = false;
        match written {
            Ok(()) => {
                disk.saved = disk.saved.max(changes);
                disk.failed = None;
                disk.stamp = stamp.unwrap_or_default();
            }
            Err(error) => {
                tracing::error!(target: "db_text", "{}: {error}; the old file stays", entry.path);
                disk.failed = Some((changes, error.to_string()));
            }
        }
        entry.written.notify_all();
        disk
    }

    /// A file that was changed by others since we know it is kept beside ours.
    fn put_aside(&self, entry: &Entry, known: Stamp) -> std::io::Result<()> {
        let path = &entry.path;
        if self.files.stamp(path).is_ok_and(|stamp| stamp == known) {
            return Ok(());
        }
        let Ok(theirs) = self.files.read(path) else { return Ok(()) };
        let beside = format!("{path}.changed");
        tracing::warn!(
            target: "db_text",
            "{path} was changed by others since it was read; what they wrote is kept as {beside}"
        );
        self.files.replace(&beside, &theirs)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
