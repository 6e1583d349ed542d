//! Module `tm`: transactions for scripts (spec 8). The machines are in `engine::tm`; here are their
//! names, parameters and return codes.

pub mod api;
mod bavp;
mod branch_variables;
mod branches;
mod cancel;
mod checks;
mod flags;
mod functions;
mod headers;
mod inject;
mod mi;
mod params;
mod relay;
mod replicate;
mod replied;
mod state;
mod statistics;
mod status;
mod timers;
mod trouble;
mod uac;
mod variables;

use std::sync::Arc;

use sluice_engine::module::{Hooks, Module, Setup, SetupError, SharedState};

use state::State;

/// The definition table.
pub static MODULE: Module = Module {
    name: "tm",
    aliases: &[],
    doc: "Transactions: relays requests, absorbs retransmissions, answers.",
    includes: &[],
    params: params::PARAMS,
    functions: functions::FUNCTIONS,
    variables: &variables::ALL,
    transformations: &[],
    statistics: &statistics::STATISTICS,
    commands: mi::COMMANDS,
    hooks: Hooks::NONE,
    start,
};

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    params::read(setup);
    setup.settings.tm_statistics = Some(setup.statistics);
    Ok(Arc::new(State::new(setup)))
}
