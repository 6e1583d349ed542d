//! `is_registered()` and its kin: questions about a user's contacts that change nothing but the AVP
//! of their attributes (spec 6.3).

use std::any::Any;

use sluice_engine::module::Then;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::same::same_texts;
use sluice_sip::uri::Uri;
use sluice_sip::{Kind, Method};

use super::fetch::{Ask, again, ready};
use super::{Worker, aor};
use crate::usrloc::api::Contact;

/// Whose contacts are asked for when the call does not say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// To of a REGISTER, else From.
    Sender,
    /// The Request-URI.
    Callee,
}

/// `is_registered(table[, aor])`
pub(super) fn is_registered(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, is_registered);
    ask(ctx, state, args, Whose::Sender, then, |_, _| true)
}

/// `registered(table[, aor[, callid]])`
pub(super) fn registered(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let call_id = args.get(2).and_then(|call_id| call_id.text());
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, registered);
    ask(ctx, state, args, Whose::Callee, then, |ctx, contact| {
        call_id.is_none_or(|call_id| ctx.bytes(call_id) == contact.call_id)
    })
}

/// `is_contact_registered(table[, aor[, contact[, callid]]])`
pub(super) fn is_contact_registered(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
) -> Flow {
    let [given, call_id] = [2, 3].map(|at| args.get(at).and_then(|value| value.text()));
    let own = match (given, call_id) {
        (None, None) => match ctx.message.name_addrs(Kind::Contact).next() {
            Some(contact) => Some(ctx.of_message(contact.uri)),
            None => return Flow::FALSE,
        },
        (given, _) => given,
    };
    let then: Then =
        |ctx, state, args, answer| again(ctx, state, args, answer, is_contact_registered);
    ask(ctx, state, args, Whose::Sender, then, |ctx, contact| {
        own.is_none_or(|uri| same_texts(ctx.bytes(uri), contact.uri))
            && call_id.is_none_or(|call_id| ctx.bytes(call_id) == contact.call_id)
    })
}

/// `is_ip_registered(table[, aor], ip[, port])`
pub(super) fn is_ip_registered(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let &[table, aor, ip, port] = args else { return Flow::FALSE };
    let Some(ip) = ip.text() else { return Flow::FALSE };
    let port = port_of(ctx, port);
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, is_ip_registered);
    ask(ctx, state, &[table, aor], Whose::Sender, then, |ctx, contact| {
        is_at(contact, ctx.bytes(ip), port)
    })
}

fn port_of(ctx: &Ctx<'_>, value: Value) -> Option<u16> {
    match value.int() {
        Some(port) => u16::try_from(port).ok(),
        None => std::str::from_utf8(ctx.bytes(value.text()?)).ok()?.parse().ok(),
    }
}

/// Whether a contact is reached at a host, and at a port where one is given: that of `received`,
/// else its own.
pub(super) fn is_at(contact: &Contact<'_>, host: &[u8], port: Option<u16>) -> bool {
    let uri = if contact.received.is_empty() { contact.uri } else { contact.received };
    is_host(uri, host, port)
}

/// Whether a contact's next hop is a host: that of its Path, of `received`, or its own.
pub(super) fn is_behind(contact: &Contact<'_>, host: &[u8]) -> bool {
    match sluice_sip::nameaddr::items(contact.path).next().and_then(NameAddr::parse) {
        Some(hop) => is_host(hop.uri, host, None),
        None => is_at(contact, host, None),
    }
}

fn is_host(uri: &[u8], host: &[u8], port: Option<u16>) -> bool {
    let bare = |host: &[u8]| {
        let inner = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
        inner.unwrap_or(host).to_ascii_lowercase()
    };
    Uri::parse(uri).is_some_and(|uri| {
        bare(uri.host) == bare(host) && port.is_none_or(|port| uri.port_or_default() == port)
    })
}

/// Whether any contact of the user that the second argument names is as wanted.
fn ask(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    whose: Whose,
    then: Then,
    is_wanted: impl Fn(&Ctx<'_>, &Contact<'_>) -> bool,
) -> Flow {
    let (&[table, aor, ..], Some(worker)) = (args, state.downcast_mut::<Worker>()) else {
        return Flow::FALSE;
    };
    let name = table.text().map_or(&b""[..], |name| ctx.bytes(name));
    let Some(table) = worker.table(name) else { return Flow::Fail("there are too many tables") };
    if let Err(flow) = ready(ctx, &table, then) {
        return flow;
    }
    let message = ctx.message;
    let user = match (aor.text(), whose) {
        (Some(text), _) => Some(ctx.bytes(text)),
        (None, _) if !message.is_request() => None,
        (None, Whose::Callee) => ctx.ruri().map(|uri| ctx.bytes(uri)),
        (None, Whose::Sender) if message.method() == Method::Register => {
            message.to().map(|to| to.uri)
        }
        (None, Whose::Sender) => message.from().map(|from| from.uri),
    };
    let Some(user) = user else { return Flow::Fail("whose contacts are meant?") };
    if aor::of_uri(user, &worker.shared.options, &mut worker.aor).is_err() {
        return Flow::FALSE;
    }
    let now_s = ctx.now.wall_s() as u32;
    let attr_avp = worker.shared.options.attr_avp;
    let Worker { shared, fetched, aor, .. } = worker;
    let asked = Ask { locations: &shared.locations, table: &table, then };
    if let Err(flow) = fetched.have(ctx, &asked, aor) {
        return flow;
    }
    let flow = fetched.look(&table, aor, |record| {
        let mut contacts = record.into_iter().flat_map(|record| record.contacts());
        let found = contacts.find(|c| c.fixed.lives(now_s) && is_wanted(ctx, c));
        if let (Some(contact), Some(slot)) = (found, attr_avp) {
            let attr = Value::Text(ctx.keep(contact.attr));
            ctx.avp_push(AvpKey::Slot(slot), attr);
        }
        Flow::of(found.is_some())
    });
    fetched.forget();
    flow
}
