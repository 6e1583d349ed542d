//! Functions about sockets and Via: which socket sends, `rport`.

use sluice_engine::Flow;
use sluice_engine::module::Function;
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::core::variables::find_socket;
use crate::table::{function, param};

const SOCKET: &[ParamDef] = &[param("socket", ParamKind::Text)];

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
        "force_send_socket",
        "The socket that the message leaves by, `udp:127.0.0.1:5060`.",
        SOCKET,
        Routes::ANY,
        |ctx, _, args| {
            let text = args.first().and_then(|value| value.text());
            let socket = text.and_then(|text| find_socket(ctx, ctx.bytes(text)));
            let Some(socket) = socket else { return Flow::Fail("no such socket of ours") };
            ctx.run.send_socket = Some(socket);
            Flow::TRUE
        },
    ),
];
