//! `sipmsg_validate()`: what is wrong with the message (spec 9.2).
//!
//! Messages without Via, From, To, Call-ID or CSeq, or whose Content-Length is larger than the
//! body, never reach a script: they are refused and counted before. So the codes for these (-3, -7
//! to -10) are not given here.

use std::any::Any;

use sluice_engine::headers::named;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::credentials::Credentials;
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::{is_token, number};
use sluice_sip::uri::{Scheme, Uri};
use sluice_sip::via::Via;
use sluice_sip::{Kind, Message, Method};

use super::content::descriptions;
use crate::table::{function, optional};

const PARAMS: &[ParamDef] =
    &[optional("flags", ParamKind::Text), optional("result", ParamKind::Output)];

pub(super) const LIST: &[Function] = &[function(
    "sipmsg_validate",
    "Whether the message is sound; flags: s SDP, h headers, r f t c URIs, m no Max-Forwards.",
    PARAMS,
    Routes::ANY,
    validate,
)];

/// What is wrong: the code for the script, and why.
type Verdict = Result<(), (i32, &'static str)>;

fn validate(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let flags = args.first().and_then(|flags| flags.text());
    let flags = flags.map(|flags| ctx.bytes(flags)).unwrap_or_default();
    let Err((code, why)) = check(ctx, flags) else { return Flow::TRUE };
    if let Some(result) = args.get(1) {
        let why = Value::Text(ctx.keep(why.as_bytes()));
        ctx.output(*result, why);
    }
    Flow::Code(code)
}

fn check(ctx: &Ctx<'_>, flags: &[u8]) -> Verdict {
    let message = ctx.message;
    let asked = |flag: u8| flags.contains(&flag);
    check_body(&message)?;
    if asked(b's') && descriptions(ctx).any(|sdp| sdp.check().is_err()) {
        return Err((-6, "failed to parse SDP message"));
    }
    if asked(b'h') {
        check_headers(&message)?;
    }
    if message.is_request() {
        check_request(ctx, asked(b'r'), !asked(b'm'))?;
    } else {
        check_reply(&message)?;
    }
    if asked(b't') {
        let uri = message.to().map(|to| to.uri);
        check_uri(
            uri,
            (-22, "failed to parse 'To' header"),
            (-23, "invalid domain for 'To' header"),
            (-29, "invalid username for 'To' header"),
        )?;
    }
    if asked(b'f') {
        let uri = message.from().map(|from| from.uri);
        check_uri(
            uri,
            (-24, "failed to parse 'From' header"),
            (-25, "invalid domain for 'From' header"),
            (-28, "invalid username for 'From' header"),
        )?;
    }
    if asked(b'c') { check_contacts(&message) } else { Ok(()) }
}

/// Content-Length and Content-Type against the body.
fn check_body(message: &Message<'_>) -> Verdict {
    if message.bytes.len() > usize::from(message.body().end) {
        return Err((-5, "invalid body - content-length different than actual body"));
    }
    if !message.body().is_empty() && message.value(Kind::ContentType).is_none() {
        return Err((-21, "no Content-Type header for non empty body"));
    }
    Ok(())
}

/// The values of the headers that have a form of their own.
fn check_headers(message: &Message<'_>) -> Verdict {
    let all = |kind: Kind, good: fn(&[u8]) -> bool| message.items(kind).all(good);
    let values = |kind: Kind, good: fn(&[u8]) -> bool| {
        message.fields(kind).all(|field| good(message.text(field.value)))
    };
    let address: fn(&[u8]) -> bool = |item| {
        let uri = NameAddr::parse(item).map(|address| address.uri);
        uri.is_some_and(|uri| uri == b"*" || Uri::parse(uri).is_some())
    };
    let is_number: fn(&[u8]) -> bool = |value| number(value).is_some();
    let credentials: fn(&[u8]) -> bool = |value| Credentials::parse(value).is_some();
    let sound = all(Kind::Via, |item| Via::parse(item).is_some())
        && [Kind::From, Kind::To, Kind::ReferTo].into_iter().all(|kind| values(kind, address))
        && [Kind::Contact, Kind::Route, Kind::RecordRoute, Kind::Path]
            .into_iter()
            .all(|kind| all(kind, address))
        && [Kind::MaxForwards, Kind::Expires].into_iter().all(|kind| values(kind, is_number))
        && [Kind::Authorization, Kind::ProxyAuthorization]
            .into_iter()
            .all(|kind| values(kind, credentials))
        && [Kind::Supported, Kind::Require, Kind::ProxyRequire, Kind::Allow]
            .into_iter()
            .all(|kind| all(kind, is_token))
        && message.cseq().is_some();
    if sound { Ok(()) } else { Err((-2, "message parsing failed")) }
}

fn check_request(ctx: &Ctx<'_>, uri: bool, max_forwards: bool) -> Verdict {
    let message = ctx.message;
    if uri {
        let uri = message.uri().map(|uri| message.text(uri));
        check_uri(
            uri,
            (-11, "invalid RURI"),
            (-12, "invalid domain for RURI"),
            (-27, "invalid username for RURI"),
        )?;
    }
    if max_forwards && message.field(Kind::MaxForwards).is_none() {
        return Err((-13, "no Max-Forwards header"));
    }
    let method = message.method();
    if method == Method::Invite && message.field(Kind::Contact).is_none() {
        return Err((-14, "no Contact header"));
    }
    if method != Method::Register && message.field(Kind::Path).is_some() {
        return Err((-15, "PATH header supported only for REGISTERs"));
    }
    Ok(())
}

/// What RFC 3261 21.4 demands of some refusals.
fn check_reply(message: &Message<'_>) -> Verdict {
    let (header, code, why): (&[u8], _, _) = match message.status() {
        Some(405) => (b"Allow", -16, "no Allow header in 405 reply"),
        Some(423) => (b"Min-Expires", -17, "no Min-Expires header in 423 reply"),
        Some(407) => (b"Proxy-Authenticate", -18, "no Proxy-Authenticate header in 407 reply"),
        Some(420) => (b"Unsupported", -19, "no Unsupported header in 420 reply"),
        Some(401) => (b"WWW-Authenticate", -20, "no WWW-Authenticate header in 401 reply"),
        _ => return Ok(()),
    };
    if named(*message, header).next().is_some() { Ok(()) } else { Err((code, why)) }
}

/// A URI, its host's and its user's characters; each defect has a verdict of its own.
fn check_uri(
    uri: Option<&[u8]>,
    unreadable: (i32, &'static str),
    bad_host: (i32, &'static str),
    bad_user: (i32, &'static str),
) -> Verdict {
    let uri = uri.and_then(Uri::parse).ok_or(unreadable)?;
    match uri.scheme {
        Scheme::Sip | Scheme::Sips if !is_host(&uri) => Err(bad_host),
        Scheme::Sip | Scheme::Sips if !uri.user.unwrap_or_default().iter().all(is_user) => {
            Err(bad_user)
        }
        _ => Ok(()),
    }
}

/// RFC 3261 25.1, hostname: labels of letters, digits and inner hyphens; or an address.
fn is_host(uri: &Uri<'_>) -> bool {
    let label = |label: &[u8]| {
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        edge(label.first()) && edge(label.last()) && label.iter().all(inner)
    };
    let name = uri.host.strip_suffix(b".").unwrap_or(uri.host);
    uri.host_ip().is_some() || name.split(|byte| *byte == b'.').all(label)
}

/// RFC 3261 25.1, user: unreserved, escaped, user-unreserved.
fn is_user(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()%&=+$,;?/".contains(byte)
}

/// Each Contact is a URI; `*` only in a REGISTER with Expires (RFC 3261 10.2.2).
fn check_contacts(message: &Message<'_>) -> Verdict {
    for contact in message.items(Kind::Contact) {
        if contact == b"*" {
            let register = message.method() == Method::Register;
            if !register || message.field(Kind::Expires).is_none() {
                return Err((-30, "Contact is * in other than a REGISTER with Expires"));
            }
            continue;
        }
        if NameAddr::parse(contact).and_then(|contact| Uri::parse(contact.uri)).is_none() {
            return Err((-26, "failed to parse 'Contact' header"));
        }
    }
    Ok(())
}
