//! Calls of a foreign user agent: SIPp's own caller and callee, with the gateway between them.
//!
//! Judged by the statistics of both: no call failed, no message came unexpectedly or did not come.
//! `scripts/soak sipp` makes more calls, `scripts/soak sipp-tcp` over TCP, and there no message may
//! have been sent again either: that depends on how fast the machine is. SIPp is Debian's package
//! `sip-tester`; `scripts/test` installs it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::support::{Folder, Running, address, ports};

/// The stateless dispatcher of the examples: ACK and BYE go where their INVITE went.
const DISPATCHER: &str = include_str!("../../examples/dispatcher/opensips.cfg");

/// The stateful proxy of the examples.
const PROXY: &str = include_str!("../../examples/proxy/opensips.cfg");

/// Calls a second, and seconds of them.
type Load = (u32, u32);

/// What caller and callees speak, as SIPp's option `-t` names it.
#[derive(Clone, Copy)]
struct Speech {
    caller: &'static str,
    callee: &'static str,
    /// The caller's address.
    at: Ipv4Addr,
}

const UDP: Speech = Speech { caller: "u1", callee: "u1", at: Ipv4Addr::LOCALHOST };

/// A load that a debug build on a busy CPU can carry.
const FEW: Load = (100, 2);

/// SIPp with a scenario of its own; it writes its statistics each second.
fn sipp(folder: &Folder, scenario: &str, at: SocketAddr, options: &[&str]) -> Running {
    let found = Command::new("sipp").arg("-v").output();
    assert!(found.is_ok(), "`sipp` is missing: install Debian's package sip-tester");
    let mut command = Command::new("sipp");
    let (port, media) = (at.port().to_string(), ports(4).to_string());
    let ip = at.ip().to_string();
    command.args(["-sn", scenario, "-i", &ip, "-p", &port, "-mp", &media, "-nostdin"]);
    command.args(["-trace_stat", "-trace_counts", "-fd", "1", "-max_socket", "2000"]);
    command.args(options).current_dir(folder.path("")).env("TERM", "dumb");
    Running::spawn(&mut command, "")
}

/// What SIPp counted in one of its files: names of columns with the last row's values.
struct Counts(Vec<(String, String)>);

impl Counts {
    fn read(folder: &Folder, file: &str) -> Self {
        let text = std::fs::read_to_string(folder.path(file)).unwrap_or_default();
        let row = |line: Option<&str>| -> Vec<String> {
            line.unwrap_or_default().split(';').map(str::to_owned).collect()
        };
        let (names, values) = (row(text.lines().next()), row(text.lines().last()));
        assert_eq!(names.len(), values.len(), "{file}: {text}");
        Self(names.into_iter().zip(values).collect())
    }

    fn of(&self, name: &str) -> u64 {
        let found = self.0.iter().find(|(column, _)| column == name);
        found.and_then(|(_, value)| value.parse().ok()).unwrap()
    }

    /// The columns that should be 0 and are not.
    fn faults(&self) -> impl Iterator<Item = String> {
        const TOTALS: &[&str] = &["OutOfCallMsgs(C)", "DeadCallMsgs(C)", "FatalErrors(C)"];
        let is_soak = std::env::var("SLUICE_SIPP").is_ok();
        let is_fault = move |name: &str| {
            name.starts_with("Failed") && name.ends_with("(C)")
                || TOTALS.contains(&name)
                || ["_Timeout", "_Unexp"].iter().any(|end| name.ends_with(end))
                || is_soak && (name.ends_with("_Retrans") || name == "Retransmissions(C)")
        };
        let found = self.0.iter().filter(move |(name, value)| is_fault(name) && value != "0");
        found.map(|(name, value)| format!("{name} {value}"))
    }
}

/// The statistics of a SIPp that has ended: totals, and each message of its scenario.
fn statistics(folder: &Folder, scenario: &str, id: u32) -> [Counts; 2] {
    ["", "counts"].map(|kind| Counts::read(folder, &format!("{scenario}_{id}_{kind}.csv")))
}

/// What went wrong with SIPp's calls through the gateway to so many callees.
fn faults(
    script: &str,
    callees: usize,
    workers: u32,
    (rate, seconds): Load,
    speech: Speech,
) -> Vec<String> {
    let folder = Folder::new();
    let at: Vec<SocketAddr> = (0..callees).map(|_| address()).collect();
    let callee = |at: &SocketAddr| sipp(&folder, "uas", *at, &["-t", speech.callee]);
    let callees: Vec<Running> = at.iter().map(callee).collect();
    let transport = if speech.callee == "u1" { "udp" } else { "tcp" };
    let line = |at: &SocketAddr| format!("1 sip:{at};transport={transport}\n");
    folder.write("dispatcher.list", &at.iter().map(line).collect::<String>());
    let script = folder.write("test.cfg", script);
    let (gateway, workers) = (address().to_string(), workers.to_string());
    let tcp = format!("tcp:{gateway}");
    let _gateway = Running::gateway(&["-f", &script, "-l", &gateway, "-l", &tcp, "-n", &workers]);

    let (calls, rate) = ((rate * seconds).to_string(), rate.to_string());
    let limit = format!("{}s", seconds + 30);
    let limits =
        ["-t", speech.caller, "-r", &rate, "-m", &calls, "-timeout", &limit, "-timeout_error"];
    let at = SocketAddr::new(speech.at.into(), address().port());
    let caller = sipp(&folder, "uac", at, &[&[gateway.as_str()], &limits[..]].concat());
    let id = caller.id();
    let ended = caller.wait();
    let [totals, messages] = statistics(&folder, "uac", id);
    let mut found: Vec<String> = totals.faults().chain(messages.faults()).collect();
    if ended.code != Some(0) || totals.of("SuccessfulCall(C)").to_string() != calls {
        let good = totals.of("SuccessfulCall(C)");
        found.push(format!("caller: {:?}, {good}: {}", ended.code, ended.err.trim()));
    }
    // A callee ends when it has waited for what comes late.
    callees.iter().for_each(|callee| callee.signal("USR1"));
    let mut answered = 0;
    for callee in callees {
        let id = callee.id();
        callee.wait();
        let [totals, messages] = statistics(&folder, "uas", id);
        answered += totals.of("SuccessfulCall(C)");
        found.extend(totals.faults().chain(messages.faults()).map(|f| format!("callee: {f}")));
    }
    if answered.to_string() != calls {
        found.push(format!("callees: {answered} calls"));
    }
    found
}

fn no_call_fails(script: &str, callees: usize, workers: u32, load: Load) {
    no_call_fails_by(script, callees, workers, load, UDP);
}

fn no_call_fails_by(script: &str, callees: usize, workers: u32, load: Load, speech: Speech) {
    let found = faults(script, callees, workers, load, speech);
    assert!(found.is_empty(), "{workers} workers, {load:?}: {found:?}");
}

/// The loads of `many_calls`; `scripts/soak sipp` names others.
fn loads() -> Vec<Load> {
    let Ok(text) = std::env::var("SLUICE_SIPP") else { return vec![FEW] };
    let load = |text: &str| {
        let (rate, seconds) = text.split_once('x')?;
        Some((rate.parse().ok()?, seconds.parse().ok()?))
    };
    text.split(',').map(|text| load(text).unwrap()).collect()
}

fn many_calls(workers: u32) {
    for load in loads() {
        no_call_fails(PROXY, 1, workers, load);
        println!("{workers} workers, {} calls/s for {} s: no fault", load.0, load.1);
    }
}

#[test]
fn many_calls_by_one_worker() {
    many_calls(1);
}

#[test]
fn many_calls_by_two_workers() {
    many_calls(2);
}

/// One connection for all calls (`t1`), one for each (`tn`), and UDP on one side.
fn tcp_calls(caller: &'static str, callee: &'static str) {
    for (load, workers) in loads().into_iter().flat_map(|load| [(load, 1), (load, 2)]) {
        // The system keeps the port of a connection that has ended for a minute, and an address
        // has 28,232 of them.
        let load = if caller == "tn" { (load.0, load.1.min(50)) } else { load };
        let at = Ipv4Addr::new(127, 0, 0, 1 + workers as u8);
        no_call_fails_by(PROXY, 1, workers, load, Speech { caller, callee, at });
        println!("{caller} to {callee}, {workers} workers, {load:?}: no fault");
    }
}

#[test]
fn tcp_calls_by_one_connection() {
    tcp_calls("t1", "t1");
}

#[test]
fn tcp_calls_by_a_connection_each() {
    tcp_calls("tn", "t1");
}

#[test]
fn tcp_calls_to_udp() {
    tcp_calls("t1", "u1");
}

#[test]
fn tcp_calls_from_udp() {
    tcp_calls("u1", "t1");
}

#[test]
fn calls_through_a_stateful_proxy_to_three_destinations() {
    no_call_fails(PROXY, 3, 1, FEW);
}

#[test]
fn calls_to_one_destination() {
    no_call_fails(DISPATCHER, 1, 1, FEW);
}

#[test]
fn calls_to_three_destinations() {
    no_call_fails(DISPATCHER, 3, 1, FEW);
}

#[test]
fn what_goes_wrong_is_seen() {
    let refusing = "loadmodule \"proto_udp.so\"\nloadmodule \"sl.so\"\n\
                    route { sl_send_reply(503, \"no\"); }\n";
    let found = faults(refusing, 1, 1, (10, 1), UDP);
    let seen = |name: &str| found.iter().any(|fault| fault.starts_with(name));
    assert!(seen("FailedUnexpectedMessage(C) 10") && seen("1_100_Unexp 10"), "{found:?}");
    assert!(seen("caller: Some(1), 0") && seen("callees: 0"), "{found:?}");
}
