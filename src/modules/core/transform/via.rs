//! `{via.*}`: parts of a Via value. What is no Via gives NULL.

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};
use sluice_sip::via::Via;

use super::{entry, piece, text};

type Part = for<'a> fn(&Via<'a>) -> Option<&'a [u8]>;

pub(super) const LIST: &[Transformation] = &[
    entry("via", "name", (0, 0), "The protocol's name, SIP.", |c, i, _| {
        part(c, i, |via| slashed(via, 0))
    }),
    entry("via", "version", (0, 0), "The protocol's version, 2.0.", |c, i, _| {
        part(c, i, |via| slashed(via, 1))
    }),
    entry("via", "transport", (0, 0), "The transport.", |c, i, _| {
        part(c, i, |via| Some(via.transport))
    }),
    entry("via", "host", (0, 0), "The host of the Via.", |c, i, _| {
        part(c, i, |via| Some(via.host))
    }),
    entry("via", "domain", (0, 0), "The host of the Via.", |c, i, _| {
        part(c, i, |via| Some(via.host))
    }),
    entry("via", "port", (0, 0), "The port as written.", |ctx, input, _| {
        let whole = ctx.to_text(input);
        let port = read(ctx.bytes(whole)).and_then(|via| via.port);
        port.map_or(Value::Null, |port| Value::Int(i64::from(port)))
    }),
    entry("via", "comment", (0, 0), "The text in parentheses (RFC 2543).", |ctx, input, _| {
        let whole = ctx.to_text(input);
        let (_, comment) = split(ctx.bytes(whole));
        piece(ctx, whole, comment)
    }),
    entry("via", "params", (0, 0), "All parameters.", |c, i, _| part(c, i, |via| Some(via.params))),
    entry("via", "param", (1, 1), "The value of a parameter.", |ctx, input, params| {
        let whole = ctx.to_text(input);
        let Some(name) = text(ctx, params, 0) else { return Value::Null };
        let (name, via) = (std::str::from_utf8(ctx.bytes(name)), read(ctx.bytes(whole)));
        let (Ok(name), Some(via)) = (name, via) else { return Value::Null };
        piece(ctx, whole, via.param(name).filter(|value| !value.is_empty()))
    }),
    entry("via", "branch", (0, 0), "Parameter branch.", |c, i, _| {
        part(c, i, |via| via.param("branch"))
    }),
    entry("via", "received", (0, 0), "Parameter received.", |c, i, _| {
        part(c, i, |via| via.param("received"))
    }),
    entry("via", "rport", (0, 0), "Parameter rport.", |c, i, _| {
        part(c, i, |via| via.param("rport"))
    }),
];

fn read(text: &[u8]) -> Option<Via<'_>> {
    Via::parse(split(text).0)
}

/// The Via and its comment: RFC 2543 6.40 lets a `(text)` follow the parameters.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut quoted = false;
    let open = text.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b'(' && !quoted
    });
    let Some((via, comment)) = open.map(|open| text.split_at(open)) else { return (text, None) };
    let inside = comment.trim_ascii_end().strip_prefix(b"(").and_then(|c| c.strip_suffix(b")"));
    (via.trim_ascii_end(), inside)
}

fn slashed<'a>(via: &Via<'a>, at: usize) -> Option<&'a [u8]> {
    via.text.split(|byte| *byte == b'/').nth(at).map(<[u8]>::trim_ascii)
}

fn part(ctx: &mut Ctx<'_>, input: Value, part: Part) -> Value {
    let whole = ctx.to_text(input);
    let found = read(ctx.bytes(whole)).and_then(|via| part(&via));
    piece(ctx, whole, found.filter(|found| !found.is_empty()))
}
