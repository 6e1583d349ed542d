//! Where a request is sent: an address, or a name that must be resolved first (RFC 3261 16.6
//! item 7). UDP only, as long as no other transport is built.

use std::net::{IpAddr, SocketAddr};

use sluice_sip::uri::{Scheme, Uri, literal_addr};

use crate::context::Ctx;

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// It is known.
    Addr(SocketAddr),
    /// Its host is a name; the port behind it.
    Name(Box<str>, u16),
}

impl NextHop {
    /// Of `$du`, else of the Request-URI. `None`: nowhere that can be reached by UDP.
    pub fn of_request(ctx: &Ctx<'_>) -> Option<Self> {
        if let Some(addr) = ctx.known_hop() {
            return Some(Self::Addr(addr));
        }
        Self::of_uri(ctx.bytes(ctx.next_hop()?))
    }

    /// Of a URI, or of `[udp:]host[:port]`.
    pub fn of_text(text: &[u8]) -> Option<Self> {
        match Uri::parse(text) {
            Some(uri) if !uri.host.is_empty() => Self::of_uri(text),
            _ => host_port(text).and_then(|(host, port)| Self::of_host(host, port)),
        }
    }

    /// Of a URI; `maddr` goes before the host. `None` also for a transport that is not built.
    fn of_uri(text: &[u8]) -> Option<Self> {
        let uri = Uri::parse(text).filter(|uri| !uri.host.is_empty())?;
        let transport = uri.param("transport").unwrap_or(b"udp");
        if uri.scheme == Scheme::Sips || !transport.eq_ignore_ascii_case(b"udp") {
            return None;
        }
        let maddr = uri.param("maddr").filter(|host| !host.is_empty());
        Self::of_host(maddr.unwrap_or(uri.host), uri.port_or_default())
    }

    fn of_host(host: &[u8], port: u16) -> Option<Self> {
        match literal_addr(host) {
            Some(ip) => Some(Self::Addr(SocketAddr::new(ip, port))),
            None => Some(Self::Name(std::str::from_utf8(host).ok()?.into(), port)),
        }
    }
}

impl Ctx<'_> {
    /// The address that `$du` is known to stand for.
    #[inline]
    pub fn known_hop(&self) -> Option<SocketAddr> {
        self.run.destination.and(self.run.destination_addr)
    }
}

/// The first of a name's addresses that a socket of ours can reach.
pub fn reachable(ctx: &Ctx<'_>, addresses: &[IpAddr]) -> Option<IpAddr> {
    let of_family = |ip: &&IpAddr| {
        ctx.shared.sockets.listen.iter().any(|listen| listen.addr.is_ipv4() == ip.is_ipv4())
    };
    addresses.iter().find(of_family).copied()
}

/// `host`, `host:port`, also with a transport in front: `udp:host:port`.
fn host_port(text: &[u8]) -> Option<(&[u8], u16)> {
    let text = text.strip_prefix(b"udp:").unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    let behind_v6 = text.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let Some(colon) = text.iter().skip(behind_v6).position(|byte| *byte == b':') else {
        return Some((text, 5060));
    };
    let (host, port) = text.split_at(behind_v6 + colon);
    let port = std::str::from_utf8(port.get(1..)?).ok()?.parse().ok()?;
    Some((host, port))
}
