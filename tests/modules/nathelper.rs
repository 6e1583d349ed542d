//! Module `nathelper` (spec 9.4).

use sluice_tests::world::{Plan, World};

const CALLER: &str = "203.0.113.9:4321";

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.1.1.1\r\ns=-\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n";

fn invite(via: &str, contact: &str, body: &str) -> String {
    format!(
        "INVITE sip:bob@biloxi SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKnashds8\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:bob@x>\r\nCall-ID: 1@pc\r\nCSeq: 1 INVITE\r\n{contact}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn world(params: &str, call: &str) -> World {
    Plan::default().run(&format!(
        "loadmodule \"sl\"\nloadmodule \"nathelper\"\n{params}\n\
         route {{ $var(rc) = {call}; xlog(\"$var(rc)\"); if ($var(rc) < 0) {{ \
         sl_send_reply(404, \"$var(rc)\"); exit; }} $du = \"sip:10.0.0.9\"; forward(); }}\n"
    ))
}

/// What a request becomes by a call.
fn sent(params: &str, call: &str, request: &str) -> String {
    world(params, call).receive(CALLER, request)[0].text()
}

fn hits(flags: &str, via: &str, contact: &str, body: &str) -> bool {
    let call = format!("nat_uac_test({flags})");
    sent("", &call, &invite(via, contact, body)).starts_with("INVITE")
}

#[test]
fn tests_by_word_and_number() {
    let public = "Contact: <sip:a@203.0.113.9:4321>\r\n";
    let home = "Contact: <sip:a@192.168.1.2:4321>\r\n";
    let carrier = "Contact: <sip:a@100.64.0.1:4321>\r\n";
    let (ours, behind) = ("203.0.113.9:4321", "10.1.1.1:4321");
    for (flags, via, contact, body, expected) in [
        ("\"private-contact\"", ours, home, "", true),
        ("1", ours, home, "", true),
        ("\"1\"", ours, public, "", false),
        ("\"1\"", ours, carrier, "", false),
        ("\"private-contact,carrier-grade-nat\"", ours, carrier, "", true),
        ("129", ours, carrier, "", true),
        ("\"diff-ip-src-via\"", behind, public, "", true),
        ("2", ours, public, "", false),
        ("2", "pc.example.org:4321", public, "", true),
        ("2", "10.1.1.1:4321;received=203.0.113.9", public, "", true),
        ("\"private-via\"", behind, public, "", true),
        ("4", ours, public, "", false),
        ("\"private-sdp\"", ours, public, SDP, true),
        ("8", ours, public, &SDP.replace("10.1.1.1", "203.0.113.9"), false),
        ("8", ours, public, &SDP.replace("0.0.0.0", "172.16.0.1").replace("10.1", "8.8"), true),
        ("\"diff-port-src-via\"", "203.0.113.9", public, "", true),
        ("16", ours, public, "", false),
        ("\"diff-ip-src-contact\"", ours, home, "", true),
        ("32", ours, public, "", false),
        ("\"diff-port-src-contact\"", ours, "Contact: <sip:a@203.0.113.9>\r\n", "", true),
        ("64", ours, public, "", false),
        ("255", ours, "Contact: *\r\n", "", false),
        ("97", ours, "", "", false),
        ("\"19\"", behind, public, "", true),
    ] {
        assert_eq!(hits(flags, via, contact, body), expected, "{flags} {via} {contact}");
    }
}

fn contact(call: &str, contact: &str) -> String {
    let text = sent("", call, &invite("h", &format!("{contact}\r\n"), ""));
    let mut lines =
        text.lines().filter(|line| line.starts_with("Contact") || line.starts_with("m:"));
    lines.next().unwrap_or_default().to_owned()
}

#[test]
fn the_sources_address_in_contacts() {
    for (call, before, after) in [
        ("fix_nated_contact()", "Contact: <sip:a@10.0.0.1>", "Contact: <sip:a@203.0.113.9:4321>"),
        (
            "fix_nated_contact()",
            "Contact: \"A\" <sip:a:p@h:5070;transport=udp?x=y>;q=0.1",
            "Contact: \"A\" <sip:a:p@203.0.113.9:4321;transport=udp?x=y>;q=0.1",
        ),
        ("fix_nated_contact()", "m: sip:h", "m: sip:203.0.113.9:4321"),
        (
            "fix_nated_contact(\";nat=yes\")",
            "Contact: <sip:a@[2001:db8::1]:99;lr?x=y>, sip:b@h;expires=5",
            "Contact: <sip:a@203.0.113.9:4321;lr;nat=yes?x=y>, \
             <sip:b@203.0.113.9:4321;nat=yes>;expires=5",
        ),
        (
            "fix_nated_contact()",
            "Contact: <tel:+1>, <sip:h>",
            "Contact: <tel:+1>, <sip:203.0.113.9:4321>",
        ),
    ] {
        assert_eq!(contact(call, before), after, "{before}");
    }
    let none = sent("", "fix_nated_contact()", &invite("h", "Contact: *\r\n", ""));
    assert!(none.starts_with("SIP/2.0 404 -1"), "{none}");
}

#[test]
fn the_address_that_was_replaced_comes_back() {
    let call = "fix_nated_contact(\";nat=yes\", \"preserve-uri\")";
    let fixed = contact(call, "Contact: <sip:a@10.0.0.1:5070;lr>;q=1, <sip:b@pc.example.org>");
    let (one, other) = fixed.strip_prefix("Contact: ").unwrap().split_once(", ").unwrap();
    assert_eq!(one, "<sip:a@203.0.113.9:4321;lr;nat=yes;org=MTAuMC4wLjE6NTA3MA>;q=1");
    assert_eq!(other, "<sip:b@203.0.113.9:4321;nat=yes;org=cGMuZXhhbXBsZS5vcmc>");
    let script = "loadmodule \"sl\"\nloadmodule \"nathelper\"\n\
                  route { $var(rc) = restore_nated_ruri(); xlog(\"$var(rc)\"); \
                  if ($var(rc) < 0) { sl_send_reply(404, \"$var(rc)\"); exit; } forward(); }\n";
    let mut world = World::of(script);
    let mut back = |uri: &str| {
        let request =
            invite("h", "", "").replace("INVITE sip:bob@biloxi", &format!("INVITE {uri}"));
        world.receive(CALLER, request).remove(0)
    };
    let sent = back("sip:a@203.0.113.9:4321;lr;nat=yes;org=MTAuMC4wLjE6NTA3MA");
    assert_eq!(sent.to.to_string(), "203.0.113.9:4321");
    assert_eq!(sent.first_line(), "INVITE sip:a@10.0.0.1:5070;lr;nat=yes SIP/2.0");
    assert_eq!(back("sip:a@203.0.113.9:4321;lr").first_line(), "SIP/2.0 404 -1");
}

#[test]
fn ipv6_sources_have_brackets() {
    let plan = Plan { listen: vec!["[::1]:5060".parse().unwrap()], ..Plan::default() };
    let mut world = plan.run(
        "loadmodule \"nathelper\"\nroute { fix_nated_contact(); $du = \"sip:[::1]:9\"; forward(); }\n",
    );
    let request = invite("h", "Contact: <sip:a@10.0.0.1:1;lr>\r\n", "");
    let text = world.receive("[2001:db8::7]:99", request)[0].text();
    assert!(text.contains("Contact: <sip:a@[2001:db8::7]:99;lr>\r\n"), "{text}");
}

#[test]
fn the_source_as_a_parameter_for_another_registrar() {
    for (call, before, after) in [
        (
            "add_rcv_param()",
            "Contact: <sip:a@h>;q=1, sip:b@h",
            "Contact: <sip:a@h>;q=1;received=\"sip:203.0.113.9:4321\", \
             sip:b@h;received=\"sip:203.0.113.9:4321\"",
        ),
        (
            "add_rcv_param(1)",
            "Contact: <sip:a@h;lr>;q=1",
            "Contact: <sip:a@h;lr;received=sip:203.0.113.9:4321>;q=1",
        ),
        (
            "add_rcv_param(\"hdr-param\")",
            "Contact: <sip:a@h>",
            "Contact: <sip:a@h>;received=\"sip:203.0.113.9:4321\"",
        ),
    ] {
        assert_eq!(contact(call, before), after, "{call}");
    }
}

#[test]
fn the_source_as_an_avp_for_this_one() {
    let params = "modparam(\"nathelper\", \"received_avp\", \"$avp(rcv)\")";
    let call = "fix_nated_register(); $ru = $avp(rcv); $var(rc) = 1";
    let request = invite("h", "Contact: <sip:a@h>\r\n", "");
    assert!(sent(params, call, &request).starts_with("INVITE sip:203.0.113.9:4321 SIP/2.0"));
    assert!(sent("", "fix_nated_register()", &request).starts_with("SIP/2.0 404 -1"));
    let Err(error) = Plan::default().try_run(
        "loadmodule \"nathelper\"\nmodparam(\"nathelper\", \"received_avp\", \"$ru\")\nroute { exit; }\n",
    ) else {
        panic!("no AVP")
    };
    assert!(error.contains("received_avp is an AVP"), "{error}");
}

fn body(params: &str, call: &str, body: &str) -> String {
    let text = sent(params, call, &invite("h", "Contact: <sip:a@h>\r\n", body));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
    body.to_owned()
}

#[test]
fn addresses_of_session_descriptions() {
    let media = SDP.replace("c=IN IP4 10.1.1.1", "c=IN IP4 203.0.113.9");
    let origin = SDP.replace("o=- 1 1 IN IP4 10.1.1.1", "o=- 1 1 IN IP4 203.0.113.9");
    for (params, call, expected) in [
        ("", "\"rewrite-media-ip\"", format!("{media}a=oldcip:10.1.1.1\r\n")),
        ("", "2", format!("{media}a=oldcip:10.1.1.1\r\n")),
        ("modparam(\"nathelper\", \"oldip_skip\", \"oc\")", "2", media.clone()),
        (
            "modparam(\"nathelper\", \"oldip_skip\", \"c\")",
            "8",
            format!("{origin}a=oldoip:10.1.1.1\r\n"),
        ),
        ("", "\"rewrite-origin-ip\"", format!("{origin}a=oldoip:10.1.1.1\r\n")),
        ("", "1", format!("{SDP}a=direction:active\r\n")),
        ("", "4", format!("{SDP}a=nortpproxy:yes\r\n")),
        (
            "modparam(\"nathelper\", \"nortpproxy_str\", \"a=x\\r\\n\")",
            "4",
            format!("{SDP}a=x\r\n"),
        ),
        ("", "0, , \"\\r\\na=one\\r\\na=two\"", format!("{SDP}a=one\r\na=two\r\n")),
        (
            "modparam(\"nathelper\", \"oldip_skip\", \"c\")",
            "18, \"2001:db8::5\"",
            SDP.replace("c=IN IP4 10.1.1.1", "c=IN IP6 2001:db8::5")
                .replace("c=IN IP4 0.0.0.0", "c=IN IP6 2001:db8::5"),
        ),
    ] {
        assert_eq!(body(params, &format!("fix_nated_sdp({call})"), SDP), expected, "{call}");
    }
    let cut = SDP.trim_end();
    assert_eq!(body("", "fix_nated_sdp(1)", cut), format!("{cut}\r\na=direction:active\r\n"));
    let named = SDP.replace("10.1.1.1", "media.example.org");
    assert_eq!(body("", "fix_nated_sdp(2)", &named), named, "a name is left alone");
    let request = invite("h", "Contact: <sip:a@h>\r\n", SDP);
    assert!(sent("", "fix_nated_sdp(2, \"here\")", &request).starts_with("SIP/2.0 404 -1"));
    let none = request.replace("application/sdp", "text/plain");
    assert!(sent("", "fix_nated_sdp(2)", &none).starts_with("SIP/2.0 404 -1"));
}

#[test]
fn flags_that_are_none_are_refused_at_load() {
    for (call, why) in [
        ("nat_uac_test(256)", "flags are at most 255"),
        ("nat_uac_test(\"private\")", "`private` is none of private-contact"),
        ("fix_nated_sdp(\"rewrite\")", "`rewrite` is none of add-dir-active"),
        ("add_rcv_param(\"uri\")", "hdr-param"),
        ("fix_nated_contact(\"\", \"preserve\")", "`preserve` is none of preserve-uri"),
    ] {
        let script = format!("loadmodule \"nathelper\"\nroute {{ {call}; }}\n");
        let Err(error) = Plan::default().try_run(&script) else { panic!("{call}") };
        assert!(error.contains(why), "{error}");
    }
}
