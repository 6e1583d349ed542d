//! `{param.*}`: a list `a=b;c;d=e`. An empty value, `b=;`, spoils the whole list (spec 0).

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Text, Value};

use super::{entry, number, piece, position, text};

pub(super) const LIST: &[Transformation] = &[
    entry("param", "value", (1, 2), "The value of a name; a separator may be given.", |c, i, p| {
        let (whole, separator) = (c.to_text(i), separator(c, p, 1));
        let Some(name) = text(c, p, 0) else { return Value::Null };
        let name = c.bytes(name).trim_ascii();
        let all = items(c.bytes(whole), separator);
        let found = all.and_then(|all| all.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)));
        value(c, whole, found)
    }),
    entry("param", "exist", (1, 2), "1 when the name is there, else 0.", |c, i, p| {
        let (whole, separator) = (c.to_text(i), separator(c, p, 1));
        let Some(name) = text(c, p, 0) else { return Value::Null };
        let name = c.bytes(name).trim_ascii();
        match items(c.bytes(whole), separator) {
            Some(all) => {
                Value::Int(i64::from(all.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))))
            }
            None => Value::Null,
        }
    }),
    entry("param", "valueat", (1, 2), "The value of the i-th pair.", |c, i, p| {
        let (whole, separator) = (c.to_text(i), separator(c, p, 1));
        let found = at(c, whole, p, separator);
        value(c, whole, found)
    }),
    entry("param", "name", (1, 2), "The name of the i-th pair.", |c, i, p| {
        let (whole, separator) = (c.to_text(i), separator(c, p, 1));
        piece(c, whole, at(c, whole, p, separator).map(|(name, _)| name))
    }),
    entry("param", "count", (0, 1), "How many pairs there are.", |c, i, p| {
        let (whole, separator) = (c.to_text(i), separator(c, p, 0));
        let all = items(c.bytes(whole), separator);
        all.map_or(Value::Null, |all| Value::Int(all.len() as i64))
    }),
];

type Item<'a> = (&'a [u8], Option<&'a [u8]>);

fn separator(ctx: &mut Ctx<'_>, params: &[Value], at: usize) -> u8 {
    let given = text(ctx, params, at).and_then(|text| ctx.bytes(text).first().copied());
    given.unwrap_or(b';')
}

/// Names and values; quotes protect separators and are taken off.
fn items(list: &[u8], separator: u8) -> Option<Vec<Item<'_>>> {
    let mut quoted = false;
    let pieces = list.split(|byte| {
        quoted ^= *byte == b'"';
        *byte == separator && !quoted
    });
    let pieces = pieces.map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| match piece.iter().position(|byte| *byte == b'=') {
            None => Some((piece, None)),
            Some(equals) => {
                let (name, value) = piece.split_at(equals);
                let value = value.get(1..)?.trim_ascii();
                let unquoted = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
                let value = unquoted.or(Some(value).filter(|value| !value.is_empty()))?;
                Some((name.trim_ascii(), Some(value)))
            }
        })
        .collect()
}

fn at<'a>(ctx: &'a Ctx<'_>, whole: Text, params: &[Value], separator: u8) -> Option<Item<'a>> {
    let all = items(ctx.bytes(whole), separator)?;
    let at = position(number(ctx, params, 0)?, all.len())?;
    all.get(at).copied()
}

/// The value of a pair; empty for a bare name.
fn value(ctx: &Ctx<'_>, whole: Text, found: Option<Item<'_>>) -> Value {
    match found {
        Some((_, Some(value))) => piece(ctx, whole, Some(value)),
        Some((_, None)) => Value::Text(Text { len: 0, ..whole }),
        None => Value::Null,
    }
}
