//! Every transformation, by class: input, transformation, what comes out.

use std::net::IpAddr;
use std::sync::Arc;

use sluice_engine::job::Answer;

use crate::world::{INVITE, World, text_in};

fn check(cases: &[(&str, &str, &str)]) {
    for (input, transformation, expected) in cases {
        let script = format!("$var(str) = \"one\"; $var(x) = '{input}';");
        let seen = text_in(&script, &format!("$(var(x){transformation})"), INVITE);
        assert_eq!(seen, *expected, "{input} {transformation}");
    }
}

#[test]
fn strings() {
    check(&[
        ("abc", "{s.len}", "3"),
        ("12ab", "{s.int}", "12ab"),
        ("abcdef", "{s.substr,1,2}", "bc"),
        ("abcdef", "{s.substr,-2,0}", "ef"),
        ("abcdef", "{s.substr,2}", "cdef"),
        ("abcdef", "{s.substr,1,-1}", "bcde"),
        ("abcdef", "{s.substr,1,99}", "bcdef"),
        ("abcdef", "{s.substr,6,1}", "<null>"),
        ("abcdef", "{s.substr,1,-9}", "<null>"),
        ("a:b::d", "{s.select,1,:}", "b"),
        ("a:b::d", "{s.select,2,:}", ""),
        ("a:b::d", "{s.select,-1,:}", "d"),
        ("a:b::d", "{s.select,4,:}", "<null>"),
        ("a,b", "{s.select,1,,}", "b"),
        ("abcabc", "{s.index,bc}", "1"),
        ("abcabc", "{s.index,bc,2}", "4"),
        ("abcabc", "{s.rindex,bc}", "4"),
        ("abcabc", "{s.rindex,bc,3}", "1"),
        ("abcabc", "{s.index,x}", "<null>"),
        ("onetwothreeone", "{s.index, $var(str), 3}", "11"),
        ("onetwothreeone", "{s.index,one,-11}", "11"),
        ("onetwothreeone", "{s.index,one,-25}", "11"),
        ("onetwothreeone", "{s.rindex,one,-3}", "11"),
        ("onetwothreeone", "{s.rindex,one,11}", "11"),
        ("onetwothreeone", "{s.rindex,one,-4}", "0"),
        ("onetwothreeone", "{s.rindex,two,1}", "<null>"),
        ("AbC", "{s.tolower}{s.reverse}", "cba"),
        ("AbC", "{s.toupper}", "ABC"),
        (" a ", "{s.trim}", "a"),
        (" a ", "{s.triml}", "a "),
        (" a ", "{s.trimr}", " a"),
        ("485", "{s.fill.left,abc,8}", "bcabc485"),
        ("485", "{s.fill.right,abc,8}", "485abcab"),
        ("485", "{s.fill.left,abc,3}", "485"),
        ("485", "{s.fill.left, 0, 6}", "000485"),
        ("485", "{s.width,2}", "48"),
        ("485", "{s.width,5}", "485  "),
        ("255", "{s.dec2hex}", "ff"),
        ("ff", "{s.hex2dec}", "255"),
        ("xyz", "{s.hex2dec}", "<null>"),
        ("Thu, 13 Jun 2024 12:48:00 GMT", "{s.date2unix}", "1718282880"),
        ("yesterday", "{s.date2unix}", "<null>"),
    ]);
    let int = text_in("$var(x) = \"12ab\"; if ($(var(x){s.int}) != 12) exit;", "12", INVITE);
    assert_eq!(int, "12", "its number face is the number");
    let whole = text_in(
        &format!("if ($(mb{{s.len}}) != {} || $(rb{{s.len}}) != 6) exit;", INVITE.len()),
        "ok",
        INVITE,
    );
    assert_eq!(whole, "ok", "$mb and $rb are as received");
}

#[test]
fn digests() {
    check(&[
        ("abc", "{s.md5}", "900150983cd24fb0d6963f7d28e17f72"),
        ("abc", "{s.sha1}", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abc", "{s.sha224}", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("abc", "{s.sha256}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("abc", "{s.sha384}{s.len}", "96"),
        ("abc", "{s.sha384}{s.substr,0,8}", "cb00753f"),
        ("abc", "{s.sha512}{s.len}", "128"),
        ("abc", "{s.sha512}{s.substr,0,8}", "ddaf35a1"),
        ("123456789", "{s.crc32}", "3421780262"),
        // RFC 2202 and RFC 4231, second case.
        (
            "what do ya want for nothing?",
            "{s.sha1_hmac,Jefe}",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        ("what do ya want for nothing?", "{s.sha224_hmac,Jefe}{s.substr,0,8}", "a30e0109"),
        ("what do ya want for nothing?", "{s.sha256_hmac,Jefe}{s.substr,0,8}", "5bdcc146"),
        ("what do ya want for nothing?", "{s.sha384_hmac,Jefe}{s.substr,0,8}", "af45d2e3"),
        ("what do ya want for nothing?", "{s.sha512_hmac,Jefe}{s.substr,0,8}", "164b7a7b"),
    ]);
}

#[test]
fn encodings() {
    check(&[
        ("az", "{s.encode.hexa}", "617a"),
        ("617A", "{s.decode.hexa}", "az"),
        ("617", "{s.decode.hexa}", "<null>"),
        ("a", "{s.b64encode}", "YQ=="),
        ("ab", "{s.b64encode}", "YWI="),
        ("abc", "{s.b64encode}{s.b64decode}", "abc"),
        ("YQ", "{s.b64decode}", "a"),
        ("Y!", "{s.b64decode}", "<null>"),
        ("abc", "{s.xor,k}{s.xor,k}", "abc"),
        ("abc", "{s.xor,k}{s.encode.hexa}", "0a0908"),
        ("a\"b", "{s.escape.common}", "a\\\"b"),
        ("a\"b", "{s.escape.common}{s.unescape.common}", "a\"b"),
        ("a b@c", "{s.escape.user}", "a%20b%40c"),
        ("a%20b", "{s.unescape.user}", "a b"),
        ("%zz", "{s.unescape.user}", "<null>"),
        ("%e4", "{s.unescape.user}", "<null>"),
        ("a;b", "{s.escape.param}", "a%3bb"),
        ("a%3bb", "{s.unescape.param}", "a;b"),
    ]);
}

#[test]
fn uris() {
    let uri = "sips:u:p@h:99;transport=tcp;ttl=5;user=phone;maddr=m;method=M;lr;r2=on;x=y?A=b";
    let cases = [
        ("{uri.user}", "u"),
        ("{uri.host}", "h"),
        ("{uri.domain}", "h"),
        ("{uri.passwd}", "p"),
        ("{uri.port}", "99"),
        ("{uri.params}", "transport=tcp;ttl=5;user=phone;maddr=m;method=M;lr;r2=on;x=y"),
        ("{uri.headers}", "A=b"),
        ("{uri.param,x}", "y"),
        ("{uri.param,none}", "<null>"),
        ("{uri.transport}", "tcp"),
        ("{uri.ttl}", "5"),
        ("{uri.uparam}", "phone"),
        ("{uri.maddr}", "m"),
        ("{uri.method}", "M"),
        ("{uri.lr}", "<null>"),
        ("{uri.r2}", "on"),
        ("{uri.schema}", "sips"),
    ];
    for (transformation, expected) in cases {
        check(&[(uri, transformation, expected)]);
    }
    check(&[
        ("sip:h", "{uri.port}", "<null>"),
        ("sip:h", "{uri.user}", "<null>"),
        ("sip:h;lr=on", "{uri.lr}", "on"),
        ("sip:h", "{uri.params}", "<null>"),
        ("no uri", "{uri.host}", "<null>"),
    ]);
}

#[test]
fn vias() {
    let via = "SIP/2.0/UDP h.example:99;branch=z9;received=1.2.3.4;rport=5;x=y";
    let cases = [
        ("{via.name}", "SIP"),
        ("{via.version}", "2.0"),
        ("{via.transport}", "UDP"),
        ("{via.host}", "h.example"),
        ("{via.domain}", "h.example"),
        ("{via.port}", "99"),
        ("{via.params}", "branch=z9;received=1.2.3.4;rport=5;x=y"),
        ("{via.param,x}", "y"),
        ("{via.branch}", "z9"),
        ("{via.received}", "1.2.3.4"),
        ("{via.rport}", "5"),
    ];
    for (transformation, expected) in cases {
        check(&[(via, transformation, expected)]);
    }
    check(&[
        ("garbage", "{via.host}", "<null>"),
        ("SIP/2.0/UDP h", "{via.branch}", "<null>"),
        ("SIP/2.0/UDP h", "{via.comment}", "<null>"),
        ("SIP/2.0/UDP h;x=y (old one)", "{via.comment}", "old one"),
        ("SIP/2.0/UDP h;x=y (old one)", "{via.params}", "x=y"),
    ]);
}

#[test]
fn parameter_lists() {
    check(&[
        ("a=b;c;d=\"e;f\"", "{param.value,d}", "e;f"),
        ("a=b;c;d=e", "{param.value,c}", ""),
        ("a=b;c;d=e", "{param.value,x}", "<null>"),
        ("a=b&c=d", "{param.value,c,&}", "d"),
        ("a=b;c;d=e", "{param.exist,C}", "1"),
        ("a=b;c;d=e", "{param.exist,x}", "0"),
        ("a=b;c;d=e", "{param.valueat,-1}", "e"),
        ("a=b;c;d=e", "{param.valueat,3}", "<null>"),
        ("a=b;c;d=e", "{param.name,1}", "c"),
        ("a=b;c;d=e", "{param.count}", "3"),
        ("a=b;c=;d=e", "{param.count}", "<null>"),
    ]);
}

#[test]
fn name_addrs() {
    let both = "\"A, B\" <sip:a@b;x=y>;q=1;lr, <sip:c>";
    check(&[
        (both, "{nameaddr.name}", "\"A, B\""),
        (both, "{nameaddr.uri}", "sip:a@b;x=y"),
        (both, "{nameaddr.params}", "q=1;lr"),
        (both, "{nameaddr.param,q}", "1"),
        (both, "{nameaddr.param,z}", "<null>"),
        (both, "{nameaddr.len}", "27"),
        (both, "{nameaddr.0.name}", "\"A, B\""),
        (both, "{nameaddr.0.uri}{s.len}", "11"),
        (both, "{nameaddr.1.uri}", "sip:c"),
        (both, "{nameaddr.-1.uri}", "sip:c"),
        (both, "{nameaddr.0.params}", "q=1;lr"),
        (both, "{nameaddr.-2.params}", "q=1;lr"),
        (both, "{nameaddr.0.param,q}", "1"),
        (both, "{nameaddr.0.len}", "27"),
        (both, "{nameaddr.1.len}", "7"),
        (both, "{nameaddr.2.uri}", "<null>"),
        (both, "{nameaddr.-3.uri}", "<null>"),
        ("<sip:c>", "{nameaddr.params}", "<null>"),
    ]);
}

#[test]
fn comma_lists() {
    check(&[
        ("a,\"b,c\", d", "{csv.count}", "3"),
        ("a,\"b,c\", d", "{csv.value,1}", "b,c"),
        ("a,\"b,c\", d", "{csv.value,-1}", "d"),
        ("a", "{csv.value,1}", "<null>"),
    ]);
}

#[test]
fn addresses() {
    check(&[
        ("10.0.0.1", "{ip.pton}{s.encode.hexa}", "0a000001"),
        ("2001:DB8::1", "{ip.pton}{ip.ntop}", "2001:db8::1"),
        ("10.0.0.1", "{ip.pton}{ip.family}", "INET"),
        ("::1", "{ip.pton}{ip.family}", "INET6"),
        ("10.0.0.1", "{ip.family}", "<null>"),
        ("x", "{ip.pton}", "<null>"),
        ("10.0.0.1", "{ip.isip}", "1"),
        ("x", "{ip.isip}", "0"),
        ("10.0.0.1", "{ip.isip4}", "1"),
        ("10.0.0.1", "{ip.isip6}", "0"),
        ("172.16.0.1", "{ip.isprivate}", "1"),
        ("100.127.0.1", "{ip.isprivate}", "1"),
        ("127.0.0.1", "{ip.isprivate}", "1"),
        ("100.128.0.1", "{ip.isprivate}", "0"),
        ("8.8.8.8", "{ip.isprivate}", "0"),
        ("2001:db8::1", "{ip.isprivate}", "0"),
        ("x", "{ip.isprivate}", "<null>"),
        ("10.1.2.3", "{ip.matches,10.1.0.0/16}", "1"),
        ("10.2.2.3", "{ip.matches,10.1.0.0/16}", "0"),
        ("10.2.2.3", "{ip.matches,0.0.0.0/0}", "1"),
        ("2001:db8::1", "{ip.matches,2001:db8::/32}", "1"),
        ("10.1.2.3", "{ip.matches,10.1.2.3}", "<null>"),
        ("10.1.2.3", "{ip.matches,10.1.0.0/33}", "<null>"),
        ("10.1.2.3", "{ip.matches,2001:db8::/32}", "<null>"),
        ("10.1.2.3", "{ip.resolve}", "10.1.2.3"),
        ("10.1.2.3", "{ip.resolve4}", "10.1.2.3"),
        ("10.1.2.3", "{ip.resolve6}", "<null>"),
        ("", "{ip.resolve}", "<null>"),
    ]);
}

#[test]
fn names_are_resolved_while_the_run_is_parked() {
    let addresses = ["2001:db8::1", "192.0.2.7"].map(|addr| addr.parse::<IpAddr>().unwrap());
    for (transformation, expected) in [
        ("ip.resolve", "2001:db8::1"),
        ("ip.resolve4", "192.0.2.7"),
        ("ip.resolve6", "2001:db8::1"),
    ] {
        let script = format!(
            "loadmodule \"sl.so\"\nroute {{ if ($(td{{{transformation}}}{{s.len}}) > 3) \
             sl_send_reply(200, \"$rU $(td{{{transformation}}}) $(od{{s.len}})\"); }}"
        );
        let mut world = World::new(&script);
        assert!(world.feed(INVITE).is_empty());
        let (asked, sent) = world.answer(Answer::Addresses(Arc::new(addresses)));
        assert!(asked.contains("biloxi.example") && sent.is_empty(), "{asked}");
        let (_, sent) = world.answer(Answer::Addresses(Arc::new(addresses)));
        assert_eq!(sent[0].first_line(), format!("SIP/2.0 200 bob {expected} 11"));
    }
    let mut world = World::new(
        "loadmodule \"sl.so\"\nroute { if ($(td{ip.resolve}) == NULL) sl_send_reply(404, \"no\"); }",
    );
    assert!(world.feed(INVITE).is_empty());
    let (_, sent) = world.answer(Answer::Failed("no such name".into()));
    assert_eq!(sent[0].first_line(), "SIP/2.0 404 no");
}

#[test]
fn evaluation() {
    for (format, expected) in [
        ("Hello, $var(in)!", "Hello, client!"),
        ("$rU of $(hdr(X-Two)[1]{s.toupper})", "bob of TWO"),
        ("$(ru{uri.param,$var(p)})-$hdr($var(h))", "udp-test"),
        ("$(hdr(x-two)[$var(one)])", "two"),
        ("$(var(list){s.select,1,,})", "b"),
        ("$(var(list){nameaddr.-1.uri})", "c"),
        ("$avp(unheard)|$$|$(var(in){s.len})", "<null>|$|6"),
        ("$(var(inner){s.eval})", "client"),
        ("$(var(x){s.eval})", "<null>"),
        ("$(td{ip.resolve})", "<null>"),
        ("$unknown", "<null>"),
        ("$(rU", "<null>"),
        ("$(rU{s.none})", "<null>"),
        ("$(rU{s.len,1})", "<null>"),
        ("$(rU[0])", "<null>"),
        ("$rU(x)", "<null>"),
        ("", ""),
    ] {
        let script = format!(
            "$var(in) = \"client\"; $var(p) = \"transport\"; $var(h) = \"User-Agent\"; $var(one) = 1; \
             $var(list) = \"a,b,c\"; $var(inner) = '$var(in)'; $var(x) = '{format}';"
        );
        assert_eq!(text_in(&script, "$(var(x){s.eval})", INVITE), expected, "{format}");
    }
}

#[test]
fn an_evaluation_has_bounds() {
    let evaluated = |text: &str, length: &str| {
        let message = INVITE.replace("X-Empty:", &format!("X-Eval: {text}"));
        text_in("", &format!("$(hdr(X-Eval){{s.eval}}{length})"), &message)
    };
    assert_eq!(evaluated(&"$rU".repeat(1_000), "{s.len}"), "3000");
    assert_eq!(evaluated(&"$rU".repeat(1_025), "{s.len}"), "<null>");
    // Within itself eight times, each time in all its places.
    assert_eq!(evaluated(&"$(hdr(X-Eval){s.eval})".repeat(300), ""), "<null>");
    assert_eq!(evaluated(&"a".repeat(8_193), ""), "<null>");
    assert_eq!(evaluated(&"$mb".repeat(100), ""), "<null>");
}

#[test]
fn substitution() {
    check(&[
        ("abab", "{re.subst,/a/x/}", "xbab"),
        ("abab", "{re.subst,/(a)b/\\1x/g}", "axax"),
        ("abab", "{re.subst,/A/x/i}", "xbab"),
        ("abab", "{re.subst,/z/x/}", "abab"),
        ("abab", "{re.subst,nothing}", "<null>"),
    ]);
    let script = "$var(re) = \"/a.b/A/\"; $var(s) = \"/a.b/A/s\"; $var(x) = \"xa\\nby\";";
    for (transformation, expected) in
        [("{re.subst,$var(re)}{s.len}", "5"), ("{re.subst,$var(s)}", "xAy")]
    {
        assert_eq!(text_in(script, &format!("$(var(x){transformation})"), INVITE), expected);
    }
}

#[test]
fn session_descriptions() {
    let lines = ["v=0", "m=audio 1", "a=x m=y", "m=video 2", "m=audio 3", ""];
    let script = &format!("$var(v) = \"video\"; $var(x) = \"{}\";", lines.join("\\r\\n"));
    for (transformation, expected) in [
        ("{sdp.line,m}", "m=audio 1"),
        ("{sdp.line,m=audio,1}", "m=audio 3"),
        ("{sdp.line,m,3}", "<null>"),
        ("{sdp.line,k}", "<null>"),
        ("{sdp.stream,0}{s.encode.hexa}", "6d3d617564696f20310d0a613d78206d3d790d0a"),
        ("{sdp.stream,-1}{s.trim}", "m=audio 3"),
        ("{sdp.stream,$var(v)}{s.trim}", "m=video 2"),
        ("{sdp.stream,3}", "<null>"),
        ("{sdp.stream,image}", "<null>"),
        ("{sdp.stream-delete,audio}{s.encode.hexa}", "763d300d0a6d3d766964656f20320d0a"),
        ("{sdp.stream-delete,1}{sdp.line,m,1}", "m=audio 3"),
        ("{sdp.stream-delete,image}", "<null>"),
        ("{sdp.stream-delete,-4}", "<null>"),
    ] {
        let seen = text_in(script, &format!("$(var(x){transformation})"), INVITE);
        assert_eq!(seen, expected, "{transformation}");
    }
    assert_eq!(text_in("$var(x) = \"v=0\";", "$(var(x){sdp.stream,0})", INVITE), "<null>");
}
