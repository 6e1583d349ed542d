//! Arithmetic (spec 1.7 with the corrections of spec 0): the left operand decides.

use sluice_script::ir::Arith;

use crate::context::Ctx;
use crate::value::Value;

/// The result, or [`Value::Invalid`] after a line in the log.
pub(super) fn arith(
    ctx: &mut Ctx<'_>,
    op: Arith,
    left: Value,
    right: Value,
    literal: bool,
    compound: bool,
) -> Value {
    match (left, right) {
        (Value::Invalid, _) | (_, Value::Invalid) => Value::Invalid,
        (Value::Int(a) | Value::Number(a), _) => match right {
            Value::Null => numbers(ctx, op, a, 0, compound),
            _ => match right.int() {
                Some(b) => numbers(ctx, op, a, b, compound),
                None => invalid(ctx, "invalid numeric operands"),
            },
        },
        (Value::Text(_) | Value::Both(..), Value::Null) if op == Arith::Add => left,
        (Value::Text(_) | Value::Both(..), _) if op == Arith::Add => {
            if literal && matches!(right, Value::Int(_)) {
                return invalid(ctx, "a string and a number do not add up");
            }
            join(ctx, left, right)
        }
        _ => invalid(ctx, "invalid operands of an arithmetic operation"),
    }
}

/// The bits turned round, or [`Value::Invalid`] after a line in the log.
pub(super) fn complement(ctx: &mut Ctx<'_>, value: Value) -> Value {
    match value.int() {
        Some(number) => Value::Int(!number),
        None => invalid(ctx, "~ wants a number"),
    }
}

fn invalid(ctx: &mut Ctx<'_>, text: &'static str) -> Value {
    ctx.complain(text);
    Value::Invalid
}

fn join(ctx: &mut Ctx<'_>, left: Value, right: Value) -> Value {
    let (left, right) = (ctx.to_text(left), ctx.to_text(right));
    ctx.join([left, right].into_iter())
}

fn numbers(ctx: &mut Ctx<'_>, op: Arith, a: i64, b: i64, compound: bool) -> Value {
    Value::Int(match op {
        Arith::Add => a.wrapping_add(b),
        Arith::Sub => a.wrapping_sub(b),
        Arith::Mul => a.wrapping_mul(b),
        Arith::Div | Arith::Mod if b == 0 => {
            // spec 0: `x = 5 / 0` assigns 0; `x /= 0` keeps the old value.
            ctx.complain("division by zero");
            if compound {
                return Value::Invalid;
            }
            0
        }
        Arith::Div => a.wrapping_div(b),
        Arith::Mod => a.wrapping_rem(b),
        Arith::And => a & b,
        Arith::Or => a | b,
        Arith::Xor => a ^ b,
        Arith::ShiftLeft => a.wrapping_shl(b as u32),
        Arith::ShiftRight => a.wrapping_shr(b as u32),
    })
}
