//! Complete calls: INVITE 100 180 200 ACK BYE 200, with record-route, by one thread that plays
//! caller and callees.
//!
//! # What is compared with what
//!
//! A proxy receives seven messages a call (INVITE, ACK and BYE of the caller, 100, 180 and 200 of
//! the callee, 200 to the BYE) and sends seven: the same, but for its own 100 instead of the
//! callee's, which it keeps. The reference forwarder receives seven and sends seven. It knows
//! nothing of callers and callees and sends each datagram to the next destination; so a message
//! is met by what it is and not by the socket where it arrives.
//!
//! Through a proxy a message grows and shrinks: replies carry the Via that the proxy has put in
//! and a Record-Route, later requests a Route; through the reference they do not. So every message
//! is padded to the size of its kind before it is sent to a subject: **all subjects receive the
//! same number of datagrams of the same sizes**. What a proxy sends differs by what it inserts and
//! removes, as it does in the stateless work.
//!
//! The figure is processor time by message received: sent by the load, less what the subject's
//! socket had no room for. Nothing is sent again by the load, and nothing that arrives twice is
//! answered twice: a message lost is a call lost, and is counted.

pub mod load;
pub mod measure;
pub mod message;
pub mod report;
