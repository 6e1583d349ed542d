//! Rows into the variables of the run that asked for them.

use sluice_engine::db::{Field, Rows};
use sluice_engine::module::Name;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Value};

use super::limits::RESULT_BYTES;
use crate::limits::AVPS;

/// Why rows could not be put away.
pub(super) type Wrong = &'static str;

const TOO_LARGE: Wrong = "the result is larger than a message may carry";

/// All rows, into one AVP for each column: the first row is the newest value of each. Columns
/// without an AVP in the list are left out; without a list they are `$avp(1)`, `$avp(2)` and so on.
/// NULL is the text `<null>` there.
///
/// # Errors
/// Variables that are no AVPs, or more than a run may hold.
pub(super) fn put_all(ctx: &mut Ctx<'_>, list: Value, rows: &Rows) -> Result<(), Wrong> {
    let width = rows.rows.first().map_or(0, |row| row.len());
    let keys = match list {
        Value::Text(_) => avps(ctx, &ctx.listed(list))?,
        _ => (1..=width).map(|at| AvpKey::Text(ctx.keep(at.to_string().as_bytes()))).collect(),
    };
    let held = ctx.run.avps.len().saturating_add(rows.rows.len().saturating_mul(width));
    if held > AVPS || bytes(&rows.rows) > RESULT_BYTES {
        return Err(TOO_LARGE);
    }
    for row in rows.rows.iter().rev() {
        for (key, field) in keys.iter().zip(row) {
            let value = match field {
                Field::Null => Value::Text(ctx.keep(b"<null>")),
                field => value(ctx, field),
            };
            ctx.avp_push(*key, value);
        }
    }
    Ok(())
}

/// The first row, into as many variables as it has columns; NULL stays NULL.
///
/// # Errors
/// Fewer variables than columns, or more than a run may hold.
pub(super) fn put_first(ctx: &mut Ctx<'_>, list: Value, rows: &Rows) -> Result<(), Wrong> {
    let Some(row) = rows.rows.first() else { return Ok(()) };
    let variables = ctx.listed(list);
    if variables.len() < row.len() {
        return Err("there are fewer variables than columns");
    }
    if bytes(std::slice::from_ref(row)) > RESULT_BYTES {
        return Err(TOO_LARGE);
    }
    for (variable, field) in variables.into_iter().zip(row) {
        let value = value(ctx, field);
        ctx.output(variable, value);
    }
    Ok(())
}

/// The AVPs of a list.
fn avps(ctx: &Ctx<'_>, list: &[Value]) -> Result<Vec<AvpKey>, Wrong> {
    let avp = |variable: &Value| match ctx.referred(*variable)? {
        ("avp", Name::Slot(slot)) => Some(AvpKey::Slot(slot)),
        ("avp", Name::Text(name)) => Some(AvpKey::Text(name)),
        _ => None,
    };
    let avps = list.iter().map(avp);
    avps.collect::<Option<_>>().ok_or("all rows go into $avp(name); one row goes into others too")
}

/// A field as a script sees it.
pub(super) fn value(ctx: &mut Ctx<'_>, field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Int(number) | Field::Time(number) => Value::Int(*number),
        Field::Double(number) => Value::Text(ctx.keep(number.to_string().as_bytes())),
        Field::Text(text) => Value::Text(ctx.keep(text)),
    }
}

/// About the memory that fields take.
fn bytes(rows: &[Box<[Field]>]) -> usize {
    let fields = rows.iter().flat_map(|row| row.iter());
    fields.map(|field| field.bytes().map_or(0, <[u8]>::len)).sum()
}
