//! What `t_relay()` is given: flags, as words or as the number of 1.x, and a fixed destination, in
//! either order, since 1.x had the destination first (spec 8.1).

use sluice_engine::next_hop::NextHop;
use sluice_engine::sockets::Proto;
use sluice_engine::{Ctx, Text, Value};

/// Flags of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flags(u32);

impl Flags {
    /// A failure is left to the script, not answered.
    pub(super) const NO_AUTO_477: Self = Self(2);
    /// Of a name only one address is tried.
    pub(super) const NO_DNS_FAILOVER: Self = Self(4);
    /// The Reason of the caller's CANCEL goes on.
    pub(super) const PASS_REASON: Self = Self(8);
    /// `Request-Disposition: no-cancel` is obeyed (RFC 3841 9.1).
    pub(super) const ALLOW_NO_CANCEL: Self = Self(16);

    /// Whether all of `other` are set.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads words with commas between them, or a number.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        if let Some(bits) = number {
            return Some(Self(bits));
        }
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let bits = words.map(bit).try_fold(0, |bits, bit| bit.map(|bit| bits | bit));
        bits.map(Self)
    }
}

/// By word. 1 was "no automatic 100", which newer releases took away.
const WORDS: [(&str, u32); 4] =
    [("no-auto-477", 2), ("no-dns-failover", 4), ("pass-reason-hdr", 8), ("allow-no-cancel", 16)];

fn bit(word: &str) -> Option<u32> {
    WORDS.iter().find(|(name, _)| *name == word).map(|(_, bit)| *bit)
}

/// Refuses at load what can be neither.
///
/// # Errors
/// What was expected.
pub(super) fn check(text: &str) -> Result<(), String> {
    if Flags::parse(text).is_some() || text.contains([':', '.']) {
        return Ok(());
    }
    let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
    Err(format!(
        "flags are {}, not `{text}`; a destination is `udp:host:port` or `tcp:host:port`",
        words.join(", ")
    ))
}

/// Flags and destination among the arguments.
pub(super) fn given(ctx: &Ctx<'_>, args: &[Value]) -> (Flags, Option<Text>) {
    let (mut flags, mut place) = (Flags::default(), None);
    for text in args.iter().take(2).filter_map(|arg| arg.text()) {
        match std::str::from_utf8(ctx.bytes(text)).ok().and_then(Flags::parse) {
            Some(more) => flags.0 |= more.0,
            None => place = Some(text),
        }
    }
    (flags, place)
}

/// Has the request sent to a place, whatever `$du` says; false when it is none.
pub(super) fn aim_at(ctx: &mut Ctx<'_>, place: Text) -> bool {
    let Some(hop) = NextHop::of_text(ctx.bytes(place)) else { return false };
    let uri = match &hop {
        NextHop::Addr(to) => format!("sip:{}{}", to.addr, transport(to.proto)),
        NextHop::Name(place) => {
            let mut uri = format!("sip:{}", place.host);
            place.port.iter().for_each(|port| uri.push_str(&format!(":{port}")));
            place.proto.iter().for_each(|p| uri.push_str(&format!(";transport={}", p.lower())));
            uri
        }
    };
    let uri = ctx.keep(uri.as_bytes());
    let addr = match hop {
        NextHop::Addr(to) => Some(to.addr).filter(|_| to.proto == Proto::Udp),
        NextHop::Name(..) => None,
    };
    ctx.set_destination(uri, addr);
    true
}

/// The parameter of a URI that names a transport; UDP goes without.
const fn transport(proto: Proto) -> &'static str {
    match proto {
        Proto::Udp => "",
        Proto::Tcp => ";transport=tcp",
    }
}
