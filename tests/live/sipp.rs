//! Calls of a foreign user agent: SIPp's own caller and callee, with the gateway between them.
//!
//! SIPp is Debian's package `sip-tester`; `scripts/test` installs it.

use std::net::SocketAddr;
use std::process::Command;

use crate::support::{Folder, Running, address, ports};

const CALLS: &str = "200";

/// SIPp at 127.0.0.1 with a scenario of its own.
fn sipp(folder: &Folder, scenario: &str, at: SocketAddr, options: &[&str]) -> Running {
    let found = Command::new("sipp").arg("-v").output();
    assert!(found.is_ok(), "`sipp` is missing: install Debian's package sip-tester");
    let mut command = Command::new("sipp");
    let (port, media) = (at.port().to_string(), ports(4).to_string());
    command.args(["-sn", scenario, "-i", "127.0.0.1", "-p", &port, "-mp", &media, "-nostdin"]);
    command.args(options).current_dir(folder.path("")).env("TERM", "dumb");
    Running::spawn(&mut command, "")
}

/// The stateless dispatcher of the examples: ACK and BYE go where their INVITE went.
const DISPATCHER: &str = include_str!("../../examples/dispatcher/opensips.cfg");

/// The stateful proxy of the examples.
const PROXY: &str = include_str!("../../examples/proxy/opensips.cfg");

/// SIPp's calls through the gateway to so many callees.
fn no_call_fails(script: &str, count: usize) {
    let folder = Folder::new();
    let callees: Vec<SocketAddr> = (0..count).map(|_| address()).collect();
    let _callees: Vec<Running> = callees.iter().map(|at| sipp(&folder, "uas", *at, &[])).collect();
    let line = |at: &SocketAddr| format!("1 sip:{at}\n");
    folder.write("dispatcher.list", &callees.iter().map(line).collect::<String>());
    let script = folder.write("test.cfg", script);
    let gateway = address().to_string();
    let _gateway = Running::gateway(&["-f", &script, "-l", &gateway]);
    let limits = ["-r", "100", "-m", CALLS, "-timeout", "60s", "-timeout_error"];
    let caller = sipp(&folder, "uac", address(), &[&[gateway.as_str()], &limits[..]].concat());
    let ended = caller.wait();
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    // The last screen: name, periodic value, cumulative value.
    let last = |name: &str| {
        let line = ended.out.lines().rev().find(|line| line.trim_start().starts_with(name));
        line.and_then(|line| line.rsplit('|').next()).map(|value| value.trim().to_owned())
    };
    assert_eq!(last("Successful call").as_deref(), Some(CALLS), "{}", ended.out);
    assert_eq!(last("Failed call").as_deref(), Some("0"), "{}", ended.out);
}

#[test]
fn calls_through_a_stateful_proxy() {
    no_call_fails(PROXY, 1);
    no_call_fails(PROXY, 3);
}

#[test]
fn calls_to_one_destination() {
    no_call_fails(DISPATCHER, 1);
}

#[test]
fn calls_to_three_destinations() {
    no_call_fails(DISPATCHER, 3);
}
