//! The load generator: callers, answering agents, an open-loop schedule, and honest reports.
//!
//! # Why an own generator
//!
//! A generator must not be the limit of what it measures. One process of the usual tool gives out
//! at a few thousand calls a second and then shows "loss" that is its own; the gateway here handles
//! a message in a few microseconds. So these agents live on the same drivers as the gateway
//! (`sluice_net`: batches of datagrams, no kernel timer per message), keep a byte per call, make
//! messages by copying a template and patching digits, and allocate nothing once they run. And they
//! testify against themselves: every report carries the lag of the schedule, the share of busy time
//! and the verdict `limited`.
//!
//! # Coordinated omission
//!
//! A closed loop - send, wait for the answer, send the next - slows down when the server does. The
//! calls that would have suffered most are then never made, and the percentiles describe the good
//! moments only. Here call `n` is due at `start + n / rate`, no matter how the server fares, and
//! its latency runs from that scheduled moment, not from the moment when the generator got around
//! to sending it. A server that stands still for a second shows a second of late calls, as its
//! users would have seen it. A generator that stands still itself shows the same; the lag
//! (scheduled to actually sent) tells the two apart.
//!
//! A call is late at most by its time-out: what could not even be begun by then is counted as
//! `unsent`, never left out silently.
//!
//! # Rooms
//!
//! - [`uac`]: the caller. [`uac::UacConfig`] says what, [`uac::Uac::bind`] opens the sockets,
//!   [`uac::Uac::run`] blocks the calling thread until all calls have ended.
//! - [`uas`]: answers on one or many addresses; can be told to be absent.
//! - [`agents`]: one caller and its destinations wired up, for the demo and for tests.
//! - [`report`]: what both tell.
//! - The rest are the pure parts: [`schedule`], [`calls`], [`template`], [`glance`], [`order`],
//!   [`pace`].
//!
//! Both agents are machines without I/O inside, driven in virtual time by their tests. Replies and
//! requests that are only counted get a quick look ([`glance`]); whatever an answer is made from
//! goes through the index of `sluice_sip`.
//!
//! Imports base, sip and net only: what measures the gateway shares no code with what it measures,
//! but for the text and the sockets.
#![forbid(unsafe_code)]

pub mod agents;
pub mod calls;
pub mod error;
pub mod glance;
pub mod limits;
pub mod order;
pub mod outbox;
pub mod pace;
pub mod report;
pub mod schedule;
mod sockets;
pub mod template;
pub mod uac;
pub mod uas;

#[cfg(test)]
mod loopback_tests;
#[cfg(test)]
mod world_tests;

pub use error::TrafficError;
