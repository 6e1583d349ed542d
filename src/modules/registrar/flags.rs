//! The flags of `save()` and `lookup()`: words since 3.2, letters before, numbers in 1.x (spec 6.2,
//! 6.3).

use std::ops::Range;

/// What is to be done with Path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Path {
    /// Nothing.
    #[default]
    Ignored,
    /// It is kept.
    Off,
    /// It is kept, and told to who supports it.
    Lazy,
    /// Who does not support it is refused.
    Strict,
}

/// How contacts are compared for once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Their URIs.
    Uri,
    /// And their Call-IDs.
    CallId,
    /// A parameter of their URIs; where its name stands in the text of the flags.
    Param(Range<usize>),
}

/// Those of `save()`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Save {
    /// Not for the database.
    pub memory_only: bool,
    /// The script answers.
    pub no_reply: bool,
    /// The socket is named in a header.
    pub socket_header: bool,
    /// The reply lists what was asked for, not all.
    pub only_request_contacts: bool,
    /// Old contacts make room for new ones.
    pub force: bool,
    /// In place of the module's.
    pub max_contacts: Option<u32>,
    /// In place of the module's.
    pub min_expires: Option<u32>,
    /// In place of the module's.
    pub max_expires: Option<u32>,
    /// What is done with Path.
    pub path: Path,
    /// The contact is reached at `received` of the first Path.
    pub path_received: bool,
    /// In place of the module's.
    pub matching: Option<Mode>,
}

/// Those of `lookup()`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Lookup {
    /// Contacts that do not take the method are left out.
    pub method_filtering: bool,
    /// Only the first contact.
    pub no_branches: bool,
    /// The Request-URI stays.
    pub to_branches_only: bool,
    /// Branches are looked up, too.
    pub branch: bool,
    /// Where the regex of User-Agents stands in the text of the flags.
    pub agent: Option<Range<usize>>,
    /// It is in any case.
    pub ignore_case: bool,
    /// The longest latency, microseconds; 0: any.
    pub max_latency_us: u32,
    /// Contacts of the least latency go first.
    pub by_latency: bool,
}

/// Reads the flags of `save()`; the error says what was expected.
pub(super) fn save(text: &str) -> Result<Save, String> {
    let mut flags = Save::default();
    if let Some(bits) = bits(text) {
        // spec 6.2: of 1.x.
        (flags.memory_only, flags.no_reply) = (bits & 1 != 0, bits & 2 != 0);
        return Ok(flags);
    }
    match is_words(text) {
        true => words(text, |word, value| save_word(&mut flags, word, value, text))?,
        false => letters(text, |letter, rest| save_letter(&mut flags, letter, rest, text))?,
    }
    Ok(flags)
}

/// Reads the flags of `lookup()`; the error says what was expected.
pub(super) fn lookup(text: &str) -> Result<Lookup, String> {
    let mut flags = Lookup::default();
    match is_words(text) {
        true => words(text, |word, value| lookup_word(&mut flags, word, value, text))?,
        false => letters(text, |letter, rest| lookup_letter(&mut flags, letter, rest, text))?,
    }
    Ok(flags)
}

/// Refuses flags that are none, when a script is loaded.
pub(super) fn check_save(text: &str) -> Result<(), String> {
    save(text).map(drop)
}

/// As [`check_save`].
pub(super) fn check_lookup(text: &str) -> Result<(), String> {
    lookup(text).map(drop)
}

fn bits(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Words have hyphens, but for two of them.
fn is_words(text: &str) -> bool {
    let outside = text.split('/').next().unwrap_or_default();
    outside.contains(['-', ',']) || matches!(text.trim(), "branch" | "global")
}

/// Each `word` or `word=value` between commas.
fn words(
    text: &str,
    mut each: impl FnMut(&str, Option<&str>) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = text;
    while !rest.is_empty() {
        // A regex may hold commas.
        let regex = rest.trim_start().strip_prefix("ua-filtering=/");
        let from = regex.and_then(|regex| Some(rest.len() - regex.len() + regex.find('/')?));
        let from = from.unwrap_or(0);
        let end = rest[from..].find(',').map_or(rest.len(), |comma| from + comma);
        let item = rest[..end].trim();
        let (word, value) = match item.split_once('=') {
            Some((word, value)) => (word.trim(), Some(value.trim())),
            None => (item, None),
        };
        if !word.is_empty() {
            each(word, value)?;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(())
}

/// Each letter, with what is behind it; gets how much of that belongs to it.
fn letters(
    text: &str,
    mut each: impl FnMut(char, &str) -> Result<usize, String>,
) -> Result<(), String> {
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        if !letter.is_whitespace() {
            let taken = each(letter, rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
    Ok(())
}

fn save_word(flags: &mut Save, word: &str, value: Option<&str>, text: &str) -> Result<(), String> {
    match (word, value) {
        ("memory-only", None) => flags.memory_only = true,
        ("no-reply", None) => flags.no_reply = true,
        ("socket-header", None) => flags.socket_header = true,
        ("only-request-contacts", None) => flags.only_request_contacts = true,
        ("force-registration", None) => flags.force = true,
        ("max-contacts", Some(value)) => flags.max_contacts = Some(number(word, value)?),
        ("min-expires", Some(value)) => flags.min_expires = Some(number(word, value)?),
        ("max-expires", Some(value)) => flags.max_expires = Some(number(word, value)?),
        ("path-off", None) => flags.path = Path::Off,
        ("path-lazy", None) => flags.path = Path::Lazy,
        ("path-strict", None) => flags.path = Path::Strict,
        ("path-received", None) => flags.path_received = true,
        ("matching-mode", Some(value)) => flags.matching = Some(mode(value, text)?.0),
        _ => return Err(unknown(word)),
    }
    Ok(())
}

fn save_letter(flags: &mut Save, letter: char, rest: &str, text: &str) -> Result<usize, String> {
    let digits = digits(rest);
    let number = || number(letter.encode_utf8(&mut [0; 4]), digits);
    match letter {
        'm' => flags.memory_only = true,
        'r' => flags.no_reply = true,
        's' => flags.socket_header = true,
        'o' => flags.only_request_contacts = true,
        'f' => flags.force = true,
        'v' => flags.path_received = true,
        'c' => flags.max_contacts = Some(number()?),
        'e' => flags.min_expires = Some(number()?),
        'E' => flags.max_expires = Some(number()?),
        'p' => {
            flags.path = match digits {
                "0" => Path::Off,
                "1" => Path::Lazy,
                "2" => Path::Strict,
                _ => return Err("Path is p0, p1 or p2".to_owned()),
            }
        }
        'M' => {
            let (mode, len) = mode(rest, text)?;
            flags.matching = Some(mode);
            return Ok(len);
        }
        _ => return Err(unknown(letter.encode_utf8(&mut [0; 4]))),
    }
    Ok(if matches!(letter, 'c' | 'e' | 'E' | 'p') { digits.len() } else { 0 })
}

fn lookup_word(
    flags: &mut Lookup,
    word: &str,
    value: Option<&str>,
    text: &str,
) -> Result<(), String> {
    match (word, value) {
        ("method-filtering", None) => flags.method_filtering = true,
        ("no-branches", None) => flags.no_branches = true,
        ("to-branches-only", None) => flags.to_branches_only = true,
        ("branch", None) => flags.branch = true,
        ("case-insensitive", None) => flags.ignore_case = true,
        // Regexes are extended ones always.
        ("extended-regexp", None) => {}
        ("sort-by-latency", None) => flags.by_latency = true,
        ("max-ping-latency", Some(value)) => flags.max_latency_us = number(word, value)?,
        ("ua-filtering", Some(value)) => {
            let (agent, behind) = regex(value, text)?;
            flags.agent = Some(agent);
            flags.ignore_case |= behind.contains('i');
        }
        ("global", None) => return Err(GLOBAL.to_owned()),
        _ => return Err(unknown(word)),
    }
    Ok(())
}

fn lookup_letter(
    flags: &mut Lookup,
    letter: char,
    rest: &str,
    text: &str,
) -> Result<usize, String> {
    match letter {
        'm' => flags.method_filtering = true,
        'b' => flags.no_branches = true,
        'B' => flags.to_branches_only = true,
        'r' => flags.branch = true,
        'i' => flags.ignore_case = true,
        'e' => {}
        'Y' => flags.by_latency = true,
        'y' => {
            let digits = digits(rest);
            flags.max_latency_us = number("y", digits)?;
            return Ok(digits.len());
        }
        'u' => {
            let (agent, _) = regex(rest, text)?;
            let len = agent.len() + 2;
            flags.agent = Some(agent);
            return Ok(len);
        }
        'g' => return Err(GLOBAL.to_owned()),
        _ => return Err(unknown(letter.encode_utf8(&mut [0; 4]))),
    }
    Ok(0)
}

const GLOBAL: &str = "a global lookup is for nodes of a federation; there is one node";

fn unknown(flag: &str) -> String {
    format!("there is no flag `{flag}`")
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
}

fn number(flag: &str, digits: &str) -> Result<u32, String> {
    digits.parse().map_err(|_| format!("flag `{flag}` has a number"))
}

/// `0`, `1` or `<param>` at the beginning of a piece of `text`; and how long it is.
fn mode(piece: &str, text: &str) -> Result<(Mode, usize), String> {
    let name = piece.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match (piece.as_bytes().first(), name) {
        (_, Some((name, _))) if !name.is_empty() => {
            Ok((Mode::Param(place(name, text)), name.len() + 2))
        }
        (Some(b'0'), _) => Ok((Mode::Uri, 1)),
        (Some(b'1'), _) => Ok((Mode::CallId, 1)),
        _ => Err("contacts match by 0, 1 or <param>".to_owned()),
    }
}

/// `/regex/` at the beginning of a piece of `text`, and what is behind it.
fn regex<'p>(piece: &'p str, text: &str) -> Result<(Range<usize>, &'p str), String> {
    let parts = piece.strip_prefix('/').and_then(|rest| rest.split_once('/'));
    match parts {
        Some((regex, behind)) => Ok((place(regex, text), behind)),
        None => Err("User-Agents are filtered by /regex/".to_owned()),
    }
}

/// Where a piece of a text stands in it.
fn place(piece: &str, text: &str) -> Range<usize> {
    let start = (piece.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + piece.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_letters_of_save_say_the_same() {
        let all = "memory-only, no-reply,socket-header,only-request-contacts,force-registration,\
                   max-contacts=5,min-expires=60,max-expires=3600,path-strict,path-received";
        let letters = save("mrsofc5e60E3600p2v").unwrap();
        assert_eq!(save(all).unwrap(), letters);
        assert_eq!((letters.max_contacts, letters.min_expires), (Some(5), Some(60)));
        assert_eq!((letters.max_expires, letters.path), (Some(3_600), Path::Strict));
        assert_eq!(save("").unwrap(), Save::default());
        assert_eq!(save("p1").unwrap().path, Path::Lazy);
        for (text, memory_only, no_reply) in
            [("0x02", false, true), ("1", true, false), ("0x3", true, true)]
        {
            let flags = save(text).unwrap();
            assert_eq!((flags.memory_only, flags.no_reply), (memory_only, no_reply), "{text}");
        }
    }

    #[test]
    fn contacts_match_by_a_parameter() {
        for (text, at) in [("matching-mode=<rinstance>", 15..24), ("rM<rinstance>f", 3..12)] {
            assert_eq!(save(text).unwrap().matching, Some(Mode::Param(at.clone())));
            assert_eq!(&text[at], "rinstance");
        }
        assert_eq!(save("M1f").unwrap().matching, Some(Mode::CallId));
        assert!(save("M1f").unwrap().force);
        assert_eq!(save("matching-mode=0").unwrap().matching, Some(Mode::Uri));
    }

    #[test]
    fn words_and_letters_of_lookup_say_the_same() {
        let words = "method-filtering,no-branches,to-branches-only,branch,case-insensitive,\
                     extended-regexp,sort-by-latency,max-ping-latency=5000";
        assert_eq!(lookup(words).unwrap(), lookup("mbBrieYy5000").unwrap());
        for text in ["ua-filtering=/a,b-c/i, method-filtering", "u/a,b-c/im"] {
            let flags = lookup(text).unwrap();
            assert_eq!(&text[flags.agent.clone().unwrap()], "a,b-c");
            assert!(flags.ignore_case && flags.method_filtering, "{text}");
        }
        assert!(lookup("branch").unwrap().branch);
    }

    #[test]
    fn others_are_refused() {
        for text in ["x", "c", "p3", "no-answer", "max-contacts=many", "M", "no-reply=1"] {
            assert!(save(text).is_err(), "{text}");
        }
        for text in ["x", "u/a", "g", "global", "y", "max-ping-latency", "ua-filtering=phone"] {
            assert!(lookup(text).is_err(), "{text}");
        }
    }
}
