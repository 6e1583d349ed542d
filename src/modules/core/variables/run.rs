//! The run itself: return code, place in the script, log level.

use sluice_engine::module::{Subject, Variable};
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
    variable("err.class", &[], "Class of the last error; NULL: nothing sets one.", no_error),
    variable("err.level", &[], "Level of the last error; NULL: nothing sets one.", no_error),
    variable("err.info", &[], "Text of the last error; NULL: nothing sets one.", no_error),
    variable("err.rcode", &[], "Reply code of the last error; NULL: nothing sets one.", no_error),
    variable("err.rreason", &[], "Reason of the last error; NULL: nothing sets one.", no_error),
];

/// No function of the modules that are built tells of a parse error (spec 1.10).
fn no_error(_: &mut Ctx<'_>, _: &mut dyn std::any::Any, _: Subject) -> Value {
    Value::Null
}

fn place(ctx: &Ctx<'_>) -> Option<sluice_script::source::Location> {
    ctx.shared.script.locations.get(ctx.run.at as usize).copied()
}
