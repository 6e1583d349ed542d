//! The script functions (spec 8.1, 8.2).

use sluice_base::slab::Key;
use sluice_engine::module::Function;
use sluice_engine::relay::AckOf;
use sluice_engine::tm::transaction::{Armed, Transaction};
use sluice_engine::{Ctx, Flow, Value, relay as engine};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::{RouteId, RouteKind};
use sluice_sip::Method;

use super::{api, branches, cancel, checks, flags, inject, relay, replicate, replied, status, uac};
use crate::sl::api::REPLY;
use crate::table::{function, optional, param};

/// The table.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        suspends: true,
        hidden: &[("tm", "fr_timer_avp"), ("tm", "fr_inv_timer_avp")],
        ..function(
            "t_relay",
            "Relays the request to its destination set, with a transaction.",
            &[
                optional("flags", ParamKind::Checked(flags::check)),
                optional("destination", ParamKind::Text),
            ],
            RELAYING,
            |ctx, _, args| relay::start(ctx, args),
        )
    },
    Function {
        suspends: true,
        ..function(
            "t_replicate",
            "Sends a copy of the request to a URI, and to the further destinations of its set.",
            &[param("uri", ParamKind::Text), optional("flags", ParamKind::Checked(flags::check))],
            Routes::REQUEST,
            |ctx, _, args| replicate::start(ctx, args),
        )
    },
    function(
        "t_newtran",
        "Begins a transaction for the request; an INVITE is answered by 100.",
        &[],
        Routes::REQUEST,
        |ctx, _, _| new_transaction(ctx),
    ),
    function(
        "t_reply",
        "Answers the request within its transaction, which it begins if need be.",
        REPLY,
        RELAYING,
        |ctx, _, args| api::answer(ctx, args),
    ),
    function(
        "t_reply_with_body",
        "As t_reply, with a body; its Content-Type comes by append_to_reply().",
        BODY,
        RELAYING,
        |ctx, _, args| replied::with_body(ctx, args),
    ),
    function(
        "t_check_trans",
        "For a CANCEL, whether the transaction that it cancels exists; else the request's own.",
        &[],
        Routes::REQUEST,
        |ctx, _, _| check(ctx),
    ),
    function(
        "t_on_failure",
        "Has a failure_route run when all branches have failed; without a name none.",
        FAILURE,
        ARMING,
        |ctx, _, args| arm(ctx, args, RouteKind::Failure, |armed| &mut armed.failure),
    ),
    function(
        "t_on_reply",
        "Has an onreply_route run for each reply; in a branch_route for those of the branch.",
        REPLIES,
        ARMING,
        |ctx, _, args| arm(ctx, args, RouteKind::Reply, |armed| &mut armed.reply),
    ),
    function(
        "t_on_branch",
        "Has a branch_route run for each branch before it is sent.",
        BRANCH,
        ARMING,
        |ctx, _, args| arm(ctx, args, RouteKind::Branch, |armed| &mut armed.branch),
    ),
    function(
        "t_check_status",
        "Whether the status of this reply, or the one that won or went up, matches a regex.",
        &[param("codes", ParamKind::Regex)],
        STATUS,
        |ctx, _, args| status::check(ctx, args),
    ),
    function(
        "t_local_replied",
        "Whether replies were ours: all, those of the branch, or the last one.",
        &[param("which", ParamKind::Word(replied::which))],
        STATUS,
        |ctx, _, args| replied::is_local(ctx, args),
    ),
    function(
        "t_cancel_branch",
        "Cancels the branch of the reply; `a`: all that are open, `o`: all others.",
        &[optional("which", ParamKind::Word(cancel::which))],
        Routes::REPLY,
        |ctx, _, args| cancel::branches(ctx, args),
    ),
    function(
        "t_add_cancel_reason",
        "In a CANCEL: the Reason header, with its line end, of those that we send for it.",
        LINES,
        Routes::REQUEST,
        |ctx, _, args| cancel::add_reason(ctx, args),
    ),
    Function {
        suspends: true,
        ..function(
            "t_inject_branches",
            "Sends to the destination set besides the branches that there are; flags cancel, last.",
            &[
                param("source", ParamKind::Word(inject::source)),
                optional("flags", ParamKind::Word(inject::flags)),
            ],
            RELAYING,
            |ctx, _, args| inject::start(ctx, args),
        )
    },
    function(
        "t_wait_for_new_branches",
        "Keeps the transaction open for branches that come later, at most so many.",
        &[optional("branches", ParamKind::Int)],
        Routes::REQUEST,
        |ctx, _, args| inject::wait(ctx, args),
    ),
    function("t_wait_no_more_branches", "Waits for no more branches.", &[], STATUS, |ctx, _, _| {
        inject::no_more(ctx)
    }),
    function(
        "t_get_branch_idx_by_attr",
        "Finds a branch by an attribute, its value if one is given, from an offset on.",
        BY_ATTRIBUTE,
        BRANCHES,
        |ctx, _, args| branches::find_by_attribute(ctx, args),
    ),
    function(
        "t_add_hdrs",
        "Header lines for all requests of the transaction: branches, their ACKs and CANCELs.",
        LINES,
        Routes::ANY,
        |ctx, _, args| add_lines(ctx, args),
    ),
    function(
        "t_flush_flags",
        "Gives the transaction the message flags as they are now.",
        &[],
        FLUSHING,
        |ctx, _, _| {
            let flags = ctx.run.flags;
            Flow::of(transaction_mut(ctx).map(|t| t.script.flags = flags).is_some())
        },
    ),
    function(
        "t_new_request",
        "Makes a request of its own; local_route{} runs over it.",
        NEW_REQUEST,
        Routes::ANY,
        uac::new_request,
    ),
    function(
        "t_was_cancelled",
        "Whether the caller has sent a CANCEL.",
        &[],
        STATUS,
        |ctx, _, _| Flow::of(transaction(ctx).is_some_and(|t| t.cancelled)),
    ),
];

const RELAYING: Routes = Routes::of(&[RouteKind::Request, RouteKind::Failure]);
const ARMING: Routes = Routes::of(&[
    RouteKind::Request,
    RouteKind::Branch,
    RouteKind::Failure,
    RouteKind::Reply,
    RouteKind::Local,
]);
const STATUS: Routes =
    Routes::of(&[RouteKind::Request, RouteKind::Branch, RouteKind::Failure, RouteKind::Reply]);
const FLUSHING: Routes = Routes::of(&[RouteKind::Request, RouteKind::Branch]);
const BRANCHES: Routes = Routes::of(&[RouteKind::Branch, RouteKind::Failure, RouteKind::Reply]);
const BY_ATTRIBUTE: &[ParamDef] = &[
    param("attribute", ParamKind::Text),
    optional("text", ParamKind::Text),
    optional("number", ParamKind::Int),
    optional("result", ParamKind::Output),
    optional("offset", ParamKind::Int),
];
const LINES: &[ParamDef] = &[param("lines", ParamKind::Text)];
const BODY: &[ParamDef] = &[
    param("code", ParamKind::Int),
    param("reason", ParamKind::Text),
    param("body", ParamKind::Text),
];
const FAILURE: &[ParamDef] = &[optional("route", ParamKind::Route(RouteKind::Failure))];
const REPLIES: &[ParamDef] = &[optional("route", ParamKind::Route(RouteKind::Reply))];
const NEW_REQUEST: &[ParamDef] = &[
    param("method", ParamKind::Text),
    param("ruri", ParamKind::Text),
    param("from", ParamKind::Text),
    param("to", ParamKind::Text),
    optional("body", ParamKind::Text),
    optional("ctx", ParamKind::Text),
];
const BRANCH: &[ParamDef] = &[optional("route", ParamKind::Route(RouteKind::Branch))];

/// The transaction that the run belongs to.
pub(super) fn transaction<'a>(ctx: &'a Ctx<'_>) -> Option<&'a Transaction> {
    ctx.local.tm.get(key(ctx)?)
}

/// The same, for what may be changed of it.
pub(super) fn transaction_mut<'a>(ctx: &'a mut Ctx<'_>) -> Option<&'a mut Transaction> {
    ctx.local.tm.get_mut(key(ctx)?)
}

fn key(ctx: &Ctx<'_>) -> Option<Key> {
    ctx.run.transaction.or(ctx.run.branch.map(|branch| branch.key))
}

/// `t_add_hdrs()`
fn add_lines(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(lines) = args.first().and_then(|lines| lines.text()) else { return Flow::FALSE };
    let lines = Box::from(ctx.bytes(lines));
    Flow::of(transaction_mut(ctx).map(|t| t.script.lines = lines).is_some())
}

/// spec 8.2. Retransmissions and ACKs of refusals do not reach the script.
fn new_transaction(ctx: &mut Ctx<'_>) -> Flow {
    if ctx.run.transaction.is_some() {
        return Flow::Code(-10);
    }
    if ctx.message.method() == Method::Ack {
        // An ACK to a 2xx of ours ends here; any other goes on, without a transaction.
        return if engine::ack_of(ctx) == AckOf::Own { Flow::STOP } else { Flow::TRUE };
    }
    match engine::open(ctx) {
        Ok(key) if checks::refused(ctx, key) => Flow::STOP,
        Ok(_) => Flow::TRUE,
        Err(engine::Refused::NoSocket) => Flow::Code(-8),
        Err(engine::Refused::Full) => Flow::Fail("tm: too many transactions"),
    }
}

fn check(ctx: &mut Ctx<'_>) -> Flow {
    match ctx.message.method() {
        Method::Cancel => Flow::of(engine::cancels(ctx)),
        Method::Ack if engine::ack_of(ctx) != AckOf::Unknown => Flow::Code(-2),
        _ => Flow::of(ctx.run.transaction.is_some()),
    }
}

/// Before there is a transaction the run keeps what is armed for it.
fn arm(
    ctx: &mut Ctx<'_>,
    args: &[Value],
    kind: RouteKind,
    place: fn(&mut Armed) -> &mut Option<RouteId>,
) -> Flow {
    let name = args.first().and_then(|name| name.text()).map(|name| ctx.bytes(name));
    let route = match name {
        None | Some(b"" | b"0") => None,
        Some(name) => match ctx.shared.script.route(kind, name) {
            Some(route) => Some(route),
            None => return Flow::Fail("tm: there is no such route"),
        },
    };
    engine::arm(ctx, |armed| *place(armed) = route, route);
    Flow::TRUE
}
