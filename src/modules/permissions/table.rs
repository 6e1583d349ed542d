//! The table `address` (spec 5.6): version 5 and older ones, by the names of columns.
//!
//! Takes rows as the database gives them, gives those of a list. A row that is wrong is told by its
//! place and left out. Asks the database; is never called by a worker.

use std::sync::Arc;

use sluice_engine::db::{Field, Rows, Source};
use sluice_sip::uri::literal_addr;

use super::addresses::{Addresses, Entry, first_of_net, full_mask, proto_of};
use crate::db_version;
use crate::rows;

/// The versions of the table whose columns are known.
const VERSIONS: std::ops::RangeInclusive<i64> = 3..=5;

/// What versions before 4 call the column of addresses.
const OLD_IP: &str = "ip_addr";

/// A table of addresses.
pub struct Table {
    /// The database.
    pub source: Arc<dyn Source>,
    /// The table.
    pub table: Arc<str>,
    /// What its columns are called.
    pub columns: Arc<Columns>,
    /// The table of versions.
    pub versions: String,
}

/// Names of the columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// `grp_col`
    pub group: String,
    /// `ip_col`; `ip_addr` in older tables.
    pub ip: String,
    /// `mask_col`
    pub mask: String,
    /// `port_col`
    pub port: String,
    /// `proto_col`
    pub proto: String,
    /// `pattern_col`
    pub pattern: String,
    /// `info_col`
    pub info: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            group: "grp".to_owned(),
            ip: "ip".to_owned(),
            mask: "mask".to_owned(),
            port: "port".to_owned(),
            proto: "proto".to_owned(),
            pattern: "pattern".to_owned(),
            info: "context_info".to_owned(),
        }
    }
}

impl Table {
    /// Reads it.
    ///
    /// # Errors
    /// Why there are no rows to be had.
    pub fn load(&self, warnings: &mut Vec<String>) -> Result<Addresses, String> {
        let version = db_version::warning(&*self.source, &self.versions, &self.table, VERSIONS);
        warnings.extend(version);
        let rows = rows::all(&*self.source, &self.table)?;
        let place = self.source.place(&self.table);
        Ok(Addresses::new(read(&rows, &place, &self.columns, warnings)?))
    }
}

/// Entries from the rows of a table that messages call `place`.
///
/// # Errors
/// A column that must be there.
pub fn read(
    rows: &Rows,
    place: &str,
    columns: &Columns,
    warnings: &mut Vec<String>,
) -> Result<Vec<Entry>, String> {
    let reading = Reading {
        group: rows::column(rows, place, &[&columns.group])?,
        ip: rows::column(rows, place, &[&columns.ip, OLD_IP])?,
        mask: rows.column(&columns.mask),
        port: rows.column(&columns.port),
        proto: rows.column(&columns.proto),
        pattern: rows.column(&columns.pattern),
        info: rows.column(&columns.info),
    };
    Ok(rows::read(rows, place, warnings, |fields| reading.entry(fields)))
}

/// Where the columns are.
struct Reading {
    group: usize,
    ip: usize,
    mask: Option<usize>,
    port: Option<usize>,
    proto: Option<usize>,
    pattern: Option<usize>,
    info: Option<usize>,
}

impl Reading {
    /// The entry of a row; none for one whose transport is `none`.
    fn entry(&self, fields: &[Field]) -> Result<Option<Entry>, String> {
        let shown = |at| String::from_utf8_lossy(rows::text(fields, at)).into_owned();
        let proto = rows::text(fields, self.proto);
        if proto.eq_ignore_ascii_case(b"none") {
            return Ok(None);
        }
        let proto =
            proto_of(proto).ok_or_else(|| format!("`{}` is no transport", shown(self.proto)))?;
        let ip = literal_addr(rows::text(fields, Some(self.ip)))
            .ok_or_else(|| format!("`{}` is no address", shown(Some(self.ip))))?;
        let full = full_mask(ip);
        let mask = rows::number(fields, self.mask, full.into())
            .and_then(|mask| u8::try_from(mask).ok())
            .filter(|mask| *mask <= full)
            .ok_or_else(|| format!("a mask of {ip} is 0 to {full}"))?;
        let group = fields.get(self.group).and_then(Field::int);
        let port = rows::number(fields, self.port, 0).and_then(|port| u16::try_from(port).ok());
        let pattern = rows::text(fields, self.pattern);
        Ok(Some(Entry {
            group: group
                .and_then(|group| u32::try_from(group).ok())
                .ok_or("a group is a number from 0")?,
            ip: first_of_net(ip, mask),
            mask,
            port: port.ok_or("a port is 0 to 65535")?,
            proto,
            pattern: (!pattern.is_empty()).then(|| pattern.into()),
            info: rows::text(fields, self.info).into(),
        }))
    }
}
