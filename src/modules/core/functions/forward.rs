//! `forward()`: stateless forwarding to `$du`, the Request-URI or a given place (spec 8.9).
//!
//! A host name that is not known yet parks the run until the control plane has located it.

use std::any::Any;

use sluice_engine::fault::Fault;
use sluice_engine::job::Answer;
use sluice_engine::module::{Function, Then};
use sluice_engine::next_hop::{NextHop, Way};
use sluice_engine::sockets::Remote;
use sluice_engine::{Ctx, Flow, Value, forward};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, optional};

const TO: &[ParamDef] = &[optional("destination", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[Function {
    suspends: true,
    ..function(
        "forward",
        "Sends the request on without a transaction, to $du, the Request-URI or `sip:host:port`.",
        TO,
        Routes::REQUEST,
        |ctx, _, args| address(ctx, args, send, resolved),
    )
}];

/// Sends to an address, with the arguments of the call.
pub(super) type Send = fn(&mut Ctx<'_>, &[Value], Remote) -> Flow;

fn resolved(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    found(ctx, args, answer, send)
}

/// Sends to the place that the first argument names; a host's name is asked for first, and `then`
/// goes on with [`found`].
#[inline]
pub(super) fn address(ctx: &mut Ctx<'_>, args: &[Value], send: Send, then: Then) -> Flow {
    let given = args.first().and_then(|to| to.text());
    let known = ctx.known_hop().filter(|_| given.is_none() && !ctx.shared.sources.is_on());
    match known {
        Some(addr) => send(ctx, args, Remote::udp(addr)),
        None => find(ctx, args, send, then),
    }
}

fn find(ctx: &mut Ctx<'_>, args: &[Value], send: Send, then: Then) -> Flow {
    match hop(ctx, args) {
        Some(NextHop::Addr(to)) => send(ctx, args, to),
        Some(NextHop::Name(place)) => match ctx.locate(place) {
            Way::Known(ways) => send_first(ctx, args, &ways, send),
            Way::Later(wait) => Flow::Suspend(wait, then),
        },
        None => {
            if ctx.next_hop().is_some_and(|uri| ctx.uri(uri).is_none()) {
                ctx.note(Fault::RURI);
            }
            Flow::Fail("there is nowhere to send to by a transport of ours")
        }
    }
}

/// Sends to the first address of an answer.
pub(super) fn found(ctx: &mut Ctx<'_>, args: &[Value], answer: &Answer, send: Send) -> Flow {
    let ways = ctx.ways(answer);
    send_first(ctx, args, &ways, send)
}

fn send_first(ctx: &mut Ctx<'_>, args: &[Value], ways: &[Remote], send: Send) -> Flow {
    match ways.first() {
        Some(to) => send(ctx, args, *to),
        None => Flow::Fail("the name to send to has no address that a socket of ours reaches"),
    }
}

/// The argument, else `$du`, else the Request-URI.
fn hop(ctx: &Ctx<'_>, args: &[Value]) -> Option<NextHop> {
    match args.first().and_then(|to| to.text()) {
        Some(given) => NextHop::of_text(ctx.bytes(given)).map(|hop| hop.routed(ctx)),
        None => NextHop::of_request(ctx),
    }
}

fn send(ctx: &mut Ctx<'_>, _: &[Value], to: Remote) -> Flow {
    if !ctx.ruri_fits() {
        return Flow::Fail("forward() with a Request-URI that is empty or holds a blank");
    }
    if ctx.is_filtered(to) {
        return Flow::FALSE;
    }
    if forward::request(ctx, to) {
        return Flow::TRUE;
    }
    Flow::Fail("forward() found no socket of the destination's transport and address family")
}
