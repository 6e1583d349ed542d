//! The state of one script run that functions and variables touch. Plain data, by offset.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use sluice_base::slab::Key;
use sluice_base::wheel::TimerId;
use sluice_base::{Now, SocketId, Span};
use sluice_script::ir::{ReferenceId, RouteId, RouteKind};
use sluice_sip::patch::Mark;
use sluice_sip::{Index, Patches};

use crate::blacklist::Marks;
use crate::context::{Kept, Shared};
use crate::dset::DestinationSet;
use crate::fault::Fault;
use crate::lock::Lock;
use crate::module::Subject;
use crate::originals::Replaced;
use crate::own::Origin;
use crate::record::Record;
use crate::ticket::Left;
use crate::tm::cookie::{self, BranchId};
use crate::tm::transaction::{Armed, KeptKey, Waits};
use crate::value::{Text, Value};
use crate::vars::Vars;
use crate::vm::{Machine, Trace};
use crate::witness::Witness;

/// Where the run's message came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The socket it was received on.
    pub socket: SocketId,
    /// Its sender.
    pub peer: SocketAddr,
    /// When the turn began that received it.
    pub at: Now,
    /// `$mi`: a counter per worker.
    pub id: u32,
}

impl Default for Packet {
    fn default() -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self { socket: SocketId::default(), peer: nowhere, at: Now::default(), id: 0 }
    }
}

/// A route that has been entered.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Where the caller goes on.
    pub back: u32,
    /// The caller's `param_base`.
    pub param_base: u32,
    /// How many loops the caller is in.
    pub loops: u32,
}

/// An AVP's key: a name known at load, or one made at run time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AvpKey {
    /// Slot in the script's names.
    Slot(u32),
    /// A text in the arena.
    Text(Text),
}

/// A request on its way to all destinations of its set.
#[derive(Clone, Copy, Debug)]
pub struct Relaying {
    /// Which destination is being dealt with; 0 is the Request-URI.
    pub at: usize,
    /// To how many it was sent.
    pub sent: usize,
    /// The lowest code of those it was not sent to; 0: none.
    pub worst: i32,
    /// It adds to the branches that there are.
    pub injects: bool,
    /// All addresses of a name may be tried.
    pub all_targets: bool,
    /// The Request-URI's own, put back in the end.
    pub main: crate::dset::Branch,
    /// The transaction was there before.
    pub opened: bool,
    /// Where the changes for one branch begin.
    pub mark: Mark,
    /// What was to be recorded before.
    pub record: Option<Record>,
    /// It is a copy that goes there.
    pub replica: Option<Replica>,
}

/// A copy of the request, of which nobody hears any more.
#[derive(Clone, Copy, Debug)]
pub struct Replica {
    /// Its transaction, once it has been sent anywhere.
    pub key: Option<Key>,
    /// The destination that it was made for.
    pub uri: Text,
    /// The Request-URI's own branch as it was before.
    pub back: crate::dset::Branch,
}

/// One script run: where its message came from, the message's index, what the script changed, and
/// how far it got. Reused from message to message; parked ones keep their message.
#[derive(Debug)]
pub struct Run {
    /// Where the message came from.
    pub packet: Packet,
    /// The index of the message.
    pub index: Index,
    /// What functions and variables touch.
    pub state: RunState,
    /// How far the script got.
    pub machine: Machine,
    /// The message's bytes while the run is parked.
    pub kept: Vec<u8>,
    /// The `$var` values that belong to the run while it is parked.
    pub vars: Vars,
    /// What it waits for while it is parked.
    pub(crate) waiting: Waiting,
    /// What it began for.
    pub origin: Origin,
    /// The edition that it began with, while it is parked.
    pub edition: Option<Arc<Shared>>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            packet: Packet::default(),
            index: Index::new(),
            state: RunState::new(),
            machine: Machine::new(),
            kept: Vec::new(),
            vars: Vars::default(),
            waiting: Waiting::default(),
            origin: Origin::Message,
            edition: None,
        }
    }
}

/// What a parked run waits for.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// The timer that wakes it.
    pub timer: Option<TimerId>,
    /// The timer is a time-out rather than the end of the wait.
    pub expires: bool,
    /// The lock in whose queue it is.
    pub lock: Option<Arc<Lock>>,
}

/// What a run changes and remembers besides its program state.
#[derive(Debug)]
pub struct RunState {
    /// Which kind of route is running.
    pub kind: RouteKind,
    /// The changed Request-URI.
    pub ruri: Option<Text>,
    /// `$du`.
    pub destination: Option<Text>,
    /// The address that `destination` is known to stand for; cleared by whoever changes `$du`
    /// without knowing it.
    pub destination_addr: Option<SocketAddr>,
    /// Whose choice where it goes was, and who wants to know how it fares there.
    pub(crate) ticket: Option<Left>,
    /// Witnesses that the transaction will have, before there is one.
    pub(crate) witnesses: Vec<Box<dyn Witness>>,
    /// Forced sending socket.
    pub send_socket: Option<SocketId>,
    /// Message flags by slot.
    pub flags: u32,
    /// Flags of the Request-URI's branch by slot.
    pub branch_flags: u32,
    /// Script flags by slot (1.x).
    pub script_flags: u32,
    /// `force_rport()` was called.
    pub force_rport: bool,
    /// `add_local_rport()` was called.
    pub local_rport: bool,
    /// Host and port of our Via in this message, when the script says others than the socket's.
    pub advertised: Option<(Option<Text>, Option<u16>)>,
    /// Local replies of this message go to the Via's address.
    pub reply_to_via: bool,
    /// What each step is logged with, when the script wants it.
    pub trace: Option<Trace>,
    /// The blacklists that the script has turned on and off.
    pub blacklists: Marks,
    /// What is to be recorded as Record-Route.
    pub record: Option<Record>,
    /// Text for it that came before it.
    pub record_params: Option<Text>,
    /// The parameters of our Route that `loose_route()` took away.
    pub own_route: Option<Text>,
    /// Changes of the message.
    pub patches: Patches,
    /// Which of the caller's own headers are replaced, so that replies get them back.
    pub replaced: Replaced,
    /// What Max-Forwards becomes; written when the request is sent, so that it may change again.
    pub max_forwards: Option<u32>,
    /// Status and reason that the reply is sent on with, when the script has changed them.
    pub reply_status: Option<(u16, Text)>,
    /// Lines for local replies (`append_to_reply`).
    pub reply_lines: Vec<u8>,
    /// Body of local replies (`append_body_to_reply`).
    pub reply_body: Option<Text>,
    /// AVPs, newest last.
    pub avps: Vec<(AvpKey, Value)>,
    /// The destination set.
    pub set: DestinationSet,
    /// Texts made by this run.
    pub arena: Vec<u8>,
    /// Arguments of the routes entered, outermost first; `$param(i)` is
    /// `params[param_base + i - 1]`.
    pub params: Vec<Value>,
    /// Names of those of `params` that have one, each at the place of its value.
    pub names: Vec<Option<Text>>,
    /// Arguments, with names, for the route that a function is about to enter.
    pub passed: Vec<(Text, Value)>,
    /// What functions note while a route that they have entered runs, innermost last.
    pub notes: Vec<Vec<i64>>,
    /// What the function that waits goes on with; let go of with the run, however that ends.
    pub carried: Option<Box<dyn Any + Send>>,
    /// Where the current route's arguments begin.
    pub param_base: u32,
    /// Extra values of the last `return`, `$return(i)`.
    pub returns: Vec<Value>,
    /// What a function put into its output arguments; assigned when it has returned.
    pub outputs: Vec<(ReferenceId, Value)>,
    /// The routes entered, outermost first.
    pub frames: Vec<Frame>,
    /// What the dynamic parts of output arguments were when they were pushed.
    pub referred: Vec<(ReferenceId, Subject)>,
    /// The instruction being run; the script's `locations` has its line.
    pub at: u32,
    /// `$rc`.
    pub code: i32,
    /// What went wrong with the message last, `$err.*`.
    pub fault: Option<Fault>,
    /// Nobody has looked at it yet.
    pub(crate) fault_is_new: bool,
    /// Script locks that the run holds. Empty between two runs.
    pub(crate) locks: Vec<Arc<Lock>>,
    /// The transaction of the request, once there is one.
    pub transaction: Option<Key>,
    /// What the script has armed before there is a transaction.
    pub armed: Armed,
    /// The reply route that the branch route has armed for its branch.
    pub branch_on_reply: Option<RouteId>,
    /// The `$bavp()` that the branch route has set for its branch.
    pub branch_avps: Vec<(KeptKey, Kept)>,
    /// The branch parameter of this ACK to a 2xx, where its INVITE is known.
    pub ack_branch: Option<[u8; cookie::LEN]>,
    /// The timers that the script wants for the transaction, before there is one.
    pub waits: Waits,
    /// Header lines that say why this CANCEL was sent, for those that we send.
    pub cancel_reason: Option<Text>,
    /// The branch whose reply won, in a failure route.
    pub winner: Option<u8>,
    /// The reply route of the branch or the transaction has been begun.
    pub second: bool,
    /// How far relaying is, while it waits for a name or a branch route.
    pub relaying: Option<Relaying>,
    /// The branch that the reply belongs to.
    pub branch: Option<BranchId>,
    /// `drop` was called.
    pub dropped: bool,
    /// The field of the credentials that were found right.
    pub accepted: Option<Span>,
    /// Credentials came whose nonce is not good any more.
    pub stale: bool,
    /// `forward()` or a reply has been sent.
    pub answered: bool,
    /// The place of the last stateless reply among what this turn sends.
    pub(crate) replied: Option<u32>,
    /// What keeps retransmissions of the request away, while it waits without a transaction.
    pub(crate) guard: Option<Key>,
}

impl RunState {
    /// A fresh state with room for a usual run, so that running allocates nothing.
    pub fn new() -> Self {
        Self {
            kind: RouteKind::Request,
            ruri: None,
            destination: None,
            destination_addr: None,
            ticket: None,
            witnesses: Vec::new(),
            send_socket: None,
            flags: 0,
            branch_flags: 0,
            script_flags: 0,
            force_rport: false,
            local_rport: false,
            advertised: None,
            reply_to_via: false,
            trace: None,
            blacklists: Marks::default(),
            record: None,
            record_params: None,
            own_route: None,
            patches: Patches::default(),
            replaced: Replaced::NONE,
            max_forwards: None,
            reply_status: None,
            reply_lines: Vec::with_capacity(256),
            reply_body: None,
            avps: Vec::with_capacity(32),
            set: DestinationSet::new(),
            arena: Vec::with_capacity(4096),
            params: Vec::with_capacity(16),
            names: Vec::new(),
            passed: Vec::new(),
            notes: Vec::new(),
            carried: None,
            param_base: 0,
            returns: Vec::with_capacity(4),
            outputs: Vec::with_capacity(4),
            frames: Vec::with_capacity(16),
            referred: Vec::new(),
            at: 0,
            code: 0,
            fault: None,
            fault_is_new: false,
            locks: Vec::new(),
            transaction: None,
            relaying: None,
            armed: Armed::default(),
            branch_on_reply: None,
            branch_avps: Vec::new(),
            ack_branch: None,
            waits: Waits::default(),
            cancel_reason: None,
            winner: None,
            second: false,
            branch: None,
            dropped: false,
            accepted: None,
            stale: false,
            answered: false,
            replied: None,
            guard: None,
        }
    }

    /// Makes it ready for the next message; memory is kept.
    pub fn reset(&mut self, kind: RouteKind) {
        self.kind = kind;
        self.ruri = None;
        self.destination = None;
        self.destination_addr = None;
        self.drop_ticket();
        if !self.witnesses.is_empty() {
            self.witnesses.clear();
        }
        self.send_socket = None;
        self.flags = 0;
        self.branch_flags = 0;
        self.script_flags = 0;
        self.force_rport = false;
        self.local_rport = false;
        self.advertised = None;
        self.reply_to_via = false;
        self.trace = None;
        self.blacklists = Marks::default();
        self.record = None;
        self.record_params = None;
        self.own_route = None;
        self.patches.clear();
        self.replaced = Replaced::NONE;
        self.max_forwards = None;
        self.reply_status = None;
        self.reply_lines.clear();
        self.reply_body = None;
        self.avps.clear();
        self.set.clear();
        self.arena.clear();
        self.params.clear();
        self.names.clear();
        self.passed.clear();
        self.notes.clear();
        self.carried = None;
        self.param_base = 0;
        self.returns.clear();
        self.outputs.clear();
        self.frames.clear();
        self.referred.clear();
        self.at = 0;
        self.code = 0;
        self.fault = None;
        self.fault_is_new = false;
        self.transaction = None;
        self.relaying = None;
        self.armed = Armed::default();
        self.branch_on_reply = None;
        self.branch_avps.clear();
        self.ack_branch = None;
        self.waits = Waits::default();
        self.cancel_reason = None;
        self.winner = None;
        self.second = false;
        self.branch = None;
        self.dropped = false;
        self.accepted = None;
        self.stale = false;
        self.answered = false;
        self.replied = None;
        self.guard = None;
    }
}

impl RunState {
    /// Gives a route that a function has entered its arguments.
    pub(crate) fn hand_over(&mut self) {
        if self.passed.is_empty() {
            return;
        }
        self.names.resize(self.params.len(), None);
        for (name, value) in self.passed.drain(..) {
            self.names.push(Some(name));
            self.params.push(value);
        }
    }
}

impl Default for RunState {
    fn default() -> Self {
        Self::new()
    }
}
