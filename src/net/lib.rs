//! Sockets, the poll of a worker, and the only system calls of the data plane.
//!
//! [`Driver`] is rooms 1 and 8 of a worker: it gives received datagrams as `(region, datagrams)`
//! and sends batches of `(bytes, targets)`; [`stream`] has its connections. Of SIP it knows where a
//! message of a stream ends and what a connection is for; no transaction and no script. The load
//! generator uses it as the gateway does.
#![warn(clippy::undocumented_unsafe_blocks)]

mod backlog;
pub mod clock;
pub mod driver;
pub mod limits;
pub mod pin;
pub mod stream;
pub mod udp;

pub use clock::Clock;
pub use driver::{Driver, Undelivered};
