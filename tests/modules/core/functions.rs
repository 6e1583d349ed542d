//! Core functions that are about neither the Request-URI nor branches: AVPs, texts, times, sockets.

use sluice_tests::world::located;

use crate::world::{INVITE, World, text_in};

fn check(cases: &[(&str, &str, &str)]) {
    for (script, expression, expected) in cases {
        assert_eq!(text_in(script, expression, INVITE), *expected, "{script} {expression}");
    }
}

#[test]
fn texts_and_uris_are_put_into_variables() {
    check(&[
        ("pv_printf($var(x), \"r $rU $avp(none)\");", "$var(x)|$rc", "r bob <null>|1"),
        ("avp_printf(\"$avp(x)\", \"$fU\"); pv_printf($rU, \"new\");", "$avp(x)|$rU", "alice|new"),
        ("pv_printf($du, \"sip:d\");", "$du", "sip:d"),
        (
            "construct_uri(\"sip\", \"u\", \"h\", \"5070\", \"x=y;lr\", $var(u));",
            "$var(u)|$rc",
            "sip:u@h:5070;x=y;lr|1",
        ),
        ("construct_uri(\"sips\", , \"h\", \"\", , $avp(u));", "$avp(u)", "sips:h"),
        ("construct_uri(\"sip\", \"u\", \"h h\", , , $avp(u));", "$avp(u)|$rc", "<null>|-1"),
        ("construct_uri(\"\", \"u\", \"h\", , , $avp(u));", "$rc", "-1"),
        ("get_timestamp($var(s), $avp(m));", "$var(s)|$avp(m)", "1795392000|250000"),
    ]);
}

#[test]
fn avps_are_tested_and_removed() {
    let three = "$avp(x) = 1; $avp(x) = \"\"; $avp(x) = \"two\"; $avp(y) = 7;";
    for (script, expected) in [
        ("is_avp_set(\"$avp(x)\");", "1|two, , 1|7"),
        ("is_avp_set(\"$(avp(x))/s\");", "1|two, , 1|7"),
        ("is_avp_set(\"$avp(x)/n\");", "-1|two, , 1|7"),
        ("is_avp_set(\"$avp(y)/n\");", "1|two, , 1|7"),
        ("is_avp_set(\"$avp(none)\");", "-1|two, , 1|7"),
        ("is_avp_set(\"$var(x)\");", "-1|two, , 1|7"),
        ("avp_delete(\"$avp(x)\"); is_avp_set(\"$avp(x)/e\");", "1|, 1|7"),
        ("avp_delete(\"$avp(x)/g\");", "1|<null>|7"),
        ("avp_delete(\"$avp(none)/g\");", "-1|two, , 1|7"),
        ("avp_delete(\"a\");", "1|<null>|<null>"),
        ("avp_delete(\"q\");", "-1|two, , 1|7"),
        ("avp_print();", "1|two, , 1|7"),
    ] {
        let script = format!("{three} {script} $var(r) = $rc;");
        assert_eq!(
            text_in(&script, "$var(r)|$(avp(x)[*])|$(avp(y)[*])", INVITE),
            expected,
            "{script}"
        );
    }
}

#[test]
fn avps_are_copied_and_inserted() {
    let three = "$avp(x) = 1; $avp(x) = \"b2\"; $avp(x) = 3; $avp(y) = 0;";
    for (script, expected) in [
        ("avp_copy(\"$avp(x)\", \"$avp(y)\");", "1|3, b2, 1|3, 0"),
        ("avp_copy(\"$avp(x)\", \"$avp(y)/g\");", "1|3, b2, 1|3, b2, 1, 0"),
        ("avp_copy(\"$avp(x)\", \"$avp(y)/GD\");", "1|<null>|3, b2, 1, 0"),
        ("avp_copy(\"$avp(x)\", \"$avp(y)/gn\");", "1|3, b2, 1|3, 0, 1, 0"),
        ("avp_copy(\"$avp(x)\", \"$avp(x)/d\");", "1|3, b2, 1|0"),
        ("avp_copy(\"$avp(x)\", \"$avp(x)/gd\");", "1|3, b2, 1|0"),
        ("avp_copy(\"$avp(x)\", \"$avp(x)/gdn\");", "1|3, 0, 1|0"),
        ("avp_copy(\"$avp(none)\", \"$avp(y)\");", "-1|3, b2, 1|0"),
        ("avp_copy(\"x\", \"$avp(y)\");", "-1|3, b2, 1|0"),
        ("avp_insert(\"$avp(x)\", \"n$rU\", 1);", "1|3, nbob, b2, 1|0"),
        ("avp_insert(\"$avp(x)\", 9, 0);", "1|9, 3, b2, 1|0"),
        ("avp_insert(\"$avp(x)\", 9, 99);", "1|3, b2, 1, 9|0"),
    ] {
        let script = format!("{three} {script} $var(r) = $rc;");
        assert_eq!(
            text_in(&script, "$var(r)|$(avp(x)[*])|$(avp(y)[*])", INVITE),
            expected,
            "{script}"
        );
    }
    let doubled = "$avp(x) = 1; $var(i) = 0; while ($var(i) < 40) { \
        avp_copy(\"$avp(x)\", \"$avp(x)/g\"); $var(r) = $rc; $var(i) = $var(i) + 1; }";
    check(&[(doubled, "$var(r)", "-1")]);
    let text = "avp_copy(\"$avp(y)\", \"$avp(z)/s\"); if ($avp(z) == 7) exit;";
    check(&[(&format!("$avp(y) = 7; {text}"), "$avp(z)", "7")]);
}

#[test]
fn avps_are_substituted() {
    let two = "$avp(x) = \"a@h1\"; $avp(x) = \"b@h2\"; $avp(x) = 5;";
    for (script, expected) in [
        ("avp_subst(\"$avp(x)\", \"/(.*)@(.*)/\\1@$rd/\");", "-1|5, b@h2, a@h1|<null>"),
        (
            "avp_subst(\"$avp(x)//g\", \"/(.*)@(.*)/\\1@$rd/\");",
            "1|5, b@example.com, a@example.com|<null>",
        ),
        ("avp_subst(\"$avp(x)/$avp(y)/g\", \"/B@/C@/i\");", "1|5, b@h2, a@h1|C@h2"),
        ("avp_subst(\"$avp(x)/$avp(y)/gd\", \"/@//\");", "1|5|bh2, ah1"),
        ("avp_subst(\"$avp(x)/$avp(x)/g\", \"/@//\");", "1|5, bh2, ah1|<null>"),
        ("avp_subst(\"x\", \"/@//\");", "-1|5, b@h2, a@h1|<null>"),
    ] {
        let script = format!("{two} {script} $var(r) = $rc;");
        assert_eq!(
            text_in(&script, "$var(r)|$(avp(x)[*])|$(avp(y)[*])", INVITE),
            expected,
            "{script}"
        );
    }
}

#[test]
fn avps_are_compared() {
    for (operation, expected) in [
        ("eq/7", true),
        ("eq/i:0x7", true),
        ("ne/7", false),
        ("lt/8", true),
        ("le/7", true),
        ("gt/7", false),
        ("ge/7", true),
        ("and/i:4", true),
        ("and/8", false),
        ("or/0", true),
        ("xor/7", false),
        ("eq/s:Abc", false),
        ("eq/Abc/g", true),
        ("eq/abc/g", false),
        ("eq/ABC/gi", true),
        ("re/^a.c$/gi", true),
        ("re/^a.c$/i", false),
        ("fm/A*/g", true),
        ("fm/B*/g", false),
        ("eq/a/b/g", true),
        ("like/7", false),
    ] {
        let script = format!(
            "$avp(x) = \"a/b\"; $avp(x) = \"Abc\"; $avp(x) = 7; \
             avp_check(\"$avp(x)\", \"{operation}\");"
        );
        let expected = if expected { "1" } else { "-1" };
        assert_eq!(text_in(&script, "$rc", INVITE), expected, "{operation}");
    }
    check(&[
        ("$avp(x) = \"bob\"; avp_check($avp(x), \"eq/$rU\");", "$rc", "1"),
        ("avp_check($avp(none), \"eq/x\");", "$rc", "-1"),
        ("$var(x) = 7; avp_check($var(x), \"eq/7\");", "$rc", "-1"),
    ]);
}

#[test]
fn avps_are_calculated_with() {
    for (avps, operation, expected) in [
        ("$avp(x)", "add/5", "1|7, t, 12|<null>"),
        ("$avp(x)", "sub/i:5/g", "1|-3, t, 7|<null>"),
        ("$avp(x)/$avp(y)", "mul/0x3", "1|2, t, 12|6"),
        ("$avp(x)/$avp(y)", "mul/i:0x3/gd", "1|t|6, 36"),
        ("$avp(x)", "div/5/g", "1|0, t, 2|<null>"),
        ("$avp(x)", "div/0", "-1|2, t, 12|<null>"),
        ("$avp(x)", "mod/5/g", "1|2, t, 2|<null>"),
        ("$avp(x)", "and/6", "1|2, t, 12|<null>"),
        ("$avp(x)", "or/5", "1|7, t, 12|<null>"),
        ("$avp(x)", "xor/3", "1|1, t, 12|<null>"),
        ("$avp(x)", "not", "1|-3, t, 12|<null>"),
        ("$avp(x)", "add/x", "-1|2, t, 12|<null>"),
        ("$avp(x)", "pow/2", "-1|2, t, 12|<null>"),
        ("x", "add/2", "-1|2, t, 12|<null>"),
    ] {
        let script = format!(
            "$avp(x) = 12; $avp(x) = \"t\"; $avp(x) = 2; \
             avp_op(\"{avps}\", \"{operation}\"); $var(r) = $rc;"
        );
        let seen = text_in(&script, "$var(r)|$(avp(x)[*])|$(avp(y)[*])", INVITE);
        assert_eq!(seen, expected, "{avps} {operation}");
    }
}

#[test]
fn send_changes_nothing() {
    let sent =
        World::new("route { $ru = \"sip:x@y\"; send(\"udp:203.0.113.9:5070\"); }").feed(INVITE);
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str()), ("203.0.113.9:5070", INVITE));
    let script =
        "route { send(\"203.0.113.9\", \"X-Sent: $rU\\r\\n\"); if ($rc != 1) send(\"h\"); }";
    let sent = World::new(script).feed(INVITE);
    assert_eq!(sent[0].to, "203.0.113.9:5060");
    let (first, rest) = INVITE.split_once("\r\n").unwrap();
    assert_eq!(sent[0].text, format!("{first}\r\nX-Sent: bob\r\n{rest}"));
    let mut world = World::new("onreply_route { send(\"sip:gate.example:7\"); }\nroute { exit; }");
    let reply = INVITE.replacen(
        "INVITE sip:bob@example.com:5090;transport=udp?x=y SIP/2.0",
        "SIP/2.0 200 OK",
        1,
    );
    assert!(world.feed(&reply).is_empty());
    let (asked, sent) = world.answer(located(7, &["203.0.113.8"]));
    assert!(asked.contains("gate.example"), "{asked}");
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str()), ("203.0.113.8:7", reply.as_str()));
}

#[test]
fn our_via_says_what_the_script_advertises() {
    for (script, sent_by) in [
        ("", "192.0.2.1"),
        ("set_advertised_address(\"gate.example\");", "gate.example"),
        ("set_advertised_port(5099);", "192.0.2.1:5099"),
        ("set_advertised_port(\"5099\"); set_advertised_address(\"$rd\");", "example.com:5099"),
        ("set_advertised_address(\"a b\"); set_advertised_port(0);", "192.0.2.1"),
        ("$socket_out = \"inner\"; set_advertised_port(5099);", "gate.example.org:5099"),
        ("$socket_out = \"inner\"; set_advertised_address(\"other\");", "other:5062"),
    ] {
        let script = format!("route {{ {script} forward(\"203.0.113.9\"); }}");
        let sent = World::new(&script).feed(INVITE);
        let via = sent[0].header("Via").unwrap();
        let seen = via.strip_prefix("SIP/2.0/UDP ").unwrap().split(';').next().unwrap();
        assert_eq!(seen, sent_by, "{script}");
    }
}

#[test]
fn via_handling_by_flags() {
    let with = |flags: &str, message: &str| {
        let script = format!(
            "route {{ set_via_handling(\"{flags}\"); force_tcp_alias(); \
             forward(\"203.0.113.9\"); }}"
        );
        World::new(&script).feed(message).remove(0).text
    };
    let plain = INVITE.replace(";rport", "");
    assert!(with("force-rport, add-local-rport", &plain).contains(";rport=5071"));
    assert!(with("add-local-rport", &plain).contains(";rport\r\n"));
    assert!(!with("reply-to-via,force-tcp-alias", &plain).contains("rport"));
    assert!(!with("force-rport,what", &plain).contains("rport"));
    let script = "loadmodule \"sl.so\"\n\
        route { set_via_handling(\"reply-to-via\"); sl_send_reply(200, \"OK\"); }";
    let other = plain.replace("UDP 198.51.100.7:5071", "UDP 198.51.100.9:5072");
    assert_eq!(World::new(script).feed(&other)[0].to, "198.51.100.9:5072");
}
