//! Functions about sockets and Via: which socket sends, `rport`.

use sluice_base::Target;
use sluice_engine::module::Function;
use sluice_engine::run::Packet;
use sluice_engine::sockets::Proto;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::core::variables::find_socket;
use crate::table::{function, optional, param};

const SOCKET: &[ParamDef] = &[param("socket", ParamKind::Text)];
const FLAGS: &[ParamDef] = &[param("flags", ParamKind::Text)];
const ALIAS: &[ParamDef] = &[optional("port", ParamKind::Int)];
const HOST: &[ParamDef] = &[param("host", ParamKind::Text)];
const PORT: &[ParamDef] = &[param("port", ParamKind::Int)];

pub(super) const LIST: &[Function] = &[
    Function {
        aliases: &["add_rport"],
        ..function(
            "force_rport",
            "Replies go to the source port, as if the Via had `rport` (RFC 3581).",
            &[],
            Routes::ANY,
            |ctx, _, _| {
                ctx.run.force_rport = true;
                Flow::TRUE
            },
        )
    },
    function(
        "add_local_rport",
        "Our own Via asks for `rport`.",
        &[],
        Routes::REQUESTS,
        |ctx, _, _| {
            ctx.run.local_rport = true;
            Flow::TRUE
        },
    ),
    function(
        "set_via_handling",
        "Flags of this message: force-rport, add-local-rport, reply-to-via, force-tcp-alias.",
        FLAGS,
        Routes::ANY,
        |ctx, _, args| via_handling(ctx, args),
    ),
    function(
        "force_tcp_alias",
        "Requests to the sender's port, or to that of its Via, use its connection (RFC 5923).",
        ALIAS,
        Routes::ANY,
        |ctx, _, args| {
            let port = args.first().and_then(|port| port.int());
            force_alias(ctx, port.and_then(|port| u16::try_from(port).ok()));
            Flow::TRUE
        },
    ),
    function(
        "set_advertised_address",
        "Host of our Via in this message.",
        HOST,
        Routes::ANY,
        |ctx, _, args| {
            let host = args.first().and_then(|host| host.text());
            // Whatever a variable holds, it must not write headers.
            let fits = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
            let Some(host) = host.filter(|host| fits(ctx.bytes(*host))) else {
                return Flow::Fail("a host was expected");
            };
            let (_, port) = ctx.run.advertised.unwrap_or_default();
            ctx.run.advertised = Some((Some(host), port));
            Flow::TRUE
        },
    ),
    function(
        "set_advertised_port",
        "Port of our Via in this message.",
        PORT,
        Routes::ANY,
        |ctx, _, args| {
            let port = args.first().and_then(|port| port.int());
            let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
            let Some(port) = port else { return Flow::Fail("a port was expected") };
            let (host, _) = ctx.run.advertised.unwrap_or_default();
            ctx.run.advertised = Some((host, Some(port)));
            Flow::TRUE
        },
    ),
    function(
        "force_send_socket",
        "The socket that the message leaves by, `udp:127.0.0.1:5060`.",
        SOCKET,
        Routes::ANY,
        |ctx, _, args| {
            let text = args.first().and_then(|value| value.text());
            let socket = text.and_then(|text| find_socket(ctx, text));
            let Some(socket) = socket else { return Flow::Fail("no such socket of ours") };
            ctx.run.send_socket = Some(socket);
            Flow::TRUE
        },
    ),
];

/// One flag that is unknown, and none is set.
fn via_handling(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(text) = args.first().and_then(|flags| flags.text()) else { return Flow::FALSE };
    let (mut force, mut own, mut to_via, mut alias) = (false, false, false, false);
    for flag in ctx.bytes(text).split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        match flag {
            b"force-rport" => force = true,
            b"add-local-rport" => own = true,
            b"reply-to-via" => to_via = true,
            b"force-tcp-alias" => alias = true,
            _ => return Flow::Fail("no such flag of Via handling"),
        }
    }
    ctx.run.force_rport |= force;
    ctx.run.local_rport |= own;
    ctx.run.reply_to_via |= to_via;
    if alias {
        force_alias(ctx, None);
    }
    Flow::TRUE
}

/// Has the connection that the message came by used for a port of its sender, by default that of
/// the Via; over UDP there is none, and nothing changes.
fn force_alias(ctx: &mut Ctx<'_>, port: Option<u16>) {
    let Packet { socket, peer, .. } = ctx.packet;
    if ctx.shared.sockets.is_reliable(socket) {
        let port = port.or(ctx.via.0.port).unwrap_or(Proto::Tcp.default_port());
        ctx.local.output.aliases.push((Target { socket, addr: peer }, port));
    }
}
