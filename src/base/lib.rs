//! Small tools and the plain types that the data plane and the control plane share.
//!
//! Knows no SIP, does no I/O and reads no clock ([`time`] only defines what a turn is told).
#![deny(unsafe_code)]

pub mod owner;
pub mod span;
pub mod time;
pub mod transport;

pub use owner::{OwnerSeed, WorkerId};
pub use span::Span;
pub use time::Now;
pub use transport::{Datagram, SocketId, Target};
