//! Requests of our own, from a draft to the wire (RFC 3261 8.1.1, spec 1.4, 8.2).
//!
//! The worker that owns the Call-ID makes the request and its transaction, runs local_route{} over
//! it, and sends it where the route says; a name parks the run. Receives nothing.

use std::sync::Arc;

use sluice_base::slab::Key;
use sluice_base::wake::Sender;
use sluice_base::{Now, SocketId};
use sluice_script::ir::{RouteId, RouteKind};
use sluice_sip::{Kind, Method};

use crate::carry;
use crate::confirm;
use crate::context::{Ctx, Local, Shared};
use crate::failover;
use crate::forward;
use crate::job::Answer;
use crate::next_hop::{NextHop, Way};
use crate::own::{Origin, Own};
use crate::post::Letter;
use crate::relay;
use crate::run::{Packet, Run};
use crate::tm::local::{Draft, Report};
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
    let listen = shared.sockets.get(socket)?;
    // As if we had received it from ourselves.
    let packet = Packet { socket, peer: listen.addr, at: now, id: 0 };
    let Some(key) = local.tm.create_own(&mut draft, packet) else {
        draft.asker.tell(Report::Unsent(500, "too many transactions"));
        return None;
    };
    match run_of(local, shared, &draft, (key, packet)) {
        Ok(run) => Some(run),
        Err((status, reason)) => {
            local.tm.unsent(key, status, reason);
            None
        }
    }
}

/// The run of a request whose transaction there is; the error is status and reason.
fn run_of(
    local: &mut Local,
    shared: &Arc<Shared>,
    draft: &Draft,
    (key, packet): (Key, Packet),
) -> Result<Box<Run>, (u16, &'static str)> {
    if !draft.fits() {
        return Err((400, "Bad Request"));
    }
    let mut run = Box::<Run>::default();
    write(local, shared, draft, (key, packet.socket), &mut run.kept).ok_or((500, "no socket"))?;
    if run.kept.len() > usize::from(u16::MAX) || run.index.scan(&run.kept).is_err() {
        return Err((400, "Bad Request"));
    }
    let full = (500, "too many transactions");
    let transaction = local.tm.set_request(key, &run.kept).ok_or(full)?;
    run.packet = packet;
    run.state.reset(RouteKind::Local);
    run.state.begin_own(transaction, key, draft.next_hop.as_deref());
    run.state.send_socket = draft.socket;
    run.origin = Origin::Local(Own::Routed);
    run.edition = Some(Arc::clone(shared));
    // A route that is not there is over at once.
    let route = shared.script.route(RouteKind::Local, b"").unwrap_or(RouteId(u16::MAX));
    run.machine.enter(&shared.script, route);
    Ok(run)
}

/// Writes the request as it leaves by a socket.
fn write(
    local: &Local,
    shared: &Shared,
    draft: &Draft,
    (key, socket): (Key, SocketId),
    out: &mut Vec<u8>,
) -> Option<()> {
    let head = shared.via_heads.get(usize::from(socket.0))?;
    let branch = local.tm.next_branch(key)?;
    let usual = usual_lines(draft, shared, &shared.sockets.get(socket)?.sent_by);
    draft.write(head, branch.get(forward::COOKIE.len()..)?, &usual, out);
    Some(())
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
    if *own == Own::Acking {
        return confirm::aim(ctx);
    }
    let Some(key) = ctx.run.transaction else { return Outcome::Done };
    carry::save(ctx, key);
    if ctx.run.dropped {
        ctx.local.tm.unsent(key, 403, "dropped by local_route");
        return Outcome::Done;
    }
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        // There is nobody upstream whose call another destination could save.
        transaction.armed.failure = None;
    }
    let sent = match NextHop::of_request(ctx) {
        Some(NextHop::Addr(to)) => relay::send(ctx, key, to),
        Some(NextHop::Name(place)) => match ctx.locate(place) {
            Way::Known(ways) => failover::send(ctx, key, &ways, true),
            Way::Later(wait) => {
                *own = Own::Aiming;
                return Outcome::Parked(wait);
            }
        },
        None => false,
    };
    conclude(ctx, key, sent);
    Outcome::Done
}

/// The name has been looked up.
pub(crate) fn resolved(ctx: &mut Ctx<'_>, answer: &Answer) {
    let Some(key) = ctx.run.transaction else { return };
    let ways = ctx.ways(answer);
    let sent = failover::send(ctx, key, &ways, true);
    conclude(ctx, key, sent);
}

fn conclude(ctx: &mut Ctx<'_>, key: Key, sent: bool) {
    if !sent {
        ctx.local.tm.unsent(key, 476, "Unresolvable destination");
    }
}
