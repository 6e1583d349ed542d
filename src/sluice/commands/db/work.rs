//! What `sluice db` does: making tables, bringing them up to date, copying them, checking them.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sluice_engine::db::Field;

use super::database::{Database, default_of};
use super::schema::{Column, Default, Kind, Table};
use super::tables::{TABLES, VERSION, find};

/// How often a long copy says how far it is.
const PROGRESS: Duration = Duration::from_secs(1);

/// Makes the tables that are not there yet, all that OpenSIPS knows or those named.
///
/// # Errors
/// The first that cannot be made.
pub fn create(database: &mut Database, names: &[String], out: &mut dyn Write) -> Result<()> {
    let tables: Vec<&Table> = match names {
        [] => TABLES.iter().collect(),
        names => names.iter().map(|name| known(name)).collect::<Result<_>>()?,
    };
    for table in tables {
        if database.columns(table.name)?.is_some() {
            writeln!(out, "{}: there already", table.name)?;
            continue;
        }
        database.make(table).with_context(|| table.name)?;
        match table.version {
            0 => writeln!(out, "{}: made", table.name)?,
            version => writeln!(out, "{}: made, version {version}", table.name)?,
        }
    }
    Ok(())
}

/// Brings tables to the versions of this release, all that are there or those named. The old table
/// is kept under another name.
///
/// # Errors
/// The first that cannot be brought; it is as it was.
pub fn migrate(database: &mut Database, names: &[String], out: &mut dyn Write) -> Result<()> {
    let there = database.tables()?;
    let wanted: Vec<&str> = match names {
        [] => there.iter().map(String::as_str).collect(),
        names => names.iter().map(String::as_str).collect(),
    };
    for name in wanted {
        let Some(table) = find(name).filter(|table| table.version > 0) else {
            if !names.is_empty() {
                known(name)?;
            }
            continue;
        };
        let Some(columns) = database.columns(name)? else {
            bail!("{name}: there is no such table")
        };
        let version = database.version(name)?;
        if version == Some(table.version) && lacking(table, &columns).is_empty() {
            writeln!(out, "{name}: version {}, nothing to do", table.version)?;
            continue;
        }
        migrate_one(database, table, (version, &columns), out).with_context(|| name.to_owned())?;
    }
    Ok(())
}

fn migrate_one(
    database: &mut Database,
    table: &Table,
    (version, old): (Option<i64>, &[Column]),
    out: &mut dyn Write,
) -> Result<()> {
    let name = table.name;
    let (count, refused) = database.count(name)?;
    if let Some(first) = refused.first() {
        bail!("{} rows cannot be read, the first: {first}", refused.len());
    }
    let kept = database.kept_name(name, version);
    database.rename(name, &kept)?;
    let new = merged(table, old);
    let done = fill(database, (table, &new), (&kept, old), out).and_then(|done| {
        if done == count { Ok(()) } else { bail!("{done} rows were written, not {count}") }
    });
    let done = done.and_then(|()| database.set_version(name, table.version));
    if let Err(why) = done {
        // What is half made goes, and the old one has its name again.
        if database.columns(name)?.is_some() {
            database.remove(name)?;
        }
        database.rename(&kept, name)?;
        return Err(why);
    }
    let from =
        version.map_or_else(|| "no version".to_owned(), |number| format!("version {number}"));
    writeln!(out, "{name}: from {from} to {}, {count} rows; the old one is {kept}", table.version)?;
    Ok(())
}

/// Makes the new table and fills it from the old one.
fn fill(
    database: &mut Database,
    (table, new): (&Table, &[Column]),
    (kept, old): (&str, &[Column]),
    out: &mut dyn Write,
) -> Result<u64> {
    database.create(table.name, new, table.unique)?;
    // A database that is read is not written meanwhile: rows are held for so long.
    let mut rows = Vec::new();
    let mut progress = Progress::new(table.name);
    database.read(kept, old, |batch| {
        progress.tell(batch.len(), out)?;
        rows.push(batch);
        Ok(())
    })?;
    let plan = Plan::of(Some(table), old, new);
    let mut done = 0;
    for batch in rows {
        done += batch.len() as u64;
        database.add(table.name, batch.iter().map(|row| plan.row(row)).collect())?;
    }
    database.finish(table.name, new)?;
    Ok(done)
}

/// Copies tables from one database to another, all or those named; rows are never added to rows.
///
/// # Errors
/// The first table that cannot be copied, or of which not all rows have come.
pub fn copy(
    from: &Database,
    to: &mut Database,
    names: &[String],
    out: &mut dyn Write,
) -> Result<()> {
    let all = match names {
        [] => from.tables()?,
        names => names.to_vec(),
    };
    let (mut tables, mut rows) = (0_u64, 0_u64);
    for name in all.iter().filter(|name| *name != VERSION) {
        rows += copy_one(from, to, name, out).with_context(|| name.clone())?;
        tables += 1;
    }
    writeln!(out, "{tables} tables, {rows} rows")?;
    Ok(())
}

fn copy_one(from: &Database, to: &mut Database, name: &str, out: &mut dyn Write) -> Result<u64> {
    let Some(old) = from.columns(name)? else { bail!("there is no such table") };
    let (count, refused) = from.count(name)?;
    if let Some(first) = refused.first() {
        bail!("{} rows cannot be read, the first: {first}", refused.len());
    }
    let (table, there) = (find(name), to.columns(name)?);
    let is_new = there.is_none();
    let new = match there {
        Some(columns) => {
            let (there, _) = to.count(name)?;
            if there > 0 {
                bail!("it has {there} rows where it is copied to; rows are not added to rows");
            }
            columns
        }
        None => {
            let columns = table.map_or_else(|| old.clone(), |table| merged(table, &old));
            to.create(name, &columns, table.map_or(&[], |table| table.unique))?;
            columns
        }
    };
    let plan = Plan::of(table, &old, &new);
    let done = transfer((from, &old), (&mut *to, &new), &plan, (name, count), out);
    if done.is_err() && is_new {
        // What is half there would be in the way of the next attempt.
        to.remove(name)?;
    }
    done?;
    if let Some(version) = from.version(name)? {
        to.set_version(name, version)?;
    }
    writeln!(out, "{name}: {count} rows")?;
    Ok(count)
}

/// Copies all `count` rows of a table.
fn transfer(
    (from, old): (&Database, &[Column]),
    (to, new): (&mut Database, &[Column]),
    plan: &Plan,
    (name, count): (&str, u64),
    out: &mut dyn Write,
) -> Result<()> {
    if let Some(lost) = plan.lost.first() {
        bail!("the table that it is copied to has no column {lost}");
    }
    let mut progress = Progress { of: Some(count), ..Progress::new(name) };
    let done = from.read(name, old, |batch| {
        progress.tell(batch.len(), out)?;
        to.add(name, batch.iter().map(|row| plan.row(row)).collect())
    })?;
    to.finish(name, new)?;
    let (there, _) = to.count(name)?;
    if (done, there) != (count, count) {
        bail!("{count} rows were to be copied, {done} were read, {there} have come");
    }
    Ok(())
}

/// Says of each table what it is; whether all is well.
///
/// # Errors
/// A database that cannot be read.
pub fn check(database: &Database, out: &mut dyn Write) -> Result<bool> {
    let mut well = true;
    for name in database.tables()?.iter().filter(|name| *name != VERSION) {
        let columns = database.columns(name)?.unwrap_or_default();
        let (count, refused) = database.count(name)?;
        let version = database.version(name)?;
        let mut said = match version {
            Some(version) => format!("version {version}, {count} rows"),
            None => format!("no version, {count} rows"),
        };
        let mut is_well = refused.is_empty();
        match find(name) {
            None => said.push_str("; not one of OpenSIPS' tables that are known here"),
            Some(table) => {
                let lacking = lacking(table, &columns);
                is_well &= version == Some(table.version) && lacking.is_empty();
                if version != Some(table.version) {
                    said.push_str(&format!("; this release has version {}", table.version));
                }
                if !lacking.is_empty() {
                    said.push_str(&format!("; it lacks {}", lacking.join(", ")));
                }
            }
        }
        writeln!(out, "{}: {said}", name)?;
        for why in &refused {
            writeln!(out, "  {why}")?;
        }
        well &= is_well;
    }
    Ok(well)
}

fn known(name: &str) -> Result<&'static Table> {
    let names = || TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    find(name).with_context(|| format!("`{name}` is no table that is known: {}", names()))
}

/// The columns that a table should have and does not.
fn lacking(table: &Table, columns: &[Column]) -> Vec<String> {
    let new = table.columns().into_iter().map(|column| column.name);
    new.filter(|name| !columns.iter().any(|c| c.name.eq_ignore_ascii_case(name))).collect()
}

/// The columns of this release, and behind them those that only the old table has: nothing that it
/// holds is left out, and what may be NULL there may be so here.
fn merged(table: &Table, old: &[Column]) -> Vec<Column> {
    let mut columns = table.columns();
    for before in old {
        let now = table.name_now(&before.name);
        match columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(now)) {
            Some(column) => {
                column.null |= before.null && !column.auto;
                // A moment in words of any form stays what it is.
                if let (Kind::Time, Kind::Text(_)) = (column.kind, before.kind) {
                    (column.kind, column.default) = (before.kind, Default::None);
                }
            }
            None => columns.push(Column { auto: false, ..before.clone() }),
        }
    }
    columns
}

/// Which old column each new one is made of.
struct Plan {
    /// Name, place of the old one and whether that may be NULL, what it is without one.
    columns: Vec<(Arc<str>, Option<(usize, bool)>, Field)>,
    /// Old columns that no new one is made of.
    lost: Vec<String>,
}

impl Plan {
    fn of(table: Option<&Table>, old: &[Column], new: &[Column]) -> Self {
        let name_now = |name: &str| table.map_or(name.to_owned(), |t| t.name_now(name).to_owned());
        let names: Vec<String> = old.iter().map(|column| name_now(&column.name)).collect();
        let column = |column: &Column| {
            let at = names.iter().position(|name| name.eq_ignore_ascii_case(&column.name));
            let null = |at: usize| old.get(at).is_some_and(|column| column.null);
            (Arc::from(&*column.name), at.map(|at| (at, null(at))), default_of(column))
        };
        let is_new = |name: &String| new.iter().any(|c| c.name.eq_ignore_ascii_case(name));
        Self {
            columns: new.iter().map(column).collect(),
            lost: names.iter().filter(|name| !is_new(name)).cloned().collect(),
        }
    }

    fn row(&self, old: &[Field]) -> Vec<(Arc<str>, Field)> {
        let field = |(name, at, default): &(Arc<str>, Option<(usize, bool)>, Field)| {
            let value = at.and_then(|(at, null)| old.get(at).map(|value| (value, null)));
            // A text file may end in the midst of a row.
            let value = value.filter(|(value, null)| *null || **value != Field::Null);
            (Arc::clone(name), value.map_or(default, |(value, _)| value).clone())
        };
        self.columns.iter().map(field).collect()
    }
}

/// How far a copy is, told now and then.
struct Progress<'a> {
    name: &'a str,
    done: u64,
    of: Option<u64>,
    told: Instant,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str) -> Self {
        Self { name, done: 0, of: None, told: Instant::now() }
    }

    fn tell(&mut self, more: usize, out: &mut dyn Write) -> Result<()> {
        self.done += more as u64;
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            let of = self.of.map_or_else(String::new, |of| format!(" of {of}"));
            writeln!(out, "{}: {}{of} rows so far", self.name, self.done)?;
        }
        Ok(())
    }
}
