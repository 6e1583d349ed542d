//! Reads the first line of a message (RFC 3261 7.1, 7.2).
//!
//! Takes the line's place in the message, gives its parts as spans. Tolerates more than one blank
//! between the parts and blanks at the end; does not read the Request-URI.

use sluice_base::Span;
use sluice_base::lanes::{blanks_in_16, equal_in_16};

use crate::text::{has_blank, is_token, split_once, trim_end};
use crate::{Method, Reason, StartLine};

/// Reads the first line, which begins at `start`, into `line`; gives where it ends, past its LF.
///
/// # Errors
/// [`Reason::FirstLine`], or [`Reason::Version`] when only the version is not 2.0.
#[inline(always)] // into the only caller
pub(crate) fn start_line(
    bytes: &[u8],
    start: usize,
    line: &mut StartLine,
) -> Result<usize, Reason> {
    let text = bytes.get(start..).unwrap_or_default();
    let end;
    if let Some(usual) = usual_request(text, start) {
        (*line, end) = usual;
    } else {
        (*line, end) = any_start(text, start)?;
    }
    Ok(end)
}

/// A request line as nearly all are: one blank between the parts, CRLF behind. `None` for any
/// other, and for one that is nearly all of the text.
#[inline(always)]
fn usual_request(text: &[u8], start: usize) -> Option<(StartLine, usize)> {
    let head = text.first_chunk()?;
    let token_len = equal_in_16(head, b' ').trailing_zeros() as usize;
    let method = Method::of_head(head, token_len);
    let uri = text.get(token_len + 1..)?;
    let uri_len = first_blank(uri)?;
    let usual = uri.get(uri_len..)?.starts_with(VERSION);
    if !usual || uri_len == 0 || method == Method::Other {
        return None;
    }
    let uri = start + token_len + 1;
    let (token, end) = (span(start, token_len), uri + uri_len + VERSION.len());
    Some((StartLine::Request { method, token, uri: span(uri, uri_len) }, end))
}

/// What stands behind the Request-URI.
const VERSION: &[u8; 10] = b" SIP/2.0\r\n";

/// Where the first blank or control character stands; bytes behind the last 16 are not looked at.
#[inline(always)]
fn first_blank(text: &[u8]) -> Option<usize> {
    let mut parts = text.as_chunks().0.iter().map(blanks_in_16).enumerate();
    let (part, blanks) = parts.find(|(_, blanks)| *blanks != 0)?;
    Some(part * 16 + blanks.trailing_zeros() as usize)
}

#[inline(never)]
fn any_start(text: &[u8], start: usize) -> Result<(StartLine, usize), Reason> {
    let (line, _) = split_once(text, b'\n').ok_or(Reason::FirstLine)?;
    let end = start + line.len() + 1;
    let line = trim_end(line);
    let read = match version_at_start(line) {
        Some(b"2.0") => reply(line, start),
        Some(_) => Err(Reason::Version),
        None => request(line, start),
    };
    Ok((read?, end))
}

/// `SIP/2.0 CODE [REASON]`; the line begins with `SIP/2.0`.
fn reply(line: &[u8], start: usize) -> Result<StartLine, Reason> {
    let rest = skip_blanks(line.get(7..).unwrap_or_default());
    let at = start + line.len() - rest.len();
    let (Some(code @ [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9']), Some(after)) =
        (rest.first_chunk::<3>(), rest.get(3..))
    else {
        return Err(Reason::FirstLine);
    };
    let phrase = skip_blanks(after);
    if !matches!(after, [] | [b' ' | b'\t', ..]) || phrase.contains(&0) {
        return Err(Reason::FirstLine);
    }
    Ok(StartLine::Reply {
        status: code.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')),
        code: span(at, 3),
        reason: span(start + line.len() - phrase.len(), phrase.len()),
    })
}

/// `METHOD URI SIP/2.0`.
fn request(line: &[u8], start: usize) -> Result<StartLine, Reason> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let token_len = line.iter().position(blank).ok_or(Reason::FirstLine)?;
    let version_at = line.iter().rposition(blank).map_or(0, |at| at + 1);
    let (token, version) = (&line[..token_len], &line[version_at..]);
    let uri = skip_blanks(line.get(token_len..version_at).unwrap_or_default());
    let uri_at = version_at - uri.len();
    let uri_len = uri.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    let uri = &uri[..uri_len];
    let method = Method::of(token);
    if (method == Method::Other && !is_token(token)) || uri.is_empty() || has_blank(uri) {
        return Err(Reason::FirstLine);
    }
    match version_at_start(version) {
        Some(b"2.0") if version.len() == 7 => {}
        Some(_) => return Err(Reason::Version),
        None => return Err(Reason::FirstLine),
    }
    Ok(StartLine::Request {
        method,
        token: span(start, token.len()),
        uri: span(start + uri_at, uri.len()),
    })
}

/// What follows `SIP/` (any case) up to the next blank.
fn version_at_start(text: &[u8]) -> Option<&[u8]> {
    let (name, rest) = text.split_first_chunk::<4>()?;
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// `text` without blanks at its start; a CR is no blank within the first line.
fn skip_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn span(start: usize, len: usize) -> Span {
    Span { start: start as u16, end: (start + len) as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_request_is_read_as_any() {
        for len in 1..100 {
            for at in 0..len {
                let mut uri = "u".repeat(len);
                for other in ["u", "\t", " ", "\r", "\n", "\x7f"] {
                    uri.replace_range(at..=at, other);
                    for method in ["BYE", "SUBSCRIBE", "FOO", ""] {
                        let text = format!("{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n");
                        let any = any_start(text.as_bytes(), 0);
                        let usual = usual_request(text.as_bytes(), 0);
                        let good = matches!(method, "BYE" | "SUBSCRIBE");
                        assert_eq!(usual.is_some(), good && matches!(other, "u" | "\x7f"));
                        assert!(usual.is_none_or(|usual| any == Ok(usual)), "{text:?}");
                    }
                }
            }
        }
    }
}
