//! Module `tm`: a name with several addresses, of which some do not answer (RFC 3263 4.3, spec
//! 8.5).

use std::sync::Arc;

use sluice_engine::counter::Counter;
use sluice_engine::sockets::Proto;
use sluice_engine::targets::{Failure, Located, Outcome, Place};
use sluice_tests::world::{Plan, Sent, World, located};

use crate::tm_world::{CALLER, cancel, invite, reply, request, seen, to, with};

const HOUR_MS: u64 = 3_600_000;
const FIRST: &str = "10.0.0.1:5070";
const SECOND: &str = "10.0.0.2:5070";
const THIRD: &str = "10.0.0.3:5070";

/// Relays to a name; a failure route tells that it ran. Nothing is heard for 4 s: given up.
const ROUTES: &str = "modparam(\"tm\", \"fr_timeout\", 4)\nroute {\n\
    if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n\
    t_on_failure(\"f\"); $ru = \"sip:b@gw.example:5070\"; t_relay(FLAGS); }\n\
    failure_route[f] { t_reply(480, \"Failed by $T_reply_code\"); }\n";

fn routes(flags: &str) -> String {
    ROUTES.replace("FLAGS", flags)
}

/// A world that knows the three addresses of the name.
fn world(globals: &str, flags: &str) -> World {
    let world = with(&format!("{globals}\n{}", routes(flags)));
    know(&world, &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    world
}

fn know(world: &World, addresses: &[&str]) {
    let place = Place::new(b"gw.example", Some(5070), None).unwrap();
    let addresses: Vec<_> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    let located = Arc::new(Located::host(Proto::Udp, 5070, addresses));
    world.program.shared().names.keep(&place, &Outcome::At(located, HOUR_MS), 0);
}

/// The INVITE of another call.
fn call(number: usize) -> String {
    let names = [("Call-ID: abc", "Call-ID: "), ("z9hG4bKcaller", "z9hG4bK")];
    names.iter().fold(invite(), |text, (old, new)| text.replace(old, &format!("{new}{number}")))
}

/// Where an INVITE of what was sent goes.
fn chosen(sent: &[Sent]) -> String {
    let invites: Vec<_> =
        sent.iter().filter(|one| one.first_line().starts_with("INVITE")).collect();
    assert_eq!(invites.len(), 1, "{:?}", seen(sent));
    invites[0].to.to_string()
}

#[test]
fn the_next_address_is_tried_before_the_failure_route() {
    let mut world = world("", "");
    let first = request(&world.receive(CALLER, invite()), FIRST, "INVITE");
    world.pass(3_900);
    let sent = world.pass(200);
    let second = request(&sent, SECOND, "INVITE");
    assert!(to(&sent, CALLER).is_empty(), "{:?}", seen(&sent));
    let via = |sent: &Sent| sent.text().lines().nth(1).unwrap().to_owned();
    assert_ne!(via(&first), via(&second), "it is a branch of its own");
    let text = first.text().replace(&via(&first), &via(&second));
    assert_eq!(second.text(), text, "and else the same");
    let up = world.receive(SECOND, reply(&second, "200 OK"));
    assert_eq!(seen(&up), ["10.9.9.1:5060 SIP/2.0 200 OK"]);
    assert_eq!(world.count(Counter::NextTargets), 1);
}

#[test]
fn a_503_goes_on_at_once_and_other_refusals_do_not() {
    let mut world = world("", "");
    let first = request(&world.receive(CALLER, invite()), FIRST, "INVITE");
    let sent = world.receive(FIRST, reply(&first, "503 Busy"));
    assert_eq!(
        seen(&sent),
        [
            "10.0.0.1:5070 ACK sip:b@gw.example:5070 SIP/2.0",
            "10.0.0.2:5070 INVITE sip:b@gw.example:5070 SIP/2.0"
        ]
    );
    let up = world.receive(SECOND, reply(&sent[1], "486 Busy Here"));
    assert_eq!(to(&up, CALLER)[0].first_line(), "SIP/2.0 480 Failed by 486");
    // A 408 that was received is one, too.
    let sent = world.receive(CALLER, call(1));
    assert_eq!(chosen(&sent), SECOND, "the first is overloaded");
    let up = world.receive(SECOND, reply(&request(&sent, SECOND, "INVITE"), "408 Late"));
    assert_eq!(to(&up, CALLER)[0].first_line(), "SIP/2.0 480 Failed by 408");
}

#[test]
fn when_all_have_failed_the_script_is_asked_once() {
    let mut world = world("", "");
    world.receive(CALLER, invite());
    let sent = world.pass(12_200);
    for address in [FIRST, SECOND, THIRD] {
        assert!(!to(&sent, address).is_empty(), "{:?}", seen(&sent));
    }
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 480 Failed by 408");
}

#[test]
fn one_that_answered_late_is_believed() {
    let mut world = world("", "");
    let first = request(&world.receive(CALLER, invite()), FIRST, "INVITE");
    let second = request(&world.pass(4_100), SECOND, "INVITE");
    world.receive(SECOND, reply(&second, "180 Ringing"));
    let sent = world.receive(FIRST, reply(&first, "200 OK"));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 200 OK");
    assert_eq!(to(&sent, SECOND)[0].first_line(), "CANCEL sip:b@gw.example:5070 SIP/2.0");
}

#[test]
fn a_dead_address_is_tried_by_one_call_in_thirty_seconds() {
    let mut world = world("", "");
    world.receive(CALLER, invite());
    // By the third time of asking nobody else is sent there.
    world.pass(1_600);
    let mut tried = Vec::new();
    for second in 0..95 {
        for half in 0..2 {
            let number = 2 * second + half;
            let sent = world.receive(CALLER, call(number));
            let at = chosen(&sent);
            let out = request(&sent, &at, "INVITE");
            if at == FIRST {
                tried.push(number / 2);
            } else {
                assert_eq!(at, SECOND);
                world.receive(SECOND, reply(&out, "200 OK"));
            }
            // Those that tried the dead one end well, too.
            for out in world.pass(500) {
                if out.to.to_string() == SECOND && out.first_line().starts_with("INVITE") {
                    world.receive(SECOND, reply(&out, "200 OK"));
                }
                assert!(!out.text().starts_with("SIP/2.0 4"), "{}", out.text());
            }
        }
    }
    assert_eq!(tried.len(), 3, "{tried:?}");
    assert!(tried.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{tried:?}");
}

#[test]
fn one_that_is_back_is_used_again() {
    let mut world = world("", "");
    world.receive(CALLER, invite());
    let second = request(&world.pass(4_100), SECOND, "INVITE");
    world.receive(SECOND, reply(&second, "200 OK"));
    world.pass(28_000);
    let sent = world.receive(CALLER, call(0));
    let trial = request(&sent, FIRST, "INVITE");
    assert_eq!(chosen(&world.receive(CALLER, call(1))), SECOND, "it is tried by one");
    world.receive(FIRST, reply(&trial, "100 Trying"));
    assert_eq!(chosen(&world.receive(CALLER, call(2))), FIRST);
}

#[test]
fn a_script_may_want_one_address_only() {
    for (globals, flags) in
        [("", "\"no-dns-failover\""), ("", "\"0x04\""), ("disable_dns_failover=yes", "")]
    {
        let mut world = world(globals, flags);
        world.receive(CALLER, invite());
        let sent = world.pass(4_100);
        assert!(to(&sent, SECOND).is_empty(), "{globals} {flags}: {:?}", seen(&sent));
        assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 480 Failed by 408");
        // The memory is another thing.
        assert_eq!(chosen(&world.receive(CALLER, call(1))), SECOND);
    }
    let mut world = world("disable_dns_blacklist=yes", "");
    world.receive(CALLER, invite());
    request(&world.pass(4_100), SECOND, "INVITE");
    assert_eq!(chosen(&world.receive(CALLER, call(1))), FIRST, "nothing is remembered");
}

#[test]
fn a_cancelled_call_goes_nowhere_else() {
    let mut world = world("", "");
    world.receive(CALLER, invite());
    world.receive(CALLER, cancel());
    let sent = world.pass(4_200);
    assert!(to(&sent, SECOND).is_empty(), "{:?}", seen(&sent));
    assert!(to(&sent, CALLER)[0].first_line().starts_with("SIP/2.0 4"));
}

#[test]
fn the_changes_of_the_branch_and_the_other_sockets_via_go_along() {
    let modules = ["tm", "sipmsgops", "rr"].map(|module| format!("loadmodule \"{module}\"\n"));
    let routes = "modparam(\"tm\", \"fr_timeout\", 4)\nroute { t_on_branch(\"b\");\n\
        record_route(); $ru = \"sip:b@gw.example:5070\";\n\
        $msg.branch.path = \"<sip:edge;lr>\"; t_relay(); }\n\
        branch_route[b] { append_hf(\"X-Branch: yes\\r\\n\"); add_local_rport(); }\n";
    let listen = ["127.0.0.1:5060", "[::1]:5060"].map(|addr| addr.parse().unwrap()).to_vec();
    let plan = Plan { listen, ..Plan::default() };
    let mut world = plan.run(&format!("{}{routes}", modules.concat()));
    know(&world, &["10.0.0.1", "2001:db8::1"]);
    let first = request(&world.receive(CALLER, invite()), FIRST, "INVITE");
    assert!(first.text().contains("\r\nRecord-Route: <sip:127.0.0.1;"), "{}", first.text());
    let second = request(&world.pass(4_100), "[2001:db8::1]:5070", "INVITE").text();
    assert!(second.contains("\r\nVia: SIP/2.0/UDP [::1];branch="), "{second}");
    assert!(second.lines().any(|line| line.starts_with("Via: ") && line.ends_with(";rport")));
    assert!(second.contains("\r\nX-Branch: yes\r\n"), "{second}");
    assert!(second.contains("\r\nRoute: <sip:edge;lr>\r\n"), "{second}");
    assert!(second.contains("\r\nRecord-Route: <sip:[::1];"), "{second}");
}

#[test]
fn an_address_without_a_socket_for_it_is_left_out() {
    let mut world = world("", "");
    know(&world, &["2001:db8::1", "10.0.0.3"]);
    assert_eq!(chosen(&world.receive(CALLER, invite())), THIRD);
}

#[test]
fn a_name_that_is_asked_for_has_all_its_addresses_too() {
    let mut world = with(&routes(""));
    assert_eq!(world.receive(CALLER, invite()).len(), 1, "100 only");
    let sent = world.answer(located(5070, &["10.0.0.1", "10.0.0.2"]));
    assert_eq!(chosen(&sent), FIRST);
    request(&world.pass(4_100), SECOND, "INVITE");
    let asked = world.count(Counter::NamesAsked);
    know(&world, &["10.0.0.3"]);
    assert_eq!(chosen(&world.receive(CALLER, call(1))), THIRD);
    assert_eq!((asked, world.count(Counter::NamesKnown)), (1, 1));
}

#[test]
fn an_address_on_a_blacklist_is_left_out() {
    let list = |rules: &str| format!("dst_blacklist = gw:{{{rules}}}\n");
    let first = "( udp , 10.0.0.1 , 0 , \"\" )";
    let others = "( udp , 10.0.0.2/255.255.255.254 , 0 , \"\" )";
    let use_it = "route { use_blacklist(\"gw\");";
    let of = |rules: &str| {
        let world = with(&format!("{}{}", list(rules), routes("").replace("route {", use_it)));
        know(&world, &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        world
    };
    assert_eq!(chosen(&of(first).receive(CALLER, invite())), SECOND);
    let sent = of(&format!("{first}, {others}")).receive(CALLER, invite());
    assert_eq!(to(&sent, CALLER)[1].first_line(), "SIP/2.0 473 Filtered destination (473/TM)");
}

#[test]
fn an_address_that_cannot_be_reached_is_left_at_once() {
    let mut world = world("", "");
    let first = request(&world.receive(CALLER, invite()), FIRST, "INVITE");
    let sent = world.lose(0, &first.bytes);
    assert_eq!(chosen(&sent), SECOND);
    let failed = world.program.shared().names.failed.list();
    assert_eq!(failed[0].1.failure, Failure::Unreachable);
    assert_eq!(chosen(&world.receive(CALLER, call(1))), SECOND);
}
