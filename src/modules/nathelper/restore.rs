//! `restore_nated_ruri()`: the host that `fix_nated_contact("", "preserve-uri")` has kept in a
//! Contact comes back in the Request-URI of a request to it.

use data_encoding::BASE64_NOPAD;
use sluice_engine::{Ctx, Flow};
use sluice_sip::params;
use sluice_sip::uri::Uri;

/// The URI parameter that keeps host and port.
const PARAM: &str = "org";

/// The parameter for a host and port, with its `;`. Base 64 without `=`, which no value of a URI
/// parameter may hold (RFC 3261 25.1).
pub(super) fn preserved(host_port: &[u8]) -> Vec<u8> {
    format!(";{PARAM}={}", BASE64_NOPAD.encode(host_port)).into_bytes()
}

/// Takes the parameter out of the Request-URI: the rest is where the request goes, and gets the
/// host and port that the parameter names as its own; false when there is none.
pub(super) fn restore(ctx: &mut Ctx<'_>) -> Flow {
    let restored = ctx.ruri().and_then(|uri| restored(ctx.uri(uri)?));
    let Some((bare, original)) = restored else { return Flow::FALSE };
    let (bare, original) = (ctx.keep(&bare), ctx.keep(&original));
    ctx.set_destination(bare, None);
    ctx.run.ruri = Some(original);
    Flow::TRUE
}

/// A URI without its parameter, and that with the host of the parameter.
fn restored(uri: Uri<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let found =
        params::iter(uri.params).find(|param| param.name.eq_ignore_ascii_case(PARAM.as_bytes()))?;
    let digits = found.value?.split(|digit| *digit == b'=').next()?;
    let kept = BASE64_NOPAD.decode(digits).ok()?;
    let place = |piece: &[u8]| (piece.as_ptr() as usize).checked_sub(uri.text.as_ptr() as usize);
    let (head, from) = uri.text.split_at_checked(place(found.name)?)?;
    let end = from.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(from.len());
    // The semicolon before it goes, too.
    let bare = [head.strip_suffix(b";")?, from.get(end..)?].concat();
    let (head, from) = bare.split_at_checked(place(uri.host)?)?;
    let end = from.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(from.len());
    let original = [head, &kept, from.get(end..)?].concat();
    // Whoever sends it may have made it up.
    let is_host = |uri: Uri<'_>| {
        !kept.iter().any(|byte| matches!(byte, b';' | b'?' | b'@')) && !uri.host.is_empty()
    };
    Uri::parse(&original).is_some_and(is_host).then_some((bare, original))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(uri: &str) -> Option<(String, String)> {
        let (bare, original) = restored(Uri::parse(uri.as_bytes())?)?;
        Some((String::from_utf8(bare).unwrap(), String::from_utf8(original).unwrap()))
    }

    #[test]
    fn what_was_preserved_is_restored() {
        for host_port in ["10.0.0.1", "10.0.0.1:5070", "[fd00::1]:99", "pc.example.org"] {
            let param = String::from_utf8(preserved(host_port.as_bytes())).unwrap();
            let uri = format!("sip:a:p@203.0.113.9:4321;transport=udp{param};lr?x=y");
            let bare = "sip:a:p@203.0.113.9:4321;transport=udp;lr?x=y";
            let original = format!("sip:a:p@{host_port};transport=udp;lr?x=y");
            assert_eq!(both(&uri), Some((bare.to_owned(), original)));
        }
        assert_eq!(both("sip:h:1;ORG=eA==").unwrap().1, "sip:x");
    }

    #[test]
    fn anything_else_is_refused() {
        let made_up =
            |text: &str| format!("sip:a@h{}", String::from_utf8_lossy(&preserved(text.as_bytes())));
        for uri in ["sip:a@h", "sip:a@h;org", "sip:a@h;org=%", "sip:a@h;organ=eA", "tel:+1;org=eA"]
        {
            assert_eq!(both(uri), None, "{uri}");
        }
        for text in ["", "h\r\nX: y", "h x", "h:port", "h;lr", "b@h", "h?x=y"] {
            assert_eq!(both(&made_up(text)), None, "{text}");
        }
    }
}
