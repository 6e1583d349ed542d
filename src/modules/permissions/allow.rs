//! The functions that ask files of rules (spec 9.5): `allow_routing`, `allow_register`,
//! `allow_uri`. The files were read before; nothing is opened here.

use std::any::Any;

use sluice_engine::module::{Flow, Function};
use sluice_engine::value::Source;
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::{ParamKind, Routes};
use sluice_sip::Kind;
use sluice_sip::nameaddr::NameAddr;

use super::Worker;
use super::files::Pair;
use super::functions::NOT_STARTED;
use crate::table::{function, optional, param};

/// The functions whose first arguments name files.
pub(super) const BY_FILE: [&str; 3] = ["allow_routing", "allow_register", URI];

/// The one of them whose second argument is no file.
pub(super) const URI: &str = "allow_uri";

const NOT_READ: Flow = Flow::Fail("permissions: the file of rules was not read");

/// `allow_routing([basename | allow_file, deny_file])`
pub(super) const ROUTING: Function = function(
    "allow_routing",
    "Whether From may call the Request-URI and all branches, by files of rules.",
    &[optional("basename", ParamKind::Literal), optional("deny_file", ParamKind::Literal)],
    Routes::REQUESTS,
    routing,
);

/// `allow_register(basename | allow_file, deny_file)`
pub(super) const REGISTER: Function = function(
    "allow_register",
    "Whether To may register each of the Contacts, by files of rules.",
    &[param("basename", ParamKind::Literal), optional("deny_file", ParamKind::Literal)],
    Routes::REQUESTS,
    register,
);

/// `allow_uri(basename, uri)`
pub(super) const FOR_URI: Function = function(
    URI,
    "Whether From may reach a URI, by files of rules.",
    &[param("basename", ParamKind::Literal), param("uri", ParamKind::Text)],
    Routes::ANY,
    uri,
);

fn routing(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return NOT_STARTED };
    let all_branches = worker.shared.params.check_all_branches;
    let Some(pair) = rules(ctx, worker, args) else { return NOT_READ };
    if pair.is_empty() {
        return Flow::TRUE;
    }
    let (Some(from), Some(uri)) = (ctx.message.from(), ctx.ruri()) else { return Flow::FALSE };
    // spec 9.5: the Request-URI has its `@` also without a user, the branches have not.
    let Some(uri) = plain(ctx, uri, true) else { return Flow::FALSE };
    if !pair.allows(from.uri, ctx.bytes(uri)) {
        return Flow::FALSE;
    }
    let branches = if all_branches { ctx.run.set.extra().len() } else { 0 };
    for at in 0..branches {
        let branch = ctx.run.set.extra().get(at).map(|branch| branch.uri);
        let Some(uri) = branch.and_then(|uri| plain(ctx, uri, false)) else { return Flow::FALSE };
        if !pair.allows(from.uri, ctx.bytes(uri)) {
            return Flow::FALSE;
        }
    }
    Flow::TRUE
}

fn register(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return NOT_STARTED };
    let all_branches = worker.shared.params.check_all_branches;
    let Some(pair) = rules(ctx, worker, args) else { return NOT_READ };
    let message = ctx.message;
    let Some(to) = message.to() else { return Flow::FALSE };
    for item in message.items(Kind::Contact) {
        if pair.is_empty() || item.trim_ascii() == b"*" {
            return Flow::TRUE;
        }
        let Some(contact) = NameAddr::parse(item) else { return Flow::FALSE };
        let contact = ctx.of_message(contact.uri);
        let Some(contact) = plain(ctx, contact, false) else { return Flow::FALSE };
        let contact = ctx.bytes(contact);
        // Without check_all_branches a contact that is allowed may still be denied, as there.
        let allowed = all_branches && pair.allow.have(to.uri, contact);
        if !allowed && pair.deny.have(to.uri, contact) {
            return Flow::FALSE;
        }
    }
    Flow::TRUE
}

fn uri(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), [base, uri]) = (state.downcast_mut::<Worker>(), args) else {
        return NOT_STARTED;
    };
    let Some(pair) = rules(ctx, worker, &[*base]) else { return NOT_READ };
    let (Some(from), Some(uri)) = (ctx.message.from(), uri.text()) else { return Flow::FALSE };
    Flow::of(pair.allows(from.uri, ctx.bytes(uri)))
}

/// The rules that the arguments name.
fn rules<'a>(ctx: &Ctx<'_>, worker: &'a mut Worker, args: &[Value]) -> Option<Pair<'a>> {
    let mut names = args.iter().map(|name| name.text().map(|name| ctx.bytes(name)));
    let (base, deny) = (names.next().flatten(), names.next().flatten());
    worker.rules.get().named(base, deny)
}

/// `sip:user@host` of a URI, without what else it has; without a user `sip:host`, or `sip:@host`.
fn plain(ctx: &mut Ctx<'_>, text: Text, always_at: bool) -> Option<Text> {
    let uri = ctx.uri(text)?;
    let user = uri.user.filter(|user| !user.is_empty()).map(|user| ctx.piece(text, user));
    let host = ctx.piece(text, uri.host);
    let Text { start, .. } = ctx.keep(b"sip:");
    if let Some(user) = user {
        ctx.append(user);
    }
    if user.is_some() || always_at {
        ctx.keep(b"@");
    }
    ctx.append(host);
    Some(Text { source: Source::Arena, start, len: ctx.run.arena.len() as u32 - start })
}
