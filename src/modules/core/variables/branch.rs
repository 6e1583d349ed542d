//! The destination set as variables: `$branch` of the extra branches, `$msg.branch.*` of all,
//! with the Request-URI's as number 0 (spec 2.2), `$ds`, `$ru_q`.

use sluice_engine::dset::Branch;
use sluice_engine::module::{Name, Setter, Subject, Variable};
use sluice_engine::reply::push_destinations;
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Index;

use super::find_socket;
use super::flags::{bit_of, listed, slots};
use super::headers::{join, position};
use crate::table::{Getter, variable, writable};

pub(super) const LIST: &[Variable] = &[
    Variable {
        sub: SubKind::Word(field_of_word),
        indexed: true,
        ..writable(
            "branch",
            &["br"],
            "An extra branch's uri, duri, q, path, flags, socket; assigning it bare adds one.",
            |ctx, _, subject| {
                let field = subject_field(subject).unwrap_or(Field::Uri);
                get(ctx, subject.index, 1, 0, field)
            },
            |ctx, _, subject, _, value| match subject_field(subject) {
                None => add(ctx, value),
                Some(field) => {
                    let number = one(ctx, subject.index, 1, 0)?;
                    set(ctx, number, field, value)
                }
            },
        )
    },
    writable(
        "msg.branch",
        &[],
        "URI of the last branch; assigning it adds one.",
        |ctx, _, _| {
            let last = ctx.run.set.extra().len();
            get(ctx, Index::At(last as i32), 0, last, Field::Uri)
        },
        |ctx, _, _, _, value| add(ctx, value),
    ),
    of_message("msg.branch.uri", "URI of a branch.", |c, _, s| read(c, s, Field::Uri), {
        |c, _, s, _, v| write(c, s, Field::Uri, v)
    }),
    of_message("msg.branch.duri", "Outbound proxy.", |c, _, s| read(c, s, Field::Destination), {
        |c, _, s, _, v| write(c, s, Field::Destination, v)
    }),
    of_message("msg.branch.path", "Path of a branch.", |c, _, s| read(c, s, Field::Path), {
        |c, _, s, _, v| write(c, s, Field::Path, v)
    }),
    of_message("msg.branch.q", "q times 1000; -1: none.", |c, _, s| read(c, s, Field::Q), {
        |c, _, s, _, v| write(c, s, Field::Q, v)
    }),
    of_message("msg.branch.flags", "Names of flags.", |c, _, s| read(c, s, Field::FlagNames), {
        |c, _, s, _, v| write(c, s, Field::FlagNames, v)
    }),
    of_message("msg.branch.socket", "Forced socket.", |c, _, s| read(c, s, Field::Socket), {
        |c, _, s, _, v| write(c, s, Field::Socket, v)
    }),
    Variable {
        sub: SubKind::Flag,
        ..of_message("msg.branch.flag", "A flag of a branch: 1 or 0.", get_flag, set_flag)
    },
    Variable {
        sub: SubKind::Text { optional: false },
        ..of_message("msg.branch.attr", "An attribute of a branch.", get_attribute, set_attribute)
    },
    variable("msg.branch.last_idx", &[], "Number of the last branch; 0: no extra.", |ctx, _, _| {
        Value::Int(ctx.run.set.extra().len() as i64)
    }),
    writable(
        "ru_q",
        &[],
        "q of the Request-URI times 1000; -1: none.",
        |ctx, _, _| q(ctx.run.set.q()),
        |ctx, _, _, _, value| set(ctx, 0, Field::Q, value),
    ),
    variable("ds", &[], "The destination set, `Contact: <uri>;q=0.5, <uri>`.", |ctx, _, _| {
        let mut out = Vec::new();
        if push_destinations(ctx, &mut out) { Value::Text(ctx.keep(&out)) } else { Value::Null }
    }),
];

const fn of_message(name: &'static str, doc: &'static str, get: Getter, set: Setter) -> Variable {
    Variable { indexed: true, ..writable(name, &[], doc, get, set) }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Uri,
    Destination,
    Q,
    Path,
    /// Bits.
    Flags,
    FlagNames,
    Socket,
}

/// By number, from 1; 0 is the bare variable.
const FIELDS: [(&str, Field); 6] = [
    ("uri", Field::Uri),
    ("duri", Field::Destination),
    ("q", Field::Q),
    ("path", Field::Path),
    ("flags", Field::Flags),
    ("socket", Field::Socket),
];

fn field_of_word(word: &str) -> Result<u32, String> {
    if word.is_empty() {
        return Ok(0);
    }
    let at = FIELDS.iter().position(|(name, _)| name.eq_ignore_ascii_case(word));
    let at = at.ok_or("uri, duri, q, path, flags or socket was expected")?;
    Ok(at as u32 + 1)
}

fn subject_field(subject: Subject) -> Option<Field> {
    let Name::Slot(slot) = subject.name else { return None };
    let at = usize::try_from(slot).ok()?.checked_sub(1)?;
    FIELDS.get(at).map(|(_, field)| *field)
}

fn add(ctx: &mut Ctx<'_>, value: Value) -> Result<(), &'static str> {
    let uri = value.text().filter(|uri| ctx.uri(*uri).is_some()).ok_or("a URI was expected")?;
    ctx.run.set.add(Branch::to(uri))
}

/// The number of one branch. `base` is the number of the first that an index can mean, and
/// `default` which of those is meant without one.
fn one(ctx: &Ctx<'_>, index: Index, base: usize, default: usize) -> Result<usize, &'static str> {
    let count = 1 + ctx.run.set.extra().len() - base;
    let index = if index == Index::None { Index::At(default as i32) } else { index };
    let at = position(index, count).ok_or("there is no such branch")?;
    Ok(base + at)
}

fn last(ctx: &Ctx<'_>) -> usize {
    ctx.run.set.extra().len()
}

fn get(ctx: &mut Ctx<'_>, index: Index, base: usize, default: usize, field: Field) -> Value {
    if index == Index::All {
        let count = 1 + last(ctx);
        let values: Vec<Value> = (base..count).map(|number| value_of(ctx, number, field)).collect();
        let texts: Vec<Text> = values.into_iter().map(|value| ctx.to_text(value)).collect();
        return join(ctx, &texts);
    }
    one(ctx, index, base, default).map_or(Value::Null, |number| value_of(ctx, number, field))
}

fn read(ctx: &mut Ctx<'_>, subject: Subject, field: Field) -> Value {
    let last = last(ctx);
    get(ctx, subject.index, 0, last, field)
}

fn write(
    ctx: &mut Ctx<'_>,
    subject: Subject,
    field: Field,
    value: Value,
) -> Result<(), &'static str> {
    let number = one(ctx, subject.index, 0, last(ctx))?;
    set(ctx, number, field, value)
}

fn q(q: Option<u16>) -> Value {
    Value::Int(q.map_or(-1, i64::from))
}

fn value_of(ctx: &mut Ctx<'_>, number: usize, field: Field) -> Value {
    let Some(branch) = ctx.branch(number) else { return Value::Null };
    let text = |text: Option<Text>| text.map_or(Value::Null, Value::Text);
    match field {
        Field::Uri => Value::Text(branch.uri),
        Field::Destination => text(branch.destination),
        Field::Path => text(branch.path),
        Field::Q => q(branch.q),
        Field::Flags => Value::Int(i64::from(branch.flags)),
        Field::FlagNames => listed(ctx, branch.flags, b","),
        Field::Socket => {
            let shared = ctx.shared;
            let listen = branch.socket.and_then(|socket| shared.sockets.get(socket));
            listen.map_or(Value::Null, |listen| Value::Text(ctx.keep(listen.text.as_bytes())))
        }
    }
}

fn set(ctx: &mut Ctx<'_>, number: usize, field: Field, value: Value) -> Result<(), &'static str> {
    let mut branch = ctx.branch(number).ok_or("there is no such branch")?;
    let text = || match value {
        Value::Null => Ok(None),
        _ => value.text().map(Some).ok_or("a text was expected"),
    };
    match field {
        Field::Uri => {
            let uri = value.text().filter(|uri| ctx.uri(*uri).is_some());
            branch.uri = uri.ok_or("a URI was expected")?;
        }
        Field::Destination => branch.destination = text()?.filter(|uri| uri.len > 0),
        Field::Path => branch.path = text()?.filter(|path| path.len > 0),
        Field::Q => {
            branch.q = match value.int() {
                Some(-1) => None,
                Some(q @ 0..=1_000) => Some(q as u16),
                None if value.is_null() => None,
                _ => return Err("q times 1000 was expected, 0 to 1000"),
            };
        }
        Field::Flags => {
            let bits = value.int().and_then(|bits| u32::try_from(bits).ok());
            branch.flags = bits.ok_or("32 bits were expected")?;
        }
        Field::FlagNames => {
            branch.flags = match text()? {
                Some(names) => slots(ctx, names)?,
                None => 0,
            };
        }
        Field::Socket => {
            branch.socket = match text()? {
                Some(socket) => {
                    let found = find_socket(ctx, socket);
                    Some(found.ok_or("no such socket of ours")?)
                }
                None => None,
            };
        }
    }
    ctx.put_branch(number, branch);
    Ok(())
}

fn branch_of(ctx: &Ctx<'_>, subject: Subject) -> Result<(usize, Branch), &'static str> {
    let number = one(ctx, subject.index, 0, last(ctx))?;
    let branch = ctx.branch(number).ok_or("there is no such branch")?;
    Ok((number, branch))
}

fn get_flag(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, subject: Subject) -> Value {
    match (branch_of(ctx, subject), bit_of(subject)) {
        (Ok((_, branch)), Some(bit)) => Value::Int(i64::from(branch.flags & bit != 0)),
        _ => Value::Null,
    }
}

fn set_flag(
    ctx: &mut Ctx<'_>,
    _: &mut dyn std::any::Any,
    subject: Subject,
    _: sluice_script::ir::Assign,
    value: Value,
) -> Result<(), &'static str> {
    let (number, mut branch) = branch_of(ctx, subject)?;
    let bit = bit_of(subject).ok_or("there are 32 flags")?;
    let on = value.int().is_some_and(|n| n != 0);
    branch.flags = if on { branch.flags | bit } else { branch.flags & !bit };
    ctx.put_branch(number, branch);
    Ok(())
}

fn get_attribute(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, subject: Subject) -> Value {
    let (Ok((_, branch)), Name::Text(name)) = (branch_of(ctx, subject), subject.name) else {
        return Value::Null;
    };
    ctx.branch_attribute(&branch, ctx.bytes(name)).unwrap_or_default()
}

fn set_attribute(
    ctx: &mut Ctx<'_>,
    _: &mut dyn std::any::Any,
    subject: Subject,
    _: sluice_script::ir::Assign,
    value: Value,
) -> Result<(), &'static str> {
    let (_, branch) = branch_of(ctx, subject)?;
    let Name::Text(name) = subject.name else { return Err("an attribute has a name") };
    let value = Some(value).filter(|value| !value.is_null());
    ctx.set_branch_attribute(&branch, name, value);
    Ok(())
}
