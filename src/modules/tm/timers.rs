//! `$T_fr_timeout` and `$T_fr_inv_timeout`: the timers of one transaction, in seconds (spec 2.2).

use sluice_engine::tm::transaction::Waits;
use sluice_engine::{Ctx, Value};

use super::functions::{transaction, transaction_mut};

/// Longest wait, as that of the module's parameters.
const LONGEST_S: i64 = 86_400;

/// One of the timers.
pub(super) type Which = fn(&mut Waits) -> &mut u32;

/// Its value; the module's parameter, where the transaction has none of its own.
pub(super) fn get(ctx: &Ctx<'_>, which: Which) -> Value {
    let mut waits = transaction(ctx).map_or(ctx.run.waits, |transaction| transaction.script.waits);
    let times = ctx.shared.settings.times;
    let mut usual = Waits { first_ms: times.first_ms, invite_ms: times.invite_ms };
    let ms = match *which(&mut waits) {
        0 => *which(&mut usual),
        own => own,
    };
    Value::Int(i64::from(ms / 1_000))
}

/// 1.x: the timers are the values of AVPs when the request is relayed. What is no number of seconds
/// is passed over, as there.
pub(super) fn of_avps(ctx: &mut Ctx<'_>, args: &[Value]) {
    let which: [Which; 2] = [|waits| &mut waits.first_ms, |waits| &mut waits.invite_ms];
    for (arg, which) in args.iter().skip(2).zip(which) {
        let digits = |text| std::str::from_utf8(ctx.bytes(text)).ok()?.trim().parse().ok();
        let seconds: Option<i64> = arg.int().or_else(|| arg.text().and_then(digits));
        if let Some(seconds @ 1..=LONGEST_S) = seconds {
            let _in_range = set(ctx, which, Value::Int(seconds));
        }
    }
}

/// Gives the transaction a timer of its own, or takes it away by NULL.
///
/// # Errors
/// When the value is no number of seconds.
pub(super) fn set(ctx: &mut Ctx<'_>, which: Which, value: Value) -> Result<(), &'static str> {
    let ms = match (value, value.int()) {
        (Value::Null, _) => 0,
        (_, Some(seconds @ 1..=LONGEST_S)) => seconds as u32 * 1_000,
        _ => return Err("a number of seconds from 1 to 86400 was expected"),
    };
    *which(&mut ctx.run.waits) = ms;
    if let Some(transaction) = transaction_mut(ctx) {
        *which(&mut transaction.script.waits) = ms;
    }
    Ok(())
}
