//! Files of rules, `permissions.allow` and `permissions.deny` (spec 9.5): who may reach what.
//!
//! ```text
//! # LEFT [EXCEPT LEFT] : RIGHT [EXCEPT RIGHT]; ALL, or regexes parted by commas
//! "^sip:.*@example\.com$" : ALL EXCEPT "^sip:00"
//! ```
//!
//! Takes the text of a file, gives rules and what is wrong with single lines; opens no file.

use regex::bytes::Regex;
use sluice_script::regex::compile_whole;

/// The rules of a file.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

/// One line.
#[derive(Debug)]
struct Rule {
    left: Side,
    right: Side,
}

/// One side of the colon.
#[derive(Debug)]
struct Side {
    /// `None` is ALL.
    any_of: Option<Vec<Regex>>,
    but: Vec<Regex>,
}

impl Rules {
    /// Reads a file's text. A line that is wrong is told as `LINE: why` and left out.
    pub fn parse(text: &[u8], wrong: &mut Vec<String>) -> Self {
        let mut rules = Vec::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            match rule(line) {
                Ok(rule) => rules.extend(rule),
                Err(why) => wrong.push(format!("{number}: {why}")),
            }
        }
        Self(rules)
    }

    /// Whether a rule is there for the two texts.
    pub fn have(&self, left: &[u8], right: &[u8]) -> bool {
        self.0.iter().any(|rule| rule.left.holds(left) && rule.right.holds(right))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Side {
    fn holds(&self, text: &[u8]) -> bool {
        let one_of = |regexes: &[Regex]| regexes.iter().any(|regex| regex.is_match(text));
        self.any_of.as_deref().is_none_or(one_of) && !one_of(&self.but)
    }
}

/// The rule of a line; none for one that is blank or a comment.
fn rule(line: &[u8]) -> Result<Option<Rule>, String> {
    let (mut quoted, mut colon, mut end) = (false, None, line.len());
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            // The last one parts, so that one of a scheme on the right must be quoted.
            b':' if !quoted => colon = Some(at),
            b'#' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let line = line.get(..end).unwrap_or_default();
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let colon = colon.ok_or("a rule is `LEFT : RIGHT`")?;
    let (left, right) = line.split_at_checked(colon).ok_or("a rule is `LEFT : RIGHT`")?;
    Ok(Some(Rule { left: side(left)?, right: side(right.get(1..).unwrap_or_default())? }))
}

fn side(text: &[u8]) -> Result<Side, String> {
    const EXCEPT: &[u8] = b" EXCEPT ";
    let but = text.windows(EXCEPT.len()).position(|window| window == EXCEPT);
    let (any_of, but) = match but.and_then(|at| text.split_at_checked(at)) {
        Some((any_of, but)) => (any_of, regexes(but.get(EXCEPT.len()..).unwrap_or_default())?),
        None => (text, Vec::new()),
    };
    let any_of = match any_of.trim_ascii() {
        b"ALL" => None,
        list => Some(regexes(list)?),
    };
    Ok(Side { any_of, but })
}

/// Regexes parted by commas; each may be quoted.
fn regexes(list: &[u8]) -> Result<Vec<Regex>, String> {
    let mut quoted = false;
    let items = list.split(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    items.map(regex).collect()
}

fn regex(item: &[u8]) -> Result<Regex, String> {
    let item = item.trim_ascii();
    let item = item.strip_prefix(b"\"").unwrap_or(item);
    let item = item.strip_suffix(b"\"").unwrap_or(item);
    if item.is_empty() {
        return Err("there is an expression missing".to_owned());
    }
    let shown = || String::from_utf8_lossy(item).into_owned();
    compile_whole(item, true).map_err(|bad| format!("`{}` is no regex: {}", shown(), bad.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> (Rules, Vec<String>) {
        let mut wrong = Vec::new();
        let rules = Rules::parse(text.as_bytes(), &mut wrong);
        (rules, wrong)
    }

    #[test]
    fn sides_lists_and_exceptions() {
        let (rules, wrong) = rules(
            "# of a comment\n\n\
             ALL : \"^sip:00.*\" EXCEPT \"^sip:0049\", sip.0041 # behind it\n\
             \"^sip:boss@\", ^sips?.aide@ EXCEPT \"x\" : ALL\r\n",
        );
        assert_eq!(wrong, [""; 0]);
        let allowed = [("sip:a@h", "sip:0033@h"), ("sip:BOSS@h", "sip:1@h"), ("sip:aide@h", "a")];
        for (left, right) in allowed {
            assert!(rules.have(left.as_bytes(), right.as_bytes()), "{left} {right}");
        }
        for (left, right) in [
            ("sip:a@h", "sip:0049@h"),
            ("sip:a@h", "sip:0041@h"),
            ("sip:a@h", "b"),
            ("sip:boss@x", "b"),
        ] {
            assert!(!rules.have(left.as_bytes(), right.as_bytes()), "{left} {right}");
        }
    }

    #[test]
    fn a_wrong_line_is_told_and_the_others_stay() {
        let (rules, wrong) = rules("nonsense\nALL : \"(\"\nALL : ,\nALL : b\nsip:x : ALL");
        assert!(rules.have(b"a", b"b") && rules.have(b"sip:x", b"c") && !rules.is_empty());
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert_eq!(wrong[0], "1: a rule is `LEFT : RIGHT`");
        assert!(wrong[1].starts_with("2: `(` is no regex: "), "{wrong:?}");
        assert_eq!(wrong[2], "3: there is an expression missing");
    }
}
