//! `t_relay()` (spec 8.1): the request goes to each destination of its set. The branch route runs
//! for each, and a name parks the run.

use std::any::Any;

use sluice_base::slab::Key;
use sluice_engine::job::Answer;
use sluice_engine::next_hop::{NextHop, Way};
use sluice_engine::relay::AckOf;
use sluice_engine::run::Relaying;
use sluice_engine::sockets::Remote;
use sluice_engine::tm::transaction::Transaction;
use sluice_engine::{Ctx, Flow, Value, carry, failover, forward, relay};
use sluice_script::ir::RouteKind;
use sluice_sip::Method;
use sluice_sip::uri::Uri;

use super::flags::{self, Flags};
use super::functions::transaction;
use super::{cancel, checks, timers, trouble};

/// Begins.
pub(super) fn start(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let (flags, place) = flags::given(ctx, args);
    if place.is_some_and(|place| !flags::aim_at(ctx, place)) {
        return Flow::Fail("t_relay(): a destination is `udp:host:port` or `tcp:host:port`");
    }
    match ctx.message.method() {
        // spec 8.1: an ACK is not part of a transaction that is to be relayed.
        Method::Ack => return relay_ack(ctx),
        Method::Cancel if relay::cancels(ctx) => {
            if flags.has(Flags::PASS_REASON) {
                cancel::pass_reason(ctx);
            }
            relay::cancel(ctx);
            return Flow::TRUE;
        }
        _ => {}
    }
    timers::of_avps(ctx, args);
    let opened = ctx.run.transaction.is_some() || flags.has(Flags::NO_AUTO_477);
    let key = match relay::open(ctx) {
        Ok(key) => key,
        Err(relay::Refused::NoSocket) => return Flow::Code(-1),
        Err(relay::Refused::Full) => return Flow::Fail("tm: too many transactions"),
    };
    if !relay::begin_round(ctx, key) {
        return Flow::Code(trouble::NO_DESTINATION);
    }
    if ctx.run.kind == RouteKind::Request && checks::refused(ctx, key) {
        return Flow::TRUE;
    }
    if flags.has(Flags::ALLOW_NO_CANCEL) {
        cancel::obey_disposition(ctx, key);
    }
    carry::freeze(ctx, key);
    let all_targets = !flags.has(Flags::NO_DNS_FAILOVER);
    fork(ctx, key, Manner { opened, injects: false, all_targets })
}

/// How the destinations are sent to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// The transaction was there before.
    pub opened: bool,
    /// They add to the branches that there are.
    pub injects: bool,
    /// All addresses of a name may be tried.
    pub all_targets: bool,
}

/// Begins to send to the destination set.
pub(super) fn fork(ctx: &mut Ctx<'_>, key: Key, manner: Manner) -> Flow {
    let Some(main) = ctx.branch(0) else { return Flow::Code(-1) };
    let (mark, record) = (ctx.run.patches.mark(), ctx.run.record);
    relay::begin_sending(ctx, key);
    let Manner { opened, injects, all_targets } = manner;
    let (at, sent, replica) = (0, 0, None);
    ctx.run.relaying = Some(Relaying {
        at,
        sent,
        worst: 0,
        injects,
        all_targets,
        main,
        opened,
        mark,
        record,
        replica,
    });
    begin(ctx)
}

/// Begins with the destination that is next.
pub(super) fn begin(ctx: &mut Ctx<'_>) -> Flow {
    let Some(relaying) = ctx.run.relaying else { return Flow::Code(-1) };
    let branch = match relaying.at {
        0 => Some(relaying.main),
        at => ctx.branch(at),
    };
    let Some(branch) = branch else { return finish(ctx) };
    ctx.put_branch(0, branch);
    ctx.run.branch_on_reply = None;
    ctx.run.branch_avps.clear();
    match transaction(ctx).map_or(ctx.run.armed.branch, |t| t.armed.branch) {
        Some(route) => Flow::Enter(route, seen),
        None => aim(ctx),
    }
}

/// The branch route is over.
fn seen(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    // spec 1.4: `drop` discards the branch.
    if *answer == Answer::Returned(true) { next(ctx, trouble::NO_DESTINATION) } else { aim(ctx) }
}

fn aim(ctx: &mut Ctx<'_>) -> Flow {
    if !ctx.ruri_fits() {
        return next(ctx, trouble::BAD_URI);
    }
    match NextHop::of_request(ctx) {
        Some(NextHop::Addr(to)) => send(ctx, to),
        Some(NextHop::Name(place)) => match ctx.locate(place) {
            Way::Known(ways) => send_named(ctx, &ways),
            Way::Later(wait) => Flow::Suspend(wait, located),
        },
        None if has_good_uri(ctx) => next(ctx, trouble::UNRESOLVABLE),
        None => next(ctx, trouble::BAD_URI),
    }
}

/// Whether where it goes can be read at all.
fn has_good_uri(ctx: &Ctx<'_>) -> bool {
    let uri = ctx.next_hop().and_then(|uri| Uri::parse(ctx.bytes(uri)));
    uri.is_some_and(|uri| !uri.host.is_empty())
}

fn located(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    let ways = ctx.ways(answer);
    send_named(ctx, &ways)
}

fn send_named(ctx: &mut Ctx<'_>, ways: &[Remote]) -> Flow {
    let filtered = std::mem::take(&mut ctx.run.blacklists.hit);
    if ways.is_empty() {
        return next(ctx, if filtered { trouble::FILTERED } else { trouble::UNRESOLVABLE });
    }
    let all = ctx.run.relaying.is_some_and(|relaying| relaying.all_targets);
    send_by(ctx, |ctx, key| failover::send(ctx, key, ways, all))
}

fn send(ctx: &mut Ctx<'_>, to: Remote) -> Flow {
    if ctx.is_filtered(to) {
        return next(ctx, trouble::FILTERED);
    }
    send_by(ctx, |ctx, key| relay::send(ctx, key, to))
}

fn send_by(ctx: &mut Ctx<'_>, send: impl FnOnce(&mut Ctx<'_>, Key) -> bool) -> Flow {
    let Some(relaying) = ctx.run.relaying else { return Flow::Code(-1) };
    let key = match relaying.replica {
        Some(replica) => relay::copy(ctx, replica),
        None => ctx.run.transaction,
    };
    let Some(key) = key else { return next(ctx, trouble::SEND_FAILED) };
    if !send(ctx, key) {
        let open = ctx.local.tm.get(key).is_some_and(Transaction::is_open);
        return next(ctx, if open { trouble::SEND_FAILED } else { trouble::NO_DESTINATION });
    }
    if relaying.injects {
        relay::awaited(ctx, key);
    }
    next(ctx, SENT)
}

/// Instead of a code: it was sent.
const SENT: i32 = 0;

fn next(ctx: &mut Ctx<'_>, code: i32) -> Flow {
    if let Some(relaying) = &mut ctx.run.relaying {
        relaying.at += 1;
        relaying.sent += usize::from(code == SENT);
        relaying.worst = relaying.worst.min(code);
        // What the branch route has changed was for that branch only.
        ctx.run.patches.rewind(relaying.mark);
        relaying.mark = ctx.run.patches.mark();
        ctx.run.record = relaying.record;
    }
    begin(ctx)
}

/// spec 8.1: the set is emptied; nothing sent is answered by us, unless the script knows of the
/// transaction.
fn finish(ctx: &mut Ctx<'_>) -> Flow {
    let Some(relaying) = ctx.run.relaying.take() else { return Flow::Code(-1) };
    ctx.run.patches.rewind(relaying.mark);
    ctx.put_branch(0, relaying.replica.map_or(relaying.main, |replica| replica.back));
    ctx.run.set.clear_extra();
    if let Some(key) = ctx.run.transaction.filter(|_| relaying.replica.is_none()) {
        relay::end_sending(ctx, key);
    }
    if relaying.sent > 0 {
        return Flow::TRUE;
    }
    let key = ctx.run.transaction.filter(|_| !relaying.opened);
    trouble::tell(ctx, key, relaying.worst)
}

fn relay_ack(ctx: &mut Ctx<'_>) -> Flow {
    if relay::ack_of(ctx) == AckOf::Own {
        return Flow::TRUE;
    }
    match NextHop::of_request(ctx) {
        Some(NextHop::Addr(to)) => send_ack(ctx, to),
        Some(NextHop::Name(place)) => match ctx.locate(place) {
            Way::Known(ways) => forward_ack(ctx, &ways),
            Way::Later(wait) => Flow::Suspend(wait, ack_located),
        },
        None => Flow::Code(trouble::UNRESOLVABLE),
    }
}

fn ack_located(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    let ways = ctx.ways(answer);
    forward_ack(ctx, &ways)
}

fn forward_ack(ctx: &mut Ctx<'_>, ways: &[Remote]) -> Flow {
    match ways.first() {
        Some(to) => send_ack(ctx, *to),
        None => Flow::Code(trouble::UNRESOLVABLE),
    }
}

fn send_ack(ctx: &mut Ctx<'_>, to: Remote) -> Flow {
    match () {
        () if ctx.is_filtered(to) => Flow::Code(trouble::FILTERED),
        () if forward::request(ctx, to) => Flow::TRUE,
        () => Flow::Code(trouble::SEND_FAILED),
    }
}
