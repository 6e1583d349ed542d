//! `loose_route()` and what looks at its result (RFC 3261 16.4, spec 9.1).

use std::net::SocketAddr;

use sluice_engine::sockets::Proto;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::uri::Uri;
use sluice_sip::{Kind, Place, params};

use super::routes::{Entry, entries, remove};
use super::{DOWNSTREAM, Options, UPSTREAM, api, is_ours};

pub(super) fn route(ctx: &mut Ctx<'_>, options: Options) -> Flow {
    let message = ctx.message;
    let routes = entries(&message);
    if routes.is_empty() {
        return Flow::FALSE;
    }
    let preloaded = message.to().and_then(|to| to.tag()).is_none();
    let ruri = ctx.ruri().filter(|_| !preloaded).and_then(|ruri| Uri::parse(ctx.bytes(ruri)));
    if ruri.is_some_and(|uri| is_ours(ctx, &uri) && uri.param("gr").is_none()) {
        return after_strict(ctx, &routes);
    }
    let flow = after_loose(ctx, &routes, options, preloaded);
    if ctx.run.own_route.is_some() {
        ctx.tell_followed();
    }
    flow
}

/// spec 9.1 step 3: a strict router put our URI into the Request-URI; what it was is the last
/// Route.
fn after_strict(ctx: &mut Ctx<'_>, routes: &[Entry<'_>]) -> Flow {
    let is_ours = |entry: &&Entry<'_>| uri(entry).is_some_and(|uri| is_ours(ctx, &uri));
    let own = routes.iter().take_while(is_ours).count();
    let Some(last) = routes.last().filter(|_| own < routes.len()) else {
        remove(routes, |_| true, &mut ctx.run.patches);
        return Flow::FALSE;
    };
    let target = ctx.of_message(last.addr.uri);
    ctx.run.ruri = Some(target);
    remove(routes, |at| at < own || at + 1 == routes.len(), &mut ctx.run.patches);
    if let Some(next) = routes.get(own..routes.len() - 1).and_then(|rest| rest.first()) {
        let next = ctx.of_message(next.addr.uri);
        ctx.set_destination(next, None);
    }
    Flow::TRUE
}

/// spec 9.1 steps 4 to 6.
fn after_loose(ctx: &mut Ctx<'_>, routes: &[Entry<'_>], options: Options, preloaded: bool) -> Flow {
    let mut taken = 0;
    if let Some(top) = routes.first().and_then(uri).filter(|top| is_ours(ctx, top)) {
        taken = 1;
        let params = top.params;
        ctx.run.own_route = Some(ctx.of_message(params));
        let second =
            routes.get(1).filter(|_| options.double && params::find(params, "r2").is_some());
        match second {
            Some(second) => {
                taken = 2;
                force_socket(ctx, second.addr.uri);
            }
            None if !preloaded => ctx.run.send_socket = Some(ctx.packet.socket),
            None => {}
        }
    }
    let next = routes.get(taken);
    let strict = next.and_then(uri).is_some_and(|uri| uri.param("lr").is_none());
    remove(routes, |at| at < taken || strict && at == taken, &mut ctx.run.patches);
    // spec 9.1: a preloaded set that ended with our own entry is false.
    let Some(next) = next else { return Flow::of(!preloaded) };
    let target = ctx.of_message(next.addr.uri);
    if strict {
        append_ruri(ctx);
        ctx.run.ruri = Some(target);
    } else {
        ctx.set_destination(target, None);
    }
    Flow::TRUE
}

/// The URI of an entry.
fn uri<'a>(entry: &Entry<'a>) -> Option<Uri<'a>> {
    Uri::parse(entry.addr.uri)
}

/// A strict router comes next: the Request-URI goes to the end of the Routes (RFC 3261 16.6 item
/// 6).
fn append_ruri(ctx: &mut Ctx<'_>) {
    let Some(ruri) = ctx.ruri() else { return };
    let line = [b"Route: <", ctx.bytes(ruri), b">\r\n"].concat();
    let behind = ctx.message.fields(Kind::Route).last().map(|field| field.line.end);
    let at = behind.unwrap_or(ctx.message.headers_end());
    ctx.run.patches.insert(at, Place::Before, &line);
}

/// The socket that the second of two own Routes names; none is told and nothing is forced.
fn force_socket(ctx: &mut Ctx<'_>, uri: &[u8]) {
    let found = Uri::parse(uri).and_then(|uri| {
        let addr = SocketAddr::new(uri.host_ip()?, uri.port_or_default());
        let proto = Proto::of_name(uri.param("transport").unwrap_or(b"udp"))?;
        ctx.shared.sockets.find(proto, addr)
    });
    match found {
        Some(socket) => ctx.run.send_socket = Some(socket),
        None => ctx.complain("loose_route(): the second Route names no socket of ours"),
    }
}

pub(super) fn check_param(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let (Some(Value::Regex(id)), Some(own)) = (args.first(), ctx.run.own_route) else {
        return Flow::FALSE;
    };
    let regex = ctx.shared.script.regexes.get(usize::from(id.0));
    Flow::of(regex.is_some_and(|regex| regex.is_match(ctx.bytes(own))))
}

/// spec 9.1: without a tag in the Route it is downstream.
pub(super) fn is_direction(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(upstream) = api::is_upstream(ctx) else { return Flow::FALSE };
    let found = if upstream { UPSTREAM } else { DOWNSTREAM };
    Flow::of(args.first().and_then(|word| word.int()) == Some(found))
}
