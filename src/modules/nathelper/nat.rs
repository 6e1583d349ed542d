//! `nat_uac_test()`: what a message says of its sender, compared with where it came from.

use std::net::{IpAddr, Ipv4Addr};

use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::uri::{Uri, default_port, literal_addr};

use super::contact::contacts;
use crate::sipmsgops::api::descriptions;

/// The tests by name and bit.
const TESTS: [(&str, i64); 8] = [
    ("private-contact", PRIVATE_CONTACT),
    ("diff-ip-src-via", OTHER_VIA),
    ("private-via", PRIVATE_VIA),
    ("private-sdp", PRIVATE_SDP),
    ("diff-port-src-via", OTHER_VIA_PORT),
    ("diff-ip-src-contact", OTHER_CONTACT),
    ("diff-port-src-contact", OTHER_CONTACT_PORT),
    ("carrier-grade-nat", CARRIER_GRADE),
];
const PRIVATE_CONTACT: i64 = 1;
const OTHER_VIA: i64 = 2;
const PRIVATE_VIA: i64 = 4;
const PRIVATE_SDP: i64 = 8;
const OTHER_VIA_PORT: i64 = 16;
const OTHER_CONTACT: i64 = 32;
const OTHER_CONTACT_PORT: i64 = 64;
/// No test of its own: more addresses are private.
const CARRIER_GRADE: i64 = 128;

/// Reads the tests: words, or the number of their bits.
///
/// # Errors
/// What was expected.
pub(super) fn tests(text: &str) -> Result<i64, String> {
    bits(text, &TESTS)
}

/// Reads flags: words with commas between, or the number of their bits.
pub(super) fn bits(text: &str, known: &[(&str, i64)]) -> Result<i64, String> {
    if let Ok(number) = text.trim().parse::<i64>() {
        let all = known.iter().fold(0, |all, (_, bit)| all | bit);
        let fits = number & !all == 0;
        return if fits { Ok(number) } else { Err(format!("flags are at most {all}")) };
    }
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.into_iter().try_fold(0, |bits, word| {
        let found = known.iter().find(|(name, _)| *name == word);
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.map(|(_, bit)| bits | bit).ok_or_else(|| format!("`{word}` is none of {}", names()))
    })
}

/// Whether one of the tests finds a NAT.
pub(super) fn test(ctx: &Ctx<'_>, args: &[Value]) -> Flow {
    let Some(wanted) = args.first().and_then(|tests| tests.int()) else { return Flow::FALSE };
    let source = ctx.packet.peer;
    let is_private = |host: &[u8]| match literal_addr(host) {
        Some(IpAddr::V4(addr)) => is_private(addr, wanted & CARRIER_GRADE != 0),
        _ => false,
    };
    let is_source = |host: &[u8]| literal_addr(host) == Some(source.ip());
    let via = &ctx.via.0;
    let via_port = via.port.unwrap_or(default_port(via.transport));
    let contact = contacts(ctx.message).next().and_then(|contact| Uri::parse(contact.uri));
    let in_contact = |test: &dyn Fn(Uri<'_>) -> bool| contact.is_some_and(test);
    let in_sdp = || {
        let common = descriptions(ctx).filter_map(|sdp| sdp.connection());
        let own = descriptions(ctx).flat_map(|sdp| sdp.streams()).filter_map(|s| s.connection());
        common.chain(own).any(is_private)
    };
    let hits = |bit: i64, test: &dyn Fn() -> bool| wanted & bit != 0 && test();
    Flow::of(
        hits(PRIVATE_CONTACT, &|| in_contact(&|uri| is_private(uri.host)))
            || hits(OTHER_VIA, &|| !is_source(via.host))
            || hits(PRIVATE_VIA, &|| is_private(via.host))
            || hits(PRIVATE_SDP, &in_sdp)
            || hits(OTHER_VIA_PORT, &|| via_port != source.port())
            || hits(OTHER_CONTACT, &|| in_contact(&|uri| !is_source(uri.host)))
            || hits(OTHER_CONTACT_PORT, &|| {
                in_contact(&|uri| uri.port_or_default() != source.port())
            }),
    )
}

/// RFC 1918, and RFC 6598 where it is asked for.
fn is_private(addr: Ipv4Addr, carrier_grade: bool) -> bool {
    let [first, second, ..] = addr.octets();
    addr.is_private() || carrier_grade && first == 100 && second & 0xC0 == 64
}
