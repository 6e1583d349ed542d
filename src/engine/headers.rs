//! Header fields by the names that scripts use.

use sluice_sip::{Field, Kind, Message};

/// All fields of a name in any case, in order. Compact forms are found too where OpenSIPS knows
/// the type; it does not know Subject's (spec 0).
pub fn named<'a>(message: Message<'a>, name: &[u8]) -> impl Iterator<Item = &'a Field> {
    let name = name.strip_suffix(b":").unwrap_or(name);
    let kind = match Kind::of(name) {
        Kind::Subject => Kind::Other,
        kind => kind,
    };
    message.all().iter().filter(move |field| {
        if kind == Kind::Other {
            message.text(field.name).eq_ignore_ascii_case(name)
        } else {
            field.kind == kind
        }
    })
}
