//! Functions on the Request-URI's parameters and on telephone numbers.

use std::any::Any;

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::params;
use sluice_sip::uri::{Scheme, Uri};

use crate::table::{function, optional, param};

pub(super) const LIST: &[Function] = &[
    function(
        "ruri_has_param",
        "Whether the Request-URI has a parameter with this value, or else without one.",
        HAS,
        Routes::REQUESTS,
        has_param,
    ),
    function(
        "ruri_add_param",
        "Adds a parameter, `name=value`, to the Request-URI.",
        NAME,
        Routes::REQUESTS,
        add_param,
    ),
    function(
        "ruri_del_param",
        "Removes a parameter from the Request-URI; false without it.",
        NAME,
        Routes::REQUESTS,
        delete_param,
    ),
    function(
        "ruri_tel2sip",
        "Turns a tel Request-URI into a sip one at From's host, with user=phone.",
        &[],
        Routes::REQUESTS,
        tel_to_sip,
    ),
    function(
        "is_uri_user_e164",
        "Whether the user of a URI is `+` and 2 to 15 digits.",
        URI,
        Routes::ANY,
        is_e164,
    ),
];

/// Name of a parameter.
pub(crate) const NAME: &[ParamDef] = &[param("name", ParamKind::Text)];
/// Name and value of a parameter.
pub(crate) const HAS: &[ParamDef] =
    &[param("name", ParamKind::Text), optional("value", ParamKind::Text)];
/// A URI.
pub(crate) const URI: &[ParamDef] = &[param("uri", ParamKind::Text)];

/// A parameter of the present Request-URI: its value, empty when it has none.
pub(crate) fn find_param(ctx: &Ctx<'_>, name: Text) -> Option<Text> {
    let uri = ctx.ruri()?;
    let name = ctx.bytes(name);
    let mut params = params::iter(ctx.uri(uri)?.params);
    let found = params.find(|param| param.name.eq_ignore_ascii_case(name))?;
    Some(ctx.piece(uri, found.value.unwrap_or_default()))
}

/// Whether the Request-URI has a parameter with this value, or else without one.
pub(crate) fn has_param(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let found = text(args, 0).and_then(|name| find_param(ctx, name));
    let wanted = text(args, 1).map(|value| ctx.bytes(value)).unwrap_or_default();
    Flow::of(found.is_some_and(|value| ctx.bytes(value) == wanted))
}

/// Adds a parameter to the Request-URI.
pub(crate) fn add_param(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(added), Some(whole)) = (text(args, 0), ctx.ruri()) else { return Flow::FALSE };
    let Some(uri) = ctx.uri(whole) else { return Flow::Fail("the Request-URI is no URI") };
    let (head, headers) = split_headers(ctx, whole, uri);
    let semicolon = ctx.keep(b";");
    ctx.run.ruri = ctx.join([head, semicolon, added, headers].into_iter()).text();
    Flow::TRUE
}

/// Whether the user of a URI is a number of E.164 with its `+`.
pub(crate) fn is_e164(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let uri = text(args, 0).and_then(|uri| ctx.uri(uri));
    let user = uri.and_then(|uri| uri.user).unwrap_or_default();
    let digits = user.strip_prefix(b"+").unwrap_or_default();
    Flow::of((2..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit))
}

fn text(args: &[Value], at: usize) -> Option<Text> {
    args.get(at).and_then(|value| value.text())
}

/// A URI up to its headers, and those with their `?`.
fn split_headers(ctx: &Ctx<'_>, whole: Text, uri: Uri<'_>) -> (Text, Text) {
    let headers = if uri.headers.is_empty() { 0 } else { uri.headers.len() + 1 };
    let at = uri.text.len() - headers;
    let (head, tail) = uri.text.split_at(at);
    (ctx.piece(whole, head), ctx.piece(whole, tail))
}

/// Removes a parameter from the Request-URI.
pub(crate) fn delete_param(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(name), Some(whole)) = (text(args, 0), ctx.ruri()) else { return Flow::FALSE };
    let Some(uri) = ctx.uri(whole) else { return Flow::Fail("the Request-URI is no URI") };
    let name = ctx.bytes(name);
    let Some(param) = params::iter(uri.params).find(|p| p.name.eq_ignore_ascii_case(name)) else {
        return Flow::FALSE;
    };
    // The semicolon before it goes, too.
    let start = ctx.piece(whole, param.name).start - whole.start - 1;
    let behind = ctx.piece(whole, param.name).start - whole.start;
    let rest = uri.text.get(behind as usize..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(rest.len());
    let (head, _) = uri.text.split_at(start as usize);
    let tail = rest.get(length..).unwrap_or_default();
    let pieces = [ctx.piece(whole, head), ctx.piece(whole, tail)];
    ctx.run.ruri = ctx.join(pieces.into_iter()).text();
    Flow::TRUE
}

/// Turns a tel Request-URI into a sip one.
pub(crate) fn tel_to_sip(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value]) -> Flow {
    let Some(whole) = ctx.ruri() else { return Flow::FALSE };
    let Some(uri) = ctx.uri(whole) else { return Flow::Fail("the Request-URI is no URI") };
    if uri.scheme != Scheme::Tel {
        return Flow::TRUE;
    }
    let Some(colon) = uri.text.iter().position(|byte| *byte == b':') else { return Flow::FALSE };
    let number = ctx.piece(whole, uri.text.get(colon + 1..).unwrap_or_default());
    let from = ctx.message.from().and_then(|from| Uri::parse(from.uri));
    let Some(host) = from.map(|from| from.host).filter(|host| !host.is_empty()) else {
        return Flow::Fail("From has no host");
    };
    let host = ctx.of_message(host);
    let sip = ctx.keep(b"sip:");
    let at = ctx.keep(b"@");
    let phone = ctx.keep(b";user=phone");
    ctx.run.ruri = ctx.join([sip, number, at, host, phone].into_iter()).text();
    Flow::TRUE
}
