//! Tests: comparison, regex, networks, truth (spec 1.6 with the corrections of spec 0).

use std::cmp::Ordering;
use std::net::IpAddr;

use sluice_script::ir::{Compare, NetId, RegexId};

use crate::context::Ctx;
use crate::digits::Digits;
use crate::value::Value;

/// Compares by the faces that both sides have.
pub(super) fn compare(
    ctx: &mut Ctx<'_>,
    op: Compare,
    left: Value,
    right: Value,
    literal: bool,
) -> bool {
    if left.is_null() || right.is_null() {
        return match op {
            Compare::Equal => left.is_null() && right.is_null(),
            Compare::NotEqual => left.is_null() != right.is_null(),
            _ => false,
        };
    }
    let order = match (left.int(), right.int()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => texts(ctx, left, right, literal),
    };
    match order {
        Some(order) => holds(op, order),
        None => {
            if literal {
                ctx.complain("invalid comparison: a string and a number");
            }
            false
        }
    }
}

fn holds(op: Compare, order: Ordering) -> bool {
    match op {
        Compare::Equal => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
    }
}

/// Whether a label of `switch` is that of its subject: a number only with a number (spec 1.5).
pub(super) fn is_case(ctx: &Ctx<'_>, subject: Value, label: Value) -> bool {
    let order = match (subject.int(), label.int()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => texts(ctx, subject, label, true),
    };
    order.is_some_and(Ordering::is_eq)
}

/// Strings compare case-insensitively. A plain number compares as its decimal text
/// (`$var(n) == "5"`), but for one written as a constant on the right (spec 0).
fn texts(ctx: &Ctx<'_>, left: Value, right: Value, literal: bool) -> Option<Ordering> {
    let (left_digits, right_digits);
    let left = match left {
        Value::Int(n) => {
            left_digits = Digits::of(n);
            left_digits.as_bytes()
        }
        _ => ctx.bytes(left.text()?),
    };
    let right = match right {
        Value::Int(n) if !literal => {
            right_digits = Digits::of(n);
            right_digits.as_bytes()
        }
        _ => ctx.bytes(right.text()?),
    };
    Some(ignore_case(left, right))
}

fn ignore_case(a: &[u8], b: &[u8]) -> Ordering {
    let lower = |s: &u8| s.to_ascii_lowercase();
    a.iter().map(lower).cmp(b.iter().map(lower))
}

/// Whether a regex compiled at load is found in the subject; never in NULL.
pub(super) fn matches(ctx: &mut Ctx<'_>, id: RegexId, subject: Value) -> bool {
    if subject.is_null() {
        return false;
    }
    let text = ctx.to_text(subject);
    let regex = ctx.shared.script.regexes.get(id.0 as usize);
    regex.is_some_and(|regex| regex.is_match(ctx.bytes(text)))
}

/// As [`matches`], with a pattern that is known only now.
pub(super) fn matches_dynamic(ctx: &mut Ctx<'_>, pattern: Value, subject: Value) -> bool {
    if subject.is_null() || pattern.is_null() {
        return false;
    }
    let (pattern, text) = (ctx.to_text(pattern), ctx.to_text(subject));
    match sluice_script::regex::compile(ctx.bytes(pattern)) {
        Ok(regex) => regex.is_match(ctx.bytes(text)),
        Err(_) => {
            ctx.complain("bad regular expression");
            false
        }
    }
}

/// Whether the subject is an address within the network.
pub(super) fn in_net(ctx: &mut Ctx<'_>, id: NetId, subject: Value) -> bool {
    let Some(text) = subject.text() else { return false };
    let bytes = ctx.bytes(text);
    let bytes = bytes.strip_prefix(b"[").and_then(|b| b.strip_suffix(b"]")).unwrap_or(bytes);
    let addr = std::str::from_utf8(bytes).ok().and_then(|s| s.parse::<IpAddr>().ok());
    let (Some(addr), Some(net)) = (addr, ctx.shared.script.nets.get(id.0 as usize)) else {
        return false;
    };
    net.contains(addr)
}

/// The truth of a bare variable: NULL, 0 and the empty string are false, all else is true.
pub(super) fn truth(value: Value) -> bool {
    match value {
        Value::Null | Value::Omitted | Value::Invalid => false,
        Value::Int(n) | Value::Number(n) | Value::Both(_, n) => n != 0,
        Value::Text(text) => text.len > 0,
        Value::Reference(_) | Value::Regex(_) => true,
    }
}
