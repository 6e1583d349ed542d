//! Writes local replies, and makes the patches of Via that every forwarder makes.
//!
//! Takes a received message, appends to a buffer or to its patches. Opens no socket, chooses no
//! destination, uses no formatting machinery.

use std::net::{IpAddr, SocketAddr};

use sluice_base::Span;

use crate::digits::{push_addr, push_u16, push_u64};
use crate::nameaddr::items;
use crate::uri::literal_addr;
use crate::via::{Known, Via};
use crate::{Field, Kind, Message, Patches};

/// What a server adds to the topmost Via of a request (RFC 3261 18.2.1, RFC 3581 4, spec 11).
///
/// A `received` or `rport` that is there gets the new value, else the parameter is added at the end
/// of the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ViaMarks {
    /// Where `received` goes.
    received: Option<Span>,
    /// Where `rport` goes.
    rport: Option<Span>,
    source: SocketAddr,
}

impl ViaMarks {
    /// The marks for a request from `source`, whose topmost Via is `via`: `received` when the Via's
    /// host is not the source address, and when the sender wrote one himself, since it would lead
    /// replies astray; both when the Via asks with `rport` or `force_rport()` was called.
    #[inline]
    pub fn of(
        message: &Message<'_>,
        via: &Via<'_>,
        known: &Known<'_>,
        source: SocketAddr,
        force_rport: bool,
    ) -> Self {
        let end = message.span_of(via.text).end;
        let place = |piece: Option<&[u8]>| match piece {
            Some(piece) => with_semicolon(message, message.span_of(piece)),
            None => Span::new(end, end),
        };
        let asked = force_rport || known.rport.is_some();
        let marked =
            asked || known.received.is_some() || literal_addr(via.host) != Some(source.ip());
        Self {
            received: marked.then(|| place(known.received)),
            rport: asked.then(|| place(known.rport)),
            source,
        }
    }

    /// Whether `rport` is among them.
    pub fn has_rport(&self) -> bool {
        self.rport.is_some()
    }

    /// Whether `rport` stands in front of `received`.
    fn begins_with_rport(&self) -> bool {
        let both = self.rport.zip(self.received);
        both.is_some_and(|(rport, received)| rport.start < received.start)
    }

    /// Appends the bytes of `message` from `from` to behind the last place, changed there; gives
    /// where the unchanged rest begins.
    #[inline]
    pub fn write(&self, message: &Message<'_>, from: u16, out: &mut Vec<u8>) -> u16 {
        if self.begins_with_rport() {
            let from = self.write_rport(message, from, out);
            return self.write_received(message, from, out);
        }
        let from = self.write_received(message, from, out);
        self.write_rport(message, from, out)
    }

    #[inline]
    fn write_received(&self, message: &Message<'_>, from: u16, out: &mut Vec<u8>) -> u16 {
        let Some(span) = self.received else { return from };
        copy_up_to(message, from, span, out);
        push_received(out, self.source.ip());
        span.end
    }

    #[inline]
    fn write_rport(&self, message: &Message<'_>, from: u16, out: &mut Vec<u8>) -> u16 {
        let Some(span) = self.rport else { return from };
        copy_up_to(message, from, span, out);
        push_rport(out, self.source.port());
        span.end
    }

    /// Patches the topmost Via.
    pub fn patch(&self, patches: &mut Patches) {
        // What stands at one offset keeps the order in which it comes.
        if self.begins_with_rport() {
            self.patch_rport(patches);
            return self.patch_received(patches);
        }
        self.patch_received(patches);
        self.patch_rport(patches);
    }

    fn patch_received(&self, patches: &mut Patches) {
        if let Some(span) = self.received {
            patches.replace_with(span, |out| push_received(out, self.source.ip()));
        }
    }

    fn patch_rport(&self, patches: &mut Patches) {
        if let Some(span) = self.rport {
            patches.replace_with(span, |out| push_rport(out, self.source.port()));
        }
    }
}

/// Appends what stands between an offset and a span, often nothing.
#[inline]
fn copy_up_to(message: &Message<'_>, from: u16, span: Span, out: &mut Vec<u8>) {
    if from < span.start {
        out.extend_from_slice(message.text(Span::new(from, span.start)));
    }
}

#[inline]
fn push_received(out: &mut Vec<u8>, addr: IpAddr) {
    out.extend_from_slice(b";received=");
    push_addr(out, addr);
}

#[inline]
fn push_rport(out: &mut Vec<u8>, port: u16) {
    out.extend_from_slice(b";rport=");
    push_u16(out, port);
}

/// A parameter with the `;` in front of it.
fn with_semicolon(message: &Message<'_>, piece: Span) -> Span {
    if let Some(before) = piece.start.checked_sub(1)
        && message.bytes.get(usize::from(before)) == Some(&b';')
    {
        return Span::new(before, piece.end);
    }
    let before = message.text(Span::new(0, piece.start));
    let semicolon = before.iter().rposition(|byte| *byte == b';').unwrap_or(before.len());
    Span::new(semicolon as u16, piece.end)
}

/// Removes the topmost Via value of a reply: its field, or, where the field holds more values, the
/// value and its comma.
pub fn remove_top_via(message: &Message<'_>, patches: &mut Patches) {
    let Some(field) = message.field(Kind::Via) else { return };
    let cut = match items(message.text(field.value)).nth(1) {
        Some(next) => Span::new(field.value.start, message.span_of(next).start),
        None => field.line,
    };
    patches.replace(cut, b"");
}

/// A local reply to a request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub phrase: &'a [u8],
    /// The tag for a To that has none; `None` with 100.
    pub to_tag: Option<&'a [u8]>,
    /// What is added to the topmost Via.
    pub via: ViaMarks,
    /// Header lines (`append_to_reply`), each with its line end.
    pub lines: &'a [u8],
    /// The Server line with its line end, or nothing.
    pub server: &'a [u8],
    /// The body, often none; its Content-Type is among the lines.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// Appends the reply to `request`. Header order of spec 8.9: Via, Record-Route (180 to 299
    /// only), To, From, Call-ID, CSeq, the lines, Server, Content-Length.
    pub fn write(&self, request: &Message<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0 ");
        push_u64(out, u64::from(self.status));
        out.push(b' ');
        out.extend_from_slice(self.phrase);
        out.extend_from_slice(b"\r\n");
        self.write_vias(request, out);
        if (180..300).contains(&self.status) {
            for field in request.fields(Kind::RecordRoute) {
                write_field(request, field, out);
            }
        }
        self.write_to(request, out);
        for kind in [Kind::From, Kind::CallId, Kind::CSeq] {
            if let Some(field) = request.field(kind) {
                write_field(request, field, out);
            }
        }
        out.extend_from_slice(self.lines);
        out.extend_from_slice(self.server);
        out.extend_from_slice(b"Content-Length: ");
        push_u64(out, self.body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(self.body);
    }

    fn write_vias(&self, request: &Message<'_>, out: &mut Vec<u8>) {
        let mut fields = request.fields(Kind::Via);
        if let Some(top) = fields.next() {
            let from = self.via.write(request, top.line.start, out);
            out.extend_from_slice(request.text(Span::new(from, top.value.end)));
            out.extend_from_slice(b"\r\n");
        }
        for field in fields {
            write_field(request, field, out);
        }
    }

    fn write_to(&self, request: &Message<'_>, out: &mut Vec<u8>) {
        let Some(field) = request.field(Kind::To) else { return };
        let tagged = request.to().is_some_and(|to| to.tag().is_some());
        match self.to_tag {
            Some(tag) if !tagged => {
                out.extend_from_slice(request.text(Span::new(field.name.start, field.value.end)));
                out.extend_from_slice(b";tag=");
                out.extend_from_slice(tag);
                out.extend_from_slice(b"\r\n");
            }
            _ => write_field(request, field, out),
        }
    }
}

/// Appends a field as received, from its name to the end of its value, with a clean line end.
fn write_field(message: &Message<'_>, field: &Field, out: &mut Vec<u8>) {
    out.extend_from_slice(message.text(Span::new(field.name.start, field.value.end)));
    out.extend_from_slice(b"\r\n");
}
