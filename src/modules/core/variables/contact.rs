//! `$ct`: the Contact items over all fields.

use sluice_engine::module::{Name, Subject, Variable};
use sluice_engine::{Ctx, Text, Value};
use sluice_script::catalog::SubKind;
use sluice_script::ir::Index;
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::{Kind, Message};

use super::headers::{join, position};
use super::of_message;
use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    Variable {
        indexed: true,
        ..variable("ct", &[], "The i-th Contact with its parameters.", |ctx, _, subject| {
            pick(ctx, subject.index, |_, item| Some(item))
        })
    },
    Variable {
        sub: SubKind::Text { optional: false },
        indexed: true,
        ..variable(
            "ct.fields",
            &[],
            "A part of the i-th Contact: name, uri, q, expires, methods, received, params.",
            field,
        )
    },
];

fn contacts<'a>(message: Message<'a>) -> impl Iterator<Item = &'a [u8]> {
    message.fields(Kind::Contact).flat_map(move |field| items(message.text(field.value)))
}

fn pick<'a>(
    ctx: &mut Ctx<'a>,
    index: Index,
    part: impl Fn(&Ctx<'a>, &'a [u8]) -> Option<&'a [u8]>,
) -> Value {
    let message = ctx.message;
    if index == Index::All {
        let parts = contacts(message).filter_map(|item| part(ctx, item));
        let texts: Vec<Text> = parts.map(|piece| ctx.of_message(piece)).collect();
        return join(ctx, &texts);
    }
    let at = position(index, contacts(message).count());
    let item = at.and_then(|at| contacts(message).nth(at));
    of_message(ctx, item.and_then(|item| part(ctx, item)))
}

fn field(ctx: &mut Ctx<'_>, _: &mut dyn std::any::Any, subject: Subject) -> Value {
    let Name::Text(name) = subject.name else { return Value::Null };
    pick(ctx, subject.index, |ctx, item| {
        let contact = NameAddr::parse(item)?;
        match ctx.bytes(name).to_ascii_lowercase().as_slice() {
            b"name" => contact.name,
            b"uri" => Some(contact.uri),
            b"q" => contact.param("q"),
            b"expires" => contact.param("expires"),
            b"methods" => contact.param("methods"),
            b"received" => contact.param("received"),
            b"params" => Some(contact.params).filter(|params| !params.is_empty()),
            _ => None,
        }
    })
}
