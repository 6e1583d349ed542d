//! Requests of our own, from a draft to the wire (RFC 3261 8.1.1, spec 1.4, 8.2).
//!
//! The worker that owns the Call-ID makes the request and its transaction, runs local_route{} over
//! it, and sends it where the route says; a name parks the run. Receives nothing.

use std::sync::Arc;

use sluice_base::slab::Key;
use sluice_base::wake::Sender;
use sluice_base::{Now, Target};
use sluice_script::ir::{RouteId, RouteKind};
use sluice_sip::{Kind, Method, Place};

use crate::carry;
use crate::context::{Ctx, Local, Shared};
use crate::forward;
use crate::job::Answer;
use crate::next_hop::{NextHop, Way};
use crate::own::{Origin, Own};
use crate::post::Letter;
use crate::run::{Packet, Run};
use crate::sockets::Remote;
use crate::tm::Scene;
use crate::tm::local::{Draft, Report};
use crate::tm::transaction::{Branch, Transaction};
use crate::vm::Outcome;

/// Has the owner of the draft's Call-ID make the request; false: too many wait there already.
pub fn order(ctx: &mut Ctx<'_>, draft: Draft) -> bool {
    let Some(from) = Sender::worker(ctx.local.id) else { return false };
    let Ok(asleep) = ctx.local.post.put(from, Letter::Request(Box::new(draft))) else {
        return false;
    };
    if let Some(owner) = asleep {
        ctx.local.woken |= 1 << owner.0;
        ctx.local.stirred = true;
    }
    true
}

/// Makes the run of a request of ours; `None`, and its asker told, when there can be none.
pub(crate) fn begin(
    local: &mut Local,
    shared: &Arc<Shared>,
    mut draft: Draft,
    now: Now,
) -> Option<Box<Run>> {
    let socket = draft.socket.unwrap_or_default();
    let (listen, head) =
        (shared.sockets.get(socket)?, shared.via_heads.get(usize::from(socket.0))?);
    // As if we had received it from ourselves.
    let packet = Packet { socket, peer: listen.addr, at: now, id: 0 };
    let Some(key) = local.tm.create_own(&mut draft, packet) else {
        draft.asker.tell(Report::Unsent(500, "too many transactions"));
        return None;
    };
    let mut run = Box::<Run>::default();
    let branch = local.tm.next_branch(key)?;
    let usual = usual_lines(&draft, shared, &listen.sent_by);
    draft.write(head, branch.get(forward::COOKIE.len()..)?, &usual, &mut run.kept);
    if run.kept.len() > usize::from(u16::MAX) || run.index.scan(&run.kept).is_err() {
        local.tm.unsent(key, 400, "Bad Request");
        return None;
    }
    if !local.tm.set_request(key, &run.kept) {
        local.tm.unsent(key, 500, "too many transactions");
        return None;
    }
    run.packet = packet;
    run.state.reset(RouteKind::Local);
    run.state.begin_own(local.tm.get(key)?, key, draft.next_hop.as_deref());
    run.origin = Origin::Local(Own::Routed);
    run.edition = Some(Arc::clone(shared));
    // A route that is not there is over at once.
    let route = shared.script.route(RouteKind::Local, b"").unwrap_or(RouteId(u16::MAX));
    run.machine.enter(&shared.script, route);
    Some(run)
}

/// Max-Forwards, User-Agent, and Contact where a dialog may begin, unless the draft has them.
fn usual_lines(draft: &Draft, shared: &Shared, sent_by: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    if !draft.has(Kind::MaxForwards) {
        lines.extend_from_slice(b"Max-Forwards: 70\r\n");
    }
    // RFC 3261 8.1.1.8, 12.1.2, RFC 6665 4.1.2.1
    let dialog = [Method::Invite, Method::Subscribe, Method::Notify, Method::Refer, Method::Update];
    if dialog.contains(&Method::of(&draft.method)) && !draft.has(Kind::Contact) {
        for piece in [b"Contact: <sip:", sent_by.as_bytes(), b">\r\n"] {
            lines.extend_from_slice(piece);
        }
    }
    if let Some(line) =
        shared.settings.user_agent_header.as_ref().filter(|_| !draft.has(Kind::UserAgent))
    {
        lines.extend_from_slice(line.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// What follows local_route{}: the request is sent, or the run waits for a name.
pub(crate) fn routed(ctx: &mut Ctx<'_>, own: &mut Own) -> Outcome {
    let Some(key) = ctx.run.transaction else { return Outcome::Done };
    carry::save(ctx, key);
    if ctx.run.dropped {
        ctx.local.tm.unsent(key, 403, "dropped by local_route");
        return Outcome::Done;
    }
    match NextHop::of_request(ctx) {
        Some(NextHop::Addr(to)) => send(ctx, key, Some(to)),
        Some(NextHop::Name(place)) => match ctx.locate(place) {
            Way::Known(ways) => send(ctx, key, ways.first().copied()),
            Way::Later(wait) => {
                *own = Own::Aiming;
                return Outcome::Parked(wait);
            }
        },
        None => send(ctx, key, None),
    }
    Outcome::Done
}

/// The name has been looked up.
pub(crate) fn resolved(ctx: &mut Ctx<'_>, answer: &Answer) {
    let Some(key) = ctx.run.transaction else { return };
    let ways = ctx.ways(answer);
    send(ctx, key, ways.first().copied());
}

fn send(ctx: &mut Ctx<'_>, key: Key, to: Option<Remote>) {
    let preferred = ctx.run.send_socket.unwrap_or(ctx.packet.socket);
    let target = to.and_then(|to| {
        let socket = ctx.shared.sockets.towards(to, preferred)?;
        Some(Target { socket, addr: to.addr })
    });
    match target {
        Some(target) if ctx.local.tm.get(key).is_some_and(Transaction::is_open) => {
            send_to(ctx, key, target);
        }
        _ => ctx.local.tm.unsent(key, 476, "Unresolvable destination"),
    }
}

fn send_to(ctx: &mut Ctx<'_>, key: Key, target: Target) {
    let lines = ctx.local.tm.get(key).map(|t| &*t.script.lines).unwrap_or_default();
    if !lines.is_empty() {
        ctx.run.patches.insert(ctx.message.headers_end(), Place::After, lines);
    }
    let patches = forward::own_patches(ctx, target.socket);
    let uri = ctx.ruri().map(|uri| ctx.bytes(uri)).unwrap_or_default();
    let mut branch = Branch::new(target, patches, uri);
    branch.destination = ctx.run.destination.map(|uri| ctx.bytes(uri).into());
    branch.flags = ctx.run.branch_flags;
    let Local { tm, output, .. } = &mut *ctx.local;
    if let Some(transaction) = tm.get_mut(key) {
        // There is nobody upstream whose call another destination could save.
        transaction.armed.failure = None;
    }
    tm.add_branch(&mut Scene { now: ctx.now, output, shared: ctx.shared }, key, branch);
}
