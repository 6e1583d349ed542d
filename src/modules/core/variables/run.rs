//! The run itself: return code, place in the script, log level.

use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Value};

use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    variable("rc", &["retcode"], "Code of the last command.", |ctx, _, _| {
        Value::Int(i64::from(ctx.run.code))
    }),
    variable("route", &["route.name"], "Name of the route that is running.", |ctx, _, _| {
        let shared = ctx.shared;
        let at = ctx.run.at;
        let entered = shared.script.routes.iter().filter(|route| route.entry <= at);
        match entered.max_by_key(|route| route.entry) {
            Some(route) => Value::Text(ctx.keep(route.name.as_bytes())),
            None => Value::Null,
        }
    }),
    variable("cfg_line", &[], "Line of the script that is running.", |ctx, _, _| {
        Value::Number(i64::from(place(ctx).map_or(0, |at| at.line)))
    }),
    variable("cfg_file", &[], "File of the script that is running.", |ctx, _, _| {
        let shared = ctx.shared;
        match place(ctx).and_then(|at| shared.script.files.get(usize::from(at.file))) {
            Some(file) => Value::Text(ctx.keep(file.as_bytes())),
            None => Value::Null,
        }
    }),
    variable("xlog_level", &[], "Threshold of xlog(), -3 to 4.", |ctx, _, _| {
        Value::Int(i64::from(ctx.shared.settings.xlog_level))
    }),
];

fn place(ctx: &Ctx<'_>) -> Option<sluice_script::source::Location> {
    ctx.shared.script.locations.get(ctx.run.at as usize).copied()
}
