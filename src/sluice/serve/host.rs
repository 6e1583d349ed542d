//! What this program lends to the management commands of the core.

use sluice_control::mi;
use sluice_modules::core::api::date_text;

use super::log;

/// The process: its log, its end.
pub(super) struct Host;

impl mi::Host for Host {
    fn log_level(&self) -> i64 {
        log::level()
    }

    fn set_log_level(&self, level: i64) {
        log::set_level(level);
    }

    fn date(&self, seconds: u64) -> String {
        date_text(seconds)
    }

    fn stop(&self) {
        if let Err(error) = signal_hook::low_level::raise(signal_hook::consts::SIGTERM) {
            tracing::error!(target: "core", "the program cannot be ended: {error}");
        }
    }
}
