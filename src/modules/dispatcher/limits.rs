//! Limits of the module, each with its reason.

/// Longest line of a list file in bytes. OpenSIPS had 511; room for long attributes.
pub const LINE_BYTES: usize = 4_096;

/// Most sets, and algorithms, of one call.
pub const SETS_OF_CALL: usize = 7;

/// Most destinations of a set that algorithms 9 and 10 ask about: each is a run of a route.
pub const SCORED: usize = 1_000;

/// Call-IDs of a plan for one set: shares are exact to about half a percent.
pub const SAMPLES: usize = 10_000;

/// Call-IDs of a plan for all sets, so that a reload of many is not long.
pub const SAMPLES_OF_ALL: usize = 400_000;

/// Lines of a list in what management is told of a plan; the rest is counted.
pub const PLAN_LINES: usize = 100;

/// Most partitions: a call that names one looks through them.
pub const PARTITIONS: usize = 64;

/// Most destinations of a list file: more than twice what is measured, within 256 MiB.
pub const DESTINATIONS: usize = 262_144;

/// Up to so many destinations of a set are looked through for a URI: that is as fast as an index.
pub const SCANNED: usize = 16;

/// Longest script attributes of a destination in bytes: a worker copies them at each selection.
pub const SCRIPT_ATTRS_BYTES: usize = 4_096;

/// Counters per destination: workers share one only beyond this many.
pub const HIT_LANES: usize = 8;

/// Destinations whose counters lie together: a reload that leaves one of them keeps 64 KiB.
pub const HIT_BLOCK: usize = 1_024;

/// Counters between those of two workers: two cache lines, which are fetched together.
pub const HIT_GAP: usize = 16;

/// Most results of one selection unless the call says otherwise (spec 3.4).
pub const RESULTS: usize = 1_000;

/// Places of a Maglev table, a prime: 16 KiB a set, and one of ten destinations that leaves moves
/// hardly more calls than its own. The same for sets of any usual size, or one that grows would
/// move every call.
pub const MAGLEV_PLACES: u64 = 8_191;

/// Up to so many destinations that table is fine enough: each has sixteen places.
pub const MAGLEV_FEW: usize = 512;

/// Places for more destinations than that, a prime: 2 MiB, made within a fraction of a second.
pub const MAGLEV_PLACES_OF_MANY: u64 = 1_048_573;

/// Draws from a Maglev table before a selection goes by number among the active ones.
pub const MAGLEV_DRAWS: u64 = 64;

/// Selections for each destination before bounded load forgets half: long enough that chance stays
/// far from the bound, short enough to follow the traffic.
pub const BOUND_WINDOW: u64 = 8_192;

/// Selections for each destination that bounded load adds to all: the first few decide nothing.
pub const BOUND_SLACK: u64 = 64;

/// How often changed states go to their table, milliseconds (spec 3.5).
pub const STORE_MS: u64 = 30_000;

/// Most states that go there at a time: a quarter of the database's queue, which accounting may
/// need, too.
pub const STORED: usize = sluice_engine::limits::LATER / 4;

/// How long the addresses that were found at a load are used without a further question,
/// milliseconds: so short that the control plane asks within a second, by SRV and NAPTR, too.
pub const FIRST_ADDRESSES_MS: u64 = 5_000;

/// While nothing is learned of a destination, its average latency halves in so many seconds: one
/// that was slow once is tried again within a minute.
pub const LATENCY_HALVES_S: u64 = 10;

/// How often the time out of a destination doubles: with 10 s at first, 10 minutes at last.
pub const BACK_OFF_DOUBLINGS: u32 = 6;

/// After so many times its back-off without a failure, a destination begins with the first one.
pub const GOOD_BEHAVIOUR: u64 = 10;

/// Failures farther apart than this, in milliseconds, are not in a row: of requests without a
/// transaction no success is heard that would part them.
pub const ROW_MS: u64 = 60_000;

/// Sets of up to so many destinations are looked at as a whole for the least of something: about
/// what two draws cost.
pub const LEAST_SCANNED: usize = 8;

/// Draws for two active destinations of a larger set, before the next active one serves.
pub const LEAST_DRAWS: u32 = 16;
