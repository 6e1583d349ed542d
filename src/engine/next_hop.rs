//! Where a request is sent: an address, or a name that must be located first (RFC 3261 16.6
//! item 7, RFC 3263). Without a transport in the URI an address is reached by UDP.

use std::net::SocketAddr;

use sluice_base::OwnerSeed;
use sluice_sip::uri::{Scheme, Uri, literal_addr};

use crate::context::{Ctx, next_random};
use crate::counter::Counter;
use crate::job::{Answer, Job};
use crate::module::Wait;
use crate::sockets::{Proto, Remote};
use crate::targets::{Found, Located, Place};

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// It is known.
    Addr(Remote),
    /// Its host is a name.
    Name(Place),
}

/// The hash behind the order of a call without a transaction; any number will do.
const SEED: OwnerSeed = OwnerSeed(0x3263_16B1_D0A7_5EED);

/// What is known of a next hop, and what is to be done to know more.
#[derive(Debug)]
pub enum Way {
    /// The addresses to be tried, in this order; those that no socket of ours reaches are left
    /// out.
    Known(Vec<Remote>),
    /// This must be waited for; [`Ctx::ways`] reads the answer.
    Later(Wait),
}

impl NextHop {
    /// Of `$du`, else of the Request-URI. `None`: nowhere that can be reached.
    pub fn of_request(ctx: &Ctx<'_>) -> Option<Self> {
        let hop = match ctx.known_hop() {
            Some(addr) => Self::Addr(Remote::udp(addr)),
            None => Self::of_uri(ctx.bytes(ctx.next_hop()?))?,
        };
        Some(hop.routed(ctx))
    }

    /// With `mhomed`, an address that the kernel was not asked about yet is located as a name is:
    /// afterwards it is known by which address of ours it is reached.
    pub fn routed(self, ctx: &Ctx<'_>) -> Self {
        match self {
            Self::Addr(to) if ctx.lacks_source(to) => Self::Name(Place::of(to)),
            hop => hop,
        }
    }

    /// Of a URI, or of `[udp:]host[:port]`; also `tcp:`.
    pub fn of_text(text: &[u8]) -> Option<Self> {
        match Uri::parse(text) {
            Some(uri) if !uri.host.is_empty() => Self::of_uri(text),
            _ => {
                let (proto, host, port) = host_port(text)?;
                Self::of_host(host, port, proto)
            }
        }
    }

    /// Of a URI; `maddr` goes before the host. `None` also for a transport that is not built.
    fn of_uri(text: &[u8]) -> Option<Self> {
        let uri = Uri::parse(text).filter(|uri| !uri.host.is_empty())?;
        let proto = match uri.param("transport") {
            Some(name) => Some(Proto::of_name(name)?),
            None => None,
        };
        if uri.scheme == Scheme::Sips {
            return None;
        }
        let maddr = uri.param("maddr").filter(|host| !host.is_empty());
        Self::of_host(maddr.unwrap_or(uri.host), uri.port, proto)
    }

    /// RFC 3263 4.1: a numeric host is not asked for.
    fn of_host(host: &[u8], port: Option<u16>, proto: Option<Proto>) -> Option<Self> {
        match literal_addr(host) {
            Some(ip) => {
                let proto = proto.unwrap_or(Proto::Udp);
                let addr = SocketAddr::new(ip, port.unwrap_or(proto.default_port()));
                Some(Self::Addr(Remote { proto, addr }))
            }
            None => Place::new(host, port, proto).map(Self::Name),
        }
    }
}

impl Ctx<'_> {
    /// The address that `$du` is known to stand for.
    #[inline]
    pub fn known_hop(&self) -> Option<SocketAddr> {
        self.run.destination.and(self.run.destination_addr)
    }

    /// Where a place is, as far as that is known.
    pub fn locate(&mut self, place: Place) -> Way {
        let found = self.shared.names.look(&place, self.now.mono_ms());
        let later = found == Found::Later;
        self.local.add(if later { Counter::NamesAsked } else { Counter::NamesKnown }, 1);
        match found {
            Found::Now(located) => Way::Known(self.order(&located)),
            Found::Nowhere => Way::Known(Vec::new()),
            Found::Later => Way::Later(Wait::Job(Job::Locate(place))),
        }
    }

    /// The ways that an answer names; none when it was not found out.
    pub fn ways(&mut self, answer: &Answer) -> Vec<Remote> {
        match answer {
            Answer::Located(located) => self.order(located),
            _ => Vec::new(),
        }
    }

    /// The order for this call (RFC 3263 4.3): without what a blacklist forbids, and those that
    /// failed lately behind the others. Without a transaction it is drawn from the Call-ID, so that
    /// a request that comes again, its CANCEL and its ACK go the same way (RFC 3261 16.11).
    fn order(&mut self, located: &Located) -> Vec<Remote> {
        let mut order = Vec::new();
        match self.run.transaction {
            Some(_) => located.draw(|| self.local.random(), &mut order),
            None => {
                let mut state = SEED.hash(self.message.call_id());
                located.draw(|| next_random(&mut state), &mut order);
            }
        }
        let first = order.first().copied();
        order.retain(|to| self.shared.sockets.reach(*to));
        if let Some(first) = first.filter(|_| order.is_empty()) {
            self.unreachable(first);
        }
        if !order.is_empty() {
            order.retain(|to| !self.is_filtered(*to));
            self.run.blacklists.hit |= order.is_empty();
        }
        self.shared.names.failed.order(&mut order, self.now.mono_ms());
        order
    }
}

/// `host`, `host:port`, also with a transport in front: `tcp:host:port`.
fn host_port(text: &[u8]) -> Option<(Option<Proto>, &[u8], Option<u16>)> {
    let proto = text.get(..4).and_then(|head| Proto::of_name(head.strip_suffix(b":")?));
    let text = if proto.is_some() { text.get(4..)? } else { text };
    if text.is_empty() {
        return None;
    }
    let behind_v6 = text.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let Some(colon) = text.iter().skip(behind_v6).position(|byte| *byte == b':') else {
        return Some((proto, text, None));
    };
    let (host, port) = text.split_at(behind_v6 + colon);
    let port = std::str::from_utf8(port.get(1..)?).ok()?.parse().ok()?;
    Some((proto, host, Some(port)))
}
