//! Functions on AVPs, which were a module of their own until 3.x: `avp_copy` and its kin.
//!
//! They name AVPs in a text, with flags behind a slash: `"$avp(x)/g"`; g means all values.

use std::cell::RefCell;

use sluice_engine::module::{Function, Name};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::glob;
use crate::limits;
use crate::regexes::{Read, Regexes};
use crate::subst::Subst;
use crate::table::{function, param};

const ANY: Routes = Routes::ANY;
const NAME: &[ParamDef] = &[param("$avp(name)/flags", ParamKind::Literal)];
const COPY: &[ParamDef] =
    &[param("$avp(from)", ParamKind::Literal), param("$avp(to)/flags", ParamKind::Literal)];
const SUBST: &[ParamDef] = &[
    param("$avp(from)/$avp(to)/flags", ParamKind::Literal),
    param("/regex/replacement/flags", ParamKind::Subst),
];
const CHECK: &[ParamDef] =
    &[param("$avp(name)", ParamKind::Variable), param("operator/value/flags", ParamKind::Text)];
const OPERATE: &[ParamDef] = &[
    param("$avp(from)/$avp(to)", ParamKind::Literal),
    param("operator/value/flags", ParamKind::Text),
];
const INSERT: &[ParamDef] = &[
    param("$avp(name)", ParamKind::Literal),
    param("value", ParamKind::Any),
    param("index", ParamKind::Int),
];
const PRINT: &[ParamDef] = &[param("variable", ParamKind::Output), param("text", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    Function {
        aliases: &["avp_printf"],
        ..function("pv_printf", "Puts a text into a variable.", PRINT, ANY, |ctx, _, args| {
            let [variable, text] = args else { return Flow::FALSE };
            ctx.output(*variable, *text);
            Flow::TRUE
        })
    },
    function("is_avp_set", "Whether an AVP has a value; e empty, s text, n number.", NAME, ANY, {
        |ctx, _, args| is_set(ctx, args)
    }),
    function("avp_delete", "Removes the newest value of an AVP; g all.", NAME, ANY, {
        |ctx, _, args| delete(ctx, args)
    }),
    function("avp_copy", "Copies a value; g all, d moves, s as text, n as number.", COPY, ANY, {
        |ctx, _, args| copy(ctx, args)
    }),
    function("avp_subst", "Substitutes in a value; g in all, d removes the source.", SUBST, ANY, {
        |ctx, _, args| substitute(ctx, args)
    }),
    function("avp_check", "Compares the newest value; g any of them, i any case.", CHECK, ANY, {
        |ctx, _, args| check(ctx, args)
    }),
    function(
        "avp_op",
        "Calculates with a value; g with all, d removes the source.",
        OPERATE,
        ANY,
        |ctx, _, args| operate(ctx, args),
    ),
    function("avp_insert", "Puts a value at a place, 0 is the newest.", INSERT, ANY, {
        |ctx, _, args| insert(ctx, args)
    }),
    function("avp_print", "Logs all AVPs.", &[], ANY, |ctx, _, _| {
        for (key, value) in ctx.run.avps.clone() {
            let name = match key {
                AvpKey::Slot(slot) => {
                    ctx.shared.script.avps.name(slot).unwrap_or_default().as_bytes().to_vec()
                }
                AvpKey::Text(name) => ctx.bytes(name).to_vec(),
            };
            let value = ctx.to_text(value);
            let name = String::from_utf8_lossy(&name);
            let value = String::from_utf8_lossy(ctx.bytes(value));
            tracing::info!(target: "script", "$avp({name}) = {value}");
        }
        Flow::TRUE
    }),
];

const NO_AVP: Flow = Flow::Fail("an AVP is written $avp(name)");
const NO_OPERATION: Flow = Flow::Fail("an operation is written operator/value/flags");

/// `$avp(a)/$avp(b)/g`: the AVPs, then the flags, in small letters.
struct Named {
    avps: Vec<AvpKey>,
    flags: Vec<u8>,
}

impl Named {
    fn of(ctx: &Ctx<'_>, args: &[Value], at: usize) -> Option<Self> {
        let whole = args.get(at).and_then(|arg| arg.text())?;
        let mut named = Self { avps: Vec::new(), flags: Vec::new() };
        for part in ctx.bytes(whole).split(|byte| *byte == b'/').map(<[u8]>::trim_ascii) {
            let bare = part.strip_prefix(b"$(").and_then(|part| part.strip_suffix(b")"));
            let bare = bare.or_else(|| part.strip_prefix(b"$"));
            let name = bare.and_then(|bare| bare.strip_prefix(b"avp(")?.strip_suffix(b")"));
            match name {
                Some(name) => named.avps.push(AvpKey::Text(ctx.piece(whole, name))),
                None => named.flags.extend(part.to_ascii_lowercase()),
            }
        }
        Some(named)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.contains(&flag)
    }

    /// How many values of the first AVP are meant.
    fn meant(&self, ctx: &Ctx<'_>) -> usize {
        let count = self.avps.first().map_or(0, |key| ctx.avp_count(*key));
        if self.has(b'g') { count } else { count.min(1) }
    }
}

fn is_set(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(named) = Named::of(ctx, args, 0) else { return NO_AVP };
    let Some(key) = named.avps.first() else { return NO_AVP };
    let Some(value) = ctx.avp_newest(*key) else { return Flow::FALSE };
    let fits = |flag: &u8| match flag {
        b'e' => value.text().is_some_and(|text| text.len == 0) || value.int() == Some(0),
        b's' => value.text().is_some(),
        b'n' => value.int().is_some(),
        _ => false,
    };
    Flow::of(named.flags.iter().all(fits))
}

fn delete(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(named) = Named::of(ctx, args, 0) else { return NO_AVP };
    let Some(key) = named.avps.first() else {
        // `a`, `i`, `s` of old names, and `*`: whatever there is.
        let all = matches!(named.flags.first(), None | Some(b'a' | b'i' | b's' | b'*'));
        if all {
            ctx.run.avps.clear();
        }
        return if all { Flow::TRUE } else { NO_AVP };
    };
    Flow::of(if named.has(b'g') { ctx.avp_remove(*key) > 0 } else { ctx.avp_pop(*key).is_some() })
}

fn copy(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let (Some(from), Some(to)) = (Named::of(ctx, args, 0), Named::of(ctx, args, 1)) else {
        return NO_AVP;
    };
    let (Some(source), Some(target)) = (from.avps.first(), to.avps.first()) else { return NO_AVP };
    let meant = Named { avps: vec![*source], flags: to.flags.clone() }.meant(ctx);
    if ctx.run.avps.len() + meant > limits::AVPS {
        return Flow::Fail("the message has too many AVPs");
    }
    // Oldest first, so that their order stays.
    let values: Vec<Value> = ctx.avp_values(*source).take(meant).collect();
    for value in values.iter().rev() {
        let value = match value {
            _ if to.has(b's') => Value::Text(ctx.to_text(*value)),
            _ if to.has(b'n') => Value::Int(integer(ctx, *value).unwrap_or(0)),
            value => *value,
        };
        ctx.avp_push(*target, value);
    }
    if to.has(b'd') {
        // Where a name is copied to itself, the copies lie on top.
        let same = ctx.avp_is_same(*source, *target);
        let on_top = if same { values.len() } else { 0 };
        for _ in 0..meant {
            ctx.avp_take(*source, on_top as i32);
        }
    }
    Flow::of(!values.is_empty())
}

thread_local! {
    /// The core has no state of its own in a worker; the compiled patterns are only a cache.
    static REGEXES: RefCell<Regexes> = RefCell::default();
}

fn substitute(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(named) = Named::of(ctx, args, 0) else { return NO_AVP };
    let Some(source) = named.avps.first().copied() else { return NO_AVP };
    let expression = args.get(1).and_then(|text| text.text());
    let subst = expression.and_then(|text| Subst::parse(ctx.bytes(text)));
    let Some(subst) = subst else {
        return Flow::Fail("not of the form /regex/replacement/flags");
    };
    let Some(regex) = REGEXES.with_borrow_mut(|all| all.of(&subst)) else {
        return Flow::Fail("bad regex");
    };
    change(ctx, &named, source, |ctx, value| {
        let text = match value {
            Value::Text(text) => *text,
            _ => return None,
        };
        let changed = subst.apply(&regex, ctx.bytes(text))?;
        Some(Value::Text(ctx.keep(&changed)))
    })
}

/// Puts what `make` makes of the values that are meant in their place, or on top of another AVP.
/// False when it makes nothing of any.
fn change(
    ctx: &mut Ctx<'_>,
    named: &Named,
    source: AvpKey,
    make: impl Fn(&mut Ctx<'_>, &Value) -> Option<Value>,
) -> Flow {
    let target = named.avps.get(1).copied().filter(|target| !ctx.avp_is_same(*target, source));
    let mut found = false;
    for at in (0..named.meant(ctx)).rev() {
        let Some(value) = nth(ctx, source, at) else { continue };
        let Some(made) = make(ctx, &value) else { continue };
        found = true;
        match target {
            None => {
                ctx.avp_replace(source, at as i32, made);
            }
            Some(target) => ctx.avp_push(target, made),
        }
        if target.is_some() && named.has(b'd') {
            ctx.avp_take(source, at as i32);
        }
    }
    Flow::of(found)
}

fn nth(ctx: &Ctx<'_>, key: AvpKey, at: usize) -> Option<Value> {
    ctx.avp_get(key, i32::try_from(at).ok()?)
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

fn check(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
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

fn operate(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
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

fn insert(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let key = Named::of(ctx, args, 0).and_then(|named| named.avps.first().copied());
    let (Some(key), Some(value)) = (key, args.get(1).filter(|value| !value.is_null())) else {
        return Flow::Fail("avp_insert() takes an AVP and a value");
    };
    let index = args.get(2).and_then(|at| at.int()).and_then(|at| usize::try_from(at).ok());
    let Some(index) = index else { return Flow::Fail("a place is a number from 0") };
    // Those above the place are taken off and put back on top.
    let above: Vec<Value> = (0..index).map_while(|_| ctx.avp_pop(key)).collect();
    ctx.avp_push(key, *value);
    above.into_iter().rev().for_each(|value| ctx.avp_push(key, value));
    Flow::TRUE
}

fn integer(ctx: &Ctx<'_>, value: Value) -> Option<i64> {
    let text = value.text().map(|text| ctx.bytes(text));
    let parsed = || std::str::from_utf8(text?).ok()?.trim().parse().ok();
    value.int().or_else(parsed)
}
