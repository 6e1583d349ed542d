//! Where a selection goes: `$du`, or host and port of the Request-URI.

use std::net::SocketAddr;
use std::ops::Range;

use sluice_engine::{Ctx, Text};
use sluice_sip::uri::Uri;

/// What a selection sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// `$du`; the Request-URI stays (`ds_select_dst`).
    Destination,
    /// Host and port of the Request-URI, nothing else of it (`ds_select_domain`).
    Domain,
}

impl Target {
    /// Sends the request to `uri`, whose address may be known.
    ///
    /// # Errors
    /// A URI without host and port that is wanted for the Request-URI, or a malformed one there.
    #[inline]
    pub fn set(
        self,
        ctx: &mut Ctx<'_>,
        uri: Text,
        addr: Option<SocketAddr>,
    ) -> Result<(), &'static str> {
        match self {
            Self::Destination => {
                ctx.set_destination(uri, addr);
                Ok(())
            }
            Self::Domain => set_domain(ctx, uri),
        }
    }
}

fn set_domain(ctx: &mut Ctx<'_>, uri: Text) -> Result<(), &'static str> {
    let authority = authority(ctx.bytes(uri)).ok_or("dispatcher: no host in the AVP")?;
    put_authority(ctx, part(uri, authority)).ok_or("dispatcher: the Request-URI is malformed")
}

fn put_authority(ctx: &mut Ctx<'_>, authority: Text) -> Option<()> {
    let uri = ctx.ruri()?;
    let old = self::authority(ctx.bytes(uri))?;
    let head = part(uri, 0..old.start);
    let tail = part(uri, old.end..uri.len as usize);
    let joined = ctx.join([head, authority, tail].into_iter());
    ctx.run.ruri = joined.text();
    Some(())
}

/// Where `host[:port]` stands in a URI.
fn authority(text: &[u8]) -> Option<Range<usize>> {
    let uri = Uri::parse(text).filter(|uri| !uri.host.is_empty())?;
    let start = uri.host.as_ptr() as usize - text.as_ptr() as usize;
    let behind = text.get(start..)?;
    let len = behind.iter().position(|b| matches!(b, b';' | b'?')).unwrap_or(behind.len());
    Some(start..start + len)
}

fn part(text: Text, range: Range<usize>) -> Text {
    Text { start: text.start + range.start as u32, len: range.len() as u32, ..text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_found() {
        for (uri, expected) in [
            ("sip:h", "h"),
            ("sip:u:p@h:5070;lr?a=b", "h:5070"),
            ("sips:a;b@[::1]:5070?x=y", "[::1]:5070"),
        ] {
            let range = authority(uri.as_bytes()).unwrap();
            assert_eq!(&uri[range], expected);
        }
        assert_eq!(authority(b"tel:+1"), None);
        assert_eq!(authority(b"junk"), None);
    }
}
