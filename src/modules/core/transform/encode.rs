//! Encodings and escapes of strings.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};

use super::{entry, made, text};

pub(super) const LIST: &[Transformation] = &[
    entry("s", "encode.hexa", (0, 0), "Bytes as hexadecimal digits.", |c, i, _| {
        change(c, i, |bytes| Some(hex(bytes)))
    }),
    entry("s", "decode.hexa", (0, 0), "Hexadecimal digits as bytes.", |c, i, _| {
        change(c, i, unhex)
    }),
    entry("s", "b64encode", (0, 0), "Bytes as base 64.", |c, i, _| {
        change(c, i, |bytes| Some(BASE64.encode(bytes).into_bytes()))
    }),
    entry("s", "b64decode", (0, 0), "Base 64 as bytes.", |c, i, _| change(c, i, unbase64)),
    entry("s", "xor", (1, 1), "Each byte xor the key's, which repeats.", |ctx, input, params| {
        let whole = ctx.to_text(input);
        let Some(key) = text(ctx, params, 0).filter(|key| key.len > 0) else { return Value::Null };
        let pairs = ctx.bytes(whole).iter().zip(ctx.bytes(key).iter().cycle());
        let bytes: Vec<u8> = pairs.map(|(a, b)| a ^ b).collect();
        made(ctx, Some(&bytes))
    }),
    entry(
        "s",
        "escape.common",
        (0, 0),
        "Backslashes before quotes, backslashes, NUL.",
        |c, i, _| change(c, i, |bytes| Some(slashed(bytes))),
    ),
    entry("s", "unescape.common", (0, 0), "The opposite of escape.common.", |c, i, _| {
        change(c, i, |bytes| Some(unslashed(bytes)))
    }),
    entry("s", "escape.user", (0, 0), "Percent escapes for a URI's user.", |c, i, _| {
        change(c, i, |bytes| Some(percent(bytes, b"-_.!~*'()&=+$,;?/")))
    }),
    entry("s", "unescape.user", (0, 0), "The opposite of escape.user.", |c, i, _| {
        change(c, i, unpercent)
    }),
    entry("s", "escape.param", (0, 0), "Percent escapes for a URI's parameter.", |c, i, _| {
        change(c, i, |bytes| Some(percent(bytes, b"-_.!~*'()[]/:&+$")))
    }),
    entry("s", "unescape.param", (0, 0), "The opposite of escape.param.", |c, i, _| {
        change(c, i, unpercent)
    }),
];

fn change(ctx: &mut Ctx<'_>, input: Value, make: fn(&[u8]) -> Option<Vec<u8>>) -> Value {
    let text = ctx.to_text(input);
    let bytes = make(ctx.bytes(text));
    made(ctx, bytes.as_deref())
}

/// Two small digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> Vec<u8> {
    HEXLOWER.encode(bytes).into_bytes()
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(digits).ok()
}

/// RFC 4648 4; whatever stands behind the first `=` is not read, and it may be missing.
fn unbase64(digits: &[u8]) -> Option<Vec<u8>> {
    BASE64_NOPAD.decode(digits.split(|digit| *digit == b'=').next()?).ok()
}

fn slashed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\'' | b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0 => out.extend_from_slice(b"\\0"),
            other => out.push(*other),
        }
    }
    out
}

fn unslashed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'\\', byte @ (b'\'' | b'"' | b'\\'), rest @ ..] => {
                out.push(*byte);
                rest
            }
            [b'\\', b'0', rest @ ..] => {
                out.push(0);
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
            [] => return out,
        };
    }
}

fn percent(bytes: &[u8], allowed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || allowed.contains(byte) {
            out.push(*byte);
        } else {
            out.push(b'%');
            out.extend(hex(&[*byte]));
        }
    }
    out
}

/// spec 0: what is no escape, or stands for no printable ASCII character, gives NULL.
fn unpercent(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'%', high, low, rest @ ..] => {
                let byte = unhex(&[*high, *low])?;
                matches!(byte[..], [32..=126]).then(|| out.extend(byte))?;
                rest
            }
            [b'%', ..] => return None,
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
            [] => return Some(out),
        };
    }
}
