//! SIP text: an index of spans over received bytes, typed views, patches, writing.
//!
//! No I/O, no clock, no allocation while indexing. Received bytes never change: what is sent is the
//! original plus [`patch::Patches`].
#![forbid(unsafe_code)]

pub mod credentials;
pub mod digest;
pub mod digits;
pub mod index;
pub mod kind;
pub mod limits;
pub mod message;
pub mod method;
pub mod multipart;
pub mod nameaddr;
pub mod params;
pub mod patch;
pub mod reason;
pub mod same;
pub mod sdp;
mod startline;
pub mod text;
pub mod uri;
pub mod via;
pub mod write;

pub use index::{Field, Index, StartLine};
pub use kind::Kind;
pub use message::Message;
pub use method::Method;
pub use patch::{Patches, Place};
pub use reason::Reason;
