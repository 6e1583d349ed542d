//! SIPp's own caller and callee around Sluice, faster and faster until calls fail.
//!
//! A foreign program as the load: it retransmits, waits and gives up as SIP says, and it is slower
//! than Sluice. So this finds what a foreign user agent sees, not what Sluice can do: that is the
//! work of `perf/compare`. SIPp counts in milliseconds; its statistics are taken as they are.

pub mod picture;
pub mod report;
pub mod statistics;
pub mod step;
