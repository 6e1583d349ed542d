//! Reads the first line of a message (RFC 3261 7.1, 7.2).
//!
//! Takes the line's place in the message, gives its parts as spans. Tolerates more than one blank
//! between the parts and blanks at the end; does not read the Request-URI.

use sluice_base::Span;
use sluice_base::lanes::blanks_in_64;

use crate::text::{has_blank, is_token, split_once, trim_end};
use crate::{Method, Reason, StartLine};

/// Reads the first line, which begins at `start`; gives it and where it ends, past its LF.
///
/// # Errors
/// [`Reason::FirstLine`], or [`Reason::Version`] when only the version is not 2.0.
#[inline(always)] // into the only caller
pub(crate) fn start_line(bytes: &[u8], start: usize) -> Result<(StartLine, usize), Reason> {
    let text = bytes.get(start..).unwrap_or_default();
    match text.first_chunk().and_then(|head| usual_request(head, start)) {
        Some(read) => Ok(read),
        None => any_start(text, start),
    }
}

/// A request line of at most 64 bytes as nearly all are: one blank between the parts, CRLF behind.
/// `None` for any other.
#[inline(always)]
fn usual_request(head: &[u8; 64], start: usize) -> Option<(StartLine, usize)> {
    let blanks = blanks_in_64(head);
    let token_len = blanks.trailing_zeros() as usize;
    let uri_end = (blanks & blanks.wrapping_sub(1)).trailing_zeros() as usize;
    let end = uri_end + VERSION.len();
    if head.get(token_len) != Some(&b' ')
        || head.get(uri_end..end) != Some(VERSION)
        || uri_end == token_len + 1
    {
        return None;
    }
    let method = Method::of_head(head.first_chunk()?, token_len);
    (method != Method::Other).then(|| {
        let uri = span(start + token_len + 1, uri_end - token_len - 1);
        (StartLine::Request { method, token: span(start, token_len), uri }, start + end)
    })
}

/// What stands behind the Request-URI.
const VERSION: &[u8; 10] = b" SIP/2.0\r\n";

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
