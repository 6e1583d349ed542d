//! From, To and other headers that hold one name-addr, by part.

use sluice_engine::fault::Fault;
use sluice_engine::module::Variable;
use sluice_engine::{Ctx, Text, Value};
use sluice_sip::Kind;
use sluice_sip::nameaddr::{NameAddr, items};

use super::of_message;
use crate::core::uri::{Part, read};
use crate::table::variable;

pub(super) const LIST: &[Variable] = &[
    variable("fu", &["from"], "The URI of From.", |ctx, _, _| uri(ctx, Kind::From)),
    variable("fU", &["from.user"], "User of From's URI.", |ctx, _, _| {
        part(ctx, Kind::From, Part::User)
    }),
    variable("fd", &["from.domain"], "Host of From's URI.", |ctx, _, _| {
        part(ctx, Kind::From, Part::Host)
    }),
    variable("fn", &[], "Display name of From, with its quotes.", |ctx, _, _| {
        piece(ctx, Kind::From, |from| from.name)
    }),
    variable("ft", &[], "Tag of From.", |ctx, _, _| tag(ctx, Kind::From)),
    variable("tu", &["to"], "The URI of To.", |ctx, _, _| uri(ctx, Kind::To)),
    variable("tU", &["to.user"], "User of To's URI.", |ctx, _, _| part(ctx, Kind::To, Part::User)),
    variable("td", &["to.domain"], "Host of To's URI.", |ctx, _, _| {
        part(ctx, Kind::To, Part::Host)
    }),
    variable("tn", &[], "Display name of To, with its quotes.", |ctx, _, _| {
        piece(ctx, Kind::To, |to| to.name)
    }),
    variable("tt", &[], "Tag of To; NULL without one.", |ctx, _, _| tag(ctx, Kind::To)),
    variable("rt", &[], "URI of Refer-To.", |ctx, _, _| uri(ctx, Kind::ReferTo)),
    variable("re", &[], "URI of Remote-Party-ID.", |ctx, _, _| uri(ctx, Kind::RemotePartyId)),
    variable("ai", &[], "URI of P-Asserted-Identity.", |ctx, _, _| {
        uri(ctx, Kind::PAssertedIdentity)
    }),
    variable("pu", &[], "URI of P-Preferred-Identity.", |ctx, _, _| {
        uri(ctx, Kind::PPreferredIdentity)
    }),
    variable("pU", &[], "User of P-Preferred-Identity's URI.", |ctx, _, _| {
        part(ctx, Kind::PPreferredIdentity, Part::User)
    }),
    variable("pd", &[], "Host of P-Preferred-Identity's URI.", |ctx, _, _| {
        part(ctx, Kind::PPreferredIdentity, Part::Host)
    }),
    variable("pn", &[], "Display name of P-Preferred-Identity.", |ctx, _, _| {
        piece(ctx, Kind::PPreferredIdentity, |id| id.name)
    }),
    variable("di", &[], "URI of Diversion.", |ctx, _, _| uri(ctx, Kind::Diversion)),
    variable("dip", &[], "Parameter `privacy` of Diversion.", |ctx, _, _| {
        piece(ctx, Kind::Diversion, |by| by.param("privacy"))
    }),
    variable("dir", &[], "Parameter `reason` of Diversion.", |ctx, _, _| {
        piece(ctx, Kind::Diversion, |by| by.param("reason"))
    }),
];

/// The first address of the first field of a kind.
fn address<'a>(ctx: &mut Ctx<'a>, kind: Kind) -> Option<NameAddr<'a>> {
    let value = ctx.message.value(kind)?;
    let found = match kind {
        Kind::From | Kind::To => NameAddr::parse(value),
        _ => items(value).next().and_then(NameAddr::parse),
    };
    if found.is_none() {
        ctx.fail(match kind {
            Kind::From => Fault::FROM,
            Kind::To => Fault::TO,
            _ => Fault::HEADER,
        });
    }
    found
}

fn piece(ctx: &mut Ctx<'_>, kind: Kind, of: fn(NameAddr<'_>) -> Option<&[u8]>) -> Value {
    let piece = address(ctx, kind).and_then(of);
    of_message(ctx, piece)
}

fn uri_text(ctx: &mut Ctx<'_>, kind: Kind) -> Option<Text> {
    address(ctx, kind).map(|address| ctx.of_message(address.uri))
}

fn uri(ctx: &mut Ctx<'_>, kind: Kind) -> Value {
    uri_text(ctx, kind).map_or(Value::Null, Value::Text)
}

fn part(ctx: &mut Ctx<'_>, kind: Kind, part: Part) -> Value {
    let uri = uri_text(ctx, kind);
    read(ctx, uri, part)
}

fn tag(ctx: &mut Ctx<'_>, kind: Kind) -> Value {
    let tag = address(ctx, kind).and_then(|address| address.tag());
    of_message(ctx, tag.filter(|tag| !tag.is_empty()))
}
