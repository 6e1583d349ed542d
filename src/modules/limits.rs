//! Limits of the modules, each with its reason.

/// Regexes that one worker keeps for one module: patterns made from variables could be endless.
pub const REGEXES: usize = 256;

/// Names of `$shv`, which may be made at run time from what callers send.
pub const SHARED_VARIABLES: usize = 65_536;

/// Longest text of a `$shv`, in bytes: with all names taken they hold 1 GiB at most.
pub const SHARED_VARIABLE_BYTES: usize = 16_384;

/// AVPs of one message beyond which none is copied: copying a name to itself doubles it, and each
/// look-up passes all of them.
pub const AVPS: usize = 4_096;

/// Readings of a table's file that changes each time while it is read: one that is written without
/// end is taken as it is, and its rows are judged one by one.
pub const READINGS_MAX: u32 = 5;

/// Bytes of a request by HTTP that are taken whatever the script says, as by the FIFO.
pub const HTTPD_REQUEST_MIN: usize = 65_536;

/// The most that a script may allow for one request: each may be sent 64 times at once.
pub const HTTPD_REQUEST_MAX: usize = 16 * 1_048_576;

/// Longest reply by HTTP: the metrics of 100,000 destinations, several times.
pub const HTTPD_REPLY_MAX: usize = 128 * 1_048_576;
