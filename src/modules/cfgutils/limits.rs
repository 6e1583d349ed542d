//! Limits of `cfgutils`, each with its reason.

/// Days that an occurrence of a time recurrence may last: that many are looked at in one check.
pub(super) const OCCURRENCE_DAYS: usize = 366;

/// Largest interval of a time recurrence; a year of days is plenty.
pub(super) const INTERVAL: i64 = 10_000;

/// Deepest nesting of parentheses around time recurrences: they are read by recursion.
pub(super) const NESTING: usize = 32;

/// Most dynamic script locks: one for each call that a process handles in a second.
pub(super) const LOCK_POOL: usize = 1 << 16;

/// Most static script locks. Scripts write their names out; only many reloads could reach it.
pub(super) const STATIC_LOCKS: usize = 4_096;
