//! What other modules use of `tm`: answering within a transaction.

use sluice_engine::{Ctx, Flow, Value, relay};

/// Answers within the transaction of the request, which it begins if need be.
pub fn answer(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let [code, reason, ..] = args else { return Flow::FALSE };
    let code = code.int().and_then(|code| u16::try_from(code).ok());
    let (Some(code @ 100..700), Some(reason)) = (code, reason.text()) else {
        return Flow::Fail("a reply code is a number from 100 to 699");
    };
    let Ok(key) = relay::open(ctx) else { return Flow::FALSE };
    let phrase = ctx.bytes(reason).to_vec();
    relay::answer(ctx, key, code, &phrase);
    Flow::TRUE
}
