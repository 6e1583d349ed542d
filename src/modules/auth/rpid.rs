//! Remote-Party-ID of who has been authenticated (spec 7.1): its URI is in an AVP, where
//! `load_credentials` has put it.

use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::patch::Place;
use sluice_sip::uri::Uri;

use super::state::Rpid;

/// Whether the user part of the URI is an E.164 number: `+` and 2 to 15 digits.
pub(super) fn is_e164(ctx: &Ctx<'_>, rpid: &Rpid) -> Flow {
    let Some(text) = ctx.avp_newest(rpid.avp).and_then(Value::text) else { return Flow::FALSE };
    let bytes = ctx.bytes(text);
    let uri = bytes.iter().position(|byte| *byte == b'<').map_or(bytes, |at| {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        rest.split(|byte| *byte == b'>').next().unwrap_or_default()
    });
    let user = Uri::parse(uri).and_then(|uri| uri.user).unwrap_or(bytes);
    Flow::of(user.strip_prefix(b"+").is_some_and(|digits| {
        (2..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
    }))
}

/// Adds the header, with the prefix and suffix of the call or of the parameters.
pub(super) fn append(ctx: &mut Ctx<'_>, rpid: &Rpid, args: &[Value]) -> Flow {
    let Some(value) = ctx.avp_newest(rpid.avp).filter(|value| !value.is_null()) else {
        return Flow::FALSE;
    };
    let value = ctx.to_text(value);
    let given = |at: usize| args.get(at).and_then(|value| value.text());
    let mut line = b"Remote-Party-ID: ".to_vec();
    line.extend_from_slice(given(0).map_or(&*rpid.prefix, |text| ctx.bytes(text)));
    line.extend_from_slice(ctx.bytes(value));
    line.extend_from_slice(given(1).map_or(&*rpid.suffix, |text| ctx.bytes(text)));
    // What stands in a database must not write further headers.
    line.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    line.extend_from_slice(b"\r\n");
    ctx.run.patches.insert(ctx.message.headers_end(), Place::After, &line);
    Flow::TRUE
}
