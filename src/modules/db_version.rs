//! The `version` table: which layout a table has (spec 5.5).
//!
//! OpenSIPS refuses to start when it is not the one it was built for. Here tables are read by the
//! names of their columns, so that another number is a warning.

use std::ops::RangeInclusive;
use std::sync::Arc;

use sluice_engine::db::{Action, Condition, Field, Source, Statement};

/// What is to be said of a table whose layouts `known` are read; nothing when it is one of them.
pub(crate) fn warning(
    source: &dyn Source,
    versions: &str,
    table: &str,
    known: RangeInclusive<i64>,
) -> Option<String> {
    let columns = [Arc::from("table_version")];
    let key = Condition::equal(&Arc::from("table_name"), Field::text(table));
    let statement = Statement {
        table: versions.into(),
        action: Action::Select(Arc::new(columns)),
        conditions: vec![key],
    };
    let place = source.place(table);
    let (first, last) = (known.start(), known.end());
    let expected = if first == last { first.to_string() } else { format!("{first} to {last}") };
    match source.ask(vec![statement]) {
        Err(error) => Some(format!("{place}: its version is not known: {error}")),
        Ok(rows) => match rows.rows.first().and_then(|row| row.first()).and_then(Field::int) {
            None => Some(format!("{place}: no row for it in {}", source.place(versions))),
            Some(version) if known.contains(&version) => None,
            Some(version) => Some(format!(
                "{place}: version {version}, not {expected}; its columns are read by their names"
            )),
        },
    }
}
