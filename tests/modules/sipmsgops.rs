//! `sipmsgops` on bodies: codecs and streams of SDP, parts, lists of options, validation.

use crate::text::{edited_in, holds_in, run_on};
use crate::world::INVITE;

/// An INVITE with a body.
fn with_body(mime: &str, body: &str) -> String {
    let (head, _) = INVITE.split_once("Content-Type").unwrap();
    format!("{head}Content-Type: {mime}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8 96 97 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 speex/8000\r\n\
    a=fmtp:96 mode=any\r\na=rtpmap:97 speex/16000\r\na=rtpmap:101 telephone-event/8000\r\n\
    m=video 4002 RTP/SAVP 31 98\r\na=rtpmap:98 H264/90000\r\na=sendrecv\r\n";

fn offer() -> String {
    with_body("application/sdp", SDP)
}

const MIXED: &str = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\n\
    Content-Type: application/isup\r\n\r\nISUP\r\n--b\r\n\r\nplain\r\n--b--\r\n";

fn mixed() -> String {
    with_body("multipart/mixed;boundary=b", MIXED)
}

/// The body of what is forwarded after some statements; its Content-Length is right.
fn body_of(script: &str, message: &str) -> String {
    let text = edited_in(script, message);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(&format!("\r\nContent-Length: {}", body.len())), "{script}: {text}");
    body.to_owned()
}

/// The `m=` lines of what is forwarded.
fn media(script: &str) -> Vec<String> {
    let body = body_of(script, &offer());
    body.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
}

#[test]
fn codecs_are_found() {
    for (condition, truth) in [
        ("codec_exists(\"SPEEX\")", true),
        ("codec_exists(\"speex\", \"16000\")", true),
        ("codec_exists(\"speex\", \"32000\")", false),
        ("codec_exists(\"PCMA\")", true),
        ("codec_exists(\"h261\")", true),
        ("codec_exists(\"GSM\")", false),
        ("codec_exists_re(\"^h26[0-9]$\")", true),
        ("codec_exists_re(\"opus\")", false),
    ] {
        assert_eq!(holds_in(condition, &offer()), truth, "{condition}");
    }
    assert!(!holds_in("codec_exists(\"PCMU\")", &with_body("text/plain", SDP)), "no SDP");
}

#[test]
fn codecs_are_deleted() {
    let body = body_of("codec_delete(\"speex\", \"8000\");", &offer());
    let expected =
        SDP.replace(" 8 96", " 8").replace("a=rtpmap:96 speex/8000\r\na=fmtp:96 mode=any\r\n", "");
    assert_eq!(body, expected);
    assert_eq!(
        media("codec_delete_re(\"PCM\");"),
        ["m=audio 4000 RTP/AVP 96 97 101", "m=video 4002 RTP/SAVP 31 98"]
    );
    assert_eq!(
        media("codec_delete_except_re(\"PCMA|telephone-event|H261\");"),
        ["m=audio 4000 RTP/AVP 8 101", "m=video 4002 RTP/SAVP 31"]
    );
    assert!(!holds_in("codec_delete(\"GSM\")", &offer()));
    assert!(!holds_in("codec_delete(\"speex\") && codec_exists(\"speex\")", &offer()));
}

#[test]
fn a_stream_without_codecs_is_refused() {
    let all = "codec_delete(\"H261\"); codec_delete(\"H264\");";
    let body = body_of(all, &offer());
    assert!(body.ends_with("m=video 0 RTP/SAVP 98\r\na=sendrecv\r\n"), "{body}");
    let gone = "codec_delete_re(\"H26\") && !codec_exists(\"H264\") && !stream_exists(\"video\")";
    assert!(holds_in(gone, &offer()));
}

#[test]
fn codecs_are_moved() {
    let audio = |script: &str| media(script).remove(0);
    assert_eq!(audio("codec_move_up(\"speex\");"), "m=audio 4000 RTP/AVP 96 97 0 8 101");
    assert_eq!(audio("codec_move_down(\"pcmu\");"), "m=audio 4000 RTP/AVP 8 96 97 101 0");
    assert_eq!(audio("codec_move_up_re(\"^tele|PCMA\");"), "m=audio 4000 RTP/AVP 8 101 0 96 97");
    assert_eq!(audio("codec_move_down_re(\"^[a-z]*$\");"), "m=audio 4000 RTP/AVP 101 0 8 96 97");
    let chain = "codec_move_down(\"speex\", \"8000\"); codec_delete(\"PCMU\", \"8000\"); \
        codec_move_up(\"speex\");";
    assert_eq!(audio(chain), "m=audio 4000 RTP/AVP 97 96 8 101");
    assert!(!holds_in("codec_move_up(\"GSM\") || codec_move_down_re(\"opus\")", &offer()));
}

#[test]
fn streams_are_found_and_deleted() {
    for (condition, truth) in [
        ("stream_exists(\"^VIDEO$\")", true),
        ("stream_exists(\"image\")", false),
        ("stream_exists(\"audio\", \"SAVP\")", false),
        ("stream_exists(\"video\", \"SAVP\")", true),
        ("stream_delete(\"image\")", false),
        ("stream_delete(\"video\") && !stream_exists(\"video\") && !codec_exists(\"H264\")", true),
    ] {
        assert_eq!(holds_in(condition, &offer()), truth, "{condition}");
    }
    let script = "codec_delete(\"H261\"); $var(m) = \"video\"; stream_delete($var(m));";
    let (kept, _) = SDP.split_once("m=video").unwrap();
    assert_eq!(body_of(script, &offer()), kept);
    let both = "stream_delete(\"audio|video\");";
    assert_eq!(body_of(both, &offer()), SDP.split_once("m=audio").unwrap().0);
}

#[test]
fn hostile_descriptions_cost_a_bounded_number_of_edits() {
    let streams = "m=audio 1 RTP/AVP 0 8\r\n".repeat(2_000);
    let attributes = format!("m=audio 1 RTP/AVP 0 8\r\n{}", "a=fmtp:0 x\r\n".repeat(4_000));
    let formats = format!("m=audio 1 RTP/AVP{}\r\n", " 0".repeat(20_000));
    for sdp in [streams, attributes, formats] {
        let edits = "codec_delete(\"PCMU\"); codec_move_up_re(\"PCM\"); is_audio_on_hold(); \
            stream_delete(\"video\"); stream_delete(\"audio\");";
        let text = edited_in(edits, &with_body("application/sdp", &sdp));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())) && body.len() < sdp.len()
        );
    }
}

#[test]
fn audio_on_hold() {
    let code = |sdp: &str| {
        let script = "is_audio_on_hold(); sl_send_reply(200, \"$rc\");";
        let sent = run_on(script, &with_body("application/sdp", sdp));
        sent[0].first_line().strip_prefix("SIP/2.0 200 ").unwrap().parse::<i32>().unwrap()
    };
    assert_eq!(code(SDP), -1);
    assert_eq!(code(&SDP.replace("c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0")), 1);
    let own = SDP.replace("a=rtpmap:0 PCMU/8000", "c=IN IP4 198.51.100.1\r\na=inactive");
    assert_eq!(code(&own.replace("c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0")), 2);
    assert_eq!(code(&SDP.replace("t=0 0", "t=0 0\r\na=sendonly")), 2);
    let active =
        SDP.replace("t=0 0", "t=0 0\r\na=sendonly").replace("a=fmtp:96", "a=sendrecv\r\nb=");
    assert_eq!(code(&active), -1, "the stream's own direction counts");
    assert_eq!(code(&SDP.replace("a=sendrecv", "a=inactive")), -1, "video");
}

#[test]
fn parts_are_found() {
    for (condition, truth) in [
        ("has_body() && has_body_part()", true),
        ("has_body(\"multipart/mixed\")", true),
        ("has_body_part(\"application/isup\")", true),
        ("has_body(\"text/plain\")", true),
        ("has_body_part(\"text/html\")", false),
        ("has_body(\"sdp\")", true),
        ("remove_body_part(\"text/html\")", false),
        ("remove_body_part(\"application/isup\") && !has_body(\"application/isup\")", true),
        ("remove_body_part() && !has_body()", true),
        ("filter_body(\"text/html\")", false),
    ] {
        assert_eq!(holds_in(condition, &mixed()), truth, "{condition}");
    }
}

#[test]
fn parts_are_removed() {
    let kept = MIXED.replace("--b\r\nContent-Type: application/isup\r\n\r\nISUP\r\n", "");
    assert_eq!(body_of("remove_body_part(\"application/isup\");", &mixed()), kept);
    let one = "remove_body_part(\"application/isup\"); strip_body(\"text/plain\");";
    assert_eq!(body_of(one, &mixed()), "v=0\r\n");
    assert!(edited_in(one, &mixed()).contains("\r\nContent-Type: application/sdp\r\n"));
    let revert = "remove_body_part(\"application/isup\", \"revert\");";
    assert_eq!(body_of(revert, &mixed()), "ISUP");
    let none = edited_in("strip_body();", &mixed());
    assert!(none.ends_with("\r\nContent-Length: 0\r\n\r\n") && !none.contains("Content-Type"));
    let filtered = edited_in("filter_body(\"application/isup\");", &mixed());
    assert!(filtered.ends_with("\r\n\r\nISUP") && filtered.contains("Content-Type: multipart/"));
    assert_eq!(body_of("strip_body(\"application/sdp\");", &offer()), "");
}

#[test]
fn parts_are_added() {
    let plain = "add_body_part(\"Hi\", \"text/plain\");";
    let more = "add_body_part(\"<x/>\", \"text/xml\", \"X: y\\r\\n\");";
    let into = body_of(&format!("{plain}{more}"), &mixed());
    let end = "plain\r\n--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n\
        --b\r\nContent-Type: text/xml\r\nX: y\r\n\r\n<x/>\r\n--b--\r\n";
    assert!(into.ends_with(end), "{into}");
    let text = edited_in(&format!("{plain}{more}"), &offer());
    let (_, name) = text.split_once("Content-Type: multipart/mixed;boundary=").unwrap();
    let name = name.split("\r\n").next().unwrap();
    let expected = format!(
        "--{name}\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n\
         --{name}\r\nContent-Type: text/plain\r\n\r\nHi\r\n\
         --{name}\r\nContent-Type: text/xml\r\nX: y\r\n\r\n<x/>\r\n--{name}--\r\n"
    );
    assert_eq!(text.split_once("\r\n\r\n").unwrap().1, expected);
    assert!(text.contains(&format!("Content-Length: {}\r\n", expected.len())));
}

#[test]
fn bodies_are_added_and_replaced() {
    let empty = INVITE.replace("Length: 6", "Length: 0").replace("v=0\r\nx", "");
    let bare = empty.replace("Content-Type: application/sdp\r\n", "");
    let script = "add_body_part(\"Hi\", \"text/plain\"); if (add_body_part(\"x\", \"a/b\")) exit;";
    let text = edited_in(script, &bare);
    assert!(text.contains("Content-Length: 2\r\nContent-Type: text/plain\r\n\r\nHi"), "{text}");
    assert_eq!(body_of("add_body(\"Hi\", \"text/plain\");", &offer()), "Hi");
    assert_eq!(body_of("add_body(\"v=0\");", &offer()), "v=0");
    let twice = "add_body(\"Hi\", \"text/plain\"); add_body(\"Ho\", \"text/html\");";
    assert_eq!(body_of(twice, &offer()), "Ho");
    assert_eq!(body_of(twice, &empty), "Ho");
    let mixed_up =
        "codec_delete(\"PCMU\"); add_body(\"Hi\"); if (add_body_part(\"x\", \"a/b\")) exit;";
    assert_eq!(body_of(mixed_up, &offer()), "Hi");
    assert!(!holds_in("add_body(\"Hi\")", &bare), "what type?");
    let strange = mixed().replace("--b--", "--b-=");
    assert!(!holds_in("add_body_part(\"Hi\", \"text/plain\")", &strange), "it is not ended");
}

#[test]
fn a_part_is_shown_as_edits_left_it() {
    let script = "codec_delete(\"PCMU\"); stream_delete(\"video\"); \
        if (get_updated_body_part(\"application/sdp\", $var(b)) \
        && !get_updated_body_part(\"text/html\", $var(c))) \
        sl_send_reply(200, \"$(var(b){sdp.line,m})\");";
    assert_eq!(
        run_on(script, &offer())[0].first_line(),
        "SIP/2.0 200 m=audio 4000 RTP/AVP 8 96 97 101"
    );
    let whole =
        "add_body(\"Hi\"); get_updated_body_part(, $var(b)); sl_send_reply(200, \"$var(b)\");";
    assert_eq!(run_on(whole, &offer())[0].first_line(), "SIP/2.0 200 Hi");
}

#[test]
fn options_in_lists() {
    let message =
        INVITE.replace("X-Two: two", "Supported: 100rel, Timer\r\nk: path,100rel,\"a,b\",100rel");
    for (condition, truth) in [
        ("list_hdr_has_option(\"Supported\", \"timer\")", true),
        ("list_hdr_has_option(\"k\", \"path\")", true),
        ("list_hdr_has_option(\"Supported\", \"rel\")", false),
        ("list_hdr_has_option(\"Require\", \"path\")", false),
        ("list_hdr_add_option(\"Require\", \"x\")", false),
        ("list_hdr_remove_option(\"Supported\", \"gruu\")", false),
    ] {
        assert_eq!(holds_in(condition, &message), truth, "{condition}");
    }
    let script = "list_hdr_add_option(\"Supported\", \"gruu\"); \
        list_hdr_remove_option(\"Supported\", \"100REL\"); \
        if (list_hdr_has_option(\"Supported\", \"gruu\")) list_hdr_add_option(\"X-Empty\", \"a\"); \
        list_hdr_add_option(\"X-Empty\", \"b\");";
    let text = edited_in(script, &message);
    assert!(text.contains("\r\nSupported: Timer, gruu\r\nk: path, 100rel, \"a,b\"\r\n"), "{text}");
    assert!(text.contains("\r\nX-Empty: a, b\r\n"), "{text}");
    let all = "list_hdr_remove_option(\"Supported\", \"100rel\"); \
        list_hdr_remove_option(\"Supported\", \"timer\"); \
        if (!list_hdr_has_option(\"Supported\", \"timer\")) \
        list_hdr_add_option(\"Supported\", \"last\");";
    let text = edited_in(all, &message);
    assert!(!text.contains("Supported:") && text.contains("k: path, 100rel, \"a,b\", last\r\n"));
}

/// The code and the reason of `sipmsg_validate`.
fn verdict(flags: &str, message: &str) -> String {
    let script = format!(
        "$var(w) = \"\"; sipmsg_validate(\"{flags}\", $var(w)); sl_send_reply(200, \"$rc $var(w)\");"
    );
    run_on(&script, message)[0].first_line().strip_prefix("SIP/2.0 200 ").unwrap().to_owned()
}

#[test]
fn sound_messages_are_valid() {
    assert!(holds_in("sipmsg_validate()", &offer()));
    for flags in ["", "s", "h", "m", "rftc", "shrftc"] {
        assert_eq!(verdict(flags, &offer()), "1 ", "{flags}");
    }
    let star = offer()
        .replace("INVITE", "REGISTER")
        .replace("pc33.atlanta.example>;q=0.7;expires=60, \"Al\" <sip:al@h2>", "x>");
    let star = star.replace("Contact: <sip:alice@x>", "Contact: *\r\nExpires: 0");
    assert_eq!(
        verdict(
            "ch",
            &star.replace("Max-Forwards: 70\r\n", "Max-Forwards: 70\r\nPath: <sip:p>\r\n")
        ),
        "1 "
    );
}

#[test]
fn each_defect_has_its_code() {
    let sdp = offer();
    for (flags, from, to, code) in [
        ("", "Content-Type: application/sdp\r\n", "", -21),
        ("s", "v=0", "w=0", -6),
        ("h", "<sip:alice@pc33.atlanta.example>", "<sip:alice", -2),
        ("h", "Max-Forwards: 70", "Max-Forwards: x", -2),
        ("h", "X-Empty:", "Require: a b", -2),
        ("h", "X-Empty:", "Authorization: x", -2),
        ("r", "sip:bob@example.com", "sip:bob@", -11),
        ("r", "sip:bob@example.com", "sip:bob@-x.example", -12),
        ("r", "sip:bob@example.com", "sip:b[b@example.com", -27),
        ("", "Max-Forwards: 70\r\n", "", -13),
        ("m", "Contact:", "X-Contact:", -14),
        ("", "X-Empty:", "Path: <sip:p>", -15),
        ("t", "<sip:bob@biloxi.example>", "<junk>", -22),
        ("t", "biloxi.example", "biloxi_.example", -23),
        ("t", "bob@biloxi", "b\"b@biloxi", -29),
        ("f", "<sip:alice:pw@atlanta.example:5070>", "<sip:@>", -24),
        ("f", "atlanta.example:5070", "a..b:5070", -25),
        ("f", "sip:alice:pw", "sip:a{:pw", -28),
        ("c", "<sip:alice@pc33.atlanta.example>", "<alice>", -26),
        ("c", "<sip:alice@pc33.atlanta.example>;q=0.7;expires=60", "*", -30),
    ] {
        let bad = sdp.replacen(from, to, 1);
        assert_ne!(bad, sdp, "{from}");
        let seen = verdict(flags, &bad);
        assert!(seen.starts_with(&format!("{code} ")) && seen.len() > 8, "{from} -> {to}: {seen}");
    }
    assert_eq!(verdict("", &format!("{sdp}more")).split(' ').next(), Some("-5"));
    let no_forwards = sdp.replace("Max-Forwards: 70\r\n", "");
    assert_eq!(verdict("m", &no_forwards), "1 ", "m: do not look at it");
}

#[test]
fn some_refusals_need_a_header() {
    let script = "loadmodule \"sipmsgops.so\"\nroute { forward(); }\n\
        onreply_route { sipmsg_validate(); append_hf(\"X-Code: $rc\\r\\n\"); }";
    for (status, header, code) in [
        (405, "Allow: INVITE", -16),
        (423, "Min-Expires: 60", -17),
        (407, "Proxy-Authenticate: Digest realm=\"r\"", -18),
        (420, "Unsupported: x", -19),
        (401, "WWW-Authenticate: Digest realm=\"r\"", -20),
    ] {
        let reply = |line: &str| {
            format!(
                "SIP/2.0 {status} No\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
             Via: SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{line}Content-Length: 0\r\n\r\n"
            )
        };
        let seen = |line: &str| {
            let sent = crate::world::World::new(script).feed(&reply(line)).remove(0);
            sent.header("X-Code").unwrap().to_owned()
        };
        assert_eq!(seen(""), code.to_string(), "{status}");
        assert_eq!(seen(&format!("{header}\r\n")), "1", "{status}");
    }
}
