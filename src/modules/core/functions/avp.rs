//! Functions on AVPs, which were a module of their own until 3.x: `avp_copy` and its kin.
//!
//! They name AVPs in a text, with flags behind a slash: `"$avp(x)/g"`; g means all values.

use std::cell::RefCell;

use sluice_engine::module::Function;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::avp_operation::{check, operate};
use crate::limits;
use crate::regexes::Regexes;
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

pub(super) const NO_AVP: Flow = Flow::Fail("an AVP is written $avp(name)");

/// `$avp(a)/$avp(b)/g`: the AVPs, then the flags, in small letters.
pub(super) struct Named {
    pub(super) avps: Vec<AvpKey>,
    pub(super) flags: Vec<u8>,
}

impl Named {
    pub(super) fn of(ctx: &Ctx<'_>, args: &[Value], at: usize) -> Option<Self> {
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
    pub(super) fn meant(&self, ctx: &Ctx<'_>) -> usize {
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
    pub(super) static REGEXES: RefCell<Regexes> = RefCell::default();
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
pub(super) fn change(
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
