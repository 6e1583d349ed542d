//! What other modules use of `cachedb_local`: a bounded, expiring collection of their own.

pub use super::store::{Collection, number};
