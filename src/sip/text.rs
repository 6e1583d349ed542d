//! Small questions about bytes that every reader of SIP text asks: blanks, tokens, numbers.
//!
//! Takes slices, gives slices or plain values; never allocates.

use sluice_base::lanes::blanks_in_16;

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
        // No check of each step: nine digits fit.
        1..=9 => return text.iter().try_fold(0, digit),
        _ => {}
    }
    text.iter().try_fold(0u32, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u32::from(byte - b'0')),
        _ => None,
    })
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
    let at = memchr::memchr(byte, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Where the quoted string that begins at `text[0]` ends: past its closing quote, or the end of
/// `text` when it is not closed. A backslash takes the next byte with it (RFC 3261 25.1).
pub(crate) fn quoted_end(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    text.len()
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
    fn numbers() {
        assert_eq!(number(b"0070"), Some(70));
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        for bad in ["", "4294967296", "-1", "+1", "1 ", "1a"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn quoted_strings_end_at_their_quote() {
        assert_eq!(quoted_end(br#""a\"b" <c>"#), 6);
        assert_eq!(quoted_end(br#""open"#), 5);
        assert_eq!(quoted_end(br#""open\"#), 6);
    }

    #[test]
    fn white_space_is_trimmed_with_folds() {
        assert_eq!(trim(b" \r\n\ta b\t \r\n"), b"a b");
        assert_eq!(trim(b" \t"), b"");
    }
}
