//! Every variable of the core, read and, where it may be, assigned.

use sluice_engine::TimeZone;
use sluice_tests::world::Plan;

use crate::world::{CALLER, INVITE, text, text_in};

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
        ("$(hdr_name[0])|$(hdr_name[-1])|$(hdr_name[99])", "Via|Content-Length|<null>"),
        ("$(hdr_name[*]{csv.count})", "14"),
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
        ("$(cT[0])|$(cT[1])|$(cT[*])", "application/sdp|<null>|application/sdp"),
        ("$(rb{s.len})|$(rb(application/sdp){s.len})|$(rb[0]{s.len})", "6|6|6"),
        ("$rb(text/plain)|$(rb[1])", "<null>|<null>"),
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
         response=\"f00\", opaque=\"o\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n",
    );
    for (expression, expected) in [
        ("$aU|$au|$ad|$ar|$an|$adu", "joe@dom|joe|dom|r|n|sip:u"),
        ("$auth.resp|$auth.opaque|$auth.alg|$auth.qop|$auth.nc", "f00|o|MD5|auth|00000001"),
        ("$auth.cnonce|$auth.user|$auth.realm|$auth.nonce|$auth.uri", "c|joe|r|n|sip:u"),
        ("$Au", "alice@atlanta.example"),
    ] {
        assert_eq!(text_in("", expression, &message), expected, "{expression}");
    }
    check(&[("$aU|$au|$ar", "<null>|<null>|<null>")]);
}

#[test]
fn challenges() {
    let message = INVITE.replace(
        "X-Empty:\r\n",
        "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", opaque=\"\", qop=\"auth,auth-int\", \
         algorithm=AKAv1-MD5, ik=\"01\", ck=\"02\"\r\n",
    );
    let all = "$challenge.realm|$challenge.nonce|$challenge.opaque|$challenge.qop|\
               $challenge.algorithm|$challenge.ik|$challenge.ck";
    assert_eq!(text_in("", all, &message), "r|n||auth,auth-int|AKAv1-MD5|01|02");
    check(&[("$challenge.realm|$challenge.ck", "<null>|<null>")]);
}

/// An INVITE whose body has a session description and another part.
fn in_parts() -> String {
    let sdp = "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\na=ptime:20\r\n\
        m=audio 27292 RTP/AVP 9 8 0\r\na=rtpmap:9 G722/8000\r\na=ptime:30\r\n\
        m=video 1 RTP/AVP 115\r\na=fmtp:115 mode=1;bitrate=64\r\n";
    let body = format!(
        "--b1\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b1\r\n\
         content-type: application/isup;v=1\r\n\r\nISUP\r\n--b1--\r\n"
    );
    let (head, _) = INVITE.split_once("Content-Type").unwrap();
    let length = body.len();
    format!(
        "{head}Content-Type: multipart/mixed;boundary=b1\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn parts_of_the_body() {
    let message = in_parts();
    for (expression, expected) in [
        (
            "$cT|$(cT[0])|$(cT[-1])",
            "multipart/mixed;boundary=b1|application/sdp|application/isup;v=1",
        ),
        ("$(cT[*])", "multipart/mixed;boundary=b1, application/sdp, application/isup;v=1"),
        ("$(rb[1])|$rb(application/isup)|$(rb(application/ISUP)[-1])", "ISUP|ISUP|ISUP"),
        ("$(rb[2])|$rb(text/plain)|$(rb(application/sdp)[1])", "<null>|<null>|<null>"),
        ("$(rb(application/isup)[*])", "ISUP"),
    ] {
        assert_eq!(text_in("", expression, &message), expected, "{expression}");
    }
    let script = "if ($(rb{s.len}) != $cl || $(rb[*]{s.len}) != $(rb{s.len})) exit;";
    assert_eq!(text_in(&script.replace("$cl", "$(cl{s.int})"), "whole", &message), "whole");
    let bare = INVITE.replace("Length: 6", "Length: 0").replace("v=0\r\nx", "");
    assert_eq!(text_in("", "$rb|$(rb[0])|$sdp|$(cT[0])", &bare), "<null>|<null>|<null>|<null>");
}

#[test]
fn session_description() {
    let message = in_parts();
    for (expression, expected) in [
        ("$(sdp{sdp.line,s})", "s=-"),
        (
            "$sdp.line(a=)|$sdp.line(a=[1])|$sdp.line(a=[9])",
            "a=ptime:20|a=rtpmap:9 G722/8000|<null>",
        ),
        ("$sdp.line([2])|$sdp.line(a=ptime[1])", "s=-|a=ptime:30"),
        ("$sdp.line(m=audio/[0])|$sdp.line(m=audio/[1])", "audio|27292"),
        ("$sdp.line(m=audio/[5])|$sdp.line(m=audio/[6])", "0|<null>"),
        ("$sdp.line(m=audio/RTP)|$sdp.line(m=audio/RTP\\/AVP[0])", "RTP/AVP|RTP/AVP"),
        ("$sdp.line(m=audio/RTP\\/AVP[1])|$sdp.line(m=audio/RTQ)", "<null>|<null>"),
        ("$sdp.session(a=ptime)|$sdp.session(a=ptime[1])", "a=ptime:20|<null>"),
        ("$sdp.stream(/a=ptime)|$sdp.stream([1]/a=ptime)", "a=ptime:30|<null>"),
        ("$sdp.stream(v[0]/a=fmtp:115/bitrate=)", "bitrate=64"),
        ("$sdp.stream(audio[1]/a=ptime)|$sdp.stream(image/a=)", "<null>|<null>"),
        ("$sdp.stream.idx(/a=fmtp/bitrate)|$sdp.stream.idx(audio/a=fmtp)", "1|<null>"),
    ] {
        assert_eq!(text_in("", expression, &message), expected, "{expression}");
    }
    let script = "$var(n) = 1;";
    assert_eq!(text_in(script, "$sdp.line(a=ptime[$var(n)])", &message), "a=ptime:30");
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
        let script = format!("$socket_out = \"{socket}\";");
        let forced = text_in(&script, "$socket_out(forced)|$socket_out(anycast)", INVITE);
        assert_eq!(forced, "udp:192.0.2.1:5062|0");
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
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 five4|<null>|route[sub]|six|7|");
}

#[test]
fn the_routes_that_have_been_entered() {
    for (expression, expected) in [
        ("$route|$(route[0])|$(route[1])|$(route[2])", "route[B]|route[B]|route[A]|route"),
        ("$(route[-1])|$(route[-2])|$(route[-3])", "route|route[A]|route[B]"),
        ("$(route[3])|$(route[-4])|$(route[*])", "<null>|<null>|route > route[A] > route[B]"),
        ("$route.name|$(route.name[1])|$(route.name[-1])", "B|A|"),
        ("$route.type|$(route.type[-1])", "route|route"),
    ] {
        let script = format!(
            "loadmodule \"sl.so\"\nroute {{ route(A); }} route[A] {{ route(B); }} \
             route[B] {{ sl_send_reply(200, \"{expression}\"); }}"
        );
        let sent = crate::world::World::new(&script).feed(INVITE);
        assert_eq!(sent[0].first_line(), format!("SIP/2.0 200 {expected}"), "{expression}");
    }
}

#[test]
fn levels_belong_to_the_worker() {
    for (script, expected) in [
        ("", "2|2"),
        ("$xlog_level = 4; $log_level = -1;", "4|-1"),
        ("$xlog_level = \"L_ERR\"; $log_level = 9;", "-1|4"),
        ("$xlog_level = 4; $xlog_level = NULL; setdebug(4); setdebug();", "2|2"),
        ("setdebug(3); $xlog_level = \"none\";", "2|3"),
    ] {
        assert_eq!(text_in(script, "$xlog_level|$log_level", INVITE), expected, "{script}");
    }
}

#[test]
fn the_process_and_the_terminal() {
    check(&[
        ("$pp", &std::process::id().to_string()),
        ("$argv(none)", "<null>"),
        ("$(C(rx){s.encode.hexa})|$(C(xb){s.encode.hexa})", "1b5b33313b34396d|1b5b33393b34346d"),
    ]);
    let compiled = crate::world::compiled("route { xlog(\"$C(zz)\"); }");
    assert!(compiled.script.is_none());
}

#[test]
fn flags() {
    let script = "setflag(7); setflag(NATED); $msg.flag(other) = 1; setbflag(3); \
        $branch.flag(B2) = 1; resetflag(7); if (!isflagset(NATED) || isflagset(7)) exit; \
        resetbflag(3); if (isbflagset(3) || !isbflagset(B2)) exit; $msg.flag(other) = 0; \
        if ($msg.flag(NATED) != 1 || !$msg.flag(NATED) || $msg.flag(7)) exit;";
    let seen = text_in(script, "$mf|$bf|$msg.flag(NATED)|$msg.flag(7)|$branch.flag(B2)", INVITE);
    assert_eq!(seen, "NATED|B2|true|false|true");
}

#[test]
fn time() {
    check(&[
        ("$Tf|$Ts|$Tsm|$TS", "Mon Nov 23 00:00:00 2026|1795392000|250000|1795391995"),
        ("$time(%Y-%m-%d %z)", "2026-11-23 +0000"),
    ]);
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let plan = Plan { zone, ..Plan::default() };
    let script = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n\
        route { sl_send_reply(200, \"$Tf|$time(%H:%M %Z)|$ctime(hour)\"); }";
    let mut world = plan.run(script);
    world.now.wall_us = 1_795_392_000_000_000;
    let sent = world.receive(CALLER, INVITE);
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 Mon Nov 23 01:00:00 2026|01:00 CET|1");
}
