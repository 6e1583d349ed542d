//! A user's row as it is kept: the password or its hash, then the fields for AVPs.

use sluice_engine::db::{Field, Rows};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Value};

/// Marks of a field: NULL, a number, a text.
const NULL: u8 = 0;
const INT: u8 = 1;
const TEXT: u8 = 2;

/// Writes the first row down; `None` when there is none.
pub(super) fn write(rows: &Rows) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for field in rows.rows.first()?.iter() {
        let double;
        let (mark, text): (u8, &[u8]) = match field {
            Field::Null => (NULL, b""),
            Field::Int(number) | Field::Time(number) => (INT, &number.to_le_bytes()),
            Field::Double(number) => {
                double = number.to_string();
                (TEXT, double.as_bytes())
            }
            Field::Text(text) => (TEXT, text),
        };
        out.push(mark);
        out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
        out.extend_from_slice(text);
    }
    Some(out)
}

/// The fields of what was written.
pub(super) fn fields(mut written: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (mark, rest) = written.split_first()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        written = rest;
        Some((*mark, text))
    })
}

/// The password, or its hash: the first field.
pub(super) fn secret(written: &[u8]) -> &[u8] {
    fields(written).next().map_or(b"", |(mark, text)| if mark == TEXT { text } else { b"" })
}

/// Puts the others into AVPs; NULL into none.
pub(super) fn load(ctx: &mut Ctx<'_>, avps: &[AvpKey], written: &[u8]) {
    for (avp, (mark, text)) in avps.iter().zip(fields(written).skip(1)) {
        let value = match mark {
            TEXT => Value::Text(ctx.keep(text)),
            INT => Value::Int(text.try_into().map_or(0, i64::from_le_bytes)),
            _ => continue,
        };
        ctx.avp_push(*avp, value);
    }
}
