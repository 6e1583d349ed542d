//! The one clock of the data plane. Read by the shell before a turn; a turn is told.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sluice_base::Now;

/// Counts from the moment it was made; copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts monotonic time. Once per program; workers get copies.
    #[allow(clippy::disallowed_methods, reason = "this is the clock that others must not read")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both faces of the present moment.
    #[allow(clippy::disallowed_methods, reason = "this is the clock that others must not read")]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_us: self.start.elapsed().as_micros() as u64, wall_us: wall.as_micros() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_agree_and_time_goes_on() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), { clock }.now());
        assert!(first.mono_us <= second.mono_us);
        assert!(first.wall_s() > 1_700_000_000);
    }
}
