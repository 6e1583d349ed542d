//! `lookup()` and the questions about who is registered (spec 6.3).

use crate::registrar::{register, register_to, script, told};
use crate::world::{INVITE, Sent, World};

/// A script that registers, and tells of other requests the code of `call` and what it has done.
fn world(call: &str) -> World {
    let both = format!(
        "if ($rm == \"REGISTER\") {{ save(\"location\", \"p1\"); exit; }}\n\
         {call};\n\
         sl_send_reply(299, \"$var(code) $ru $du $(branch(uri)[*])\");"
    );
    World::new(&script("", &both))
}

/// An INVITE for alice.
pub fn invite() -> String {
    INVITE.replacen("sip:bob@example.com:5090;transport=udp?x=y", "sip:alice@example.com", 1)
}

fn answer(world: &mut World, message: &str) -> String {
    let sent = world.feed(message);
    sent[0].first_line().strip_prefix("SIP/2.0 299 ").unwrap().to_owned()
}

const TWO: &str = "Contact: <sip:a@192.0.2.8>;q=0.5, <sip:a@192.0.2.9:5070>;q=1\r\n";

#[test]
fn the_first_contact_is_the_request_uri_and_the_others_are_branches() {
    let mut world = world("$var(code) = lookup(\"location\")");
    assert_eq!(answer(&mut world, &invite()), "-1 sip:alice@example.com <null> <null>");
    world.feed(&register("c1", 1, TWO));
    let both = "1 sip:a@192.0.2.9:5070 <null> sip:a@192.0.2.8";
    assert_eq!(answer(&mut world, &invite()), both);
    world.pass(3_600_000);
    assert_eq!(answer(&mut world, &invite()), "-1 sip:alice@example.com <null> <null>");
}

#[test]
fn all_of_them_ring() {
    let relay = "if ($rm == \"REGISTER\") { save(\"location\"); exit; } lookup(\"location\"); \
                 t_relay();";
    let mut world = World::new(&script("", relay));
    world.feed(&register("c1", 1, TWO));
    let sent = world.feed(&invite());
    let rings: Vec<_> = sent.iter().filter(|s| s.first_line().starts_with("INVITE")).collect();
    let to: Vec<_> = rings.iter().map(|sent| sent.to.as_str()).collect();
    assert_eq!(to, ["192.0.2.9:5070", "192.0.2.8:5060"]);
    assert_eq!(rings[1].first_line(), "INVITE sip:a@192.0.2.8 SIP/2.0");
}

#[test]
fn they_ring_one_after_another_by_q_when_that_is_wanted() {
    let relay = "if ($rm == \"REGISTER\") { save(\"location\"); exit; } lookup(\"location\"); \
                 serialize_branches(1); next_branches(); t_on_failure(\"next\"); t_relay(); \
                 exit; }\n\
                 failure_route[next] { if (next_branches()) { t_on_failure(\"next\"); t_relay(); }";
    let mut world = World::new(&script("", relay));
    let lines = "Contact: <sip:a@192.0.2.1:7001>;q=0.2, <sip:a@192.0.2.1:7002>;q=0.9, \
                 <sip:a@192.0.2.1:7003>;q=0.5, <sip:a@192.0.2.1:7004>;q=0.9\r\n";
    world.feed(&register("c1", 1, lines));
    let rings = |sent: &[Sent]| -> Vec<Sent> {
        sent.iter().filter(|s| s.first_line().starts_with("INVITE")).cloned().collect()
    };
    let to = |sent: &[Sent]| -> Vec<String> { sent.iter().map(|sent| sent.to.clone()).collect() };
    let mut now = rings(&world.feed(&invite()));
    assert_eq!(to(&now), ["192.0.2.1:7002", "192.0.2.1:7004"]);
    for expected in [&["192.0.2.1:7003"][..], &["192.0.2.1:7001"], &[]] {
        let sent: Vec<Sent> = now.iter().flat_map(|ring| world.feed(&refused(ring))).collect();
        now = rings(&sent);
        assert_eq!(to(&now), expected);
    }
}

/// Who is called is busy.
fn refused(ring: &Sent) -> String {
    let (_, lines) = ring.text.split_once("\r\n").unwrap();
    let mut reply = "SIP/2.0 486 Busy Here\r\n".to_owned();
    for line in lines.split_inclusive("\r\n") {
        let kept = ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name));
        if kept {
            reply += line;
        } else if line.starts_with("To:") {
            reply += &line.replace("\r\n", ";tag=b\r\n");
        }
    }
    reply + "Content-Length: 0\r\n\r\n"
}

#[test]
fn a_path_becomes_routes_and_received_the_next_hop() {
    let relay = "if ($rm == \"REGISTER\") { $avp(rcv) = \"sip:203.0.113.7:1024\"; \
                 save(\"location\", \"p1\"); exit; } lookup(\"location\"); t_relay();";
    let more = "modparam(\"registrar\", \"received_avp\", \"$avp(rcv)\")";
    let mut world = World::new(&script(more, relay));
    let invite_of = |sent: Vec<Sent>| {
        sent.into_iter().find(|sent| sent.first_line().starts_with("INVITE")).unwrap()
    };
    world.feed(&register("c1", 1, "Contact: <sip:a@10.0.0.1>\r\n"));
    let behind_nat = invite_of(world.feed(&invite()));
    assert_eq!(behind_nat.to, "203.0.113.7:1024");
    assert_eq!(behind_nat.first_line(), "INVITE sip:a@10.0.0.1 SIP/2.0");
    let path = "Path: <sip:192.0.2.50;lr>, <sip:192.0.2.60;lr>\r\nContact: <sip:a@10.0.0.1>\r\n";
    world.feed(&register("c1", 2, path));
    let by_proxy = invite_of(world.feed(&invite().replace("a84b4c", "b84b4c")));
    assert_eq!(by_proxy.to, "192.0.2.50:5060");
    assert_eq!(by_proxy.header("Route"), Some("<sip:192.0.2.50;lr>,<sip:192.0.2.60;lr>"));
}

#[test]
fn flags_and_the_socket_of_the_registration_come_along() {
    let call = "if ($rm == \"REGISTER\") { setbflag(NAT); save(\"location\", \"s\"); exit; } \
                lookup(\"location\"); \
                if (isbflagset(NAT)) sl_send_reply(299, \"$fs\");";
    let more = "modparam(\"registrar\", \"sock_hdr_name\", \"Sock-Info\")";
    let mut world = World::new(&script(more, call));
    for (header, socket) in
        [("", "udp:192.0.2.1:5060"), ("Sock-Info: udp:192.0.2.1:5062\r\n", "udp:192.0.2.1:5062")]
    {
        world.feed(&register("c1", 1, &format!("Contact: <sip:a@h>\r\n{header}")));
        assert_eq!(answer(&mut world, &invite()), socket);
    }
}

#[test]
fn contacts_are_filtered_by_method_and_user_agent() {
    let mut world = world("$var(code) = lookup(\"location\", $hdr(X-Flags))");
    let ask = |flags: &str| invite().replace("X-Empty:", &format!("X-Flags: {flags}"));
    world.feed(&register("c1", 1, "Contact: <sip:a@h1>\r\nAllow: BYE, MESSAGE\r\n"));
    assert_eq!(answer(&mut world, &ask("m")), "-2 sip:alice@example.com <null> <null>");
    let tablet = register("c2", 1, "Contact: <sip:a@h2>;methods=\"INVITE,BYE\"\r\n");
    world.feed(&tablet.replace("Phone 1.0", "Tablet"));
    assert_eq!(answer(&mut world, &ask("method-filtering")), "1 sip:a@h2 <null> <null>");
    assert_eq!(answer(&mut world, &ask("u/^tab/i")), "1 sip:a@h2 <null> <null>");
    assert_eq!(answer(&mut world, &ask("ua-filtering=/Phone/")), "1 sip:a@h1 <null> <null>");
    assert_eq!(answer(&mut world, &ask("u/none/")), "-1 sip:alice@example.com <null> <null>");
    assert_eq!(answer(&mut world, &ask("b")), "1 sip:a@h1 <null> <null>");
    let added = "1 sip:alice@example.com <null> sip:a@h1, sip:a@h2";
    assert_eq!(answer(&mut world, &ask("to-branches-only")), added);
    assert_eq!(answer(&mut world, &ask("Q")), "-3 sip:alice@example.com <null> <null>");
}

#[test]
fn branches_are_looked_up_too() {
    let call = "append_branch(\"sip:bob@example.com\"); append_branch(\"sip:nobody@example.com\");\n\
                $var(code) = lookup(\"location\", \"branch\")";
    let mut world = world(call);
    world.feed(&register("c1", 1, TWO));
    world.feed(&register_to("sip:bob@example.com", "c2", 1, "Contact: <sip:b@h>\r\n"));
    let all = "1 sip:a@192.0.2.9:5070 <null> sip:a@192.0.2.8, sip:b@h";
    assert_eq!(answer(&mut world, &invite()), all);
}

#[test]
fn attributes_come_back_by_branch() {
    let call = "if ($rm == \"REGISTER\") { $avp(attr) = $hdr(X-Attr); save(\"location\"); exit; } \
                lookup(\"location\"); \
                sl_send_reply(299, \"$(avp(attr)[0]) $(avp(attr)[1])\");";
    let mut world =
        World::new(&script("modparam(\"registrar\", \"attr_avp\", \"$avp(attr)\")", call));
    world.feed(&register("c1", 1, "Contact: <sip:a@h1>;q=1\r\nX-Attr: desk\r\n"));
    world.feed(&register("c2", 1, "Contact: <sip:a@h2>;q=0\r\nX-Attr: mobile\r\n"));
    assert_eq!(answer(&mut world, &invite()), "desk mobile");
}

#[test]
fn who_is_registered() {
    let call = "if ($rm == \"REGISTER\") { save(\"location\"); exit; }\n\
                $var(from) = is_registered(\"location\");\n\
                $var(alice) = is_registered(\"location\", \"sip:alice@example.com\");\n\
                $var(callee) = registered(\"location\");\n\
                $var(id) = registered(\"location\", $ru, \"c9\");\n\
                $var(at) = is_contact_registered(\"location\", $ru, \"sip:a@192.0.2.9:5070\");\n\
                $var(own) = is_contact_registered(\"location\", $ru);\n\
                $var(ip) = is_ip_registered(\"location\", $ru, \"192.0.2.8\");\n\
                $var(port) = is_ip_registered(\"location\", $ru, \"192.0.2.9\", 5060);\n\
                sl_send_reply(299, \"$var(from)/$var(alice)/$var(callee)/$var(id)/$var(at)/\
                $var(own)/$var(ip)/$var(port)\");";
    let mut world = World::new(&script("", call));
    let said = |world: &mut World| answer(world, &invite());
    assert_eq!(said(&mut world), "-1/-1/-1/-1/-1/-1/-1/-1");
    world.feed(&register("c1", 1, TWO));
    assert_eq!(said(&mut world), "1/1/1/-1/1/-1/1/-1");
    world.pass(3_600_000);
    assert_eq!(said(&mut world), "-1/-1/-1/-1/-1/-1/-1/-1");
}

#[test]
fn contacts_go_at_the_script_s_word() {
    let call = "if ($rm == \"REGISTER\") { save(\"location\"); exit; }\n\
                if ($hdr(X-What) == \"uri\") remove(\"location\", $ru, \"sip:a@192.0.2.8\");\n\
                else if ($hdr(X-What) == \"host\") remove(\"location\", $ru, \"192.0.2.8\");\n\
                else if ($hdr(X-What) == \"hop\") remove(\"location\", $ru, , \"192.0.2.9\");\n\
                else if ($hdr(X-What) == \"instance\") \
                  remove(\"location\", $ru, , , \"<urn:uuid:7>\");\n\
                else if ($hdr(X-What) == \"port\") \
                  remove_ip_port(\"192.0.2.9\", 5070, \"location\");\n\
                else remove(\"location\", $ru);\n\
                sl_send_reply(200, \"OK\");";
    let mut world = World::new(&script("", call));
    let lines = "Contact: <sip:a@192.0.2.8>, <sip:a@192.0.2.9:5070>, \
                 <sip:a@h3>;+sip.instance=\"<urn:uuid:7>\"\r\n";
    let left = |world: &mut World, what: &str| {
        world.feed(&invite());
        world.feed(&register("c1", 1, lines));
        world.feed(&invite().replace("X-Empty:", &format!("X-What: {what}")));
        let sent = world.feed(&register("q", 1, ""));
        told(&sent).1.replace(";expires=3600", "")
    };
    assert_eq!(left(&mut world, "uri"), "<sip:a@192.0.2.9:5070>, <sip:a@h3>");
    assert_eq!(left(&mut world, "host"), "<sip:a@192.0.2.9:5070>, <sip:a@h3>");
    assert_eq!(left(&mut world, "hop"), "<sip:a@192.0.2.8>, <sip:a@h3>");
    assert_eq!(left(&mut world, "instance"), "<sip:a@192.0.2.8>, <sip:a@192.0.2.9:5070>");
    assert_eq!(left(&mut world, "port"), "<sip:a@192.0.2.8>, <sip:a@h3>");
    assert_eq!(left(&mut world, "all"), "");
}

#[test]
fn the_socket_is_named_to_others() {
    let call = "add_sock_hdr(\"Sock-Info\"); $du = \"sip:192.0.2.77\"; forward();";
    let mut world = World::new(&script("", call));
    let sent = world.feed(&register("c1", 1, "Contact: <sip:a@h>\r\n"));
    assert_eq!(sent[0].header("Sock-Info"), Some("udp:192.0.2.1:5060"));
}
