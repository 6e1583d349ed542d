//! Each bad datagram with its exact reason, and what is only odd but accepted.

use sluice_sip::{Index, Message, Reason};
use sluice_tests::targets::message::agree;

const START: &str = "OPTIONS sip:a@b SIP/2.0\r\n";
const HEADERS: &str = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
     Call-ID: 1@h\r\nCSeq: 1 OPTIONS\r\n";

/// The verdict, after the oracle agreed.
fn verdict(bytes: impl AsRef<[u8]>) -> Result<(), Reason> {
    agree(&mut Index::new(), bytes.as_ref())
}

fn with(extra: &str, body: &str) -> String {
    format!("{START}{HEADERS}{extra}\r\n{body}")
}

#[test]
fn keep_alives() {
    for bytes in ["", "\n", "x", "\0", "\r\n", "\r\n\r\n", "\0\0\0\0", " \r\n\t"] {
        assert_eq!(verdict(bytes), Err(Reason::KeepAlive), "{bytes:?}");
    }
}

#[test]
fn stun() {
    let binding = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    assert_eq!(verdict(binding), Err(Reason::Stun));
    assert_eq!(verdict([1, 1]), Err(Reason::Stun));
}

#[test]
fn nul_bytes() {
    for start in ["OPT\0IONS sip:a SIP/2.0", "OPTIONS sip:\0a SIP/2.0", "SIP/2.0 200 O\0K"] {
        assert_eq!(verdict(format!("{start}\r\n{HEADERS}\r\n")), Err(Reason::FirstLine));
    }
    assert_eq!(verdict(format!("\0{START}{HEADERS}\r\n")), Err(Reason::Stun));
    assert_eq!(verdict(format!("\r\n\0{START}{HEADERS}\r\n")), Err(Reason::FirstLine));
    for name in ["X\0", "\0X", "To\0", "l\0", "A-Very-Long-Header\0-Name"] {
        assert_eq!(verdict(with(&format!("{name}: 1\r\n"), "")), Err(Reason::Header), "{name:?}");
    }
    assert_eq!(verdict(with("X: a\0b\r\n", "\0")), Ok(()), "values may hold anything");
}

#[test]
fn first_lines() {
    for start in [
        "hello",
        "OPTIONS sip:a@b",
        "OPTIONS SIP/2.0",
        "OPTIONS sip:a b SIP/2.0",
        "OPTIONS  \rsip:a SIP/2.0",
        " OPTIONS sip:a SIP/2.0",
        "OPTI(ONS sip:a SIP/2.0",
        "OPTIONS sip:a HTTP/1.1",
        "Via: SIP/2.0/UDP h",
        "SIP/2.0",
        "SIP/2.0 20 OK",
        "SIP/2.0 700 No",
        "SIP/2.0 099 No",
        "SIP/2.0 2000",
        "SIP/2.0 200OK",
    ] {
        let bytes = format!("{start}\r\n{HEADERS}\r\n");
        assert_eq!(verdict(&bytes), Err(Reason::FirstLine), "{start}");
        assert_eq!(verdict(start), Err(Reason::FirstLine), "{start}");
    }
    for start in
        ["OPTIONS sip:a SIP/3.0", "OPTIONS sip:a SIP/2.00", "SIP/1.0 200 OK", "SIP/ 200 OK"]
    {
        let bytes = format!("{start}\r\n{HEADERS}\r\n");
        assert_eq!(verdict(&bytes), Err(Reason::Version), "{start}");
    }
    assert_eq!(verdict(format!("\r\n\r\n{}", with("", ""))), Ok(()), "RFC 3261 7.5");
}

#[test]
fn headers_that_do_not_end() {
    let good = with("", "");
    for len in START.len()..good.len() {
        assert_eq!(verdict(&good[..len]), Err(Reason::Unfinished), "{len}");
    }
    assert_eq!(verdict(&good), Ok(()));
}

#[test]
fn broken_headers() {
    for extra in
        ["no colon\r\n", ": no name\r\n", "bad name: x\r\n", "X(: x\r\n", "Call\rID: x\r\n"]
    {
        assert_eq!(verdict(with(extra, "")), Err(Reason::Header), "{extra:?}");
    }
    let fold_first = format!("{START} Via: x\r\n{HEADERS}\r\n");
    assert_eq!(verdict(fold_first), Err(Reason::Header));
}

#[test]
fn missing_headers() {
    for missing in 0..5 {
        let mut lines: Vec<&str> = HEADERS.split_inclusive('\n').collect();
        let line = lines.remove(missing);
        let absent = format!("{START}{}\r\n", lines.concat());
        assert_eq!(verdict(absent), Err(Reason::Mandatory), "{line}");
        let name = line.split(':').next().unwrap();
        let empty = format!("{START}{}{name}: \r\n\r\n", lines.concat());
        assert_eq!(verdict(empty), Err(Reason::Mandatory), "{line}");
    }
}

#[test]
fn too_many_headers() {
    assert_eq!(verdict(with(&"X: 1\r\n".repeat(1_500 - 5), "")), Err(Reason::TooManyHeaders));
    assert_eq!(verdict(with(&"X-Long: 1\r\n".repeat(252), "")), Err(Reason::TooManyHeaders));
    assert_eq!(verdict(with(&"X-Long: 1\r\n".repeat(251), "")), Ok(()));
    assert_eq!(verdict(with(&format!("X: 1\r\n{}", " 2\r\n".repeat(1_500)), "")), Ok(()));
}

#[test]
fn content_lengths() {
    for (extra, body) in [
        ("Content-Length: 5\r\n", "1234"),
        ("Content-Length: -1\r\n", "1234"),
        ("Content-Length: +4\r\n", "1234"),
        ("Content-Length: 4x\r\n", "1234"),
        ("Content-Length: \r\n", ""),
        ("Content-Length: 99999999999999999999\r\n", "1234"),
        ("Content-Length: 4294967297\r\n", "1"),
        ("Content-Length: 4\r\nl: 3\r\n", "1234"),
        ("l: 4\r\nX: 1\r\nContent-Length: x\r\n", "1234"),
        ("Content-Length: 4, 4\r\n", "1234"),
    ] {
        assert_eq!(verdict(with(extra, body)), Err(Reason::ContentLength), "{extra}");
    }
    for (extra, len) in [
        ("", 4),
        ("Content-Length: 4\r\n", 4),
        ("l:0002\r\n", 2),
        ("Content-Length: 0\r\n", 0),
        ("Content-Length: 3\r\nl: 03\r\n", 3),
    ] {
        let bytes = with(extra, "1234");
        let mut index = Index::new();
        assert_eq!(agree(&mut index, bytes.as_bytes()), Ok(()), "{extra}");
        let message = Message { bytes: bytes.as_bytes(), index: &index };
        assert_eq!(message.body().len(), len, "{extra}: the rest is ignored");
    }
}

#[test]
fn sizes() {
    let largest = |size: usize| {
        let empty = with("Content-Length: 00000\r\n", "").len();
        let len = size - empty;
        with(&format!("Content-Length: {len:05}\r\n"), &"x".repeat(len))
    };
    assert_eq!(verdict(largest(65_507)), Ok(()));
    assert_eq!(verdict(largest(65_535)), Ok(()));
    assert_eq!(verdict(largest(65_536)), Err(Reason::TooLarge));
    let fill = 65_507 - with("X-Long: \r\n", "").len();
    assert_eq!(verdict(with(&format!("X-Long: {}\r\n", "y".repeat(fill)), "")), Ok(()));
}

#[test]
fn a_good_cseq_is_digits_blanks_and_the_method_of_the_request() {
    for (cseq, good) in [
        ("1 OPTIONS", true),
        ("4294967295 \t OPTIONS", true),
        ("1\r\n OPTIONS", true),
        ("4294967296 OPTIONS", false),
        ("1 INVITE", false),
        ("1 options", false),
        ("1 XOPTIONS", false),
        ("1 X OPTIONS", false),
        ("1OPTIONS", false),
        ("x OPTIONS", false),
        (" OPTIONS", false),
        ("OPTIONS", false),
        ("1", false),
    ] {
        let bytes = with("", "").replace("CSeq: 1 OPTIONS", &format!("CSeq: {cseq}"));
        let mut index = Index::new();
        assert_eq!(agree(&mut index, bytes.as_bytes()), Ok(()));
        let message = Message { bytes: bytes.as_bytes(), index: &index };
        assert_eq!(message.has_good_cseq(), good, "{cseq}");
    }
}
