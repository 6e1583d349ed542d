//! Users who register, by one thread that plays all of them.
//!
//! # What is compared with what
//!
//! `refresh`: a registrar receives a REGISTER of a user it knows, with a higher CSeq, and answers
//! with 200: one message each way. `register`: it asks for a password first (401), so a
//! registration is two messages each way, and each REGISTER with credentials answers a nonce that
//! was made for it and is used once. The reference forwarder receives the same datagrams and sends
//! each on to a destination, which is met as the answer; what it is sent next has credentials of
//! the same length.
//!
//! Every user has an address of its own, as without a proxy before the registrar, so that no two
//! replies leave together; with fewer addresses they may, as they do to an edge proxy.
//! Messages are padded to one size by kind, so **all subjects receive the same number of datagrams
//! of the same sizes**; replies have the size that each subject gives them.
//!
//! The figure is processor time by message received.

pub mod load;
pub mod message;

/// Users by number, from 0. Each is its own record; all of them are in memory after the first
/// seconds.
pub const USERS: u64 = 10_000;
/// The realm, and the host of every user.
pub const REALM: &str = "example.com";
/// The password of every user.
pub const PASSWORD: &str = "secret";
