//! The transformations `{class.name,params}` (spec 2.5 with the corrections of spec 0), one file
//! per class. Input that does not fit gives NULL.

mod csv;
mod digest;
mod encode;
mod ip;
mod list;
mod nameaddr;
mod re;
mod s;
mod sdp;
mod uri;
mod via;

use sluice_engine::module::{Apply, Transformation};
use sluice_engine::{Ctx, Text, Value};

use crate::table::{concat, total};

const LISTS: &[&[Transformation]] = &[
    s::LIST,
    digest::LIST,
    encode::LIST,
    uri::LIST,
    via::LIST,
    list::LIST,
    nameaddr::LIST,
    csv::LIST,
    ip::LIST,
    re::LIST,
    sdp::LIST,
];

/// All of them.
pub(super) static ALL: [Transformation; total(LISTS)] = concat(LISTS);

type Now = fn(&mut Ctx<'_>, Value, &[Value]) -> Value;

const fn entry(
    class: &'static str,
    name: &'static str,
    params: (u8, u8),
    doc: &'static str,
    apply: Now,
) -> Transformation {
    Transformation { class, name, doc, params, apply: Apply::Now(apply) }
}

/// A parameter as text.
fn text(ctx: &mut Ctx<'_>, params: &[Value], at: usize) -> Option<Text> {
    let value = params.get(at).copied().filter(|value| !value.is_null())?;
    Some(ctx.to_text(value))
}

/// A parameter as a number.
fn number(ctx: &Ctx<'_>, params: &[Value], at: usize) -> Option<i64> {
    let value = params.get(at)?;
    value.int().or_else(|| parse(ctx.bytes(value.text()?)))
}

fn parse(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// A piece of `whole` as a value.
fn piece(ctx: &Ctx<'_>, whole: Text, piece: Option<&[u8]>) -> Value {
    piece.map_or(Value::Null, |piece| Value::Text(ctx.piece(whole, piece)))
}

/// Bytes made anew.
fn made(ctx: &mut Ctx<'_>, bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| Value::Text(ctx.keep(bytes)))
}

/// The i-th of `len`, negative ones from the end.
fn position(at: i64, len: usize) -> Option<usize> {
    let at = if at < 0 { at + len as i64 } else { at };
    usize::try_from(at).ok().filter(|at| *at < len)
}
