//! What a caller is told before it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::Serialize;

use crate::error::TrafficError;
use crate::limits;

/// What one call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// INVITE to its final reply, no ACK: the cheapest exchange of a stateless proxy.
    #[default]
    Invite,
    /// INVITE to its final reply, then ACK.
    InviteAck,
    /// OPTIONS to its final reply.
    Options,
    /// INVITE, ACK, BYE, each with its reply.
    Call,
    /// INVITE one way: nothing is awaited, the answering agent counts what arrives.
    Fire,
    /// REGISTER to its final reply; a challenge is answered if there is a password.
    Register,
}

impl Mode {
    /// The method of a call's first request.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            _ => "INVITE",
        }
    }
}

impl FromStr for Mode {
    type Err = TrafficError;

    /// Reads the names that the report prints.
    fn from_str(name: &str) -> Result<Self, TrafficError> {
        match name {
            "invite" => Ok(Self::Invite),
            "invite_ack" => Ok(Self::InviteAck),
            "options" => Ok(Self::Options),
            "call" => Ok(Self::Call),
            "fire" => Ok(Self::Fire),
            "register" => Ok(Self::Register),
            _ => Err(TrafficError::Mode(name.to_owned())),
        }
    }
}

/// Settings of a caller.
#[derive(Clone, PartialEq, Debug)]
pub struct UacConfig {
    /// Where every request is sent, also those within a dialog (as to an outbound proxy).
    pub target: SocketAddr,
    /// Source addresses, taken by turns, [`limits::STRETCH`] calls each; port 0 lets the system
    /// choose. Calls with the same Call-ID have the same source.
    pub sources: Vec<SocketAddr>,
    /// What one call is.
    pub mode: Mode,
    /// Calls due per second.
    pub rate: u32,
    /// How many calls are due in all; without an end, `stop` ends the run.
    pub calls: Option<u64>,
    /// After how many milliseconds, from its scheduled time, a call is given up. A call that is
    /// late by as much already is not begun, and counted as `unsent`.
    pub timeout_ms: u64,
    /// Exact size of the first request in bytes, padded with SDP; `None` sends no body.
    pub size: Option<usize>,
    /// How many different Call-IDs there are, taken by turns with rising CSeq; `None` gives each
    /// call its own. Not for complete calls.
    pub call_ids: Option<u64>,
    /// Host part of the URIs; `None` takes the target.
    pub domain: Option<String>,
    /// How many users there are, `callee000000` and on, at most [`limits::USERS`]. Registrations
    /// take them by turns, each with one Call-ID.
    pub users: u64,
    /// The password of all users; `None` answers no challenge.
    pub password: Option<String>,
    /// Host and port of the Contact that is registered; `None` takes the source.
    pub contact: Option<SocketAddr>,
    /// Seconds that registrations ask for.
    pub expires: u32,
    /// Part of every Call-ID and branch. Runs against the same answering agent need different
    /// seeds, or the second looks like a repetition of the first.
    pub seed: u64,
    /// Retransmissions of an unanswered first request, 500 ms after it, 1 s after that and so on
    /// (RFC 3261 17.1.1.2, T1). None by default: a lost message shall show.
    pub retransmissions: u8,
    /// Never sleep: takes a core, keeps the lag at microseconds.
    pub spin: bool,
    /// The 99th percentile of the lag from which on the generator calls itself the limit.
    pub lag_bound_us: u64,
    /// Milliseconds between two snapshots.
    pub observe_ms: u64,
}

impl Default for UacConfig {
    fn default() -> Self {
        Self {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
            sources: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            mode: Mode::default(),
            rate: 1_000,
            calls: None,
            timeout_ms: 4_000,
            size: Some(900),
            call_ids: None,
            domain: None,
            users: 10_000,
            password: None,
            contact: None,
            expires: 3_600,
            seed: 1,
            retransmissions: 0,
            spin: false,
            lag_bound_us: 5_000,
            observe_ms: 500,
        }
    }
}

impl UacConfig {
    /// The number of calls that are due in `seconds` at the configured rate.
    pub fn calls_in(&self, seconds: u64) -> u64 {
        u64::from(self.rate).saturating_mul(seconds)
    }

    /// Whether the settings fit together; message sizes are checked when the templates are made.
    ///
    /// # Errors
    /// The first setting that does not.
    pub fn check(&self) -> Result<(), TrafficError> {
        if !(1..=limits::RATE).contains(&self.rate) {
            return Err(TrafficError::Rate);
        }
        let patience = 1..=limits::LATENCY_US / 1_000;
        if !patience.contains(&self.timeout_ms) || self.outstanding() > limits::OUTSTANDING {
            return Err(TrafficError::Timeout);
        }
        let unusable = |source: &SocketAddr| {
            source.ip().is_unspecified() || source.is_ipv4() != self.target.is_ipv4()
        };
        let sources = 1..=limits::SOURCES;
        if !sources.contains(&self.sources.len()) || self.sources.iter().any(unusable) {
            return Err(TrafficError::Sources);
        }
        let shared = self.call_ids.is_some();
        if self.call_ids == Some(0) || shared && self.mode == Mode::Call {
            return Err(TrafficError::CallIds);
        }
        if !(1..=limits::USERS).contains(&self.users) {
            return Err(TrafficError::Users);
        }
        if self.retransmissions > limits::RETRANSMISSIONS {
            return Err(TrafficError::Retransmissions);
        }
        Ok(())
    }

    /// The most calls that can be outstanding: each waits for the time-out at most.
    pub fn outstanding(&self) -> u64 {
        u64::from(self.rate).saturating_mul(self.timeout_ms) / 1_000 + 2
    }
}
