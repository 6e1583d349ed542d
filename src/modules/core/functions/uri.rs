//! Functions that rewrite the Request-URI and `$du` (spec 1.9, 0).

use std::any::Any;

use sluice_engine::fault::Fault;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::core::uri::Pieces;
use crate::table::{function, optional, param};

const R: Routes = Routes::REQUESTS;
const NUMBER: &[ParamDef] = &[param("number", ParamKind::Int)];
const TEXT: &[ParamDef] = &[param("text", ParamKind::Text)];
const URI: &[ParamDef] = &[param("uri", ParamKind::Text)];
const MYSELF: &[ParamDef] = &[param("host", ParamKind::Text), optional("port", ParamKind::Int)];

pub(super) const LIST: &[Function] = &[
    function("strip", "Removes leading characters of the user.", NUMBER, R, |ctx, _, args| {
        strip(ctx, args, |user, n| Text { start: user.start + n, len: user.len - n, ..user })
    }),
    function(
        "strip_tail",
        "Removes trailing characters of the user.",
        NUMBER,
        R,
        |ctx, _, args| strip(ctx, args, |user, n| Text { len: user.len - n, ..user }),
    ),
    function("prefix", "Puts characters before the user.", TEXT, R, |ctx, _, args| {
        let Some(prefix) = text(args) else { return Flow::FALSE };
        edit(ctx, |ctx, pieces| {
            let user = [Some(prefix), pieces.user];
            pieces.user = ctx.join(user.into_iter().flatten()).text();
        })
    }),
    Function {
        aliases: &["setuser", "setu"],
        ..function("rewriteuser", "Sets the user.", TEXT, R, |ctx, _, args| {
            edit(ctx, |_, pieces| pieces.user = text(args))
        })
    },
    Function {
        aliases: &["setuserpass", "setup"],
        ..function("rewriteuserpass", "Sets user and password.", TEXT, R, |ctx, _, args| {
            edit(ctx, |ctx, pieces| (pieces.user, pieces.password) = split(ctx, text(args)))
        })
    },
    Function {
        aliases: &["sethost", "seth"],
        ..function("rewritehost", "Sets the host.", TEXT, R, |ctx, _, args| {
            let Some(host) = text(args) else { return Flow::FALSE };
            edit(ctx, |_, pieces| pieces.host = host)
        })
    },
    Function {
        aliases: &["sethostport", "sethp"],
        ..function("rewritehostport", "Sets host and port.", TEXT, R, |ctx, _, args| {
            let Some(host) = text(args) else { return Flow::FALSE };
            // The text is written as it comes, its port with it.
            edit(ctx, |_, pieces| (pieces.host, pieces.port) = (host, None))
        })
    },
    Function {
        aliases: &["setport", "setp"],
        ..function("rewriteport", "Sets the port.", TEXT, R, |ctx, _, args| {
            edit(ctx, |_, pieces| pieces.port = text(args))
        })
    },
    Function {
        aliases: &["seturi"],
        ..function("rewriteuri", "Sets the Request-URI.", URI, R, |ctx, _, args| {
            ctx.run.ruri = text(args);
            Flow::TRUE
        })
    },
    function("revert_uri", "Takes the received Request-URI again.", &[], R, |ctx, _, _| {
        ctx.run.ruri = None;
        Flow::TRUE
    }),
    Function {
        aliases: &["setduri"],
        ..function("setdsturi", "Sets $du, where the request goes.", URI, R, |ctx, _, args| {
            ctx.run.destination = text(args);
            ctx.run.destination_addr = None;
            Flow::TRUE
        })
    },
    Function {
        aliases: &["resetduri"],
        ..function(
            "resetdsturi",
            "Clears $du, so that the Request-URI decides.",
            &[],
            R,
            |ctx, _, _| {
                ctx.run.destination = None;
                ctx.run.destination_addr = None;
                Flow::TRUE
            },
        )
    },
    Function {
        aliases: &["isduriset"],
        ..function("isdsturiset", "Whether $du is set.", &[], R, |ctx, _, _| {
            Flow::of(ctx.run.destination.is_some())
        })
    },
    function(
        "is_myself",
        "Whether a host, and a port if given, are ours.",
        MYSELF,
        Routes::ANY,
        is_myself,
    ),
];

fn text(args: &[Value]) -> Option<Text> {
    args.first().and_then(|value| value.text())
}

fn edit(ctx: &mut Ctx<'_>, change: impl FnOnce(&mut Ctx<'_>, &mut Pieces)) -> Flow {
    let Some(mut pieces) = ctx.ruri().and_then(|uri| Pieces::of(ctx, uri)) else {
        ctx.note(Fault::RURI);
        return Flow::Fail("the Request-URI is no SIP URI");
    };
    change(ctx, &mut pieces);
    ctx.run.ruri = Some(pieces.join(ctx));
    Flow::TRUE
}

/// spec 0: more characters than there are empty the user; without a user nothing happens.
fn strip(ctx: &mut Ctx<'_>, args: &[Value], cut: fn(Text, u32) -> Text) -> Flow {
    let number = args.first().and_then(|value| value.int());
    let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
        return Flow::Fail("a number of characters was expected");
    };
    edit(ctx, |_, pieces| pieces.user = pieces.user.map(|user| cut(user, number.min(user.len))))
}

/// `user:password` at its colon.
fn split(ctx: &Ctx<'_>, text: Option<Text>) -> (Option<Text>, Option<Text>) {
    let Some(text) = text else { return (None, None) };
    let mut parts = ctx.bytes(text).splitn(2, |byte| *byte == b':');
    let mut next = || parts.next().map(|part| ctx.piece(text, part));
    (next(), next())
}

fn is_myself(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let port = match args.get(1).and_then(|value| value.int()).map(u16::try_from) {
        None => 0,
        Some(Ok(port)) => port,
        Some(Err(_)) => return Flow::FALSE,
    };
    let host = text(args).map(|host| ctx.bytes(host)).unwrap_or_default();
    Flow::of(ctx.shared.sockets.is_myself(host, port))
}
