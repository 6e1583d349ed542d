//! `{sdp.line}`: lines of a session description.

use sluice_engine::Value;
use sluice_engine::module::Transformation;

use super::{entry, number, piece, text};

pub(super) const LIST: &[Transformation] = &[entry(
    "sdp",
    "line",
    (1, 2),
    "The n-th line, from 1, that begins with some text.",
    |ctx, input, params| {
        let whole = ctx.to_text(input);
        let Some(kind) = text(ctx, params, 0) else { return Value::Null };
        let at = if params.len() > 1 { number(ctx, params, 1) } else { Some(1) };
        let at = at.and_then(|at| usize::try_from(at.checked_sub(1)?).ok());
        let lines = ctx.bytes(whole).split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let kind = ctx.bytes(kind);
        let mut fitting = lines.filter(|line| line.starts_with(kind));
        piece(ctx, whole, at.and_then(|at| fitting.nth(at)))
    },
)];
