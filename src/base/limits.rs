//! The limits of the shared structures, each with its reason.

/// Workers of one program: each is a sender in every other's wake word, which has 63 sender bits,
/// one of them the control plane's.
pub const WORKERS_MAX: u8 = 62;

/// Bytes of one hop ring: about 500 messages of 900 bytes, eight turns full of them. There is one
/// ring per ordered pair of workers, so 8 workers pay 28 MiB.
pub const HOP_RING_BYTES: usize = 512 * 1024;

/// Furthest moment a wheel can hold, in milliseconds: 139 years after the program's start.
pub const WHEEL_HORIZON_MS: u64 = (1 << 42) - 1;

/// Most shards of a map that all workers share, as a power of two: an empty one takes 128 bytes.
pub const SHARDS_MAX_BITS: u32 = 16;

/// Places that a shard keeps though most are empty, so that one that is often empty does not
/// allocate again and again.
pub const SHARD_KEPT: usize = 64;

/// What slabs and wheels grow by at least, in entries; beyond that by an eighth, so that at most an
/// eighth of their memory is unused. Copying costs eight moves for each entry, all told.
const GROWTH: usize = 64;

/// Entries that an empty slab or wheel may keep beside its first ones, so that one that is often
/// empty does not allocate again and again.
const KEPT_EMPTY: usize = 1_024;

/// Makes room for one more.
pub(crate) fn grow<T>(entries: &mut Vec<T>) {
    if entries.len() == entries.capacity() {
        entries.reserve_exact((entries.len() / 8).max(GROWTH));
    }
}

/// Whether so many entries are given back when nothing is in use.
pub(crate) fn worth_returning(entries: usize) -> bool {
    entries > KEPT_EMPTY
}
