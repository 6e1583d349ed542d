//! `sluice load uac` and `sluice load uas` against each other.

use std::process::Command;

use serde_json::Value;

use crate::support::{Ended, Running, SLUICE, address, sluice};

/// Calls of one run: so many a second for one second.
const CALLS: u64 = 200;

/// An answering agent and its address.
fn uas(options: &[&str]) -> (Running, String) {
    let at = address().to_string();
    let args = [&["load", "uas", &at], options].concat();
    let running = Running::spawn(Command::new(SLUICE).args(args), "");
    running.await_error(&format!("answering on {at}"));
    (running, at)
}

fn uac(target: &str, options: &[&str]) -> Ended {
    let rate = CALLS.to_string();
    let usual = ["load", "uac", target, "--rate", &rate, "--seconds", "1"];
    sluice(&[&usual, options].concat(), "")
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn end(uas: Running) -> Ended {
    uas.signal("TERM");
    let ended = uas.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

#[test]
fn each_mode_makes_its_requests() {
    for (mode, invite, ack, bye, options) in [
        ("invite", CALLS, 0, 0, 0),
        ("invite-ack", CALLS, CALLS, 0, 0),
        ("options", 0, 0, 0, CALLS),
        ("call", CALLS, CALLS, CALLS, 0),
        ("fire", CALLS, 0, 0, 0),
    ] {
        let silent = if mode == "fire" { &["--silent", "--json"][..] } else { &["--json"] };
        let (answering, at) = uas(silent);
        let called = uac(&at, &["--mode", mode, "--json"]);
        assert_eq!(called.code, Some(0), "{mode}: {called:?}");
        let calls = json(&called);
        assert_eq!(calls["mode"], mode.replace('-', "_"));
        assert_eq!([&calls["counts"]["due"], &calls["counts"]["sent"]], [CALLS, CALLS]);
        let answered = if mode == "fire" { 0 } else { CALLS };
        assert_eq!(calls["counts"]["answered"][0], answered, "{mode}");
        let report = json(&end(answering));
        let destination = &report["destinations"][0];
        assert_eq!(destination["address"], at);
        let counts = &destination["counts"];
        let kinds = ["invite", "ack", "bye", "options"].map(|kind| counts[kind].as_u64().unwrap());
        assert_eq!(kinds, [invite, ack, bye, options], "{mode}");
        assert_eq!(report["order"]["out_of_order"], 0);
    }
}

#[test]
fn reports_are_printed_for_people_too() {
    let (answering, at) = uas(&["--ringing"]);
    let called = uac(&at, &["--mode", "call", "--size", "1400", "--source", "127.0.0.1:0"]);
    assert_eq!(called.code, Some(0), "{called:?}");
    let due = format!("{CALLS} calls due, {CALLS} sent, {CALLS} answered, 0 timed out");
    assert!(called.out.contains(&due), "{}", called.out);
    assert!(called.out.contains("latency  p50 "), "{}", called.out);
    let ended = end(answering);
    let line = format!("{at}  {CALLS} INVITE, {CALLS} ACK, {CALLS} BYE, 0 OPTIONS");
    assert!(ended.out.contains(&line), "{}", ended.out);
    assert!(ended.out.contains("0 out of order"), "{}", ended.out);
}

#[test]
fn unanswered_calls_are_a_failure() {
    let nobody = address().to_string();
    let ended = uac(&nobody, &["--timeout-ms", "300", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let counts = &json(&ended)["counts"];
    assert_eq!(counts["answered"][0], 0);
    let lost = ["timed_out", "unsent"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!(lost.iter().sum::<u64>(), CALLS, "{counts}");
    let absent = uas(&["--silent"]);
    assert_eq!(uac(&absent.1, &["--timeout-ms", "300"]).code, Some(1));
}

#[test]
fn what_cannot_be_done_is_said() {
    let (_holder, taken) = uas(&[]);
    for (args, why) in [
        (&["load", "uas", &taken][..], format!("address already in use: {taken}")),
        (&["load", "uas", "0.0.0.0:9"], "none a wildcard".into()),
        (&["load", "uac", &taken, "--seconds", "0"], "--seconds must be at least 1".into()),
        (&["load", "uac", &taken, "--rate", "0"], "rate must be 1 to".into()),
        (&["load", "uac", &taken, "--size", "10"], "message size 10 is not possible".into()),
    ] {
        let ended = sluice(args, "");
        assert_eq!(ended.code, Some(255), "{ended:?}");
        assert!(ended.err.contains(&why), "{}", ended.err);
    }
}
