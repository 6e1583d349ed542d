//! The name server stops while calls come: those to names that are known and to addresses go on,
//! those to unknown names are refused by their deadline, and nobody else waits for them.
//!
//! `scripts/soak resolver` does it at 2,000 calls a second and judges the delays, too.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::delays::{p99, usual_p99};
use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::PATIENCE;
use crate::unbound::{Unbound, ZONE};

const SCRIPT: &str = "loadmodule \"sl.so\"\nroute {\n\
    if (!forward()) sl_send_reply(478, \"Unresolvable Destination\");\n}\n";

/// Calls to an address under way. More would overflow the buffers of the sockets here, where a
/// machine stands still for a moment; the delay of a call counts from when it was due.
const UNDER_WAY: usize = 48;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A caller, a destination, and the gateway between them.
struct Scene {
    live: Live,
    caller: Agent,
    destination: Agent,
    next: u32,
}

/// What became of the calls of a while.
#[derive(Default)]
struct Outcome {
    /// Of those to an address: how long each took.
    delays: Vec<Duration>,
    /// Those to an unknown name: how long each took until it was refused.
    refused: Vec<Duration>,
}

impl Scene {
    /// Calls by turns to an address and to a known name, each eighth one to an unknown name when
    /// `unknown`; at a steady rate, and until all have ended.
    fn calls(&mut self, rate: u32, seconds: u32, unknown: bool) -> Outcome {
        let port = self.destination.address().port();
        let (begin, count) = (Instant::now(), rate * seconds);
        let mut sent: Vec<(Instant, u32)> = Vec::new();
        let mut open: HashSet<u32> = HashSet::new();
        let (mut outcome, mut under_way) = (Outcome::default(), 0);
        let first = self.next;
        while sent.len() < count as usize || !open.is_empty() {
            let due = (begin.elapsed().as_secs_f64() * f64::from(rate)) as usize;
            while sent.len() < due.min(count as usize) && under_way < UNDER_WAY {
                let number = self.next;
                let uri = match number % 8 {
                    7 if unknown => format!("sip:bob@n{number}.{ZONE}:{port}"),
                    even if even % 2 == 0 => format!("sip:bob@127.0.0.1:{port}"),
                    _ => format!("sip:bob@gw.{ZONE}:{port}"),
                };
                let call_id = number.to_string();
                let request = Request { uri: &uri, call_id: &call_id, ..Request::default() };
                self.caller.send(self.live.address, request.text(self.caller.address()));
                under_way += usize::from(number.is_multiple_of(2));
                let at_seconds = sent.len() as f64 / f64::from(rate);
                sent.push((begin + Duration::from_secs_f64(at_seconds), number % 8));
                open.insert(number);
                self.next += 1;
            }
            while let Some((request, from)) = self.destination.try_receive() {
                self.destination.send(from, reply(&request, "200 OK"));
            }
            while let Some((answer, _)) = self.caller.try_receive() {
                let number: u32 = headers(&answer, "Call-ID")[0].parse().unwrap();
                assert!(open.remove(&number), "{number} is answered once");
                let (at, kind) = sent[(number - first) as usize];
                under_way -= usize::from(kind.is_multiple_of(2));
                match (first_line(&answer), kind) {
                    ("SIP/2.0 200 OK", 0 | 2 | 4 | 6) => outcome.delays.push(at.elapsed()),
                    ("SIP/2.0 200 OK", _) => {}
                    ("SIP/2.0 478 Unresolvable Destination", 7) if unknown => {
                        outcome.refused.push(at.elapsed());
                    }
                    (line, kind) => panic!("call {number} of kind {kind}: {line}"),
                }
            }
            assert!(begin.elapsed() < Duration::from_secs(seconds.into()) + PATIENCE, "{open:?}");
            std::thread::sleep(Duration::from_micros(100));
        }
        outcome
    }
}

#[test]
fn a_resolver_that_stops_holds_up_nobody_else() {
    let (rate, seconds) = (number("SLUICE_RATE", 200), number("SLUICE_SECONDS", 3));
    // The answer ends while nobody answers.
    let server = Unbound::serve("gw 2 A 127.0.0.1");
    let script = format!("dns_server = \"{}\"\n{SCRIPT}", server.address);
    let (caller, destination) = (Agent::new(), Agent::new());
    let mut scene = Scene { live: Live::start(&script, 1), caller, destination, next: 0 };
    let before = scene.calls(rate, seconds, false);
    server.stop();
    let after = scene.calls(rate, seconds, true);
    server.go_on();
    let expected = (rate * seconds / 8) as usize;
    assert!(after.refused.len() + 1 >= expected, "{} of {expected}", after.refused.len());
    let latest = after.refused.iter().max().copied().unwrap_or_default();
    assert!(latest < Duration::from_secs(5), "{latest:?}");
    let (quiet, stopped) =
        (usual_p99(&before.delays, rate / 2), usual_p99(&after.delays, rate / 2));
    let (all_before, all_after) = (p99(&before.delays), p99(&after.delays));
    println!(
        "p99 of the middle second {quiet:?} before, {stopped:?} after; of all {all_before:?} and \
         {all_after:?}; the last refusal after {latest:?}"
    );
    if std::env::var("SLUICE_RATE").is_ok() {
        assert!(stopped <= quiet * 3 / 2, "{stopped:?} is over 1.5 times {quiet:?}");
    }
}
