//! `maxfwd`: mf_process_maxfwd_header, is_maxfwd_lt, max_limit.

use crate::world::{INVITE, Sent, World};

fn run(parameters: &str, message: &str) -> Vec<Sent> {
    let script = format!(
        "loadmodule \"maxfwd.so\"\nloadmodule \"sl.so\"\n{parameters}\n\
         route {{ $var(code) = mf_process_maxfwd_header(\"10\"); \
         if ($var(code) < 0) {{ sl_send_reply(483, \"$var(code)\"); exit; }} \
         if ($var(code) == 2) sl_send_reply(199, \"added\"); forward(\"203.0.113.9\"); }}"
    );
    World::new(&script).feed(message)
}

#[test]
fn it_counts_down_and_ends_at_zero() {
    for (before, after) in [("70", "69"), ("1", "0"), ("256", "255"), ("300", "256")] {
        let sent = run("", &INVITE.replace("Max-Forwards: 70", &format!("Max-Forwards: {before}")));
        assert_eq!(sent[0].header("Max-Forwards"), Some(after), "{before}");
    }
    let sent = run("", &INVITE.replace("Forwards: 70", "Forwards: 0"));
    assert_eq!(sent[0].first_line(), "SIP/2.0 483 -1");
    let sent = run("", &INVITE.replace("Forwards: 70", "Forwards: 7x"));
    assert_eq!(sent[0].first_line(), "SIP/2.0 483 -2");
}

#[test]
fn a_second_call_counts_down_again() {
    let script = "loadmodule \"maxfwd\"\nroute { mf_process_maxfwd_header(10); \
        mf_process_maxfwd_header(10); forward(\"203.0.113.9\"); }";
    assert_eq!(World::new(script).feed(INVITE)[0].header("Max-Forwards"), Some("68"));
    let absent = INVITE.replace("Max-Forwards: 70\r\n", "");
    assert_eq!(World::new(script).feed(&absent)[0].header("Max-Forwards"), Some("9"));
}

#[test]
fn a_missing_header_is_put_first() {
    let sent = run("", &INVITE.replace("Max-Forwards: 70\r\n", ""));
    assert_eq!(sent[0].first_line(), "SIP/2.0 199 added");
    let second = sent[1].text.split("\r\n").nth(1);
    assert_eq!(second, Some("Max-Forwards: 10"), "{}", sent[1].text);
}

#[test]
fn the_limit_is_a_parameter() {
    let sent = run("modparam(\"maxfwd\", \"max_limit\", 20)", INVITE);
    assert_eq!(sent[0].header("Max-Forwards"), Some("20"));
    let bad = crate::world::compiled(
        "loadmodule \"maxfwd\"\nmodparam(\"maxfwd\", \"max_limit\", 0)\nroute { exit; }",
    );
    assert_eq!(bad.errors, 1);
}

#[test]
fn it_compares() {
    for (limit, sent) in [(71, 1), (70, 0)] {
        let script = format!(
            "loadmodule \"maxfwd\"\nroute {{ if (is_maxfwd_lt({limit})) \
             forward(\"203.0.113.9\"); }}"
        );
        assert_eq!(World::new(&script).feed(INVITE).len(), sent);
    }
}
