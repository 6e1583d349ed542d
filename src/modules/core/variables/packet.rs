//! Where the message came from and where it leaves: addresses, ports, sockets.

use std::net::{IpAddr, SocketAddr};

use sluice_base::SocketId;
use sluice_engine::counter::Counter;
use sluice_engine::digits::Digits;
use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_sip::digits::push_addr;

use crate::table::{variable, writable};

const PART: SubKind = SubKind::Text { optional: true };

pub(super) const LIST: &[Variable] = &[
    variable("si", &["src_ip"], "Source address; IPv6 without brackets.", |ctx, _, _| {
        address(ctx, ctx.packet.peer.ip())
    }),
    variable("sp", &["src_port"], "Source port.", |ctx, _, _| number(ctx, ctx.packet.peer.port())),
    Variable {
        sub: PART,
        ..variable(
            "socket_in",
            &[],
            "The receiving socket, or its ip, port, proto, tag, af, advertised_ip or _port.",
            |ctx, _, subject| socket(ctx, Some(ctx.packet.socket), subject),
        )
    },
    Variable {
        sub: PART,
        ..writable(
            "socket_out",
            &["fs"],
            "The forced sending socket, or a part of it; NULL when none is forced.",
            |ctx, _, subject| socket(ctx, ctx.run.send_socket, subject),
            |ctx, _, _, _, value| {
                ctx.run.send_socket = match value {
                    Value::Null => None,
                    _ => {
                        let text = value.text().ok_or("a socket was expected")?;
                        Some(find_socket(ctx, text).ok_or("no such socket of ours")?)
                    }
                };
                Ok(())
            },
        )
    },
    variable("Ri", &[], "Address of the receiving socket.", |ctx, _, _| {
        match ctx.shared.sockets.get(ctx.packet.socket) {
            Some(listen) => address(ctx, listen.addr.ip()),
            None => Value::Null,
        }
    }),
    variable("Rp", &[], "Port of the receiving socket.", |ctx, _, _| {
        match ctx.shared.sockets.get(ctx.packet.socket) {
            Some(listen) => number(ctx, listen.addr.port()),
            None => Value::Null,
        }
    }),
    variable("pr", &["proto"], "Transport of the message, `udp`.", |ctx, _, _| {
        match ctx.shared.sockets.get(ctx.packet.socket) {
            Some(listen) => Value::Text(ctx.keep(listen.proto.lower().as_bytes())),
            None => Value::Null,
        }
    }),
    variable("af", &[], "Address family of the message, `INET` or `INET6`.", |ctx, _, _| {
        Value::Text(ctx.keep(family(ctx.packet.peer)))
    }),
    variable("mi", &[], "Number of the message within its worker.", |ctx, _, _| {
        Value::Number(i64::from(ctx.packet.id))
    }),
    Variable {
        sub: SubKind::Word(proxy_field),
        ..variable(
            "proxy_protocol",
            &[],
            "What a balancer in front says of the connection: NULL, no socket accepts it.",
            |_, _, _| Value::Null,
        )
    },
];

fn socket(ctx: &mut Ctx<'_>, id: Option<SocketId>, subject: Subject) -> Value {
    let shared = ctx.shared;
    let Some(listen) = id.and_then(|id| shared.sockets.get(id)) else { return Value::Null };
    let part = match subject.name {
        Name::Text(part) => ctx.bytes(part).to_ascii_lowercase(),
        Name::None | Name::Slot(_) => return text(ctx, &listen.text),
    };
    let advertised = listen.advertised.as_ref();
    match part.as_slice() {
        b"ip" => address(ctx, listen.addr.ip()),
        b"port" => number(ctx, listen.addr.port()),
        b"proto" => text(ctx, listen.proto.lower()),
        b"advertised_ip" => advertised.map_or(Value::Null, |(host, _)| text(ctx, host)),
        b"advertised_port" => {
            let port = advertised.and_then(|(_, port)| *port);
            port.map_or(Value::Null, |port| number(ctx, port))
        }
        b"tag" => listen.tag.as_ref().map_or(Value::Null, |tag| text(ctx, tag)),
        b"af" => Value::Text(ctx.keep(family(listen.addr))),
        b"anycast" => Value::Int(i64::from(listen.anycast)),
        // Ours is NULL anyway when none is forced (spec 2.2).
        b"forced" => text(ctx, &listen.text),
        _ => Value::Null,
    }
}

/// The socket that a script names ([`Sockets::named`]); one that there is not is counted.
///
/// [`Sockets::named`]: sluice_engine::sockets::Sockets::named
pub(in crate::core) fn find_socket(ctx: &mut Ctx<'_>, text: Text) -> Option<SocketId> {
    let name = std::str::from_utf8(ctx.bytes(text)).ok();
    let found = name.and_then(|name| ctx.shared.sockets.named(name));
    if found.is_none() {
        ctx.local.add(Counter::SocketUnknown, 1);
    }
    found
}

fn family(addr: SocketAddr) -> &'static [u8] {
    if addr.is_ipv4() { b"INET" } else { b"INET6" }
}

fn text(ctx: &mut Ctx<'_>, text: &str) -> Value {
    Value::Text(ctx.keep(text.as_bytes()))
}

fn address(ctx: &mut Ctx<'_>, addr: IpAddr) -> Value {
    let start = ctx.run.arena.len() as u32;
    push_addr(&mut ctx.run.arena, addr);
    let len = ctx.run.arena.len() as u32 - start;
    Value::Text(sluice_engine::Text { source: sluice_engine::Source::Arena, start, len })
}

fn number(ctx: &mut Ctx<'_>, port: u16) -> Value {
    let port = i64::from(port);
    Value::Both(ctx.keep(Digits::of(port).as_bytes()), port)
}

/// The fields of `$proxy_protocol`.
fn proxy_field(name: &str) -> Result<u32, String> {
    const FIELDS: [&str; 5] = ["src_ip", "src_port", "dst_ip", "dst_port", "af"];
    let field = FIELDS.iter().position(|field| *field == name);
    field.map(|field| field as u32).ok_or_else(|| format!("one of {}", FIELDS.join(", ")))
}
