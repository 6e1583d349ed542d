//! `mi_datagram`: what its parameters amount to. The socket itself is tested over the running
//! program.

use std::time::Duration;

use sluice_modules::mi_datagram::api::{Parameters, Socket};
use sluice_modules::mi_fifo::api::Owner;
use sluice_tests::world::{Plan, World};

use crate::world::compiled;

fn script(lines: &str) -> String {
    format!("loadmodule \"mi_datagram.so\"\n{lines}\nroute {{ exit; }}")
}

fn parameters(lines: &str) -> Parameters {
    let world = World::of(&script(lines));
    let state = world.program.state("mi_datagram").unwrap();
    state.as_any().downcast_ref::<Parameters>().unwrap().clone()
}

fn named(name: &str) -> String {
    format!("modparam(\"mi_datagram\", \"socket_name\", \"{name}\")")
}

#[test]
fn udp_sockets_by_address_and_by_name() {
    for (name, expected) in [
        ("udp:127.0.0.1:4545", "127.0.0.1:4545"),
        ("udp:[::1]:8080", "[::1]:8080"),
        ("udp:2001:db8::7:8080", "[2001:db8::7]:8080"),
    ] {
        let found = parameters(&named(name));
        assert_eq!(found.socket, Socket::Udp(expected.parse().unwrap()), "{name}");
        assert_eq!((found.at.line, found.timeout), (2, Duration::from_secs(2)));
        assert_eq!((found.pretty_printing, found.reply_indent.as_str()), (false, "\t"));
    }
    let last = format!("{}\n{}", named("/tmp/first"), named("udp:127.0.0.1:1"));
    assert!(matches!(parameters(&last).socket, Socket::Udp(_)), "the last one counts, as there");
}

#[test]
fn unix_sockets_with_all_that_belongs_to_them() {
    let bare = parameters(&named("/tmp/opensips.sock")).socket;
    let path = "/tmp/opensips.sock".to_owned();
    assert_eq!(bare, Socket::Unix { path: path.clone(), mode: 0o660, user: None, group: None });
    let full = parameters(&format!(
        "{}\nmodparam(\"mi_datagram\", \"children_count\", 3)\n\
         modparam(\"mi_datagram\", \"unix_socket_mode\", 0600)\n\
         modparam(\"mi_datagram\", \"unix_socket_user\", 7)\n\
         modparam(\"mi_datagram\", \"unix_socket_group\", \"sip\")\n\
         modparam(\"mi_datagram\", \"socket_timeout\", 500)\n\
         modparam(\"mi_datagram\", \"pretty_printing\", 1)\n\
         modparam(\"mi_datagram\", \"reply_indent\", \"    \")",
        named(&path)
    ));
    let (user, group) = (Some(Owner::Id(7)), Some(Owner::Name("sip".to_owned())));
    assert_eq!(full.socket, Socket::Unix { path, mode: 0o600, user, group });
    assert_eq!((full.timeout.as_millis(), full.pretty_printing), (500, true));
    assert_eq!(full.reply_indent, "    ");
}

#[test]
fn what_cannot_be_is_refused() {
    for (line, why) in [
        (String::new(), "socket_name is needed"),
        (named("udp:127.0.0.1"), "udp:127.0.0.1 has no port"),
        (named("udp:localhost"), "udp:localhost has no port"),
        (named("udp:127.0.0.1:0"), "`0` is no port"),
        (named("udp:127.0.0.1:99999"), "`99999` is no port"),
        (named("udp:nowhere.example:8080"), "nowhere.example"),
    ] {
        let refused = Plan::default().try_run(&script(&line)).map(|_| ()).unwrap_err();
        assert!(refused.contains(why), "{line}: {refused}");
    }
    for line in [
        "modparam(\"mi_datagram\", \"unix_socket_mode\", 01000)",
        "modparam(\"mi_datagram\", \"socket_timeout\", 0)",
        "modparam(\"mi_datagram\", \"trace_destination\", \"hep\")",
        "modparam(\"mi_datagram\", \"trace_bwlist\", \"w: ps\")",
    ] {
        assert_eq!(compiled(&script(line)).errors, 1, "{line}");
    }
}

#[test]
fn a_socket_that_others_reach_is_told() {
    let warnings = |name: &str| World::of(&script(&named(name))).warnings.join("\n");
    let told = warnings("udp:192.0.2.1:8080");
    assert!(told.contains("whoever reaches 192.0.2.1:8080 by UDP can give commands"), "{told}");
    assert_eq!(warnings("udp:127.0.0.1:8080"), "");
}
