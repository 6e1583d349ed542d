//! Limits of authentication, each with its reason.

/// Nonces that are remembered as used or not, a bit each: those of 30 s at 140,000 challenges a
/// second. Older ones count as used.
pub const NONCES: usize = 1 << 22;

/// Marks of used nonces that others made: those of 30 s at 2,000 a second from a farm.
pub const FOREIGN_NONCES: usize = 1 << 16;

/// Longest username: as long as OpenSIPS takes an address of record. Nobody is called more, so a
/// longer one is nobody, and asks no database.
pub const USERNAME: usize = 256;

/// Longest realm that is put into a challenge; a host name has 253 bytes.
pub const REALM: usize = 256;

/// For how long a failure is counted: who guesses comes again within that.
pub const FAILURE_SECONDS: u64 = 600;
