//! `{uri.*}`: parts of a URI. Absent parts are NULL; there are no defaults here.

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};
use sluice_sip::uri::Uri;

use super::{entry, piece, text};
use crate::core::uri::Pieces;

type Part = for<'a> fn(&Uri<'a>) -> Option<&'a [u8]>;

pub(super) const LIST: &[Transformation] = &[
    entry("uri", "user", (0, 0), "The user of the URI.", |c, i, _| part(c, i, |uri| uri.user)),
    entry("uri", "host", (0, 0), "The host of the URI.", |c, i, _| {
        part(c, i, |uri| Some(uri.host))
    }),
    entry("uri", "domain", (0, 0), "The host of the URI.", |c, i, _| {
        part(c, i, |uri| Some(uri.host))
    }),
    entry("uri", "passwd", (0, 0), "The password.", |c, i, _| part(c, i, |uri| uri.password)),
    entry("uri", "port", (0, 0), "The port as written.", |ctx, input, _| {
        let whole = ctx.to_text(input);
        match Pieces::of(ctx, whole).and_then(|pieces| pieces.port) {
            Some(port) => {
                let number = super::parse(ctx.bytes(port));
                number.map_or(Value::Null, |number| Value::Both(port, number))
            }
            None => Value::Null,
        }
    }),
    entry("uri", "params", (0, 0), "All parameters.", |c, i, _| part(c, i, |uri| Some(uri.params))),
    entry("uri", "headers", (0, 0), "All headers.", |c, i, _| part(c, i, |uri| Some(uri.headers))),
    entry("uri", "param", (1, 1), "The value of a parameter.", |ctx, input, params| {
        let whole = ctx.to_text(input);
        let Some(name) = text(ctx, params, 0) else { return Value::Null };
        let (name, uri) = (std::str::from_utf8(ctx.bytes(name)), ctx.uri(whole));
        let (Ok(name), Some(uri)) = (name, uri) else { return Value::Null };
        match uri.param(name) {
            Some(b"") => Value::Text(sluice_engine::Text { len: 0, ..whole }),
            value => piece(ctx, whole, value),
        }
    }),
    entry("uri", "transport", (0, 0), "Parameter transport.", |c, i, _| {
        part(c, i, |uri| uri.param("transport"))
    }),
    entry("uri", "ttl", (0, 0), "Parameter ttl.", |c, i, _| part(c, i, |uri| uri.param("ttl"))),
    entry("uri", "uparam", (0, 0), "Parameter user.", |c, i, _| {
        part(c, i, |uri| uri.param("user"))
    }),
    entry("uri", "maddr", (0, 0), "Parameter maddr.", |c, i, _| {
        part(c, i, |uri| uri.param("maddr"))
    }),
    entry("uri", "method", (0, 0), "Parameter method.", |c, i, _| {
        part(c, i, |uri| uri.param("method"))
    }),
    entry("uri", "lr", (0, 0), "Value of parameter lr; NULL for a bare one.", |c, i, _| {
        part(c, i, |uri| uri.param("lr"))
    }),
    entry("uri", "r2", (0, 0), "Value of parameter r2; NULL for a bare one.", |c, i, _| {
        part(c, i, |uri| uri.param("r2"))
    }),
    entry("uri", "schema", (0, 0), "The scheme.", |c, i, _| {
        part(c, i, |uri| uri.text.split(|byte| *byte == b':').next())
    }),
];

fn part(ctx: &mut Ctx<'_>, input: Value, part: Part) -> Value {
    let whole = ctx.to_text(input);
    let found = ctx.uri(whole).and_then(|uri| part(&uri)).filter(|found| !found.is_empty());
    piece(ctx, whole, found)
}
