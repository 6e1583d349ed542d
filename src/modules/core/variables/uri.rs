//! `$ru`, `$ou`, `$du` and their parts. The present Request-URI and `$du` may be assigned.

use sluice_engine::digits::Digits;
use sluice_engine::fault::Fault;
use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Text, Value};

use crate::core::uri::{Part, Pieces, read};
use crate::table::{variable, writable};

pub(super) const LIST: &[Variable] = &[
    writable(
        "ru",
        &["ruri"],
        "The present Request-URI; NULL on replies and when it is no URI.",
        |ctx, _, _| match ctx.run.ruri {
            None => ctx.original_ruri().map_or(Value::Null, Value::Text),
            changed => of_ruri(ctx, changed, Part::Whole),
        },
        |ctx, _, _, _, value| {
            ctx.run.ruri = Some(text_of(value).ok_or("a Request-URI must be a text")?);
            Ok(())
        },
    ),
    writable(
        "rU",
        &["ruri.user"],
        "User of the Request-URI; assigning NULL removes it.",
        |ctx, _, _| of_ruri(ctx, ctx.ruri(), Part::User),
        |ctx, _, _, _, value| {
            let user = text_or_null(value)?;
            edit_ruri(ctx, |pieces| pieces.user = user)
        },
    ),
    writable(
        "rd",
        &["ruri.domain"],
        "Host of the Request-URI.",
        |ctx, _, _| of_ruri(ctx, ctx.ruri(), Part::Host),
        |ctx, _, _, _, value| {
            let host = text_of(value).ok_or("a host must be a text")?;
            edit_ruri(ctx, |pieces| pieces.host = host)
        },
    ),
    writable(
        "rp",
        &[],
        "Port of the Request-URI, or the default of its transport.",
        |ctx, _, _| of_ruri(ctx, ctx.ruri(), Part::Port),
        |ctx, _, _, _, value| {
            let port = port_text(ctx, value)?;
            edit_ruri(ctx, |pieces| pieces.port = port)
        },
    ),
    variable("rP", &[], "Transport of the Request-URI, or its default.", |ctx, _, _| {
        of_ruri(ctx, ctx.ruri(), Part::Transport)
    }),
    variable("ou", &["ouri"], "The Request-URI as received.", |ctx, _, _| {
        ctx.original_ruri().map_or(Value::Null, Value::Text)
    }),
    variable("oU", &["ouri.user"], "User of the received Request-URI.", |ctx, _, _| {
        of_ruri(ctx, ctx.original_ruri(), Part::User)
    }),
    variable("od", &["ouri.domain"], "Host of the received Request-URI.", |ctx, _, _| {
        of_ruri(ctx, ctx.original_ruri(), Part::Host)
    }),
    variable("op", &[], "Port of the received Request-URI, or its default.", |ctx, _, _| {
        of_ruri(ctx, ctx.original_ruri(), Part::Port)
    }),
    variable("oP", &[], "Transport of the received Request-URI, or its default.", |ctx, _, _| {
        of_ruri(ctx, ctx.original_ruri(), Part::Transport)
    }),
    writable(
        "du",
        &["duri"],
        "Where the request goes instead of its Request-URI; NULL and \"\" clear it.",
        |ctx, _, _| ctx.run.destination.map_or(Value::Null, Value::Text),
        |ctx, _, _, _, value| {
            let uri = text_or_null(value)?.filter(|uri| uri.len > 0);
            ctx.run.destination = uri;
            ctx.run.destination_addr = None;
            Ok(())
        },
    ),
    writable(
        "dd",
        &[],
        "Host of `$du`.",
        |ctx, _, _| read(ctx, ctx.run.destination, Part::Host),
        |ctx, _, _, _, value| {
            let host = text_of(value).ok_or("a host must be a text")?;
            edit_destination(ctx, |pieces| pieces.host = host)
        },
    ),
    writable(
        "dp",
        &[],
        "Port of `$du`, or the default of its transport.",
        |ctx, _, _| read(ctx, ctx.run.destination, Part::Port),
        |ctx, _, _, _, value| {
            let port = port_text(ctx, value)?;
            edit_destination(ctx, |pieces| pieces.port = port)
        },
    ),
    variable("dP", &[], "Transport of `$du`, or its default.", |ctx, _, _| {
        read(ctx, ctx.run.destination, Part::Transport)
    }),
];

/// Only texts may be assigned: `$rU = 77` is ignored (spec 0).
fn text_of(value: Value) -> Option<Text> {
    value.text()
}

fn text_or_null(value: Value) -> Result<Option<Text>, &'static str> {
    match value {
        Value::Null => Ok(None),
        _ => value.text().map(Some).ok_or("a text was expected"),
    }
}

fn port_text(ctx: &mut Ctx<'_>, value: Value) -> Result<Option<Text>, &'static str> {
    match (value, value.int()) {
        (Value::Null, _) => Ok(None),
        (Value::Text(text), _) => Ok(Some(text)),
        (_, Some(port)) => Ok(Some(ctx.keep(Digits::of(port).as_bytes()))),
        _ => Err("a port was expected"),
    }
}

/// A part of a Request-URI; one that cannot be read is an error of the message.
fn of_ruri(ctx: &mut Ctx<'_>, uri: Option<Text>, part: Part) -> Value {
    let value = read(ctx, uri, part);
    if value == Value::Null && uri.is_some_and(|uri| ctx.uri(uri).is_none()) {
        ctx.fail(Fault::RURI);
    }
    value
}

fn edit_ruri(ctx: &mut Ctx<'_>, edit: impl FnOnce(&mut Pieces)) -> Result<(), &'static str> {
    let pieces = ctx.ruri().and_then(|uri| Pieces::of(ctx, uri));
    let mut pieces = pieces.ok_or("the Request-URI is no SIP URI")?;
    edit(&mut pieces);
    ctx.run.ruri = Some(pieces.join(ctx));
    Ok(())
}

fn edit_destination(ctx: &mut Ctx<'_>, edit: impl FnOnce(&mut Pieces)) -> Result<(), &'static str> {
    let pieces = ctx.run.destination.and_then(|uri| Pieces::of(ctx, uri));
    let mut pieces = pieces.ok_or("$du is not set or no SIP URI")?;
    edit(&mut pieces);
    ctx.run.destination = Some(pieces.join(ctx));
    ctx.run.destination_addr = None;
    Ok(())
}
