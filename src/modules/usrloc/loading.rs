//! The rows of a table become contacts in memory: in ranges of their numbers, so that the database
//! reads some while others are taken, and no more than these are in memory twice.
//!
//! Which shard a row is of is known only when it has been read: all become ready together.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_engine::db::{Action, Compare, Condition, Field, Rows, Statement};

use super::edit::Order;
use super::limits;
use super::locations::Locations;
use super::record::{Contact, Fixed};
use super::store::{Kept, Store};
use super::table::Table;
use crate::db_version;

/// How a table is read.
pub(super) struct Plan {
    ranges: Vec<Range>,
    /// How many rows there are; 0 when that is not known.
    total: usize,
}

/// Numbers behind one and up to another; no limit where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    behind: Option<i64>,
    to: Option<i64>,
}

impl Range {
    const ALL: Self = Self { behind: None, to: None };
}

impl Plan {
    /// Whether it takes no longer than a start may.
    pub(super) fn is_small(&self) -> bool {
        self.total <= limits::RANGE
    }
}

impl Store {
    /// Finds out which columns there are, and how the rows are to be read.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub(super) fn plan(&self) -> Result<Plan, String> {
        let source = &self.database.source;
        self.look_at_columns()?;
        if self.database.kept == Kept::Only {
            return Ok(Plan { ranges: Vec::new(), total: 0 });
        }
        let Some(number) = self.number() else {
            return Ok(Plan { ranges: vec![Range::ALL], total: 0 });
        };
        let numbers = self.statement(Action::Select(Arc::new([number])), Vec::new());
        let rows = source.ask(vec![numbers]).map_err(|error| error.to_string())?;
        let total = rows.rows.len();
        // Where memory has the rows anyhow, ranges of them cost more than they give.
        let is_at_hand = source.now(&self.select(None)).is_some();
        let numbers = rows.rows.iter().map(|row| row.first().and_then(Field::int));
        let ranges = match numbers.collect::<Option<Vec<i64>>>() {
            Some(numbers) if !is_at_hand => ranges(numbers, limits::RANGE),
            _ => vec![Range::ALL],
        };
        Ok(Plan { ranges, total })
    }

    /// Reads all rows into memory; how many contacts there are.
    ///
    /// # Errors
    /// Why not all were read.
    pub(super) fn load(
        &self,
        plan: &Plan,
        table: &Table,
        locations: &Locations,
        now_s: u32,
    ) -> Result<usize, String> {
        let mut ranges = plan.ranges.iter();
        let (mut asked, mut taken, mut told) = (VecDeque::new(), 0, 0);
        loop {
            for range in ranges.by_ref().take(limits::READ_AHEAD - asked.len()) {
                asked.push_back(self.database.source.begin(vec![self.rows_of(*range)]));
            }
            let Some(wait) = asked.pop_front() else { return Ok(taken) };
            let rows = wait().map_err(|error| error.to_string())?;
            taken += self.take(table, locations, &rows, now_s);
            if taken - told >= limits::TOLD {
                told = taken;
                let (place, total) = (self.place(), plan.total);
                tracing::info!(target: "usrloc", "{place}: {taken} of {total} contacts so far");
            }
        }
    }

    fn look_at_columns(&self) -> Result<(), String> {
        let source = &self.database.source;
        let versions = &self.database.versions;
        if let Some(warning) = db_version::warning(&**source, versions, self.table(), VERSIONS) {
            tracing::warn!(target: "usrloc", "{warning}");
        }
        // No row is wanted, but what it would have.
        let nobody = vec![self.is_user(b"")];
        let select = self.statement(Action::Select(Arc::new([])), nobody);
        let rows = source.ask(vec![select]).map_err(|error| error.to_string())?;
        self.know(&rows)
    }

    fn rows_of(&self, range: Range) -> Statement {
        let limit = |compare, value: Option<i64>| {
            let (column, value) = (self.number()?, Field::Int(value?));
            Some(Condition { column, compare, value })
        };
        let both = [limit(Compare::Greater, range.behind), limit(Compare::AtMost, range.to)];
        let mut select = self.select(None);
        select.conditions = both.into_iter().flatten().collect();
        select
    }

    fn take(&self, table: &Table, locations: &Locations, rows: &Rows, now_s: u32) -> usize {
        let places = self.places(rows);
        let (mut taken, mut refused) = (0, 0);
        for fields in &rows.rows {
            let Some((aor, contact)) = self.contact(locations, &places, fields) else {
                refused += 1;
                continue;
            };
            if !contact.fixed.lives(now_s) {
                continue;
            }
            let id = match contact.fixed.id {
                0 => table.new_id(u64::from(now_s) * 1_000_000),
                id => id,
            };
            table.keep_id(id);
            let fixed = Fixed { id, ..contact.fixed };
            restore(table, &aor, &Contact { fixed, ..contact }, locations.options.order);
            taken += 1;
        }
        if refused > 0 {
            tracing::warn!(target: "usrloc", "{}: {refused} rows are no contacts", self.place());
        }
        taken
    }
}

/// Parts numbers into ranges of so many of them; the first and the last have no end.
fn ranges(mut numbers: Vec<i64>, most: usize) -> Vec<Range> {
    numbers.sort_unstable();
    let ends = numbers.chunks(most).filter_map(<[i64]>::last).copied();
    let mut ends: Vec<Option<i64>> = ends.map(Some).collect();
    // Whatever has come since is behind the last one.
    ends.pop();
    ends.push(None);
    let mut behind = None;
    ends.into_iter().map(|to| Range { behind: std::mem::replace(&mut behind, to), to }).collect()
}

/// Puts a contact of a row into memory; one that is there already stays.
fn restore(table: &Table, aor: &[u8], contact: &Contact<'_>, order: Order) {
    table.edit(aor, order, None, |edit| {
        let same = |c: Contact<'_>| c.uri == contact.uri && c.call_id == contact.call_id;
        if !edit.contacts().any(same) {
            edit.insert(contact);
        }
    });
}

/// Versions of the layout (spec 5.6).
const VERSIONS: std::ops::RangeInclusive<i64> = 1001..=1013;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_each_number_once_and_no_end() {
        let range = |behind, to| Range { behind, to };
        assert_eq!(ranges(Vec::new(), 3), [Range::ALL]);
        assert_eq!(ranges(vec![1, 2, 3], 3), [Range::ALL]);
        let parts = ranges(vec![9, 1, 5, 4, 7, 3, 8], 3);
        assert_eq!(parts, [range(None, Some(4)), range(Some(4), Some(8)), range(Some(8), None)]);
    }
}
