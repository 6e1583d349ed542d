//! How often each row of the machines was taken: tells a simulation what it has not reached.
//!
//! Counts under the feature `coverage`; without it the type is empty and counting is nothing.

use super::client::Kind;
#[cfg(feature = "coverage")]
use super::{client, machine::Transition, server};

/// Which machine, as a row is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Machine {
    /// An INVITE that was sent.
    ClientInvite,
    /// Another request that was sent, a CANCEL too.
    ClientOther,
    /// An INVITE that was received.
    ServerInvite,
    /// Another request that was received.
    ServerOther,
}

impl Kind {
    /// Its machine where it is sent.
    pub(super) const fn client(self) -> Machine {
        match self {
            Self::Invite => Machine::ClientInvite,
            Self::Other => Machine::ClientOther,
        }
    }

    /// Its machine where it was received.
    pub(super) const fn server(self) -> Machine {
        match self {
            Self::Invite => Machine::ServerInvite,
            Self::Other => Machine::ServerOther,
        }
    }
}

/// Rows of the largest machine, at most.
#[cfg(feature = "coverage")]
const ROWS: usize = 48;

/// The counts of one worker.
#[derive(Debug)]
pub struct Taken {
    #[cfg(feature = "coverage")]
    counts: [[u64; ROWS]; 4],
}

impl Taken {
    /// No row was taken.
    pub(super) const fn new() -> Self {
        Self {
            #[cfg(feature = "coverage")]
            counts: [[0; ROWS]; 4],
        }
    }

    /// Counts a row by its place in the table of its machine.
    #[cfg(feature = "coverage")]
    pub(super) fn count(&mut self, machine: Machine, row: usize) {
        if let Some(count) = self.counts[machine as usize].get_mut(row) {
            *count += 1;
        }
    }

    /// Nothing.
    #[cfg(not(feature = "coverage"))]
    #[inline(always)]
    pub(super) fn count(&mut self, _: Machine, _: usize) {}

    /// Each row of all machines, as `INVITE client: Calling, Resend -> Calling (RFC 3261 17.1.1.2
    /// timer A)`, and how often it was taken; always in the same order.
    #[cfg(feature = "coverage")]
    pub fn rows(&self) -> Vec<(String, u64)> {
        let Self { counts: [client_invite, client_other, server_invite, server_other] } = self;
        let mut all = Vec::new();
        list(&mut all, "INVITE client", client::rows(Kind::Invite), client_invite);
        list(&mut all, "other client", client::rows(Kind::Other), client_other);
        list(&mut all, "INVITE server", server::rows(Kind::Invite), server_invite);
        list(&mut all, "other server", server::rows(Kind::Other), server_other);
        all
    }
}

#[cfg(feature = "coverage")]
fn list<S: std::fmt::Debug, E: std::fmt::Debug>(
    all: &mut Vec<(String, u64)>,
    machine: &str,
    rows: &[Transition<S, E>],
    counts: &[u64; ROWS],
) {
    for (row, count) in rows.iter().zip(counts) {
        let Transition { from, event, to, why, .. } = row;
        all.push((format!("{machine}: {from:?}, {event:?} -> {to:?} ({why})"), *count));
    }
}

#[cfg(all(test, feature = "coverage"))]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_name_and_a_count_of_its_own() {
        let mut taken = Taken::new();
        taken.count(Machine::ClientInvite, 1);
        taken.count(Machine::ServerOther, 0);
        let rows = taken.rows();
        let sizes = [client::rows(Kind::Invite).len(), client::rows(Kind::Other).len()];
        assert!(sizes.into_iter().all(|size| size <= ROWS));
        let names: std::collections::BTreeSet<&String> =
            rows.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), rows.len());
        let counted: Vec<&str> =
            rows.iter().filter(|row| row.1 == 1).map(|row| row.0.as_str()).collect();
        assert_eq!(
            counted,
            [
                "INVITE client: Calling, Expire -> Abandoned (17.1.1.2 timer B)",
                "other server: Proceeding, Again -> Proceeding (RFC 3261 17.2.2)"
            ]
        );
    }
}
