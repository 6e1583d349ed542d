//! Functions on the Request-URI's parameters and on telephone numbers.

use std::any::Any;

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::params;
use sluice_sip::uri::{Scheme, Uri};

use crate::table::{function, optional, param};

const NAME: &[ParamDef] = &[param("name", ParamKind::Text)];
const HAS: &[ParamDef] = &[param("name", ParamKind::Text), optional("value", ParamKind::Text)];
const URI: &[ParamDef] = &[param("uri", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    function(
        "ruri_has_param",
        "Whether the Request-URI has a parameter, with this value if given.",
        HAS,
        Routes::REQUESTS,
        |ctx, _, args| {
            let (Some(name), Some(uri)) = (text(args, 0), ctx.ruri()) else { return Flow::FALSE };
            let wanted = text(args, 1).map(|value| ctx.bytes(value));
            let params = ctx.uri(uri).map(|uri| uri.params).unwrap_or_default();
            let found = params::iter(params).find(|p| p.name.eq_ignore_ascii_case(ctx.bytes(name)));
            Flow::of(found.is_some_and(|p| wanted.is_none_or(|value| p.value == Some(value))))
        },
    ),
    function(
        "ruri_add_param",
        "Adds a parameter, `name=value`, to the Request-URI.",
        NAME,
        Routes::REQUESTS,
        |ctx, _, args| {
            let (Some(added), Some(whole)) = (text(args, 0), ctx.ruri()) else {
                return Flow::FALSE;
            };
            let Some(uri) = ctx.uri(whole) else { return Flow::Fail("the Request-URI is no URI") };
            let (head, headers) = split_headers(ctx, whole, uri);
            let semicolon = ctx.keep(b";");
            ctx.run.ruri = ctx.join([head, semicolon, added, headers].into_iter()).text();
            Flow::TRUE
        },
    ),
    function(
        "ruri_del_param",
        "Removes a parameter from the Request-URI; false without it.",
        NAME,
        Routes::REQUESTS,
        delete,
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
        |ctx, _, args| {
            let uri = text(args, 0).and_then(|uri| ctx.uri(uri));
            let user = uri.and_then(|uri| uri.user).unwrap_or_default();
            let digits = user.strip_prefix(b"+").unwrap_or_default();
            Flow::of((2..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit))
        },
    ),
];

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

fn delete(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
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

fn tel_to_sip(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value]) -> Flow {
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
