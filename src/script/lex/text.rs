//! Quoted texts: where they end, what their escapes mean (spec 1.1).

/// Where a quoted text ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// Whole length with both quotes.
    Closed(usize),
    /// The closing quote is missing; length of what belongs to it on its first line.
    Unclosed(usize),
}

/// Measures the quoted text at the beginning of `bytes`.
///
/// A text may hold line breaks. When its closing quote stands where only an opening one makes
/// sense, the quote on its first line was forgotten: what follows is then read as it was meant.
pub(crate) fn extent(bytes: &[u8]) -> Extent {
    let Some(quote) = bytes.first().copied() else { return Extent::Unclosed(0) };
    let mut line_end = None;
    let mut at = 1;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if line_end.is_none() => line_end = Some(at),
            _ if byte == quote => break,
            _ => {}
        }
        at += 1;
    }
    let closed = at < bytes.len();
    match line_end {
        None if closed => Extent::Closed(at + 1),
        Some(end) if closed && !opens(bytes, end, at) => Extent::Closed(at + 1),
        end => Extent::Unclosed(first_line(&bytes[..end.unwrap_or(bytes.len())])),
    }
}

/// Whether the quote at `at`, lines below the opening one, looks like an opening quote itself.
fn opens(bytes: &[u8], line_end: usize, at: usize) -> bool {
    let next = bytes.get(at + 1).copied();
    if next.is_some_and(|b| b.is_ascii_alphanumeric() || b"_$\"'/.%<\\^(:@".contains(&b)) {
        return true;
    }
    let ends_statement = bytes[..line_end].trim_ascii_end().ends_with(b";");
    let before = bytes[line_end..at].trim_ascii_end().last();
    ends_statement && before.is_some_and(|b| b"(,=".contains(b))
}

/// Length of an unclosed text on its first line: the `);` behind it is not part of it.
fn first_line(line: &[u8]) -> usize {
    let mut length = line.len();
    while length > 1 && matches!(line[length - 1], b')' | b';' | b' ' | b'\t' | b'\r' | b'{') {
        length -= 1;
    }
    length
}

/// The text between the quotes, escapes done. `body` has no quotes.
pub(crate) fn unescape(body: &[u8], quote: u8) -> Vec<u8> {
    Unescape { body, at: 0, quote }.map(|(_, byte)| byte).collect()
}

/// Bytes of meaning with the places they come from. A closing quote leads on into the next text:
/// adjacent ones are joined.
pub(crate) struct Unescape<'a> {
    pub body: &'a [u8],
    pub at: usize,
    pub quote: u8,
}

impl Iterator for Unescape<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            let from = self.at;
            let byte = *self.body.get(from)?;
            self.at += 1;
            if byte == self.quote {
                let rest = self.body.get(self.at..).unwrap_or_default();
                self.at += rest.iter().position(|b| matches!(b, b'"' | b'\''))? + 1;
                self.quote = *self.body.get(self.at - 1)?;
                continue;
            }
            if byte != b'\\' || self.quote == b'\'' {
                return Some((from, byte));
            }
            let rest = self.body.get(self.at..).unwrap_or_default();
            let (taken, byte) = match rest {
                [b'n', ..] => (1, b'\n'),
                [b'r', ..] => (1, b'\r'),
                [b't', ..] => (1, b'\t'),
                [b'a', ..] => (1, 0x07),
                [c @ (b'"' | b'\\'), ..] => (1, *c),
                // A line continued: nothing remains of it.
                [b'\r', b'\n', ..] => {
                    self.at += 2;
                    continue;
                }
                [b'\n', ..] => {
                    self.at += 1;
                    continue;
                }
                [b'x', digits @ ..] => match number(digits, 16, 2) {
                    (0, _) => (0, b'\\'),
                    (n, byte) => (n + 1, byte),
                },
                digits => match number(digits, 8, 3) {
                    // One octal digit alone stays as it is: `\1` of a substitution.
                    (0 | 1, _) => (0, b'\\'),
                    (n, byte) => (n, byte),
                },
            };
            self.at += taken;
            return Some((from, byte));
        }
    }
}

/// Up to `most` digits of that base: how many, and their value in one byte.
fn number(digits: &[u8], base: u32, most: usize) -> (usize, u8) {
    let mut value: u32 = 0;
    let mut count = 0;
    for byte in digits.iter().take(most) {
        let Some(digit) = char::from(*byte).to_digit(base) else { break };
        if value * base + digit > 255 {
            break;
        }
        value = value * base + digit;
        count += 1;
    }
    (count, value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_the_script() {
        let cases: [(&[u8], &[u8]); 9] = [
            (br"a\n\r\t\a", b"a\n\r\t\x07"),
            (br#"\"\\"#, b"\"\\"),
            (br"\x41\x4a\x4", b"AJ\x04"),
            (br"\101\60", b"A0"),
            (br"\1\2", br"\1\2"),
            (br"\d\.", br"\d\."),
            (b"a\\\nb\\\r\nc", b"abc"),
            (br"\777", b"\x3f7"),
            (br"end\", br"end\"),
        ];
        for (written, meant) in cases {
            assert_eq!(unescape(written, b'"'), meant, "{}", String::from_utf8_lossy(written));
        }
        assert_eq!(unescape(br"\n", b'\''), br"\n");
    }

    #[test]
    fn a_text_may_hold_line_breaks() {
        assert_eq!(extent(b"\"a\nb\");"), Extent::Closed(5));
        assert_eq!(extent(b"'a\\'"), Extent::Closed(4));
    }

    #[test]
    fn a_forgotten_quote_ends_on_its_line() {
        assert_eq!(extent(b"\"hello);\n xlog(\"world\");"), Extent::Unclosed(6));
        assert_eq!(extent(b"\"hello);\n xlog(\" world\");"), Extent::Unclosed(6));
        assert_eq!(extent(b"\"sl.so\nloadmodule \"tm.so\""), Extent::Unclosed(6));
        assert_eq!(extent(b"\"last"), Extent::Unclosed(5));
    }
}
