//! Stateless replies, the gateway's own and those that pass: which Via, which address, which code.

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers, reply};

const ANSWERING: &str = "loadmodule \"sl.so\"\nroute { sl_send_reply(404, \"Not Here\"); }\n";

/// A Via as sent and as it comes back, but for `PORT`. A reply goes to the port that sent-by
/// names, and to the source's address (RFC 3261 18.2.1, 18.2.2).
const BY_SENT_BY: [(&str, &str); 4] = [
    (
        "SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKa", // the address is right
        "SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKa",
    ),
    (
        "SIP/2.0/UDP pc.example.com:PORT;branch=z9hG4bKb",
        "SIP/2.0/UDP pc.example.com:PORT;branch=z9hG4bKb;received=127.0.0.1",
    ),
    (
        "SIP/2.0/UDP 192.0.2.7:PORT;branch=z9hG4bKc",
        "SIP/2.0/UDP 192.0.2.7:PORT;branch=z9hG4bKc;received=127.0.0.1",
    ),
    (
        "SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKd;received=192.0.2.9", // not believed
        "SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKd;received=127.0.0.1",
    ),
];

/// RFC 3581: with `rport` the reply goes to the source's own port, which here is no other's.
const BY_RPORT: (&str, &str) = (
    "SIP/2.0/UDP 192.0.2.7:9;rport;branch=z9hG4bKe",
    "SIP/2.0/UDP 192.0.2.7:9;rport=PORT;branch=z9hG4bKe;received=127.0.0.1",
);

fn with_port((sent, back): (&str, &str), agent: &Agent) -> (String, String) {
    let port = agent.address().port().to_string();
    (sent.replace("PORT", &port), back.replace("PORT", &port))
}

#[test]
fn own_replies_go_by_the_via() {
    let live = Live::start(ANSWERING, 2);
    let (sender, named) = (Agent::new(), Agent::new());
    for case in BY_SENT_BY {
        let (sent, back) = with_port(case, &named);
        sender.send(live.address, Request::default().with_via(&sent));
        let answer = named.receive();
        assert_eq!(first_line(&answer), "SIP/2.0 404 Not Here");
        assert_eq!(headers(&answer, "Via"), [back]);
        let to = headers(&answer, "To")[0];
        assert!(to.starts_with("<sip:bob@example.com>;tag="), "{to}");
    }
    let (sent, back) = with_port(BY_RPORT, &sender);
    sender.send(live.address, Request::default().with_via(&sent));
    assert_eq!(headers(&sender.receive(), "Via"), [back]);
}

#[test]
fn passing_replies_go_by_the_via() {
    let (sender, named, destination) = (Agent::new(), Agent::new(), Agent::new());
    let script = format!("route {{ $du = \"sip:{}\"; forward(); }}", destination.address());
    let live = Live::start(&script, 2);
    let pass = |case, receiver: &Agent| {
        let (sent, back) = with_port(case, receiver);
        sender.send(live.address, Request::default().with_via(&sent));
        let received = destination.answer("200 OK");
        assert_eq!(headers(&received, "Via")[1..], [back.as_str()]);
        assert_eq!(headers(&receiver.receive(), "Via"), [back]);
    };
    BY_SENT_BY.into_iter().for_each(|case| pass(case, &named));
    pass(BY_RPORT, &sender);
}

#[test]
fn several_vias_come_back_in_their_order() {
    let live = Live::start(ANSWERING, 1);
    let caller = Agent::new();
    let more = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2, SIP/2.0/UDP 192.0.2.2\r\n";
    let sent = Request { more, ..Request::default() }.text(caller.address());
    caller.send(live.address, &sent);
    let answer = caller.receive();
    let split = |text: &str| headers(text, "Via").join(", ");
    assert_eq!(split(&answer), split(&sent));
}

#[test]
fn a_passing_503_becomes_500_unless_the_script_says_otherwise() {
    let (caller, destination) = (Agent::new(), Agent::new());
    for (global, expected) in [
        ("", "SIP/2.0 500 Service Unavailable"),
        ("disable_503_translation=yes", "SIP/2.0 503 Service Unavailable"),
    ] {
        let to = destination.address();
        let live = Live::start(&format!("{global}\nroute {{ forward(\"sip:{to}\"); }}"), 2);
        caller.send(live.address, Request::default().text(caller.address()));
        destination.answer("503 Service Unavailable");
        assert_eq!(first_line(&caller.receive()), expected);
    }
}

#[test]
fn replies_are_dropped_when_the_script_forwards_nothing() {
    let forwarding = "\nroute[never] { forward(); }\n";
    for (script, passes) in [
        (ANSWERING.to_owned(), false),
        (format!("{ANSWERING}{forwarding}"), true),
        (format!("disable_stateless_fwd=yes\n{ANSWERING}{forwarding}"), false),
        (format!("disable_stateless_fwd=no\n{ANSWERING}"), true),
    ] {
        // One worker, so that the answer to what is sent second comes second.
        let live = Live::start(&script, 1);
        let caller = Agent::new();
        let own = format!("SIP/2.0/UDP {};branch=z9hG4bKown", live.address);
        let behind = format!("Via: SIP/2.0/UDP {};branch=z9hG4bK1\r\n", caller.address());
        let passed = Request { more: &behind, ..Request::default() }.with_via(&own);
        caller.send(live.address, reply(&passed, "200 OK"));
        caller.send(live.address, Request::default().text(caller.address()));
        let expected = if passes { "SIP/2.0 200 OK" } else { "SIP/2.0 404 Not Here" };
        assert_eq!(first_line(&caller.receive()), expected, "{script}");
    }
}
