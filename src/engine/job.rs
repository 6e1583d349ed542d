//! What a run may ask of the control plane, and what comes back. The control plane knows no
//! transaction and no SIP byte: a job is plain data.

use std::net::IpAddr;
use std::sync::Arc;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Job {
    /// Addresses (A, AAAA) of a host name, in the order to be tried.
    Resolve(Box<str>),
}

/// A parked run's ticket; the answer carries it back. Stale tickets are ignored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Ticket {
    /// Slot in the worker's slab of parked runs.
    pub slot: u32,
    /// Generation of the slot.
    pub generation: u32,
}

/// A job with the place its answer belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The worker that asks.
    pub worker: sluice_base::WorkerId,
    /// The parked run.
    pub ticket: Ticket,
    /// What is asked.
    pub job: Job,
}

/// What a parked run is resumed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The time is up (`Wait::Until`).
    Elapsed,
    /// Addresses of a name; never empty.
    Addresses(Arc<[IpAddr]>),
    /// It could not be found out: the reason, for the log.
    Failed(Arc<str>),
}

/// An answer on its way to the worker that asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// The parked run.
    pub ticket: Ticket,
    /// The answer.
    pub answer: Answer,
}
