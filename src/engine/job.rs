//! What a run may ask of the control plane, and what comes back. The control plane knows no
//! transaction and no SIP byte: a job is plain data.

use std::net::IpAddr;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_base::mailbox::Reservation;
use sluice_base::slab::Key;

use crate::db::{Outcome, Query};
use crate::targets::{Located, Place};
use crate::value::Value;

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Job {
    /// Addresses (A, AAAA) of a host name, in the order to be tried.
    Resolve(Box<str>),
    /// Where a next hop is (RFC 3263); [`crate::targets::Names`] does not know it.
    Locate(Place),
    /// Statements for a database.
    Query(Query),
}

/// A job with the reserved place of its answer.
pub struct Request {
    /// The worker that asks.
    pub worker: WorkerId,
    /// The parked run.
    pub key: Key,
    /// What is asked.
    pub job: Job,
    /// Where the answer goes; completing it says whether the worker must be woken.
    pub reply: Reservation<Mail>,
}

/// What a parked run is resumed with.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// The route that was entered is over; whether by `drop`.
    Returned(bool),
    /// The value of a text; NULL where it is none.
    Evaluated(Value),
    /// The time is up (`Wait::Until`).
    Elapsed,
    /// The script lock is the run's own.
    Granted,
    /// Addresses of a name; never empty.
    Addresses(Arc<[IpAddr]>),
    /// Where a place is.
    Located(Arc<Located>),
    /// The values of texts with variables, as many as there were texts.
    Values(Box<[Value]>),
    /// What a database says; also that it does not answer.
    Rows(Arc<Outcome>),
    /// It could not be found out: the reason, for the log.
    Failed(Arc<str>),
}

/// An answer on its way to the worker that asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Mail {
    /// The parked run; a stale key is ignored.
    pub key: Key,
    /// The answer.
    pub answer: Answer,
}
