//! Requests that a proxy makes itself for one hop: the ACK to a refusal and the CANCEL (RFC 3261
//! 17.1.1.3, 9.1). Made from the request as it was sent on the branch.

use sluice_base::Span;
use sluice_sip::digits::push_u64;
use sluice_sip::{Field, Kind, Message};

/// Appends the ACK to a final reply of 300 and above. `to` is the reply's To; `lines` are more
/// header lines, each with its line end.
pub fn write_ack(sent: &Message<'_>, to: &[u8], lines: &[u8], out: &mut Vec<u8>) {
    write(sent, b"ACK", Some(to), lines, out);
}

/// Appends the CANCEL; `lines` as for the ACK (`Reason`).
pub fn write_cancel(sent: &Message<'_>, lines: &[u8], out: &mut Vec<u8>) {
    write(sent, b"CANCEL", None, lines, out);
}

/// The Route of a request as lines, and more lines behind it.
pub fn routes(sent: &Message<'_>, lines: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for route in sent.fields(Kind::Route) {
        copy(sent, route, &mut all);
    }
    all.extend_from_slice(lines);
    all
}

/// Appends the ACK to a refusal that has come again: what is not in the refusal are the
/// Request-URI and some lines.
pub fn write_late_ack(refusal: &Message<'_>, uri: &[u8], lines: &[u8], out: &mut Vec<u8>) {
    let via = refusal.top_via().map(|via| via.text).unwrap_or_default();
    for piece in [b"ACK ", uri, b" SIP/2.0\r\nVia: ", via, b"\r\n", lines] {
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"Max-Forwards: 70\r\n");
    for kind in [Kind::To, Kind::From, Kind::CallId] {
        if let Some(field) = refusal.field(kind) {
            copy(refusal, field, out);
        }
    }
    out.extend_from_slice(b"CSeq: ");
    push_u64(out, refusal.cseq().map_or(0, |(number, _)| u64::from(number)));
    out.extend_from_slice(b" ACK\r\nContent-Length: 0\r\n\r\n");
}

fn write(sent: &Message<'_>, method: &[u8], to: Option<&[u8]>, lines: &[u8], out: &mut Vec<u8>) {
    let uri = sent.uri().map(|uri| sent.text(uri)).unwrap_or_default();
    for piece in [method, b" ", uri, b" SIP/2.0\r\nVia: "] {
        out.extend_from_slice(piece);
    }
    // One Via only: that which we put on top, a field of its own.
    out.extend_from_slice(sent.value(Kind::Via).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
    for route in sent.fields(Kind::Route) {
        copy(sent, route, out);
    }
    out.extend_from_slice(b"Max-Forwards: 70\r\n");
    match (to, sent.field(Kind::To)) {
        (Some(to), _) => {
            for piece in [b"To: ", to, b"\r\n"] {
                out.extend_from_slice(piece);
            }
        }
        (None, Some(field)) => copy(sent, field, out),
        (None, None) => {}
    }
    for kind in [Kind::From, Kind::CallId] {
        if let Some(field) = sent.field(kind) {
            copy(sent, field, out);
        }
    }
    out.extend_from_slice(b"CSeq: ");
    push_u64(out, sent.cseq().map_or(0, |(number, _)| u64::from(number)));
    for piece in [b" ", method, b"\r\n", lines, b"Content-Length: 0\r\n\r\n"] {
        out.extend_from_slice(piece);
    }
}

/// Appends a header line as it stands.
pub(super) fn copy(message: &Message<'_>, field: &Field, out: &mut Vec<u8>) {
    out.extend_from_slice(message.text(Span::new(field.name.start, field.value.end)));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use sluice_sip::Index;

    use super::*;

    const SENT: &[u8] = b"INVITE sip:bob@10.0.0.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKours\r\n\
        Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKtheirs, SIP/2.0/UDP 10.0.0.3\r\n\
        Route: <sip:10.0.0.1;lr>\r\nMax-Forwards: 12\r\nf: <sip:a@b>;tag=1\r\n\
        To: <sip:bob@b>\r\nCall-ID: abc\r\nCSeq: 7 INVITE\r\nContent-Type: text/plain\r\n\
        Content-Length: 2\r\n\r\nhi";

    fn made(write: impl Fn(&Message<'_>, &mut Vec<u8>)) -> String {
        let mut index = Index::new();
        index.scan(SENT).unwrap();
        let mut out = Vec::new();
        write(&Message { bytes: SENT, index: &index }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_ack_goes_the_way_of_its_invite() {
        let ack = made(|sent, out| write_ack(sent, b"<sip:bob@b>;tag=x", b"", out));
        let expected = "ACK sip:bob@10.0.0.1 SIP/2.0\r\n\
            Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKours\r\nRoute: <sip:10.0.0.1;lr>\r\n\
            Max-Forwards: 70\r\nTo: <sip:bob@b>;tag=x\r\nf: <sip:a@b>;tag=1\r\nCall-ID: abc\r\n\
            CSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(ack, expected);
    }

    #[test]
    fn a_cancel_differs_in_method_only() {
        let cancel = made(|sent, out| write_cancel(sent, b"Reason: SIP;cause=480\r\n", out));
        assert!(cancel.starts_with("CANCEL sip:bob@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9"));
        let tail = "To: <sip:bob@b>\r\nf: <sip:a@b>;tag=1\r\nCall-ID: abc\r\nCSeq: 7 CANCEL\r\n\
                    Reason: SIP;cause=480\r\nContent-Length: 0\r\n\r\n";
        assert!(cancel.ends_with(tail), "{cancel}");
    }
}
