//! Functions on headers that list options, `Supported: a, b` (spec 9.2). An edit sees what earlier
//! edits of these functions left.

use sluice_base::Span;
use sluice_engine::headers::named;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::Field;
use sluice_sip::nameaddr::items;

use crate::table::{function, param};

const OPTION: &[ParamDef] = &[param("header", ParamKind::Text), param("option", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    function(
        "list_hdr_has_option",
        "Whether any header of a name lists an option.",
        OPTION,
        Routes::ANY,
        |ctx, _, args| {
            let Some((fields, option)) = subject(ctx, args) else { return Flow::FALSE };
            let has = |field: &Field| {
                let value = now(ctx, field);
                value.is_some_and(|value| items(&value).any(|o| o.eq_ignore_ascii_case(&option)))
            };
            Flow::of(fields.iter().any(has))
        },
    ),
    function(
        "list_hdr_add_option",
        "Adds an option to the first header of a name; false without one.",
        OPTION,
        Routes::ANY,
        |ctx, _, args| {
            let Some((fields, option)) = subject(ctx, args) else { return Flow::FALSE };
            let first = fields.iter().find_map(|field| Some((field, now(ctx, field)?)));
            let Some((field, mut value)) = first else { return Flow::FALSE };
            if !value.is_empty() {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(&option);
            set(ctx, field, &value);
            Flow::TRUE
        },
    ),
    function(
        "list_hdr_remove_option",
        "Removes an option from all headers of a name; false without it.",
        OPTION,
        Routes::ANY,
        |ctx, _, args| {
            let Some((fields, option)) = subject(ctx, args) else { return Flow::FALSE };
            let mut found = false;
            for field in &fields {
                let Some(value) = now(ctx, field) else { continue };
                let mut options: Vec<&[u8]> = items(&value).collect();
                // Only the last one, where it stands twice.
                let last = options.iter().rposition(|o| o.eq_ignore_ascii_case(&option));
                let Some(last) = last else { continue };
                options.remove(last);
                found = true;
                if options.is_empty() {
                    ctx.run.patches.remove(field.line);
                } else {
                    set(ctx, field, &options.join(&b", "[..]));
                }
            }
            Flow::of(found)
        },
    ),
];

/// The fields of the name in the first argument, and the option in the second.
fn subject(ctx: &Ctx<'_>, args: &[Value]) -> Option<(Vec<Field>, Vec<u8>)> {
    let text = |at: usize| -> Option<Text> { args.get(at)?.text() };
    let name = ctx.bytes(text(0)?);
    let option = ctx.bytes(text(1)?).trim_ascii().to_vec();
    let fields = named(ctx.message, name).copied().collect();
    (!option.is_empty()).then_some((fields, option))
}

/// What an edit replaces: the value, or the line of a field that has none.
fn place(field: &Field) -> Span {
    if field.value.is_empty() { field.line } else { field.value }
}

/// The value as edits have left it; `None` when the field was removed.
fn now(ctx: &Ctx<'_>, field: &Field) -> Option<Vec<u8>> {
    let patches = &ctx.run.patches;
    if patches.replaced(field.line) == Some(b"") {
        return None;
    }
    let Some(edited) = patches.replaced(place(field)) else {
        return Some(ctx.message.text(field.value).to_vec());
    };
    if !field.value.is_empty() {
        return Some(edited.to_vec());
    }
    let colon = edited.iter().position(|byte| *byte == b':')?;
    Some(edited.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec())
}

fn set(ctx: &mut Ctx<'_>, field: &Field, value: &[u8]) {
    let text = match field.value.is_empty() {
        true => [ctx.message.text(field.name), b": ", value, b"\r\n"].concat(),
        false => value.to_vec(),
    };
    ctx.run.patches.replace_anew(place(field), &text);
}
