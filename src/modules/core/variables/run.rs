//! The run itself and its program: return code, place in the script, log levels, process.

use std::sync::OnceLock;

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::{Index, Route, RouteKind};

use super::headers::position;
use crate::core::functions::log::{own_level, threshold};
use crate::table::{variable, writable};

pub(super) const LIST: &[Variable] = &[
    variable("rc", &["retcode"], "Code of the last command.", |ctx, _, _| {
        Value::Int(i64::from(ctx.run.code))
    }),
    Variable {
        indexed: true,
        ..variable(
            "route",
            &[],
            "The route that runs, `route[name]`; `[1]` its caller, `[-1]` the first, `[*]` all.",
            |ctx, _, subject| of_routes(ctx, subject, full_name),
        )
    },
    Variable {
        indexed: true,
        ..variable(
            "route.name",
            &[],
            "Name of the route that is running; indexed as $route.",
            |ctx, _, subject| of_routes(ctx, subject, |route| route.name.clone()),
        )
    },
    Variable {
        indexed: true,
        ..variable(
            "route.type",
            &[],
            "Type of the route that is running; indexed as $route.",
            |ctx, _, subject| of_routes(ctx, subject, |route| word(route.kind).to_owned()),
        )
    },
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
    writable(
        "log_level",
        &[],
        "Threshold of this worker's lines, -3 to 4; NULL resets it.",
        |ctx, _, _| {
            let own = ctx.local.log_level;
            Value::Int(i64::from(own.unwrap_or(ctx.shared.levels.log())))
        },
        |ctx, _, _, _, value| {
            ctx.local.log_level = level(ctx, value)?;
            Ok(())
        },
    ),
    writable(
        "xlog_level",
        &[],
        "Threshold of xlog() in this worker, -3 to 4; NULL resets it.",
        |ctx, _, _| Value::Int(threshold(ctx)),
        |ctx, _, _, _, value| {
            ctx.local.xlog_level = level(ctx, value)?;
            Ok(())
        },
    ),
    variable("pp", &[], "Number of the process.", |_, _, _| {
        Value::Int(i64::from(std::process::id()))
    }),
    Variable {
        sub: SubKind::Text { optional: false },
        ..variable("argv", &[], "What `-o NAME=VALUE` gave to a name.", |ctx, _, subject| {
            let Name::Text(name) = subject.name else { return Value::Null };
            let name = ctx.bytes(name);
            let found = options().iter().find(|(given, _)| given.as_bytes() == name);
            found.map_or(Value::Null, |(_, value)| Value::Text(ctx.keep(value.as_bytes())))
        })
    },
    Variable {
        sub: SubKind::Word(colours),
        ..variable(
            "C",
            &[],
            "A terminal's colours, foreground and background: x s r g y b p c w.",
            |ctx, _, subject| {
                let Name::Slot(colours) = subject.name else { return Value::Null };
                let (front, back) = (30 + colours / 10, 40 + colours % 10);
                Value::Text(ctx.keep(format!("\x1b[{front};{back}m").as_bytes()))
            },
        )
    },
];

fn level(ctx: &Ctx<'_>, value: Value) -> Result<Option<i8>, &'static str> {
    match own_level(ctx, value) {
        None if !value.is_null() => Err("a log level was expected"),
        level => Ok(level),
    }
}

fn place(ctx: &Ctx<'_>) -> Option<sluice_script::source::Location> {
    ctx.shared.script.locations.get(ctx.run.at as usize).copied()
}

/// Something of one or all routes that have been entered; the running one is the first.
fn of_routes(ctx: &mut Ctx<'_>, subject: Subject, of: fn(&Route) -> String) -> Value {
    let routes = &ctx.shared.script.routes;
    let holds = |at: u32| {
        let entered = routes.iter().filter(|route| route.entry <= at);
        entered.max_by_key(|route| route.entry)
    };
    // A caller goes on behind the instruction that called.
    let callers = ctx.run.frames.iter().rev().map(|frame| frame.back.saturating_sub(1));
    let entered: Vec<&Route> =
        std::iter::once(ctx.run.at).chain(callers).filter_map(holds).collect();
    let text = match subject.index {
        Index::All => {
            let names: Vec<String> = entered.into_iter().rev().map(of).collect();
            Some(names.join(" > "))
        }
        index => position(index, entered.len()).and_then(|at| entered.get(at).copied()).map(of),
    };
    text.map_or(Value::Null, |text| Value::Text(ctx.keep(text.as_bytes())))
}

fn full_name(route: &Route) -> String {
    let word = word(route.kind);
    if route.name.is_empty() { word.to_owned() } else { format!("{word}[{}]", route.name) }
}

/// As scripts write it.
fn word(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Request => "route",
        RouteKind::Reply => "onreply_route",
        RouteKind::Branch => "branch_route",
        RouteKind::Failure => "failure_route",
        RouteKind::Error => "error_route",
        RouteKind::Local => "local_route",
        RouteKind::Startup => "startup_route",
        RouteKind::Timer => "timer_route",
        RouteKind::Event => "event_route",
    }
}

/// The program's `-o NAME=VALUE`, which never change.
fn options() -> &'static [(String, String)] {
    static OPTIONS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    OPTIONS.get_or_init(|| {
        let mut args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
        let mut options = Vec::new();
        while let Some(arg) = args.next() {
            let Some(given) = arg.strip_prefix("-o") else { continue };
            let given =
                if given.is_empty() { args.next().unwrap_or_default() } else { given.into() };
            let (name, value) = given.split_once('=').unwrap_or((&given, ""));
            options.push((name.to_owned(), value.to_owned()));
        }
        options
    })
}

/// Two letters as two digits of SGR colours (ECMA-48 8.3.117); 9 is the default.
fn colours(word: &str) -> Result<u32, String> {
    let digit = |letter: u8| {
        Some(match letter {
            b'x' => 9,
            letter => b"srgybpcw".iter().position(|known| *known == letter)? as u32,
        })
    };
    match word.as_bytes() {
        [front, back] => digit(*front).zip(digit(*back)).map(|(front, back)| front * 10 + back),
        _ => None,
    }
    .ok_or_else(|| "two of the letters x s r g y b p c w were expected".to_owned())
}
