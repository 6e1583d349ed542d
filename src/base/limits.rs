//! The limits of the shared structures, each with its reason.

/// Workers of one program: each is a sender in every other's wake word, which has 63 sender bits,
/// one of them the control plane's.
pub const WORKERS_MAX: u8 = 62;

/// Bytes of one hop ring: about 500 messages of 900 bytes, eight turns full of them. There is one
/// ring per ordered pair of workers, so 8 workers pay 28 MiB.
pub const HOP_RING_BYTES: usize = 512 * 1024;

/// Furthest moment a wheel can hold, in milliseconds: 139 years after the program's start.
pub const WHEEL_HORIZON_MS: u64 = (1 << 42) - 1;
