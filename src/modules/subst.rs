//! Substitution by `/regex/replacement/flags`: `\1` to `\9` and `\0` in the replacement are what
//! the regex found.

use regex::bytes::Captures;
use sluice_script::subst::{MARK, mark, split};

use crate::regexes::Read;

/// A substitution taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subst {
    /// The regex.
    pub pattern: Vec<u8>,
    /// How the regex is read.
    pub read: Read,
    /// All matches, not only the first.
    pub all: bool,
    /// The replacement; a [`MARK`] stands for each backslash.
    replacement: Vec<u8>,
}

impl Subst {
    /// Reads an expression, as written or as the load has taken it apart (`ParamKind::Subst`).
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if let [MARK, rest @ ..] = text {
            let mut parts = rest.splitn(3, |byte| *byte == MARK);
            let (flags, pattern) = (parts.next()?, parts.next()?);
            return Some(Self::of(pattern.to_vec(), parts.next()?.to_vec(), flags));
        }
        let parts = split(text)?;
        Some(Self::of(parts.pattern, mark(text.get(parts.replacement)?), parts.flags))
    }

    fn of(pattern: Vec<u8>, replacement: Vec<u8>, flags: &[u8]) -> Self {
        let has = |flag: u8| flags.contains(&flag);
        let read = Read { ignore_case: has(b'i'), whole: has(b's') };
        Self { pattern, read, all: has(b'g'), replacement }
    }

    /// Appends the replacement of one match.
    pub(crate) fn expand(&self, found: &Captures<'_>, out: &mut Vec<u8>) {
        let mut bytes = self.replacement.iter();
        while let Some(byte) = bytes.next() {
            if *byte != MARK {
                out.push(*byte);
                continue;
            }
            match bytes.next() {
                Some(digit @ b'0'..=b'9') => {
                    let group = found.get(usize::from(digit - b'0'));
                    out.extend_from_slice(group.map_or(&b""[..], |group| group.as_bytes()));
                }
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b't') => out.push(b'\t'),
                Some(other) => out.push(*other),
                None => {}
            }
        }
    }

    /// The whole text with its matches replaced; `None` without a match.
    pub(crate) fn apply(&self, regex: &regex::bytes::Regex, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let mut copied = None;
        for found in regex.captures_iter(text).take(if self.all { usize::MAX } else { 1 }) {
            let whole = found.get(0)?;
            out.extend_from_slice(text.get(copied.unwrap_or(0)..whole.start())?);
            self.expand(&found, &mut out);
            copied = Some(whole.end());
        }
        out.extend_from_slice(text.get(copied?..)?);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Subst;
    use crate::regexes::Regexes;

    fn run(expression: &str, text: &str) -> Option<String> {
        let subst = Subst::parse(expression.as_bytes())?;
        let regex = Regexes::default().get(&subst.pattern, subst.read).unwrap();
        subst.apply(&regex, text.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn expressions() {
        for (expression, text, expected) in [
            ("/a/b/", "aa", Some("ba")),
            ("/a/b/g", "aa", Some("bb")),
            ("/A/b/", "aa", None),
            ("/A/b/i", "aa", Some("ba")),
            ("/(a)(b)/\\2\\1\\0/", "xabx", Some("xbaabx")),
            ("|a|/|", "a", Some("/")),
            ("/\\//-/g", "a/b/c", Some("a-b-c")),
            ("/a//g", "bab", Some("bb")),
            ("/a.b/x/", "a\nb", None),
            ("/a.b/x/s", "a\nb", Some("x")),
            ("/a/\\r\\n\\t\\x/", "a", Some("\r\n\tx")),
            ("\0g\0a\0\x000\\1\0\\", "aa", Some("a\\1\\a\\1\\")),
        ] {
            assert_eq!(run(expression, text).as_deref(), expected, "{expression}");
        }
        for bad in ["", "/a", "/a/b", "/a/b/x"] {
            assert_eq!(Subst::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
