//! Module `sl`: stateless replies (spec 8.9).
//!
//! The ACK to a refusal that this process sent is known by its To-tag and ends here, before the
//! script.

pub mod api;

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{
    Function, Hooks, Module, Seen, Setup, SetupError, SharedState, Statistic, StatisticsBase,
};
use sluice_engine::{Ctx, Flow, reply};
use sluice_script::catalog::Routes;
use sluice_sip::Method;

use crate::table::function;
use api::REPLY;

/// The definition table.
pub static MODULE: Module = Module {
    name: "sl",
    aliases: &[],
    doc: "Stateless replies.",
    includes: &[],
    params: &[],
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: STATISTICS,
    commands: &[],
    hooks: Hooks { request_in: Some(absorb_ack), ..Hooks::NONE },
    start,
};

const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["sl_reply"],
        ..function(
            "sl_send_reply",
            "Answers the request without a transaction; an ACK is never answered.",
            REPLY,
            api::ROUTES,
            |ctx, state, args| {
                let (code, flow) = api::answer(ctx, args);
                if let Some(code) = code {
                    count(ctx, state, usize::from(code / 100));
                    count(ctx, state, SENT);
                }
                flow
            },
        )
    },
    function(
        "sl_reply_error",
        "Answers with what the last error of the message recommends, or with 500.",
        &[],
        Routes::REQUEST,
        |ctx, state, _| reply_error(ctx, state),
    ),
];

/// By their place here: the class of a code is its place.
const STATISTICS: &[Statistic] = &[
    Statistic { name: "received_ACKs", doc: "ACKs to own stateless replies, absorbed." },
    Statistic { name: "1xx_replies", doc: "Provisional replies sent." },
    Statistic { name: "2xx_replies", doc: "Successes sent." },
    Statistic { name: "3xx_replies", doc: "Redirections sent." },
    Statistic { name: "4xx_replies", doc: "Client errors sent." },
    Statistic { name: "5xx_replies", doc: "Server errors sent." },
    Statistic { name: "6xx_replies", doc: "Global failures sent." },
    Statistic { name: "sent_replies", doc: "Replies sent by sl_send_reply()." },
    Statistic { name: "sent_err_replies", doc: "Replies sent by sl_reply_error()." },
];
const ACKS: usize = 0;
const SENT: usize = 7;
const SENT_ERRORS: usize = 8;

/// Where the statistics begin among a worker's counters.
#[derive(Clone, Copy)]
struct Counters(StatisticsBase);

impl SharedState for Counters {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(*self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    Ok(Arc::new(Counters(setup.statistics)))
}

fn count(ctx: &mut Ctx<'_>, state: &mut dyn Any, statistic: usize) {
    if let Some(Counters(base)) = state.downcast_ref() {
        ctx.local.count(*base, statistic);
    }
}

fn reply_error(ctx: &mut Ctx<'_>, state: &mut dyn Any) -> Flow {
    let (code, phrase) = match ctx.run.fault {
        Some(fault) => (fault.code, fault.reason),
        None => (500, "Server error occurred (1/SL)"),
    };
    let phrase = ctx.keep(phrase.as_bytes());
    match reply::send(ctx, code, phrase) {
        reply::Sent::Sent => {
            count(ctx, state, usize::from(code / 100));
            count(ctx, state, SENT_ERRORS);
            Flow::TRUE
        }
        reply::Sent::Ack => Flow::TRUE,
        reply::Sent::Failed(why) => Flow::Fail(why),
    }
}

fn absorb_ack(ctx: &mut Ctx<'_>, state: &mut dyn Any) -> Seen {
    if ctx.message.method() != Method::Ack || !reply::has_own_tag(ctx) {
        return Seen::Pass;
    }
    count(ctx, state, ACKS);
    Seen::Absorbed
}
