//! `uri` of 1.x and 2.x: its names for what later releases have in `sipmsgops`.

use crate::world::{INVITE, Sent, World, compiled};

fn run_on(script: &str, message: &str) -> Vec<Sent> {
    let script = format!(
        "loadmodule \"sl.so\"\nloadmodule \"uri.so\"\n\
         modparam(\"uri\", \"use_uri_table\", 0)\nroute {{ {script} }}"
    );
    World::new(&script).feed(message)
}

fn holds_in(condition: &str, message: &str) -> bool {
    !run_on(&format!("if ({condition}) sl_send_reply(200, \"OK\");"), message).is_empty()
}

#[test]
fn tags_users_and_numbers() {
    let tagged = INVITE.replace("biloxi.example>", "biloxi.example>;tag=8");
    assert!(!holds_in("has_totag()", INVITE) && holds_in("has_totag()", &tagged));
    let digest = "Authorization: Basic x\r\nProxy-Authorization: Digest username=\"joe\", realm=\"r\"\r\nX-Empty:";
    let known = INVITE.replace("X-Empty:", digest);
    assert!(holds_in("is_user(\"joe\") && !is_user(\"Joe\") && !is_user(\"\")", &known));
    assert!(!holds_in("is_user(\"joe\") || is_user(\"\")", INVITE));
    assert!(holds_in("is_uri_user_e164(\"sip:+4912@h\") && !is_uri_user_e164(\"$fu\")", INVITE));
}

#[test]
fn parameters_of_the_request_uri() {
    let first_line = |script: &str| {
        let sent = run_on(&format!("{script} forward(\"203.0.113.9\");"), INVITE);
        sent[0].first_line().to_owned()
    };
    assert!(holds_in("uri_param(\"transport\", \"udp\") && !uri_param(\"transport\")", INVITE));
    assert_eq!(
        first_line("add_uri_param(\"nat=yes\"); del_uri_param(\"transport\");"),
        "INVITE sip:bob@example.com:5090;nat=yes?x=y SIP/2.0"
    );
    assert_eq!(
        first_line("$ru = \"tel:+49123\"; tel2sip();"),
        "INVITE sip:+49123@atlanta.example;user=phone SIP/2.0"
    );
    let got = "if (get_uri_param(\"Transport\", \"$var(t)\") && !get_uri_param(\"lr\", $var(t))) \
        sl_send_reply(200, \"$var(t)\");";
    assert_eq!(run_on(got, INVITE)[0].first_line(), "SIP/2.0 200 udp");
}

#[test]
fn looking_users_up_is_another_modules() {
    for (call, said) in [
        ("db_check_to()", "auth_db"),
        ("db_check_from()", "auth_db"),
        ("does_uri_exist()", "auth_db"),
        ("aaa_does_uri_exist()", "later"),
    ] {
        let script = format!("loadmodule \"uri.so\"\nroute {{ if ({call}) exit; }}");
        let compiled = compiled(&script);
        assert_eq!(compiled.errors, 1, "{call}");
        assert!(format!("{:?}", compiled.diagnostics).contains(said), "{call}");
    }
    let ignored =
        compiled("loadmodule \"uri.so\"\nmodparam(\"uri\", \"db_url\", \"x\")\nroute { exit; }");
    assert_eq!((ignored.errors, ignored.diagnostics.len()), (0, 1));
}
