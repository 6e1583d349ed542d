//! Runs that wait, for time or for a name: all others go on meanwhile.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sluice_control::Dns;
use sluice_engine::counter::Counter;

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers};
use crate::support::PATIENCE;

fn send(caller: &Agent, live: &Live, uri: &str, call_id: &str) {
    let request = Request { uri, call_id, ..Request::default() };
    caller.send(live.address, request.text(caller.address()));
}

#[test]
fn others_are_answered_while_one_sleeps() {
    let script = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\nroute {\n\
        $var(own) = $ci;\n\
        if ($rU == \"slow\") usleep(4000000);\n\
        sl_send_reply(200, \"$var(own)\");\n}\n";
    // One worker: whoever waits for the sleeper would be seen.
    let live = Live::start(script, 1);
    let caller = Agent::new();
    let send = |uri: &str, call_id: &str| send(&caller, &live, uri, call_id);
    let slow = ["slow-1", "slow-2"];
    slow.iter().for_each(|call_id| send("sip:slow@example.com", call_id));
    let quick: Vec<String> = (0..50).map(|call| format!("quick-{call}")).collect();
    for call_id in &quick {
        send("sip:quick@example.com", call_id);
        assert_eq!(first_line(&caller.receive()), format!("SIP/2.0 200 {call_id}"));
    }
    // Both wrote the same variable before they slept, as all others did: each sees its own.
    let mut answers = [caller.receive(), caller.receive()];
    answers.sort();
    for (answer, call_id) in answers.iter().zip(slow) {
        assert_eq!(first_line(answer), format!("SIP/2.0 200 {call_id}"));
        assert_eq!(headers(answer, "Call-ID"), [call_id]);
    }
}

const FORWARDING: &str = "loadmodule \"sl.so\"\nroute {\n\
    if (!forward()) sl_send_reply(478, \"Unresolvable Destination\");\n}\n";

#[test]
fn names_are_looked_up_and_an_unknown_one_is_false() {
    let live = Live::start(FORWARDING, 1);
    let (caller, destination) = (Agent::new(), Agent::new());
    let send = |uri: &str, call_id: &str| send(&caller, &live, uri, call_id);
    // The hosts file knows it.
    let known = format!("sip:bob@localhost:{}", destination.address().port());
    let literal = format!("sip:bob@{}", destination.address());
    for round in 0..3 {
        send(&known, "known");
        let received = destination.answer("200 OK");
        assert_eq!(first_line(&received), format!("OPTIONS {known} SIP/2.0"));
        assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
        // RFC 6761 6.4: no server has this one.
        send("sip:bob@sluice.invalid", "unknown");
        send(&literal, "literal");
        assert_eq!(first_line(&destination.answer("200 OK")), format!("OPTIONS {literal} SIP/2.0"));
        let mut answers = [caller.receive(), caller.receive()];
        answers.sort();
        let lines = answers.each_ref().map(|answer| first_line(answer));
        let expected = ["SIP/2.0 200 OK", "SIP/2.0 478 Unresolvable Destination"];
        assert_eq!(lines, expected, "round {round}");
    }
}

#[test]
fn a_name_server_that_does_not_answer_delays_nobody_else() {
    let silent = Agent::new();
    let live = Live::asking(Dns::asking(silent.address()), FORWARDING, 1);
    let (caller, destination) = (Agent::new(), Agent::new());
    let send = |uri: &str, call_id: &str| send(&caller, &live, uri, call_id);
    send("sip:bob@gw.example", "waiting");
    silent.receive();
    let literal = format!("sip:bob@{}", destination.address());
    for call in 0..20 {
        let call_id = format!("call-{call}");
        send(&literal, &call_id);
        destination.answer("200 OK");
        assert_eq!(headers(&caller.receive(), "Call-ID"), [call_id]);
    }
    let late = caller.receive();
    assert_eq!(first_line(&late), "SIP/2.0 478 Unresolvable Destination");
    assert_eq!(headers(&late, "Call-ID"), ["waiting"]);
}

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Asks so many times, 500 times a second; the delay that 99 of 100 answers stay below.
fn p99_of_quick(live: &Live, caller: &Agent, count: u32) -> Duration {
    let begun = Instant::now();
    let (mut sent, mut delays) = (Vec::new(), Vec::new());
    while delays.len() < count as usize {
        let due = (begun.elapsed().as_secs_f64() * 500.0) as u32;
        while (sent.len() as u32) < due.min(count) {
            send(caller, live, "sip:quick@example.com", &sent.len().to_string());
            sent.push(Instant::now());
        }
        while let Some((answer, _)) = caller.try_receive() {
            let at: usize = headers(&answer, "Call-ID")[0].parse().unwrap();
            delays.push(sent[at].elapsed());
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {count} were answered", delays.len());
        sleep(Duration::from_micros(100));
    }
    delays.sort();
    delays[delays.len() * 99 / 100]
}

/// How much longer 99 of 100 quick requests take at most beside so many runs that wait.
fn slowed(live: &mut Live, runs: u32, asked: u32, seconds: u32, round: u32) -> f64 {
    let (caller, sleepers) = (Agent::new(), Agent::new());
    let parked = live.count(Counter::Parked);
    let before = p99_of_quick(live, &caller, asked);
    let begun = Instant::now();
    for run in 0..runs {
        send(&sleepers, live, "sip:slow@example.com", &format!("slow-{round}-{run}"));
        // The system keeps a few hundred requests for us, not thousands.
        if run % 50 == 49 {
            sleep(Duration::from_millis(20));
        }
    }
    let beside = p99_of_quick(live, &caller, asked);
    assert!(begun.elapsed() < Duration::from_secs(seconds.into()), "none has waited to its end");
    assert_eq!(live.count(Counter::Parked) - parked, u64::from(runs), "all of them wait");
    for run in 0..runs {
        assert_eq!(first_line(&sleepers.receive()), "SIP/2.0 200 OK", "answer {run}");
    }
    println!("{runs} runs waited at once; p99 of others {before:?} before, {beside:?} beside them");
    beside.as_secs_f64() / before.as_secs_f64()
}

/// `scripts/soak parked` does it with 5,000 runs, five times, and judges the delays, too.
#[test]
fn many_runs_wait_at_once_and_hold_up_nobody() {
    let (runs, asked) = (number("SLUICE_RUNS", 200), number("SLUICE_ASKED", 250));
    let seconds = asked / 500 + 6;
    let script = format!(
        "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\nroute {{\n\
         if ($rU == \"slow\") usleep({seconds}000000);\n sl_send_reply(200, \"OK\");\n}}\n"
    );
    let mut live = Live::start(&script, 1);
    let rounds = number("SLUICE_ROUNDS", 1);
    let mut ratios: Vec<f64> =
        (0..rounds).map(|round| slowed(&mut live, runs, asked, seconds, round)).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("{runs} runs waited at once, {rounds} times; p99 of others times {median:.2}");
    if std::env::var("SLUICE_RUNS").is_ok() {
        assert!(median <= 1.5, "{ratios:.2?}");
    }
}
