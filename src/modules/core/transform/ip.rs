//! `{ip.*}`: addresses as text and as bytes (`pton`); addresses of names, for which the run parks.

use std::net::{IpAddr, Ipv4Addr};

use sluice_engine::job::{Answer, Job};
use sluice_engine::module::{Apply, Asked, Transformation, Wait};
use sluice_engine::{Ctx, Value};
use sluice_sip::digits::push_addr;
use sluice_sip::uri::literal_addr;

use super::{entry, made, text};

pub(super) const LIST: &[Transformation] = &[
    entry("ip", "pton", (0, 0), "Text to the 4 or 16 bytes of an address.", |ctx, input, _| {
        match address(ctx, input) {
            Some(IpAddr::V4(addr)) => made(ctx, Some(&addr.octets())),
            Some(IpAddr::V6(addr)) => made(ctx, Some(&addr.octets())),
            None => Value::Null,
        }
    }),
    entry("ip", "ntop", (0, 0), "The 4 or 16 bytes of an address to text.", |ctx, input, _| {
        let addr = binary(ctx, input);
        printed(ctx, addr)
    }),
    entry(
        "ip",
        "family",
        (0, 0),
        "INET or INET6, of the bytes that pton gives.",
        |ctx, input, _| match binary(ctx, input) {
            Some(IpAddr::V4(_)) => made(ctx, Some(b"INET")),
            Some(IpAddr::V6(_)) => made(ctx, Some(b"INET6")),
            None => Value::Null,
        },
    ),
    entry("ip", "isip", (0, 0), "1 for an address, else 0.", |ctx, input, _| {
        truth(address(ctx, input).is_some())
    }),
    entry("ip", "isip4", (0, 0), "1 for an IPv4 address, else 0.", |ctx, input, _| {
        truth(address(ctx, input).is_some_and(|addr| addr.is_ipv4()))
    }),
    entry("ip", "isip6", (0, 0), "1 for an IPv6 address, else 0.", |ctx, input, _| {
        truth(address(ctx, input).is_some_and(|addr| addr.is_ipv6()))
    }),
    entry(
        "ip",
        "isprivate",
        (0, 0),
        "1 for private and loopback IPv4, else 0.",
        |ctx, input, _| match address(ctx, input) {
            Some(IpAddr::V4(addr)) => truth(is_private(addr)),
            Some(IpAddr::V6(_)) => truth(false),
            None => Value::Null,
        },
    ),
    entry("ip", "matches", (1, 1), "1 when within a network `ADDRESS/LENGTH`, else 0.", matches),
    resolving(
        "resolve",
        "An address of the host name; an address stays.",
        Apply::Ask {
            ask: |ctx, input, _| ask(ctx, input, |_| true),
            then: |ctx, _, _, answer| first(ctx, answer, |_| true),
        },
    ),
    resolving(
        "resolve4",
        "An IPv4 address of the host name; such an address stays.",
        Apply::Ask {
            ask: |ctx, input, _| ask(ctx, input, IpAddr::is_ipv4),
            then: |ctx, _, _, answer| first(ctx, answer, IpAddr::is_ipv4),
        },
    ),
    resolving(
        "resolve6",
        "An IPv6 address of the host name; such an address stays.",
        Apply::Ask {
            ask: |ctx, input, _| ask(ctx, input, IpAddr::is_ipv6),
            then: |ctx, _, _, answer| first(ctx, answer, IpAddr::is_ipv6),
        },
    ),
];

const fn resolving(name: &'static str, doc: &'static str, apply: Apply) -> Transformation {
    Transformation { class: "ip", name, doc, params: (0, 0), apply }
}

fn ask(ctx: &mut Ctx<'_>, input: Value, wanted: fn(&IpAddr) -> bool) -> Asked {
    let text = ctx.to_text(input);
    let host = ctx.bytes(text).trim_ascii();
    if let Some(addr) = literal_addr(host) {
        return Asked::Known(printed(ctx, Some(addr).filter(wanted)));
    }
    match std::str::from_utf8(host) {
        Ok(name) if !name.is_empty() => Asked::Wait(Wait::Job(Job::Resolve(name.into()))),
        _ => Asked::Known(Value::Null),
    }
}

fn first(ctx: &mut Ctx<'_>, answer: &Answer, wanted: fn(&IpAddr) -> bool) -> Value {
    let Answer::Addresses(addresses) = answer else { return Value::Null };
    printed(ctx, addresses.iter().copied().find(wanted))
}

fn printed(ctx: &mut Ctx<'_>, addr: Option<IpAddr>) -> Value {
    let Some(addr) = addr else { return Value::Null };
    let mut text = Vec::new();
    push_addr(&mut text, addr);
    made(ctx, Some(&text))
}

fn truth(truth: bool) -> Value {
    Value::Int(i64::from(truth))
}

fn address(ctx: &mut Ctx<'_>, input: Value) -> Option<IpAddr> {
    let text = ctx.to_text(input);
    literal_addr(ctx.bytes(text))
}

/// RFC 1918, RFC 6598 and 127.0.0.0/8.
fn is_private(addr: Ipv4Addr) -> bool {
    let [first, second, ..] = addr.octets();
    addr.is_private() || addr.is_loopback() || first == 100 && second & 0xC0 == 64
}

fn binary(ctx: &mut Ctx<'_>, input: Value) -> Option<IpAddr> {
    let text = ctx.to_text(input);
    let bytes = ctx.bytes(text);
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn matches(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let Some(net) = text(ctx, params, 0) else { return Value::Null };
    let addr = address(ctx, input);
    let net = std::str::from_utf8(ctx.bytes(net)).ok().and_then(|net| net.trim().split_once('/'));
    let (Some(addr), Some((net, length))) = (addr, net) else { return Value::Null };
    let (Some(net), Ok(length)) = (literal_addr(net.as_bytes()), length.parse::<u32>()) else {
        return Value::Null;
    };
    match (addr, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) if length <= 32 => {
            let differ = u64::from(a.to_bits() ^ b.to_bits());
            truth(differ >> (32 - length) == 0)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) if length <= 128 => {
            let differ = a.to_bits() ^ b.to_bits();
            truth(differ.checked_shr(128 - length).unwrap_or(0) == 0)
        }
        // Addresses of two families do not compare.
        _ => Value::Null,
    }
}
