//! Every transformation, by class: input, transformation, what comes out.

use crate::world::{INVITE, text_in};

fn check(cases: &[(&str, &str, &str)]) {
    for (input, transformation, expected) in cases {
        let script = format!("$var(x) = '{input}';");
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
        ("abcabc", "{s.index,x}", "-1"),
        ("AbC", "{s.tolower}{s.reverse}", "cba"),
        ("AbC", "{s.toupper}", "ABC"),
        (" a ", "{s.trim}", "a"),
        (" a ", "{s.triml}", "a "),
        (" a ", "{s.trimr}", " a"),
        ("485", "{s.fill.left,abc,8}", "bcabc485"),
        ("485", "{s.fill.right,abc,8}", "485abcab"),
        ("485", "{s.fill.left,abc,3}", "485"),
        ("485", "{s.width,2}", "48"),
        ("485", "{s.width,5}", "485  "),
        ("255", "{s.dec2hex}", "ff"),
        ("ff", "{s.hex2dec}", "255"),
        ("xyz", "{s.hex2dec}", "<null>"),
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
        ("123456789", "{s.crc32}", "cbf43926"),
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
    check(&[("garbage", "{via.host}", "<null>"), ("SIP/2.0/UDP h", "{via.branch}", "<null>")]);
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
        ("8.8.8.8", "{ip.isprivate}", "0"),
        ("10.1.2.3", "{ip.matches,10.1.0.0/16}", "1"),
        ("10.2.2.3", "{ip.matches,10.1.0.0/16}", "0"),
        ("10.2.2.3", "{ip.matches,0.0.0.0/0}", "1"),
        ("2001:db8::1", "{ip.matches,2001:db8::/32}", "1"),
        ("10.1.2.3", "{ip.matches,10.1.2.3}", "<null>"),
        ("10.1.2.3", "{ip.matches,10.1.0.0/33}", "<null>"),
    ]);
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
}

#[test]
fn session_descriptions() {
    let script = "$var(x) = \"v=0\\r\\nm=audio 1\\r\\nm=video 2\\r\\n\";";
    for (transformation, expected) in
        [("{sdp.line,m}", "m=audio 1"), ("{sdp.line,m,2}", "m=video 2"), ("{sdp.line,k}", "<null>")]
    {
        let seen = text_in(script, &format!("$(var(x){transformation})"), INVITE);
        assert_eq!(seen, expected, "{transformation}");
    }
}
