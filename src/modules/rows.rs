//! Tables that a module reads whole: a row that is wrong is told by its place and left out.
//!
//! Asks the database and waits: for the start and for management commands, never for a worker.

use std::sync::Arc;

use sluice_engine::db::{Action, Field, Rows, Source, Statement};

/// All rows of a table.
///
/// # Errors
/// Why there are none to be had.
pub(crate) fn all(source: &dyn Source, table: &Arc<str>) -> Result<Rows, String> {
    let statement = Statement {
        table: Arc::clone(table),
        action: Action::Select(Arc::new([])),
        conditions: Vec::new(),
    };
    source.ask(vec![statement]).map_err(|error| error.to_string())
}

/// The place of a column that must be there, under one of its names.
///
/// # Errors
/// That it is not, in a table that messages call `place`.
pub(crate) fn column(rows: &Rows, place: &str, names: &[&str]) -> Result<usize, String> {
    let found = names.iter().find_map(|name| rows.column(name));
    found.ok_or_else(|| format!("{place}: there is no column `{}`", names.join("` or `")))
}

/// What is made of the rows, each by its fields; what cannot be made goes to `warnings`.
pub(crate) fn read<T>(
    rows: &Rows,
    place: &str,
    warnings: &mut Vec<String>,
    make: impl Fn(&[Field]) -> Result<Option<T>, String>,
) -> Vec<T> {
    let mut made = Vec::with_capacity(rows.rows.len());
    for (at, fields) in rows.rows.iter().enumerate() {
        match make(fields) {
            Ok(one) => made.extend(one),
            Err(why) => {
                let line = rows.lines.get(at).map_or(at + 1, |line| *line as usize);
                warnings.push(format!("{place}:{line}: {why}; the row is left out"));
            }
        }
    }
    made
}

/// The bytes of a field that is a text; none without the column, for NULL and for a number.
pub(crate) fn text(fields: &[Field], column: Option<usize>) -> &[u8] {
    let field = column.and_then(|at| fields.get(at));
    field.and_then(Field::bytes).unwrap_or_default()
}

/// A number; the default without the column and for NULL. `None`: it is no number.
pub(crate) fn number(fields: &[Field], column: Option<usize>, default: i64) -> Option<i64> {
    match column.and_then(|at| fields.get(at)) {
        None | Some(Field::Null) => Some(default),
        Some(field) => field.int(),
    }
}
