//! Substitution expressions, `/regex/replacement/flags`: flags g (all), i (any case) and s (across
//! line breaks), `\1` to `\9` and `\0` in the replacement. Any character may delimit.

use regex::bytes::Captures;

/// A substitution taken apart; it borrows from the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subst {
    /// The regex.
    pub pattern: Vec<u8>,
    replacement: Vec<u8>,
    /// All matches, not only the first.
    pub all: bool,
    /// Letters in any case.
    pub ignore_case: bool,
    /// A line break is a character like others.
    pub whole: bool,
}

impl Subst {
    /// Reads an expression.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (delimiter, rest) = text.split_first()?;
        let (pattern, rest) = part(rest, *delimiter)?;
        let (replacement, flags) = part(rest, *delimiter)?;
        let known = |flag: &u8| matches!(flag, b'g' | b'i' | b's');
        flags.iter().all(known).then(|| Self {
            pattern,
            replacement,
            all: flags.contains(&b'g'),
            ignore_case: flags.contains(&b'i'),
            whole: flags.contains(&b's'),
        })
    }

    /// Appends the replacement of one match.
    pub(crate) fn expand(&self, found: &Captures<'_>, out: &mut Vec<u8>) {
        let mut bytes = self.replacement.iter();
        while let Some(byte) = bytes.next() {
            if *byte != b'\\' {
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
                None => out.push(b'\\'),
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

/// Up to the next delimiter, which a backslash makes an ordinary character, and what follows.
fn part(text: &[u8], delimiter: u8) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'\\', Some(next)) if *next == delimiter => {
                out.push(*next);
                at += 2;
            }
            (b'\\', Some(next)) => {
                out.extend_from_slice(&[b'\\', *next]);
                at += 2;
            }
            (byte, _) if *byte == delimiter => return Some((out, text.get(at + 1..)?)),
            (byte, _) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Subst;

    fn run(expression: &str, text: &str) -> Option<String> {
        let subst = Subst::parse(expression.as_bytes())?;
        let regex = sluice_script::regex::compile_lines(&subst.pattern, subst.ignore_case).unwrap();
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
        ] {
            assert_eq!(run(expression, text).as_deref(), expected, "{expression}");
        }
        for bad in ["", "/a", "/a/b", "/a/b/x"] {
            assert_eq!(Subst::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
