//! Encodings and escapes of strings.

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
        change(c, i, |bytes| Some(base64(bytes)))
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

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two small digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |value: u8| DIGITS[usize::from(value & 15)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then_some(())?;
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 4, padded.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= group.len() { digit } else { b'=' });
        }
    }
    out
}

fn unbase64(digits: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(digits.len() / 4 * 3);
    let end = digits.iter().position(|digit| *digit == b'=').unwrap_or(digits.len());
    let (mut bits, mut count) = (0u32, 0u32);
    for digit in digits.get(..end)? {
        let value = BASE64.iter().position(|known| known == digit)?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
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
                let byte = nibble(*high)? << 4 | nibble(*low)?;
                matches!(byte, 32..=126).then(|| out.push(byte))?;
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
