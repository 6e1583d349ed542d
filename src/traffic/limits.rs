//! Every bound of the load generator, with its reason.

/// Datagrams sent in one round at most; between two rounds the agent receives, so that replies
/// never wait behind a long catch-up.
pub const ROUND: usize = 64;

/// Calls that may be outstanding at once. Two bits of state would do, a byte is used: 16 MiB.
/// 16 million is 300,000 calls a second, each given up after 55 seconds.
pub const OUTSTANDING: u64 = 1 << 24;

/// Calls that may be due in one second; the sending thread gives out long before.
pub const RATE: u32 = 10_000_000;

/// Source ports of one caller. Each has its own templates of a few kilobytes.
pub const SOURCES: usize = 1_024;

/// Addresses that one answering agent serves; a farm of them is started as several agents.
pub const DESTINATIONS: usize = 1_024;

/// Entries of the order table: 64 MiB of 16 bytes each.
pub const ORDER_ENTRIES: usize = 1 << 22;

/// Bytes of one request. A UDP payload over IPv4 has at most 65,507.
pub const REQUEST_BYTES: usize = 65_507;

/// Retransmissions of one request: RFC 3261 17.1.1.2 sends at most 6 more within 64*T1.
pub const RETRANSMISSIONS: u8 = 6;

/// Latencies above this many microseconds are recorded as this: no call waits longer.
pub const LATENCY_US: u64 = 120_000_000;

/// Batches of replies that a caller takes from a socket in one round while they are full. A call
/// has up to four replies: with one batch a round it would fall behind its own calls.
pub const BATCHES: usize = 4;

/// Bytes that one round may send, reserved at start: [`ROUND`] first requests and two answers to
/// each datagram received, 900 bytes each. A larger round grows the buffer once.
pub const ROUND_BYTES: usize = 512 * 1024;

/// Record-Route entries of a reply that a caller turns into Route; further ones are left out.
pub const ROUTES: usize = 16;

/// Share of busy time above which a generator cannot vouch for its schedule.
pub const BUSY: f64 = 0.9;

/// The longest sleep of an agent in microseconds: stopping takes no longer.
pub const SLEEP_US: u64 = 20_000;

/// How long an answering agent that was told to stop still answers what is queued.
pub const DRAIN_US: u64 = 1_000_000;

/// Calls in a row from one source address, so that a batch is not cut into single sends.
pub const STRETCH: u64 = 16;

/// Users of one caller: as many as six digits can name.
pub const USERS: u64 = 1_000_000;
