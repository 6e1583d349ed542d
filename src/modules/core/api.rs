//! What other modules use of the core.

use std::net::{IpAddr, SocketAddr};

use sluice_engine::module::Subject;
use sluice_engine::{Ctx, Text, TimeZone, Value};

use super::calendar::Civil;
use super::uri::Pieces;
use super::variables::{bit_of, listed};

/// The bit of the flag that a variable names in parentheses.
pub fn flag_bit(subject: Subject) -> Option<u32> {
    bit_of(subject)
}

/// The names of flags with something between, the highest slot first.
pub fn flag_names(ctx: &mut Ctx<'_>, flags: u32, between: &[u8]) -> Value {
    listed(ctx, flags, between)
}

/// Appends a `Date` line (RFC 3261 20.17) with its line end.
pub fn date_line(seconds: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Date: ");
    Civil::of(seconds).format(b"%a, %d %b %Y %H:%M:%S GMT\r\n", out);
}

/// A moment as C writes it, `Mon Nov 23 13:05:09 2026`, in a zone.
pub fn date_text(seconds: u64, zone: &TimeZone) -> String {
    let mut text = Vec::new();
    Civil::local(seconds, zone).format(b"%c", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Sets the user of the present Request-URI; false when that is no SIP URI.
pub fn set_user(ctx: &mut Ctx<'_>, user: Text) -> bool {
    let Some(mut pieces) = ctx.ruri().and_then(|uri| Pieces::of(ctx, uri)) else { return false };
    pieces.user = Some(user);
    ctx.run.ruri = Some(pieces.join(ctx));
    true
}

/// Sets the host of the present Request-URI; false when that is no SIP URI.
pub fn set_host(ctx: &mut Ctx<'_>, host: Text) -> bool {
    let Some(mut pieces) = ctx.ruri().and_then(|uri| Pieces::of(ctx, uri)) else { return false };
    pieces.host = host;
    ctx.run.ruri = Some(pieces.join(ctx));
    true
}

/// A name server as the global `dns_server` has it: `ADDRESS` or `ADDRESS:PORT`, an IPv6 address
/// with a port in brackets.
pub fn server_addr(text: &str) -> Option<SocketAddr> {
    let bare = text.trim().parse().map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT));
    bare.or_else(|_| text.trim().parse()).ok()
}

const DNS_PORT: u16 = 53;
