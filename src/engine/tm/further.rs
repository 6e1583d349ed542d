//! The addresses of a name: a branch that failed at one of them goes on to the next, before the
//! script is asked (RFC 3263 4.3, spec 8.5); and what that says about the address.

use sluice_base::slab::Key;
use sluice_base::{Now, SocketId};
use sluice_sip::Patches;

use super::replies::Failed;
use super::transaction::{Branch, KeptRecord};
use super::{Scene, Tm};
use crate::sockets::Remote;
use crate::targets::Failure;
use crate::ticket::News;

/// The addresses that are left, and what the request is made of for each of them.
#[derive(Debug)]
pub struct Further {
    /// The next one last; never empty.
    pub rest: Vec<Remote>,
    /// The changes of the script.
    pub changes: Changes,
}

/// What the script has changed for a branch, as far as its socket does not matter.
#[derive(Debug, Default)]
pub struct Changes {
    /// The changes of the request.
    pub patches: Patches,
    /// What Max-Forwards becomes.
    pub max_forwards: Option<u32>,
    /// What is to be recorded as Record-Route.
    pub record: Option<Box<KeptRecord>>,
    /// Host and port of our Via, when the script says others than the socket's.
    pub advertised: Option<(Option<Box<[u8]>>, Option<u16>)>,
    /// `add_local_rport()` was called.
    pub local_rport: bool,
    /// Forced sending socket.
    pub socket: Option<SocketId>,
}

impl Branch {
    /// Tells who has chosen where it goes. Silence is one while nothing has come; and what sends
    /// the request on to the name's next address is not told of the name.
    #[inline]
    pub(super) fn tell(&mut self, news: News, now: Now) {
        let Some(ticket) = &mut self.ticket else { return };
        let last = self.further.is_none();
        let counts = match news {
            News::Silent | News::Lost => last && self.received == 0,
            News::Status(503) => last,
            News::Heard | News::Status(_) => true,
        };
        if counts {
            ticket.tell(news, now);
        }
    }

    /// Whether it failed since of its address nothing, or nothing but an overload, was heard.
    fn is_lost(&self) -> bool {
        self.received == 0 || self.received == 503
    }
}

impl Tm {
    /// The addresses that are left for a branch that has failed, if they shall be tried.
    pub(crate) fn take_further(&mut self, failed: Failed) -> Option<Box<Further>> {
        let transaction = self.all.get_mut(failed.key).filter(|t| t.is_open())?;
        let branch = transaction.branches.get_mut(usize::from(failed.winner))?;
        if branch.is_lost() { branch.further.take() } else { None }
    }

    /// The last branch has taken the place of one that failed.
    pub(crate) fn replace(&mut self, failed: Failed, now: Now) {
        let Some(transaction) = self.all.get_mut(failed.key) else { return };
        let branch = transaction.branches.get_mut(usize::from(failed.winner));
        let (script, mut ticket) = branch.map_or((None, None), |branch| {
            // It never wins.
            (branch.status, branch.reply) = (0, Box::default());
            (branch.script.take(), branch.ticket.take())
        });
        ticket.iter_mut().for_each(|ticket| ticket.send(now));
        if let Some(next) = transaction.branches.last_mut() {
            (next.script, next.ticket) = (script, ticket);
        }
    }

    /// Nobody wants the call at another address of the branch's name.
    pub(super) fn forget_further(&mut self, key: Key, number: u8) {
        let transaction = self.all.get_mut(key);
        if let Some(branch) = transaction.and_then(|t| t.branches.get_mut(usize::from(number))) {
            branch.further = None;
        }
    }

    /// A branch is over without success: its address may be the reason.
    pub(super) fn note_failure(&self, scene: &Scene<'_>, key: Key, number: u8) {
        let Some(branch) = self.named(key, number).filter(|branch| branch.is_lost()) else {
            return;
        };
        let failure = match (branch.received, branch.status) {
            (503, _) => Failure::Overloaded,
            // The transport says so.
            (_, 503) => Failure::Unreachable,
            _ => Failure::Silent,
        };
        note(scene, branch, failure);
    }

    /// A request was sent again: of which nothing has come by its third time, others shall take
    /// another address already.
    pub(super) fn note_silence(&mut self, scene: &Scene<'_>, key: Key, number: u8) {
        let transaction = self.all.get_mut(key);
        if let Some(branch) = transaction.and_then(|t| t.branches.get_mut(usize::from(number))) {
            branch.tell(News::Silent, scene.now);
        }
        let third = 4 * self.times.t1_ms;
        if let Some(branch) = self.named(key, number)
            && branch.received == 0
            && branch.request.interval_ms >= third
        {
            note(scene, branch, Failure::Silent);
        }
    }

    /// The first reply of a branch has come: its address is back, if it was away.
    pub(super) fn note_life(&self, scene: &Scene<'_>, key: Key, number: u8) {
        if let Some(branch) = self.named(key, number)
            && let Some(remote) = remote(scene, branch)
        {
            scene.shared.names.failed.clear(remote);
        }
    }

    /// A branch whose address is one of a name's.
    fn named(&self, key: Key, number: u8) -> Option<&Branch> {
        let branch = self.all.get(key)?.branches.get(usize::from(number))?;
        branch.named.then_some(branch)
    }
}

fn note(scene: &Scene<'_>, branch: &Branch, failure: Failure) {
    if let Some(remote) = remote(scene, branch) {
        scene.shared.names.failed.note(remote, failure, scene.now.mono_ms());
    }
}

fn remote(scene: &Scene<'_>, branch: &Branch) -> Option<Remote> {
    let proto = scene.shared.sockets.proto(branch.target.socket)?;
    Some(Remote { proto, addr: branch.target.addr })
}
