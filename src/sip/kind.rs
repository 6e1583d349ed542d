//! The header kinds that anything in Sluice treats by meaning.
//!
//! A name of at most 15 bytes is looked up in a table without collisions, so that it costs one
//! multiplication and one compare of 16 bytes, whichever it is; the few longer ones are compared
//! one by one.

use sluice_base::lanes::same_in_16;

/// A header field's kind; everything else is [`Kind::Other`], found by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are RFC 3261's")]
pub enum Kind {
    Other,
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    Route,
    RecordRoute,
    ContentLength,
    ContentType,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    Expires,
    Event,
    ReferTo,
    Supported,
    Require,
    ProxyRequire,
    Allow,
    UserAgent,
    Server,
    Date,
    Path,
    Diversion,
    PAssertedIdentity,
    PPreferredIdentity,
    RemotePartyId,
    Subject,
    Reason,
    RetryAfter,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = Kind::RetryAfter as usize + 1;

    /// The kind of a header name, long or compact (RFC 3261 7.3.3), any case.
    pub fn of(name: &[u8]) -> Self {
        let mut head = [0; 16];
        match head.get_mut(..=name.len()) {
            Some([start @ .., colon]) => {
                start.copy_from_slice(name);
                *colon = b':';
                Self::of_head(&head, name.len()).unwrap_or(Self::Other)
            }
            _ => LONG_NAMES
                .iter()
                .find(|(long, _)| name.eq_ignore_ascii_case(long.as_bytes()))
                .map_or(Self::Other, |(_, kind)| *kind),
        }
    }

    /// The kind of the name that is the first `len` bytes of `head`, with the colon behind it;
    /// `None` when it is in no slot, as when there is no colon at `len`.
    #[inline(always)]
    pub(crate) fn of_head(head: &[u8; 16], len: usize) -> Option<Self> {
        let slot = &SLOTS[slot_of(head, len)];
        let same = same_in_16(head, &slot.fold, &slot.name);
        (same == u16::MAX).then_some(slot.kind)
    }
}

/// Names of at most 15 bytes in small letters, with the compact forms of RFC 3261 7.3.3, RFC 6665
/// (`o`) and RFC 3515 (`r`).
const NAMES: [(&str, Kind); 39] = [
    ("via", Kind::Via),
    ("v", Kind::Via),
    ("from", Kind::From),
    ("f", Kind::From),
    ("to", Kind::To),
    ("t", Kind::To),
    ("call-id", Kind::CallId),
    ("i", Kind::CallId),
    ("cseq", Kind::CSeq),
    ("contact", Kind::Contact),
    ("m", Kind::Contact),
    ("max-forwards", Kind::MaxForwards),
    ("route", Kind::Route),
    ("record-route", Kind::RecordRoute),
    ("content-length", Kind::ContentLength),
    ("l", Kind::ContentLength),
    ("content-type", Kind::ContentType),
    ("c", Kind::ContentType),
    ("authorization", Kind::Authorization),
    ("expires", Kind::Expires),
    ("event", Kind::Event),
    ("o", Kind::Event),
    ("refer-to", Kind::ReferTo),
    ("r", Kind::ReferTo),
    ("supported", Kind::Supported),
    ("k", Kind::Supported),
    ("require", Kind::Require),
    ("proxy-require", Kind::ProxyRequire),
    ("allow", Kind::Allow),
    ("user-agent", Kind::UserAgent),
    ("server", Kind::Server),
    ("date", Kind::Date),
    ("path", Kind::Path),
    ("diversion", Kind::Diversion),
    ("remote-party-id", Kind::RemotePartyId),
    ("subject", Kind::Subject),
    ("s", Kind::Subject),
    ("reason", Kind::Reason),
    ("retry-after", Kind::RetryAfter),
];

/// Names of 16 bytes and more.
const LONG_NAMES: [(&str, Kind); 5] = [
    ("P-Asserted-Identity", Kind::PAssertedIdentity),
    ("P-Preferred-Identity", Kind::PPreferredIdentity),
    ("Proxy-Authorization", Kind::ProxyAuthorization),
    ("Proxy-Authenticate", Kind::ProxyAuthenticate),
    ("WWW-Authenticate", Kind::WwwAuthenticate),
];

/// A name and its colon in small letters; the bytes behind have all bits set.
#[derive(Clone, Copy)]
#[repr(align(64))] // a cache line
struct Slot {
    name: [u8; 16],
    /// The bits that are set before the compare: the case bit of the letters only, so that no other
    /// byte passes for a hyphen, and all of the bytes behind the colon, which may be any.
    fold: [u8; 16],
    kind: Kind,
}

/// An empty slot fits nothing: a byte cannot be 0 with its case bit set.
const EMPTY: Slot = Slot { name: [0; 16], fold: [0x20; 16], kind: Kind::Other };

static SLOTS: [Slot; 128] = slots();

/// Found by trying: with it no two names fall into one slot, which [`slots`] checks.
const MULTIPLY: u32 = 0xDCF4_BB99;

/// No two names have both the first two bytes (with the colon) and the length in common.
#[inline(always)]
const fn slot_of(head: &[u8; 16], len: usize) -> usize {
    let first = u16::from_le_bytes([head[0], head[1]]) & 0xDFDF;
    let key = first as u32 + len as u32 * 8; // an address of x86: one instruction
    (key.wrapping_mul(MULTIPLY) >> 25) as usize
}

const fn slots() -> [Slot; 128] {
    let mut slots = [EMPTY; 128];
    let mut n = 0;
    while n < NAMES.len() {
        let (name, kind) = NAMES[n];
        let (mut head, mut fold) = ([0xFF; 16], [0xFF; 16]);
        let mut at = 0;
        while at < name.len() {
            head[at] = name.as_bytes()[at];
            fold[at] = if head[at].is_ascii_lowercase() { 0x20 } else { 0 };
            at += 1;
        }
        (head[at], fold[at]) = (b':', 0);
        let slot = slot_of(&head, name.len());
        assert!(matches!(slots[slot].kind, Kind::Other), "two names in one slot");
        slots[slot] = Slot { name: head, fold, kind };
        n += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[(&str, &str, Kind)] = &[
        ("Via", "v", Kind::Via),
        ("From", "f", Kind::From),
        ("To", "t", Kind::To),
        ("Call-ID", "i", Kind::CallId),
        ("CSeq", "", Kind::CSeq),
        ("Contact", "m", Kind::Contact),
        ("Max-Forwards", "", Kind::MaxForwards),
        ("Route", "", Kind::Route),
        ("Record-Route", "", Kind::RecordRoute),
        ("Content-Length", "l", Kind::ContentLength),
        ("Content-Type", "c", Kind::ContentType),
        ("Authorization", "", Kind::Authorization),
        ("Proxy-Authorization", "", Kind::ProxyAuthorization),
        ("WWW-Authenticate", "", Kind::WwwAuthenticate),
        ("Proxy-Authenticate", "", Kind::ProxyAuthenticate),
        ("Expires", "", Kind::Expires),
        ("Event", "o", Kind::Event),
        ("Refer-To", "r", Kind::ReferTo),
        ("Supported", "k", Kind::Supported),
        ("Require", "", Kind::Require),
        ("Proxy-Require", "", Kind::ProxyRequire),
        ("Allow", "", Kind::Allow),
        ("User-Agent", "", Kind::UserAgent),
        ("Server", "", Kind::Server),
        ("Date", "", Kind::Date),
        ("Path", "", Kind::Path),
        ("Diversion", "", Kind::Diversion),
        ("P-Asserted-Identity", "", Kind::PAssertedIdentity),
        ("P-Preferred-Identity", "", Kind::PPreferredIdentity),
        ("Remote-Party-ID", "", Kind::RemotePartyId),
        ("Subject", "s", Kind::Subject),
        ("Reason", "", Kind::Reason),
        ("Retry-After", "", Kind::RetryAfter),
    ];

    #[test]
    fn every_kind_is_found_in_any_case_and_compact() {
        assert_eq!(NAMES.len() + 1, Kind::COUNT, "Other has no name");
        for (long, compact, kind) in NAMES {
            for name in [long.to_string(), long.to_lowercase(), long.to_uppercase()] {
                assert_eq!(Kind::of(name.as_bytes()), *kind, "{name}");
            }
            if !compact.is_empty() {
                assert_eq!(Kind::of(compact.as_bytes()), *kind, "{compact}");
                assert_eq!(Kind::of(compact.to_uppercase().as_bytes()), *kind, "{compact}");
            }
        }
    }

    #[test]
    fn one_changed_byte_is_another_name() {
        for (long, ..) in NAMES {
            for at in 0..long.len() {
                for byte in 0..=255u8 {
                    let mut name = long.as_bytes().to_vec();
                    name[at] = byte;
                    if !name.eq_ignore_ascii_case(long.as_bytes()) {
                        assert_ne!(Kind::of(&name), Kind::of(long.as_bytes()), "{name:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn anything_else_is_other() {
        for name in ["", "x", "Vi", "Vias", "P-Asserted-Identit", "Session-Expires", "-"] {
            assert_eq!(Kind::of(name.as_bytes()), Kind::Other, "{name}");
        }
    }
}
