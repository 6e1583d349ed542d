//! POSIX extended regexes, as scripts write them, for the `regex` crate (spec 1.6, 1.8).
//!
//! Always without case, never anchored, on bytes. What differs between the two languages is
//! rewritten: brackets (a backslash is itself there), `{` that begins no count, repeated
//! quantifiers (`a+?` is no lazy `+`), quantifiers with nothing to repeat (the C library passes
//! over them), letters behind a backslash (`\d` is the letter d). Whether something is found does
//! not depend on leftmost-longest, and nothing but that is asked.

use regex::bytes::{Regex, RegexBuilder};

use crate::limits;

/// Why a pattern was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad regex: {why}")]
pub struct BadRegex {
    /// The byte of the pattern that is wrong.
    pub offset: usize,
    /// What is wrong with it.
    pub why: String,
}

/// How lines count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Lines {
    /// A line break is a character like others: `=~` and `!~`.
    Ignored,
    /// `^` and `$` fit at each line, `.` and `[^x]` fit no line break: regexes of functions.
    Matter,
}

/// Compiles the pattern of `=~` and `!~`.
///
/// # Errors
/// The place in the pattern and the reason.
pub fn compile(pattern: &[u8]) -> Result<Regex, BadRegex> {
    compile_with(pattern, Lines::Ignored)
}

/// Compiles a regex of a module function: `^` and `$` fit at each line (spec 1.8, 9.2).
///
/// # Errors
/// The place in the pattern and the reason.
pub fn compile_lines(pattern: &[u8], ignore_case: bool) -> Result<Regex, BadRegex> {
    build(pattern, Lines::Matter, ignore_case)
}

/// As [`compile_lines`] for a text in which line breaks are characters like others.
///
/// # Errors
/// The place in the pattern and the reason.
pub fn compile_whole(pattern: &[u8], ignore_case: bool) -> Result<Regex, BadRegex> {
    build(pattern, Lines::Ignored, ignore_case)
}

/// Compiles a pattern.
pub(crate) fn compile_with(pattern: &[u8], lines: Lines) -> Result<Regex, BadRegex> {
    build(pattern, lines, true)
}

fn build(pattern: &[u8], lines: Lines, ignore_case: bool) -> Result<Regex, BadRegex> {
    let mut translator = Translator {
        pattern,
        at: 0,
        out: String::with_capacity(pattern.len() + 8),
        groups: Vec::new(),
        atom: None,
        repeated: false,
        lines,
    };
    translator.run()?;
    let matter = lines == Lines::Matter;
    RegexBuilder::new(&translator.out)
        .case_insensitive(ignore_case)
        .unicode(false)
        .multi_line(matter)
        .dot_matches_new_line(!matter)
        .size_limit(limits::REGEX_BYTES)
        .build()
        .map_err(|e| {
            let text = e.to_string();
            let why = text.lines().last().unwrap_or_default().trim();
            BadRegex { offset: 0, why: why.trim_start_matches("error: ").to_owned() }
        })
}

struct Translator<'a> {
    pattern: &'a [u8],
    at: usize,
    out: String,
    /// Open parentheses: where they stand in the pattern and in `out`.
    groups: Vec<(usize, usize)>,
    /// Where in `out` the thing begins that a quantifier would repeat.
    atom: Option<usize>,
    /// It is repeated already.
    repeated: bool,
    lines: Lines,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), BadRegex> {
        while let Some(byte) = self.pattern.get(self.at).copied() {
            match byte {
                b'\\' => self.escape()?,
                b'[' => self.bracket()?,
                b'(' => {
                    self.groups.push((self.at, self.out.len()));
                    self.out.push('(');
                    self.atom = None;
                }
                b')' => {
                    let Some((_, start)) = self.groups.pop() else {
                        return self.refuse(self.at, "this ) closes nothing");
                    };
                    self.out.push(')');
                    self.set_atom(start);
                }
                b'|' | b'^' => {
                    self.out.push(char::from(byte));
                    self.atom = None;
                }
                b'*' | b'+' | b'?' => self.repeat(1, char::from(byte).to_string()),
                b'{' => self.count()?,
                b'.' | b'$' => {
                    let start = self.out.len();
                    self.out.push(char::from(byte));
                    self.set_atom(start);
                }
                _ => self.literal(byte),
            }
            self.at += 1;
        }
        match self.groups.pop() {
            Some((at, _)) => self.refuse(at, "this ( is not closed"),
            None => Ok(()),
        }
    }

    fn refuse<T>(&self, offset: usize, why: &str) -> Result<T, BadRegex> {
        Err(BadRegex { offset, why: why.to_owned() })
    }

    fn set_atom(&mut self, start: usize) {
        self.atom = Some(start);
        self.repeated = false;
    }

    fn literal(&mut self, byte: u8) {
        let start = self.out.len();
        push_byte(&mut self.out, byte);
        self.set_atom(start);
    }

    /// Repeats the last atom; `taken` bytes of the pattern say so.
    fn repeat(&mut self, taken: usize, quantifier: String) {
        self.at += taken - 1;
        let Some(start) = self.atom else { return };
        if self.repeated {
            self.out.insert_str(start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(&quantifier);
        self.repeated = true;
    }

    /// `{2}`, `{2,}`, `{2,5}`, `{,5}`; any other `{` is itself.
    fn count(&mut self) -> Result<(), BadRegex> {
        let rest = &self.pattern[self.at + 1..];
        let length = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b',').count();
        let text = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let (low, high) = text.split_once(',').unwrap_or((text, text));
        let bounds = (number(low, 0), number(high, u16::MAX));
        let (true, Some(low_value), Some(high_value)) =
            (length > 0 && rest.get(length) == Some(&b'}') && text != ",", bounds.0, bounds.1)
        else {
            self.literal(b'{');
            return Ok(());
        };
        // The C library's limit (RE_DUP_MAX is 32767, but memory ends sooner).
        if low_value > high_value || low_value > 1_000 || (!high.is_empty() && high_value > 1_000) {
            return self.refuse(self.at, "a count is at most 1000, the smaller number first");
        }
        let quantifier = match (text.contains(','), high) {
            (false, _) => format!("{{{low_value}}}"),
            (true, "") => format!("{{{low_value},}}"),
            (true, _) => format!("{{{low_value},{high_value}}}"),
        };
        self.repeat(length + 2, quantifier);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), BadRegex> {
        let Some(byte) = self.pattern.get(self.at + 1).copied() else {
            return self.refuse(self.at, "a backslash ends the pattern");
        };
        let start = self.out.len();
        match byte {
            b'w' | b'W' | b's' | b'S' | b'b' | b'B' | b'<' | b'>' => {
                self.out.push('\\');
                self.out.push(char::from(byte));
            }
            b'`' => self.out.push_str("\\A"),
            b'\'' => self.out.push_str("\\z"),
            b'1'..=b'9' => {
                return self.refuse(self.at, "back-references are not supported");
            }
            _ => push_byte(&mut self.out, byte),
        }
        self.set_atom(start);
        self.at += 1;
        Ok(())
    }

    /// `[abc]`: a backslash is itself, `]` is an element where it comes first.
    fn bracket(&mut self) -> Result<(), BadRegex> {
        let open = self.at;
        let start = self.out.len();
        let mut at = open + 1;
        self.out.push('[');
        if self.pattern.get(at) == Some(&b'^') {
            self.out.push('^');
            if self.lines == Lines::Matter {
                self.out.push_str("\\n");
            }
            at += 1;
        }
        let first = at;
        loop {
            let Some(byte) = self.pattern.get(at).copied() else {
                return self.refuse(open, "this [ is not closed");
            };
            if byte == b']' && at > first {
                break;
            }
            at = match (byte, self.pattern.get(at + 1)) {
                (b'[', Some(b':')) => self.class(at)?,
                (b'[', Some(b'.' | b'=')) => {
                    return self.refuse(at, "collating elements are not supported");
                }
                _ => self.element(at, byte)?,
            };
        }
        self.out.push(']');
        self.set_atom(start);
        self.at = at;
        Ok(())
    }

    /// `[:alpha:]` at `at`; gives the place behind it.
    fn class(&mut self, at: usize) -> Result<usize, BadRegex> {
        const NAMES: [&str; 12] = [
            "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
            "space", "upper", "xdigit",
        ];
        let rest = &self.pattern[at + 2..];
        let found = NAMES
            .iter()
            .find(|name| rest.strip_prefix(name.as_bytes()).is_some_and(|r| r.starts_with(b":]")));
        let Some(name) = found else {
            return self.refuse(at, "no such class of characters; [:alpha:] is one");
        };
        self.out.push_str(&format!("[:{name}:]"));
        Ok(at + name.len() + 4)
    }

    /// One character or a range; gives the place behind it.
    fn element(&mut self, at: usize, low: u8) -> Result<usize, BadRegex> {
        push_byte(&mut self.out, low);
        let high = match (self.pattern.get(at + 1), self.pattern.get(at + 2)) {
            (Some(b'-'), Some(high)) if *high != b']' => *high,
            _ => return Ok(at + 1),
        };
        if high < low {
            return self.refuse(at, "the range goes backwards");
        }
        self.out.push('-');
        push_byte(&mut self.out, high);
        Ok(at + 3)
    }
}

/// A bound of a count; empty is the default, too large is the largest.
fn number(text: &str, default: u16) -> Option<u16> {
    if text.is_empty() {
        return Some(default);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        Some(text.parse().unwrap_or(u16::MAX))
    } else {
        None
    }
}

/// Writes one byte that means itself.
fn push_byte(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ' {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("\\x{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(pattern: &str, text: &str) -> bool {
        compile(pattern.as_bytes()).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn posix_is_kept_where_the_languages_differ() {
        assert!(finds("^sip:[0-9]+@", "SIP:123@x"), "no case");
        assert!(finds(r"[\d]", "d") && finds(r"[\d]", "\\") && !finds(r"[\d]", "5"));
        assert!(finds(r"a\d", "ad") && !finds(r"a\d", "a5"));
        assert!(finds("[]a]", "]") && finds("[^]a]", "b") && !finds("^[^]a]$", "]"));
        assert!(finds("a{x", "a{x") && finds("^a{2}$", "aa") && finds("^a{,1}$", ""));
        assert!(finds("^a+?$", ""), "one or none of one or more");
        assert!(finds("*ab", "ab") && finds("(*a)", "a") && finds("^*a", "a"));
        assert!(finds("a.b", "a\nb") && !finds("^b", "a\nb"));
        assert!(finds("[[:alpha:]-]", "-") && finds("[+--]", ","));
        assert!(finds("[a&&b]", "&") && finds("(?:a)", ":a"));
        assert!(finds("é", "é"));
    }

    #[test]
    fn lines_matter_to_functions() {
        let regex = compile_with(b"^b[^x]*$", Lines::Matter).unwrap();
        assert!(regex.is_match(b"a\nb"));
        assert_eq!(regex.find(b"bcd\nb").unwrap().end(), 3);
    }

    #[test]
    fn a_bad_pattern_names_the_place() {
        let bad = |pattern: &[u8]| compile(pattern).unwrap_err().offset;
        assert_eq!(bad(b"ab(c"), 2);
        assert_eq!(bad(b"ab)c"), 2);
        assert_eq!(bad(b"ab[c"), 2);
        assert_eq!(bad(b"ab\\"), 2);
        assert_eq!(bad(b"(a)\\1"), 3);
        assert_eq!(bad(b"x[z-a]"), 2);
        assert_eq!(bad(b"[[:foo:]]"), 1);
        assert_eq!(bad(b"a{5,2}"), 1);
        assert_eq!(bad(b"((((a{999}){999}){999}){999})"), 0);
    }
}
