//! A worker's turn: a pure function of time, datagrams and mail (design: rooms 2 to 7).
//!
//! No system call, no clock, no lock but a shard's. What is to be sent and asked lies in the
//! [`Output`] afterwards; the shell around the worker does it.

mod chores;
mod entry;
mod frames;
mod guard;
mod letters;
mod links;
mod lost;
mod order;
mod park;
mod steer;
mod transactions;
mod witnesses;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sluice_base::counters::Cells;
use sluice_base::inbox::Inbox;
use sluice_base::mailbox::Mailbox;
use sluice_base::slab::Slab;
use sluice_base::snapshot::Reader;
use sluice_base::wheel::Wheel;
use sluice_base::{Datagram, Moment, Now, WorkerId};
use sluice_script::ir::{RouteId, RouteKind};
use sluice_sip::{Message, Reason, StartLine};

pub use frames::Frames;
pub use links::{Links, mesh};

use crate::carry;
use crate::context::{Ctx, Local, Shared};
use crate::counter::{self, Counter};
use crate::job::Mail;
use crate::limits;
use crate::module::{Hook, Hooks, Seen};
use crate::output::Output;
use crate::own::Busy;
use crate::owners::Owners;
use crate::post::{Letter, Post};
use crate::registry::Registry;
use crate::relay::{self, Absorbed};
use crate::run::{Packet, Run};
use crate::tm::Tm;
use crate::tm::cookie::{BranchId, Secret};
use crate::vm::{self, Machine, Outcome, States};

/// Datagrams of one turn and the region they lie in.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The received bytes.
    pub region: &'a [u8],
    /// What lies in it.
    pub datagrams: &'a [Datagram],
}

impl Batch<'_> {
    /// A turn without datagrams: mail and timers only.
    pub const EMPTY: Self = Self { region: &[], datagrams: &[] };
}

/// Everything a worker is made of; see [`crate::program::Program::workers`].
pub struct Parts {
    /// Which worker.
    pub id: WorkerId,
    /// The editions of the script.
    pub editions: Reader<Shared>,
    /// The tables.
    pub registry: Arc<Registry>,
    /// This worker's module states.
    pub states: States,
    /// Counters of the engine and of all modules.
    pub counters: Cells,
    /// Ways to the other workers.
    pub links: Links,
    /// Answers of the control plane.
    pub mailbox: Mailbox<Mail>,
    /// Letters to the owners of calls.
    pub post: Arc<Post>,
    /// Letters to this one.
    pub inbox: Arc<Inbox<Letter>>,
    /// Who owns which Call-ID.
    pub owners: Owners,
    /// What the branches of all workers are checked by.
    pub secret: Secret,
    /// First random number.
    pub random: u64,
    /// The moment it is made.
    pub now: Now,
}

/// A worker: owner of its share of all calls.
pub struct Worker {
    owners: Owners,
    editions: Reader<Shared>,
    registry: Arc<Registry>,
    states: States,
    local: Local,
    /// `request_in` hooks of the running modules, with the module's number.
    hooks: Vec<(usize, Hook)>,
    /// Their `reply_in` hooks, likewise.
    reply_hooks: Vec<(usize, Hook)>,
    request_route: Option<RouteId>,
    reply_route: Option<RouteId>,
    /// The run that messages are handled in; parked ones are swapped out.
    run: Box<Run>,
    /// Runs for when that one is swapped out; boxed, since a run is moved by its pointer.
    #[expect(clippy::vec_box, reason = "boxes go to the slab and come back")]
    spare: Vec<Box<Run>>,
    parked: Slab<Box<Run>>,
    /// Bytes of the messages that parked runs keep.
    parked_bytes: usize,
    order: order::Order,
    wheel: Wheel,
    links: Links,
    mailbox: Mailbox<Mail>,
    inbox: Arc<Inbox<Letter>>,
    messages: u32,
    more: bool,
    /// Timer routes; worker 0 has them.
    timers: Vec<entry::Timer>,
    /// Whether the startup route is not over.
    startup: Busy,
    chores: chores::Chores,
}

impl Worker {
    /// Puts a worker together; touches its memory, so that no page faults later.
    pub fn new(parts: Parts) -> Self {
        let script = &parts.editions.value().script;
        let running = parts.registry.running(&script.modules);
        let hooks = |kind: fn(&Hooks) -> Option<Hook>| -> Vec<(usize, Hook)> {
            let of = |at: &usize| kind(&parts.registry.modules()[*at].hooks).map(|h| (*at, h));
            running.iter().filter_map(of).collect()
        };
        let (requests, replies) = (hooks(|hooks| hooks.request_in), hooks(|hooks| hooks.reply_in));
        let ticks = running.iter().filter_map(|at| {
            let tick = parts.registry.modules()[*at].hooks.tick;
            tick.map(|tick| (*at, tick))
        });
        let chores = chores::Chores::new(ticks, parts.now);
        let settings = &parts.editions.value().settings;
        let tm = Tm::new(parts.id, parts.secret, settings.times, parts.now);
        let mut worker = Self {
            owners: parts.owners,
            hooks: requests,
            reply_hooks: replies,
            request_route: script.route(RouteKind::Request, b""),
            reply_route: script.route(RouteKind::Reply, b""),
            local: Local::new(parts.id, parts.counters, script, parts.random, tm, parts.post),
            editions: parts.editions,
            registry: parts.registry,
            states: parts.states,
            run: Box::default(),
            spare: Vec::new(),
            parked: Slab::new(limits::PARKED_RUNS as u32, limits::BATCH as u32),
            parked_bytes: 0,
            order: order::Order::default(),
            wheel: Wheel::new(parts.now.mono_ms(), limits::BATCH as u32),
            links: parts.links,
            mailbox: parts.mailbox,
            inbox: parts.inbox,
            messages: 0,
            more: false,
            timers: Vec::new(),
            startup: Busy::watched(),
            chores,
        };
        worker.begin_own(parts.now);
        worker
    }

    /// Handles mail, due timers, the batch, and what other workers passed on. What is to be sent
    /// or asked is appended to `output`. Returns which workers must be woken by system call, as
    /// bits by number.
    pub fn turn(&mut self, now: Now, batch: Batch<'_>, output: &mut Output) -> u64 {
        self.begin_turn(now, output);
        for datagram in batch.datagrams {
            self.local.add(Counter::Received, 1);
            self.receive(now, *datagram, datagram.bytes(batch.region));
        }
        self.end_turn(now, output)
    }

    #[inline(always)]
    fn begin_turn(&mut self, now: Now, output: &mut Output) {
        std::mem::swap(&mut self.local.output, output);
        if self.editions.refresh() {
            self.adopt(now);
        }
        if std::mem::take(&mut self.more) {
            self.begin_runs(now);
        }
        self.take_mail(now);
        self.take_letters(now);
        self.take_timers(now);
        self.take_ticks(now);
        self.do_chores(now);
    }

    #[inline(always)]
    fn end_turn(&mut self, now: Now, output: &mut Output) -> u64 {
        let mut woken = self.links.flush();
        if !self.links.is_alone() {
            self.take_hops(now);
        }
        if self.local.stirred {
            self.begin_runs(now);
            woken |= std::mem::take(&mut self.local.woken);
        }
        if self.local.tm.has_heard() {
            self.tell_witnesses(now);
        }
        self.shed(now);
        if let Some(base) = self.editions.value().settings.tm_statistics {
            self.local.tm.put_tally(&self.local.cells, base);
        }
        std::mem::swap(&mut self.local.output, output);
        self.local.add(Counter::Sent, output.sends.len() as u64);
        woken
    }

    /// When the next timer is due, in monotonic milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        let tm_ms = self.local.tm.next_due_ms();
        let dues = [self.wheel.next_due_ms(), tm_ms, self.chores.next_ms()];
        dues.into_iter().flatten().min()
    }

    /// Whether a hop ring or the mailbox may hold more than the last turn took; then the shell
    /// must not sleep.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Lets modules measure what their own chores take of the worker's thread.
    pub fn measure_by(&mut self, moment: fn() -> Moment) {
        self.local.moment = moment;
    }

    /// Whether an assert() has failed that shall end the program.
    pub fn has_aborted(&self) -> bool {
        self.local.aborted
    }

    /// Each row of the transaction machines and how often it was taken here.
    #[cfg(feature = "coverage")]
    pub fn taken(&self) -> Vec<(String, u64)> {
        self.local.tm.taken().rows()
    }

    /// How many transactions it has.
    pub fn transactions(&self) -> usize {
        self.local.tm.len()
    }

    /// Whether nothing is left of anything that it has done: no transaction, timer or run, and
    /// nothing that they have held.
    pub fn is_clear(&self) -> bool {
        let Local { tm, starting, .. } = &self.local;
        tm.is_clear() && self.parked.is_empty() && self.parked_bytes == 0 && starting.is_empty()
    }

    /// How many runs are parked.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Goes on with another edition: from now on all messages are its.
    #[cold]
    fn adopt(&mut self, now: Now) {
        let script = &self.editions.value().script;
        self.request_route = script.route(RouteKind::Request, b"");
        self.reply_route = script.route(RouteKind::Reply, b"");
        // Names keep their slots, so values outlive the edition that set them.
        self.local.vars.adopt(&script.vars);
        self.set_timers(now);
    }

    /// A datagram from a socket: index it, then keep it or pass it to the call's owner.
    fn receive(&mut self, now: Now, datagram: Datagram, bytes: &[u8]) {
        if let Err(reason) = self.run.index.scan(bytes) {
            return refuse(&mut self.local, reason, bytes);
        }
        let message = Message { bytes, index: &self.run.index };
        let owner = self.owners.of(message.call_id());
        if owner == self.local.id {
            self.handle(now, datagram, bytes);
        } else if self.links.push(owner, datagram, bytes, steer::privileged(&message)) {
            self.local.add(Counter::Hopped, 1);
        } else {
            self.local.add(Counter::HopFull, 1);
            self.local.add(Counter::HopFullRequests, u64::from(message.status().is_none()));
        }
    }

    /// What other workers passed on; parsed in place, in their rings.
    fn take_hops(&mut self, now: Now) {
        let mut incoming = self.links.lend_incoming();
        for consumer in &mut incoming {
            for taken in 1..=limits::BATCH {
                let Some((datagram, bytes)) = consumer.take() else { break };
                self.more |= taken == limits::BATCH;
                // The sender has indexed these bytes already: they are SIP.
                if self.run.index.scan(bytes).is_ok() {
                    self.handle(now, datagram, bytes);
                }
            }
        }
        self.links.return_incoming(incoming);
    }

    /// A message of a call that this worker owns; its index lies in `self.run`. A panic ends at
    /// the message: it is dropped and counted, and the run's state is made anew.
    fn handle(&mut self, now: Now, datagram: Datagram, bytes: &[u8]) {
        self.messages = self.messages.wrapping_add(1);
        let packet =
            Packet { socket: datagram.socket, peer: datagram.peer, at: now, id: self.messages };
        let outcome = catch_unwind(AssertUnwindSafe(|| self.route(packet, datagram, bytes)));
        match outcome {
            Ok(Outcome::Done) => self.keep_edition(self.run.transaction(), None),
            Ok(Outcome::Parked(wait)) => {
                self.run.kept.clear();
                self.run.kept.extend_from_slice(bytes);
                let fresh = self.spare.pop().unwrap_or_default();
                let run = std::mem::replace(&mut self.run, fresh);
                self.keep_edition(run.transaction(), run.edition.as_ref());
                self.park(now, run, wait);
            }
            Err(_) => {
                self.local.add(Counter::Panics, 1);
                self.local.release_locks(&mut self.run.state.locks);
                self.local.leave_transaction(&mut self.run.state);
                *self.run = Run::default();
            }
        }
    }

    fn route(&mut self, packet: Packet, datagram: Datagram, bytes: &[u8]) -> Outcome {
        let run = &mut *self.run;
        run.packet = packet;
        let message = Message { bytes, index: &run.index };
        let top = message.top_via_known();
        let Some(via) = top.as_ref().filter(|_| message.has_good_cseq()) else {
            let reason = if top.is_none() { Reason::Via } else { Reason::CSeq };
            refuse(&mut self.local, reason, bytes);
            return Outcome::Done;
        };
        self.local.add(Counter::Handled, 1);
        let (kind, counter, route) = match message.start() {
            StartLine::Request { .. } => {
                (RouteKind::Request, Counter::Requests, self.request_route)
            }
            StartLine::Reply { .. } => (RouteKind::Reply, Counter::Replies, self.reply_route),
        };
        self.local.add(counter, 1);
        run.state.reset(kind);
        let branch = match kind {
            RouteKind::Reply if !self.local.tm.is_empty() => self.local.tm.branch_of(&via.1),
            _ => None,
        };
        if let Some(id) = branch.filter(|id| self.order.holds(*id)) {
            self.wait_in_order(id, datagram, bytes);
            return Outcome::Done;
        }
        run.state.branch = branch;
        let older = older_edition(&self.local.tm, &self.editions, branch);
        let route = match &older {
            Some(older) => older.script.route(kind, b""),
            None => route,
        };
        let shared = older.as_deref().unwrap_or(self.editions.value());
        let mut ctx = Ctx {
            message,
            via,
            packet,
            run: &mut run.state,
            local: &mut self.local,
            shared,
            now: packet.at,
        };
        if kind == RouteKind::Request
            && !ctx.local.tm.is_empty()
            && relay::absorb(&mut ctx) == Absorbed::Yes
        {
            return Outcome::Done;
        }
        let hooks = match (kind, branch) {
            (RouteKind::Request, _) => &self.hooks[..],
            (_, None) => &self.reply_hooks,
            _ => &[],
        };
        for (module, hook) in hooks {
            if let Some(state) = self.states.get_mut(*module)
                && hook(&mut ctx, state.as_mut()) == Seen::Absorbed
            {
                ctx.local.add(Counter::Absorbed, 1);
                return Outcome::Done;
            }
        }
        if branch.is_some() {
            relay::begin_reply(&mut ctx);
        }
        let mut outcome = match route {
            Some(route) => {
                run.machine.enter(&shared.script, route);
                vm::run(&mut run.machine, &mut ctx, &self.registry, &mut self.states)
            }
            None => Outcome::Done,
        };
        if outcome == Outcome::Done && branch.is_some() {
            outcome = second(&mut run.machine, &mut ctx, &self.registry, &mut self.states);
        }
        if outcome == Outcome::Done {
            finish(&mut ctx);
        }
        if outcome != Outcome::Done {
            carry::put_aside(&mut ctx);
            run.edition = older;
        }
        outcome
    }
}

/// Counts a message that is not handled: by its reason, and as an error of its kind.
#[cold]
fn refuse(local: &mut Local, reason: Reason, bytes: &[u8]) {
    local.cells.add(counter::refusal(reason), 1);
    let kind = match reason {
        // Neither a request nor a reply.
        Reason::KeepAlive | Reason::Stun | Reason::FirstLine | Reason::TooLarge => return,
        _ if bytes.trim_ascii_start().starts_with(b"SIP/") => Counter::ReplyErrors,
        _ => Counter::RequestErrors,
    };
    local.add(kind, 1);
}

/// The edition that a reply's transaction keeps, when it is not the one in force.
fn older_edition(
    tm: &Tm,
    editions: &Reader<Shared>,
    branch: Option<BranchId>,
) -> Option<Arc<Shared>> {
    let edition = tm.edition(branch?.key)?;
    (!Arc::ptr_eq(edition, editions.value())).then(|| Arc::clone(edition))
}

/// The reply route of a reply's branch or transaction, behind the global one (spec 8.5).
fn second(
    machine: &mut Machine,
    ctx: &mut Ctx<'_>,
    registry: &Registry,
    states: &mut States,
) -> Outcome {
    let provisional = ctx.message.status().is_some_and(|status| status < 200);
    if std::mem::replace(&mut ctx.run.second, true) || ctx.run.dropped && provisional {
        return Outcome::Done;
    }
    match relay::reply_route(ctx) {
        Some(route) => {
            machine.enter(&ctx.shared.script, route);
            vm::run(machine, ctx, registry, states)
        }
        None => Outcome::Done,
    }
}

/// What follows the script: a reply goes on its way, a request without any action is counted.
#[inline]
fn finish(ctx: &mut Ctx<'_>) {
    relay::settle(ctx);
    match (ctx.run.kind, ctx.run.branch) {
        (RouteKind::Reply, Some(branch)) => relay::reply(ctx, branch),
        (RouteKind::Reply, None) => crate::forward::reply(ctx),
        _ if !ctx.run.answered => ctx.local.add(Counter::Unanswered, 1),
        _ => {}
    }
}
