//! Management commands (spec 5.4). They run on the control plane.

use serde_json::{Value, json};
use sluice_engine::db::DbError;
use sluice_engine::module::{Command, CommandError, SharedState};

use super::Folders;
use super::store::Folder;

/// The table.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "dbt_dump",
        short: "dump",
        doc: "Writes what could not be written yet.",
        params: &[],
        run: dump,
    },
    Command {
        name: "dbt_reload",
        short: "reload",
        doc: "Reads tables again: all, those of a folder, or one.",
        params: &["db_name?", "table_name?"],
        run: reload,
    },
];

fn dump(state: &dyn SharedState, _: &[Option<&str>]) -> Result<Value, CommandError> {
    visit(state, None, |folder| folder.flush(None))
}

fn reload(state: &dyn SharedState, params: &[Option<&str>]) -> Result<Value, CommandError> {
    let mut params = params.iter().copied();
    let (folder, table) = (params.next().flatten(), params.next().flatten());
    visit(state, folder, |folder| folder.reload(table))
}

fn visit(
    state: &dyn SharedState,
    folder: Option<&str>,
    act: impl Fn(&Folder) -> Result<(), DbError>,
) -> Result<Value, CommandError> {
    let folders = state.as_any().downcast_ref::<Folders>();
    let folders = folders.map(|folders| folders.named(folder)).unwrap_or_default();
    if let (Some(name), true) = (folder, folders.is_empty()) {
        return Err(CommandError::new(404, format!("no database `{name}` is open")));
    }
    match folders.iter().try_for_each(act) {
        Ok(()) => Ok(json!("OK")),
        Err(error) => Err(CommandError::new(500, error.to_string())),
    }
}
