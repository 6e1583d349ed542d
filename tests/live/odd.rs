//! Datagrams that are no SIP, or hardly: each is counted or answered, and the gateway goes on.

use sluice_engine::counter::Counter;
use sluice_sip::Reason;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line};

/// The largest datagram of UDP over IPv4.
const LARGEST: usize = 65_507;

const SCRIPT: &str = "loadmodule \"sl.so\"\nroute { sl_send_reply(200, \"OK\"); }\n";

/// A request of so many bytes.
fn large(sender: std::net::SocketAddr, bytes: usize) -> String {
    let small = Request { call_id: "large", ..Request::default() }.text(sender);
    let head = small.replace("Content-Length: 0", "Content-Length: 00000");
    let length = bytes - head.len();
    head.replace("00000", &format!("{length:05}")) + &"x".repeat(length)
}

#[test]
fn what_is_no_sip_is_counted_and_the_gateway_goes_on() {
    let mut live = Live::start(SCRIPT, 2);
    let caller = Agent::new();
    let usual = Request::default().text(caller.address());
    let many = "X: y\r\n".repeat(1_500);
    let stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl".to_vec();
    let cases: Vec<(Vec<u8>, Reason)> = vec![
        (vec![], Reason::KeepAlive),
        (b"\n".to_vec(), Reason::KeepAlive),
        (b"\r\n\r\n".to_vec(), Reason::KeepAlive),
        (vec![0; 4], Reason::KeepAlive),
        (stun, Reason::Stun),
        (vec![b'x'; LARGEST], Reason::FirstLine),
        (usual.replace("OPTIONS sip", "OPT\0IONS sip").into_bytes(), Reason::FirstLine),
        (usual.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia").into_bytes(), Reason::Version),
        (usual.replace("To: ", "T\0o: ").into_bytes(), Reason::Header),
        (usual.trim_end().as_bytes().to_vec(), Reason::Unfinished),
        (usual.replace("To: ", &format!("{many}To: ")).into_bytes(), Reason::TooManyHeaders),
        (usual.replace("Call-ID: ", "X-Call-ID: ").into_bytes(), Reason::Mandatory),
        (usual.replace("Length: 0", "Length: 9").into_bytes(), Reason::ContentLength),
        (usual.replace("Length: 0", "Length: -1").into_bytes(), Reason::ContentLength),
    ];
    for (bytes, reason) in cases {
        let before = live.refused(reason);
        caller.send(live.address, &bytes);
        // One source port lands at one worker, so this is read after it.
        caller.send(live.address, &usual);
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK", "after {reason:?}");
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        assert_eq!(live.refused(reason), before + 1, "{reason:?}: {shown:?}");
    }
    assert_eq!(live.count(Counter::Panics), 0);
}

#[test]
fn the_largest_datagram_is_a_message_like_any_other() {
    let live = Live::start(SCRIPT, 2);
    let caller = Agent::new();
    let request = large(caller.address(), LARGEST);
    assert_eq!(request.len(), LARGEST);
    caller.send(live.address, &request);
    let answer = caller.receive();
    assert_eq!(first_line(&answer), "SIP/2.0 200 OK");
    assert!(answer.contains("Call-ID: large\r\n"));
    // Forwarded, it has outgrown UDP; nothing arrives, and the next call is served.
    let destination = Agent::new();
    let script = format!("route {{ $du = \"sip:{}\"; forward(); }}", destination.address());
    let live = Live::start(&script, 1);
    caller.send(live.address, &request);
    caller.send(live.address, Request::default().text(caller.address()));
    assert!(destination.answer("200 OK").contains("Call-ID: abc\r\n"));
    assert!(caller.receive().contains("Call-ID: abc\r\n"));
    // The largest that can still be forwarded arrives whole.
    caller.send(live.address, large(caller.address(), LARGEST - 200));
    let received = destination.receive();
    assert!(received.len() > LARGEST - 200 && received.ends_with('x'));
}
