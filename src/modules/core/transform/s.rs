//! `{s.*}`: strings.

use sluice_engine::module::{Apply, Transformation};
use sluice_engine::{Ctx, Text, Value};

use super::{entry, made, number, parse, piece, position, text};
use crate::core::calendar::sip_date;

pub(super) const LIST: &[Transformation] = &[
    entry("s", "len", (0, 0), "Length in bytes.", |ctx, input, _| {
        Value::Int(i64::from(ctx.to_text(input).len))
    }),
    entry("s", "int", (0, 0), "The text with the number it begins with; 0 without.", int),
    entry("s", "substr", (1, 2), "From an offset, as many bytes as said; 0: the rest.", substr),
    entry("s", "select", (2, 2), "The i-th field between separators.", select),
    entry(
        "s",
        "index",
        (1, 2),
        "Where a text is found first, from a start; NULL: nowhere.",
        |c, i, p| find(c, i, p, false),
    ),
    entry(
        "s",
        "rindex",
        (1, 2),
        "Where a text is found last, up to a start; NULL: nowhere.",
        |c, i, p| find(c, i, p, true),
    ),
    entry("s", "tolower", (0, 0), "Small letters.", |ctx, input, _| {
        bytes(ctx, input, |bytes| bytes.to_ascii_lowercase())
    }),
    entry("s", "toupper", (0, 0), "Capital letters.", |ctx, input, _| {
        bytes(ctx, input, |bytes| bytes.to_ascii_uppercase())
    }),
    entry("s", "reverse", (0, 0), "Last byte first.", |ctx, input, _| {
        bytes(ctx, input, |bytes| bytes.iter().rev().copied().collect())
    }),
    entry("s", "trim", (0, 0), "Without white space at both ends.", |ctx, input, _| {
        part(ctx, input, |bytes| bytes.trim_ascii())
    }),
    entry("s", "triml", (0, 0), "Without white space at the start.", |ctx, input, _| {
        part(ctx, input, |bytes| bytes.trim_ascii_start())
    }),
    entry("s", "trimr", (0, 0), "Without white space at the end.", |ctx, input, _| {
        part(ctx, input, |bytes| bytes.trim_ascii_end())
    }),
    entry("s", "fill.left", (2, 2), "Filled on the left with a text to a length.", |c, i, p| {
        fill(c, i, p, true)
    }),
    entry("s", "fill.right", (2, 2), "Filled on the right with a text to a length.", |c, i, p| {
        fill(c, i, p, false)
    }),
    entry("s", "width", (1, 1), "Cut or filled with blanks on the right to a length.", width),
    Transformation {
        class: "s",
        name: "eval",
        doc: "The text with its variables replaced by their values.",
        params: (0, 0),
        apply: Apply::Evaluate,
    },
    entry(
        "s",
        "date2unix",
        (0, 0),
        "A SIP date, `Thu, 13 Jun 2024 12:48:00 GMT`, as Unix seconds.",
        |ctx, input, _| {
            let text = ctx.to_text(input);
            let seconds = sip_date(ctx.bytes(text)).and_then(|seconds| i64::try_from(seconds).ok());
            seconds.map_or(Value::Null, Value::Int)
        },
    ),
    entry("s", "dec2hex", (0, 0), "A decimal number in hexadecimal.", |ctx, input, _| {
        let number = whole_number(ctx, input).and_then(|number| u64::try_from(number).ok());
        let hex = number.map(|number| format!("{number:x}"));
        made(ctx, hex.as_deref().map(str::as_bytes))
    }),
    entry("s", "hex2dec", (0, 0), "A hexadecimal number in decimal.", |ctx, input, _| {
        let text = ctx.to_text(input);
        let hex = std::str::from_utf8(ctx.bytes(text)).ok();
        let hex = hex.map(|hex| hex.trim().trim_start_matches("0x"));
        let number = hex.and_then(|hex| i64::from_str_radix(hex, 16).ok());
        number.filter(|number| *number >= 0).map_or(Value::Null, Value::Int)
    }),
];

/// Longest text that filling makes: no variable of a script needs more.
const WIDEST: usize = 65_535;

fn whole_number(ctx: &mut Ctx<'_>, input: Value) -> Option<i64> {
    input.int().or_else(|| parse(ctx.bytes(input.text()?)))
}

fn bytes(ctx: &mut Ctx<'_>, input: Value, make: fn(&[u8]) -> Vec<u8>) -> Value {
    let text = ctx.to_text(input);
    let bytes = make(ctx.bytes(text));
    made(ctx, Some(&bytes))
}

fn part(ctx: &mut Ctx<'_>, input: Value, take: fn(&[u8]) -> &[u8]) -> Value {
    let text = ctx.to_text(input);
    piece(ctx, text, Some(take(ctx.bytes(text))))
}

/// spec 0: prints the original text, only its number face is the number.
fn int(ctx: &mut Ctx<'_>, input: Value, _: &[Value]) -> Value {
    let text = ctx.to_text(input);
    let bytes = ctx.bytes(text).trim_ascii_start();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let digits = bytes.iter().skip(sign).take_while(|byte| byte.is_ascii_digit()).count();
    let number = bytes.get(..sign + digits).and_then(parse);
    Value::Both(text, number.unwrap_or(0))
}

fn substr(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let length = i64::from(whole.len);
    let Some(offset) = number(ctx, params, 0) else { return Value::Null };
    let wanted = if params.len() > 1 { number(ctx, params, 1) } else { Some(0) };
    let start = if offset < 0 { offset.saturating_add(length) } else { offset };
    let (true, Some(wanted)) = ((0..length).contains(&start), wanted) else { return Value::Null };
    let taken = match wanted {
        0 => length - start,
        1.. => wanted.min(length - start),
        _ => length.saturating_add(wanted) - start,
    };
    if taken < 0 {
        return Value::Null;
    }
    Value::Text(Text { start: whole.start + start as u32, len: taken as u32, ..whole })
}

fn select(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let (Some(at), Some(separator)) = (number(ctx, params, 0), text(ctx, params, 1)) else {
        return Value::Null;
    };
    let Some(separator) = ctx.bytes(separator).first().copied() else { return Value::Null };
    let fields = || ctx.bytes(whole).split(|byte| *byte == separator);
    let found = position(at, fields().count()).and_then(|at| fields().nth(at));
    piece(ctx, whole, found)
}

/// A negative start counts from the end, and wraps when it is before the beginning
/// (OpenSIPS manual, Script-Tran).
fn find(ctx: &mut Ctx<'_>, input: Value, params: &[Value], last: bool) -> Value {
    let whole = ctx.to_text(input);
    let Some(wanted) = text(ctx, params, 0) else { return Value::Null };
    let (hay, wanted) = (ctx.bytes(whole), ctx.bytes(wanted));
    if wanted.is_empty() || hay.is_empty() {
        return Value::Null;
    }
    let start = match number(ctx, params, 1) {
        Some(at @ ..0) => Some(at.rem_euclid(hay.len() as i64) as usize),
        Some(at) => Some(usize::try_from(at).unwrap_or(usize::MAX)),
        None => None,
    };
    let at = |(_, window): &(usize, &[u8])| *window == wanted;
    let mut windows = hay.windows(wanted.len()).enumerate();
    let found = if last {
        let most = start.unwrap_or(usize::MAX);
        windows.rev().filter(|(at, _)| *at <= most).find(at)
    } else {
        let least = start.unwrap_or(0);
        windows.find(|window| window.0 >= least && at(window))
    };
    found.map_or(Value::Null, |(at, _)| Value::Int(at as i64))
}

/// `abc` to 8 is `bcabc485` on the left and `485abcab` on the right.
fn fill(ctx: &mut Ctx<'_>, input: Value, params: &[Value], left: bool) -> Value {
    let whole = ctx.to_text(input);
    let (Some(token), Some(length)) = (text(ctx, params, 0), number(ctx, params, 1)) else {
        return Value::Null;
    };
    // The manual writes `{s.fill.left, 0, 6}`.
    let (bytes, token) = (ctx.bytes(whole), ctx.bytes(token).trim_ascii_start());
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= WIDEST) else {
        return Value::Null;
    };
    let missing = length.saturating_sub(bytes.len());
    if token.is_empty() || missing == 0 {
        return Value::Text(whole);
    }
    let filled: Vec<u8> = if left {
        let skipped = (token.len() - missing % token.len()) % token.len();
        let filler = token.iter().cycle().skip(skipped).take(missing);
        filler.chain(bytes).copied().collect()
    } else {
        bytes.iter().chain(token.iter().cycle().take(missing)).copied().collect()
    };
    made(ctx, Some(&filled))
}

fn width(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let length = number(ctx, params, 0).and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length <= WIDEST) else { return Value::Null };
    let mut bytes = ctx.bytes(whole).to_vec();
    bytes.resize(length, b' ');
    made(ctx, Some(&bytes))
}
