//! `xlog`, `xdbg` and `log`: lines of the script's own (spec 1.5), through `tracing` with the
//! target "script::xlog".

use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::table::{function, optional, param};

/// One parameter is the text; of two the first is the level.
const TEXT: &[ParamDef] =
    &[param("level or text", ParamKind::Any), optional("text", ParamKind::Text)];
const ERROR: &[ParamDef] = &[optional("what", ParamKind::Text), optional("text", ParamKind::Text)];
const SOLE: &[ParamDef] = &[param("text", ParamKind::Text)];

/// A target of their own, since `log_level` does not filter them: `xlog_level` does (spec 1.3).
const LINES: &str = "script::xlog";

const NOTICE: i64 = 2;
const DEBUG: i64 = 4;

pub(super) const LIST: &[Function] = &[
    Function {
        guard: Some(|ctx, level| is_heard(ctx, level, print_level(ctx))),
        ..function(
            "xlog",
            "Logs a text, at xlog_print_level or at a given level.",
            TEXT,
            Routes::ANY,
            |ctx, _, args| log(ctx, args, print_level(ctx)),
        )
    },
    Function {
        guard: Some(|ctx, level| is_heard(ctx, level, DEBUG)),
        ..function("xdbg", "Logs a text at debug.", SOLE, Routes::ANY, |ctx, _, args| {
            log(ctx, args, DEBUG)
        })
    },
    function("error", "Logs two texts at notice (1.x).", ERROR, Routes::ANY, |ctx, _, args| {
        let mut text = ctx.keep(b"error");
        for part in args.iter().filter_map(|part| part.text()) {
            let between = ctx.keep(b": ");
            text = ctx.join([text, between, part].into_iter()).text().unwrap_or(text);
        }
        if threshold(ctx) >= NOTICE {
            emit(ctx, NOTICE, text);
        }
        Flow::TRUE
    }),
    function(
        "setdebug",
        "Sets $log_level; without a level resets it (1.x).",
        &[optional("level", ParamKind::Int)],
        Routes::ANY,
        |ctx, _, args| {
            let level = args.first().copied().filter(|level| !level.is_null());
            let level = level.unwrap_or_default();
            ctx.local.log_level = own_level(ctx, level);
            Flow::TRUE
        },
    ),
    Function {
        guard: Some(|ctx, level| is_heard(ctx, level, DEBUG)),
        ..function(
            "log",
            "Logs a text, at debug or at a given level (1.x).",
            TEXT,
            Routes::ANY,
            |ctx, _, args| log(ctx, args, DEBUG),
        )
    },
];

fn print_level(ctx: &Ctx<'_>) -> i64 {
    i64::from(ctx.shared.settings.xlog_print_level)
}

/// Whether a line of this level is written; a level that is none is for [`log`] to complain about.
fn is_heard(ctx: &Ctx<'_>, level: Value, default: i64) -> bool {
    let level = if level.is_null() { Some(default) } else { level_of(ctx, level) };
    level.is_none_or(|level| level <= threshold(ctx))
}

fn log(ctx: &mut Ctx<'_>, args: &[Value], default: i64) -> Flow {
    let (level, text) = match args {
        [level, text] if !text.is_null() => (level_of(ctx, *level), *text),
        [text, ..] => (Some(default), *text),
        [] => return Flow::FALSE,
    };
    let Some(level) = level else { return Flow::Fail("no such log level") };
    // A line that is filtered out is still true.
    if level > threshold(ctx) {
        return Flow::TRUE;
    }
    let text = ctx.to_text(text);
    if text.len as usize > ctx.shared.settings.xlog_buf_size {
        return Flow::Fail("the text is longer than xlog_buf_size");
    }
    emit(ctx, level, text);
    Flow::TRUE
}

/// `$xlog_level`.
pub(in crate::core) fn threshold(ctx: &Ctx<'_>) -> i64 {
    i64::from(ctx.local.xlog_level.unwrap_or(ctx.shared.levels.xlog()))
}

/// A worker's own level: a number from -3 to 4 or a word; NULL is none.
pub(in crate::core) fn own_level(ctx: &Ctx<'_>, value: Value) -> Option<i8> {
    level_of(ctx, value).map(|level| level.clamp(-3, 4) as i8)
}

/// The third letter of `L_WARN` decides; a number is the level itself.
fn level_of(ctx: &Ctx<'_>, level: Value) -> Option<i64> {
    if let Some(number) = level.int() {
        return Some(number);
    }
    let text = ctx.bytes(level.text()?);
    match text.get(2) {
        Some(b'A') => Some(-3),
        Some(b'C') => Some(-2),
        Some(b'E') => Some(-1),
        Some(b'W') => Some(1),
        Some(b'N') => Some(NOTICE),
        Some(b'I') => Some(3),
        Some(b'D') => Some(DEBUG),
        _ => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

fn emit(ctx: &Ctx<'_>, level: i64, text: Text) {
    let text = String::from_utf8_lossy(ctx.bytes(text));
    let text = text.trim_end_matches('\n');
    match level {
        ..=-1 => tracing::error!(target: LINES, "{text}"),
        0..=1 => tracing::warn!(target: LINES, "{text}"),
        2..=3 => tracing::info!(target: LINES, "{text}"),
        _ => tracing::debug!(target: LINES, "{text}"),
    }
}
