//! The state of one script run that functions and variables touch. Plain data, by offset.

use std::net::SocketAddr;

use sluice_base::{Now, SocketId};
use sluice_script::ir::RouteKind;
use sluice_sip::Patches;

use crate::value::{Text, Value};

/// Where the run's message came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The socket it was received on.
    pub socket: SocketId,
    /// Its sender.
    pub peer: SocketAddr,
    /// When the turn began that received it.
    pub at: Now,
    /// `$mi`: a counter per worker.
    pub id: u32,
}

/// An AVP's key: a name known at load, or one made at run time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AvpKey {
    /// Slot in the script's names.
    Slot(u32),
    /// A text in the arena.
    Text(Text),
}

/// An extra destination of the set (`append_branch`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Branch {
    /// Its URI.
    pub uri: Text,
    /// Its outbound proxy.
    pub destination: Option<Text>,
    /// q times 1000; `None` when not given.
    pub q: Option<u16>,
}

/// What a run changes and remembers besides its program state.
#[derive(Debug)]
pub struct RunState {
    /// Which kind of route is running.
    pub kind: RouteKind,
    /// The changed Request-URI.
    pub ruri: Option<Text>,
    /// `$du`.
    pub destination: Option<Text>,
    /// Forced sending socket.
    pub send_socket: Option<SocketId>,
    /// Message flags by slot.
    pub flags: u32,
    /// Branch flags by slot.
    pub branch_flags: u32,
    /// `force_rport()` was called.
    pub force_rport: bool,
    /// Changes of the message.
    pub patches: Patches,
    /// Lines for local replies (`append_to_reply`).
    pub reply_lines: Vec<u8>,
    /// AVPs, newest last.
    pub avps: Vec<(AvpKey, Value)>,
    /// Extra destinations.
    pub branches: Vec<Branch>,
    /// Texts made by this run.
    pub arena: Vec<u8>,
    /// `$rc`.
    pub code: i32,
    /// `drop` was called.
    pub dropped: bool,
    /// `forward()` or a reply has been sent.
    pub answered: bool,
}
