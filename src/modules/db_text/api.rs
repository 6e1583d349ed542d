//! What other modules use of this one: a text that is a table.

use std::sync::Arc;

use sluice_engine::db::{Rows, Source};
use sluice_engine::files::Files;

use super::store::{Folder, Mode};
use super::text;

pub use super::text::is_table;

/// The longest field of a table that a module reads from a file of its own.
const LONGEST: usize = 4096;

/// Reads the text of a table that stands in `file`; what is wrong with single rows goes to
/// `warnings`.
///
/// # Errors
/// What is wrong with the line of columns, as `FILE:LINE:COLUMN: why`.
pub fn rows(bytes: &[u8], file: &str, warnings: &mut Vec<String>) -> Result<Rows, String> {
    let parsed = text::parse(bytes, LONGEST).map_err(|why| format!("{file}:{why}"))?;
    let left_out = |why: &String| format!("{file}:{why}; the row is left out");
    warnings.extend(parsed.warnings.iter().map(|why| format!("{file}:{why}")));
    warnings.extend(parsed.refused.iter().map(left_out));
    let columns = parsed.columns.iter().map(|column| Arc::from(&*column.name)).collect();
    let (lines, rows) = parsed.rows.into_iter().map(|row| (row.line, row.fields)).unzip();
    Ok(Rows { columns, rows, lines, changed: 0 })
}

/// Opens a folder of tables, for tools that run no script.
///
/// # Errors
/// There is no such folder.
pub fn open(path: &str, files: &Arc<dyn Files>) -> Result<Arc<dyn Source>, String> {
    let path = path.trim_end_matches('/');
    files.stamp(path).map_err(|error| format!("{path}: {error}"))?;
    let mode = Mode { watches: true, longest: LONGEST, strict: false };
    Ok(Arc::new(Folder::new(path, Arc::clone(files), mode)))
}
