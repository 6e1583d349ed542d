//! Why a request was sent nowhere: the codes of `t_relay()`, and what it answers by itself (spec
//! 8.1). Of several branches the lowest code counts (spec 11).

use sluice_base::slab::Key;
use sluice_engine::{Ctx, Flow, relay};

/// The Request-URI or the outbound proxy cannot be read.
pub(super) const BAD_URI: i32 = -2;
/// The branch route has discarded the branch, or the call has ended meanwhile.
pub(super) const NO_DESTINATION: i32 = -3;
/// No address, or none that we have a transport for.
pub(super) const UNRESOLVABLE: i32 = -4;
/// A blacklist forbids it.
pub(super) const FILTERED: i32 = -5;
/// No socket of ours reaches it.
pub(super) const SEND_FAILED: i32 = -6;

/// Answers the request for the script, where there is a transaction to do so in; else the code.
pub(super) fn tell(ctx: &mut Ctx<'_>, key: Option<Key>, code: i32) -> Flow {
    let Some(key) = key else { return Flow::Code(code) };
    let (status, phrase): (u16, &[u8]) = match code {
        BAD_URI => (475, b"Bad URI (475/TM)"),
        NO_DESTINATION => (500, b"No destination available (18/TM)"),
        UNRESOLVABLE => (476, b"Unresolvable destination (476/TM)"),
        FILTERED => (473, b"Filtered destination (473/TM)"),
        SEND_FAILED => (477, b"Send failed (477/TM)"),
        _ => (500, b"Server error occurred (1/TM)"),
    };
    relay::answer(ctx, key, status, phrase);
    Flow::TRUE
}
