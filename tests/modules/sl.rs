//! `sl` and `signaling`: stateless replies and the ACK to them. `proto_udp` with its udp_port.

use crate::world::{INVITE, World, compiled};

const SCRIPT: &str = "loadmodule \"sl.so\"\nloadmodule \"proto_udp\"\n\
    modparam(\"proto_udp\", \"udp_port\", 5060)\n\
    server_header=\"Server: here\"\n\
    route { sl_send_reply(\"486\", \"Busy\r\nX: $rU\"); }";

#[test]
fn a_reply_byte_by_byte() {
    let sent = World::new(SCRIPT).feed(INVITE);
    let tag = sent[0].header("To").unwrap().split_once(";tag=").unwrap().1.to_owned();
    assert_eq!(tag.len(), 16);
    let expected = format!(
        "SIP/2.0 486 Busy\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bKnashds8;VIA\r\n\
         To: Bob <sip:bob@biloxi.example>;tag={tag}\r\n\
         From: \"Alice\" <sip:alice:pw@atlanta.example:5070>;tag=1928\r\n\
         Call-ID: a84b4c76e66710@pc33.atlanta.example\r\n\
         CSeq: 314159 INVITE\r\n\
         Server: here\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let either = ["rport=5071;received=198.51.100.7", "received=198.51.100.7;rport=5071"];
    assert!(
        either.iter().any(|via| expected.replace("VIA", via) == sent[0].text),
        "{}",
        sent[0].text
    );
}

#[test]
fn where_a_reply_goes() {
    let to = |message: &str| World::new(SCRIPT).feed(message)[0].to.clone();
    assert_eq!(to(INVITE), "198.51.100.7:5071", "rport: the source");
    let plain = INVITE.replace(";rport", "");
    assert_eq!(to(&plain.replace("7:5071;", "7:5999;")), "198.51.100.7:5999", "the Via's port");
    assert_eq!(to(&plain.replace("198.51.100.7:5071;", "h;")), "198.51.100.7:5060");
    let via = format!("reply_to_via=1\n{SCRIPT}");
    let sent = World::new(&via).feed(&plain.replace("198.51.100.7:5071;", "192.0.2.77:6000;"));
    assert_eq!(sent[0].to, "192.0.2.77:6000");
}

#[test]
fn the_ack_to_it_never_reaches_the_script() {
    let mut world =
        World::new(&SCRIPT.replace("sl_send_reply", "forward(\"203.0.113.9\"); sl_send_reply"));
    let sent = world.feed(INVITE);
    let to = sent[1].header("To").unwrap().to_owned();
    let ack = INVITE.replace("INVITE", "ACK").replace("Bob <sip:bob@biloxi.example>", &to);
    assert_eq!(world.feed(&ack), []);
    let other = ack.replace("a84b4c", "b84b4c");
    assert_eq!(world.feed(&other).len(), 1, "another call's tag: forwarded, never answered");
    assert_eq!(world.statistic("sl", "received_ACKs"), 1);
    assert_eq!(world.statistic("sl", "4xx_replies"), 1);
    assert_eq!(world.statistic("sl", "sent_replies"), 1);
}

#[test]
fn provisional_and_redirecting_replies() {
    let run = |script: &str| {
        World::new(&format!("loadmodule \"sl\"\nroute {{ {script} }}")).feed(INVITE).remove(0)
    };
    assert!(!run("sl_send_reply(100, \"Trying\");").header("To").unwrap().contains("tag"));
    let redirect = run("$ru = \"sip:new@h\"; append_branch(\"sip:b2@h\", \"0.25\"); \
        append_branch(); sl_send_reply(302, \"Moved\");");
    assert_eq!(redirect.header("Contact"), Some("<sip:new@h>, <sip:b2@h>;q=0.25, <sip:new@h>"));
    let unchanged = run("sl_send_reply(302, \"Moved\");");
    assert_eq!(unchanged.header("Contact"), None);
    let refused = run("append_branch(\"junk\"); if ($rc < 0) append_branch(\"sip:a@b\", \"2\"); \
        if ($rc < 0) sl_send_reply(200, \"both refused\");");
    assert_eq!(refused.first_line(), "SIP/2.0 200 both refused");
}

#[test]
fn errors_and_codes() {
    let mut world = World::new("loadmodule \"sl\"\nroute { sl_reply_error(); }");
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 500 Server error occurred (1/SL)");
    assert_eq!(world.statistic("sl", "sent_err_replies"), 1);
    let script = "loadmodule \"sl\"\nroute { sl_send_reply(99, \"x\"); \
        $var(c) = 480; if ($rc == 1) sl_send_reply($var(c), \"by variable\"); }";
    assert_eq!(World::new(script).feed(INVITE)[0].first_line(), "SIP/2.0 480 by variable");
}

#[test]
fn signaling_answers_too() {
    let script = "loadmodule \"signaling.so\"\nserver_signature=no\nsip_warning=1\n\
        route { send_reply(\"404\", \"Not here\"); }";
    let sent = World::new(script).feed(INVITE).remove(0);
    assert_eq!(sent.first_line(), "SIP/2.0 404 Not here");
    assert_eq!(sent.header("Server"), None);
    assert!(sent.header("Warning").unwrap().starts_with("392 192.0.2.1 \""));
    assert_eq!(compiled("route { send_reply(404, \"x\"); }").errors, 1, "not loaded");
}
