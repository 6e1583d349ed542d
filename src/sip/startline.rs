//! Reads the first line of a message (RFC 3261 7.1, 7.2).
//!
//! Takes the line's place in the message, gives its parts as spans. Tolerates more than one blank
//! between the parts and blanks at the end; does not read the Request-URI.

use sluice_base::Span;

use crate::text::{has_blank_or_control, is_token, trim_end, trim_start};
use crate::{Method, Reason, StartLine};

/// Reads `bytes[start..end]`, the first line without its LF.
///
/// # Errors
/// [`Reason::FirstLine`], or [`Reason::Version`] when only the version is not 2.0.
#[inline]
pub(crate) fn start_line(bytes: &[u8], start: usize, end: usize) -> Result<StartLine, Reason> {
    let line = trim_end(bytes.get(start..end).unwrap_or_default());
    match version_at_start(line) {
        Some(b"2.0") => reply(line, start),
        Some(_) => Err(Reason::Version),
        None => request(line, start),
    }
}

/// `SIP/2.0 CODE [REASON]`; the line begins with `SIP/2.0`.
fn reply(line: &[u8], start: usize) -> Result<StartLine, Reason> {
    let rest = trim_start(&line[7..]);
    let at = start + line.len() - rest.len();
    let (Some(code @ [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9']), Some(after)) =
        (rest.first_chunk::<3>(), rest.get(3..))
    else {
        return Err(Reason::FirstLine);
    };
    let phrase = trim_start(after);
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
#[inline]
fn request(line: &[u8], start: usize) -> Result<StartLine, Reason> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let token_len = line.iter().position(blank).ok_or(Reason::FirstLine)?;
    let version_at = line.iter().rposition(blank).map_or(0, |at| at + 1);
    let (token, version) = (&line[..token_len], &line[version_at..]);
    let uri = trim_start(line.get(token_len..version_at).unwrap_or_default());
    let uri_at = version_at - uri.len();
    let uri = trim_end(uri);
    let method = Method::of(token);
    if (method == Method::Other && !is_token(token)) || uri.is_empty() || has_blank_or_control(uri)
    {
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
#[inline]
fn version_at_start(text: &[u8]) -> Option<&[u8]> {
    let (name, rest) = text.split_first_chunk::<4>()?;
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
    Some(&rest[..end])
}

fn span(start: usize, len: usize) -> Span {
    Span { start: start as u16, end: (start + len) as u16 }
}
