//! Limits of the control plane, each with its reason.

use std::time::Duration;

/// Jobs waiting to be begun, of all workers together. More than this means that the control plane
/// does not keep up; the runs are then answered "failed" rather than late.
pub const JOBS: usize = 16_384;

/// Between two looks for what reloads have left over. Workers turn at least that often.
pub const SWEEP: Duration = Duration::from_secs(1);

/// The longest that a run waits for a name. A caller retransmits and gives up within seconds.
pub const RESOLVE: Duration = Duration::from_secs(2);
