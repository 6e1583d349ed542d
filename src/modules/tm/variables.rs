//! The module's variables (spec 2.2).

use sluice_engine::Value;
use sluice_engine::module::Variable;

use super::functions::transaction;
use super::{bavp, branch_variables, branches, status, timers};
use crate::table::{concat, total, variable, writable};

const LISTS: &[&[Variable]] = &[OF_TRANSACTION, branch_variables::LIST, bavp::LIST];

/// The table.
pub(super) static ALL: [Variable; total(LISTS)] = concat(LISTS);

const OF_TRANSACTION: &[Variable] = &[
    variable(
        "T_reply_code",
        &[],
        "The status of this reply; of the one that won, in a failure route; else the last sent.",
        |ctx, _, _| Value::Int(i64::from(status::current(ctx).unwrap_or(0))),
    ),
    variable("T_branch_idx", &[], "The number of the branch, in routes of one.", |ctx, _, _| {
        branches::current(ctx).map_or(Value::Null, |number| Value::Int(i64::from(number)))
    }),
    variable("T_ruri", &[], "The Request-URI of the branch, else of the first.", |ctx, _, _| {
        branches::uri(ctx)
    }),
    Variable {
        indexed: true,
        ..variable(
            "T_branch_last_reply_code",
            &[],
            "The status received last by the branch, or by that of the index; NULL: none yet.",
            |ctx, _, subject| branches::last_code(ctx, subject.index),
        )
    },
    writable(
        "T_fr_timeout",
        &[],
        "Seconds until any reply, in this transaction; NULL: as the parameter says.",
        |ctx, _, _| timers::get(ctx, |waits| &mut waits.first_ms),
        |ctx, _, _, _, value| timers::set(ctx, |waits| &mut waits.first_ms, value),
    ),
    writable(
        "T_fr_inv_timeout",
        &[],
        "Seconds until the final reply to an INVITE, in this transaction; NULL: as the parameter.",
        |ctx, _, _| timers::get(ctx, |waits| &mut waits.invite_ms),
        |ctx, _, _, _, value| timers::set(ctx, |waits| &mut waits.invite_ms, value),
    ),
    variable("T_id", &[], "What tells the transaction: `hash:label`.", |ctx, _, _| {
        let Some(call) = transaction(ctx).map(|t| t.identity.call) else { return Value::Null };
        let (hash, label) = ((call >> 32) as u32, call as u32);
        let start = ctx.run.arena.len();
        sluice_sip::digits::push_u64(&mut ctx.run.arena, u64::from(hash));
        ctx.run.arena.push(b':');
        sluice_sip::digits::push_u64(&mut ctx.run.arena, u64::from(label));
        let text = ctx.run.arena[start..].to_vec();
        ctx.run.arena.truncate(start);
        Value::Text(ctx.keep(&text))
    }),
];
