//! `{nameaddr.*}`: parts of a name-addr, `"Name" <uri>;params`; `{nameaddr.2.uri}` those of the
//! third of a list, `{nameaddr.-1.uri}` of the last.

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};
use sluice_sip::nameaddr::{NameAddr, items};

use super::{entry, number, piece, position, text};

type Part = for<'a> fn(&NameAddr<'a>) -> Option<&'a [u8]>;

const NAME: Part = |address| address.name;
const URI: Part = |address| Some(address.uri);
const PARAMS: Part = |address| Some(address.params).filter(|params| !params.is_empty());

/// In the name of an entry `i.` stands for the index, which is the first parameter.
pub(super) const LIST: &[Transformation] = &[
    entry("nameaddr", "name", (0, 0), "The display name.", |c, i, _| part(c, i, 0, NAME)),
    entry("nameaddr", "uri", (0, 0), "The URI without brackets.", |c, i, _| part(c, i, 0, URI)),
    entry("nameaddr", "params", (0, 0), "All parameters.", |c, i, _| part(c, i, 0, PARAMS)),
    entry("nameaddr", "len", (0, 0), "Length of the name-addr.", |c, i, _| len(c, i, 0)),
    entry("nameaddr", "param", (1, 1), "The value of a parameter.", |c, i, p| param(c, i, 0, p)),
    entry("nameaddr", "i.name", (1, 1), "The display name of the i-th.", |c, i, p| {
        of_list(c, p, |c, at, _| part(c, i, at, NAME))
    }),
    entry("nameaddr", "i.uri", (1, 1), "The URI of the i-th.", |c, i, p| {
        of_list(c, p, |c, at, _| part(c, i, at, URI))
    }),
    entry("nameaddr", "i.params", (1, 1), "All parameters of the i-th.", |c, i, p| {
        of_list(c, p, |c, at, _| part(c, i, at, PARAMS))
    }),
    entry("nameaddr", "i.len", (1, 1), "Length of the i-th name-addr.", |c, i, p| {
        of_list(c, p, |c, at, _| len(c, i, at))
    }),
    entry("nameaddr", "i.param", (2, 2), "The value of a parameter of the i-th.", |c, i, p| {
        of_list(c, p, |c, at, rest| param(c, i, at, rest))
    }),
];

/// Takes the index off the parameters.
fn of_list(
    ctx: &mut Ctx<'_>,
    params: &[Value],
    then: impl FnOnce(&mut Ctx<'_>, i64, &[Value]) -> Value,
) -> Value {
    match (number(ctx, params, 0), params) {
        (Some(at), [_, rest @ ..]) => then(ctx, at, rest),
        _ => Value::Null,
    }
}

fn pick(list: &[u8], at: i64) -> Option<NameAddr<'_>> {
    let at = position(at, if at < 0 { items(list).count() } else { usize::MAX })?;
    items(list).nth(at).and_then(NameAddr::parse)
}

fn part(ctx: &mut Ctx<'_>, input: Value, at: i64, part: Part) -> Value {
    let whole = ctx.to_text(input);
    let found = pick(ctx.bytes(whole), at).and_then(|address| part(&address));
    piece(ctx, whole, found)
}

fn len(ctx: &mut Ctx<'_>, input: Value, at: i64) -> Value {
    let whole = ctx.to_text(input);
    let address = pick(ctx.bytes(whole), at);
    address.map_or(Value::Null, |address| Value::Int(address.text.len() as i64))
}

fn param(ctx: &mut Ctx<'_>, input: Value, at: i64, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let Some(name) = text(ctx, params, 0) else { return Value::Null };
    let address = pick(ctx.bytes(whole), at);
    let (Ok(name), Some(address)) = (std::str::from_utf8(ctx.bytes(name)), address) else {
        return Value::Null;
    };
    piece(ctx, whole, address.param(name))
}
