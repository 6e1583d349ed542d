//! `sipmsgops` and `textops`: questions about messages and edits, seen in what is sent.

use crate::world::{INVITE, Sent, World, compiled};

const LOAD: &str = "loadmodule \"textops.so\"\nloadmodule \"sl.so\"\n";

pub fn run_on(script: &str, message: &str) -> Vec<Sent> {
    World::new(&format!("{LOAD}route {{ {script} }}")).feed(message)
}

/// Whether a condition holds in a message.
pub fn holds_in(condition: &str, message: &str) -> bool {
    !run_on(&format!("if ({condition}) sl_send_reply(200, \"OK\");"), message).is_empty()
}

pub fn holds(condition: &str) -> bool {
    holds_in(condition, INVITE)
}

/// The message that is forwarded after some statements.
pub fn edited_in(script: &str, message: &str) -> String {
    run_on(&format!("{script} forward(\"203.0.113.9\");"), message).remove(0).text
}

fn edited(script: &str) -> String {
    edited_in(script, INVITE)
}

#[test]
fn methods() {
    for (condition, truth) in [
        ("is_method(\"INVITE\")", true),
        ("is_method(\"BYE|INVITE\")", true),
        ("is_method(\"BYE|ACK\")", false),
        ("is_method(\"invite\")", true),
        ("is_method(\"FOO\")", false),
    ] {
        assert_eq!(holds(condition), truth, "{condition}");
    }
    let foo = INVITE.replace("INVITE", "FOO");
    assert!(holds_in("is_method(\"foo\")", &foo) && !holds_in("is_method(\"BAR\")", &foo));
    assert_eq!(compiled(&format!("{LOAD}route {{ is_method(\"ACK|FOO\"); }}")).errors, 1);
    let variable = "$var(m) = \"INVITE\"; if (is_method(\"$var(m)\")) sl_send_reply(200, \"OK\");";
    assert_eq!(run_on(variable, INVITE).len(), 1);
}

#[test]
fn tags_bodies_and_headers() {
    let tagged = INVITE.replace("biloxi.example>", "biloxi.example>;tag=8");
    assert!(!holds("has_totag()") && holds_in("has_totag()", &tagged));
    let empty = INVITE.replace("Length: 6", "Length: 0").replace("v=0\r\nx", "");
    assert!(holds("has_body()") && !holds_in("has_body()", &empty));
    assert!(holds("has_body(\"application/sdp\")") && !holds("has_body_part(\"text/plain\")"));
    for (condition, truth) in [
        ("is_present_hf(\"X-Two\")", true),
        ("is_present_hf(\"x-empty\")", true),
        ("is_present_hf(\"i\")", true),
        ("is_present_hf(\"No\")", false),
        ("is_privacy(\"ID\")", false),
    ] {
        assert_eq!(holds(condition), truth, "{condition}");
    }
}

#[test]
fn privacy_and_headers_by_glob() {
    let private = INVITE.replace("X-Empty:", "Privacy: header; id");
    assert!(holds_in("is_privacy(\"ID\") && !is_privacy(\"user\")", &private));
    let sent = run_on(
        "if (get_glob_headers_values(\"x-t*\", $avp(n), $avp(v)) \
         && !get_glob_headers_values(\"No*\", $avp(n), $avp(v))) \
         sl_send_reply(200, \"$(avp(n)[*])|$(avp(v)[*])\");",
        INVITE,
    );
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 X-Two, X-Two|one, two");
}

#[test]
fn headers_are_added() {
    let last = edited("append_hf(\"A: $rU\\r\\n\");");
    assert!(last.contains("Content-Length: 6\r\nA: bob\r\n\r\nv=0"), "{last}");
    let behind = edited("append_hf(\"A: 1\\r\\n\", \"X-Two\");");
    assert!(behind.contains("X-Two: two\r\nA: 1\r\nUser-Agent"), "{behind}");
    let first = edited("insert_hf(\"A: 1\\r\\n\");");
    assert_eq!(first.split("\r\n").nth(1), Some("A: 1"), "{first}");
    let before = edited("insert_hf(\"A: 1\\r\\n\", \"X-Two\");");
    assert!(before.contains("X-Empty:\r\nA: 1\r\nX-Two: one"), "{before}");
    let uri = edited("append_urihf(\"P: <\", \">\\r\\n\");");
    assert!(uri.contains("P: <sip:bob@example.com:5090;transport=udp?x=y>\r\n"), "{uri}");
}

#[test]
fn headers_are_removed() {
    let gone = |text: &str| !text.contains("X-Two") && !text.contains("X-Empty");
    assert!(!edited("remove_hf(\"x-two\");").contains("X-Two"));
    for call in [
        "remove_hf(\"^X-\", \"r\")",
        "remove_hf(\"x-*\", \"g\")",
        "remove_hf_re(\"^x-\")",
        "remove_hf_glob(\"X-?*\")",
    ] {
        assert!(gone(&edited(&format!("{call};"))), "{call}");
    }
    assert!(holds("remove_hf(\"s\") && !remove_hf(\"No\")"));
}

#[test]
fn replies_get_lines() {
    let sent = run_on(
        "append_to_reply(\"A: $ft\\r\\n\"); append_time(); sl_send_reply(200, \"OK\");",
        INVITE,
    );
    assert_eq!(sent[0].header("A"), Some("1928"));
    let sent_body = run_on(
        "append_body_to_reply(\"first\"); append_body_to_reply(\"$rU\"); \
         append_to_reply(\"Content-Type: text/plain\r\n\"); sl_send_reply(200, \"OK\");",
        INVITE,
    );
    assert!(sent_body[0].text.ends_with("Content-Length: 3\r\n\r\nbob"));
    assert_eq!(sent_body[0].header("Content-Type"), Some("text/plain"));
    assert_eq!(sent[0].header("Date"), Some("Mon, 23 Nov 2026 00:00:00 GMT"));
}

#[test]
fn request_uri_parameters() {
    assert!(holds("ruri_has_param(\"Transport\", \"udp\")"));
    assert!(!holds("ruri_has_param(\"transport\", \"tcp\") || ruri_has_param(\"lr\")"));
    assert!(!holds("ruri_has_param(\"transport\")"), "without a value it asks for none");
    let bare = INVITE.replace("transport=udp", "lr;transport=udp");
    assert!(holds_in("ruri_has_param(\"lr\") && !ruri_has_param(\"lr\", \"on\")", &bare));
    let first_line = |script: &str| edited(script).split("\r\n").next().unwrap().to_owned();
    assert_eq!(
        first_line("ruri_add_param(\"a=b\");"),
        "INVITE sip:bob@example.com:5090;transport=udp;a=b?x=y SIP/2.0"
    );
    assert_eq!(
        first_line("ruri_del_param(\"transport\");"),
        "INVITE sip:bob@example.com:5090?x=y SIP/2.0"
    );
    assert!(!holds("ruri_del_param(\"lr\")"));
    assert_eq!(
        first_line("$ru = \"tel:+49123\"; ruri_tel2sip();"),
        "INVITE sip:+49123@atlanta.example;user=phone SIP/2.0"
    );
    assert!(holds("is_uri_user_e164(\"sip:+49123@h\")"));
    assert!(!holds("is_uri_user_e164(\"$ru\") || is_uri_user_e164(\"sip:+4a@h\")"));
}

#[test]
fn a_reply_gets_another_status() {
    let script = format!(
        "{LOAD}route {{ forward(); }} onreply_route {{ change_reply_status(404, \"Gone $ft\"); \
         change_reply_status(180, \"no\"); }}"
    );
    let reply = "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
        Via: SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(World::new(&script).feed(reply)[0].first_line(), "SIP/2.0 404 Gone 1");
    let twice = script.replace("180, \"no\"", "503, \"Full\"");
    let sent = World::new(&twice).feed(&reply.replace("486 Busy", "503 Not"));
    assert_eq!(sent[0].first_line(), "SIP/2.0 500 Full", "the last change counts");
}

#[test]
fn searches() {
    assert!(holds("search(\"^from: .alice\") && search_body(\"^X$\")"));
    assert!(!holds("search(\"nothing\") || search_body(\"alice\")"));
    let variable = "$var(r) = \"al+ice\"; if (search(\"$var(r)\")) sl_send_reply(200, \"OK\");";
    assert_eq!(run_on(variable, INVITE).len(), 1);
}

#[test]
fn replacements_and_content_length() {
    let text = edited("replace(\"Bob\", \"Robert\");");
    assert!(text.contains("To: Robert <sip:bob@biloxi"), "{text}");
    let text = edited("replace_all(\"X-Two: [a-z]*\", \"Y: z\");");
    assert!(text.contains("Y: z \r\nY: z\r\n"), "{text}");
    let text = edited("search_append(\"v=0\", \"12\");");
    assert!(text.contains("Content-Length: 8\r\n") && text.ends_with("v=012\r\nx"), "{text}");
    let text = edited("search_append_body(\"x\", \"yz\");");
    assert!(text.contains("Content-Length: 8\r\n") && text.ends_with("v=0\r\nxyz"), "{text}");
    let text = edited("replace_body(\"v=0\", \"\");");
    assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("\r\n\r\n\r\nx"), "{text}");
    let text = edited("replace_body_all(\"[v0x]\", \"ab\");");
    assert!(text.contains("Content-Length: 9\r\n") && text.ends_with("ab=ab\r\nab"), "{text}");
    let text = edited("replace_body_atonce(\"^.+$\", \"z\");");
    assert!(text.contains("Content-Length: 1\r\n") && text.ends_with("\r\n\r\nz"), "{text}");
    assert!(!holds("replace(\"nothing\", \"x\")"));
}

#[test]
fn two_edits_of_the_same_bytes_conflict() {
    let text = edited("replace(\"Bob\", \"Al\"); replace(\"Bob\", \"Ed\"); replace(\"b\", \"\");");
    assert!(text.contains("To: Al <sip:"), "the first one counts: {text}");
    let text = edited("replace_body(\"v=0\", \"abcdef\"); replace_body_atonce(\".*\", \"\");");
    assert!(text.contains("Content-Length: 6\r\n") && text.ends_with("\r\n\r\nabcdef"), "{text}");
}

#[test]
fn substitutions() {
    let text = edited("subst('/^X-Two: (.)/Y: \\1\\1/g');");
    assert!(text.contains("Y: oone \r\nY: ttwo\r\n"), "{text}");
    let text = edited("subst_body('/(v)=0/\\1=10/');");
    assert!(text.contains("Content-Length: 7\r\n") && text.ends_with("v=10\r\nx"), "{text}");
    let first_line = |script: &str| edited(script).split("\r\n").next().unwrap().to_owned();
    assert_eq!(first_line("subst_uri('/^sip:(.*)@.*/sip:\\1@h/');"), "INVITE sip:bob@h SIP/2.0");
    assert_eq!(
        first_line("subst_user('/^B/r/i');"),
        "INVITE sip:rob@example.com:5090;transport=udp?x=y SIP/2.0"
    );
    assert!(!holds("subst_uri('/nothing/x/')") && !holds("subst_user('/B/x/')"));
    let text = edited("$var(v) = \"a\\1/b\"; subst('/^X-(Two): one$/Y-\\1: $var(v)\\/$rU/');");
    assert!(text.contains("X-Two: one \r\n"), "the blank behind: {text}");
    let text = edited("$var(v) = \"a\\1/b\"; subst('/^X-(Two): one/Y-\\1: $var(v)\\/$rU/');");
    assert!(text.contains("Y-Two: a\\1/b/bob \r\n"), "{text}");
    let text = edited("$var(s) = \"/x-two: o(.*)two/Z: \\1/si\"; subst(\"$var(s)\");");
    assert!(text.contains("Z: ne \r\nX-Two: \r\n"), "{text}");
    for bad in ["/a/b", "/(/b/", "/a/b/x"] {
        let script = format!("{LOAD}route {{ subst('{bad}'); }}");
        assert_eq!(compiled(&script).errors, 1, "{bad}");
    }
    let count = "subst('/X-Two/Y/g'); if ($rc == 2) sl_send_reply(200, \"OK\");";
    assert_eq!(run_on(count, INVITE).len(), 1);
}

#[test]
fn sipmsgops_stands_alone() {
    let script = "loadmodule \"sipmsgops.so\"\nroute { if (is_method(\"INVITE\")) exit; }";
    assert_eq!(compiled(script).errors, 0);
    let alone = compiled("loadmodule \"sipmsgops.so\"\nroute { search(\"x\"); }");
    assert_eq!(alone.errors, 1, "search belongs to textops");
}
