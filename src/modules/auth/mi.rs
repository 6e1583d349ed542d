//! Management: who has failed to authenticate.

use serde_json::{Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};

use super::state::Shared;
use crate::cachedb_local::api::number;

/// How many are listed unless told otherwise.
const LISTED: usize = 100;

/// The table.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "auth_failures",
    short: "failures",
    doc: "Lists sources and users that failed within ten minutes, those with the most first.",
    params: &["count?"],
    run: failures,
}];

fn failures(state: &dyn SharedState, params: &[Option<&str>]) -> Result<Value, CommandError> {
    let Some(shared) = state.as_any().downcast_ref::<Shared>() else {
        return Err(CommandError::new(500, "the module is not running"));
    };
    let count = match params.first().copied().flatten().map(str::parse) {
        None => LISTED,
        Some(Ok(count)) => count,
        Some(Err(_)) => return Err(CommandError::new(400, "count is a number")),
    };
    // What has expired is swept each second, so no clock is needed.
    let all = shared.0.failures.list(0, |_| true);
    let mut all: Vec<(i64, _)> =
        all.into_iter().map(|(key, value)| (number(&value).unwrap_or_default(), key)).collect();
    let total = all.len();
    all.sort_by(|one, other| other.cmp(one));
    let listed = all.iter().take(count).map(|(failures, key)| {
        let mut parts = key.splitn(2, |byte| *byte == 0).map(String::from_utf8_lossy);
        let (source, user) = (parts.next(), parts.next());
        json!({ "source": source, "user": user, "failures": failures })
    });
    Ok(json!({ "total": total, "failures": listed.collect::<Vec<_>>() }))
}
