//! The client side of a transaction: one branch, one request that is sent until it is answered
//! (RFC 3261 17.1, RFC 6026 8.4).
//!
//! A table of transitions: state and event in, next state and effects out. Knows no bytes, no
//! clock and no script. CANCEL is a request of its own with a machine of its own.

use sluice_sip::Method;

use super::effects::Effects;
use super::machine::{Transition, at};

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// INVITE.
    Invite,
    /// Any other method but ACK.
    Other,
}

impl Kind {
    /// What a request of this method is to the machines.
    pub const fn of(method: Method) -> Self {
        match method {
            Method::Invite => Self::Invite,
            _ => Self::Other,
        }
    }
}

/// How far a branch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Nothing has come back. RFC 3261 says Trying for what is no INVITE.
    Calling,
    /// The same, and it shall be cancelled as soon as anything comes back (9.1).
    Doomed,
    /// A provisional reply came.
    Proceeding,
    /// CANCEL was sent, the final reply has not come.
    Cancelled,
    /// Given up by us; the other side may still answer.
    Abandoned,
    /// A final reply came, or for an INVITE one of 300 or above.
    Completed,
    /// An INVITE was answered by a 2xx (RFC 6026).
    Accepted,
    /// It is no request: it waits for others to come, and ends outside of the table.
    Held,
}

/// What happens to a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Event {
    /// Time to send again (timers A, E).
    Resend,
    /// Waited long enough (timers B, F, C: `fr_timeout`, `fr_inv_timeout`).
    Expire,
    /// A reply below 200.
    Provisional,
    /// A reply from 200 to 299.
    Success,
    /// A reply of 300 and above.
    Failure,
    /// It is no longer wanted.
    Cancel,
    /// It could not be sent, or an ICMP error says that it has not arrived.
    SendFailed,
}

const INVITE: &[Transition<State, Event>] = &[
    at(State::Calling, Event::Resend, State::Calling, Effects::SEND, "RFC 3261 17.1.1.2 timer A"),
    at(State::Calling, Event::Expire, State::Abandoned, Effects::TIME_OUT, "17.1.1.2 timer B"),
    at(State::Calling, Event::Provisional, State::Proceeding, HEARD, "17.1.1.2, 16.7 item 2"),
    at(State::Calling, Event::Success, State::Accepted, ANSWERED, "RFC 6026 8.4"),
    at(State::Calling, Event::Failure, State::Completed, REFUSED, "17.1.1.2"),
    at(State::Calling, Event::Cancel, State::Doomed, Effects::NONE, "9.1: nothing heard yet"),
    at(State::Calling, Event::SendFailed, State::Abandoned, UNSENT, "17.1.4, 16.9"),
    at(State::Doomed, Event::SendFailed, State::Abandoned, UNSENT, "17.1.4, 16.9"),
    at(State::Doomed, Event::Resend, State::Doomed, Effects::SEND, "9.1, 17.1.1.2 timer A"),
    at(State::Doomed, Event::Expire, State::Abandoned, Effects::TIME_OUT, "17.1.1.2 timer B"),
    at(State::Doomed, Event::Provisional, State::Cancelled, DOOM, "9.1: now it may be sent"),
    at(State::Doomed, Event::Success, State::Accepted, ANSWERED, "RFC 6026 8.4"),
    at(State::Doomed, Event::Failure, State::Completed, REFUSED, "17.1.1.2"),
    at(State::Proceeding, Event::Provisional, State::Proceeding, AGAIN, "17.1.1.2"),
    at(State::Proceeding, Event::Success, State::Accepted, ANSWERED, "RFC 6026 8.4"),
    at(State::Proceeding, Event::Failure, State::Completed, REFUSED, "17.1.1.2"),
    at(State::Proceeding, Event::Expire, State::Abandoned, GIVE_UP, "16.8: CANCEL, then as 408"),
    at(State::Proceeding, Event::Cancel, State::Cancelled, CANCEL, "9.1, 16.10"),
    at(State::Cancelled, Event::Provisional, State::Cancelled, Effects::PASS, "17.1.1.2"),
    at(State::Cancelled, Event::Success, State::Accepted, ANSWERED, "9.1: it came too late"),
    at(State::Cancelled, Event::Failure, State::Completed, REFUSED, "17.1.1.2"),
    at(State::Cancelled, Event::Expire, State::Abandoned, Effects::TIME_OUT, "9.1: 64 T1"),
    at(State::Abandoned, Event::Provisional, State::Abandoned, Effects::CANCEL, "9.1"),
    at(State::Abandoned, Event::Success, State::Accepted, Effects::PASS, "16.7 item 5"),
    at(State::Abandoned, Event::Failure, State::Completed, Effects::ACK, "17.1.1.3"),
    at(State::Completed, Event::Failure, State::Completed, Effects::ACK, "17.1.1.2"),
    at(State::Accepted, Event::Success, State::Accepted, Effects::PASS, "RFC 6026 8.4"),
];

const OTHER: &[Transition<State, Event>] = &[
    at(State::Calling, Event::Resend, State::Calling, Effects::SEND, "RFC 3261 17.1.2.2 timer E"),
    at(State::Calling, Event::Expire, State::Completed, Effects::TIME_OUT, "17.1.2.2 timer F"),
    at(State::Calling, Event::SendFailed, State::Completed, UNSENT, "17.1.4, 16.9"),
    at(State::Calling, Event::Provisional, State::Proceeding, SLOWER, "17.1.2.2"),
    at(State::Calling, Event::Success, State::Completed, ANSWERED, "17.1.2.2"),
    at(State::Calling, Event::Failure, State::Completed, ANSWERED, "17.1.2.2"),
    at(State::Proceeding, Event::Resend, State::Proceeding, Effects::SEND, "17.1.2.2: at T2"),
    at(State::Proceeding, Event::Provisional, State::Proceeding, Effects::PASS, "17.1.2.2"),
    at(State::Proceeding, Event::Expire, State::Completed, Effects::TIME_OUT, "17.1.2.2 timer F"),
    at(State::Proceeding, Event::Success, State::Completed, ANSWERED, "17.1.2.2"),
    at(State::Proceeding, Event::Failure, State::Completed, ANSWERED, "17.1.2.2"),
];

/// The first provisional reply to an INVITE: it is not sent again, and waits longer.
const HEARD: Effects = Effects::of(&[Effects::HUSH, Effects::WAIT_LONG, Effects::PASS]);
/// A further one.
const AGAIN: Effects = Effects::of(&[Effects::WAIT_AGAIN, Effects::PASS]);
const SLOWER: Effects = Effects::of(&[Effects::SLOW, Effects::PASS]);
const ANSWERED: Effects = Effects::of(&[Effects::HUSH, Effects::REST, Effects::PASS]);
const REFUSED: Effects = Effects::of(&[Effects::HUSH, Effects::REST, Effects::ACK, Effects::PASS]);
const UNSENT: Effects = Effects::of(&[Effects::HUSH, Effects::REST, Effects::LOST]);
const CANCEL: Effects = Effects::of(&[Effects::CANCEL, Effects::WAIT_CANCEL]);
const DOOM: Effects = Effects::of(&[Effects::HUSH, CANCEL, Effects::PASS]);
const GIVE_UP: Effects = Effects::of(&[Effects::CANCEL, Effects::TIME_OUT]);

/// The rows of a kind of request.
pub const fn rows(kind: Kind) -> &'static [Transition<State, Event>] {
    match kind {
        Kind::Invite => INVITE,
        Kind::Other => OTHER,
    }
}

impl Event {
    /// What a reply of this status is to a branch.
    pub const fn of_status(status: u16) -> Self {
        match status {
            0..200 => Self::Provisional,
            200..300 => Self::Success,
            _ => Self::Failure,
        }
    }
}

impl State {
    /// Whether the branch may still bring something that decides the transaction.
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Calling | Self::Doomed | Self::Proceeding | Self::Cancelled | Self::Held
        )
    }
}
