//! A transaction: the request that was received, its answer so far, and its branches.

use sluice_base::Target;
use sluice_base::wheel::TimerId;
use sluice_sip::{Method, Patches};

use super::client::{self, Kind};
use super::downstream::Reason;
use super::further::Further;
use super::identity::Identity;
use super::local::Asker;
use super::remnant::Refused;
use super::server;
use super::table::NONE;
use super::times::Times;
use sluice_script::ir::RouteId;

use crate::context::Kept;
use crate::originals::Originals;
use crate::run::Packet;
use crate::ticket::Ticket;
use crate::witness::Witness;

/// See the file's head.
#[derive(Debug)]
pub struct Transaction {
    /// What its retransmissions are known by.
    pub identity: Identity,
    /// The method of its request.
    pub method: Method,
    /// How far the answer is.
    pub server: server::State,
    /// The caller has sent a CANCEL.
    pub cancelled: bool,
    /// A 6xx came: no new branches (spec 8.5).
    pub closed: bool,
    /// The request as received, up to the end of its body; gone when the transaction lingers.
    pub request: Box<[u8]>,
    /// Where the request came from.
    pub packet: Packet,
    /// Where replies go.
    pub reply_to: Target,
    /// The To tag of local replies.
    pub tag: [u8; 16],
    /// `force_rport()` was called for it.
    pub force_rport: bool,
    /// Its branches, from the first round on.
    pub branches: Vec<Branch>,
    /// How many scripts are still sending branches.
    pub sending: u8,
    /// The first branch of the round that decides (spec 8.5).
    pub round: u8,
    /// The status that went up last; 0 before any.
    pub status: u16,
    /// That reply was ours.
    pub is_own_reply: bool,
    /// The reply that went up last, for retransmissions.
    pub last: Box<[u8]>,
    /// The end.
    pub over: Option<TimerId>,
    /// The next repetition of the last reply, and its interval in milliseconds.
    pub repeat: Option<TimerId>,
    /// See `repeat`.
    pub repeat_ms: u32,
    /// The edition of the script that it keeps, in the worker's list.
    pub edition: Option<u16>,
    /// What the script has armed.
    pub armed: Armed,
    /// What the script has set, as the next route finds it.
    pub script: Box<ScriptState>,
    /// Who is told what becomes of it.
    pub witnesses: Vec<Box<dyn Witness>>,
    /// Whom the end is told, of a request of our own: there is no server side then.
    pub asker: Option<Box<Asker>>,
    /// How many of its runs are put aside.
    pub runs: u16,
    /// The slot of the next one in the chain of the table.
    pub next: u32,
}

/// The routes that are to run, by their places in the edition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Armed {
    /// `t_on_failure`
    pub failure: Option<RouteId>,
    /// `t_on_reply`
    pub reply: Option<RouteId>,
    /// `t_on_branch`
    pub branch: Option<RouteId>,
}

/// What belongs to the transaction and not to one of its runs (spec 2.3).
#[derive(Clone, Debug, Default)]
pub struct ScriptState {
    /// AVPs, newest last.
    pub avps: Vec<(KeptKey, Kept)>,
    /// Message flags by slot.
    pub flags: u32,
    /// The changes of the request route; a failure route begins with them. Only where there is
    /// one, as the next two.
    pub patches: Patches,
    /// What Max-Forwards becomes.
    pub max_forwards: Option<u32>,
    /// What is to be recorded as Record-Route.
    pub record: Option<Box<KeptRecord>>,
    /// Header lines of all requests that belong to it (`t_add_hdrs`), each with its line end.
    pub lines: Box<[u8]>,
    /// Why the caller has cancelled: header lines of our CANCELs, each with its line end.
    pub reason: Box<[u8]>,
    /// How many branches are still waited for, where one is held for them; 0: any number.
    pub awaited: u8,
    /// What its replies get back of the caller's.
    pub originals: Option<Box<Originals>>,
    /// Its own timers.
    pub waits: Waits,
    /// A 2xx leaves the other branches alone (RFC 3841 9.1).
    pub no_cancel: bool,
}

/// Timers of one transaction in milliseconds; 0: as the module's parameters say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waits {
    /// `$T_fr_timeout`
    pub first_ms: u32,
    /// `$T_fr_inv_timeout`
    pub invite_ms: u32,
}

impl Waits {
    /// The module's times with these in place of their own.
    pub fn over(self, times: Times) -> Times {
        let own = |own: u32, usual: u32| if own > 0 { own } else { usual };
        Times {
            first_ms: own(self.first_ms, times.first_ms),
            invite_ms: own(self.invite_ms, times.invite_ms),
            ..times
        }
    }
}

/// A [`crate::record::Record`] that outlives its run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptRecord {
    /// See there.
    pub preset: Option<(Box<[u8]>, Option<Box<[u8]>>)>,
    /// See there.
    pub user: Option<Box<[u8]>>,
    /// See there.
    pub from_tag: bool,
    /// See there.
    pub text: Option<Box<[u8]>>,
    /// See there.
    pub double: bool,
}

/// The key of an AVP that outlives its run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeptKey {
    /// Slot in the script's names.
    Slot(u32),
    /// A name made at run time.
    Text(Box<[u8]>),
}

impl Transaction {
    /// Of a request up to the end of its body.
    pub(super) fn new(
        identity: Identity,
        method: Method,
        request: &[u8],
        packet: Packet,
        reply_to: Target,
    ) -> Self {
        Self {
            identity,
            method,
            server: server::State::Proceeding,
            cancelled: false,
            closed: false,
            request: request.into(),
            packet,
            reply_to,
            tag: [0; 16],
            force_rport: false,
            branches: Vec::new(),
            sending: 0,
            round: 0,
            status: 0,
            is_own_reply: false,
            last: Box::default(),
            over: None,
            repeat: None,
            repeat_ms: 0,
            edition: None,
            armed: Armed::default(),
            script: Box::default(),
            witnesses: Vec::new(),
            asker: None,
            runs: 0,
            next: NONE,
        }
    }

    /// Whether its request is our own: nothing goes upstream.
    pub fn is_own(&self) -> bool {
        self.asker.is_some()
    }

    /// What its request is to the machines.
    pub fn kind(&self) -> Kind {
        Kind::of(self.method)
    }

    /// The branches that decide now.
    pub fn deciding(&self) -> &[Branch] {
        self.branches.get(usize::from(self.round)..).unwrap_or_default()
    }

    /// Whether there may be new branches: no final reply went up, no 6xx came (spec 8.5), and the
    /// caller has not cancelled (spec 11).
    pub fn is_open(&self) -> bool {
        !self.is_answered() && !self.closed && !self.cancelled
    }

    /// Whether a final reply has gone up.
    pub fn is_answered(&self) -> bool {
        self.status >= 200
    }
}

/// One branch: where the request went, how, and what came back.
#[derive(Debug)]
pub struct Branch {
    /// The Request-URI it was sent with.
    pub uri: Box<[u8]>,
    /// Its outbound proxy, `$du`.
    pub destination: Option<Box<[u8]>>,
    /// Its flags by slot.
    pub flags: u32,
    /// The reply route of this branch alone.
    pub on_reply: Option<RouteId>,
    /// Where to.
    pub target: Target,
    /// All that tells what was sent from what was received.
    pub patches: Patches,
    /// The request.
    pub request: Client,
    /// The CANCEL, once there is one.
    pub cancel: Option<Client>,
    /// The highest status so far; 0 before any. Ours, where no reply came.
    pub status: u16,
    /// The status received last; 0 before any.
    pub received: u16,
    /// A final reply of 300 and above as it would go up; empty when it is ours to make.
    pub reply: Box<[u8]>,
    /// Why its CANCEL was sent.
    pub reason: Reason,
    /// For the ACK to its refusal, once there was one.
    pub refused: Option<Box<Refused>>,
    /// Its address is one of a name's.
    pub named: bool,
    /// The other addresses, while there are any.
    pub further: Option<Box<Further>>,
    /// What else a script knows of it; nothing of most.
    pub script: Option<Box<BranchScript>>,
    /// Whom its fate is told.
    pub ticket: Option<Ticket>,
}

/// What a script knows of a branch besides where it went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BranchScript {
    /// Its Path, which became Route (RFC 3327).
    pub path: Option<Box<[u8]>>,
    /// q times 1000.
    pub q: Option<u16>,
    /// `$bavp()`, newest last.
    pub avps: Vec<(KeptKey, Kept)>,
    /// Its attributes.
    pub attributes: Vec<(Box<[u8]>, Kept)>,
}

impl Branch {
    /// Whether it stands for branches to come, and has sent nothing.
    pub fn is_phony(&self) -> bool {
        self.uri.is_empty()
    }

    /// A branch to a target, of which nothing has come yet.
    pub fn new(target: Target, patches: Patches, uri: &[u8]) -> Self {
        Self {
            uri: uri.into(),
            destination: None,
            flags: 0,
            on_reply: None,
            target,
            patches,
            request: Client::default(),
            cancel: None,
            status: 0,
            received: 0,
            reply: Box::default(),
            reason: Reason::Caller,
            refused: None,
            named: false,
            further: None,
            script: None,
            ticket: None,
        }
    }
}

/// A request on its way: the state of its machine and its timers.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// How far it is.
    pub state: client::State,
    /// The next time that it is sent.
    pub resend: Option<TimerId>,
    /// How long after the last time that is, in milliseconds.
    pub interval_ms: u32,
    /// The end of waiting.
    pub expire: Option<TimerId>,
}

impl Default for Client {
    fn default() -> Self {
        Self { state: client::State::Calling, resend: None, interval_ms: 0, expire: None }
    }
}
