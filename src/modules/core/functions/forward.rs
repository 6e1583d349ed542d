//! `forward()`: stateless forwarding to `$du`, the Request-URI or a given place (spec 8.9).
//!
//! A host name parks the run until the control plane has its addresses.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};

use sluice_engine::fault::Fault;
use sluice_engine::job::{Answer, Job};
use sluice_engine::module::{Function, Then, Wait};
use sluice_engine::{Ctx, Flow, Value, forward};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::uri::{Scheme, Uri, literal_addr};

use crate::table::{function, optional};

const TO: &[ParamDef] = &[optional("destination", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[Function {
    suspends: true,
    ..function(
        "forward",
        "Sends the request on without a transaction, to $du, the Request-URI or `sip:host:port`.",
        TO,
        Routes::REQUEST,
        |ctx, _, args| start(ctx, args),
    )
}];

/// Sends to an address, with the arguments of the call.
pub(super) type Send = fn(&mut Ctx<'_>, &[Value], SocketAddr) -> Flow;

fn start(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    if args.first().is_none_or(|to| to.is_null())
        && ctx.run.destination.is_some()
        && let Some(addr) = ctx.run.destination_addr
    {
        return send(ctx, args, addr);
    }
    address(ctx, args, send, resolved)
}

fn resolved(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    found(ctx, args, answer, send)
}

/// Sends to the place that the first argument names; a host's name is asked for first, and `then`
/// goes on with [`found`].
pub(super) fn address(ctx: &mut Ctx<'_>, args: &[Value], send: Send, then: Then) -> Flow {
    let Some((host, port)) = place(ctx, args) else {
        if ctx.next_hop().is_some_and(|uri| ctx.uri(uri).is_none()) {
            ctx.note(Fault::RURI);
        }
        return Flow::Fail("there is nowhere to send to by UDP");
    };
    match literal_addr(host) {
        Some(ip) => send(ctx, args, SocketAddr::new(ip, port)),
        None => match std::str::from_utf8(host) {
            Ok(name) => Flow::Suspend(Wait::Job(Job::Resolve(name.into())), then),
            Err(_) => Flow::Fail("the host to send to is no name"),
        },
    }
}

/// Sends to the first address of an answer that a socket reaches.
pub(super) fn found(ctx: &mut Ctx<'_>, args: &[Value], answer: &Answer, send: Send) -> Flow {
    let Answer::Addresses(addresses) = answer else {
        return Flow::Fail("the name to send to does not resolve");
    };
    let Some((_, port)) = place(ctx, args) else { return Flow::FALSE };
    let reachable = |ip: &&IpAddr| {
        ctx.shared.sockets.listen.iter().any(|listen| listen.addr.is_ipv4() == ip.is_ipv4())
    };
    match addresses.iter().find(reachable) {
        Some(ip) => send(ctx, args, SocketAddr::new(*ip, port)),
        None => Flow::Fail("no socket is of the address family to send to"),
    }
}

/// Host and port of the argument, of `$du` or of the Request-URI; `maddr` goes before the host.
/// `None` also when the URI asks for a transport that is not built.
fn place<'a>(ctx: &'a Ctx<'_>, args: &[Value]) -> Option<(&'a [u8], u16)> {
    let given = args.first().and_then(|to| to.text());
    let text = ctx.bytes(given.or_else(|| ctx.next_hop())?);
    match Uri::parse(text) {
        Some(uri) if !uri.host.is_empty() => {
            let transport = uri.param("transport").unwrap_or(b"udp");
            if uri.scheme == Scheme::Sips || !transport.eq_ignore_ascii_case(b"udp") {
                return None;
            }
            let maddr = uri.param("maddr").filter(|host| !host.is_empty());
            Some((maddr.unwrap_or(uri.host), uri.port_or_default()))
        }
        _ => given.and_then(|_| host_port(text)),
    }
}

/// `host`, `host:port`, also with a transport in front: `udp:host:port`.
fn host_port(text: &[u8]) -> Option<(&[u8], u16)> {
    let text = text.strip_prefix(b"udp:").unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    let behind_v6 = text.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let Some(colon) = text.iter().skip(behind_v6).position(|byte| *byte == b':') else {
        return Some((text, 5060));
    };
    let (host, port) = text.split_at(behind_v6 + colon);
    let port = std::str::from_utf8(port.get(1..)?).ok()?.parse().ok()?;
    Some((host, port))
}

fn send(ctx: &mut Ctx<'_>, _: &[Value], addr: SocketAddr) -> Flow {
    if !ctx.ruri_fits() {
        return Flow::Fail("forward() with a Request-URI that is empty or holds a blank");
    }
    if forward::request(ctx, addr) {
        return Flow::TRUE;
    }
    Flow::Fail("forward() found no socket of the destination's address family")
}
