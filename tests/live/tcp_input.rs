//! What comes by a connection and is no clean message: the stream is kept in step, or ended with a
//! counter. Whatever one connection sends, others are served.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::sip::{Request, first_line, headers};
use crate::stream::Line;
use crate::support::{Folder, address};
use crate::told::{Told, fifo_lines};

/// Answers everything.
const ANSWER: &str = "loadmodule \"proto_tcp.so\"\nloadmodule \"sl.so\"\n\
    route { sl_send_reply(200, \"OK\"); }\n";

/// A gateway that serves TCP and can be asked for its counters.
struct Gateway {
    told: Told,
    at: SocketAddr,
}

impl Gateway {
    fn new(lines: &str) -> Self {
        let (folder, at) = (Folder::new(), address());
        let script = format!("{}{lines}{ANSWER}", fifo_lines(&folder));
        let tcp = format!("tcp:{at}");
        let told = Told::start(folder, &["-f", "-", "-l", &tcp, "-n", "1"], &script);
        Self { told, at }
    }

    /// The counter of a stream event, once it is `expected`.
    fn await_count(&self, name: &str, expected: u64) {
        let count = || {
            let all = self.told.call("get_statistics", &["sluice:"]).unwrap();
            all[format!("sluice:{name}")].as_u64()
        };
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while count() != Some(expected) {
            assert!(std::time::Instant::now() < end, "{name}: {:?}, not {expected}", count());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends to a new connection, and waits until it is closed; what came before.
    fn ends(&self, bytes: &[u8]) -> Vec<u8> {
        let mut line = Line::to(self.at);
        line.try_send(bytes);
        let sent = line.closed();
        self.serves();
        sent
    }

    /// Another connection is served.
    fn serves(&self) {
        let mut line = Line::to(self.at);
        line.send(message("other", ""));
        assert_eq!(first_line(&line.receive()), "SIP/2.0 200 OK");
    }
}

fn message(call_id: &str, more: &str) -> String {
    Request { call_id, more, ..Request::default() }
        .with_via(&format!("SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-{call_id}"))
}

/// The replies to these calls, in order.
fn answered(line: &mut Line, calls: &[&str]) {
    for call in calls {
        let reply = line.receive();
        assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
        assert_eq!(headers(&reply, "Call-ID"), [*call]);
    }
}

#[test]
fn messages_are_found_however_they_are_cut() {
    let gateway = Gateway::new("");
    let mut line = Line::to(gateway.at);
    // Two in a segment.
    line.send([message("a", ""), message("b", "")].concat());
    answered(&mut line, &["a", "b"]);
    // One and a half, then the rest.
    let (c, d) = (message("c", ""), message("d", ""));
    let (head, tail) = d.split_at(d.len() / 2);
    line.send([&c, head].concat());
    answered(&mut line, &["c"]);
    line.send(tail);
    answered(&mut line, &["d"]);
    // Byte by byte.
    for byte in message("e", "").bytes() {
        line.send([byte]);
    }
    answered(&mut line, &["e"]);
    // A cut within the CRLFCRLF that ends the header part, at each place.
    for cut in 1..4 {
        let whole = message("f", "");
        let (head, tail) = whole.split_at(whole.len() - cut);
        line.send(head);
        std::thread::sleep(Duration::from_millis(20));
        line.send(tail);
        answered(&mut line, &["f"]);
    }
    gateway.await_count("stream_messages", 8);
}

#[test]
fn keep_alives_are_answered() {
    let gateway = Gateway::new("");
    let mut line = Line::to(gateway.at);
    line.send("\r\n\r\n");
    assert_eq!(line.bytes(2), b"\r\n");
    // Cut within: RFC 5626 asks for both line ends.
    line.send("\r\n\r");
    assert!(line.is_silent(Duration::from_millis(100)));
    line.send("\n");
    assert_eq!(line.bytes(2), b"\r\n");
    // 2,000 line ends are answered, but not each.
    line.send("\r\n".repeat(2_000));
    line.send(message("g", ""));
    let mut pongs = 0;
    while line.bytes(1) == b"\r" {
        assert_eq!(line.bytes(1), b"\n");
        pongs += 1;
    }
    assert!((1..=1_000).contains(&pongs), "{pongs}");
    assert!(line.receive().starts_with("IP/2.0 200 OK"));
    gateway.serves();
}

#[test]
fn keep_alives_are_not_answered_when_the_script_says_so() {
    let lines = "loadmodule \"proto_tcp.so\"\nmodparam(\"proto_tcp\", \"tcp_crlf_pingpong\", 0)\n";
    let gateway = Gateway::new(lines);
    let mut line = Line::to(gateway.at);
    line.send(format!("\r\n\r\n{}", message("h", "")));
    answered(&mut line, &["h"]);
}

#[test]
fn what_cannot_be_told_apart_ends_the_connection() {
    let gateway = Gateway::new("");
    let without = message("i", "").replace("Content-Length: 0\r\n", "");
    let with = |length: &str| message("i", "").replace("Content-Length: 0", length);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let endless = format!("OPTIONS sip:a SIP/2.0\r\n{}", "X-Filler: y\r\n".repeat(6_000));
    for (bytes, counter) in [
        (without.as_bytes(), "stream_no_length"),
        (with("Content-Length: -5").as_bytes(), "stream_bad_length"),
        (with("Content-Length: 0\r\nl: 5").as_bytes(), "stream_two_lengths"),
        (hello, "stream_tls"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "stream_http"),
        (b"hello\r\n\r\n", "stream_first_line"),
        (endless.as_bytes(), "stream_endless_head"),
    ] {
        assert_eq!(gateway.ends(bytes), b"", "{counter}");
        gateway.await_count(counter, 1);
    }
    // What came before is answered.
    let sent = gateway.ends(&[message("j", "").as_bytes(), b"garbage\r\n"].concat());
    assert!(sent.starts_with(b"SIP/2.0 200 OK"), "{}", sent.escape_ascii());
}

#[test]
fn a_message_that_is_too_large_is_refused_and_the_next_one_served() {
    let gateway = Gateway::new("");
    let mut line = Line::to(gateway.at);
    let large = message("large", "").replace("Content-Length: 0", "Content-Length: 70000");
    line.send(&large);
    let refusal = line.receive();
    assert_eq!(first_line(&refusal), "SIP/2.0 513 Message Too Large");
    assert_eq!(headers(&refusal, "Call-ID"), ["large"]);
    line.send(vec![b'x'; 70_000]);
    line.send(message("next", ""));
    answered(&mut line, &["next"]);
    // The largest passes.
    let head = message("full", "").replace("Content-Length: 0", "Content-Length: 65000").len();
    let body = 65_535 - head;
    let full = message("full", "").replace("Content-Length: 0", &format!("Content-Length: {body}"));
    line.send([full.as_bytes(), &vec![b'x'; body]].concat());
    answered(&mut line, &["full"]);
    // Nobody waits for four gigabytes.
    let huge = message("huge", "").replace("Content-Length: 0", "Content-Length: 4294967295");
    let sent = gateway.ends(huge.as_bytes());
    assert!(sent.starts_with(b"SIP/2.0 513 "), "{}", sent.escape_ascii());
    gateway.await_count("stream_too_large", 2);
    gateway.await_count("stream_lost", 1);
}

#[test]
fn connections_are_listed() {
    let gateway = Gateway::new("");
    let mut line = Line::to(gateway.at);
    line.send(message("n", ""));
    answered(&mut line, &["n"]);
    let listed = gateway.told.command("list_tcp_conns").unwrap();
    let [connection] = listed["Connections"].as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(connection["Type"], "tcp");
    assert_eq!(connection["Source"], line.address().to_string());
    assert_eq!(connection["Destination"], gateway.at.to_string());
    assert_eq!(connection["Opened by"], "peer");
    drop(line);
    gateway.await_count("stream_peer_closed", 1);
    assert_eq!(gateway.told.command("list_tcp_conns").unwrap()["Connections"], json!([]));
}

#[test]
fn a_bad_message_costs_itself_only() {
    let gateway = Gateway::new("");
    let mut line = Line::to(gateway.at);
    let bad = message("k", "").replace("Call-ID: k\r\n", "");
    line.send([&bad, &message("l", "")].map(String::as_str).concat());
    answered(&mut line, &["l"]);
}

#[test]
fn what_does_not_go_on_is_ended() {
    let lines = "tcp_max_msg_time = 1\ntcp_connection_lifetime = 2\n";
    let gateway = Gateway::new(lines);
    let mut slow = Line::to(gateway.at);
    slow.send("OPTIONS sip:a SIP/2.0\r\n");
    let idle = Line::to(gateway.at);
    assert_eq!((slow.closed(), idle.closed()), (vec![], vec![]));
    gateway.await_count("stream_slow_message", 1);
    gateway.await_count("stream_idle", 1);
}

#[test]
fn pieces_are_counted_when_the_script_says_so() {
    let lines = "loadmodule \"proto_tcp.so\"\nmodparam(\"proto_tcp\", \"tcp_max_msg_chunks\", 3)\n";
    let gateway = Gateway::new(lines);
    let mut line = Line::to(gateway.at);
    for byte in message("m", "").bytes().take(10) {
        line.try_send(&[byte]);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(line.closed(), b"");
    gateway.await_count("stream_chunks", 1);
}
