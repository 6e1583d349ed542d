//! Tickets: a module that has chosen where a request goes learns how the request fares there.
//!
//! The module leaves a ticket with the run ([`Ctx::leave_ticket`]). The branch that goes there
//! takes it; the transaction tells what it hears, and when the branch is over. A ticket that is not
//! taken is over with its run. Requests without a ticket pay nothing but a look.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sluice_base::Now;
use sluice_sip::uri::Uri;

use crate::context::Ctx;
use crate::run::RunState;
use crate::value::Text;

/// What a module has chosen. It is told in the turn of a worker: what it does is short, and takes
/// no lock.
pub trait Chosen: Any + fmt::Debug + Send + Sync {
    /// Something was learned of a request that was sent at `sent_us`, monotonic microseconds. True:
    /// what was chosen has failed it.
    fn learn(&self, news: News, sent_us: u64, now: Now) -> bool;
    /// A ticket is over: whatever it has reserved is free.
    fn over(&self) {}
}

/// What is learned of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// Its first reply has come.
    Heard,
    /// A reply with this status, above 100.
    Status(u16),
    /// Nothing has come by the time that it is sent again, or given up. Once for each request.
    Silent,
    /// The transport says that it did not go out or did not arrive.
    Lost,
}

/// See the file's head.
pub struct Ticket {
    chosen: Arc<dyn Chosen>,
    sent_us: u64,
    silent: bool,
    failed: bool,
    over: bool,
}

/// A ticket that waits for its branch.
#[derive(Debug)]
pub(crate) struct Left {
    /// The URI that was chosen.
    uri: Text,
    ticket: Ticket,
}

impl Ticket {
    /// For a choice.
    pub fn new(chosen: Arc<dyn Chosen>) -> Self {
        Self { chosen, sent_us: 0, silent: false, failed: false, over: false }
    }

    /// What was chosen, if it has failed its request.
    fn failed(&self) -> Option<&dyn Any> {
        self.failed.then_some(&*self.chosen)
    }

    /// The request goes out.
    pub(crate) fn send(&mut self, now: Now) {
        self.sent_us = now.mono_us;
    }

    /// Tells something.
    pub(crate) fn tell(&mut self, news: News, now: Now) {
        if news == News::Silent && std::mem::replace(&mut self.silent, true) {
            return;
        }
        self.failed |= self.chosen.learn(news, self.sent_us, now);
    }

    /// It is over; what was chosen stays known.
    pub(crate) fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.chosen.over();
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.chosen).finish()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end();
    }
}

impl Ctx<'_> {
    /// The branch that goes to this URI takes the ticket along; it replaces an earlier one.
    pub fn leave_ticket(&mut self, uri: Text, ticket: Ticket) {
        self.run.ticket = Some(Left { uri, ticket });
    }

    /// What was chosen for the call and has failed it.
    pub fn failed_choices(&self) -> impl Iterator<Item = &dyn Any> {
        let transaction = self.run.transaction.and_then(|key| self.local.tm.get(key));
        let branches = transaction.map_or(&[][..], |transaction| &transaction.branches);
        branches.iter().filter_map(|branch| branch.ticket.as_ref()?.failed())
    }

    /// The ticket for where the request goes now.
    #[inline]
    pub(crate) fn take_ticket(&mut self) -> Option<Ticket> {
        let left = self.run.ticket.as_ref()?.uri;
        let goes = self.next_hop()?;
        let same = left == goes || is_same_host(self.bytes(left), self.bytes(goes));
        self.run.ticket.take_if(|_| same).map(|left| left.ticket)
    }
}

impl RunState {
    /// The run is over: a ticket that no branch has taken is, too.
    #[inline]
    pub(crate) fn drop_ticket(&mut self) {
        if self.ticket.is_some() {
            self.ticket = None;
        }
    }
}

/// Whether two URIs name the same host and port: a script may change the rest of what was chosen.
fn is_same_host(one: &[u8], other: &[u8]) -> bool {
    match (Uri::parse(one), Uri::parse(other)) {
        (Some(one), Some(other)) => {
            one.host.eq_ignore_ascii_case(other.host) && one.port == other.port
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Chosen for Notes {
        fn learn(&self, news: News, sent_us: u64, now: Now) -> bool {
            let after_us = now.mono_us - sent_us;
            self.0.lock().unwrap().push(format!("{news:?} {after_us}"));
            news == News::Silent
        }

        fn over(&self) {
            self.0.lock().unwrap().push("over".to_owned());
        }
    }

    #[test]
    fn silence_is_told_once_and_the_end_once() {
        let notes = Arc::new(Notes::default());
        let mut ticket = Ticket::new(Arc::clone(&notes) as Arc<dyn Chosen>);
        let at = |mono_us| Now { mono_us, wall_us: 0 };
        ticket.send(at(10));
        assert!(ticket.failed().is_none());
        ticket.tell(News::Silent, at(20));
        ticket.tell(News::Silent, at(30));
        assert!(ticket.failed().is_some_and(|chosen| chosen.is::<Notes>()));
        ticket.tell(News::Status(486), at(40));
        ticket.end();
        drop(ticket);
        assert_eq!(*notes.0.lock().unwrap(), ["Silent 10", "Status(486) 30", "over"]);
    }

    #[test]
    fn host_and_port_tell_where_it_goes() {
        assert!(is_same_host(b"sip:a@H:5070;lr", b"sip:h:5070"));
        assert!(!is_same_host(b"sip:h:5070", b"sip:h"));
        assert!(!is_same_host(b"sip:h", b"sip:i"));
        assert!(!is_same_host(b"junk", b"junk"));
    }
}
