//! Limits of the cache, each with its reason.

/// Entries of one collection: `cache_remove_chunk()` looks at each, at some 100 ns, and nobody else
/// is served by its worker meanwhile.
pub const ENTRIES: usize = 262_144;

/// Bytes of the keys and values of one collection.
pub const BYTES: usize = 256 << 20;

/// Longest key: names are made of what callers send.
pub const KEY_BYTES: usize = 1_024;

/// Longest value: what a message can hold.
pub const VALUE_BYTES: usize = 65_535;

/// Collections, each with its own share of memory.
pub const COLLECTIONS: usize = 64;

/// Parts of a collection, each with a lock of its own, so that workers seldom meet.
pub const SHARDS: usize = 64;

/// Entries looked at under one lock.
pub const HELD: usize = 64;
