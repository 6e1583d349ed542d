//! Management: forgetting the rows that are kept.

use serde_json::{Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};

use super::state::State;

/// The table.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "auth_db_forget",
    short: "forget",
    doc: "Forgets the rows of users that are kept, so that changed passwords hold at once.",
    params: &[],
    run: forget,
}];

fn forget(state: &dyn SharedState, _: &[Option<&str>]) -> Result<Value, CommandError> {
    let Some(state) = state.as_any().downcast_ref::<State>() else {
        return Err(CommandError::new(500, "the module is not running"));
    };
    if let Some(cache) = &state.cache {
        cache.rows.remove_all(|_| true);
    }
    Ok(json!("OK"))
}
