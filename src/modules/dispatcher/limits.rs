//! Limits of the module, each with its reason.

/// Longest line of a list file in bytes. OpenSIPS had 511; room for long attributes.
pub const LINE_BYTES: usize = 4_096;

/// Most destinations of a list file: their counters take 1 KiB each.
pub const DESTINATIONS: usize = 65_536;

/// Longest script attributes of a destination in bytes: a worker copies them at each selection.
pub const SCRIPT_ATTRS_BYTES: usize = 4_096;

/// Counters per destination: workers share one only beyond this many.
pub const HIT_LANES: usize = 8;

/// Most results of one selection unless the call says otherwise (spec 3.4).
pub const RESULTS: usize = 1_000;
