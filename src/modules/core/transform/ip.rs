//! `{ip.*}`: addresses as text and as bytes (`pton`).

use std::net::IpAddr;

use sluice_engine::module::Transformation;
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
        let Some(addr) = binary(ctx, input) else { return Value::Null };
        let mut text = Vec::new();
        push_addr(&mut text, addr);
        made(ctx, Some(&text))
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
    entry("ip", "isprivate", (0, 0), "1 for 10/8, 172.16/12 and 192.168/16, else 0.", |c, i, _| {
        match address(c, i) {
            Some(IpAddr::V4(addr)) => truth(addr.is_private()),
            Some(IpAddr::V6(_)) => truth(false),
            None => Value::Null,
        }
    }),
    entry("ip", "matches", (1, 1), "1 when within a network `ADDRESS/LENGTH`, else 0.", matches),
];

fn truth(truth: bool) -> Value {
    Value::Int(i64::from(truth))
}

fn address(ctx: &mut Ctx<'_>, input: Value) -> Option<IpAddr> {
    let text = ctx.to_text(input);
    literal_addr(ctx.bytes(text))
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
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => truth(false),
        _ => Value::Null,
    }
}
