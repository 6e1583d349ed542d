//! Short forms for the entries of the definition tables. Constants only.

use std::any::Any;

use sluice_engine::module::{Function, ParamEntry, Setter, Subject, Variable};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes, SettingKind, Status, SubKind};

pub(crate) type Call = fn(&mut Ctx<'_>, &mut dyn Any, &[Value]) -> Flow;
pub(crate) type Getter = fn(&mut Ctx<'_>, &mut dyn Any, Subject) -> Value;

/// A required parameter.
pub(crate) const fn param(name: &'static str, kind: ParamKind) -> ParamDef {
    ParamDef { name, kind, optional: false }
}

/// A parameter that may be left out.
pub(crate) const fn optional(name: &'static str, kind: ParamKind) -> ParamDef {
    ParamDef { name, kind, optional: true }
}

/// A function that never parks and is false when it could not find out.
pub(crate) const fn function(
    name: &'static str,
    doc: &'static str,
    params: &'static [ParamDef],
    routes: Routes,
    call: Call,
) -> Function {
    Function {
        name,
        aliases: &[],
        doc,
        params,
        hidden: &[],
        routes,
        suspends: false,
        locks: false,
        unknown: -1,
        guard: None,
        call,
    }
}

/// A variable that is only read, without parentheses and brackets.
pub(crate) const fn variable(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
    get: Getter,
) -> Variable {
    Variable { name, aliases, doc, sub: SubKind::None, indexed: false, get, set: None }
}

/// As [`variable`], assignable.
pub(crate) const fn writable(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
    get: Getter,
    set: Setter,
) -> Variable {
    Variable { name, aliases, doc, sub: SubKind::None, indexed: false, get, set: Some(set) }
}

/// A parameter or global.
pub(crate) const fn setting(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
    kind: SettingKind,
    status: Status,
) -> ParamEntry {
    ParamEntry { name, aliases, doc, kind, status, check: None }
}

/// Lists of entries joined to one; `N` must be their total, else the build fails.
pub(crate) const fn concat<T: Copy, const N: usize>(lists: &[&[T]]) -> [T; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut filled) = (0, 0);
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            all[filled] = lists[list][at];
            filled += 1;
            at += 1;
        }
        list += 1;
    }
    assert!(filled == N);
    all
}

/// The total length of lists.
pub(crate) const fn total<T>(lists: &[&[T]]) -> usize {
    let (mut list, mut sum) = (0, 0);
    while list < lists.len() {
        sum += lists[list].len();
        list += 1;
    }
    sum
}
