//! What the name of a next hop stands for (RFC 3263), and which addresses have failed.
//!
//! The control plane finds it out and keeps it here; workers read it under one shard's lock, for
//! one look-up. A name that nobody has asked for yet parks the run ([`crate::job::Job::Locate`]).
//! Asks nobody and reads no clock.
//!
//! | file | what |
//! |---|---|
//! | `place.rs` | what is asked: host, port, transport |
//! | `located.rs` | the answer, and the order in which one call tries it |
//! | `names.rs` | answers that are kept: fresh, stale, negative |
//! | `failed.rs` | addresses that did not answer |
//! | `sources.rs` | which address of ours reaches another one (`mhomed`) |

pub mod failed;
pub mod located;
pub mod names;
pub mod place;
pub mod sources;

pub use failed::{Failed, Failure};
pub use located::{Group, Host, Located};
pub use names::{Found, Kept, Names, Outcome};
pub use place::Place;
pub use sources::{Source, Sources};
