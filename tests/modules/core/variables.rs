//! Every variable of the core, read and, where it may be, assigned.

use crate::world::{INVITE, text, text_in};

/// Each expression with its text in the usual INVITE.
fn check(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(text(expression), *expected, "{expression}");
    }
}

#[test]
fn request_uri_and_its_parts() {
    check(&[
        ("$ru", "sip:bob@example.com:5090;transport=udp?x=y"),
        ("$ruri", "sip:bob@example.com:5090;transport=udp?x=y"),
        ("$rU|$rd|$rp|$rP", "bob|example.com|5090|udp"),
        (
            "$ou|$oU|$od|$op|$oP",
            "sip:bob@example.com:5090;transport=udp?x=y|bob|example.com|5090|udp",
        ),
        ("$du|$dd|$dp|$dP", "<null>|<null>|<null>|<null>"),
    ]);
}

#[test]
fn request_uri_parts_are_assigned_as_opensips_does() {
    for (script, expression, expected) in [
        ("$ru = \"sip:x@y\";", "$ru|$rp|$rP", "sip:x@y|5060|udp"),
        ("$ru = \"sips:x@y\";", "$rp|$rP", "5061|tls"),
        ("$ru = \"hello\";", "$ru|$rU|$rd", "<null>|<null>|<null>"),
        ("$ru = \"sip:x@y;transport=ws\";", "$rp|$rP", "80|ws"),
        ("$rU = \"carol\";", "$ru", "sip:carol@example.com:5090;transport=udp?x=y"),
        ("$rU = NULL;", "$ru|$rU", "sip:example.com:5090;transport=udp?x=y|<null>"),
        ("$rU = 77;", "$rU", "bob"),
        ("$rd = \"h2\";", "$ru", "sip:bob@h2:5090;transport=udp?x=y"),
        ("$rd = 5;", "$rd", "example.com"),
        ("$rp = 7;", "$ru", "sip:bob@example.com:7;transport=udp?x=y"),
        ("$rp = \"abc\";", "$rU", "<null>"),
        ("$du = \"sip:h:9\";", "$du|$dd|$dp|$dP", "sip:h:9|h|9|udp"),
        ("$du = \"sip:h:9\"; $dd = \"i\"; $dp = 4;", "$du", "sip:i:4"),
        ("$du = \"sip:h:9\"; $du = \"\";", "$du", "<null>"),
        ("$du = \"sip:h:9\"; $du = NULL;", "$du", "<null>"),
        ("$du = \"junk\";", "$du|$dd", "junk|<null>"),
        ("$ru = \"sip:x@y\";", "$ou", "sip:bob@example.com:5090;transport=udp?x=y"),
    ] {
        assert_eq!(text_in(script, expression, INVITE), expected, "{script} {expression}");
    }
}

#[test]
fn from_and_to() {
    check(&[
        (
            "$fu|$fU|$fd|$fn|$ft",
            "sip:alice:pw@atlanta.example:5070|alice|atlanta.example|\"Alice\"|1928",
        ),
        ("$tu|$tU|$td|$tn|$tt", "sip:bob@biloxi.example|bob|biloxi.example|Bob|<null>"),
    ]);
}

#[test]
fn headers_with_one_address() {
    let message = INVITE.replace(
        "X-Empty:\r\n",
        "Refer-To: <sip:r@h>\r\nRemote-Party-ID: <sip:p@h>\r\nP-Asserted-Identity: <tel:+1>\r\n\
         P-Preferred-Identity: \"P\" <sip:q@h>\r\nPath: <sip:p1>\r\nPath: <sip:p2>\r\n\
         Diversion: <sip:d@h>;reason=busy;privacy=off\r\n",
    );
    for (expression, expected) in [
        ("$rt|$re|$ai", "sip:r@h|sip:p@h|tel:+1"),
        ("$pu|$pU|$pd|$pn", "sip:q@h|q|h|\"P\""),
        ("$di|$dir|$dip", "sip:d@h|busy|off"),
        ("$path", "<sip:p1>, <sip:p2>"),
    ] {
        assert_eq!(text_in("", expression, &message), expected, "{expression}");
    }
    check(&[(
        "$rt|$re|$ai|$pu|$di|$dip|$dir|$path",
        "<null>|<null>|<null>|<null>|<null>|<null>|<null>|<null>",
    )]);
}

#[test]
fn headers_by_name() {
    check(&[
        ("$hdr(x-two)", "one "),
        ("$(hdr(X-Two)[1])", "two"),
        ("$(hdr(X-Two)[-1])", "two"),
        ("$(hdr(X-Two)[2])", "<null>"),
        ("$(hdr(X-Two)[*])", "one , two"),
        ("$hdr(X-Empty)|$hdr(No)", "|<null>"),
        ("$hdr(i)", "a84b4c76e66710@pc33.atlanta.example"),
        ("$hdr(Subject)|$hdr(s)", "<null>|compact subject"),
        ("$hdrcnt(X-Two)|$hdrcnt(No)", "2|0"),
        ("$(hdr_name[0])|$(hdr_name[-1])", "Via|Content-Length"),
    ]);
}

#[test]
fn contacts() {
    check(&[
        ("$ct", "<sip:alice@pc33.atlanta.example>;q=0.7;expires=60"),
        ("$(ct[1])", "\"Al\" <sip:al@h2>"),
        (
            "$ct.fields(uri)|$ct.fields(q)|$ct.fields(expires)",
            "sip:alice@pc33.atlanta.example|0.7|60",
        ),
        (
            "$(ct.fields(name)[1])|$(ct.fields(uri)[*])",
            "\"Al\"|sip:alice@pc33.atlanta.example, sip:al@h2",
        ),
        ("$(ct[2])|$ct.fields(methods)", "<null>|<null>"),
    ]);
}

#[test]
fn single_headers_and_body() {
    check(&[
        ("$ci|$cs|$rm", "a84b4c76e66710@pc33.atlanta.example|314159|INVITE"),
        ("$cT|$cl|$ua", "application/sdp|6|test"),
        ("$rs|$rr", "<null>|<null>"),
        ("$ml", &INVITE.len().to_string()),
        ("$msg.is_request|$msg.type", "true|request"),
    ]);
}

#[test]
fn credentials() {
    let message = INVITE.replace(
        "X-Empty:\r\n",
        "Proxy-Authorization: Digest username=\"joe@dom\", realm=\"r\", nonce=\"n\", \
         uri=\"sip:u\", \
         response=\"f00\", opaque=\"o\", algorithm=MD5, qop=auth, nc=00000001\r\n",
    );
    for (expression, expected) in [
        ("$aU|$au|$ad|$ar|$an|$adu", "joe@dom|joe|dom|r|n|sip:u"),
        ("$auth.resp|$auth.opaque|$auth.alg|$auth.qop|$auth.nc", "f00|o|MD5|auth|00000001"),
        ("$Au", "alice@atlanta.example"),
    ] {
        assert_eq!(text_in("", expression, &message), expected, "{expression}");
    }
    check(&[("$aU|$au|$ar", "<null>|<null>|<null>")]);
}

#[test]
fn where_it_came_from_and_leaves() {
    check(&[
        ("$si|$sp|$af|$pr|$proto", "198.51.100.7|5071|INET|udp|udp"),
        ("$Ri|$Rp|$mi", "192.0.2.1|5060|1"),
        ("$socket_in|$socket_in(ip)|$socket_in(port)", "udp:192.0.2.1:5060|192.0.2.1|5060"),
        ("$socket_in(proto)|$socket_in(af)|$socket_in(tag)", "udp|INET|<null>"),
        ("$socket_in(advertised_ip)|$socket_out|$fs", "<null>|<null>|<null>"),
    ]);
    for socket in ["udp:192.0.2.1:5062", "inner"] {
        let seen = text_in(
            &format!("$socket_out = \"{socket}\";"),
            "$socket_out|$socket_out(tag)|$socket_out(advertised_ip)|$socket_out(advertised_port)",
            INVITE,
        );
        assert_eq!(seen, "udp:192.0.2.1:5062|inner|gate.example.org|5080");
    }
    let kept = text_in("$fs = \"udp:192.0.2.1:5062\"; $fs = \"udp:9.9.9.9:1\";", "$fs", INVITE);
    assert_eq!(kept, "udp:192.0.2.1:5062", "an unknown socket is refused");
}

#[test]
fn avps_are_stacks() {
    for (script, expression, expected) in [
        ("", "$avp(a)", "<null>"),
        ("$avp(a) = 1; $avp(a) = \"two\";", "$avp(a)|$(avp(a)[1])|$(avp(a)[-1])", "two|1|1"),
        ("$avp(a) = 1; $avp(a) = 2;", "$(avp(a)[*])|$(avp(a)[2])", "2, 1|<null>"),
        ("$avp(a) = 1; $avp(a) := 2;", "$(avp(a)[*])", "2"),
        ("$avp(a) = 1; $avp(a) = 2; $avp(a) = NULL;", "$(avp(a)[*])", "1"),
        ("$avp(a) = 1; $avp(a) = 2; $avp(a) := NULL;", "$(avp(a)[*])", "<null>"),
        ("$avp(a) = 1; $avp(a) = 2; $(avp(a)[1]) = 9;", "$(avp(a)[*])", "2, 9"),
        ("$avp(a) = 1; $(avp(a)[append]) = 0;", "$(avp(a)[*])", "1, 0"),
        ("$avp(s:a) = 1; $avp(a) = 2;", "$avp(s:a)", "1"),
        ("$var(n) = \"a\"; $avp(a) = 5;", "$avp($var(n))", "5"),
    ] {
        assert_eq!(text_in(script, expression, INVITE), expected, "{script} {expression}");
    }
}

#[test]
fn vars_keep_type_and_null() {
    for (script, expression, expected) in [
        ("", "$var(v)", "<null>"),
        ("$var(v) = 5; $var(v) = $var(v) + 2;", "$var(v)", "7"),
        ("$var(v) = \"a\"; $var(v) = $var(v) + \"b\";", "$var(v)", "ab"),
        ("$var(v) = \"a\"; $var(v) = NULL;", "$var(v)", "<null>"),
    ] {
        assert_eq!(text_in(script, expression, INVITE), expected, "{script} {expression}");
    }
}

#[test]
fn the_run_itself() {
    check(&[
        ("$cfg_file|$xlog_level", "test.cfg|2"),
        ("$err.class|$err.level|$err.info", "<null>|<null>|<null>"),
        ("$err.rcode|$err.rreason", "<null>|<null>"),
    ]);
    assert_eq!(text_in("is_myself(\"nobody\");", "$rc|$retcode", INVITE), "-1|-1");
    assert_eq!(text_in("$var(l) = $cfg_line;", "$var(l)", INVITE), "5");
    let whole = "loadmodule \"sl.so\"\nroute { route(sub, 4, \"five\"); \
         sl_send_reply(200, \"$var(p)|$var(q)|$var(r)|$return(0)|$return(1)|$route.name\"); }\n\
         route[sub] { $var(p) = $param(2) + $param(1); $var(q) = $param(3); $var(r) = $route; \
         return(3, \"six\", 7); }";
    let sent = crate::world::World::new(whole).feed(INVITE);
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 five4|<null>|sub|six|7|");
}

#[test]
fn flags() {
    let script = "setflag(7); setflag(NATED); $msg.flag(other) = 1; setbflag(3); \
        $branch.flag(B2) = 1; resetflag(7); if (!isflagset(NATED) || isflagset(7)) exit; \
        resetbflag(3); if (isbflagset(3) || !isbflagset(B2)) exit; $msg.flag(other) = 0;";
    let seen = text_in(script, "$mf|$bf|$msg.flag(NATED)|$msg.flag(7)|$branch.flag(B2)", INVITE);
    assert_eq!(seen, "NATED|B2|1|0|1");
}

#[test]
fn time() {
    check(&[
        ("$Tf|$Ts|$Tsm|$TS", "Mon Nov 23 00:00:00 2026|1795392000|250000|1795391995"),
        ("$time(%Y-%m-%d)", "2026-11-23"),
    ]);
}
