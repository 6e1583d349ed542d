//! `t_new_request()` (spec 8.2): a request that has nothing to do with the one of the run.

use std::any::Any;

use sluice_engine::context::Kept;
use sluice_engine::owners::Owners;
use sluice_engine::sockets::Sockets;
use sluice_engine::tm::local::{Asker, Draft};
use sluice_engine::tm::transaction::KeptKey;
use sluice_engine::{Ctx, Flow, Value, uac};
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::is_token;
use sluice_sip::uri::{Scheme, Uri};

use super::state::Handle;

/// The CSeq number of a request that nobody gives another one (spec 11).
pub(super) const CSEQ: u32 = 10;

/// Has the request made. True: it will be, whatever becomes of it.
pub(super) fn new_request(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let Some(Handle(state)) = state.downcast_ref() else { return Flow::FALSE };
    let Some(owners) = state.post.owners() else { return Flow::FALSE };
    let Some(mut draft) = draft(ctx, owners, &state.sockets, args) else {
        return Flow::Fail("t_new_request(): method, URI, From, To, or `TYPE BODY` cannot be used");
    };
    if let Some(context) = args.get(5).and_then(|context| context.text()) {
        let context = Kept::Text(ctx.bytes(context).to_vec());
        draft.avps.push((KeptKey::Slot(state.context), context));
    }
    if uac::order(ctx, draft) { Flow::TRUE } else { Flow::Fail("too many requests to be made") }
}

fn draft(ctx: &Ctx<'_>, owners: &Owners, sockets: &Sockets, args: &[Value]) -> Option<Draft> {
    let text = |at: usize| args.get(at).and_then(|arg| arg.text()).map(|text| ctx.bytes(text));
    let (method, uri) = (text(0)?, text(1)?);
    let (from, to) = (party(text(2)?)?, party(text(3)?)?);
    if !is_token(method) || !is_target(uri) {
        return None;
    }
    let (lines, body) = match text(4) {
        Some(typed) => {
            let at = typed.iter().position(|byte| *byte == b' ')?;
            let (kind, body) = typed.split_at(at);
            let line = [b"Content-Type: ", kind, b"\r\n"].concat();
            (is_line(kind).then_some(line)?, body.get(1..)?.to_vec())
        }
        None => Default::default(),
    };
    // A run that no message began belongs to no call.
    let of_call = !ctx.packet.peer.ip().is_unspecified();
    let like = of_call.then(|| ctx.message.call_id());
    let (call_id, tag) = owners.make(like, host(sockets));
    Some(Draft {
        method: method.to_vec(),
        uri: uri.to_vec(),
        from: [&from[..], b";tag=", &tag].concat(),
        to,
        call_id,
        cseq: CSEQ,
        next_hop: None,
        socket: None,
        lines,
        body,
        avps: Vec::new(),
        asker: Asker::Nobody,
    })
}

/// `[DISPLAY ]URI` as the value of From or To.
fn party(text: &[u8]) -> Option<Vec<u8>> {
    let at = text.iter().rposition(|byte| *byte == b' ');
    let (name, uri) = text.split_at(at.map_or(0, |at| at + 1));
    let value = [name, b"<", uri, b">"].concat();
    let whole = NameAddr::parse(&value).filter(|party| party.uri == uri && is_line(&value));
    Uri::parse(uri).and(whole)?;
    Some(value)
}

/// Whether a request may be sent to a URI.
pub(super) fn is_target(uri: &[u8]) -> bool {
    Uri::parse(uri)
        .is_some_and(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && !uri.host.is_empty())
        && is_line(uri)
}

/// Whether a text does not end the line that it stands in.
pub(super) fn is_line(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Whose Call-IDs ours are.
pub(super) fn host(sockets: &Sockets) -> &str {
    sockets.listen.first().map_or("localhost", |listen| &listen.sent_by)
}
