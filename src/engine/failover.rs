//! From a run to the addresses of a name: the first is sent to, the others stay with the branch
//! (RFC 3263 4.3).

use sluice_base::slab::Key;

use crate::carry;
use crate::context::Ctx;
use crate::counter::Counter;
use crate::relay;
use crate::sockets::Remote;
use crate::tm::further::Further;

/// Adds a branch to the first of a name's addresses, in the order given; see [`relay::send`]. When
/// `all` is wanted, the others are tried should that one fail.
pub fn send(ctx: &mut Ctx<'_>, key: Key, ways: &[Remote], all: bool) -> bool {
    let Some((first, rest)) = ways.split_first() else { return false };
    let all = all && ctx.shared.settings.dns_failover;
    let further = (all && !rest.is_empty()).then(|| {
        let rest = rest.iter().rev().copied().collect();
        Box::new(Further { rest, changes: carry::changes(ctx) })
    });
    relay::send_named(ctx, key, *first, further)
}

/// Sends a branch that failed to the next address; the run stands where it was sent.
pub(crate) fn send_next(ctx: &mut Ctx<'_>, key: Key, mut further: Box<Further>) -> bool {
    let Some(next) = further.rest.pop() else { return false };
    let further = Some(further).filter(|further| !further.rest.is_empty());
    let sent = relay::send_named(ctx, key, next, further);
    ctx.local.add(Counter::NextTargets, u64::from(sent));
    sent
}
