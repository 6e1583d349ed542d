//! The naive oracle: reads a message line by line with owned strings, and edits by splicing.
//!
//! Written without a look at the index: it follows RFC 3261 7 and the order in which refusals are
//! promised (first line, then line by line, then mandatory headers, then Content-Length).

mod worker;

use sluice_sip::Reason;

/// What the oracle reads out of a message.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// Name and value of each field; folds stay in values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body after Content-Length was obeyed.
    pub body: Vec<u8>,
    /// The method of a request.
    pub method: Option<Vec<u8>>,
}

/// What becomes of a datagram at a worker: it is handled, or why it is not.
///
/// # Errors
/// The reason that must be counted.
pub fn judge(bytes: &[u8]) -> Result<(), Reason> {
    worker::check(&read(bytes)?)
}

/// Reads a message or says why it is none.
///
/// # Errors
/// The reason that must be counted.
pub fn read(bytes: &[u8]) -> Result<Read, Reason> {
    if bytes.len() > 65_535 {
        return Err(Reason::TooLarge);
    }
    if bytes.len() < 2 || bytes.iter().all(|byte| b"\0\t\n\r ".contains(byte)) {
        return Err(Reason::KeepAlive);
    }
    if bytes[0] < 4 {
        return Err(Reason::Stun);
    }
    let begin = bytes.iter().position(|byte| *byte != b'\r' && *byte != b'\n').unwrap();
    let mut lines = bytes[begin..].split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().filter(|line| line.ends_with(b"\n")).ok_or(Reason::FirstLine)?;
    check_first(first)?;
    let mut at = begin + first.len();
    let mut raw: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        at += line.len();
        match line {
            b"\n" | b"\r\n" => return finish(method_of(first), raw, &bytes[at..]),
            _ if !line.ends_with(b"\n") => return Err(Reason::Unfinished),
            [b' ' | b'\t', ..] => raw.last_mut().ok_or(Reason::Header)?.extend_from_slice(line),
            _ => {
                check_name(line)?;
                raw.push(line.to_vec());
                if raw.len() > 256 {
                    return Err(Reason::TooManyHeaders);
                }
            }
        }
    }
    Err(Reason::Unfinished)
}

/// The long lower-case name of a header, compact ones spelled out.
pub fn long_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).to_lowercase();
    let compact = [
        ("v", "via"),
        ("f", "from"),
        ("t", "to"),
        ("i", "call-id"),
        ("m", "contact"),
        ("l", "content-length"),
        ("c", "content-type"),
        ("o", "event"),
        ("r", "refer-to"),
        ("k", "supported"),
        ("s", "subject"),
    ];
    compact.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long.to_string())
}

/// The method of a good first line.
fn method_of(first: &[u8]) -> Option<Vec<u8>> {
    let word = first.split(|byte| b" \t".contains(byte)).next().unwrap();
    (!word.contains(&b'/')).then(|| word.to_vec())
}

fn finish(method: Option<Vec<u8>>, raw: Vec<Vec<u8>>, rest: &[u8]) -> Result<Read, Reason> {
    let fields: Vec<_> = raw.iter().map(|line| split_field(line)).collect();
    let values = |wanted: &str| -> Vec<&Vec<u8>> {
        fields
            .iter()
            .filter(|(name, _)| long_name(name) == wanted)
            .map(|(_, value)| value)
            .collect()
    };
    for name in ["via", "from", "to", "call-id", "cseq"] {
        if values(name).first().is_none_or(|value| value.is_empty()) {
            return Err(Reason::Mandatory);
        }
    }
    let mut len = rest.len();
    let lengths: Vec<_> = values("content-length").into_iter().map(|value| length(value)).collect();
    if let Some(first) = lengths.first() {
        if first.is_none() || lengths.iter().any(|other| other != first) {
            return Err(Reason::ContentLength);
        }
        len = first.unwrap();
    }
    let body = rest.get(..len).ok_or(Reason::ContentLength)?.to_vec();
    Ok(Read { fields, body, method })
}

fn length(value: &[u8]) -> Option<usize> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let len: u32 = std::str::from_utf8(value).unwrap().parse().ok()?;
    Some(len as usize)
}

fn split_field(line: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap();
    (line[..colon].trim_ascii_end().to_vec(), trim(&line[colon + 1..]).to_vec())
}

fn check_name(line: &[u8]) -> Result<(), Reason> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Reason::Header)?;
    let blanks = line[..colon].iter().rev().take_while(|byte| b" \t".contains(byte)).count();
    if is_token(&line[..colon - blanks]) { Ok(()) } else { Err(Reason::Header) }
}

fn check_first(line: &[u8]) -> Result<(), Reason> {
    let line = trim_end(line);
    let parts: Vec<&[u8]> =
        line.split(|byte| b" \t".contains(byte)).filter(|part| !part.is_empty()).collect();
    let is_version = |part: &[u8]| part.to_ascii_uppercase().starts_with(b"SIP/");
    let is_ours = |part: &[u8]| part.eq_ignore_ascii_case(b"SIP/2.0");
    if is_version(line) {
        if !is_ours(parts[0]) {
            return Err(Reason::Version);
        }
        let code = parts.get(1).copied().unwrap_or_default();
        let good = code.len() == 3
            && code.iter().all(u8::is_ascii_digit)
            && (b'1'..=b'6').contains(&code[0])
            && !line.contains(&0);
        return if good { Ok(()) } else { Err(Reason::FirstLine) };
    }
    let blank_first = line.first().is_none_or(|byte| b" \t".contains(byte));
    let [method, uri, version] = parts[..] else { return Err(Reason::FirstLine) };
    if blank_first || !is_token(method) || uri.iter().any(|byte| *byte <= b' ') {
        return Err(Reason::FirstLine);
    }
    match version {
        version if is_ours(version) => Ok(()),
        version if is_version(version) => Err(Reason::Version),
        _ => Err(Reason::FirstLine),
    }
}

fn is_token(text: &[u8]) -> bool {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    !text.is_empty() && text.iter().all(good)
}

fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\r\n".contains(byte);
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    trim_end(&text[start..])
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\r\n".contains(byte);
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    &text[..end]
}
