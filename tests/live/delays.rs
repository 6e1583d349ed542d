//! Delays of calls while something fails, against those before, on a machine that is shared.

use std::time::Duration;

/// The delay that 99 of 100 calls stay below, in the middle one of the stretches of so many calls.
/// A machine that now and then stands still for a tenth of a second spoils few stretches, but may
/// spoil the hundredth call of all.
pub fn usual_p99(delays: &[Duration], stretch: u32) -> Duration {
    let mut all: Vec<Duration> = delays.chunks(stretch as usize).map(p99).collect();
    all.sort();
    all[all.len() / 2]
}

/// The delay that 99 of 100 stay below.
pub fn p99(delays: &[Duration]) -> Duration {
    let mut delays = delays.to_vec();
    delays.sort();
    delays[delays.len() * 99 / 100]
}
