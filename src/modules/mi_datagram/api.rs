//! What the program reads of this module to join it to the control plane.

use std::net::SocketAddr;
use std::time::Duration;

use sluice_script::source::Location;

use crate::mi_fifo::api::Owner;

/// The parameters, digested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// Where commands come to.
    pub socket: Socket,
    /// Where the script gives it, for refusals.
    pub at: Location,
    /// How long a reply may take to be sent.
    pub timeout: Duration,
    /// Whether JSON is indented.
    pub pretty_printing: bool,
    /// What stands before a child in the text of 1.x.
    pub reply_indent: String,
}

/// The kinds of `socket_name`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Socket {
    /// `udp:HOST:PORT`.
    Udp(SocketAddr),
    /// A path.
    Unix {
        /// The path.
        path: String,
        /// Its permissions.
        mode: u32,
        /// Its owner, when it is not who runs the program.
        user: Option<Owner>,
        /// Its group, likewise.
        group: Option<Owner>,
    },
}
