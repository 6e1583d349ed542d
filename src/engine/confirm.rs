//! ACKs to 2xx of requests of our own whose way must be found out first (RFC 3261 13.2.2.4): the
//! next hop of the dialog is a name, or is reached by another socket than the INVITE was.
//!
//! Takes the ACK as a text; a run of its own locates the next hop and sends it there, to where the
//! INVITE went if that leads nowhere. The other side sends its 2xx again until it comes.

use std::sync::Arc;

use sluice_base::{Now, Span, Target};
use sluice_script::ir::{RouteId, RouteKind};

use crate::context::{Ctx, Shared};
use crate::forward;
use crate::job::Answer;
use crate::next_hop::{NextHop, Way};
use crate::own::{Origin, Own};
use crate::run::{Packet, Run};
use crate::sockets::Remote;
use crate::vm::Outcome;

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OwnAck {
    /// The ACK, as the socket of the INVITE would send it.
    pub text: Vec<u8>,
    /// The URI that it is sent to.
    pub hop: Vec<u8>,
    /// Where the INVITE went.
    pub invite: Target,
}

/// The run that sends it; no route of the script sees it.
pub(crate) fn begin(shared: &Arc<Shared>, ack: OwnAck, now: Now) -> Box<Run> {
    let mut run = Box::<Run>::default();
    let OwnAck { text, hop, invite } = ack;
    run.kept = text;
    run.packet = Packet { socket: invite.socket, peer: invite.addr, at: now, id: 0 };
    run.state.reset(RouteKind::Local);
    run.state.destination = Some(run.state.put(&hop));
    run.origin = Origin::Local(Own::Acking);
    run.edition = Some(Arc::clone(shared));
    run.machine.enter(&shared.script, RouteId(u16::MAX));
    run
}

/// Sends it, or waits for the name.
pub(crate) fn aim(ctx: &mut Ctx<'_>) -> Outcome {
    match NextHop::of_request(ctx) {
        Some(NextHop::Addr(to)) => send(ctx, Some(to)),
        Some(NextHop::Name(place)) => match ctx.locate(place) {
            Way::Known(ways) => send(ctx, ways.first().copied()),
            Way::Later(wait) => return Outcome::Parked(wait),
        },
        None => send(ctx, None),
    }
    Outcome::Done
}

/// The name has been looked up.
pub(crate) fn located(ctx: &mut Ctx<'_>, answer: &Answer) {
    let ways = ctx.ways(answer);
    send(ctx, ways.first().copied());
}

fn send(ctx: &mut Ctx<'_>, to: Option<Remote>) {
    let found = to.and_then(|to| Some(Target { socket: ctx.socket_towards(to)?, addr: to.addr }));
    let Packet { socket, peer: addr, .. } = ctx.packet;
    let target = found.unwrap_or(Target { socket, addr });
    let branch = ctx.via.1.branch.unwrap_or_default();
    let Some(patches) = forward::own_patches(ctx, target.socket, branch) else { return };
    let whole = ctx.message.text(Span::new(0, ctx.message.body().end));
    ctx.local.output.send(target, |out| patches.write(whole, out));
}
