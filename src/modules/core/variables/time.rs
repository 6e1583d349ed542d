//! Time as scripts see it: of the message (`$Ts`) and of now (`$time`); texts in the local zone.

use sluice_engine::module::{Name, Variable};
use sluice_engine::{Ctx, Source, Text, Value};
use sluice_script::catalog::SubKind;

use crate::core::calendar::Civil;
use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    variable("Tf", &[], "Local time of the message, `Mon Nov 22 20:18:07 2026`.", |ctx, _, _| {
        Value::Text(format(ctx, ctx.packet.at.wall_s(), b"%c"))
    }),
    variable("Ts", &[], "Time of the message, Unix seconds.", |ctx, _, _| {
        Value::Number(ctx.packet.at.wall_s() as i64)
    }),
    variable("Tsm", &[], "Microseconds of the message's second.", |ctx, _, _| {
        Value::Number((ctx.packet.at.wall_us % 1_000_000) as i64)
    }),
    variable("TS", &[], "When the program started, Unix seconds.", |ctx, _, _| {
        let started = ctx.now.wall_us.saturating_sub(ctx.now.mono_us);
        Value::Number((started / 1_000_000) as i64)
    }),
    Variable {
        sub: SubKind::Text { optional: false },
        ..variable("time", &[], "The local time now by a strftime pattern.", |ctx, _, subject| {
            let Name::Text(pattern) = subject.name else { return Value::Null };
            let pattern = ctx.bytes(pattern).to_vec();
            Value::Text(format(ctx, ctx.now.wall_s(), &pattern))
        })
    },
];

fn format(ctx: &mut Ctx<'_>, seconds: u64, pattern: &[u8]) -> Text {
    let start = ctx.run.arena.len() as u32;
    Civil::local(seconds, &ctx.shared.zone).format(pattern, &mut ctx.run.arena);
    Text { source: Source::Arena, start, len: ctx.run.arena.len() as u32 - start }
}
