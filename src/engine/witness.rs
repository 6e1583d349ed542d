//! Witnesses: a module that wants to know what becomes of a transaction leaves one with it. It is
//! told each reply that goes up and each time that all branches have failed, when the messages of
//! the turn are done.
//!
//! A witness left before there is a transaction stays with the run, which hands it on. It goes with
//! the transaction. Transactions without one pay nothing but a look.

use std::any::Any;
use std::fmt;

use sluice_base::slab::Key;
use sluice_sip::Message;

use crate::context::Ctx;
use crate::value::Value;

/// See the file's head. Told in a worker's turn: it may allocate, it does not wait.
pub trait Witness: Any + fmt::Debug + Send {
    /// Texts with variables. Their values are told along, as they are in the request with the
    /// transaction's AVPs, sent to the branch that replied.
    fn asks(&self) -> &[Box<str>] {
        &[]
    }

    /// Something has become of the transaction. `ctx` is over its request, and no witness is with
    /// the transaction meanwhile. `values` are as many as this one asks.
    fn told(&mut self, ctx: &mut Ctx<'_>, news: &News<'_>, values: &[Value]);
}

/// What a witness is told.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// What happened.
    pub what: What,
    /// The status of the reply, also of one that nobody sent (a time-out).
    pub status: u16,
    /// Its reason phrase.
    pub phrase: &'a [u8],
    /// The reply, if there is one: as it goes up.
    pub reply: Option<Message<'a>>,
}

/// What happened to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A reply went up, above 100; of a request of our own: the end has come.
    Replied,
    /// All branches have failed; the failure route, if there is one, is about to run.
    Failed,
}

/// What was heard of a transaction and its witnesses have not been told yet.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The transaction.
    pub key: Key,
    /// What happened.
    pub what: What,
    /// The status.
    pub status: u16,
    /// The reply; empty without one.
    pub reply: Box<[u8]>,
    /// The branch that it came from; `None`: it is ours.
    pub branch: Option<u8>,
}

impl Ctx<'_> {
    /// Leaves a witness with the transaction of the run, or with the one that will be.
    pub fn leave_witness(&mut self, witness: Box<dyn Witness>) {
        match self.looked_at().and_then(|key| self.local.tm.get_mut(key)) {
            Some(transaction) => transaction.witnesses.push(witness),
            None => self.run.witnesses.push(witness),
        }
    }

    /// The witness of a kind that was left before.
    pub fn witness<W: Witness>(&mut self) -> Option<&mut W> {
        let transaction = self.looked_at().and_then(|key| self.local.tm.get_mut(key));
        let witnesses = transaction.map_or(&mut self.run.witnesses, |t| &mut t.witnesses);
        witnesses.iter_mut().find_map(|witness| {
            let witness: &mut dyn Any = &mut **witness;
            witness.downcast_mut()
        })
    }

    /// A CANCEL has been answered, which has no transaction of its own here: witnesses left with
    /// its run are told at once, and nothing that they ask.
    pub(crate) fn tell_cancelled(&mut self, status: u16, phrase: &[u8]) {
        let witnesses = std::mem::take(&mut self.run.witnesses);
        for mut witness in witnesses {
            witness.told(self, &News { what: What::Replied, status, phrase, reply: None }, &[]);
        }
    }

    /// The transaction that the run is about: its own, or that of the reply.
    fn looked_at(&self) -> Option<Key> {
        self.run.transaction.or(self.run.branch.map(|branch| branch.key))
    }
}
