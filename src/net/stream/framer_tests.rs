//! Tests of the framer.

use super::*;

const SMALL: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc";

/// All that a stream holds when it comes in pieces of so many bytes.
fn frames(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, usize, Option<Broken>) {
    let (mut framer, mut input) = (Framer::default(), Vec::new());
    let (mut messages, mut pings) = (Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        input.extend_from_slice(piece);
        loop {
            let len = match framer.step(&input) {
                Step::More => break,
                Step::Message(len) => {
                    messages.push(input[..len].to_vec());
                    len
                }
                Step::Blank { len, ping } => {
                    pings += usize::from(ping);
                    len
                }
                Step::TooLarge { head, .. } => head,
                Step::Skipped(len) => len,
                Step::Broken(broken) => return (messages, pings, Some(broken)),
            };
            input.drain(..len);
        }
    }
    (messages, pings, None)
}

fn broken(bytes: &[u8]) -> Option<Broken> {
    let whole = frames(bytes, bytes.len());
    assert_eq!(frames(bytes, 1).2, whole.2);
    whole.2
}

#[test]
fn pieces_of_any_size_give_the_same_messages() {
    let reply = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h\r\nContent-Length : 0\r\n\r\n";
    let stream = [SMALL, b"\r\n\r\n", reply, b"\r\n", SMALL].concat();
    for piece in 1..stream.len() {
        let (messages, pings, broken) = frames(&stream, piece);
        assert_eq!((pings, broken), (1, None), "{piece}");
        assert_eq!(messages, [SMALL, reply, SMALL], "{piece}");
    }
}

#[test]
fn each_two_line_ends_are_a_keep_alive() {
    for (stream, expected) in [("\r\n", 0), ("\r\n\r\n", 1), ("\r\n\r\n\r\n", 1), ("\n\n", 0)] {
        assert_eq!(frames(stream.as_bytes(), 1).1, expected, "{stream:?}");
    }
    assert_eq!(frames(&b"\r\n".repeat(2_000), 4_000).1, 1_000);
}

#[test]
fn lengths_that_are_none_break_the_stream() {
    let with = |length: &str| format!("OPTIONS sip:a SIP/2.0\r\n{length}Via: v\r\n\r\n");
    for (length, expected) in [
        ("", Some(Broken::NoLength)),
        ("Content-Length: -1\r\n", Some(Broken::BadLength)),
        ("Content-Length:\r\n", Some(Broken::BadLength)),
        ("Content-Length: 1a\r\n", Some(Broken::BadLength)),
        ("Content-Length: 1\r\n 2\r\n", Some(Broken::BadLength)),
        ("Content-Length: 0\r\nl: 1\r\n", Some(Broken::TwoLengths)),
        ("Content-Length: 0\r\nl: 00\r\n", None),
        ("CONTENT-LENGTH\t:\r\n  0 \r\n", None),
        ("l:0\n", None),
    ] {
        assert_eq!(broken(with(length).as_bytes()), expected, "{length:?}");
    }
}

#[test]
fn what_is_no_sip_is_named() {
    for (stream, expected) in [
        (&b"\x16\x03\x01\x02\x00\x01"[..], Broken::Tls),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", Broken::Http),
        (b"hello\r\n", Broken::FirstLine),
        (b"SIP/2.0\x00", Broken::FirstLine),
        (b"\x00\x00\x00\x00", Broken::FirstLine),
        (b" SIP/2.0x\r\nsip/2.0\r\n", Broken::FirstLine),
    ] {
        let found = frames(stream, stream.len()).2;
        let name = stream.escape_ascii();
        if stream.starts_with(b" SIP") {
            assert_eq!(found, None, "{name}: judged by the parser");
        } else {
            assert_eq!(found, Some(expected), "{name}");
        }
    }
}

#[test]
fn a_header_part_without_end_is_given_up() {
    let mut stream = b"OPTIONS sip:a SIP/2.0\r\n".to_vec();
    while stream.len() < MESSAGE_BYTES {
        stream.extend_from_slice(b"X: y\r\n");
    }
    assert_eq!(frames(&stream, 4_096).2, Some(Broken::EndlessHead));
    let line = [b'x'; MESSAGE_BYTES];
    assert_eq!(frames(&line, 4_096).2, Some(Broken::EndlessHead));
}

#[test]
fn a_large_body_is_skipped_and_the_next_message_is_found() {
    let head = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 70000\r\n\r\n";
    let stream = [&head[..], &[b'\r'; 70_000], SMALL].concat();
    for piece in [1_000, 65_536, stream.len()] {
        let (messages, pings, broken) = frames(&stream, piece);
        assert_eq!((messages.len(), pings, broken), (1, 0, None), "{piece}");
        assert_eq!(messages[0], SMALL);
    }
    let mut framer = Framer::default();
    assert_eq!(framer.step(&stream), Step::TooLarge { head: head.len(), lost: false });
}

#[test]
fn a_length_beyond_all_bounds_ends_the_stream() {
    for length in ["2000000", "4294967296", "99999999999999999999999999"] {
        let head = format!("MESSAGE sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
        let step = Framer::default().step(head.as_bytes());
        assert_eq!(step, Step::TooLarge { head: head.len(), lost: true }, "{length}");
    }
}

#[test]
fn the_largest_message_passes() {
    let head = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 65487\r\n\r\n";
    let body = MESSAGE_BYTES - head.len();
    assert_eq!(body, 65_487);
    let stream = [&head[..], &vec![0; body], b"\r\n\r\n"].concat();
    let (messages, pings, broken) = frames(&stream, 10_000);
    assert_eq!((messages.len(), messages[0].len(), pings, broken), (1, MESSAGE_BYTES, 1, None));
}
