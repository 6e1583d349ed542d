//! Loop detection (RFC 3261 16.3 item 4, 16.6 item 8; RFC 5393 4.2): a mark in our Via of all that
//! decides where a request goes. It comes back with the same mark only where nothing has changed
//! since, which is a loop; with another one it is a spiral, which is fine.

use sluice_base::OwnerSeed;
use sluice_sip::Kind;

use crate::context::Ctx;
use crate::forward::hex;
use crate::headers::named;

/// The parameter of our Via that holds the mark.
const NAME: &str = "loop";

/// Keeps marks apart from other hashes with the key of the process.
const MARKS: u64 = 0x6C6F_6F70_2D6D_6172;

/// The mark of the request as it was received.
pub fn mark(ctx: &Ctx<'_>) -> [u8; 16] {
    let message = ctx.message;
    let (number, method) = message.cseq().map_or((0, &b""[..]), |(n, m)| (n, message.text(m)));
    let tag = |address: Option<sluice_sip::nameaddr::NameAddr<'_>>| {
        OwnerSeed(0).hash(address.and_then(|address| address.tag()).unwrap_or_default())
    };
    let uri = message.uri().map(|uri| message.text(uri)).unwrap_or_default();
    let start = ctx.shared.settings.tag_key ^ MARKS ^ u64::from(number);
    let start = start ^ tag(message.from()) ^ tag(message.to()).rotate_left(1);
    let mix = |hash: u64, part: &[u8]| OwnerSeed(hash).hash(part);
    let hash = [message.call_id(), method, uri].into_iter().fold(start, mix);
    let routes = message.fields(Kind::Route);
    let others = [&b"Proxy-Require"[..], b"Proxy-Authorization"];
    let others = others.into_iter().flat_map(|name| named(message, name));
    hex(routes.chain(others).map(|field| message.text(field.value)).fold(hash, mix))
}

/// Whether the request has been here before just so.
pub fn is_loop(ctx: &Ctx<'_>) -> bool {
    let mark = mark(ctx);
    let mut vias = ctx.message.vias();
    vias.any(|via| {
        let ours = ctx.shared.sockets.is_myself(via.host, via.port.unwrap_or(5060));
        ours && via.param(NAME) == Some(&mark[..])
    })
}

/// Appends the parameter.
pub(crate) fn write(mark: [u8; 16], out: &mut Vec<u8>) {
    for piece in [b";", NAME.as_bytes(), b"=", &mark] {
        out.extend_from_slice(piece);
    }
}
