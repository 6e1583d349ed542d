//! Ceilings of the compiler, each with its reason.

/// Bytes of all source files together: far above any real script (the longest seen has 300 KB),
/// and offsets stay within `u32`.
pub const SOURCE_BYTES: usize = 32 << 20;
/// Depth of `include_file` (spec 1.1).
pub const INCLUDE_DEPTH: usize = 50;
/// Files included in all: a file that includes itself twice would otherwise double fifty times.
pub const INCLUDE_FILES: usize = 1_000;
/// Levels of blocks, parentheses and variables within variables: the parser and the lowering
/// recurse, and must fit a thread's stack of 2 MiB in an unoptimised build.
pub const NESTING: usize = 200;
/// Errors kept, and warnings and notes kept; the others are only counted. Nobody reads more.
pub const DIAGNOSTICS: usize = 100;
/// Names of one kind (`$avp`, `$var`): looked up one by one at load.
pub const NAMES: usize = 4_096;
/// Flags: they share the bits of one word (spec 1.9).
pub const FLAGS: usize = 32;
/// Parameters of `route()` and values of `return()`.
pub const ROUTE_PARAMS: usize = 64;
/// Values that one `Concat` joins; longer texts are joined in steps.
pub const CONCAT: u8 = 200;
/// Bytes of one compiled regex.
pub const REGEX_BYTES: usize = 1 << 20;
/// Columns of a source line that a diagnostic shows.
pub const EXCERPT_COLUMNS: usize = 160;
