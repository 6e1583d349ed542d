//! Management: pings are turned on and off.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};
use sluice_engine::module::{Command, CommandError, SharedState};

use super::state::State;

/// The table.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "nh_enable_ping",
    short: "enable_ping",
    doc: "Tells whether contacts are pinged, or turns that on (1) or off (0).",
    params: &["status?"],
    run: enable,
}];

fn enable(state: &dyn SharedState, params: &[Option<&str>]) -> Result<Value, CommandError> {
    let state = state.as_any().downcast_ref::<State>();
    let Some(pinging) = state.and_then(|state| state.pinging.as_ref()) else {
        return Err(CommandError::new(400, "NAT ping disabled from script"));
    };
    match params.first().copied().flatten().map(str::parse::<i64>) {
        None => Ok(json!({ "Status": i32::from(pinging.enabled.load(Relaxed)) })),
        Some(Ok(status)) => {
            pinging.enabled.store(status > 0, Relaxed);
            Ok(json!("OK"))
        }
        Some(Err(_)) => Err(CommandError::new(400, "status is 0 or 1")),
    }
}
