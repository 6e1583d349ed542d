//! Functions about the message and the moment as a whole: `send`, `construct_uri`,
//! `get_timestamp`.

use std::any::Any;

use sluice_engine::job::Answer;
use sluice_engine::module::Function;
use sluice_engine::sockets::Remote;
use sluice_engine::{Ctx, Flow, Text, Value, forward};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::forward::{address, found};
use crate::table::{function, optional, param};

const SEND: &[ParamDef] =
    &[param("destination", ParamKind::Text), optional("headers", ParamKind::Text)];
const URI: &[ParamDef] = &[
    param("scheme", ParamKind::Text),
    optional("user", ParamKind::Text),
    param("host", ParamKind::Text),
    optional("port", ParamKind::Text),
    optional("parameters", ParamKind::Text),
    param("result", ParamKind::Output),
];
const TIME: &[ParamDef] =
    &[param("seconds", ParamKind::Output), param("microseconds", ParamKind::Output)];

pub(super) const LIST: &[Function] = &[
    Function {
        suspends: true,
        ..function(
            "send",
            "Sends the message as it was received, with lines of its own if given.",
            SEND,
            Routes::ANY,
            |ctx, _, args| address(ctx, args, send, sent),
        )
    },
    function(
        "construct_uri",
        "Puts a URI together; parts may be left out or empty.",
        URI,
        Routes::ANY,
        |ctx, _, args| construct(ctx, args),
    ),
    function(
        "get_timestamp",
        "Gives the time now: Unix seconds and the microseconds of the second.",
        TIME,
        Routes::ANY,
        |ctx, _, args| {
            let [seconds, micros] = args else { return Flow::FALSE };
            let now = ctx.now.wall_us;
            ctx.output(*seconds, Value::Int((now / 1_000_000) as i64));
            ctx.output(*micros, Value::Int((now % 1_000_000) as i64));
            Flow::TRUE
        },
    ),
];

fn sent(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    found(ctx, args, answer, send)
}

fn send(ctx: &mut Ctx<'_>, args: &[Value], to: Remote) -> Flow {
    let lines = args.get(1).and_then(|lines| lines.text());
    if ctx.is_filtered(to) {
        return Flow::FALSE;
    }
    if forward::unchanged(ctx, to, lines) {
        return Flow::TRUE;
    }
    Flow::Fail("send() found no socket of the destination's transport and address family")
}

fn construct(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let [scheme, user, host, port, parameters, result] = args else { return Flow::FALSE };
    let (Some(scheme), Some(host)) = (given(scheme), given(host)) else {
        return Flow::Fail("construct_uri() needs a scheme and a host");
    };
    let mut uri = Vec::new();
    let mut put = |before: &[u8], text: Option<Text>, behind: &[u8]| {
        if let Some(text) = text {
            uri.extend_from_slice(before);
            uri.extend_from_slice(ctx.bytes(text));
            uri.extend_from_slice(behind);
        }
    };
    put(b"", Some(scheme), b":");
    put(b"", given(user), b"@");
    put(b"", Some(host), b"");
    put(b":", given(port), b"");
    put(b";", given(parameters), b"");
    let uri = ctx.keep(&uri);
    if ctx.uri(uri).is_none() {
        return Flow::Fail("construct_uri() made no URI of its parts");
    }
    ctx.output(*result, Value::Text(uri));
    Flow::TRUE
}

/// A part that is neither left out nor empty.
fn given(part: &Value) -> Option<Text> {
    part.text().filter(|text| text.len > 0)
}
