//! Where a request is sent: an address, or a name that must be resolved first (RFC 3261 16.6
//! item 7). Without a transport in the URI it is UDP.

use std::net::{IpAddr, SocketAddr};

use sluice_sip::uri::{Scheme, Uri, literal_addr};

use crate::context::Ctx;
use crate::sockets::{Proto, Remote};

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// It is known.
    Addr(Remote),
    /// Its host is a name; the port behind it and the transport.
    Name(Box<str>, u16, Proto),
}

impl NextHop {
    /// Of `$du`, else of the Request-URI. `None`: nowhere that we have a transport for.
    pub fn of_request(ctx: &Ctx<'_>) -> Option<Self> {
        if let Some(addr) = ctx.known_hop() {
            return Some(Self::Addr(Remote::udp(addr)));
        }
        Self::of_uri(ctx.bytes(ctx.next_hop()?))
    }

    /// Of a URI, or of `[udp:|tcp:]host[:port]`.
    pub fn of_text(text: &[u8]) -> Option<Self> {
        match Uri::parse(text) {
            Some(uri) if !uri.host.is_empty() => Self::of_uri(text),
            _ => host_port(text).and_then(|(proto, host, port)| Self::of_host(host, port, proto)),
        }
    }

    /// Of a URI; `maddr` goes before the host. `None` also for a transport that is not built.
    fn of_uri(text: &[u8]) -> Option<Self> {
        let uri = Uri::parse(text).filter(|uri| !uri.host.is_empty())?;
        let transport = uri.param("transport").unwrap_or(b"udp");
        let proto = Proto::of_name(transport).filter(|_| uri.scheme != Scheme::Sips)?;
        let maddr = uri.param("maddr").filter(|host| !host.is_empty());
        Self::of_host(maddr.unwrap_or(uri.host), uri.port_or_default(), proto)
    }

    fn of_host(host: &[u8], port: u16, proto: Proto) -> Option<Self> {
        match literal_addr(host) {
            Some(ip) => Some(Self::Addr(Remote { proto, addr: SocketAddr::new(ip, port) })),
            None => Some(Self::Name(std::str::from_utf8(host).ok()?.into(), port, proto)),
        }
    }
}

impl Ctx<'_> {
    /// The address that `$du` is known to stand for, by UDP.
    #[inline]
    pub fn known_hop(&self) -> Option<SocketAddr> {
        self.run.destination.and(self.run.destination_addr)
    }
}

/// The first of a name's addresses that a socket of ours can reach by a transport.
pub fn reachable(ctx: &Ctx<'_>, addresses: &[IpAddr], proto: Proto) -> Option<IpAddr> {
    let reaches = |ip: &&IpAddr| {
        let mut sockets = ctx.shared.sockets.listen.iter();
        sockets.any(|l| l.proto == proto && l.addr.is_ipv4() == ip.is_ipv4())
    };
    addresses.iter().find(reaches).copied()
}

/// `host`, `host:port`, also with a transport in front: `tcp:host:port`.
fn host_port(text: &[u8]) -> Option<(Proto, &[u8], u16)> {
    let named = text.get(..4).and_then(|head| Proto::of_name(head.strip_suffix(b":")?));
    let text = if named.is_some() { text.get(4..)? } else { text };
    let proto = named.unwrap_or(Proto::Udp);
    if text.is_empty() {
        return None;
    }
    let behind_v6 = text.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let Some(colon) = text.iter().skip(behind_v6).position(|byte| *byte == b':') else {
        return Some((proto, text, proto.default_port()));
    };
    let (host, port) = text.split_at(behind_v6 + colon);
    let port = std::str::from_utf8(port.get(1..)?).ok()?.parse().ok()?;
    Some((proto, host, port))
}
