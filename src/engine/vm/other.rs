//! Variables of the other message of a transaction: `$(<request>..)` while a reply is handled,
//! `$(<reply>..)` in a failure route (spec 2.1).
//!
//! The transaction keeps the request as it was received, and of the branch that won its reply as
//! it would go up. Reads only; a reply that nobody sent (a time-out) has no variables.

use std::any::Any;

use sluice_sip::{Index, Message};

use crate::context::Ctx;
use crate::module::{Name, Subject, Variable};
use crate::run::Packet;
use crate::value::{Source, Value};

/// What a variable is in the message that the run itself is not about; `None` without one.
#[cold]
pub(super) fn read(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    variable: &Variable,
    subject: Subject,
) -> Option<Value> {
    let (bytes, packet) = kept(ctx)?;
    let mut index = Index::new();
    index.scan(&bytes).ok()?;
    let message = Message { bytes: &bytes, index: &index };
    let via = message.top_via_known()?;
    // A name that was made of the run's own message must not be read in the other.
    let name = match subject.name {
        Name::Text(text) => Name::Text(ctx.append(text)),
        name => name,
    };
    let mut other = Ctx {
        message,
        via: &via,
        packet,
        run: &mut *ctx.run,
        local: &mut *ctx.local,
        shared: ctx.shared,
        now: ctx.now,
    };
    let value = (variable.get)(&mut other, state, Subject { name, ..subject });
    let Some(text) = value.text().filter(|text| text.source == Source::Message) else {
        return Some(value);
    };
    let moved = other.append(text);
    Some(match value {
        Value::Both(_, number) => Value::Both(moved, number),
        _ => Value::Text(moved),
    })
}

/// The other message: of a reply its request, of a request whose branches have failed the reply
/// that won.
fn kept(ctx: &Ctx<'_>) -> Option<(Vec<u8>, Packet)> {
    let tm = &ctx.local.tm;
    if !ctx.message.is_request() {
        let transaction = tm.get(ctx.run.branch?.key)?;
        return Some((transaction.request.to_vec(), transaction.packet));
    }
    let transaction = tm.get(ctx.run.transaction?)?;
    let branch = transaction.branches.get(usize::from(ctx.run.winner?))?;
    let packet = Packet { socket: branch.target.socket, peer: branch.target.addr, ..ctx.packet };
    (!branch.reply.is_empty()).then(|| (branch.reply.to_vec(), packet))
}
