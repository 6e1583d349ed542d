//! Small questions about bytes that every reader of SIP text asks: blanks, tokens, numbers.
//!
//! Takes slices, gives slices or plain values; never allocates.

use sluice_base::lanes::{blanks_in_16, equal_in_16};

/// Whether a byte is white space of a header value: a blank, or part of a fold (RFC 3261 7.3.1).
#[inline]
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space at both ends.
#[inline]
pub fn trim(text: &[u8]) -> &[u8] {
    trim_start(trim_end(text))
}

/// `text` without white space at its start.
#[inline]
pub fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    text
}

/// `text` without white space at its end.
#[inline]
pub fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// Whether `text` is a token: one or more token characters (RFC 3261 25.1).
#[inline]
pub fn is_token(text: &[u8]) -> bool {
    // All bytes are looked at: tokens are short, and a loop without an exit is cheaper.
    !text.is_empty() && text.iter().fold(true, |all, byte| all & TOKEN[usize::from(*byte)])
}

/// The number that all of `text` spells; `None` when it is empty, no number, or over 32 bits.
#[inline]
pub fn number(text: &[u8]) -> Option<u32> {
    let digit = |number: u32, byte: &u8| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
    };
    match text.len() {
        0 => return None,
        2 => {
            // As Max-Forwards mostly has them.
            let [tens, ones] = [0, 1].map(|at| u32::from(text[at].wrapping_sub(b'0')));
            return (tens <= 9 && ones <= 9).then_some(tens * 10 + ones);
        }
        // No check of each step: nine digits fit.
        1..=9 => return text.iter().try_fold(0, digit),
        _ => {}
    }
    text.iter().try_fold(0u32, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u32::from(byte - b'0')),
        _ => None,
    })
}

/// A q value as its thousandths, `0.5` as 500 (RFC 3261 25.1); at most three digits follow the dot.
pub fn q_value(q: &[u8]) -> Option<u16> {
    let (whole, rest) = match q.iter().position(|byte| *byte == b'.') {
        Some(dot) => (q.get(..dot)?, q.get(dot + 1..)?),
        None => (q, &b""[..]),
    };
    let whole = match whole {
        b"" | b"0" => 0,
        b"1" => 1_000,
        _ => return None,
    };
    if rest.len() > 3 || !rest.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let scale = [100u16, 10, 1];
    let part: u16 = rest.iter().zip(scale).map(|(digit, by)| u16::from(digit - b'0') * by).sum();
    Some(whole + part).filter(|q| *q <= 1_000)
}

/// How many digits `text` begins with.
#[inline]
pub fn leading_digits(text: &[u8]) -> usize {
    match text.first_chunk().map(|head| digits_in_word(u64::from_le_bytes(*head))) {
        Some(count @ ..8) => count,
        _ => text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()),
    }
}

/// The number that `text` begins with, and its digits; `None` without one to seven digits, and
/// for texts of less than eight bytes.
#[inline]
pub(crate) fn leading_number(text: &[u8]) -> Option<(u32, usize)> {
    let word = u64::from_le_bytes(*text.first_chunk()?);
    let count = digits_in_word(word);
    if !(1..8).contains(&count) {
        return None;
    }
    // The last digit goes to the top; two digits, then four, then eight become one number.
    let ones = (word << (64 - 8 * count)) & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (ones.wrapping_mul(10 << 8 | 1) >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_FFFF_0000_FFFF;
    Some(((fours.wrapping_mul(10_000 << 32 | 1) >> 32) as u32, count))
}

/// How many bytes of a word are digits before the first that is none; the lowest comes first.
#[inline]
fn digits_in_word(word: u64) -> usize {
    // A digit has 3 in its upper half, also with 6 added; what carries was none itself.
    let upper = |word: u64| (word & 0xF0F0_F0F0_F0F0_F0F0) ^ 0x3030_3030_3030_3030;
    let others = upper(word) | upper(word.wrapping_add(0x0606_0606_0606_0606));
    others.trailing_zeros() as usize / 8
}

/// Whether a URI can stand in a first line, and between `<` and `>`: it is not empty, and nothing
/// in it ends the line or the brackets.
pub fn is_enclosable(uri: &[u8]) -> bool {
    let odd = |byte: &u8| matches!(byte, b'<' | b'>' | b'"' | 0x7F);
    !uri.is_empty() && !has_blank(uri) && !uri.iter().any(odd)
}

/// Whether `text` holds a blank or a control character below it, which no URI may.
#[inline]
pub fn has_blank(text: &[u8]) -> bool {
    match text.last_chunk() {
        // The last 16 bytes overlap those before them.
        Some(last) => {
            let parts = text.as_chunks().0.iter();
            parts.fold(blanks_in_16(last), |all, part| all | blanks_in_16(part)) != 0
        }
        None => text.iter().any(|byte| *byte <= b' '),
    }
}

/// Splits at the first `byte`: what stands before and what stands behind it.
#[inline]
pub(crate) fn split_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = find(text, byte)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Where a byte first stands. Texts are short: a search that prepares itself would cost more.
#[inline]
pub(crate) fn find(text: &[u8], byte: u8) -> Option<usize> {
    let Some(last) = text.last_chunk() else {
        return text.iter().position(|other| *other == byte);
    };
    let (chunks, _) = text.as_chunks();
    for (at, chunk) in chunks.iter().enumerate() {
        let found = equal_in_16(chunk, byte);
        if found != 0 {
            return Some(16 * at + found.trailing_zeros() as usize);
        }
    }
    // What the last 16 bytes share with those before them is none.
    let found = equal_in_16(last, byte);
    (found != 0).then(|| text.len() - 16 + found.trailing_zeros() as usize)
}

/// Where the quoted string that begins at `text[0]` ends: past its closing quote, or the end of
/// `text` when it is not closed. A backslash takes the next byte with it (RFC 3261 25.1).
pub(crate) fn quoted_end(text: &[u8]) -> usize {
    closed_end(text).unwrap_or(text.len())
}

/// As [`quoted_end`]; `None` when the string is not closed.
pub(crate) fn closed_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        at += match byte {
            b'"' => return Some(at + 1),
            b'\\' => 2,
            _ => 1,
        };
    }
    None
}

/// `value` without the quotes around it; escapes inside stay.
pub(crate) fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

static TOKEN: [bool; 256] = token_table();

const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(
            byte as u8,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
                | b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        );
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_judged_alike_at_every_place() {
        for (byte, len) in
            (0..=255u8).flat_map(|byte| [1, 7, 15, 16, 17, 41].map(|len| (byte, len)))
        {
            for at in 0..len {
                let mut text = vec![b'a'; len];
                text[at] = byte;
                assert_eq!(has_blank(&text), byte <= b' ', "{byte:#x} at {at} of {len}");
            }
        }
    }

    #[test]
    fn a_byte_is_found_where_it_stands_first() {
        for len in [0, 1, 15, 16, 17, 31, 32, 50] {
            assert_eq!(find(&vec![b'a'; len], b';'), None);
            for at in 0..len {
                let mut text = vec![b'a'; len];
                text[at] = b';';
                text[len - 1] = b';';
                assert_eq!(find(&text, b';'), Some(at), "{at} of {len}");
            }
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"0070"), Some(70));
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        for bad in ["", "4294967296", "-1", "+1", "1 ", "1a"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn q_values() {
        for (text, q) in [("0.5", 500), ("1", 1_000), ("1.0", 1_000), (".25", 250), ("0.", 0)] {
            assert_eq!(q_value(text.as_bytes()), Some(q), "{text}");
        }
        for bad in ["9", "1.1", "0.1234", "-1", "0,5", "x", "2.0", "0.5 "] {
            assert_eq!(q_value(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn leading_digits_are_counted_and_read() {
        for text in
            ["5060;lr=on", "1;branch", "0000070 x", "9:9;9;9;9", "/1234567", "1\u{FF}345678"]
        {
            let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            assert_eq!(leading_digits(text.as_bytes()), digits.len(), "{text}");
            let read = digits.parse().ok().map(|number: u32| (number, digits.len()));
            assert_eq!(leading_number(text.as_bytes()), read, "{text}");
        }
        for (text, count) in [("", 0), ("12", 2), ("1 2", 1), ("12345678", 8), ("1234567890a", 10)]
        {
            assert_eq!(leading_digits(text.as_bytes()), count, "{text}");
            assert_eq!(leading_number(text.as_bytes()), None, "{text}");
        }
        for byte in 0..=255u8 {
            let text = [b'4', byte, b'2', b'x', b'x', b'x', b'x', b'x'];
            let count = if byte.is_ascii_digit() { 3 } else { 1 };
            assert_eq!(leading_digits(&text), count, "{byte:#x}");
        }
    }

    #[test]
    fn quoted_strings_end_at_their_quote() {
        assert_eq!(quoted_end(br#""a\"b" <c>"#), 6);
        assert_eq!(quoted_end(br#""open"#), 5);
        assert_eq!(quoted_end(br#""open\"#), 6);
        assert_eq!(closed_end(br#""open\""#), None);
    }

    #[test]
    fn white_space_is_trimmed_with_folds() {
        assert_eq!(trim(b" \r\n\ta b\t \r\n"), b"a b");
        assert_eq!(trim(b" \t"), b"");
    }
}
