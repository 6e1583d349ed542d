//! Transactions: machines without script names (RFC 3261 16, 17, RFC 6026; spec 8).
//!
//! A worker's own: nothing here is shared, locked or atomic. Takes requests to be remembered,
//! targets to be tried, replies and time; gives datagrams, and the transactions for which a script
//! has to decide. No script, no clock, no socket.
//!
//! | file | what |
//! |---|---|
//! | `machine.rs`, `client.rs`, `server.rs`, `effects.rs` | the state machines, as tables |
//! | `identity.rs`, `table.rs`, `cookie.rs` | which transaction a message belongs to |
//! | `transaction.rs`, `times.rs` | what is remembered, and for how long |
//! | `guard.rs` | requests that wait without a transaction |
//! | `store.rs`, `remnant.rs` | where it lies, and what is left of it in the end |
//! | `downstream.rs`, `hop.rs` | branches: sending, ACK, CANCEL |
//! | `further.rs` | the further addresses of a name |
//! | `replies.rs`, `priority.rs`, `upstream.rs` | from replies to the one that goes up |
//! | `acks.rs` | ACKs to 2xx |
//! | `held.rs` | waiting for more branches |
//! | `ticks.rs`, `unsent.rs` | timers; what the transport could not deliver |
//! | `tally.rs` | what statistics count |
//! | `local.rs` | requests of our own: no server side |
//! | `coverage.rs` | which rows of the machines were taken, for tests |

mod acks;
pub mod client;
pub mod cookie;
mod coverage;
pub mod downstream;
mod editions;
pub mod effects;
pub mod further;
mod guard;
mod held;
mod hop;
pub mod identity;
pub mod local;
pub mod machine;
pub mod priority;
pub mod remnant;
pub mod replies;
pub mod server;
mod store;
mod table;
pub mod tally;
mod ticks;
pub mod times;
pub mod transaction;
pub mod unsent;
pub mod upstream;

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_base::counters::Cells;
use sluice_base::slab::Key;
use sluice_base::wheel::{TimerId, Wheel};
use sluice_base::{Now, Target, WorkerId};
use sluice_script::ir::RouteId;
use sluice_sip::via::{Known, Via};
use sluice_sip::{Index, Message, Method};

use crate::confirm::OwnAck;
use crate::context::Shared;
use crate::limits;
use crate::module::StatisticsBase;
use crate::output::Output;
use crate::run::Packet;
use crate::witness::Heard;
use cookie::Secret;
use coverage::Taken;
use editions::Editions;
use identity::{Identity, may_be};
use replies::Failed;
use store::{Place, Store};
use table::Table;
use tally::{Count, Tally};
use times::Times;
use transaction::{Armed, Transaction};

/// All transactions of a worker.
pub struct Tm {
    id: WorkerId,
    secret: Secret,
    times: Times,
    all: Store,
    table: Table,
    wheel: Wheel,
    /// A request as it was sent, made again for its ACK or CANCEL; or a reply of ours.
    sent: Vec<u8>,
    /// The index of that request, or of a received one.
    sent_index: Index,
    /// Transactions that failed and nobody has looked at.
    failed: VecDeque<Failed>,
    /// ACKs of ours whose way must be found out.
    acks: Vec<OwnAck>,
    /// What witnesses have not been told yet.
    heard: VecDeque<Heard>,
    /// Transactions that may have ended in this turn.
    ending: Vec<Key>,
    editions: Editions,
    /// Bytes that requests may still take.
    room: usize,
    /// Rows of the machines that were taken, where that is counted.
    taken: Taken,
    tally: Tally,
}

/// What the outside lends for one step.
pub struct Scene<'a> {
    /// The moment.
    pub now: Now,
    /// Receives what is to be sent.
    pub output: &'a mut Output,
    /// The snapshot.
    pub shared: &'a Shared,
}

/// A request to be remembered.
pub struct Received<'a> {
    /// It.
    pub message: Message<'a>,
    /// Its topmost Via.
    pub via: &'a (Via<'a>, Known<'a>),
    /// Where it came from.
    pub packet: Packet,
    /// Where its replies go.
    pub reply_to: Target,
    /// The To tag of local replies.
    pub tag: [u8; 16],
    /// `force_rport()` was called.
    pub force_rport: bool,
}

impl Tm {
    /// No transaction; all workers of a program have the same secret.
    pub fn new(id: WorkerId, secret: Secret, times: Times, now: Now) -> Self {
        Self {
            id,
            secret,
            times,
            all: Store::new(limits::TRANSACTIONS, limits::BATCH as u32),
            table: Table::default(),
            wheel: Wheel::new(now.mono_ms(), limits::BATCH as u32),
            sent: Vec::new(),
            sent_index: Index::new(),
            failed: VecDeque::new(),
            acks: Vec::new(),
            heard: VecDeque::new(),
            ending: Vec::new(),
            editions: Editions::default(),
            room: limits::TRANSACTION_BYTES,
            taken: Taken::new(),
            tally: Tally::default(),
        }
    }

    /// Rows of the machines that were taken.
    #[cfg(feature = "coverage")]
    pub fn taken(&self) -> &Taken {
        &self.taken
    }

    /// The transaction that a received request belongs to.
    pub fn find(&self, message: &Message<'_>, via: &(Via<'_>, Known<'_>)) -> Option<Key> {
        let (identity, method) = (Identity::of(message, via), message.method());
        self.table.find(&self.all, identity, |of| may_be(method, of))
    }

    /// The transaction that a received CANCEL is for (RFC 3261 9.2).
    pub fn cancelled_by(&self, message: &Message<'_>, via: &(Via<'_>, Known<'_>)) -> Option<Key> {
        self.table.find(&self.all, Identity::of(message, via), |of| of != Method::Cancel)
    }

    /// Remembers a request. `None`: there are too many already, or they are too large.
    pub fn create(&mut self, received: &Received<'_>) -> Option<Key> {
        let Received { message, via, packet, .. } = received;
        let whole = message.bytes.get(..usize::from(message.body().end))?;
        let identity = Identity::of(message, via);
        self.admit(Transaction {
            tag: received.tag,
            force_rport: received.force_rport,
            ..Transaction::new(identity, message.method(), whole, *packet, received.reply_to)
        })
    }

    fn admit(&mut self, transaction: Transaction) -> Option<Key> {
        let room = self.room.checked_sub(transaction.request.len())?;
        let key = self.all.insert(transaction)?;
        if !self.table.insert(&mut self.all, key) {
            self.all.remove(key);
            return None;
        }
        self.room = room;
        let own = self.all.get(key).is_some_and(Transaction::is_own);
        self.tally.add(if own { Count::Own } else { Count::Received });
        Some(key)
    }

    /// Puts what statistics count into the worker's cells.
    pub(crate) fn put_tally(&mut self, cells: &Cells, base: StatisticsBase) {
        self.tally.put(cells, base, self.all.len());
    }

    /// A transaction.
    pub fn get(&self, key: Key) -> Option<&Transaction> {
        self.all.get(key)
    }

    /// A transaction, for what the script may change of it.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Transaction> {
        self.all.get_mut(key)
    }

    /// The edition that a transaction keeps.
    pub fn edition(&self, key: Key) -> Option<&Arc<Shared>> {
        let held = match self.all.get(key) {
            Some(transaction) => transaction.edition,
            None => self.all.remnant(key)?.edition(),
        };
        self.editions.get(held?)
    }

    /// Has a transaction keep the edition whose routes it has armed.
    pub(crate) fn keep_edition(&mut self, key: Key, edition: &Arc<Shared>) {
        let Some(transaction) = self.all.get_mut(key) else { return };
        if transaction.edition.is_none() && transaction.armed != Armed::default() {
            transaction.edition = Some(self.editions.hold(edition));
        }
    }

    /// Takes the failure route that is armed.
    pub(crate) fn disarm_failure(&mut self, key: Key) -> Option<RouteId> {
        self.all.get_mut(key)?.armed.failure.take()
    }

    /// Whether a failed transaction waits to be looked at, or an ACK to be sent.
    pub(crate) fn has_failed(&self) -> bool {
        !self.failed.is_empty() || !self.acks.is_empty()
    }

    /// An ACK of ours that is to be sent.
    pub(crate) fn take_ack(&mut self) -> Option<OwnAck> {
        self.acks.pop()
    }

    /// Has a failed transaction looked at again.
    pub(crate) fn fail(&mut self, failed: Failed) {
        self.failed.push_back(failed);
    }

    pub(crate) fn take_failed(&mut self) -> Option<Failed> {
        self.failed.pop_front()
    }

    /// Whether there is something to be told to witnesses.
    #[inline]
    pub(crate) fn has_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    pub(crate) fn take_heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Whether nothing final went up, no branch of the round can bring it, and the round is still
    /// that which failed.
    pub(crate) fn is_undecided(&self, failed: Failed) -> bool {
        self.all.get(failed.key).is_some_and(|t| {
            let same_round = failed.winner >= t.round || t.deciding().is_empty();
            !t.is_answered() && !t.is_waiting() && same_round
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.len() == 0
    }

    /// Whether nothing is left of any: in the table, the wheel, the queues and the room.
    pub(crate) fn is_clear(&self) -> bool {
        let queues = !self.has_failed() && !self.has_heard() && self.ending.is_empty();
        let holds = self.editions.is_empty() && self.room == limits::TRANSACTION_BYTES;
        self.is_empty() && self.table.is_empty() && self.wheel.is_empty() && queues && holds
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// When the next timer is due, in monotonic milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.wheel.next_due_ms()
    }

    /// Forgets a transaction that was neither answered nor sent anywhere: its run is over.
    pub(crate) fn remove_unused(&mut self, key: Key) {
        if self.all.get(key).is_some_and(|t| t.branches.is_empty() && !t.is_answered()) {
            self.remove(key);
        }
    }

    /// Forgets a transaction, its timers and its place in the table.
    pub fn remove(&mut self, key: Key) {
        self.table.remove(&mut self.all, key);
        let edition = match self.all.remove(key) {
            Some(Place::Open(transaction)) => {
                self.room += transaction.request.len();
                hush_branches(&mut self.wheel, &transaction);
                hush(&mut self.wheel, [transaction.over, transaction.repeat]);
                transaction.edition
            }
            Some(Place::Ended(remnant)) => {
                hush(&mut self.wheel, [remnant.over, remnant.repeat]);
                remnant.edition()
            }
            Some(Place::Guard(_)) | None => return,
        };
        if let Some(edition) = edition {
            self.editions.release(edition);
        }
    }
}

/// Cancels the timers of all branches: the CANCEL of one that has ended may still wait.
fn hush_branches(wheel: &mut Wheel, transaction: &Transaction) {
    let branches = transaction.branches.iter();
    for client in branches.flat_map(|branch| [Some(branch.request), branch.cancel]).flatten() {
        hush(wheel, [client.resend, client.expire]);
    }
}

fn hush(wheel: &mut Wheel, timers: [Option<TimerId>; 2]) {
    for timer in timers.into_iter().flatten() {
        wheel.cancel(timer);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sluice_base::SocketId;

    use super::*;

    const REQUEST: &[u8] = b"OPTIONS sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";

    #[test]
    fn requests_have_a_ceiling_in_bytes_and_give_their_room_back() {
        let mut index = Index::new();
        index.scan(REQUEST).unwrap();
        let message = Message { bytes: REQUEST, index: &index };
        let via = message.top_via_known().unwrap();
        let addr = SocketAddr::from(([192, 0, 2, 1], 5060));
        let received = Received {
            message,
            via: &via,
            packet: Packet::default(),
            reply_to: Target { socket: SocketId::default(), addr },
            tag: [0; 16],
            force_rport: false,
        };
        let mut tm = Tm::new(WorkerId(0), Secret::default(), Times::default(), Now::default());
        tm.room = 2 * REQUEST.len() + 1;
        let first = tm.create(&received).unwrap();
        assert!(tm.create(&received).is_some());
        assert_eq!(tm.create(&received), None);
        tm.remove_unused(first);
        assert_eq!(tm.room, REQUEST.len() + 1);
        assert!(tm.create(&received).is_some());
    }
}
