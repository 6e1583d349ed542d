//! Stateless forwarding (RFC 3261 16.11, spec 8.9 and 11).
//!
//! A request gets our Via, and what its top Via must learn; a reply loses its top Via, which is
//! ours. All else is the original plus the script's patches. Never looks a name up: the caller
//! knows the address.

use std::net::{Ipv4Addr, SocketAddr};

use sluice_base::{OwnerSeed, SocketId, Span, Target};
use sluice_sip::digits::push_u64;
use sluice_sip::uri::literal_addr;
use sluice_sip::via::Via;
use sluice_sip::write::{ViaMarks, remove_top_via};
use sluice_sip::{Kind, Patches, Place, StartLine};

use crate::connection::Connection;
use crate::context::{Ctx, bytes_in};
use crate::counter::Counter;
use crate::loops;
use crate::record;
use crate::reply::one_line;
use crate::sockets::{Listen, Proto, Remote};
use crate::value::Text;

/// The hash behind our branches; any number will do, it only must not change (16.11).
const BRANCH_SEED: OwnerSeed = OwnerSeed(0x5AC1_7E5B_0C4F_93D7);

/// The magic cookie of RFC 3261 8.1.1.7.
pub(crate) const COOKIE: &[u8] = b"z9hG4bK";

/// Sends the request to an address; false when no socket of ours can reach it.
pub fn request(ctx: &mut Ctx<'_>, to: Remote) -> bool {
    let Some(socket) = ctx.socket_towards(to) else { return false };
    let (Some(field), Some(head)) =
        (ctx.message.field(Kind::Via), ctx.shared.via_heads.get(usize::from(socket.0)))
    else {
        return false;
    };
    let at = field.line.start;
    let (of_ack, own_hash);
    let branch = match ctx.run.ack_branch {
        Some(branch) => {
            of_ack = branch;
            of_ack.strip_prefix(COOKIE).unwrap_or_default()
        }
        None => {
            own_hash = hex(branch(ctx));
            &own_hash[..]
        }
    };
    let target = Target { socket, addr: to.addr };
    let connection = connection(ctx);
    let own = OwnVia { head, branch, connection, rport: ctx.run.local_rport, mark: None };
    match hops(ctx) {
        Some(hops) => write_usual(ctx, target, at, own, hops),
        None => write_patched(ctx, target, at, own),
    }
    ctx.local.add(Counter::RequestsForwarded, 1);
    true
}

/// Sends the message as it was received, with lines of the script in front of its headers; false
/// when no socket of ours can reach the address.
pub fn unchanged(ctx: &mut Ctx<'_>, to: Remote, lines: Option<Text>) -> bool {
    let Some(socket) = ctx.socket_towards(to) else { return false };
    let Ctx { message, run, local, shared, .. } = ctx;
    let lines = lines.map(|lines| bytes_in(lines, *message, &run.arena, shared));
    let (first, rest) = message.bytes.split_at(usize::from(message.start_line().end));
    local.output.send(Target { socket, addr: to.addr }, |out| {
        out.extend_from_slice(first);
        out.extend_from_slice(lines.unwrap_or_default());
        out.extend_from_slice(rest);
    });
    run.answered = true;
    true
}

/// Our Via.
#[derive(Clone, Copy)]
struct OwnVia<'a> {
    /// What [`via_head`] made.
    head: &'a [u8],
    /// What stands behind the cookie.
    branch: &'a [u8],
    /// The connection that the request came by, for its replies.
    connection: Option<Connection>,
    rport: bool,
    /// See [`crate::loops`].
    mark: Option<[u8; 16]>,
}

impl OwnVia<'_> {
    #[inline(always)]
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head);
        out.extend_from_slice(self.branch);
        if let Some(connection) = self.connection {
            connection.write(out);
        }
        if self.rport {
            out.extend_from_slice(b";rport");
        }
        if let Some(mark) = self.mark {
            loops::write(mark, out);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// By what connection replies to the request go; `None` over UDP.
#[inline]
fn connection(ctx: &Ctx<'_>) -> Option<Connection> {
    let socket = ctx.packet.socket;
    let came = ctx.shared.sockets.is_reliable(socket);
    came.then(|| Connection { socket, port: ctx.packet.peer.port() })
}

/// Where and what Max-Forwards becomes, when besides it and the usual Vias nothing changes, as
/// with nearly all requests.
fn hops(ctx: &Ctx<'_>) -> Option<(Span, u32)> {
    let run = &*ctx.run;
    let other_target = run.ruri.is_some() || run.set.path().is_some();
    let other_lines = !run.patches.is_empty() || run.record.is_some();
    if other_target || other_lines || run.advertised.is_some() {
        return None;
    }
    Some((ctx.message.field(Kind::MaxForwards)?.value, run.max_forwards?))
}

/// Writes a request straight into the batch. `at` is where our Via goes.
fn write_usual(
    ctx: &mut Ctx<'_>,
    target: Target,
    at: u16,
    own: OwnVia<'_>,
    (hops_at, hops): (Span, u32),
) {
    let (message, marks, opens) = (ctx.message, via_marks(ctx), opens(ctx));
    ctx.local.output.send_by(target, opens, |out| {
        let mut from = 0;
        let put_hops = |from: u16, out: &mut Vec<u8>| {
            out.extend_from_slice(message.text(Span::new(from, hops_at.start)));
            push_u64(out, u64::from(hops));
            hops_at.end
        };
        if hops_at.start < at {
            from = put_hops(from, out);
        }
        out.extend_from_slice(message.text(Span::new(from, at)));
        own.write(out);
        from = marks.write(&message, at, out);
        if hops_at.start >= at {
            from = put_hops(from, out);
        }
        out.extend_from_slice(message.text(Span::new(from, message.body().end)));
    });
    ctx.run.answered = true;
}

/// Writes a request that the script has changed.
#[inline(never)]
fn write_patched(ctx: &mut Ctx<'_>, target: Target, at: u16, own: OwnVia<'_>) {
    let advertised = advertised_head(ctx, target.socket);
    let head = advertised.as_deref().unwrap_or(own.head);
    let mark = ctx.run.patches.mark();
    put_all(ctx, at, OwnVia { head, ..own }, target.socket);
    write(ctx, target);
    ctx.run.patches.rewind(mark);
}

/// All that tells the request that is sent by a socket from the received one, when our Via has
/// the branch parameter `branch`.
pub(crate) fn branch_patches(
    ctx: &mut Ctx<'_>,
    socket: SocketId,
    branch: &[u8],
) -> Option<Patches> {
    let at = ctx.message.field(Kind::Via)?.line.start;
    let advertised = advertised_head(ctx, socket);
    let shared = ctx.shared;
    let head = advertised.as_deref().or(shared.via_heads.get(usize::from(socket.0)).map(|h| &**h));
    let branch = branch.strip_prefix(COOKIE)?;
    // The transaction knows by what connection its replies go.
    let mark = shared.settings.detect_loops.then(|| loops::mark(ctx));
    let own = OwnVia { head: head?, branch, connection: None, rport: ctx.run.local_rport, mark };
    let mark = ctx.run.patches.mark();
    put_all(ctx, at, own, socket);
    let patches = ctx.run.patches.clone();
    ctx.run.patches.rewind(mark);
    Some(patches)
}

/// The request as it would be sent to an address, but for our branch parameter.
pub(crate) fn preview(ctx: &mut Ctx<'_>, to: Remote) -> Vec<u8> {
    let mut out = Vec::new();
    let socket = ctx.socket_towards(to);
    if let Some(patches) = socket.and_then(|socket| branch_patches(ctx, socket, COOKIE)) {
        patches.write(ctx.message.text(Span::new(0, ctx.message.body().end)), &mut out);
    }
    out
}

fn put_all(ctx: &mut Ctx<'_>, at: u16, own: OwnVia<'_>, socket: SocketId) {
    let marks = via_marks(ctx);
    put_script(ctx, socket);
    ctx.run.patches.insert_with(at, Place::Before, |out| own.write(out));
    marks.patch(&mut ctx.run.patches);
    put_length(ctx);
}

/// What the script has changed besides lines.
fn put_script(ctx: &mut Ctx<'_>, socket: SocketId) {
    record::put(ctx, socket);
    put_ruri(ctx);
    put_path(ctx);
    put_max_forwards(ctx);
}

/// What tells a request of our own as it is sent by a socket from the one that local_route{} saw.
/// Its Via is ours already; that of another socket or branch is another one.
pub(crate) fn own_patches(ctx: &mut Ctx<'_>, socket: SocketId, branch: &[u8]) -> Option<Patches> {
    let advertised = advertised_head(ctx, socket);
    let shared = ctx.shared;
    let head = advertised.as_deref().or(shared.via_heads.get(usize::from(socket.0)).map(|h| &**h));
    let via = [head?, branch.strip_prefix(COOKIE)?].concat();
    let start = ctx.message.field(Kind::Via)?.line.start;
    let end = ctx.message.span_of(ctx.via.1.branch?).end;
    let mark = ctx.run.patches.mark();
    put_script(ctx, socket);
    ctx.run.patches.replace(Span::new(start, end), &via);
    put_length(ctx);
    let patches = ctx.run.patches.clone();
    ctx.run.patches.rewind(mark);
    Some(patches)
}

/// Sends the reply to the next Via, or drops it (spec 1.3, 8.9).
pub fn reply(ctx: &mut Ctx<'_>) {
    if try_reply(ctx).is_none() {
        ctx.local.add(Counter::ReplyDropped, 1);
    }
}

fn try_reply(ctx: &mut Ctx<'_>) -> Option<()> {
    let message = ctx.message;
    let settings = &ctx.shared.settings;
    let status = message.status()?;
    // spec 1.4: `drop` discards a provisional reply, a final one goes on.
    if settings.disable_stateless_fwd || ctx.run.dropped && status < 200 {
        return None;
    }
    let next = message.next_via()?;
    if settings.check_via && !is_own(ctx, &ctx.via.0) {
        return None;
    }
    let mut to = Remote { proto: Proto::of_name(next.transport)?, addr: reply_addr(&next)? };
    let connection = Connection::of(&ctx.via.0).filter(|_| to.proto.is_reliable());
    let by_connection = connection.and_then(|connection| {
        to.addr.set_port(connection.port);
        ctx.shared.sockets.forced(to, connection.socket)
    });
    let socket = by_connection.or_else(|| ctx.socket_towards(to))?;
    remove_top_via(&message, &mut ctx.run.patches);
    put_status(ctx, true);
    put_length(ctx);
    write(ctx, Target { socket, addr: to.addr });
    ctx.local.add(Counter::RepliesForwarded, 1);
    Some(())
}

/// Where a reply goes by the Via of the one who shall get it (RFC 3261 18.2.2, RFC 3581 4).
/// `None` when that is a name, which nobody here looks up: whoever forwarded the request has
/// added `received` to such a Via; and when it is the broadcast address (RFC 4475 3.3.10).
pub fn reply_addr(via: &Via<'_>) -> Option<SocketAddr> {
    let (host, port) = via.reply_to();
    let ip = literal_addr(host).filter(|ip| *ip != Ipv4Addr::BROADCAST)?;
    Some(SocketAddr::new(ip, port))
}

fn is_own(ctx: &Ctx<'_>, via: &Via<'_>) -> bool {
    let port = via.port.unwrap_or(5060);
    ctx.shared.sockets.is_myself(via.host, port)
}

/// What the top Via of the request must learn.
pub(crate) fn via_marks(ctx: &Ctx<'_>) -> ViaMarks {
    let (via, known) = ctx.via;
    ViaMarks::of(&ctx.message, via, known, ctx.packet.peer, ctx.run.force_rport)
}

fn put_ruri(ctx: &mut Ctx<'_>) {
    let (Some(changed), Some(span)) = (ctx.run.ruri, ctx.message.uri()) else { return };
    let text = bytes_in(changed, ctx.message, &ctx.run.arena, ctx.shared);
    ctx.run.patches.replace(span, text);
}

/// RFC 3327 5.3: the Path of the destination goes before the request's own Route.
fn put_path(ctx: &mut Ctx<'_>) {
    let Some(path) = ctx.run.set.path() else { return };
    let own = ctx.message.field(Kind::Route).or_else(|| ctx.message.field(Kind::From));
    let Some(at) = own.map(|field| field.line.start) else { return };
    let path = bytes_in(path, ctx.message, &ctx.run.arena, ctx.shared);
    if one_line(path).len() < path.len() {
        return ctx.complain("a Path with a line end is left out");
    }
    ctx.run.patches.insert_with(at, Place::Before, |out| {
        out.extend_from_slice(b"Route: ");
        out.extend_from_slice(path);
        out.extend_from_slice(b"\r\n");
    });
}

/// Max-Forwards, when the script has counted it down; a missing one goes in front.
fn put_max_forwards(ctx: &mut Ctx<'_>) {
    let Some(hops) = ctx.run.max_forwards.map(u64::from) else { return };
    let patches = &mut ctx.run.patches;
    match ctx.message.field(Kind::MaxForwards) {
        Some(field) => patches.replace_with(field.value, |out| push_u64(out, hops)),
        None => patches.insert_with(ctx.message.start_line().end, Place::Before, |out| {
            out.extend_from_slice(b"Max-Forwards: ");
            push_u64(out, hops);
            out.extend_from_slice(b"\r\n");
        }),
    }
}

/// Status and reason, when the script has changed them. `translated`: a 503 goes on as 500 (spec
/// 1.3); a transaction decides for itself which refusal goes on.
pub(crate) fn put_status(ctx: &mut Ctx<'_>, translated: bool) {
    let StartLine::Reply { status, code, reason } = ctx.message.start() else { return };
    let mut sent = status;
    if let Some((changed, phrase)) = ctx.run.reply_status {
        let phrase = bytes_in(phrase, ctx.message, &ctx.run.arena, ctx.shared);
        ctx.run.patches.replace(reason, one_line(phrase));
        sent = changed;
    }
    if translated && sent == 503 && !ctx.shared.settings.disable_503_translation {
        sent = 500;
    }
    if sent != status {
        ctx.run.patches.replace_with(code, |out| push_u64(out, u64::from(sent)));
    }
}

/// Content-Length, when the script has changed the body's length.
pub(crate) fn put_length(ctx: &mut Ctx<'_>) {
    let body = ctx.message.body();
    let Some(field) = ctx.message.field(Kind::ContentLength) else { return };
    let length = ctx.run.patches.part_len(ctx.message.bytes, body);
    if length != body.len() {
        ctx.run.patches.replace_with(field.value, |out| push_u64(out, length as u64));
    }
}

/// Our Via with the host and port that the script advertises in this message, if it does.
fn advertised_head(ctx: &Ctx<'_>, socket: SocketId) -> Option<Vec<u8>> {
    ctx.run.advertised?;
    let listen = ctx.shared.sockets.get(socket)?;
    let mut head = Vec::with_capacity(64);
    head.extend_from_slice(b"Via: SIP/2.0/");
    head.extend_from_slice(listen.proto.upper().as_bytes());
    head.push(b' ');
    own_address(ctx, socket, &mut head);
    head.extend_from_slice(b";branch=");
    head.extend_from_slice(COOKIE);
    Some(head)
}

/// Appends a socket's host and port as others shall see them: the port where it is not the usual
/// one, and what the script advertises in this message.
pub(crate) fn own_address(ctx: &Ctx<'_>, socket: SocketId, out: &mut Vec<u8>) {
    let Some(listen) = ctx.shared.sockets.get(socket) else { return };
    let (own_host, own_port) = split_port(listen.sent_by.as_bytes());
    let (host, port) = ctx.run.advertised.unwrap_or_default();
    out.extend_from_slice(host.map_or(own_host, |host| ctx.bytes(host)));
    if let Some(port) = port {
        out.push(b':');
        push_u64(out, u64::from(port));
    } else {
        out.extend_from_slice(own_port);
    }
}

/// `host` and `:port`; the colons of an IPv6 address are the host's.
fn split_port(sent_by: &[u8]) -> (&[u8], &[u8]) {
    let behind_v6 = sent_by.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = sent_by.iter().skip(behind_v6).position(|byte| *byte == b':');
    sent_by.split_at(colon.map_or(sent_by.len(), |colon| behind_v6 + colon))
}

/// Our Via for a socket, up to the branch's cookie.
pub(crate) fn via_head(listen: &Listen) -> Box<[u8]> {
    let (proto, sent_by) = (listen.proto.upper(), &listen.sent_by);
    [b"Via: SIP/2.0/", proto.as_bytes(), b" ", sent_by.as_bytes(), b";branch=", COOKIE]
        .concat()
        .into()
}

fn write(ctx: &mut Ctx<'_>, target: Target) {
    let (patches, message) = (&ctx.run.patches, ctx.message);
    // RFC 3261 18.3: what stands behind the body is discarded.
    let whole = message.text(Span::new(0, message.body().end));
    let opens = opens(ctx);
    let dropped = ctx.local.output.send_by(target, opens, |out| patches.write(whole, out));
    ctx.run.answered = true;
    if dropped > 0 {
        ctx.complain("a change of the message lay within text that another change removed");
    }
}

/// Whether a connection may be opened for the message (`tcp_no_new_conn_bflag`, `_rplflag`).
#[inline]
fn opens(ctx: &Ctx<'_>) -> bool {
    let unopened = ctx.shared.settings.unopened;
    match ctx.message.status() {
        None => ctx.run.branch_flags & unopened.branch == 0,
        Some(_) => ctx.run.flags & unopened.reply == 0,
    }
}

/// RFC 3261 16.11: the same for each retransmission, for the CANCEL and for the ACK to a failure.
/// Sent-by takes part, since load generators on one host repeat each other's branches.
fn branch(ctx: &Ctx<'_>) -> u64 {
    let (message, (via, known)) = (ctx.message, ctx.via);
    let received = known.branch.unwrap_or_default();
    // A cookie with nothing behind it identifies nothing (RFC 4475 3.2.1).
    if received.len() > COOKIE.len() && received.starts_with(COOKIE) {
        let port = u64::from(via.port.unwrap_or(5060));
        let sent_by = OwnerSeed(BRANCH_SEED.0 ^ port).hash(via.host);
        return OwnerSeed(sent_by).hash(received);
    }
    // RFC 2543: To tag is not used, since the ACK has one that the INVITE has not.
    let from_tag = message.from().and_then(|from| from.tag()).unwrap_or_default();
    let number = message.cseq().map_or(0, |(number, _)| u64::from(number));
    let uri = message.uri().map(|uri| message.text(uri)).unwrap_or_default();
    let parts = [message.call_id(), from_tag, uri, via.text];
    let mix = |hash: u64, part: &&[u8]| OwnerSeed(hash).hash(part);
    parts.iter().fold(BRANCH_SEED.0 ^ number, mix)
}

/// Sixteen hexadecimal digits.
pub fn hex(number: u64) -> [u8; 16] {
    let half = |half: u64| {
        // Each digit into a byte of its own, then all eight made letters at once.
        let digits = (half | half << 16) & 0x0000_FFFF_0000_FFFF;
        let digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF;
        let digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F;
        let above_nine = ((digits + ONES * 6) >> 4) & ONES;
        (digits + ONES * u64::from(b'0') + above_nine * u64::from(b'a' - b'0' - 10)).to_be_bytes()
    };
    let mut text = [0; 16];
    let (high, low) = text.split_at_mut(8);
    high.copy_from_slice(&half(number >> 32));
    low.copy_from_slice(&half(number & 0xFFFF_FFFF));
    text
}

/// A one in each byte.
const ONES: u64 = u64::MAX / 255;

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn hexadecimal_as_the_library_writes_it() {
        for number in [0, 9, 10, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, u64::MAX] {
            assert_eq!(hex(number), format!("{number:016x}").as_bytes());
        }
    }
}
