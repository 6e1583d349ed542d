//! Requests of our own: the client side of a transaction without a server side (RFC 3261 8.1, 17.1;
//! spec 8.2, 11).
//!
//! Takes a draft; keeps it as the request of a transaction whose branches are as those of any other
//! one. Nothing goes upstream: who has asked gets a report of the end.

use std::fmt;
use std::sync::mpsc::SyncSender;

use sluice_base::slab::Key;
use sluice_base::{SocketId, Target};
use sluice_sip::digits::push_u64;
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::{has_blank, is_enclosable, is_token, trim};
use sluice_sip::uri::Uri;
use sluice_sip::{Kind as Header, Message, Method};

use super::identity::Identity;
use super::replies::Failed;
use super::times::Purpose;
use super::transaction::{KeptKey, ScriptState, Transaction};
use super::{Scene, Tm, hop, server};
use crate::confirm::OwnAck;
use crate::context::Kept;
use crate::next_hop::NextHop;
use crate::run::Packet;
use crate::sockets::Remote;
use crate::witness::{Heard, What};

/// A request that shall be made.
#[derive(Debug)]
pub struct Draft {
    /// Its method.
    pub method: Vec<u8>,
    /// Its Request-URI.
    pub uri: Vec<u8>,
    /// The value of From, with its tag.
    pub from: Vec<u8>,
    /// The value of To.
    pub to: Vec<u8>,
    /// Its Call-ID; the worker that owns it makes the request.
    pub call_id: Vec<u8>,
    /// Its CSeq number.
    pub cseq: u32,
    /// Where it is sent, when not to its Request-URI: a URI.
    pub next_hop: Option<Vec<u8>>,
    /// The socket it is sent by, when one is asked for.
    pub socket: Option<SocketId>,
    /// More header lines, each with its line end.
    pub lines: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// AVPs of its transaction.
    pub avps: Vec<(KeptKey, Kept)>,
    /// Who wants to know how it ends.
    pub asker: Asker,
}

/// Who wants to know how a request of ours ends. Dropped without a report, it never began.
#[derive(Debug)]
pub enum Asker {
    /// Nobody.
    Nobody,
    /// Somebody outside of the workers who waits.
    Outside(SyncSender<Report>),
    /// A module, in the turn of the worker.
    Told(Told),
}

/// What a module does with a report. It is short: a worker does it.
pub struct Told(Box<dyn FnOnce(Report) + Send>);

impl Told {
    /// Calls this, once, or drops it.
    pub fn new(hear: impl FnOnce(Report) + Send + 'static) -> Self {
        Self(Box::new(hear))
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// How a request of ours has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// With this final reply.
    Reply(Vec<u8>),
    /// Without one: the status that stands for that (RFC 3261 16.8).
    Silence(u16),
    /// It was not sent: status and reason.
    Unsent(u16, &'static str),
    /// The request that shall be cancelled is, or there is none.
    Cancelled(bool),
}

/// A request that shall be cancelled.
#[derive(Debug)]
pub struct Cancel {
    /// Its Call-ID.
    pub call_id: Vec<u8>,
    /// Its CSeq number.
    pub cseq: u32,
    /// Who wants to know.
    pub asker: Asker,
}

impl Asker {
    /// Tells.
    pub(crate) fn tell(self, report: Report) {
        match self {
            Self::Nobody => {}
            // Who no longer waits need not know.
            Self::Outside(waits) => drop(waits.try_send(report)),
            Self::Told(Told(hear)) => hear(report),
        }
    }
}

impl Draft {
    /// Whether a header is among its lines.
    pub(crate) fn has(&self, kind: Header) -> bool {
        let lines = self.lines.split(|byte| *byte == b'\n');
        let names = lines.filter_map(|line| line.split(|byte| *byte == b':').next());
        names.map(trim).any(|name| Header::of(name) == kind)
    }

    /// Whether each text stays where it is written: tables, lists and commands name what goes into
    /// requests of ours, and none of it may end its line, its brackets or the headers.
    pub(crate) fn fits(&self) -> bool {
        let of_lines = self.lines.split(|byte| *byte == b'\n');
        let whole = of_lines.clone().all(|line| line.is_empty() || line.ends_with(b"\r"));
        let ended = self.lines.is_empty() || self.lines.ends_with(b"\r\n");
        let empty = of_lines.rev().skip(1).any(|line| line == b"\r");
        is_token(&self.method)
            && is_enclosable(&self.uri)
            && [&self.from, &self.to, &self.call_id].into_iter().all(|text| is_line(text))
            && !has_blank(&self.call_id)
            && whole
            && ended
            && !empty
    }

    /// Appends the request; `via` is our Via line up to its branch's cookie.
    pub(crate) fn write(&self, via: &[u8], branch: &[u8], usual: &[u8], out: &mut Vec<u8>) {
        let method = &self.method;
        for piece in [&method[..], b" ", &self.uri, b" SIP/2.0\r\n", via, branch, b"\r\nTo: "] {
            out.extend_from_slice(piece);
        }
        for piece in [&self.to[..], b"\r\nFrom: ", &self.from, b"\r\nCSeq: "] {
            out.extend_from_slice(piece);
        }
        push_u64(out, u64::from(self.cseq));
        for piece in [b" ", &method[..], b"\r\nCall-ID: ", &self.call_id, b"\r\n", usual] {
            out.extend_from_slice(piece);
        }
        out.extend_from_slice(&self.lines);
        out.extend_from_slice(b"Content-Length: ");
        push_u64(out, self.body.len() as u64);
        for piece in [b"\r\n\r\n", &self.body[..]] {
            out.extend_from_slice(piece);
        }
    }
}

impl Tm {
    /// A transaction for a request of our own that is yet to be written. `None`: too many.
    pub(crate) fn create_own(&mut self, draft: &mut Draft, packet: Packet) -> Option<Key> {
        let nowhere = Target { socket: packet.socket, addr: packet.peer };
        let identity = Identity::of_own(&draft.call_id, draft.cseq);
        let mut transaction =
            Transaction::new(identity, Method::of(&draft.method), b"", packet, nowhere);
        transaction.server = server::State::Ended;
        let avps = std::mem::take(&mut draft.avps);
        transaction.script = Box::new(ScriptState { avps, ..ScriptState::default() });
        transaction.asker = Some(Box::new(std::mem::replace(&mut draft.asker, Asker::Nobody)));
        self.admit(transaction)
    }

    /// A transaction for a copy of a received request, which nobody asks about any more.
    pub(crate) fn create_copy(
        &mut self,
        message: &Message<'_>,
        identity: Identity,
        packet: Packet,
    ) -> Option<Key> {
        let whole = message.bytes.get(..usize::from(message.body().end))?;
        let nowhere = Target { socket: packet.socket, addr: packet.peer };
        let mut copy = Transaction::new(identity, message.method(), whole, packet, nowhere);
        copy.server = server::State::Ended;
        copy.asker = Some(Box::new(Asker::Nobody));
        self.admit(copy)
    }

    /// Whether there is a transaction of this identity.
    pub(crate) fn has(&self, identity: Identity) -> bool {
        self.table.find(&self.all, identity, |_| true).is_some()
    }

    /// Gives a transaction of [`Tm::create_own`] its request; `None`: there is no room for it.
    pub(crate) fn set_request(&mut self, key: Key, request: &[u8]) -> Option<&Transaction> {
        let room = self.room.checked_sub(request.len())?;
        let transaction = self.all.get_mut(key)?;
        transaction.request = request.into();
        self.room = room;
        Some(transaction)
    }

    /// A request of ours has not been sent.
    pub(crate) fn unsent(&mut self, key: Key, status: u16, reason: &'static str) {
        if let Some(asker) = self.all.get_mut(key).and_then(|t| t.asker.take()) {
            asker.tell(Report::Unsent(status, reason));
        }
        self.remove(key);
    }

    /// The transaction of a Call-ID and CSeq number whose request an asker wants to have cancelled.
    pub(crate) fn by_call(&self, call_id: &[u8], cseq: u32) -> Option<Key> {
        let call = Identity::of_own(call_id, cseq).call;
        let open = |key: &Key| {
            self.all.get(*key).is_some_and(|t| t.method == Method::Invite && !t.is_answered())
        };
        self.table.of_call(&self.all, call).map(|entry| entry.key).find(open)
    }

    /// The end of a request of ours; further ones of an INVITE that was forked change nothing.
    pub(super) fn report(
        &mut self,
        scene: &Scene<'_>,
        key: Key,
        branch: Option<u8>,
        status: u16,
        reply: &[u8],
    ) {
        let Some(transaction) = self.all.get_mut(key).filter(|t| !t.is_answered()) else { return };
        transaction.status = status;
        if status < 200 {
            return;
        }
        if !transaction.witnesses.is_empty() {
            let (what, reply) = (What::Replied, reply.into());
            self.heard.push_back(Heard { key, what, status, reply, branch });
        }
        let report = match reply {
            [] => Report::Silence(status),
            reply => Report::Reply(reply.to_vec()),
        };
        let asker = transaction.asker.replace(Box::new(Asker::Nobody));
        let due = scene.now.mono_ms() + u64::from(self.times.linger_ms);
        transaction.over = Some(self.wheel.schedule(due, Purpose::Over.pack(key)));
        if let Some(asker) = asker {
            asker.tell(report);
        }
    }

    /// All branches of a request of ours have failed.
    pub(super) fn report_failure(&mut self, scene: &Scene<'_>, failed: Failed) {
        let Some(transaction) = self.all.get_mut(failed.key) else { return };
        let Some(branch) = transaction.branches.get_mut(usize::from(failed.winner)) else { return };
        let (status, reply) = (branch.status, std::mem::take(&mut branch.reply));
        self.report(scene, failed.key, Some(failed.winner), status, &reply);
    }

    /// Answers each 2xx to an INVITE of ours (RFC 3261 13.2.2.4), by the way that its route set and
    /// Contact say. Where that must be found out first, the ACK is put aside.
    pub(super) fn confirm(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        reply: &Message<'_>,
    ) {
        if reply.method() != Method::Invite || !self.all.get(key).is_some_and(|t| t.is_own()) {
            return;
        }
        let mut aside = None;
        self.with_sent(key, number, |sent, transaction, of| {
            let (path, lines) = (Path::of(reply), &transaction.script.lines);
            let same = |to: Remote| {
                let socket = scene.shared.sockets.towards(to, of.target.socket);
                socket == Some(of.target.socket)
            };
            let target = match NextHop::of_text(path.first()) {
                Some(NextHop::Addr(to)) if same(to) => Some(Target { addr: to.addr, ..of.target }),
                Some(_) => None,
                None => Some(of.target),
            };
            if let Some(target) = target {
                scene.output.send(target, |out| path.write_ack(sent, reply, lines, out));
            } else {
                let (mut text, hop) = (Vec::new(), path.first().to_vec());
                path.write_ack(sent, reply, lines, &mut text);
                aside = Some(OwnAck { text, hop, invite: of.target });
            }
        });
        self.acks.extend(aside);
    }
}

/// The way of requests within a dialog that a 2xx has begun (RFC 3261 12.1.2, 12.2.1.1).
pub struct Path<'a> {
    /// The Request-URI.
    pub uri: &'a [u8],
    /// The values of Route, in order.
    pub routes: Vec<&'a [u8]>,
    /// A strict router's: goes behind all routes.
    pub last: Option<&'a [u8]>,
}

impl<'a> Path<'a> {
    /// Of the caller, by a 2xx.
    pub fn of(reply: &Message<'a>) -> Self {
        let contact = reply.name_addrs(Header::Contact).next();
        let target = contact.or_else(|| reply.to()).map(|party| party.uri).unwrap_or_default();
        let mut routes: Vec<_> = reply.items(Header::RecordRoute).collect();
        routes.reverse();
        let first = reply.name_addrs(Header::RecordRoute).last().map(|route| route.uri);
        match first {
            Some(uri) if !is_loose(uri) => {
                routes.remove(0);
                Self { uri, routes, last: Some(target) }
            }
            _ => Self { uri: target, routes, last: None },
        }
    }

    /// The URI that such a request is sent to.
    pub fn first(&self) -> &'a [u8] {
        let route = self.routes.first().filter(|_| self.last.is_none());
        let route = route.and_then(|route| NameAddr::parse(route));
        route.map_or(self.uri, |route| route.uri)
    }

    /// Appends the ACK to a 2xx: a request with a branch of its own.
    fn write_ack(&self, sent: &Message<'_>, reply: &Message<'_>, lines: &[u8], out: &mut Vec<u8>) {
        for piece in [b"ACK ", self.uri, b" SIP/2.0\r\nVia: "] {
            out.extend_from_slice(piece);
        }
        let via = sent.value(Header::Via).unwrap_or_default();
        out.extend_from_slice(via);
        // Our Via ends with its branch.
        out.extend_from_slice(b"-ack\r\n");
        let last = self.last.map(|uri| [b"<", uri, b">"].concat());
        for route in self.routes.iter().copied().chain(last.as_deref()) {
            for piece in [b"Route: ", route, b"\r\n"] {
                out.extend_from_slice(piece);
            }
        }
        out.extend_from_slice(b"Max-Forwards: 70\r\n");
        for (message, kind) in [(sent, Header::From), (reply, Header::To), (sent, Header::CallId)] {
            if let Some(field) = message.field(kind) {
                hop::copy(message, field, out);
            }
        }
        out.extend_from_slice(b"CSeq: ");
        push_u64(out, sent.cseq().map_or(0, |(number, _)| u64::from(number)));
        for piece in [b" ACK\r\n", lines, b"Content-Length: 0\r\n\r\n"] {
            out.extend_from_slice(piece);
        }
    }
}

/// Whether a text is not empty and of one line.
fn is_line(text: &[u8]) -> bool {
    !text.is_empty() && !text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

fn is_loose(uri: &[u8]) -> bool {
    Uri::parse(uri).is_some_and(|uri| uri.param("lr").is_some())
}
