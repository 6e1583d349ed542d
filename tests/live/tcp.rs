//! Calls over TCP, and between UDP and TCP.

use std::net::SocketAddr;

use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::stream::{Line, listener};
use crate::support::{Running, address};

/// Sends each request where its X-To says, and answers those that have none.
const SCRIPT: &str = "loadmodule \"proto_tcp.so\"\nloadmodule \"sl.so\"\nloadmodule \"tm.so\"\n\
    route {\n\
        if ($hdr(X-To) == NULL) { sl_send_reply(200, \"$pr $socket_in $Ri:$Rp $si:$sp\"); exit; }\n\
        $du = $hdr(X-To);\n\
        if ($hdr(X-How) == \"stateless\") { forward(); exit; }\n\
        if (!t_relay()) { sl_send_reply(500, \"no\"); }\n\
    }\n";

/// A gateway with so many workers; its address, the same for UDP and TCP.
pub fn gateway(script: &str, workers: &str) -> (Running, SocketAddr) {
    let at = address();
    let folder = crate::support::Folder::new();
    let sockets = format!("socket = udp:{at}\nsocket = tcp:{at}\n");
    let script = folder.write("test.cfg", &format!("{sockets}{script}"));
    (Running::gateway(&["-f", &script, "-n", workers]), at)
}

fn via(at: SocketAddr, branch: &str) -> String {
    format!("SIP/2.0/TCP {at};branch=z9hG4bK-{branch}")
}

/// A request with lines of its own.
fn to(call_id: &str, via: &str, more: &str) -> String {
    Request { call_id, more, ..Request::default() }.with_via(via)
}

#[test]
fn a_request_is_answered_by_its_connection() {
    let (_gateway, at) = gateway(SCRIPT, "2");
    let mut line = Line::to(at);
    for n in 0..10 {
        let call_id = format!("call-{n}");
        line.send(to(&call_id, &via(line.address(), &call_id), ""));
        let reply = line.receive();
        let expected = format!("SIP/2.0 200 tcp tcp:{at} {at} {}", line.address());
        assert_eq!(first_line(&reply), expected);
        assert_eq!(headers(&reply, "Call-ID"), [call_id]);
    }
}

#[test]
fn a_call_goes_from_udp_to_tcp_and_back() {
    let (_gateway, at) = gateway(SCRIPT, "2");
    let callee = listener();
    let there = callee.local_addr().unwrap();
    let caller = Agent::new();
    let mut connection = None;
    for n in 0..8 {
        for how in ["stateless", "stateful"] {
            let call_id = format!("call-{how}-{n}");
            let more = format!("X-To: <sip:{there};transport=tcp>\r\nX-How: {how}\r\n");
            let more = more.replace(['<', '>'], "");
            caller.send(
                at,
                Request { call_id: &call_id, more: &more, ..Request::default() }
                    .text(caller.address()),
            );
            // One connection serves all calls, whichever worker has them.
            let line = connection.get_or_insert_with(|| Line::from(&callee));
            let request = line.answer("200 OK");
            let own = headers(&request, "Via")[0];
            assert!(own.starts_with(&format!("SIP/2.0/TCP {at};branch=z9hG4bK")), "{own}");
            assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
        }
    }
}

#[test]
fn a_call_goes_from_tcp_to_udp_and_back() {
    let (_gateway, at) = gateway(SCRIPT, "2");
    let callee = Agent::new();
    let mut line = Line::to(at);
    for n in 0..8 {
        for how in ["stateless", "stateful"] {
            let call_id = format!("call-{how}-{n}");
            let more = format!("X-To: sip:{}\r\nX-How: {how}\r\n", callee.address());
            // A sent-by that leads nowhere: the reply goes by the connection.
            line.send(to(
                &call_id,
                &format!("SIP/2.0/TCP 192.0.2.7;branch=z9hG4bK{call_id}"),
                &more,
            ));
            let request = callee.answer("200 OK");
            let vias = headers(&request, "Via");
            assert!(vias[0].starts_with(&format!("SIP/2.0/UDP {at};branch=z9hG4bK")), "{vias:?}");
            assert_eq!(vias[0].contains(";i="), how == "stateless");
            assert!(vias[1].ends_with(";received=127.0.0.1"), "{vias:?}");
            let reply = line.receive();
            assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
            assert_eq!(headers(&reply, "Via").len(), 1);
        }
    }
}

#[test]
fn an_alias_of_the_script_leads_requests_to_the_connection() {
    let script = SCRIPT.replace("route {", "route { if ($hdr(X-Alias) != NULL) force_tcp_alias();");
    let (_gateway, at) = gateway(&script, "2");
    let mut line = Line::to(at);
    // Nobody listens where its Via says.
    let own = listener().local_addr().unwrap();
    line.send(to("one", &via(own, "one"), "X-Alias: yes\r\n"));
    assert!(line.receive().starts_with("SIP/2.0 200 tcp "));
    let caller = Agent::new();
    for n in 0..8 {
        let call_id = format!("call-{n}");
        let more = format!("X-To: sip:{own};transport=tcp\r\n");
        let request = Request { call_id: &call_id, more: &more, ..Request::default() };
        caller.send(at, request.text(caller.address()));
        line.answer("200 OK");
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
    }
}

#[test]
fn double_record_route_names_both_transports() {
    let script = "loadmodule \"tm.so\"\nloadmodule \"rr.so\"\nloadmodule \"sl.so\"\n\
        route { if (loose_route()) { t_relay(); exit; } record_route(); $du = $hdr(X-To); \
        if ($socket_in(proto) == \"udp\" && $proto == \"udp\") append_hf(\"X-By: udp\\r\\n\"); \
        if (proto == TCP) append_hf(\"X-By: tcp\\r\\n\"); t_relay(); }\n"
        .replace("route {", "loadmodule \"sipmsgops.so\"\nroute {");
    let (_gateway, at) = gateway(&script, "2");
    let (caller, callee) = (Agent::new(), listener());
    let there = callee.local_addr().unwrap();
    let more = format!(
        "X-To: sip:{there};transport=tcp\r\nContact: <sip:caller@{}>\r\n",
        caller.address()
    );
    let invite = Request { method: "INVITE", more: &more, ..Request::default() };
    caller.send(at, invite.text(caller.address()));
    let mut line = Line::from(&callee);
    let request = line.receive();
    let recorded = headers(&request, "Record-Route");
    assert_eq!(
        recorded,
        [
            format!("<sip:{at};transport=tcp;r2=on;lr;ftag=1>"),
            format!("<sip:{at};r2=on;lr;ftag=1>"),
        ]
    );
    assert_eq!(headers(&request, "X-By"), ["udp"]);
    assert_eq!(headers(&request, "Contact"), [format!("<sip:caller@{}>", caller.address())]);
    // The callee's BYE comes by TCP and leaves by UDP.
    let routes = recorded.iter().map(|route| format!("Route: {route}\r\n")).collect::<String>();
    let uri = format!("sip:caller@{}", caller.address());
    let bye = Request {
        method: "BYE",
        uri: &uri,
        to: "sip:caller@example.com>;tag=1;x=<y",
        more: &routes,
        ..Request::default()
    };
    line.send(bye.with_via(&via(there, "bye")));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 100 Giving it a try");
    let bye = caller.receive();
    assert_eq!(first_line(&bye), format!("BYE {uri} SIP/2.0"));
    assert!(headers(&bye, "Via")[0].starts_with(&format!("SIP/2.0/UDP {at};")));
    assert!(headers(&bye, "Route").is_empty());
    caller.send(at, reply(&bye, "200 OK"));
    assert_eq!(first_line(&line.receive()), "SIP/2.0 200 OK");
}

#[test]
fn a_peer_that_nobody_listens_at_is_told_at_once() {
    let script = SCRIPT.replace("$du = ", "t_on_failure(\"f\"); $du = ")
        + "failure_route[f] { if (t_check_status(\"503\") && $hdr(X-Else) != NULL) \
             { $du = $hdr(X-Else); t_relay(); } }\n";
    let (_gateway, at) = gateway(&script, "2");
    let caller = Agent::new();
    let callee = Agent::new();
    // A port that was free a moment ago.
    let nobody = listener().local_addr().unwrap();
    for n in 0..8 {
        let call_id = format!("call-{n}");
        let more = format!("X-To: sip:{nobody};transport=tcp\r\n");
        let text = |more: &str| {
            let request = Request { call_id: &call_id, more, ..Request::default() };
            request.with_via(&format!(
                "SIP/2.0/UDP {};branch=z9hG4bK{n}{}",
                caller.address(),
                more.len()
            ))
        };
        caller.send(at, text(&more));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 500 Server Internal Error");
        // Another one takes it.
        caller.send(at, text(&format!("{more}X-Else: sip:{}\r\n", callee.address())));
        callee.answer("200 OK");
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
    }
}

#[test]
fn without_its_connection_a_reply_goes_to_the_sent_by() {
    let (_gateway, at) = gateway(SCRIPT, "2");
    let (callee, caller) = (Agent::new(), listener());
    let own = caller.local_addr().unwrap();
    for how in ["stateless", "stateful"] {
        let mut line = Line::to(at);
        let more = format!("X-To: sip:{}\r\nX-How: {how}\r\n", callee.address());
        line.send(to(how, &via(own, how), &more));
        let request = callee.receive();
        drop(line);
        // A second request, so that the gateway has seen the end of the first one's connection.
        std::thread::sleep(std::time::Duration::from_millis(100));
        callee.send(at, reply(&request, "200 OK"));
        let mut back = Line::from(&caller);
        assert_eq!(first_line(&back.receive()), "SIP/2.0 200 OK");
    }
}
