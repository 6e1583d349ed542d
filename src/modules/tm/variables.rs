//! The module's variables (spec 2.2).

use sluice_engine::Value;
use sluice_engine::module::Variable;

use super::functions::transaction;
use super::status;
use crate::table::variable;

/// The table.
pub(super) static VARIABLES: &[Variable] = &[
    variable(
        "T_reply_code",
        &[],
        "The status of this reply; of the one that won, in a failure route; else the last sent.",
        |ctx, _, _| Value::Int(i64::from(status::current(ctx).unwrap_or(0))),
    ),
    variable("T_branch_idx", &[], "The number of the branch, in routes of one.", |ctx, _, _| {
        match ctx.run.branch {
            Some(id) => Value::Int(i64::from(id.branch)),
            None => Value::Null,
        }
    }),
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
