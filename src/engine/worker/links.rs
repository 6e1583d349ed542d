//! The ways between workers: a hop ring for each ordered pair and a wake word for each worker.

use std::sync::Arc;

use sluice_base::ring::{Consumer, Producer, ring};
use sluice_base::wake::{Sender, Wake};
use sluice_base::{Datagram, WorkerId};

/// One worker's ends.
pub struct Links {
    id: WorkerId,
    /// To each worker, by number; none to itself.
    outgoing: Vec<Option<Producer>>,
    incoming: Vec<Consumer>,
    wakes: Arc<[Arc<Wake>]>,
    /// Workers that were written to in this turn, as bits.
    written: u64,
}

/// The ends of `workers` workers with rings of `ring_bytes` each.
pub fn mesh(workers: u8, ring_bytes: usize) -> Vec<Links> {
    let workers = workers.max(1);
    let wakes: Arc<[Arc<Wake>]> = (0..workers).map(|_| Arc::new(Wake::new())).collect();
    let mut links: Vec<Links> = (0..workers)
        .map(|id| Links {
            id: WorkerId(id),
            outgoing: (0..workers).map(|_| None).collect(),
            incoming: Vec::new(),
            wakes: Arc::clone(&wakes),
            written: 0,
        })
        .collect();
    for from in 0..usize::from(workers) {
        for to in (0..usize::from(workers)).filter(|to| *to != from) {
            let (producer, consumer) = ring(ring_bytes);
            links[from].outgoing[to] = Some(producer);
            links[to].incoming.push(consumer);
        }
    }
    links
}

impl Links {
    /// How many workers there are.
    pub fn workers(&self) -> u8 {
        self.outgoing.len() as u8
    }

    /// This worker's wake word: the shell sleeps by it, senders raise it.
    pub fn wake(&self) -> Arc<Wake> {
        Arc::clone(&self.wakes[usize::from(self.id.0)])
    }

    /// Copies a datagram into another worker's ring; `false` when it is full.
    pub(super) fn push(
        &mut self,
        to: WorkerId,
        datagram: Datagram,
        bytes: &[u8],
        privileged: bool,
    ) -> bool {
        let Some(Some(producer)) = self.outgoing.get_mut(usize::from(to.0)) else { return false };
        let pushed = producer.push(datagram, bytes, privileged).is_ok();
        if pushed {
            self.written |= 1 << to.0;
        }
        pushed
    }

    /// Tells each worker that was written to, once per turn; returns those that sleep, as bits by
    /// number.
    pub(super) fn flush(&mut self) -> u64 {
        let mut sleeping = 0;
        let Some(me) = Sender::worker(self.id) else { return 0 };
        while self.written != 0 {
            let to = self.written.trailing_zeros();
            self.written &= self.written - 1;
            if self.wakes.get(to as usize).is_some_and(|wake| wake.raise(me)) {
                sleeping |= 1 << to;
            }
        }
        sleeping
    }

    /// Whether no other worker can send anything.
    pub(super) fn is_alone(&self) -> bool {
        self.incoming.is_empty()
    }

    /// The incoming rings, lent out so that messages can be handled in place.
    pub(super) fn lend_incoming(&mut self) -> Vec<Consumer> {
        std::mem::take(&mut self.incoming)
    }

    /// Gives the incoming rings back.
    pub(super) fn return_incoming(&mut self, incoming: Vec<Consumer>) {
        self.incoming = incoming;
    }
}
