//! Small tools and the plain types that the data plane and the control plane share.
//!
//! Knows no SIP, does no I/O and reads no clock ([`time`] only defines what a turn is told).
#![deny(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

pub mod counters;
pub mod glob;
pub mod histogram;
pub mod inbox;
#[allow(unsafe_code)]
pub mod lanes;
pub mod limits;
#[cfg(all(test, loom))]
mod loom_tests;
pub mod mailbox;
pub mod owner;
#[allow(unsafe_code)]
pub mod ring;
pub mod shards;
pub mod slab;
pub mod snapshot;
pub mod span;
mod sync;
pub mod time;
pub mod transport;
pub mod wake;
pub mod wheel;

pub use owner::{OwnerSeed, WorkerId};
pub use span::Span;
pub use time::{Moment, Now};
pub use transport::{Datagram, SocketId, StreamEvent, Target};
