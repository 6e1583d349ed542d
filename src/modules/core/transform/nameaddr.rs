//! `{nameaddr.*}`: parts of a name-addr, `"Name" <uri>;params`.

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};
use sluice_sip::nameaddr::{NameAddr, items};

use super::{entry, piece, text};

type Part = for<'a> fn(&NameAddr<'a>) -> Option<&'a [u8]>;

pub(super) const LIST: &[Transformation] = &[
    entry("nameaddr", "name", (0, 0), "The display name.", |c, i, _| part(c, i, |a| a.name)),
    entry("nameaddr", "uri", (0, 0), "The URI without brackets.", |c, i, _| {
        part(c, i, |a| Some(a.uri))
    }),
    entry("nameaddr", "params", (0, 0), "All parameters.", |c, i, _| {
        part(c, i, |a| Some(a.params).filter(|params| !params.is_empty()))
    }),
    entry("nameaddr", "len", (0, 0), "Length of the first name-addr.", |ctx, input, _| {
        let whole = ctx.to_text(input);
        let first = items(ctx.bytes(whole)).next().and_then(NameAddr::parse);
        first.map_or(Value::Null, |first| Value::Int(first.text.len() as i64))
    }),
    entry("nameaddr", "param", (1, 1), "The value of a parameter.", |ctx, input, params| {
        let whole = ctx.to_text(input);
        let Some(name) = text(ctx, params, 0) else { return Value::Null };
        let first = items(ctx.bytes(whole)).next().and_then(NameAddr::parse);
        let (Ok(name), Some(first)) = (std::str::from_utf8(ctx.bytes(name)), first) else {
            return Value::Null;
        };
        piece(ctx, whole, first.param(name))
    }),
];

fn part(ctx: &mut Ctx<'_>, input: Value, part: Part) -> Value {
    let whole = ctx.to_text(input);
    let first = items(ctx.bytes(whole)).next().and_then(NameAddr::parse);
    piece(ctx, whole, first.and_then(|first| part(&first)))
}
