//! `fix_nated_contact()`: the source's address in the place of the one that a Contact names.

use sluice_base::Span;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::patch::Place;
use sluice_sip::uri::Uri;
use sluice_sip::{Kind, Message};

use super::nat::bits;
use super::restore;

/// The Contacts that are a name-addr: not `*`.
pub(super) fn contacts<'a>(message: Message<'a>) -> impl Iterator<Item = NameAddr<'a>> + use<'a> {
    let values = message.fields(Kind::Contact).map(move |field| message.text(field.value));
    values.flat_map(items).filter_map(NameAddr::parse)
}

/// Reads the flags of `fix_nated_contact()`: 1 is `preserve-uri`.
///
/// # Errors
/// What was expected.
pub(super) fn flags(text: &str) -> Result<i64, String> {
    bits(text, &[("preserve-uri", 1)])
}

/// Mends each Contact; false when there is none with a URI.
pub(super) fn fix(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let more = args.first().and_then(|params| params.text());
    let more = more.map_or_else(Vec::new, |params| ctx.bytes(params).to_vec());
    let preserves = args.get(1).and_then(|flags| flags.int()).is_some_and(|flags| flags & 1 != 0);
    // Printed as a URI has it, with brackets around IPv6.
    let address = ctx.packet.peer.to_string();
    let mut found = false;
    for contact in contacts(ctx.message) {
        let Some(uri) = Uri::parse(contact.uri) else { continue };
        found = true;
        let place = host_and_port(ctx, &uri);
        let mut more = more.clone();
        if preserves {
            more.extend(restore::preserved(ctx.message.text(place)));
        }
        ctx.run.patches.replace_anew(place, address.as_bytes());
        if !more.is_empty() {
            add_to_uri(ctx, &contact, &uri, &more);
        }
    }
    Flow::of(found)
}

/// Adds parameters behind a Contact's URI. One without brackets gets them, since its parameters
/// are the header's (RFC 3261 20.10).
pub(super) fn add_to_uri(ctx: &mut Ctx<'_>, contact: &NameAddr<'_>, uri: &Uri<'_>, more: &[u8]) {
    let span = ctx.message.span_of(contact.uri);
    let headers = if uri.headers.is_empty() { 0 } else { uri.headers.len() as u16 + 1 };
    let is_bare = contact.text.first() == contact.uri.first() && !contact.text.contains(&b'<');
    let patches = &mut ctx.run.patches;
    if is_bare {
        patches.insert(span.start, Place::Before, b"<");
    }
    patches.insert(span.end - headers, Place::After, more);
    if is_bare {
        patches.insert(span.end, Place::After, b">");
    }
}

/// Where a URI names its host, and its port if it does.
fn host_and_port(ctx: &Ctx<'_>, uri: &Uri<'_>) -> Span {
    let host = ctx.message.span_of(uri.host);
    let behind = ctx.message.text(Span::new(host.end, ctx.message.span_of(uri.text).end));
    let port = match behind {
        [b':', digits @ ..] => 1 + digits.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    Span::new(host.start, host.end + port as u16)
}
