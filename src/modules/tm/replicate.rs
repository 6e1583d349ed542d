//! `t_replicate()` (spec 8.2): a copy of the request goes to other destinations too, and nobody
//! hears what becomes of it. The rounds over the destinations are those of `t_relay()`.

use sluice_engine::run::{Relaying, Replica};
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::Method;

use super::relay;
use super::uac::is_target;

/// Begins.
pub(super) fn start(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(uri) = args.first().and_then(|uri| uri.text()) else { return Flow::FALSE };
    if !is_target(ctx.bytes(uri)) {
        return Flow::Fail("t_replicate(): not a SIP URI");
    }
    // They belong to a request that was copied, and the copy takes care of itself.
    if matches!(ctx.message.method(), Method::Ack | Method::Cancel) {
        return Flow::FALSE;
    }
    if sluice_engine::relay::is_copied(ctx, uri) {
        return Flow::TRUE;
    }
    let Some(back) = ctx.branch(0) else { return Flow::FALSE };
    ctx.set_destination(uri, None);
    let Some(main) = ctx.branch(0) else { return Flow::FALSE };
    let (mark, record) = (ctx.run.patches.mark(), ctx.run.record);
    ctx.run.relaying = Some(Relaying {
        at: 0,
        sent: 0,
        worst: 0,
        injects: false,
        all_targets: false,
        main,
        opened: true,
        mark,
        record,
        replica: Some(Replica { key: None, uri, back }),
    });
    relay::begin(ctx)
}
