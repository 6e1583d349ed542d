//! Stateless forwarding both ways, byte by byte, and the functions that steer it.

use std::sync::Arc;

use sluice_engine::job::Answer;
use sluice_engine::sockets::Proto;
use sluice_engine::targets::{Group, Host, Located};
use sluice_tests::world::located;

use crate::world::{INVITE, Sent, World};

const FORWARD: &str = "route { $du = \"sip:203.0.113.9:5064\"; forward(); }";

fn forwarded(script: &str, message: &str) -> Sent {
    let mut sent = World::new(script).feed(message);
    assert_eq!(sent.len(), 1, "{script}");
    sent.remove(0)
}

fn branch(sent: &Sent) -> String {
    let via = sent.header("Via").unwrap();
    via.split_once("branch=").unwrap().1.to_owned()
}

#[test]
fn a_request_changes_in_nothing_but_its_vias() {
    let sent = forwarded(FORWARD, INVITE);
    assert_eq!(sent.to, "203.0.113.9:5064");
    let branch = branch(&sent);
    assert!(branch.starts_with("z9hG4bK") && branch.len() == 23, "{branch}");
    let expected = INVITE
        .replace(";rport\r\n", ";rport=5071;received=198.51.100.7\r\n")
        .replace("Via: SIP", &format!("Via: SIP/2.0/UDP 192.0.2.1;branch={branch}\r\nVia: SIP"));
    let other =
        expected.replace(";rport=5071;received=198.51.100.7", ";received=198.51.100.7;rport=5071");
    assert!(sent.text == expected || sent.text == other, "{}", sent.text);
}

#[test]
fn the_branch_is_the_same_for_retransmission_cancel_and_ack_only() {
    let of = |message: &str| branch(&forwarded(FORWARD, message));
    let first = of(INVITE);
    assert_eq!(first, of(INVITE));
    assert_eq!(first, of(&INVITE.replace("INVITE", "CANCEL")));
    assert_eq!(
        first,
        of(&INVITE.replace("INVITE", "ACK").replace("example>\r\n", "example>;tag=9\r\n"))
    );
    assert_ne!(first, of(&INVITE.replace("nashds8", "nashds9")));
    assert_ne!(first, of(&INVITE.replace("7:5071;branch", "7:5072;branch")), "another sender");
    let old = INVITE.replace("z9hG4bK", "");
    assert_eq!(of(&old), of(&old));
    assert_ne!(of(&old), of(&old.replace("a84b", "b84b")), "RFC 2543: by Call-ID");
}

#[test]
fn a_second_forward_starts_from_the_same_message() {
    let script = "route { forward(\"203.0.113.9\"); forward(\"udp:203.0.113.10:7\"); }";
    let sent = World::new(script).feed(INVITE);
    assert_eq!([&sent[0].to, &sent[1].to], ["203.0.113.9:5060", "203.0.113.10:7"]);
    assert_eq!(sent[0].text, sent[1].text);
}

#[test]
fn received_is_told_only_where_it_must_be() {
    let plain = INVITE.replace(";rport", "");
    assert!(!forwarded(FORWARD, &plain).text.contains("received"));
    let named = plain.replace("UDP 198.51.100.7:", "UDP pc33.example:");
    let text = forwarded(FORWARD, &named).text;
    assert!(text.contains("nashds8;received=198.51.100.7\r\n"), "{text}");
    let forged = plain.replace("nashds8", "nashds8;received=6.6.6.6");
    let text = forwarded(FORWARD, &forged).text;
    assert!(text.contains("nashds8;received=198.51.100.7\r\n"), "{text}");
    let forced = FORWARD.replace("forward", "force_rport(); forward");
    assert!(forwarded(&forced, &plain).text.contains("rport=5071"));
    let own = FORWARD.replace("forward", "add_local_rport(); forward");
    assert!(forwarded(&own, &plain).header("Via").unwrap().ends_with(";rport"));
}

#[test]
fn destination_and_socket() {
    let with = |script: &str| forwarded(&format!("route {{ {script} forward(); }}"), INVITE);
    assert_eq!(with("$ru = \"sip:a@203.0.113.1:99\";").to, "203.0.113.1:99");
    assert_eq!(with("$ru = \"sip:a@h;maddr=203.0.113.1\";").to, "203.0.113.1:5060");
    let other = with("force_send_socket(\"inner\"); $du = \"sip:203.0.113.1\";");
    assert_eq!(other.by, 1);
    assert!(other.header("Via").unwrap().starts_with("SIP/2.0/UDP gate.example.org:5062;"));
    assert_eq!(
        with("rewritehost(\"203.0.113.2\");").first_line(),
        "INVITE sip:bob@203.0.113.2:5090;transport=udp?x=y SIP/2.0"
    );
    let mut nowhere = World::new("route { $du = \"sip:[2001:db8::1]\"; forward(); }");
    assert_eq!(nowhere.feed(INVITE), [], "no IPv6 socket");
    for other in ["sips:203.0.113.1", "sip:203.0.113.1;transport=tcp"] {
        let mut world = World::new(&format!("route {{ $du = \"{other}\"; forward(); }}"));
        assert_eq!(world.feed(INVITE), [], "{other} is not for UDP");
    }
}

#[test]
fn a_host_name_is_asked_for() {
    let mut world = World::new("route { $du = \"sip:gw.example:5062\"; forward(); }");
    assert_eq!(world.feed(INVITE), []);
    let (asked, sent) = world.answer(located(5062, &["2001:db8::1", "203.0.113.5"]));
    assert!(asked.contains("\"gw.example\", port: Some(5062), proto: None"), "{asked}");
    assert_eq!(sent[0].to, "203.0.113.5:5062");
    assert_eq!(world.feed(INVITE), []);
    let (_, sent) = world.answer(Answer::Failed("NXDOMAIN".into()));
    assert_eq!(sent, []);
}

#[test]
fn without_a_transaction_a_call_goes_one_way() {
    let host =
        |last: u8| Host { weight: 1, port: 5060, addresses: [[203, 0, 113, last].into()].into() };
    let group = Group { proto: Proto::Udp, hosts: (1..=4).map(host).collect() };
    let answer = Answer::Located(Arc::new(Located { groups: [group].into() }));
    let mut world = World::new("route { $du = \"sip:gw.example\"; forward(); }");
    let mut way = |call: u32, method: &str| {
        let message = INVITE.replace("a84b4c76e66710", &format!("call{call}"));
        assert_eq!(world.feed(&message.replace("INVITE", method)), []);
        world.answer(answer.clone()).1[0].to.clone()
    };
    let ways: Vec<String> = (0..20).map(|call| way(call, "INVITE")).collect();
    for (call, to) in ways.iter().enumerate() {
        for method in ["INVITE", "CANCEL", "ACK"] {
            assert_eq!(way(call as u32, method), *to, "{method}");
        }
    }
    let mut all = ways.clone();
    all.sort();
    all.dedup();
    assert!(all.len() > 2, "calls are spread: {all:?}");
}

const REPLY: &str = "SIP/2.0 503 Service Unavailable\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
    Via: SIP/2.0/UDP pc.example:5071;branch=z9hG4bK2;received=198.51.100.7;rport=5099\r\n\
    From: <sip:a@b>;tag=1\r\n\
    To: <sip:c@d>;tag=2\r\n\
    Call-ID: x\r\n\
    CSeq: 1 INVITE\r\n\
    Content-Length: 0\r\n\
    \r\n";

#[test]
fn replies_go_to_the_next_via() {
    let sent = forwarded(FORWARD, REPLY);
    assert_eq!(sent.to, "198.51.100.7:5099");
    let expected =
        REPLY.replace("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n", "").replace("503", "500");
    assert_eq!(sent.text, expected);
    let one_line = REPLY.replace("K1\r\nVia: ", "K1, ");
    assert_eq!(forwarded(FORWARD, &one_line).text, expected);
    let kept = format!("disable_503_translation=yes\n{FORWARD}");
    assert_eq!(forwarded(&kept, REPLY).first_line(), "SIP/2.0 503 Service Unavailable");
}

#[test]
fn replies_that_are_dropped() {
    let nothing = |script: &str, reply: &str| {
        assert_eq!(World::new(script).feed(reply), [], "{script}");
    };
    nothing("loadmodule \"sl\"\nroute { sl_send_reply(200, \"OK\"); }", REPLY);
    nothing(&format!("disable_stateless_fwd=yes\n{FORWARD}"), REPLY);
    nothing(&format!("check_via=yes\n{FORWARD}"), &REPLY.replace("192.0.2.1", "192.0.2.2"));
    nothing(FORWARD, &REPLY.replace("Via: SIP/2.0/UDP pc", "X: pc"));
    nothing(FORWARD, &REPLY.replace(";received=198.51.100.7", ""));
    let dropping = format!("{FORWARD} onreply_route {{ drop; }}");
    nothing(&dropping, &REPLY.replace("503 Service Unavailable", "180 Ringing"));
    assert_eq!(forwarded(&dropping, REPLY).to, "198.51.100.7:5099", "finals are not dropped");
}

#[test]
fn functions_that_rewrite_the_request_uri() {
    for (call, uri) in [
        ("strip(1);", "sip:ob@example.com:5090;transport=udp?x=y"),
        ("strip(9);", "sip:example.com:5090;transport=udp?x=y"),
        ("strip_tail(2);", "sip:b@example.com:5090;transport=udp?x=y"),
        ("prefix(\"00\");", "sip:00bob@example.com:5090;transport=udp?x=y"),
        ("rewriteuser(\"u\");", "sip:u@example.com:5090;transport=udp?x=y"),
        ("setuser(\"u\");", "sip:u@example.com:5090;transport=udp?x=y"),
        ("rewriteuserpass(\"u:p\");", "sip:u:p@example.com:5090;transport=udp?x=y"),
        ("sethost(\"h\");", "sip:bob@h:5090;transport=udp?x=y"),
        ("rewritehostport(\"h:1\");", "sip:bob@h:1;transport=udp?x=y"),
        ("rewriteport(\"1\");", "sip:bob@example.com:1;transport=udp?x=y"),
        ("rewriteuri(\"sip:z\");", "sip:z"),
        ("seturi(\"sip:z\"); revert_uri();", "sip:bob@example.com:5090;transport=udp?x=y"),
    ] {
        let script = format!("route {{ {call} forward(\"203.0.113.9\"); }}");
        assert_eq!(forwarded(&script, INVITE).first_line(), format!("INVITE {uri} SIP/2.0"));
    }
}

#[test]
fn functions_about_the_destination() {
    let script = "route { setdsturi(\"sip:203.0.113.4\"); if (!isdsturiset()) exit; forward(); \
        resetdsturi(); if (isdsturiset()) exit; forward(\"203.0.113.5\"); }";
    let sent = World::new(script).feed(INVITE);
    assert_eq!([&sent[0].to, &sent[1].to], ["203.0.113.4:5060", "203.0.113.5:5060"]);
}

#[test]
fn is_myself_knows_sockets_and_aliases() {
    let yes = [
        "\"192.0.2.1\"",
        "\"192.0.2.1\", 5060",
        "\"EXAMPLE.org\", 9",
        "\"gate.example.org\", 5080",
        "\"below.Example.org\"",
    ];
    let no = ["\"aexample.org\"", "\".org\"", "\"192.0.2.9\"", "\"192.0.2.1\", 5061", "\"$rd\""];
    for (calls, expected) in [(&yes[..], 1), (&no[..], 0)] {
        for arguments in calls {
            let script =
                format!("route {{ if (is_myself({arguments})) forward(\"203.0.113.9\"); }}");
            assert_eq!(World::new(&script).feed(INVITE).len(), expected, "{arguments}");
        }
    }
}

#[test]
fn logging_is_true_unless_too_long() {
    let long = "x".repeat(50);
    let script = format!(
        "xlog_buf_size=40\nxlog_level=2\nroute {{ xlog(\"short\\n\"); if ($rc != 1) exit; \
         xlog(\"L_DBG\", \"{long}\"); if ($rc != 1) exit; xdbg(\"{long}\"); \
         log(\"{long}\"); log(1, \"x\"); if ($rc != 1) exit; \
         error(\"a\", \"b $rU\"); if ($rc != 1) exit; \
         xlog(\"L_ERR\", \"{long}\"); if ($rc != -1) exit; forward(\"203.0.113.9\"); }}"
    );
    assert_eq!(World::new(&script).feed(INVITE).len(), 1);
}
