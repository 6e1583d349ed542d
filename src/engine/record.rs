//! Record-Route, written when the socket that a request leaves by is known (RFC 3261 16.6 item 4,
//! spec 9.1).

use sluice_base::SocketId;
use sluice_sip::{Kind, Place};

use crate::context::Ctx;
use crate::forward::own_address;
use crate::sockets::Proto;
use crate::value::Text;

/// What the script wants recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// An address given by the script, and one for the other side, instead of the socket's.
    pub preset: Option<(Text, Option<Text>)>,
    /// A user part.
    pub user: Option<Text>,
    /// The From tag is added.
    pub from_tag: bool,
    /// Text of the script, with its own `;`.
    pub text: Option<Text>,
    /// A request that leaves by another socket than it came to gets two.
    pub double: bool,
}

/// Puts the headers of the run's record in front of the others.
pub(crate) fn put(ctx: &mut Ctx<'_>, socket: SocketId) {
    let Some(record) = ctx.run.record else { return };
    let at = match ctx.message.field(Kind::RecordRoute) {
        Some(first) => first.line.start,
        None => ctx.message.start_line().end,
    };
    // Lent out, since what is written is read from the run.
    let mut patches = std::mem::take(&mut ctx.run.patches);
    patches.insert_with(at, Place::Before, |lines| push(ctx, &record, socket, lines));
    ctx.run.patches = patches;
}

fn push(ctx: &Ctx<'_>, record: &Record, socket: SocketId, lines: &mut Vec<u8>) {
    let inbound = ctx.packet.socket;
    match record.preset {
        Some((first, second)) => {
            for address in [Some(first), second].into_iter().flatten() {
                push_preset(ctx, record, ctx.bytes(address), lines);
            }
        }
        None if record.double && socket != inbound => {
            // The side that the request goes to is on top.
            push_own(ctx, record, socket, true, lines);
            push_own(ctx, record, inbound, true, lines);
        }
        None => push_own(ctx, record, socket, false, lines),
    }
}

fn push_own(ctx: &Ctx<'_>, record: &Record, socket: SocketId, double: bool, out: &mut Vec<u8>) {
    push_begin(ctx, record, out);
    own_address(ctx, socket, out);
    if ctx.shared.sockets.proto(socket) == Some(Proto::Tcp) {
        out.extend_from_slice(b";transport=tcp");
    }
    if double {
        out.extend_from_slice(b";r2=on");
    }
    out.extend_from_slice(b";lr");
    push_tag(ctx, record, out);
    push_end(ctx, record, out);
}

/// spec 9.1: of a preset the tag precedes `;lr`.
fn push_preset(ctx: &Ctx<'_>, record: &Record, address: &[u8], out: &mut Vec<u8>) {
    push_begin(ctx, record, out);
    out.extend_from_slice(address);
    push_tag(ctx, record, out);
    out.extend_from_slice(b";lr");
    push_end(ctx, record, out);
}

fn push_begin(ctx: &Ctx<'_>, record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Record-Route: <sip:");
    if let Some(user) = record.user {
        out.extend_from_slice(ctx.bytes(user));
        out.push(b'@');
    }
}

fn push_tag(ctx: &Ctx<'_>, record: &Record, out: &mut Vec<u8>) {
    let tag = ctx.message.from().and_then(|from| from.tag());
    if let Some(tag) = tag.filter(|_| record.from_tag) {
        out.extend_from_slice(b";ftag=");
        out.extend_from_slice(tag);
    }
}

fn push_end(ctx: &Ctx<'_>, record: &Record, out: &mut Vec<u8>) {
    if let Some(text) = record.text {
        out.extend_from_slice(ctx.bytes(text));
    }
    out.extend_from_slice(b">\r\n");
}
