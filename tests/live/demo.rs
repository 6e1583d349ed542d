//! `sluice demo`, as the README shows it, but shorter and on other ports.

use std::net::UdpSocket;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Folder, Running, SLUICE, ports, sluice};

/// How far the destinations lie above the gateway, and one more.
const PORTS: u16 = 15;

#[test]
fn the_demo_ends_well_and_says_so() {
    let port = ports(PORTS).to_string();
    // Shares of 4,400 calls, as there are while one is absent, stray by 0.7 points (one sigma).
    let args = ["demo", "--seconds", "15", "--json", "--rate", "1000", "--port", &port];
    let ended = sluice(&args, "");
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary["ok"], true);
    assert_eq!(summary["problems"], Value::Array(Vec::new()));
    assert_eq!(summary["calls"]["due"], 15_000);
    assert_eq!(summary["calls"]["answered"], 15_000);
    assert_eq!(summary["calls"]["completed"], 15_000);
    assert_eq!(summary["to_absent"], 0);
    assert_eq!(summary["shares"]["absent"][2], 0.0, "nothing went to the absent one");
    for phase in ["all", "back"] {
        let shares = summary["shares"][phase].as_array().unwrap();
        let fair = |share: &Value| (share.as_f64().unwrap() - 25.0).abs() <= 3.0;
        assert!(shares.len() == 4 && shares.iter().all(fair), "{shares:?}");
    }
}

#[test]
fn the_proxy_answers_the_calls_of_a_silent_destination_by_the_next() {
    let port = ports(PORTS).to_string();
    let args = ["demo", "proxy", "--seconds", "18", "--json", "--rate", "500", "--port", &port];
    let ended = sluice(&args, "");
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary["calls"]["answered"], 9_000);
    assert_eq!(summary["calls"]["repeated"], 0);
    assert!(summary["to_absent"].as_u64().unwrap() > 0, "it was tried");
    let waited = summary["latency"]["max_us"].as_u64().unwrap();
    assert!(waited >= 2_000_000, "the next one is tried when fr_timeout is over: {waited}");

    let short = sluice(&["demo", "proxy", "--seconds", "14", "--port", &port], "");
    assert_eq!(short.code, Some(255));
    assert!(short.err.contains("this demo needs at least --seconds 15"), "{}", short.err);
}

#[test]
fn users_register_and_are_called_and_nobody_else() {
    let port = ports(PORTS).to_string();
    let args = ["demo", "registrar", "--seconds", "4", "--rate", "200", "--port", &port];
    let ended = sluice(&[&args[..], &["--json"]].concat(), "");
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let summary: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary["ok"], true);
    assert_eq!(summary["users"], 200);
    assert_eq!(summary["unregistered"], json!({"due": 200, "refused": 200, "status": 404}));
    assert_eq!(summary["wrong_password"], json!({"due": 200, "refused": 200, "status": 401}));
    assert_eq!(summary["calls"]["completed"], 800);
    let registrations = &summary["registrations"];
    assert!(registrations["registered"].as_u64().unwrap() > 400, "refreshed: {registrations}");
    assert_eq!(registrations["registered"], registrations["due"]);
    assert_eq!((&summary["contacts"], &summary["kept"]), (&json!(200), &json!(200)));
}

#[test]
fn a_demo_of_users_that_is_ended_leaves_nothing_behind() {
    let port = ports(PORTS);
    let mut command = Command::new(SLUICE);
    let folder = Folder::new();
    let args = ["demo", "registrar", "--seconds", "3600", "--rate", "50", "--port"];
    command.args(args).arg(port.to_string()).env("TMPDIR", folder.path(""));
    let demo = Running::spawn(&mut command, "");
    demo.await_output("calls begin");
    let inside = || std::fs::read_dir(folder.path("")).unwrap().count();
    assert_eq!(inside(), 1);
    demo.signal("INT");
    let ended = demo.wait();
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("contacts             50, 50 in the table\nok\n"), "{}", ended.out);
    assert_eq!(inside(), 0);
}

#[test]
fn the_demo_shows_a_table() {
    let port = ports(PORTS);
    let args = ["demo", "--seconds", "3", "--rate", "500", "--port", &port.to_string()];
    let ended = sluice(&args, "");
    // Shares of so few calls may stray, so the exit code says nothing.
    for text in [
        format!("listening on udp:127.0.0.1:{port}"),
        format!("sip:127.0.0.1:{} is taken out of the set", port + 13),
        format!("sip:127.0.0.1:{} is back", port + 13),
    ] {
        assert!(ended.out.contains(&text), "no `{text}` in: {}{}", ended.out, ended.err);
    }
}

#[test]
fn the_demo_says_which_port_is_taken() {
    let port = ports(PORTS);
    for taken in [port, port + 12] {
        let _holder = UdpSocket::bind(("127.0.0.1", taken)).unwrap();
        let ended = sluice(&["demo", "--port", &port.to_string()], "");
        assert_eq!(ended.code, Some(255), "{}", ended.out);
        let why = format!("address already in use: 127.0.0.1:{taken}");
        assert!(ended.err.contains(&why), "{}", ended.err);
        assert!(ended.err.contains("--port"), "{}", ended.err);
    }
}
