//! Limits of the location, each with its reason.

/// User-Agents that are kept once for all contacts: some hundred models in some versions each; all
/// are copied when a new one comes.
pub const AGENTS: usize = 1_024;

/// Longest of them, bytes: longer ones are seldom many people's.
pub const AGENT_BYTES: usize = 255;

/// Contacts of an address of record: each REGISTER compares its own with all of them under a lock,
/// and a call goes to twelve.
pub const CONTACTS: usize = 64;

/// Shards of a table as a power of two, however small `hash_size` is: 250 records each with a
/// million, so that one grows within some tens of microseconds.
pub const SHARDS_BITS: u32 = 12;

/// Records that are read under one lock, and in one turn of a worker.
pub const PASSED: usize = 64;

/// Records of which a sweep asks in one turn of a worker whether anything of them has expired: some
/// microseconds.
pub const SWEPT: usize = 128;

/// Work after which it leaves the rest for the next turn, nanoseconds: what a message that has come
/// meanwhile waits for.
pub const SWEEP_NS: u64 = 10_000;

/// A slice of more than this is counted as a long one, nanoseconds: the host of a virtual machine
/// has had the processor, or must fetch memory that was not used for a minute.
pub const LONG_SWEEP_NS: u64 = 200_000;

/// Records that are asked before it looks how long it has lasted.
pub const SWEPT_BLINDLY: usize = 32;

/// How long a worker does other things between two slices of a sweep, milliseconds: a slice takes a
/// tenth of that.
pub const SWEEP_PAUSE_MS: u64 = 1;

/// How often a worker looks for shards to be swept, milliseconds.
pub const SWEEP_ROUND_MS: u64 = 1_000;

/// Tables of contacts: scripts have one or two.
pub const TABLES: usize = 64;

/// Longest AoR that management takes, bytes: what a column of it has.
pub const AOR_BYTES: usize = 255;

/// Longest contact that management takes, bytes: the same.
pub const URI_BYTES: usize = 255;

/// Rows that are read at once, and how many a start waits for: a tenth of a second.
pub const RANGE: usize = 20_000;

/// Such ranges that are asked for at the same time: two are read while one is taken.
pub const READ_AHEAD: usize = 3;

/// After how many contacts a line tells how far the reading is.
pub const TOLD: usize = 100_000;

/// Statements of one transaction when all that is due is written: others wait for its locks.
pub const WRITTEN: usize = 1_000;
