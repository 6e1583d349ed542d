//! Limits of the control plane, each with its reason.

use std::time::Duration;

/// Jobs waiting to be begun, of all workers together. More than this means that the control plane
/// does not keep up; the runs are then answered "failed" rather than late.
pub const JOBS: usize = 16_384;

/// Between two looks for what reloads have left over. Workers turn at least that often.
pub const SWEEP: Duration = Duration::from_secs(1);

/// The longest that a run waits for a name. A caller retransmits and gives up within seconds.
pub const RESOLVE: Duration = Duration::from_secs(2);

/// Longest management request, bytes: far more than any command with its parameters.
pub const MI_REQUEST: usize = 65_536;

/// Bytes of one read of the FIFO: all that the system's pipe holds.
pub const MI_READ: usize = 65_536;

/// Requests under way at once. More than people send; each may wait a second for its reader.
pub const MI_REQUESTS: usize = 64;

/// How long the rest of a request may take. Its writer writes it at once, or has died.
pub const MI_SILENCE: Duration = Duration::from_secs(1);

/// How long a reply may stay unread before it is given up.
pub const MI_REPLY_WAIT: Duration = Duration::from_secs(1);

/// How often is looked for the reader of a reply: a person does not feel it.
pub const MI_REPLY_LOOK: Duration = Duration::from_millis(10);

/// The longest that one reply may take, however it is read.
pub const MI_REPLY_TOTAL: Duration = Duration::from_secs(30);

/// How often is looked whether the FIFO is still there.
pub const MI_LOOK: Duration = Duration::from_secs(30);

/// How long the end of the program waits for replies under way.
pub const MI_STOP: Duration = Duration::from_secs(2);
