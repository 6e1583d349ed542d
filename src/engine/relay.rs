//! From a run to transactions: what functions of the script and the worker do with them (spec
//! 8.1, RFC 3261 16).

use sluice_base::slab::Key;
use sluice_base::{SocketId, Target};
use sluice_script::ir::{RouteId, RouteKind};
use sluice_sip::write::remove_top_via;
use sluice_sip::{Method, Patches, Place};

use crate::carry;
use crate::context::{Ctx, Local};
use crate::forward;
use crate::originals;
use crate::reply;
use crate::run::Replica;
use crate::sockets::Remote;
use crate::tm::cookie::BranchId;
use crate::tm::downstream::Reason;
use crate::tm::further::Further;
use crate::tm::identity::Identity;
use crate::tm::transaction::{Armed, Branch, Transaction};
use crate::tm::upstream::Text;
use crate::tm::{Received, Scene, Tm};
use crate::value;

/// The phrase of the 200 to a CANCEL, as OpenSIPS writes it.
const CANCELING: &[u8] = b"canceling";

/// Why a request has no transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No socket of ours reaches where its replies go.
    NoSocket,
    /// There are too many transactions.
    Full,
}

/// What a received request was to the transactions that there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absorbed {
    /// It has been dealt with.
    Yes,
    /// It is new.
    No,
}

/// Which branches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Branches {
    /// The one that the reply is of.
    This,
    /// All but that.
    Others,
    /// All.
    All,
}

/// Deals with what is hop by hop: a request that came before, the ACK to a refusal.
pub(crate) fn absorb(ctx: &mut Ctx<'_>) -> Absorbed {
    let Some(key) = ctx.local.tm.find(&ctx.message, ctx.via) else { return Absorbed::No };
    let is_ack = ctx.message.method() == Method::Ack;
    let (mut scene, tm) = scene(ctx);
    if is_ack {
        // RFC 3261 17.1.1.3: the ACK to a 2xx has another branch, so this one is to a refusal.
        tm.acknowledge(&mut scene, key);
    } else {
        tm.again(&mut scene, key);
    }
    Absorbed::Yes
}

/// The transaction of the run's request; begins it. An INVITE is answered by a 100.
///
/// # Errors
/// Why there can be none.
pub fn open(ctx: &mut Ctx<'_>) -> Result<Key, Refused> {
    if let Some(key) = ctx.run.transaction {
        return Ok(key);
    }
    let reply_to = reply::target(ctx).ok_or(Refused::NoSocket)?;
    let received = Received {
        message: ctx.message,
        via: ctx.via,
        packet: ctx.packet,
        reply_to,
        tag: reply::tag_of_transaction(ctx),
        force_rport: ctx.run.force_rport,
    };
    let cancelled = ctx.run.guard.take().is_some_and(|guard| ctx.local.tm.unguard(guard));
    let key = ctx.local.tm.create(&received).ok_or(Refused::Full)?;
    ctx.run.transaction = Some(key);
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        transaction.armed = ctx.run.armed;
        transaction.script.waits = ctx.run.waits;
        transaction.witnesses.append(&mut ctx.run.witnesses);
    }
    ctx.tell_opened();
    if ctx.message.method() == Method::Invite && ctx.shared.settings.auto_100 {
        answer(ctx, key, 100, b"Giving it a try");
    }
    if cancelled {
        cancel_key(ctx, key);
    }
    Ok(key)
}

/// Has `change` change what is armed. In a branch route the reply route is that of its branch.
pub fn arm(ctx: &mut Ctx<'_>, change: impl FnOnce(&mut Armed), route: Option<RouteId>) {
    if ctx.run.kind == RouteKind::Branch {
        ctx.run.branch_on_reply = route;
        return;
    }
    let key = ctx.run.transaction.or(ctx.run.branch.map(|branch| branch.key));
    let Some((key, transaction)) = key.and_then(|key| Some((key, ctx.local.tm.get_mut(key)?)))
    else {
        return change(&mut ctx.run.armed);
    };
    change(&mut transaction.armed);
    // A failure route that is armed when the request has gone out begins with the changes as they
    // are now.
    let relays = matches!(ctx.run.kind, RouteKind::Request | RouteKind::Failure);
    if relays && !transaction.branches.is_empty() {
        carry::freeze(ctx, key);
    }
}

/// Sends a reply of ours with the script's lines.
pub fn answer(ctx: &mut Ctx<'_>, key: Key, status: u16, phrase: &[u8]) {
    let Some(transaction) = ctx.local.tm.get_mut(key) else { return };
    transaction.script.flags = ctx.run.flags;
    let socket = transaction.reply_to.socket;
    let own_lines = ctx.run.reply_lines.len();
    reply::push_lines(ctx, status, socket);
    let lines = std::mem::take(&mut ctx.run.reply_lines);
    let body = ctx.run.reply_body.map_or(Vec::new(), |body| ctx.bytes(body).to_vec());
    let text = Text { phrase: reply::one_line(phrase), lines: &lines, body: &body };
    let (mut scene, tm) = scene(ctx);
    tm.local(&mut scene, key, status, text);
    ctx.run.reply_lines = lines;
    ctx.run.reply_lines.truncate(own_lines);
    ctx.run.answered = true;
    if status >= 200 {
        // What was waited for may not come any more.
        ctx.local.tm.release(key, 0);
    }
}

/// Adds a branch to an address and sends the request there as the script has changed it; false
/// when no socket of ours reaches the address, there are too many branches, or the call has ended
/// while the script waited.
pub fn send(ctx: &mut Ctx<'_>, key: Key, to: Remote) -> bool {
    add(ctx, key, to, |_| ())
}

/// As [`send`], to one of a name's addresses.
pub(crate) fn send_named(
    ctx: &mut Ctx<'_>,
    key: Key,
    to: Remote,
    further: Option<Box<Further>>,
) -> bool {
    add(ctx, key, to, |branch| (branch.named, branch.further) = (true, further))
}

fn add(ctx: &mut Ctx<'_>, key: Key, to: Remote, mark: impl FnOnce(&mut Branch)) -> bool {
    if !ctx.local.tm.get(key).is_some_and(Transaction::is_open) || !ctx.ruri_fits() {
        return false;
    }
    originals::keep(ctx, key);
    let Some(socket) = ctx.socket_towards(to) else { return false };
    let Some(branch) = ctx.local.tm.next_branch(key) else { return false };
    let Some(patches) = branch_patches(ctx, key, socket, &branch) else { return false };
    let uri = ctx.ruri().map(|uri| ctx.bytes(uri)).unwrap_or_default();
    let mut branch = Branch::new(Target { socket, addr: to.addr }, patches, uri);
    branch.destination = ctx.run.destination.map(|uri| ctx.bytes(uri).into());
    branch.flags = ctx.run.branch_flags;
    branch.on_reply = ctx.run.branch_on_reply;
    branch.script = carry::of_branch(ctx);
    branch.ticket = ctx.take_ticket();
    mark(&mut branch);
    let (mut scene, tm) = scene(ctx);
    tm.add_branch(&mut scene, key, branch);
    ctx.run.answered = true;
    true
}

/// What the request is sent with, and the lines that all requests of the transaction have.
fn branch_patches(ctx: &mut Ctx<'_>, key: Key, socket: SocketId, branch: &[u8]) -> Option<Patches> {
    let transaction = ctx.local.tm.get(key)?;
    let make = match transaction.identity.is_own() {
        true => forward::own_patches,
        false => forward::branch_patches,
    };
    let lines = &*transaction.script.lines;
    if lines.is_empty() {
        return make(ctx, socket, branch);
    }
    let mark = ctx.run.patches.mark();
    ctx.run.patches.insert(ctx.message.headers_end(), Place::After, lines);
    let patches = make(ctx, socket, branch);
    ctx.run.patches.rewind(mark);
    patches
}

/// Whether a copy of the request for a destination has been made already: the request has come
/// again.
pub fn is_copied(ctx: &Ctx<'_>, uri: value::Text) -> bool {
    ctx.local.tm.has(Identity::of(&ctx.message, ctx.via).of_copy(ctx.bytes(uri)))
}

/// The transaction of a copy of the request, made when it is first sent: it has no server side.
pub fn copy(ctx: &mut Ctx<'_>, replica: Replica) -> Option<Key> {
    // Its replies are nobody's.
    ctx.run.branch_on_reply = None;
    if replica.key.is_some() {
        return replica.key;
    }
    let identity = Identity::of(&ctx.message, ctx.via).of_copy(ctx.bytes(replica.uri));
    let key = ctx.local.tm.create_copy(&ctx.message, identity, ctx.packet);
    if let Some(relaying) = &mut ctx.run.relaying {
        relaying.replica = Some(Replica { key, ..replica });
    }
    key
}

/// New branches decide from now on, and only these (spec 8.5). False: there may be none any more.
pub fn begin_round(ctx: &mut Ctx<'_>, key: Key) -> bool {
    let Some(transaction) = ctx.local.tm.get_mut(key) else { return false };
    if !transaction.is_open() {
        return false;
    }
    if ctx.run.kind == RouteKind::Failure {
        transaction.round = transaction.branches.len() as u8;
    }
    true
}

/// The reply route that is to run after the global one.
pub(crate) fn reply_route(ctx: &Ctx<'_>) -> Option<RouteId> {
    let id = ctx.run.branch?;
    if let Some(seen) = ctx.local.tm.seen(id.key) {
        return seen.branches.get(usize::from(id.branch))?.1;
    }
    // What answers a CANCEL of ours is nobody's concern.
    let same = |transaction: &&Transaction| transaction.method == ctx.message.method();
    let transaction = ctx.local.tm.get(id.key).filter(same)?;
    let of_branch = transaction.branches.get(usize::from(id.branch))?.on_reply;
    of_branch.or(transaction.armed.reply)
}

/// Before the script sees a reply of a branch: the AVPs of its transaction, where it may (spec
/// 2.3).
pub(crate) fn begin_reply(ctx: &mut Ctx<'_>) {
    let Some(id) = ctx.run.branch else { return };
    let (number, tm) = (usize::from(id.branch), &ctx.local.tm);
    let (flags, script) = match (tm.get(id.key), tm.seen(id.key)) {
        (Some(t), _) => (t.branches.get(number).map(|branch| branch.flags), &t.script),
        (None, Some(seen)) => (seen.branches.get(number).map(|branch| branch.0), &seen.script),
        (None, None) => return,
    };
    ctx.run.branch_flags = flags.unwrap_or(0);
    if ctx.shared.settings.onreply_avp_mode {
        ctx.run.restore(script);
    } else {
        ctx.run.flags = script.flags;
    }
}

/// A reply that belongs to a branch goes on, after the script has seen it.
pub(crate) fn reply(ctx: &mut Ctx<'_>, id: BranchId) {
    settle_reply(ctx, id);
    // spec 1.4: `drop` discards a provisional reply, a final one goes on. The branch has been heard
    // of all the same.
    let dropped = ctx.run.dropped && ctx.message.status().is_some_and(|status| status < 200);
    // The reply to a request of ours stays whole: it goes nowhere.
    if !ctx.local.tm.get(id.key).is_some_and(Transaction::is_own) {
        remove_top_via(&ctx.message, &mut ctx.run.patches);
        originals::restore(ctx, id);
    }
    forward::put_status(ctx, false);
    forward::put_length(ctx);
    let Ctx { message, run, local, shared, now, .. } = ctx;
    let Local { tm, output, .. } = &mut **local;
    let mut scene = Scene { now: *now, output, shared };
    tm.reply(&mut scene, id, message, (!dropped).then_some(&run.patches));
    local.stirred |= local.tm.has_failed();
}

/// What reply routes have set goes to the transaction: flags, and the AVPs where the parameter
/// says so (spec 2.3).
fn settle_reply(ctx: &mut Ctx<'_>, id: BranchId) {
    if ctx.shared.settings.onreply_avp_mode {
        carry::save(ctx, id.key);
    }
    let Some(transaction) = ctx.local.tm.get_mut(id.key) else { return };
    transaction.script.flags = ctx.run.flags;
    if let Some(branch) = transaction.branches.get_mut(usize::from(id.branch)) {
        branch.flags = ctx.run.branch_flags;
    }
}

/// Cancels branches of the transaction that a reply belongs to: its own, the others, or all.
pub fn cancel_branches(ctx: &mut Ctx<'_>, id: BranchId, which: Branches) {
    let (mut scene, tm) = scene(ctx);
    match which {
        Branches::This => tm.cancel_branch(&mut scene, id.key, id.branch, Reason::Script),
        Branches::Others => tm.cancel_open(&mut scene, id.key, Some(id.branch), Reason::Script),
        Branches::All => tm.cancel_open(&mut scene, id.key, None, Reason::Script),
    }
    ctx.local.stirred |= ctx.local.tm.has_failed();
}

/// Keeps the transaction open for branches that come later (spec 8.2): at most so many, 0: any
/// number. False: there may be none any more.
pub fn hold(ctx: &mut Ctx<'_>, key: Key, awaited: u8) -> bool {
    let (scene, tm) = scene(ctx);
    tm.hold(&scene, key, awaited)
}

/// Waits for no more branches; false when it did not.
pub fn release(ctx: &mut Ctx<'_>, key: Key) -> bool {
    let released = ctx.local.tm.release_and_decide(key, 0);
    ctx.local.stirred |= ctx.local.tm.has_failed();
    released
}

/// Cancels all branches but the phony one, before others come.
pub fn cancel_sent(ctx: &mut Ctx<'_>, key: Key) {
    let (mut scene, tm) = scene(ctx);
    let held = tm.held(key);
    tm.cancel_open(&mut scene, key, held, Reason::Script);
}

/// The run begins to send branches; [`end_sending`] must follow, also when it never does.
pub fn begin_sending(ctx: &mut Ctx<'_>, key: Key) {
    ctx.local.tm.begin_sending(key);
}

/// The run has sent all its branches.
pub fn end_sending(ctx: &mut Ctx<'_>, key: Key) {
    ctx.local.tm.end_sending(key);
    ctx.local.stirred |= ctx.local.tm.has_failed();
}

/// One of the branches that were waited for has been sent.
pub fn awaited(ctx: &mut Ctx<'_>, key: Key) {
    ctx.local.tm.awaited(key);
}

/// What an ACK that reaches the script ends (spec 8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckOf {
    /// An INVITE that we have answered ourselves.
    Own,
    /// An INVITE whose 2xx we have passed on.
    Passed,
    /// Nothing that we know of.
    Unknown,
}

/// Finds out what the run's ACK ends; one that goes on gets its Via branch from its INVITE's.
pub fn ack_of(ctx: &mut Ctx<'_>) -> AckOf {
    let Some(key) = ctx.local.tm.answered_invite(Identity::of(&ctx.message, ctx.via)) else {
        return AckOf::Unknown;
    };
    if reply::has_tag_of_transaction(ctx) {
        return AckOf::Own;
    }
    ctx.run.ack_branch = Some(ctx.local.tm.ack_branch(key));
    AckOf::Passed
}

/// Whether there is a transaction that the run's CANCEL is for.
pub fn cancels(ctx: &Ctx<'_>) -> bool {
    ctx.local.tm.cancelled_by(&ctx.message, ctx.via).is_some()
}

/// The caller's CANCEL is answered and goes to the branches; false when it is for none (RFC 3261
/// 9.2, 16.10; spec 8.6).
pub fn cancel(ctx: &mut Ctx<'_>) -> bool {
    let Some(key) = ctx.local.tm.cancelled_by(&ctx.message, ctx.via) else { return false };
    let phrase = ctx.keep(CANCELING);
    reply::send(ctx, 200, phrase);
    if !ctx.run.witnesses.is_empty() {
        ctx.tell_cancelled(200, CANCELING);
    }
    let reason = ctx.run.cancel_reason.map(|lines| Box::from(ctx.bytes(lines)));
    if let (Some(reason), Some(transaction)) = (reason, ctx.local.tm.get_mut(key)) {
        transaction.script.reason = reason;
    }
    cancel_key(ctx, key);
    true
}

fn cancel_key(ctx: &mut Ctx<'_>, key: Key) {
    let (mut scene, tm) = scene(ctx);
    if tm.cancel(&mut scene, key) {
        tm.local(&mut scene, key, 487, Text::only(b"Request Terminated"));
    }
    ctx.local.stirred |= ctx.local.tm.has_failed();
}

/// The run of a request is over: its transaction takes what the script has set; one that was begun
/// and not used is forgotten.
#[inline]
pub(crate) fn settle(ctx: &mut Ctx<'_>) {
    ctx.run.drop_ticket();
    if let Some(key) = ctx.run.transaction {
        settle_transaction(ctx, key);
    }
}

fn settle_transaction(ctx: &mut Ctx<'_>, key: Key) {
    carry::save(ctx, key);
    let rings = |t: &Transaction| t.branches.is_empty() && (101..200).contains(&t.status);
    if ctx.local.tm.get(key).is_some_and(rings) {
        // The script has told the caller to wait.
        hold(ctx, key, 0);
    }
    ctx.local.tm.remove_unused(key);
}

fn scene<'a>(ctx: &'a mut Ctx<'_>) -> (Scene<'a>, &'a mut Tm) {
    let Local { tm, output, .. } = &mut *ctx.local;
    (Scene { now: ctx.now, output, shared: ctx.shared }, tm)
}
