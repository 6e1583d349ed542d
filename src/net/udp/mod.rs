//! UDP: opening sockets, and receiving and sending in batches.

pub(crate) mod errors;
mod memory;
pub(crate) mod mmsg;
mod name;
pub mod route;
pub mod socket;
pub(crate) mod train;

pub use mmsg::SendFailure;
pub use socket::{Group, OpenError, UdpOptions, open_group};
