//! Replies of one branch are handled in order: while the run of one waits, later ones wait behind
//! it (design 7). Those of other branches pass.

use std::collections::VecDeque;

use ahash::AHashMap;
use sluice_base::{Datagram, Now};
use sluice_script::ir::RouteKind;

use super::Worker;
use crate::counter::Counter;
use crate::limits;
use crate::run::Run;
use crate::tm::cookie::BranchId;

/// Branches whose replies wait.
#[derive(Default)]
pub(super) struct Order {
    branches: AHashMap<BranchId, Branch>,
    /// Branches whose run is over while replies wait.
    free: VecDeque<BranchId>,
    /// The branch whose replies are being taken from the queue.
    taking: Option<BranchId>,
    /// Bytes of the replies that wait.
    bytes: usize,
}

#[derive(Default)]
struct Branch {
    /// A run of it is parked.
    is_held: bool,
    waiting: VecDeque<(Datagram, Box<[u8]>)>,
}

impl Order {
    /// A run has been put aside: replies of its branch wait.
    pub(super) fn hold(&mut self, run: &Run) {
        if let Some(id) = branch(run) {
            self.branches.entry(id).or_default().is_held = true;
        }
    }

    /// A run is over: replies of its branch may follow. True: some wait.
    pub(super) fn free(&mut self, run: &Run) -> bool {
        let Some(id) = branch(run) else { return false };
        let Some(branch) = self.branches.get_mut(&id) else { return false };
        branch.is_held = false;
        if self.taking != Some(id) {
            self.free.push_back(id);
        }
        true
    }

    /// Whether a reply of a branch has to wait.
    #[inline]
    pub(super) fn holds(&self, id: BranchId) -> bool {
        !self.branches.is_empty() && self.taking != Some(id) && self.branches.contains_key(&id)
    }

    /// Has a reply wait; false when too many do.
    fn push(&mut self, id: BranchId, datagram: Datagram, bytes: &[u8]) -> bool {
        let Some(branch) = self.branches.get_mut(&id) else { return false };
        let after = self.bytes + bytes.len();
        let fits = branch.waiting.len() < limits::WAITING_REPLIES && after <= limits::WAITING_BYTES;
        if fits {
            branch.waiting.push_back((datagram, bytes.into()));
            self.bytes = after;
        }
        fits
    }

    /// The next reply of a branch that no run holds.
    fn pop(&mut self, id: BranchId) -> Option<(Datagram, Box<[u8]>)> {
        let branch = self.branches.get_mut(&id).filter(|branch| !branch.is_held)?;
        let next = branch.waiting.pop_front();
        match &next {
            Some((_, bytes)) => self.bytes -= bytes.len(),
            None => drop(self.branches.remove(&id)),
        }
        next
    }
}

/// The branch whose reply a run handles.
fn branch(run: &Run) -> Option<BranchId> {
    run.state.branch.filter(|_| run.state.kind == RouteKind::Reply)
}

impl Worker {
    /// A reply whose branch is held. Too many are dropped: a final one comes again (RFC 3261
    /// 17.2.1, 13.3.1.4).
    #[cold]
    pub(super) fn wait_in_order(&mut self, id: BranchId, datagram: Datagram, bytes: &[u8]) {
        if !self.order.push(id, datagram, bytes) {
            self.local.add(Counter::ReplyDropped, 1);
        }
    }

    /// Handles the replies that waited for a run that is over, until one is put aside again.
    pub(super) fn take_in_order(&mut self, now: Now) {
        while let Some(id) = self.order.free.pop_front() {
            self.order.taking = Some(id);
            while let Some((datagram, bytes)) = self.order.pop(id) {
                if self.run.index.scan(&bytes).is_ok() {
                    self.handle(now, datagram, &bytes);
                }
            }
            self.order.taking = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_base::slab::Key;
    use sluice_base::{SocketId, WorkerId};

    use super::*;

    #[test]
    fn what_waits_has_a_bound_in_number_and_in_bytes() {
        let mut order = Order::default();
        let id =
            |slot| BranchId { worker: WorkerId(0), key: Key { slot, generation: 0 }, branch: 0 };
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
        let datagram = Datagram { socket: SocketId(0), peer, offset: 0, len: 0 };
        let hold =
            |order: &mut Order, slot| order.branches.entry(id(slot)).or_default().is_held = true;
        hold(&mut order, 0);
        let few = (0..100).filter(|_| order.push(id(0), datagram, b"reply")).count();
        assert_eq!(few, limits::WAITING_REPLIES);
        let large = vec![0; 60_000];
        let mut taken = 0;
        for slot in 1..1_000 {
            hold(&mut order, slot);
            taken += usize::from(order.push(id(slot), datagram, &large));
        }
        assert_eq!(taken, (limits::WAITING_BYTES - few * 5) / large.len());
        for slot in 0..1_000 {
            let branch = order.branches.get_mut(&id(slot));
            branch.unwrap().is_held = false;
            while order.pop(id(slot)).is_some() {}
        }
        assert!(order.branches.is_empty() && order.bytes == 0);
    }
}
