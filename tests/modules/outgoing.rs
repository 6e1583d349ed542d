//! Which socket a message leaves by: forced, by the kernel's route (`mhomed`), or the usual one;
//! and what is counted where there is none.

use sluice_engine::counter::Counter;
use sluice_engine::job::Job;
use sluice_engine::sockets::{Proto, Sockets};
use sluice_tests::world::{Plan, World, located, request, socket};

const CALLER: &str = "10.0.0.9:5060";
const SOCKETS: [(Proto, &str); 5] = [
    (Proto::Udp, "10.0.0.1:5060"),
    (Proto::Udp, "192.168.0.1:5060"),
    (Proto::Udp, "192.168.0.1:5062"),
    (Proto::Tcp, "10.0.0.1:5060"),
    (Proto::Tcp, "192.168.0.1:5060"),
];

/// A world with some of the sockets; requests come to the first.
fn world(count: usize, globals: &str, route: &str) -> World {
    try_world(count, globals, route).unwrap_or_else(|why| panic!("{why}"))
}

fn try_world(count: usize, globals: &str, route: &str) -> Result<World, String> {
    let listen = SOCKETS[..count].iter();
    let listen = listen.map(|(proto, at)| socket(*proto, at.parse().unwrap())).collect();
    let sockets = Some(Sockets { listen, aliases: Vec::new() });
    let modules = "loadmodule \"sl\"\nloadmodule \"tm\"\n";
    let script = format!("{modules}{globals}\nroute {{ {route} }}\n");
    Plan { sockets, ..Plan::default() }.try_run(&script)
}

/// The sockets by which a request leaves that says where it goes.
fn by(world: &mut World) -> Vec<u16> {
    let sent = world.receive(CALLER, request("OPTIONS sip:b@x SIP/2.0", ""));
    sent.iter().map(|one| one.socket.0).collect()
}

const SEND: [&str; 2] = ["forward();", "t_relay();"];

#[test]
fn the_kernel_is_asked_once_and_chooses() {
    for send in SEND {
        for (to, socket) in [
            ("sip:192.168.0.7", 1),
            ("sip:192.168.0.7;transport=tcp", 4),
            ("sip:192.168.0.7:5080", 1),
        ] {
            let mut world = world(5, "mhomed=yes", &format!("$du = \"{to}\"; {send}"));
            assert!(by(&mut world).is_empty(), "{send} waits");
            let Some(Job::Locate(place)) = world.asked() else { panic!("{:?}", world.asked()) };
            assert_eq!(&*place.host, "192.168.0.7");
            let (to, source) = (place.address().unwrap(), "192.168.0.1".parse().unwrap());
            let port = place.port.unwrap();
            world.program.shared().sources.keep(to, Some(source), 0);
            let answer = match place.proto {
                Some(Proto::Udp) => located(port, &["192.168.0.7"]),
                _ => tcp(port),
            };
            let sent = world.answer(answer);
            assert_eq!(sent.len(), 1);
            assert_eq!(sent[0].socket.0, socket, "{send} {to}");
            assert!(sent[0].text().contains("Via: SIP/2.0/"), "{}", sent[0].text());
            let via = SOCKETS[usize::from(socket)].1.trim_end_matches(":5060");
            assert!(sent[0].text().contains(&format!(" {via};branch=")), "{}", sent[0].text());
            assert_eq!(by(&mut world), [socket], "{send} knows it now");
            assert!(world.asked().is_none());
        }
    }
}

fn tcp(port: u16) -> sluice_engine::job::Answer {
    let addresses: Vec<std::net::IpAddr> = vec!["192.168.0.7".parse().unwrap()];
    let located = sluice_engine::targets::Located::host(Proto::Tcp, port, addresses);
    sluice_engine::job::Answer::Located(std::sync::Arc::new(located))
}

#[test]
fn a_forced_socket_and_an_unknown_way_ask_nobody_again() {
    for send in SEND {
        let forced = format!("force_send_socket(\"udp:192.168.0.1:5062\"); {send}");
        let route = format!("$du = \"sip:192.168.0.7\"; {forced}");
        let mut forcing = world(5, "mhomed=yes", &route);
        assert_eq!(by(&mut forcing), [2], "{send}");
        // No route, or by an address that no socket has: as without mhomed.
        for source in [None, Some("172.16.0.1".parse().unwrap())] {
            let route = format!("$du = \"sip:192.168.0.7\"; {send}");
            let mut lost = world(5, "mhomed=yes", &route);
            let to = "192.168.0.7".parse().unwrap();
            lost.program.shared().sources.keep(to, source, 0);
            assert_eq!(by(&mut lost), [0], "{send}");
            let mut usual = world(5, "", &route);
            assert_eq!(by(&mut usual), [0], "{send}");
        }
    }
}

#[test]
fn a_reply_without_state_leaves_by_the_kernels_choice_too() {
    let mut world = world(5, "mhomed=yes", "forward();");
    let reply = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n\
        Via: SIP/2.0/UDP 192.168.0.7;branch=z9hG4bK2\r\nFrom: <sip:a@x>;tag=1\r\n\
        To: <sip:b@x>;tag=2\r\nCall-ID: r\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let mut socket = || world.receive(CALLER, reply)[0].socket.0;
    assert_eq!(socket(), 0, "nobody waits: what is not known is asked for");
    let sources = std::sync::Arc::clone(&world.program.shared().sources);
    let to = "192.168.0.7".parse().unwrap();
    assert_eq!(sources.due(0), [to]);
    sources.keep(to, Some("192.168.0.1".parse().unwrap()), 0);
    assert_eq!(world.receive(CALLER, reply)[0].socket.0, 1);
}

#[test]
fn what_no_socket_reaches_is_refused_and_counted() {
    for (count, to, counter) in [
        (5, "sip:[2001:db8::1]", Counter::NoSocketOfFamily),
        (5, "sip:[2001:db8::1];transport=tcp", Counter::NoSocketOfFamily),
        (3, "sip:192.168.0.7;transport=tcp", Counter::NoSocketOfTransport),
    ] {
        for (send, status) in [
            ("if (!forward()) sl_send_reply(500, \"no\");", "SIP/2.0 500 no"),
            ("t_relay();", "SIP/2.0 477 Send failed (477/TM)"),
        ] {
            let mut world = world(count, "", &format!("$du = \"{to}\"; {send}"));
            let sent = world.receive(CALLER, request("OPTIONS sip:b@x SIP/2.0", ""));
            assert_eq!(sent.iter().map(|s| s.first_line()).collect::<Vec<_>>(), [status]);
            assert_eq!(world.count(counter), 1, "{send} {to}");
        }
    }
    // A name whose addresses are all of the other family.
    let mut world = world(5, "", "$du = \"sip:gw.example:5060\"; t_relay();");
    assert!(by(&mut world).is_empty());
    let sent = world.answer(located(5060, &["2001:db8::1"]));
    assert_eq!(sent[0].first_line(), "SIP/2.0 476 Unresolvable destination (476/TM)");
    assert_eq!(world.count(Counter::NoSocketOfFamily), 1);
}

#[test]
fn a_reply_that_no_socket_can_send_is_counted() {
    let mut world = world(3, "", "forward();");
    for via in ["TCP 192.168.0.7", "UDP [2001:db8::1]"] {
        let reply = format!(
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n\
             Via: SIP/2.0/{via};branch=z9hG4bK2\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n\
             Call-ID: r\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(world.receive(CALLER, reply), []);
    }
    let counters = [Counter::NoSocketOfTransport, Counter::NoSocketOfFamily, Counter::ReplyDropped];
    assert_eq!(counters.map(|counter| world.count(counter)), [1, 1, 2]);
}

#[test]
fn a_forced_socket_of_another_kind_gives_its_address_or_is_counted() {
    for (forced, to, socket, unfit) in [
        ("udp:192.168.0.1:5060", "sip:192.168.0.7;transport=tcp", 4, 0),
        ("tcp:192.168.0.1:5060", "sip:192.168.0.7", 1, 0),
        // The address has no socket of TCP at this port: another one is taken, as in OpenSIPS.
        ("udp:192.168.0.1:5062", "sip:192.168.0.7;transport=tcp", 3, 1),
    ] {
        for send in SEND {
            let route = format!("$socket_out = \"{forced}\"; $du = \"{to}\"; {send}");
            let mut world = world(5, "", &route);
            assert_eq!(by(&mut world), [socket], "{route}");
            assert_eq!(world.count(Counter::SocketUnfit), unfit, "{route}");
        }
    }
}

#[test]
fn a_forced_socket_that_does_not_exist_is_told_at_load_and_counted_later() {
    let known = "force_send_socket(\"udp:192.168.0.1:5062\"); forward();";
    assert!(try_world(5, "", known).unwrap().warnings.is_empty());
    let refused = try_world(5, "", "force_send_socket(\"udp:10.9.9.9:5060\"); forward();");
    let why = refused.err().unwrap();
    assert_eq!(why, "core: no socket of ours is `udp:10.9.9.9:5060`\n");
    let route = "$socket_out = \"udp:10.9.9.9:5060\"; $du = \"sip:192.168.0.7\"; forward();";
    let mut warned = try_world(5, "", route).unwrap();
    assert_eq!(warned.warnings.len(), 1, "{:?}", warned.warnings);
    let place = ":4:9: no socket of ours is `udp:10.9.9.9:5060`";
    assert!(warned.warnings[0].ends_with(place), "{:?}", warned.warnings);
    assert_eq!(by(&mut warned), [0], "the usual one");
    assert_eq!(warned.count(Counter::SocketUnknown), 1);
    let route = "$var(s) = \"udp:\" + $hdr(X-Socket); force_send_socket($var(s)); forward();";
    let mut made = world(5, "", route);
    made.receive(CALLER, request("OPTIONS sip:b@10.0.0.7 SIP/2.0", "X-Socket: 10.9.9.9\r\n"));
    assert_eq!(made.count(Counter::SocketUnknown), 1);
}

#[test]
fn sockets_are_named_in_every_form() {
    for (name, socket) in [
        ("udp:192.168.0.1:5060", 1),
        ("UDP:192.168.0.1", 1),
        ("192.168.0.1:5062", 2),
        ("192.168.0.1", 1),
        ("tcp:192.168.0.1:5060", 4),
    ] {
        let found = world(5, "", "exit;").program.shared().sockets.named(name);
        assert_eq!(found.map(|id| id.0), Some(socket), "{name}");
    }
    for name in ["udp:192.168.0.1:5063", "sctp:192.168.0.1", "192.168.0.2", "udp:", ""] {
        assert_eq!(world(5, "", "exit;").program.shared().sockets.named(name), None, "{name}");
    }
}
