//! The socket that a message leaves by, as the kernel sees it. All of 127.0.0.0/8 is ours, and is
//! reached from 127.0.0.1 unless another address is bound: so a gateway at 127.0.0.2 and 127.0.0.1
//! that got a request at the one answers for `mhomed` by the other.

use std::net::{IpAddr, SocketAddr};

use crate::sip::{Agent, Request, first_line, headers};
use crate::stream::{Line, listener};
use crate::support::{Folder, Running, ports};

const SCRIPT: &str = "loadmodule \"proto_tcp.so\"\nloadmodule \"sl.so\"\nloadmodule \"tm.so\"\n\
    route {\n\
        $du = $hdr(X-To);\n\
        if ($hdr(X-Socket) != NULL) $socket_out = $hdr(X-Socket);\n\
        if ($hdr(X-How) == \"stateless\") forward(); else t_relay();\n\
    }\n";

/// A gateway at 127.0.0.2, 127.0.0.1 and ::1 by UDP and TCP; where requests go, and its other
/// address.
fn gateway(globals: &str) -> (Running, SocketAddr, SocketAddr) {
    let port = ports(1);
    let at = |ip: [u8; 4]| SocketAddr::from((ip, port));
    let (second, first) = (at([127, 0, 0, 2]), at([127, 0, 0, 1]));
    let folder = Folder::new();
    let script = folder.write("test.cfg", &format!("{globals}{SCRIPT}"));
    let mut args = vec!["-f".to_owned(), script, "-n".to_owned(), "2".to_owned()];
    for socket in [format!("udp:{second}"), format!("udp:{first}"), format!("udp:[::1]:{port}")] {
        args.extend(["-l".to_owned(), socket]);
    }
    for socket in [format!("tcp:{second}"), format!("tcp:{first}")] {
        args.extend(["-l".to_owned(), socket]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    (Running::gateway(&args), second, first)
}

/// Where a request comes from that an agent gets, by the stack and by our Via.
fn came(agent: &Agent) -> (SocketAddr, String) {
    let (_, request, from) = crate::sip::first_of(std::slice::from_ref(agent));
    agent.send(from, crate::sip::reply(&request, "200 OK"));
    (from, via(&request))
}

fn via(request: &str) -> String {
    let via = headers(request, "Via")[0];
    via.split([' ', ';']).nth(1).unwrap().to_owned()
}

fn call(caller: &Agent, gateway: SocketAddr, call_id: &str, more: &str) {
    let request = Request { call_id, more, ..Request::default() };
    caller.send(gateway, request.text(caller.address()));
}

#[test]
fn the_kernel_chooses_with_mhomed() {
    for (globals, chosen) in [("", false), ("mhomed=yes\n", true)] {
        let (_gateway, second, first) = gateway(globals);
        let expected = if chosen { first } else { second };
        let caller = Agent::on(IpAddr::from([127, 0, 0, 5]));
        let callee = Agent::on(IpAddr::from([127, 0, 0, 3]));
        for n in 0..4 {
            for how in ["stateless", "stateful"] {
                let more = format!("X-To: sip:{}\r\nX-How: {how}\r\n", callee.address());
                call(&caller, second, &format!("{how}-{n}"), &more);
                assert_eq!(came(&callee), (expected, expected.to_string()), "{globals} {how}");
                let (_, reply, from) = crate::sip::first_of(std::slice::from_ref(&caller));
                assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
                // A transaction's replies leave by where its request came.
                assert!(from == second || how == "stateless", "{globals} {how}: {from}");
            }
        }
        // A forced socket is the script's choice.
        let socket = format!("X-Socket: udp:{second}\r\n");
        let more = format!("X-To: sip:{}\r\n{socket}", callee.address());
        call(&caller, second, "forced", &more);
        assert_eq!(came(&callee).0, second);
    }
}

#[test]
fn a_connection_is_opened_from_the_address_that_the_kernel_chooses() {
    for (globals, chosen) in [("", false), ("mhomed=yes\n", true)] {
        let (_gateway, second, first) = gateway(globals);
        let expected = if chosen { first } else { second };
        let (caller, callee) = (Agent::on(IpAddr::from([127, 0, 0, 5])), listener());
        let there = callee.local_addr().unwrap();
        call(&caller, second, "tcp", &format!("X-To: sip:{there};transport=tcp\r\n"));
        let mut line = Line::from(&callee);
        let request = line.answer("200 OK");
        assert_eq!((line.peer().ip(), via(&request)), (expected.ip(), expected.to_string()));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
        // The socket of the same address that speaks TCP.
        let socket = format!("X-Socket: udp:{first}\r\n");
        let more = format!("X-To: sip:{there};transport=tcp\r\n{socket}");
        call(&caller, second, "forced", &more);
        let mut forced = if chosen { line } else { Line::from(&callee) };
        let request = forced.answer("200 OK");
        assert_eq!((forced.peer().ip(), via(&request)), (first.ip(), first.to_string()));
    }
}

#[test]
fn the_other_family_is_reached_by_its_own_socket() {
    for globals in ["", "mhomed=yes\n"] {
        let (_gateway, second, _) = gateway(globals);
        let caller = Agent::on(IpAddr::from([127, 0, 0, 5]));
        let callee = Agent::on("::1".parse().unwrap());
        for how in ["stateless", "stateful"] {
            let more = format!("X-To: sip:{}\r\nX-How: {how}\r\n", callee.address());
            call(&caller, second, how, &more);
            let (from, via) = came(&callee);
            assert_eq!(from.to_string(), format!("[::1]:{}", second.port()));
            assert_eq!(via, from.to_string());
            assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
        }
        // Nobody speaks TCP there.
        call(&caller, second, "none", "X-To: sip:[::1]:9;transport=tcp\r\n");
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 477 Send failed (477/TM)");
    }
}
