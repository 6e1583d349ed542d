//! Local replies, the marks of the topmost Via, and its removal, on whole messages.

use sluice_sip::write::{Reply, ViaMarks, remove_top_via};
use sluice_sip::{Index, Message, Patches};

const REST: &str = "Record-Route: <sip:p1;lr>\r\nf: <sip:a@b>;tag=1\r\nTo : <sip:c@d>\r\n\
     Call-ID: 1@h\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\r\nbody";

fn request(vias: &str) -> Vec<u8> {
    format!("INVITE sip:c@d SIP/2.0\r\n{vias}{REST}").into_bytes()
}

fn with<R>(bytes: &[u8], look: impl FnOnce(Message<'_>) -> R) -> R {
    let mut index = Index::new();
    assert_eq!(index.scan(bytes), Ok(()));
    look(Message { bytes, index: &index })
}

fn marks(message: &Message<'_>, source: &str, force: bool) -> ViaMarks {
    let via = message.top_via().unwrap();
    ViaMarks::of(message, &via, &via.known(), source.parse().unwrap(), force)
}

fn reply(bytes: &[u8], status: u16, to_tag: Option<&[u8]>) -> String {
    with(bytes, |message| {
        let reply = Reply {
            status,
            phrase: b"Because",
            to_tag,
            via: marks(&message, "127.0.0.1:5070", false),
            lines: b"X-More: 1\r\n",
            server: b"Server: Sluice\r\n",
            body: b"",
        };
        let mut out = Vec::new();
        reply.write(&message, &mut out);
        String::from_utf8(out).unwrap()
    })
}

#[test]
fn a_reply_keeps_the_order_of_its_headers() {
    let bytes =
        request("v: SIP/2.0/UDP h:1;rport;branch=z1\r\nVia: SIP/2.0/UDP a,\r\n SIP/2.0/TCP b\n");
    let vias = "v: SIP/2.0/UDP h:1;rport=5070;branch=z1;received=127.0.0.1\r\n\
        Via: SIP/2.0/UDP a,\r\n SIP/2.0/TCP b\r\n";
    let tail = "Call-ID: 1@h\r\nCSeq: 1 INVITE\r\nX-More: 1\r\nServer: Sluice\r\n\
        Content-Length: 0\r\n\r\n";
    assert_eq!(
        reply(&bytes, 404, Some(b"me")),
        format!(
            "SIP/2.0 404 Because\r\n{vias}To : <sip:c@d>;tag=me\r\nf: <sip:a@b>;tag=1\r\n{tail}"
        )
    );
    for (status, routed) in [(100, false), (179, false), (180, true), (299, true), (300, false)] {
        assert_eq!(reply(&bytes, status, None).contains("Record-Route: <sip:p1;lr>\r\n"), routed);
    }
    let tagged = String::from_utf8(bytes).unwrap().replace("c@d>\r\n", "c@d>;tag=old\r\n");
    assert!(reply(tagged.as_bytes(), 200, Some(b"me")).contains("To : <sip:c@d>;tag=old\r\nf:"));
}

#[test]
fn a_reply_can_be_read_back() {
    let bytes = request("Via: SIP/2.0/UDP h\r\n");
    let written = reply(&bytes, 200, Some(b"me"));
    with(written.as_bytes(), |message| {
        assert_eq!(message.status(), Some(200));
        assert_eq!(message.to().unwrap().tag(), Some(&b"me"[..]));
        assert_eq!(message.top_via().unwrap().reply_to(), (&b"127.0.0.1"[..], 5060));
        assert!(message.has_good_cseq());
    });
}

#[test]
fn marks_of_the_topmost_via() {
    for (via, source, force, marked) in [
        ("127.0.0.1", "127.0.0.1:9", false, "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1:9", true, "127.0.0.1;received=127.0.0.1;rport=9"),
        ("h;branch=1", "10.0.0.1:9", false, "h;branch=1;received=10.0.0.1"),
        ("[::1];rport", "[::1]:7", false, "[::1];rport=7;received=::1"),
        ("[::1]:5060", "[::1]:7", false, "[::1]:5060"),
        ("h;received=8.8.8.8 ; RPORT=1;x", "1.2.3.4:5", false, "h;received=1.2.3.4 ;rport=5;x"),
        ("h;a=\";rport\"", "1.2.3.4:5", false, "h;a=\";rport\";received=1.2.3.4"),
        ("h;rport, SIP/2.0/UDP z", "1.2.3.4:5", false, "h;rport=5;received=1.2.3.4, SIP/2.0/UDP z"),
    ] {
        let bytes = request(&format!("Via: SIP/2.0/UDP {via}\r\n"));
        let written = with(&bytes, |message| {
            let mut patches = Patches::default();
            marks(&message, source, force).patch(&mut patches);
            let mut out = Vec::new();
            assert_eq!(patches.write(&bytes, &mut out), 0);
            String::from_utf8(out).unwrap()
        });
        let expected = request(&format!("Via: SIP/2.0/UDP {marked}\r\n"));
        assert_eq!(written, String::from_utf8(expected).unwrap());
    }
}

#[test]
fn the_topmost_via_value_is_removed() {
    for (vias, left) in [
        ("Via: SIP/2.0/UDP a\r\nv: SIP/2.0/UDP b\r\n", "v: SIP/2.0/UDP b\r\n"),
        ("Via: SIP/2.0/UDP a;x=\",\" ,\r\n SIP/2.0/UDP b, c\r\n", "Via: SIP/2.0/UDP b, c\r\n"),
        ("v:SIP/2.0/UDP a\r\n ;branch=1\nVia: x\r\n", "Via: x\r\n"),
        ("v:SIP/2.0/UDP a\r\n", ""),
    ] {
        let bytes = request(vias);
        let written = with(&bytes, |message| {
            let mut patches = Patches::default();
            remove_top_via(&message, &mut patches);
            let mut out = Vec::new();
            patches.write(&bytes, &mut out);
            out
        });
        assert_eq!(String::from_utf8(written), String::from_utf8(request(left)));
    }
}
