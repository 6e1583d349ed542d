//! Where a request came from, as a URI: for this registrar by an AVP, for others by a parameter of
//! Contact.

use sluice_engine::sockets::Proto;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::patch::Place;
use sluice_sip::uri::Uri;

use super::contact::{add_to_uri, contacts};
use super::state::State;

/// Reads where `add_rcv_param()` puts it: 1 is the URI.
///
/// # Errors
/// What was expected.
pub(super) fn place(text: &str) -> Result<i64, String> {
    match text.trim() {
        "" | "0" | "hdr-param" => Ok(0),
        number => {
            number.parse().map_err(|_| "0 = the header, 1 = the URI, or hdr-param".to_owned())
        }
    }
}

/// `sip:192.0.2.1:5060`, with the transport where it is not UDP.
fn source(ctx: &Ctx<'_>) -> Vec<u8> {
    let mut uri = format!("sip:{}", ctx.packet.peer).into_bytes();
    if ctx.shared.sockets.proto(ctx.packet.socket) == Some(Proto::Tcp) {
        uri.extend_from_slice(b";transport=tcp");
    }
    uri
}

/// Puts the source into the AVP.
pub(super) fn keep(ctx: &mut Ctx<'_>, state: &State) -> Flow {
    let Some(avp) = state.received else {
        return Flow::Fail("fix_nated_register() needs the parameter received_avp");
    };
    let uri = source(ctx);
    let uri = Value::Text(ctx.keep(&uri));
    ctx.avp_push(avp, uri);
    Flow::TRUE
}

/// Adds the source to each Contact; false when there is none.
pub(super) fn add(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let in_uri = args.first().and_then(|place| place.int()).is_some_and(|place| place != 0);
    let source = source(ctx);
    let mut found = false;
    for contact in contacts(ctx.message) {
        let Some(uri) = Uri::parse(contact.uri) else { continue };
        found = true;
        if in_uri {
            // A `;` within a parameter is escaped (RFC 3261 19.1.2).
            let escaped = source.iter().flat_map(|byte| match byte {
                b';' => b"%3B".as_slice(),
                byte => std::slice::from_ref(byte),
            });
            let param: Vec<u8> = b";received=".iter().chain(escaped).copied().collect();
            add_to_uri(ctx, &contact, &uri, &param);
        } else {
            let param = [b";received=\"", source.as_slice(), b"\""].concat();
            let end = ctx.message.span_of(contact.text).end;
            ctx.run.patches.insert(end, Place::After, &param);
        }
    }
    Flow::of(found)
}
