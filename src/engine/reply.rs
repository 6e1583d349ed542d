//! Stateless local replies (RFC 3261 8.2.6, 8.2.7; spec 8.9).
//!
//! Written straight into the transmit batch: status line, the request's Vias, Record-Routes, To
//! with a tag, From, Call-ID, CSeq, lines of the script, Contact, Server, Content-Length. The
//! To-tag is a hash keyed by the process, so that the ACK to a refusal is known by it.

use std::net::SocketAddr;

use sluice_base::{OwnerSeed, SocketId, Target};
use sluice_sip::Method;
use sluice_sip::digits::push_u64;
use sluice_sip::text::is_enclosable;
use sluice_sip::uri::default_port;
use sluice_sip::via::Via;
use sluice_sip::write::{Reply, ViaMarks};

use crate::context::{Ctx, Shared, bytes_in};
use crate::dset::Branch;
use crate::forward::{hex, reply_addr, via_marks};
use crate::sockets::Remote;
use crate::value::Text;

/// What became of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It lies in the transmit batch.
    Sent,
    /// An ACK is never answered (RFC 3261 17.1.1.3).
    Ack,
    /// It could not be sent; the reason, for the log.
    Failed(&'static str),
}

/// Answers the request with `code` (100 to 699) and a reason phrase.
pub fn send(ctx: &mut Ctx<'_>, code: u16, reason: Text) -> Sent {
    if ctx.message.method() == Method::Ack {
        return Sent::Ack;
    }
    if ctx.packet.peer.ip().is_unspecified() {
        return Sent::Failed("nobody has sent this request");
    }
    let marks = via_marks(ctx);
    let Some(target) = target(ctx) else { return Sent::Failed("no socket for the reply") };
    let tag = own_tag(ctx);
    let own_lines = ctx.run.reply_lines.len();
    push_lines(ctx, code, target.socket);
    let Ctx { message, run, local, shared, .. } = ctx;
    let reply = Reply {
        status: code,
        phrase: one_line(bytes_in(reason, *message, &run.arena, shared)),
        to_tag: (code > 100).then_some(&tag),
        via: marks,
        lines: &run.reply_lines,
        server: b"",
        body: run.reply_body.map_or(b"", |body| bytes_in(body, *message, &run.arena, shared)),
    };
    run.replied = Some(local.output.sends.len() as u32);
    let opens = run.flags & shared.settings.unopened.reply == 0;
    local.output.send_by(target, opens, |out| reply.write(message, out));
    run.reply_lines.truncate(own_lines);
    run.answered = true;
    Sent::Sent
}

/// Where replies to the request go, and by which socket; `None` when no socket reaches it.
pub(crate) fn target(ctx: &mut Ctx<'_>) -> Option<Target> {
    let came = ctx.packet.socket;
    let proto = ctx.shared.sockets.proto(came)?;
    // RFC 3261 18.2.2: over a stream by the connection that the request came on.
    if proto.is_reliable() {
        return Some(Target { socket: came, addr: ctx.packet.peer });
    }
    let addr = destination(ctx, &ctx.via.0, &via_marks(ctx));
    let socket = ctx.socket_of_reply(Remote { proto, addr })?;
    Some(Target { socket, addr })
}

/// Whether the request carries the To-tag that this process gave when it answered statelessly.
pub fn has_own_tag(ctx: &Ctx<'_>) -> bool {
    let tag = ctx.message.to().and_then(|to| to.tag());
    tag.is_some_and(|tag| tag == own_tag(ctx))
}

/// The To-tag of a call: the same for each of its stateless replies.
pub(crate) fn own_tag(ctx: &Ctx<'_>) -> [u8; 16] {
    let key = OwnerSeed(ctx.shared.settings.tag_key);
    hex(key.hash(ctx.message.call_id()))
}

/// Whether the request carries the To-tag that this process gave within a transaction.
pub(crate) fn has_tag_of_transaction(ctx: &Ctx<'_>) -> bool {
    let tag = ctx.message.to().and_then(|to| to.tag());
    tag.is_some_and(|tag| tag == tag_of_transaction(ctx))
}

/// The To-tag of a call in replies of ours within a transaction: another one than without, since
/// an ACK tells by it whom it is for.
pub(crate) fn tag_of_transaction(ctx: &Ctx<'_>) -> [u8; 16] {
    let key = OwnerSeed(ctx.shared.settings.tag_key.rotate_left(1));
    hex(key.hash(ctx.message.call_id()))
}

/// spec 8.9: the source, by its own port only when `rport` says so.
fn destination(ctx: &Ctx<'_>, via: &Via<'_>, marks: &ViaMarks) -> SocketAddr {
    if marks.has_rport() {
        return ctx.packet.peer;
    }
    if (ctx.shared.settings.reply_to_via || ctx.run.reply_to_via)
        && let Some(addr) = reply_addr(via)
    {
        return addr;
    }
    let port = via.port.unwrap_or(default_port(via.transport));
    SocketAddr::new(ctx.packet.peer.ip(), port)
}

/// A phrase up to its first line end: a script's variable must not write headers.
pub(crate) fn one_line(phrase: &[u8]) -> &[u8] {
    phrase.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default()
}

/// Contact of a 3xx, Server and Warning, behind the script's own lines.
pub(crate) fn push_lines(ctx: &mut Ctx<'_>, code: u16, socket: SocketId) {
    if (300..400).contains(&code) {
        push_contact(ctx);
    }
    let Shared { settings, sockets, .. } = ctx.shared;
    let lines = &mut ctx.run.reply_lines;
    if let Some(server) = &settings.server_header {
        lines.extend_from_slice(server.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    if settings.sip_warning
        && let Some(listen) = sockets.get(socket)
    {
        lines.extend_from_slice(b"Warning: 392 ");
        lines.extend_from_slice(listen.sent_by.as_bytes());
        lines.extend_from_slice(b" \"Noisy feedback tells: answered without a transaction\"\r\n");
    }
}

/// The Contact of a 3xx with its line end.
fn push_contact(ctx: &mut Ctx<'_>) {
    let mut lines = std::mem::take(&mut ctx.run.reply_lines);
    if push_destinations(ctx, &mut lines) {
        lines.extend_from_slice(b"\r\n");
    }
    ctx.run.reply_lines = lines;
}

/// `Contact: <uri>;q=0.5, <uri>` of the destination set: the Request-URI if it has been changed,
/// and the extra branches (spec 8.9). False when there is none.
pub fn push_destinations(ctx: &Ctx<'_>, out: &mut Vec<u8>) -> bool {
    let first = ctx.run.ruri.map(|uri| Branch { q: ctx.run.set.q(), ..Branch::to(uri) });
    let mut lead: &[u8] = b"Contact: ";
    let all = first.iter().chain(ctx.run.set.extra());
    // Whatever a script has made a URI of, it must not end its brackets or its line.
    for branch in all.filter(|branch| is_enclosable(ctx.bytes(branch.uri))) {
        out.extend_from_slice(lead);
        lead = b", ";
        out.push(b'<');
        out.extend_from_slice(ctx.bytes(branch.uri));
        out.push(b'>');
        if let Some(q) = branch.q {
            out.extend_from_slice(b";q=");
            push_q(out, q);
        }
    }
    lead == b", "
}

/// A q value from its thousandth: `0.5`, `1` (RFC 3261 25.1).
pub fn push_q(out: &mut Vec<u8>, thousandths: u16) {
    let thousandths = thousandths.min(1_000);
    push_u64(out, u64::from(thousandths / 1_000));
    let mut rest = thousandths % 1_000;
    if rest > 0 {
        out.push(b'.');
    }
    while rest > 0 {
        push_u64(out, u64::from(rest / 100));
        rest = rest % 100 * 10;
    }
}
