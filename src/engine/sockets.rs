//! The table of our listening sockets and of the names that are "us" (spec 1.3, is_myself).

use std::net::{IpAddr, SocketAddr};

use sluice_base::SocketId;
use sluice_script::socket::{Endpoint, endpoint};
use sluice_sip::uri::literal_addr;

/// A transport protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Proto {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// The other side of a message: its transport and address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Remote {
    /// By what.
    pub proto: Proto,
    /// Where.
    pub addr: SocketAddr,
}

impl Remote {
    /// An address that is reached by UDP.
    pub const fn udp(addr: SocketAddr) -> Self {
        Self { proto: Proto::Udp, addr }
    }
}

/// Every transport that is built.
const PROTOS: [Proto; 2] = [Proto::Udp, Proto::Tcp];

impl Proto {
    /// The transport of a name, any case; `None` for one that is not built.
    #[inline]
    pub fn of_name(name: &[u8]) -> Option<Self> {
        PROTOS.into_iter().find(|proto| name.eq_ignore_ascii_case(proto.lower().as_bytes()))
    }

    /// Whether messages come in a stream and none is lost on the way (RFC 3261 17.1.1.1).
    #[inline]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }

    /// `udp`, as `$socket_in` prints it.
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// `UDP`, as Via prints it.
    pub const fn upper(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// 5060.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
        }
    }
}

/// A listening socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listen {
    /// Its transport.
    pub proto: Proto,
    /// Its address.
    pub addr: SocketAddr,
    /// The host as the script wrote it (a name, or the address).
    pub name: String,
    /// `as HOST[:PORT]`.
    pub advertised: Option<(String, Option<u16>)>,
    /// `tag NAME`.
    pub tag: Option<String>,
    /// `anycast`: other machines have the address, too.
    pub anycast: bool,
    /// `accept_subdomain`: names below its name are us, too.
    pub subdomains: bool,
    /// `udp:127.0.0.1:5060`, `tcp:127.0.0.1:5060`; IPv6 in brackets.
    pub text: String,
    /// What our Via says after `SIP/2.0/UDP `: host, and `:port` unless default (spec 11).
    pub sent_by: String,
}

/// An `alias`: a name that is us; port 0 matches every port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alias {
    /// Only this transport, when given.
    pub proto: Option<Proto>,
    /// The host, lower case, without brackets.
    pub host: String,
    /// The port, 0 for any.
    pub port: u16,
    /// `accept_subdomain`: names below the host are us, too.
    pub subdomains: bool,
}

/// All of them. Immutable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sockets {
    /// By [`SocketId`].
    pub listen: Vec<Listen>,
    /// Extra names.
    pub aliases: Vec<Alias>,
}

impl Sockets {
    /// The transport of a socket.
    #[inline]
    pub fn proto(&self, id: SocketId) -> Option<Proto> {
        self.get(id).map(|listen| listen.proto)
    }

    /// Whether nothing that a socket sends is lost on the way.
    pub fn is_reliable(&self, id: SocketId) -> bool {
        self.proto(id).is_some_and(Proto::is_reliable)
    }

    /// The socket of an id.
    #[inline]
    pub fn get(&self, id: SocketId) -> Option<&Listen> {
        self.listen.get(id.0 as usize)
    }

    /// The socket with exactly this transport and address.
    pub fn find(&self, proto: Proto, addr: SocketAddr) -> Option<SocketId> {
        let at = self.listen.iter().position(|l| l.proto == proto && l.addr == addr)?;
        Some(SocketId(at as u16))
    }

    /// The transports that there are sockets of, each once, in their order.
    pub fn protos(&self) -> Vec<Proto> {
        let mut protos: Vec<Proto> = Vec::new();
        for listen in &self.listen {
            if !protos.contains(&listen.proto) {
                protos.push(listen.proto);
            }
        }
        protos
    }

    /// Whether one of the sockets fits transport and address family.
    pub fn reach(&self, peer: Remote) -> bool {
        let fits = |l: &Listen| l.proto == peer.proto && l.addr.is_ipv4() == peer.addr.is_ipv4();
        self.listen.iter().any(fits)
    }

    /// The socket that a text names, as the script or a table writes it: `udp:10.0.0.1:5060`, the
    /// host also by its name; without a transport the first of the address; or by its tag.
    pub fn named(&self, text: &str) -> Option<SocketId> {
        let whole = |l: &Listen| {
            l.text.eq_ignore_ascii_case(text) || l.tag.as_deref().is_some_and(|tag| tag == text)
        };
        let at = self.listen.iter().position(whole).or_else(|| {
            let Endpoint { proto, host, port } = endpoint(text).ok()?;
            let proto = match proto {
                Some(name) => Some(Proto::of_name(name.as_bytes())?),
                None => None,
            };
            let (ip, name) = (literal_addr(host.as_bytes()), host.trim_matches(['[', ']']));
            self.listen.iter().position(|l| {
                let host = ip == Some(l.addr.ip()) || l.name.eq_ignore_ascii_case(name);
                let port = port.unwrap_or(l.proto.default_port()) == l.addr.port();
                host && port && proto.is_none_or(|proto| proto == l.proto)
            })
        });
        at.map(|at| SocketId(at as u16))
    }

    /// The socket to send to `peer` by: the preferred one if transport and family fit, else the
    /// first that does (spec 1.3, `mhomed` off).
    #[inline]
    pub fn towards(&self, peer: Remote, preferred: SocketId) -> Option<SocketId> {
        let fits = |l: &Listen| l.proto == peer.proto && l.addr.is_ipv4() == peer.addr.is_ipv4();
        if self.get(preferred).is_some_and(fits) {
            return Some(preferred);
        }
        self.listen.iter().position(fits).map(|at| SocketId(at as u16))
    }

    /// A socket that the script forces, as far as it can send to `peer`: itself, or the one of the
    /// same address and the peer's transport.
    #[inline]
    pub fn forced(&self, peer: Remote, forced: SocketId) -> Option<SocketId> {
        let listen = self.get(forced)?;
        if listen.addr.is_ipv4() != peer.addr.is_ipv4() {
            return None;
        }
        if listen.proto == peer.proto { Some(forced) } else { self.find(peer.proto, listen.addr) }
    }

    /// The socket to send to `peer` by from an address of ours: the preferred one if it has that,
    /// else the first of the transport that has it.
    pub fn of_source(&self, peer: Remote, source: IpAddr, preferred: SocketId) -> Option<SocketId> {
        let own =
            |ip: IpAddr| ip == source || ip.is_unspecified() && ip.is_ipv4() == source.is_ipv4();
        let fits = |l: &Listen| l.proto == peer.proto && own(l.addr.ip());
        if self.get(preferred).is_some_and(fits) {
            return Some(preferred);
        }
        self.listen.iter().position(fits).map(|at| SocketId(at as u16))
    }

    /// Whether host and port are us; port 0 is "any" (spec 1.3).
    pub fn is_myself(&self, host: &[u8], port: u16) -> bool {
        let ip = literal_addr(host);
        let host = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host);
        let same = |name: &str| name.as_bytes().eq_ignore_ascii_case(host);
        let below = |name: &str| {
            let at = host.len().checked_sub(name.len() + 1);
            let tail = at.and_then(|at| host.get(at..)).and_then(|tail| tail.strip_prefix(b"."));
            tail.is_some_and(|tail| name.as_bytes().eq_ignore_ascii_case(tail))
        };
        self.listen.iter().any(|l| {
            let (advertised, advertised_port) = match &l.advertised {
                Some((host, port)) => (Some(host.as_str()), port.unwrap_or(l.addr.port())),
                None => (None, 0),
            };
            let named = same(&l.name) || l.subdomains && below(&l.name);
            let own = named || ip == Some(l.addr.ip());
            own && (port == 0 || port == l.addr.port())
                || advertised.is_some_and(same) && (port == 0 || port == advertised_port)
        }) || self.aliases.iter().any(|alias| {
            let named = same(&alias.host) || alias.subdomains && below(&alias.host);
            named && (alias.port == 0 || port == 0 || alias.port == port)
        })
    }
}
