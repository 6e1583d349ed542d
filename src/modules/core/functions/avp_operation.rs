//! `avp_check` and `avp_op`: comparing and calculating with values of AVPs by
//! `"operator/value/flags"`.

use sluice_engine::module::Name;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Text, Value};

use super::avp::{NO_AVP, Named, REGEXES, change};
use crate::regexes::Read;
use sluice_base::glob;

const NO_OPERATION: Flow = Flow::Fail("an operation is written operator/value/flags");

/// `avp_check(avp, operation)`.
pub(super) fn check(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let key = match args.first().and_then(|avp| ctx.referred(*avp)) {
        Some(("avp", Name::Slot(slot))) => AvpKey::Slot(slot),
        _ => return Flow::Fail("avp_check() checks an $avp"),
    };
    let Some(operation) = Operation::of(ctx, args) else { return NO_OPERATION };
    let named = Named { avps: vec![key], flags: operation.flags.clone() };
    let values: Vec<Value> = ctx.avp_values(key).take(named.meant(ctx)).collect();
    for value in values {
        match holds(ctx, &operation, value) {
            Some(true) => return Flow::TRUE,
            Some(false) => {}
            None => return NO_OPERATION,
        }
    }
    Flow::FALSE
}

/// `avp_op(avps, operation)`.
pub(super) fn operate(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let (Some(mut named), Some(operation)) = (Named::of(ctx, args, 0), Operation::of(ctx, args))
    else {
        return NO_OPERATION;
    };
    let Some(source) = named.avps.first().copied() else { return NO_AVP };
    named.flags = operation.flags.clone();
    let number = operation.number(ctx);
    if number.is_none() && operation.operator != b"not" {
        return Flow::Fail("avp_op() needs a number");
    }
    let by = number.unwrap_or(0);
    let calculate: fn(i64, i64) -> Option<i64> = match operation.operator.as_slice() {
        b"add" => |a, b| Some(a.wrapping_add(b)),
        b"sub" => |a, b| Some(a.wrapping_sub(b)),
        b"mul" => |a, b| Some(a.wrapping_mul(b)),
        b"div" => i64::checked_div,
        b"mod" => i64::checked_rem,
        b"and" => |a, b| Some(a & b),
        b"or" => |a, b| Some(a | b),
        b"xor" => |a, b| Some(a ^ b),
        b"not" => |a, _| Some(!a),
        _ => return NO_OPERATION,
    };
    change(ctx, &named, source, |_, value| calculate(value.int()?, by).map(Value::Int))
}

/// `operator/value/flags`; the value may hold slashes.
struct Operation {
    operator: Vec<u8>,
    value: Text,
    flags: Vec<u8>,
}

impl Operation {
    fn of(ctx: &Ctx<'_>, args: &[Value]) -> Option<Self> {
        let whole = args.get(1).and_then(|arg| arg.text())?;
        let text = ctx.bytes(whole);
        let Some(slash) = text.iter().position(|byte| *byte == b'/') else {
            return Some(Self {
                operator: text.to_vec(),
                value: Text { len: 0, ..whole },
                flags: vec![],
            });
        };
        let (operator, rest) = (text.get(..slash)?, text.get(slash + 1..)?);
        let is_flag = |byte: &u8| matches!(byte.to_ascii_lowercase(), b'g' | b'i' | b'd');
        let last = rest.iter().rposition(|byte| *byte == b'/');
        let split = last.filter(|at| rest.get(at + 1..).is_some_and(|f| f.iter().all(is_flag)));
        let value = rest.get(..split.unwrap_or(rest.len()))?;
        let flags = split.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
        let value = value.strip_prefix(b"s:").unwrap_or(value);
        Some(Self {
            operator: operator.to_ascii_lowercase(),
            value: ctx.piece(whole, value),
            flags: flags.to_ascii_lowercase(),
        })
    }

    /// The value as a number: `i:5`, `i:0xff`, `5`.
    fn number(&self, ctx: &Ctx<'_>) -> Option<i64> {
        let text = std::str::from_utf8(ctx.bytes(self.value)).ok()?.trim();
        let text = text.strip_prefix("i:").unwrap_or(text);
        match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        }
    }
}

/// `None` when there is no such operator.
fn holds(ctx: &mut Ctx<'_>, operation: &Operation, value: Value) -> Option<bool> {
    let number = operation.number(ctx);
    let bits =
        |of: fn(i64, i64) -> i64| Some(value.int().zip(number).is_some_and(|(a, b)| of(a, b) != 0));
    let any_case = operation.flags.contains(&b'i');
    match operation.operator.as_slice() {
        b"and" => return bits(|a, b| a & b),
        b"or" => return bits(|a, b| a | b),
        b"xor" => return bits(|a, b| a ^ b),
        _ => {}
    }
    let text = ctx.to_text(value);
    let (left, right) = (ctx.bytes(text), ctx.bytes(operation.value));
    let order = match (value.int(), number) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ if any_case => left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase()),
        _ => left.cmp(right),
    };
    Some(match operation.operator.as_slice() {
        b"eq" => order.is_eq(),
        b"ne" => order.is_ne(),
        b"lt" => order.is_lt(),
        b"le" => order.is_le(),
        b"gt" => order.is_gt(),
        b"ge" => order.is_ge(),
        b"re" => {
            let read = Read { ignore_case: any_case, ..Read::USUAL };
            let regex = REGEXES.with_borrow_mut(|all| all.get(right, read));
            regex.is_some_and(|regex| regex.is_match(left))
        }
        b"fm" => glob::matches(right, left),
        _ => return None,
    })
}
