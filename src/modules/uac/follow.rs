//! Later requests of a dialog (spec 9.8): what was replaced in the first one is replaced in them,
//! by what our Route has stored. From either side, so that each party sees what it knows.

use sluice_engine::module::SharedState;
use sluice_engine::{Ctx, Flow};
use sluice_sip::uri::Uri;

use super::auth::SHIFT;
use super::params::{Mode, Options};
use super::replace::{Party, put_uri, uri_of};
use super::stored;
use crate::rr::api as rr;

/// A request has followed a Route of ours.
pub(super) fn hook(ctx: &mut Ctx<'_>, state: &dyn SharedState) {
    let Some(options) = state.as_any().downcast_ref::<Options>() else { return };
    if options.mode == Mode::Auto {
        for party in [Party::From, Party::To] {
            restore(ctx, options, party);
        }
    }
    // The callee goes on from the CSeq that he has seen; his own are not the caller's.
    let of_route = rr::param(ctx, SHIFT).filter(|_| rr::is_upstream(ctx) == Some(false));
    let of_route = of_route.and_then(sluice_sip::text::number).unwrap_or(0);
    let raised = ctx.cseq_sent().and_then(|sent| sent.checked_add(of_route));
    let raised = raised.and_then(|sent| sent.checked_add(options.raised.of(ctx)));
    if let Some(raised) = raised.filter(|raised| Some(*raised) != ctx.cseq_sent()) {
        ctx.replace_cseq(raised);
    }
}

/// `uac_restore_from()`, `uac_restore_to()`
pub(super) fn call(ctx: &mut Ctx<'_>, options: &Options, party: Party) -> Flow {
    Flow::of(restore(ctx, options, party))
}

/// Restores what was replaced as `party`; false when nothing is stored of it. In requests of the
/// callee it stands on the other side.
fn restore(ctx: &mut Ctx<'_>, options: &Options, party: Party) -> bool {
    let name = match party {
        Party::From => &options.from_param,
        Party::To => &options.to_param,
    };
    let (Some(value), Some(upstream)) = (rr::param(ctx, name), rr::is_upstream(ctx)) else {
        return false;
    };
    let here = match (party, upstream) {
        (Party::From, false) | (Party::To, true) => Party::From,
        (Party::To, false) | (Party::From, true) => Party::To,
    };
    let known = uri_of(ctx, here).unwrap_or_default();
    match stored::decode(value, known, &options.password) {
        Some(uri) if is_uri(&uri) => put_uri(ctx, here, &uri),
        _ => {
            ctx.complain("uac: what the Route has stored does not fit From or To");
            false
        }
    }
}

/// With another URI than it was stored for, what is stored gives anything.
fn is_uri(text: &[u8]) -> bool {
    let odd = |byte: &u8| byte.is_ascii_control() || matches!(byte, b'<' | b'>' | b'"');
    Uri::parse(text).is_some() && !text.iter().any(odd)
}
