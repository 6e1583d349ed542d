//! `{csv.*}`: a list with commas; quotes protect them and are taken off.

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Text, Value};

use super::{entry, number, piece, position};

pub(super) const LIST: &[Transformation] = &[
    entry("csv", "count", (0, 0), "How many fields there are.", |ctx, input, _| {
        let whole = ctx.to_text(input);
        Value::Int(fields(ctx, whole).len() as i64)
    }),
    entry("csv", "value", (1, 1), "The i-th field.", |ctx, input, params| {
        let whole = ctx.to_text(input);
        let fields = fields(ctx, whole);
        let at = number(ctx, params, 0).and_then(|at| position(at, fields.len()));
        piece(ctx, whole, at.and_then(|at| fields.get(at)).copied())
    }),
];

fn fields<'a>(ctx: &'a Ctx<'_>, whole: Text) -> Vec<&'a [u8]> {
    let mut quoted = false;
    let fields = ctx.bytes(whole).split(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    let bare = |field: &'a [u8]| {
        let field = field.trim_ascii();
        field.strip_prefix(b"\"").and_then(|f| f.strip_suffix(b"\"")).unwrap_or(field)
    };
    fields.map(bare).collect()
}
