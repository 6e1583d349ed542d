//! `record_route()` and its kin: what is to be recorded is kept with the run and written when the
//! request is sent, since only then its socket is known.

use sluice_engine::record::Record;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_sip::Place;

use super::{Options, api, text};

pub(super) fn own(ctx: &mut Ctx<'_>, options: Options, args: &[Value]) -> Flow {
    let more = text(args, 0);
    record(ctx, options, None, more)
}

pub(super) fn preset(ctx: &mut Ctx<'_>, options: Options, args: &[Value]) -> Flow {
    let Some(address) = text(args, 0) else { return Flow::FALSE };
    record(ctx, options, Some((address, text(args, 1))), None)
}

fn record(
    ctx: &mut Ctx<'_>,
    options: Options,
    preset: Option<(Text, Option<Text>)>,
    more: Option<Text>,
) -> Flow {
    if ctx.run.record.is_some() {
        return Flow::Fail("Double attempt to record-route");
    }
    let waiting = ctx.run.record_params.take();
    let more = match (more, waiting) {
        (Some(more), Some(waiting)) => ctx.join([more, waiting].into_iter()).text(),
        (more, waiting) => more.or(waiting),
    };
    let user = options.add_user.then(|| user(ctx)).flatten();
    let Options { from_tag, double, .. } = options;
    ctx.run.record = Some(Record { preset, user, from_tag, text: more, double });
    // Marks the request as changed: it is written with patches, the record among them.
    ctx.run.patches.insert(ctx.message.start_line().end, Place::Before, b"");
    Flow::TRUE
}

/// `add_rr_param()`: kept until there is a record.
pub(super) fn add(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(more) = text(args, 0) else { return Flow::FALSE };
    api::add_param(ctx, more);
    Flow::TRUE
}

fn user(ctx: &Ctx<'_>) -> Option<Text> {
    let ruri = ctx.ruri()?;
    let user = ctx.uri(ruri)?.user?;
    Some(ctx.piece(ruri, user))
}
