//! The list file (spec 3.1): `setid destination [flags [weight[/priority] [attrs]]]` on each line.
//!
//! Takes the file's bytes, gives rows, or the first mistake as `FILE:LINE: ...`. Opens no file and
//! resolves no name. Flags are the number of OpenSIPS 1.x or, as an extension, the letters `a`,
//! `i`, `p`; the priority behind the weight is an extension too.

use std::collections::hash_map::Entry;

use ahash::AHashMap;
use sluice_sip::text::is_enclosable;
use sluice_sip::uri::{Scheme, Uri};

use super::limits;
use super::state::State;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its number in the file, from 1.
    pub line: usize,
    /// The set.
    pub set: u32,
    /// The destination: a sip or sips URI that has been checked.
    pub uri: String,
    /// Its first state.
    pub state: State,
    /// Its share.
    pub weight: u32,
    /// Higher goes first.
    pub priority: i32,
    /// The rest of the line.
    pub attrs: String,
    /// The socket that it is sent to by, `proto:address:port`; a line of the list has none.
    pub socket: Option<String>,
    /// 1: it is probed also while it is active.
    pub probe_mode: i64,
    /// What a table says of it for people; a line of the list has nothing.
    pub description: String,
}

/// Reads a whole file; what is odd but not wrong is appended to `warnings`.
///
/// # Errors
/// The first malformed line, as `FILE:LINE: what`.
pub fn parse(bytes: &[u8], file: &str, warnings: &mut Vec<String>) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (at, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let number = at + 1;
        let row = read_line(line, number).map_err(|what| format!("{file}:{number}: {what}"))?;
        rows.extend(row);
        if rows.len() > limits::DESTINATIONS {
            let most = limits::DESTINATIONS;
            return Err(format!("{file}:{number}: more than {most} destinations"));
        }
    }
    if rows.is_empty() {
        warnings.push(format!("{file}: no destination in it, running on empty sets"));
    }
    warn_of_duplicates(&rows, file, warnings);
    Ok(rows)
}

fn read_line(line: &[u8], number: usize) -> Result<Option<Row>, String> {
    if line.len() > limits::LINE_BYTES {
        let (length, most) = (line.len(), limits::LINE_BYTES);
        return Err(format!("a line of {length} bytes; at most {most} are read"));
    }
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8 text".to_owned())?;
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.contains(|c: char| c.is_control() && c != '\t') {
        return Err("a control character".to_owned());
    }
    let (set, rest) = field(line);
    let set = read_set(set)?;
    let (uri, rest) = field(rest);
    check_uri(uri)?;
    let (flags, rest) = field(rest);
    let (weight, attrs) = field(rest);
    let (weight, priority) = read_weight(weight)?;
    Ok(Some(Row {
        line: number,
        set,
        uri: uri.to_owned(),
        state: read_flags(flags)?,
        weight,
        priority,
        attrs: without_comment(attrs).to_owned(),
        socket: None,
        probe_mode: 0,
        description: String::new(),
    }))
}

/// The first field and the rest, both without blanks around; a comment behind the field is dropped.
fn field(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    match word.split_once('#') {
        Some((word, _)) => (word, ""),
        None => (word, rest.trim()),
    }
}

/// Attributes end at a `#` behind a blank.
fn without_comment(attrs: &str) -> &str {
    let comment = |(at, _): &(usize, &str)| attrs[..*at].ends_with([' ', '\t']) || *at == 0;
    let end = attrs.match_indices('#').find(comment).map_or(attrs.len(), |(at, _)| at);
    attrs[..end].trim_end()
}

fn read_set(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|set| *set <= i32::MAX as u32)
        .ok_or_else(|| format!("the set is a number from 0 to {}, not `{text}`", i32::MAX))
}

fn check_uri(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("no destination behind the set number".to_owned());
    }
    match Uri::parse(text.as_bytes()) {
        Some(_) if !is_enclosable(text.as_bytes()) => {
            Err(format!("a destination has no blank, quote, `<` or `>`: `{}`", text.escape_debug()))
        }
        Some(uri) if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) => Ok(()),
        Some(_) => Err(format!("a destination is a sip or sips URI, not `{text}`")),
        None if is_bare_ipv6(text) => {
            Err(format!("an IPv6 address stands in brackets, `sip:[2001:db8::1]:5060`: `{text}`"))
        }
        None => Err(format!("malformed destination `{text}`")),
    }
}

/// Whether what follows the scheme and the user part begins with an IPv6 address.
fn is_bare_ipv6(text: &str) -> bool {
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next().unwrap_or_default();
    host.parse::<std::net::Ipv6Addr>().is_ok()
}

fn read_flags(text: &str) -> Result<State, String> {
    let letter = || State::of_letter(text);
    let bits = || text.parse().ok().map(State::of_bits);
    match text {
        "" => Ok(State::ACTIVE),
        _ => letter().or_else(bits).ok_or_else(|| {
            format!("flags are a number (0 active, 1 inactive, 2 probing) or a, i, p, not `{text}`")
        }),
    }
}

fn read_weight(text: &str) -> Result<(u32, i32), String> {
    if text.is_empty() {
        return Ok((1, 0));
    }
    let (weight, priority) = text.split_once('/').unwrap_or((text, "0"));
    match (weight.parse(), priority.parse()) {
        (Ok(weight), Ok(priority)) => Ok((weight, priority)),
        (Err(_), _) => Err(format!("the weight is a number from 0, not `{weight}`")),
        (_, Err(_)) => Err(format!("the priority is a number, not `{priority}`")),
    }
}

/// OpenSIPS keeps both of two equal lines, so that the destination has a double share; so do we.
fn warn_of_duplicates(rows: &[Row], file: &str, warnings: &mut Vec<String>) {
    let mut seen = AHashMap::with_capacity(rows.len());
    for row in rows {
        match seen.entry((row.set, row.uri.to_ascii_lowercase())) {
            Entry::Vacant(place) => {
                place.insert(row.line);
            }
            Entry::Occupied(first) => warnings.push(format!(
                "{file}:{}: {} is in set {} already (line {}): both count, with one state",
                row.line,
                row.uri,
                row.set,
                first.get()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Row>, String> {
        parse(text.as_bytes(), "d.list", &mut Vec::new())
    }

    fn one(line: &str) -> Row {
        let rows = read(line).unwrap();
        assert_eq!(rows.len(), 1, "{line}");
        rows.into_iter().next().unwrap()
    }

    #[test]
    fn fields_have_defaults() {
        let row = one("2 sip:10.0.0.1");
        assert_eq!((row.set, row.uri.as_str(), row.line), (2, "sip:10.0.0.1", 1));
        assert_eq!((row.state, row.weight, row.priority), (State::ACTIVE, 1, 0));
        assert_eq!(row.attrs, "");
    }

    #[test]
    fn all_fields_are_read() {
        let row = one("\t7  sip:gw@[::1]:5070;lr \t 2   50/-3   carrier=x; note two#three # why");
        assert_eq!((row.set, row.uri.as_str()), (7, "sip:gw@[::1]:5070;lr"));
        assert_eq!((row.state, row.weight, row.priority), (State::PROBING, 50, -3));
        assert_eq!(row.attrs, "carrier=x; note two#three");
    }

    #[test]
    fn flags_are_numbers_or_letters() {
        for (flags, state) in [
            ("0", State::ACTIVE),
            ("1", State::INACTIVE),
            ("2", State::PROBING),
            ("a", State::ACTIVE),
            ("i", State::INACTIVE),
            ("p", State::PROBING),
        ] {
            assert_eq!(one(&format!("1 sip:h {flags}")).state, state, "{flags}");
        }
    }

    #[test]
    fn comments_blank_lines_crlf_and_a_missing_last_newline_are_fine() {
        let rows = read("# head\r\n\r\n1 sip:a # one\r\n  # more\n1 sip:b#two\n1 sip:c").unwrap();
        let seen: Vec<_> = rows.iter().map(|r| (r.line, r.uri.as_str(), r.weight)).collect();
        assert_eq!(seen, [(3, "sip:a", 1), (5, "sip:b", 1), (6, "sip:c", 1)]);
    }

    #[test]
    fn mistakes_name_file_and_line() {
        for (line, expected) in [
            ("x sip:a", "the set is a number from 0 to 2147483647, not `x`"),
            ("-1 sip:a", "the set is a number from 0 to 2147483647, not `-1`"),
            ("1", "no destination behind the set number"),
            ("1 # sip:a", "no destination behind the set number"),
            ("1 tel:+123", "a destination is a sip or sips URI, not `tel:+123`"),
            ("1 10.0.0.1", "malformed destination `10.0.0.1`"),
            ("1 sip:", "malformed destination `sip:`"),
            ("1 sip:h:99999", "malformed destination `sip:h:99999`"),
            ("1 sip:a 0 -5", "the weight is a number from 0, not `-5`"),
            ("1 sip:a 0 1/x", "the priority is a number, not `x`"),
            ("1 sip:a \u{1}", "a control character"),
        ] {
            let text = format!("1 sip:ok\n{line}\n");
            assert_eq!(read(&text).unwrap_err(), format!("d.list:2: {expected}"));
        }
        for (line, part) in [
            ("1 sip:2001:db8::1", "in brackets"),
            ("1 sip:u@2001:db8::1;lr", "in brackets"),
            ("1 sip:a q", "a, i, p"),
            ("1 sip:a -1", "a, i, p"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.starts_with("d.list:1: ") && error.contains(part), "{error}");
        }
        assert_eq!(
            parse(b"1 sip:\xff", "d.list", &mut Vec::new()),
            Err("d.list:1: not UTF-8 text".to_owned())
        );
    }

    #[test]
    fn a_line_of_a_megabyte_is_refused() {
        let text = format!("1 sip:ok\n1 sip:{}\n", "a".repeat(1 << 20));
        let expected = "d.list:2: a line of 1048582 bytes; at most 4096 are read";
        assert_eq!(read(&text), Err(expected.to_owned()));
    }

    #[test]
    fn too_many_destinations_are_refused() {
        let text = "1 sip:a\n".repeat(limits::DESTINATIONS + 1);
        assert!(read(&text).unwrap_err().starts_with("d.list:262145: more than 262144"));
    }

    #[test]
    fn an_empty_file_and_duplicates_are_warned_of() {
        let mut warnings = Vec::new();
        assert_eq!(parse(b"# nothing\n", "d.list", &mut warnings), Ok(Vec::new()));
        let rows = parse(b"1 sip:a\n2 sip:a\n1 SIP:A\n", "d.list", &mut warnings).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(
            warnings,
            [
                "d.list: no destination in it, running on empty sets",
                "d.list:3: SIP:A is in set 1 already (line 1): both count, with one state",
            ]
        );
    }
}
