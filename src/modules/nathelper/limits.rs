//! Limits of the pings, each with its reason.

/// Pings that a worker sends in one turn: some 100 microseconds, which calls can wait for.
pub const PINGS: usize = 64;

/// Looks into shards in one turn, each at 64 records: as long as it takes to send that many pings,
/// also where few contacts get one.
pub const LOOKS: usize = 16;

/// How long a worker does other things before it looks for contacts again, milliseconds: with an
/// interval of 30 s that is a part in 1,500 of all pings.
pub const PAUSE_MS: u64 = 20;

/// The same while pings are off, or there are no contacts.
pub const IDLE_MS: u64 = 1_000;

/// Pings of a worker whose answers count and have not come: some 10 MB. More are sent all the same,
/// and what becomes of them does not count.
pub const WAITING: usize = 65_536;
