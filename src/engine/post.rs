//! Letters to the worker that owns a call: a request that shall be made there, or cancelled; and to
//! worker 0: an event of the control plane.
//!
//! Who has no call of its own at hand - a management command, a run that makes a request of another
//! call - writes to the owner. Takes letters from any thread; the owner reads them in its turn.

use std::sync::{Arc, OnceLock};

use sluice_base::WorkerId;
use sluice_base::inbox::Inbox;
use sluice_base::wake::{Sender, Wake};

use crate::events::Raised;
use crate::limits;
use crate::owners::Owners;
use crate::tm::local::{Cancel, Draft};

/// What is written to a worker.
pub enum Letter {
    /// A request to be made.
    Request(Box<Draft>),
    /// A request to be cancelled.
    Cancel(Cancel),
    /// An event of the control plane.
    Event(Raised),
    /// A request of this worker's that did not arrive, or its beginning.
    Lost(WorkerId, Box<[u8]>),
}

impl Letter {
    /// Whom it is for; what is not about a call belongs to worker 0.
    fn owner(&self, owners: &Owners) -> WorkerId {
        match self {
            Self::Request(draft) => owners.of(&draft.call_id),
            Self::Cancel(cancel) => owners.of(&cancel.call_id),
            Self::Event(_) => WorkerId(0),
            Self::Lost(sender, _) => *sender,
        }
    }
}

/// Wakes a worker that sleeps in its poll; by number of worker.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// All inboxes; shared by workers and modules. Closed until the workers are made.
#[derive(Default)]
pub struct Post {
    office: OnceLock<Office>,
    wakers: OnceLock<Vec<Waker>>,
}

struct Office {
    owners: Owners,
    /// By number of worker.
    inboxes: Vec<Arc<Inbox<Letter>>>,
}

/// Why a letter was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// There are no workers yet.
    #[error("the workers have not begun")]
    Closed,
    /// The owner's inbox is full.
    #[error("too many requests wait to be made")]
    Full,
}

impl Post {
    /// Opens it for workers with these wake words, once; gives each worker's inbox.
    pub(crate) fn open(&self, owners: Owners, wakes: &[Arc<Wake>]) -> Vec<Arc<Inbox<Letter>>> {
        let inbox = |wake: &Arc<Wake>| Arc::new(Inbox::new(limits::LETTERS, Arc::clone(wake)));
        let inboxes: Vec<_> = wakes.iter().map(inbox).collect();
        let _ = self.office.set(Office { owners, inboxes: inboxes.clone() });
        inboxes
    }

    /// Says how workers are woken; without it those that sleep find a letter when they wake.
    pub fn wake_by(&self, wakers: Vec<Waker>) {
        let _ = self.wakers.set(wakers);
    }

    /// Who owns which Call-ID; `None` before there are workers.
    pub fn owners(&self) -> Option<&Owners> {
        self.office.get().map(|office| &office.owners)
    }

    /// Writes to the owner of the letter's Call-ID and wakes it. For the control plane.
    ///
    /// # Errors
    /// The letter was not taken.
    pub fn send(&self, letter: Letter) -> Result<(), Refused> {
        if let Some(asleep) = self.put(Sender::CONTROL, letter)?
            && let Some(wakers) = self.wakers.get()
            && let Some(wake) = wakers.get(usize::from(asleep.0))
        {
            wake();
        }
        Ok(())
    }

    /// Writes to the owner of the letter's Call-ID; the owner when it sleeps and must be woken.
    pub(crate) fn put(&self, from: Sender, letter: Letter) -> Result<Option<WorkerId>, Refused> {
        let office = self.office.get().ok_or(Refused::Closed)?;
        let owner = letter.owner(&office.owners);
        let inbox = office.inboxes.get(usize::from(owner.0)).ok_or(Refused::Closed)?;
        let asleep = inbox.put(from, letter).map_err(|_| Refused::Full)?;
        Ok(asleep.then_some(owner))
    }
}
