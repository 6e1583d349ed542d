//! Which connection and which address TCP uses: advertised ones, forced sockets, and messages that
//! no connection is opened for.

use std::time::Duration;

use crate::live::Live;
use crate::manage::run;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::stream::{Line, listener};
use crate::support::{Folder, Running, ports};

const HEAD: &str = "loadmodule \"proto_tcp.so\"\nloadmodule \"sl.so\"\nloadmodule \"tm.so\"\n\
    loadmodule \"rr.so\"\n";

fn gateway(script: &str, listen: &[&str]) -> Running {
    let folder = Folder::new();
    let path = folder.write("test.cfg", &format!("{HEAD}{script}"));
    let mut args = vec!["-f", &path, "-n", "2"];
    listen.iter().for_each(|socket| args.extend(["-l", socket]));
    Running::gateway(&args)
}

fn call(agent: &Agent, to: &str, call_id: &str, more: &str) {
    let request = Request { method: "INVITE", call_id, more, ..Request::default() };
    agent.send(to.parse().unwrap(), request.text(agent.address()));
}

#[test]
fn advertised_addresses_stand_in_via_and_record_route() {
    let port = ports(1);
    let at = format!("127.0.0.1:{port}");
    let (udp, tcp) =
        (format!("udp:{at} as 198.51.100.1:5070"), format!("tcp:{at} as gate.example"));
    let script = "route { if ($rm == \"ACK\") exit; record_route(); $du = $hdr(X-To); \
        if ($hdr(X-How) == \"stateless\") forward(); else t_relay(); }\n";
    let _gateway = gateway(script, &[&udp, &tcp]);
    let (caller, callee) = (Agent::new(), listener());
    let there = callee.local_addr().unwrap();
    let mut line = None;
    for how in ["stateless", "stateful"] {
        let more = format!("X-To: sip:{there};transport=tcp\r\nX-How: {how}\r\n");
        call(&caller, &at, how, &more);
        let line = line.get_or_insert_with(|| Line::from(&callee));
        let request = line.receive();
        let via = headers(&request, "Via")[0];
        assert!(via.starts_with(&format!("SIP/2.0/TCP gate.example:{port};branch=")), "{via}");
        assert_eq!(
            headers(&request, "Record-Route"),
            [
                format!("<sip:gate.example:{port};transport=tcp;r2=on;lr;ftag=1>"),
                "<sip:198.51.100.1:5070;r2=on;lr;ftag=1>".to_owned(),
            ]
        );
        line.send(reply(&request, "486 Busy"));
        while first_line(&caller.receive()) != "SIP/2.0 486 Busy" {}
    }
}

#[test]
fn a_forced_socket_is_the_one_that_the_connection_is_opened_from() {
    let port = ports(2);
    let sockets: Vec<String> = ["udp:127.0.0.1", "tcp:127.0.0.1", "tcp:127.0.0.2"]
        .iter()
        .map(|socket| format!("{socket}:{port}"))
        .chain([format!("tcp:127.0.0.1:{}", port + 1)])
        .collect();
    let listen: Vec<&str> = sockets.iter().map(String::as_str).collect();
    let script = "route { $du = $hdr(X-To); force_send_socket($hdr(X-Socket)); t_relay(); }\n";
    let _gateway = gateway(script, &listen);
    let (caller, callee) = (Agent::new(), listener());
    let there = callee.local_addr().unwrap();
    for socket in &sockets[1..] {
        let more = format!("X-To: sip:{there};transport=tcp\r\nX-Socket: {socket}\r\n");
        call(&caller, &format!("127.0.0.1:{port}"), socket, &more);
        let mut line = Line::from(&callee);
        let own = socket.strip_prefix("tcp:").unwrap();
        assert_eq!(line.peer().ip().to_string(), own.split_once(':').unwrap().0);
        let request = line.answer("486 Busy");
        let via = headers(&request, "Via")[0];
        assert!(via.starts_with(&format!("SIP/2.0/TCP {own};")), "{via}");
        while first_line(&caller.receive()) != "SIP/2.0 486 Busy" {}
        assert!(line.receive().starts_with("ACK "));
    }
}

/// Values of counters of the program's own.
fn counted(live: &Live, names: &[&str]) -> Vec<u64> {
    let all = run(&live.management(), "get_statistics", &["sluice:"]);
    names.iter().map(|name| all[&format!("sluice:{name}")].as_u64().unwrap()).collect()
}

#[test]
fn flags_keep_connections_from_being_opened() {
    let script = format!(
        "tcp_no_new_conn_bflag=OLD_ONLY\ntcp_no_new_conn_rplflag=OLD_REPLY\n{HEAD}\
         route {{ if ($rm == \"ACK\") exit; if ($hdr(X-Open) == NULL) setbflag(OLD_ONLY); \
         setflag(OLD_REPLY); $du = $hdr(X-To); \
         if ($hdr(X-How) == \"stateless\") forward(); else t_relay(); }}\n"
    );
    let live = Live::start_both(&script, 2);
    let (caller, callee) = (Agent::new(), listener());
    let there = callee.local_addr().unwrap();
    let to = format!("X-To: sip:{there};transport=tcp\r\n");
    let at = live.address.to_string();
    call(&caller, &at, "closed", &to);
    while first_line(&caller.receive()) != "SIP/2.0 500 Server Internal Error" {}
    call(&caller, &at, "opened", &format!("{to}X-Open: yes\r\n"));
    let mut line = Line::from(&callee);
    line.answer("486 Busy");
    while first_line(&caller.receive()) != "SIP/2.0 486 Busy" {}
    assert!(line.receive().starts_with("ACK "));
    for how in ["stateful", "stateless"] {
        call(&caller, &at, how, &format!("{to}X-How: {how}\r\n"));
        line.answer("486 Busy");
        while first_line(&caller.receive()) != "SIP/2.0 486 Busy" {}
        if how == "stateful" {
            assert!(line.receive().starts_with("ACK "));
        }
    }
    // A caller whose connection is gone is not called back.
    let (agent, own) = (Agent::new(), listener());
    let mut line = Line::to(live.address);
    let more = format!("X-To: sip:{}\r\nX-Open: yes\r\n", agent.address());
    let via = format!("SIP/2.0/TCP {};branch=z9hG4bKgone", own.local_addr().unwrap());
    line.send(Request { call_id: "gone", more: &more, ..Request::default() }.with_via(&via));
    let request = agent.receive();
    drop(line);
    std::thread::sleep(Duration::from_millis(100));
    agent.send(live.address, reply(&request, "200 OK"));
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    while counted(&live, &["stream_not_connected", "stream_replies_lost"]) != [2, 1] {
        assert!(std::time::Instant::now() < end, "{:?}", counted(&live, &["stream_not_connected"]));
        std::thread::sleep(Duration::from_millis(5));
    }
    own.set_nonblocking(true).unwrap();
    assert!(own.accept().is_err());
}
