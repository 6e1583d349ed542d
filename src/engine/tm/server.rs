//! The server side of a transaction: what a received request has been answered with, and what its
//! retransmissions get (RFC 3261 17.2, RFC 6026 8.7).
//!
//! A table of transitions, as on the client side.

use super::client::Kind;
use super::effects::Effects;
use super::machine::{Transition, at};

/// How far the answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// No final reply yet.
    Proceeding,
    /// An INVITE was answered by 300 or above, its ACK is awaited; any other request was answered.
    Completed,
    /// The ACK came.
    Confirmed,
    /// An INVITE was answered by a 2xx (RFC 6026).
    Accepted,
    /// Nothing is absorbed any more.
    Ended,
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Event {
    /// The request came again.
    Again,
    /// A reply below 200 goes out.
    Provisional,
    /// A reply from 200 to 299 goes out.
    Success,
    /// A reply of 300 and above goes out.
    Failure,
    /// The ACK to a reply of 300 and above came.
    Ack,
    /// Time to send the reply again (timer G).
    Resend,
    /// The wait is over (timers H, I, J, L: `wt_timer`).
    Over,
}

const INVITE: &[Transition<State, Event>] = &[
    at(State::Proceeding, Event::Again, State::Proceeding, Effects::SEND, "RFC 3261 17.2.1"),
    at(State::Proceeding, Event::Provisional, State::Proceeding, Effects::PASS, "17.2.1"),
    at(State::Proceeding, Event::Success, State::Accepted, FINAL, "RFC 6026 8.7"),
    at(State::Proceeding, Event::Failure, State::Completed, REPEATED, "17.2.1 timers G, H"),
    at(State::Completed, Event::Again, State::Completed, Effects::SEND, "17.2.1"),
    at(State::Completed, Event::Resend, State::Completed, Effects::SEND, "17.2.1 timer G"),
    at(State::Completed, Event::Ack, State::Confirmed, CONFIRMED, "17.2.1 timer I"),
    at(State::Completed, Event::Over, State::Ended, Effects::HUSH, "17.2.1 timer H"),
    at(State::Completed, Event::Success, State::Accepted, OVERTAKEN, "16.7 item 5: a 2xx passes"),
    at(State::Confirmed, Event::Success, State::Confirmed, Effects::PASS, "16.7 item 5"),
    at(State::Confirmed, Event::Over, State::Ended, Effects::NONE, "17.2.1 timer I"),
    at(State::Accepted, Event::Success, State::Accepted, Effects::PASS, "RFC 6026 8.7"),
    at(State::Accepted, Event::Again, State::Accepted, Effects::SEND, "spec 8.3: last reply"),
    at(State::Accepted, Event::Over, State::Ended, Effects::NONE, "RFC 6026 8.7 timer L"),
];

const OTHER: &[Transition<State, Event>] = &[
    at(State::Proceeding, Event::Again, State::Proceeding, Effects::SEND, "RFC 3261 17.2.2"),
    at(State::Proceeding, Event::Provisional, State::Proceeding, Effects::PASS, "17.2.2"),
    at(State::Proceeding, Event::Success, State::Completed, FINAL, "17.2.2"),
    at(State::Proceeding, Event::Failure, State::Completed, FINAL, "17.2.2"),
    at(State::Completed, Event::Again, State::Completed, Effects::SEND, "17.2.2"),
    at(State::Completed, Event::Over, State::Ended, Effects::NONE, "17.2.2 timer J"),
];

const FINAL: Effects = Effects::of(&[Effects::PASS, Effects::LINGER]);
const REPEATED: Effects = Effects::of(&[Effects::PASS, Effects::REPEAT]);
const CONFIRMED: Effects = Effects::of(&[Effects::HUSH, Effects::LINGER]);
/// A 2xx after a refusal went up: the refusal is sent no more.
const OVERTAKEN: Effects = Effects::of(&[Effects::PASS, Effects::HUSH, Effects::LINGER]);

/// The rows of a kind of request.
pub const fn rows(kind: Kind) -> &'static [Transition<State, Event>] {
    match kind {
        Kind::Invite => INVITE,
        Kind::Other => OTHER,
    }
}

impl Event {
    /// What a reply of this status is.
    pub const fn of_status(status: u16) -> Self {
        match status {
            0..200 => Self::Provisional,
            200..300 => Self::Success,
            _ => Self::Failure,
        }
    }
}
