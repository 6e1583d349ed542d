//! What this program lends to the management commands of the core.

use std::sync::Arc;

use sluice_control::{Waker, mi};
use sluice_engine::program::Program;
use sluice_modules::core::api::date_text;

use super::script::Origin;
use super::streams::Connections;
use super::{log, reload};

/// The process: its log, its script, its end.
pub(super) struct Host {
    /// What runs.
    pub program: Arc<Program>,
    /// Where the script can be read again.
    pub script: Option<Origin>,
    /// The workers', by number.
    pub wakers: Vec<Waker>,
    /// The connections.
    pub connections: Connections,
}

impl mi::Host for Host {
    fn log_level(&self) -> i8 {
        log::level()
    }

    fn set_log_level(&self, level: i8) {
        log::set_level(level);
        self.program.shared().levels.set_log(level);
    }

    fn xlog_level(&self) -> i8 {
        self.program.shared().levels.xlog()
    }

    fn set_xlog_level(&self, level: i8) {
        self.program.shared().levels.set_xlog(level);
    }

    fn date(&self, seconds: u64) -> String {
        date_text(seconds, &self.program.shared().zone)
    }

    fn reload_routes(&self) -> mi::Answer {
        let answer = reload::reload(&self.program, self.script.as_ref())?;
        // A worker that sleeps would hold the old edition until its next message.
        self.wakers.iter().for_each(|wake| wake());
        Ok(answer)
    }

    fn connections(&self) -> Vec<mi::Connection> {
        self.connections.list(&self.program.shared().sockets)
    }

    fn stop(&self) {
        if let Err(error) = signal_hook::low_level::raise(signal_hook::consts::SIGTERM) {
            tracing::error!(target: "core", "the program cannot be ended: {error}");
        }
    }
}
