//! The ways between workers for what leaves by a connection of another one, and for what comes
//! back.
//!
//! A message to send is copied into a ring to the connection's worker, and handled there in place.
//! One that could not be sent goes back to the worker it came from, which is rare: through a
//! queue. Nothing waits; what finds no room is told to the caller. Waking is by the worker's word,
//! as for hops.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use mio::Waker;
use sluice_base::ring::{Consumer, Producer, ring};
use sluice_base::wake::{Sender, Wake};
use sluice_base::{Datagram, Target, WorkerId};

use crate::limits::{POST_BYTES, RETURNED};

/// One worker's ends.
pub struct Post {
    id: WorkerId,
    /// To each worker, by number; none to itself.
    to: Vec<Option<Producer>>,
    from: Vec<(WorkerId, Consumer)>,
    sleepers: Arc<[Sleeper]>,
    /// By worker, what could not be sent for it.
    returned: Arc<[ArrayQueue<Box<[u8]>>]>,
    /// Workers that were written to and not told yet, as bits.
    written: u64,
}

/// How a worker is woken: its word, and its poll's waker.
#[derive(Clone)]
pub struct Sleeper {
    /// Who wrote to it.
    pub wake: Arc<Wake>,
    /// Ends its sleep.
    pub waker: Arc<Waker>,
}

/// The ends of all workers, by number.
pub fn posts(sleepers: Vec<Sleeper>) -> Vec<Post> {
    let count = sleepers.len();
    let sleepers: Arc<[Sleeper]> = sleepers.into();
    let returned = (0..count).map(|_| ArrayQueue::new(RETURNED)).collect();
    let returned: Arc<[ArrayQueue<Box<[u8]>>]> = returned;
    let mut all: Vec<Post> = (0..count)
        .map(|id| Post {
            id: WorkerId(id as u8),
            to: (0..count).map(|_| None).collect(),
            from: Vec::new(),
            sleepers: Arc::clone(&sleepers),
            returned: Arc::clone(&returned),
            written: 0,
        })
        .collect();
    for from in 0..count {
        for to in (0..count).filter(|to| *to != from) {
            let (producer, consumer) = ring(POST_BYTES);
            all[from].to[to] = Some(producer);
            all[to].from.push((WorkerId(from as u8), consumer));
        }
    }
    all
}

impl Post {
    /// Whose ends these are.
    pub(super) fn id(&self) -> WorkerId {
        self.id
    }

    /// Copies a message into the ring of another worker; false when it is full.
    pub(super) fn push(&mut self, to: WorkerId, target: Target, bytes: &[u8]) -> bool {
        let Some(Some(ring)) = self.to.get_mut(usize::from(to.0)) else { return false };
        let meta = Datagram { socket: target.socket, peer: target.addr, offset: 0, len: 0 };
        let pushed = ring.push(meta, bytes, true).is_ok();
        if pushed {
            self.written |= 1 << to.0;
        }
        pushed
    }

    /// Gives a message back to the worker that wanted it sent; false when it has too many already.
    pub(super) fn give_back(&mut self, to: WorkerId, bytes: &[u8]) -> bool {
        let Some(queue) = self.returned.get(usize::from(to.0)) else { return false };
        let pushed = queue.push(bytes.into()).is_ok();
        if pushed && to != self.id {
            self.written |= 1 << to.0;
        }
        pushed
    }

    /// A message of this worker's that could not be sent.
    pub(super) fn take_returned(&self) -> Option<Box<[u8]>> {
        self.returned.get(usize::from(self.id.0))?.pop()
    }

    /// Whether there is one.
    pub(super) fn has_returned(&self) -> bool {
        self.returned.get(usize::from(self.id.0)).is_some_and(|queue| !queue.is_empty())
    }

    /// The rings to this worker, lent out so that messages can be handled in place.
    pub(super) fn lend(&mut self) -> Vec<(WorkerId, Consumer)> {
        std::mem::take(&mut self.from)
    }

    /// Gives them back.
    pub(super) fn put_back(&mut self, from: Vec<(WorkerId, Consumer)>) {
        self.from = from;
    }

    /// Tells each worker that was written to.
    pub(super) fn flush(&mut self) {
        let Some(me) = Sender::worker(self.id) else { return };
        while self.written != 0 {
            let to = self.written.trailing_zeros();
            self.written &= self.written - 1;
            if let Some(sleeper) = self.sleepers.get(to as usize)
                && sleeper.wake.raise(me)
            {
                // It would notice at its next timer, at the latest after a second.
                let _late = sleeper.waker.wake();
            }
        }
    }
}
