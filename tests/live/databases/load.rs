//! A database stops, is slow then, and is killed while calls come: those that do not need it go
//! on, those that do end with the code that is documented, and nobody else waits for it.
//!
//! `scripts/soak database` does it at 2,000 calls a second and judges the delays, too.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::Kind;
use super::relay::Relay;
use super::servers::MariaDb;
use crate::delays::{p99, usual_p99};
use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::PATIENCE;

/// Each so-manieth call asks the database.
const ASKS: u32 = 8;
/// Calls under way that do not ask. More would overflow the buffers of the sockets here, where a
/// machine stands still for a moment; the delay of a call counts from when it was due.
const UNDER_WAY: usize = 48;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// -2 would be "no row": what cannot be found out is -1.
fn script(url: &str) -> String {
    format!(
        "loadmodule \"db_mysql.so\"\nloadmodule \"sqlops.so\"\nloadmodule \"sl.so\"\n\
         modparam(\"sqlops\", \"db_url\", \"{url}\")\nroute {{\n\
         \x20 if ($rU != \"asks\") {{ forward(); exit; }}\n\
         \x20 sql_query(\"SELECT pin FROM users WHERE name = '$fU'\", \"$avp(pin)\");\n\
         \x20 if ($rc == -1) {{ sl_send_reply(480, \"No Database\"); exit; }}\n\
         \x20 sl_send_reply(202, \"Pin $avp(pin)\");\n}}\n"
    )
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
    /// Of those that do not need the database: how long each took.
    delays: Vec<Duration>,
    /// How many that ask were answered out of the database.
    found: u32,
    /// Those that asked in vain: how long each took.
    refused: Vec<Duration>,
}

impl Scene {
    /// Calls at a steady rate, and until all have ended; each is answered once.
    fn calls(&mut self, rate: u32, seconds: u32) -> Outcome {
        let plain = format!("sip:bob@{}", self.destination.address());
        let asking = format!("sip:asks@{}", self.live.address);
        let (begin, count) = (Instant::now(), (rate * seconds) as usize);
        let (mut sent, first) = (Vec::<Instant>::new(), self.next);
        let mut open: HashSet<u32> = HashSet::new();
        let (mut outcome, mut plain_open) = (Outcome::default(), 0);
        while sent.len() < count || !open.is_empty() {
            let due = (begin.elapsed().as_secs_f64() * f64::from(rate)) as usize;
            while sent.len() < due.min(count) && plain_open < UNDER_WAY {
                let asks = self.next.is_multiple_of(ASKS);
                let uri = if asks { &asking } else { &plain };
                plain_open += usize::from(!asks);
                let call_id = self.next.to_string();
                let from = "sip:alice@example.com";
                let request = Request { uri, from, call_id: &call_id, ..Request::default() };
                self.caller.send(self.live.address, request.text(self.caller.address()));
                let at_seconds = sent.len() as f64 / f64::from(rate);
                sent.push(begin + Duration::from_secs_f64(at_seconds));
                open.insert(self.next);
                self.next += 1;
            }
            while let Some((request, from)) = self.destination.try_receive() {
                self.destination.send(from, reply(&request, "200 OK"));
            }
            while let Some((answer, _)) = self.caller.try_receive() {
                let number: u32 = headers(&answer, "Call-ID")[0].parse().unwrap();
                assert!(open.remove(&number), "{number} is answered once");
                let took = sent[(number - first) as usize].elapsed();
                let asks = number.is_multiple_of(ASKS);
                plain_open -= usize::from(!asks);
                match (first_line(&answer), asks) {
                    ("SIP/2.0 200 OK", false) => outcome.delays.push(took),
                    ("SIP/2.0 202 Pin 12", true) => outcome.found += 1,
                    ("SIP/2.0 480 No Database", true) => outcome.refused.push(took),
                    (line, asks) => panic!("call {number}, asks: {asks}: {line}"),
                }
            }
            let late = Duration::from_secs(seconds.into()) + PATIENCE;
            assert!(begin.elapsed() < late, "unanswered: {open:?}");
            std::thread::sleep(Duration::from_micros(100));
        }
        outcome
    }

    /// Calls until one finds the database again.
    fn recover(&mut self) {
        let begun = Instant::now();
        while self.calls(ASKS * 5, 1).found == 0 {
            assert!(begun.elapsed() < PATIENCE, "it does not come back");
        }
    }
}

#[test]
fn a_database_that_stops_or_is_slow_holds_up_nobody_else() {
    let (rate, seconds) = (number("SLUICE_RATE", 200), number("SLUICE_SECONDS", 2));
    let mut server = MariaDb::new();
    server.sql(
        "CREATE TABLE users (name VARCHAR(64) PRIMARY KEY, pin INT); \
         INSERT INTO users VALUES ('alice', 12);",
    );
    let relay = Relay::to(server.address);
    let url = server.url().replace(&server.address.to_string(), &relay.address.to_string());
    let (caller, destination) = (Agent::new(), Agent::new());
    let live = Live::start(&script(&url), 1);
    let mut scene = Scene { live, caller, destination, next: 1 };

    let asking = rate * seconds / ASKS;
    let before = scene.calls(rate, seconds);
    let (found, refused) = (before.found, before.refused.len());
    assert!(refused == 0 && found >= asking, "{found} of {asking} found, {refused} refused");

    relay.cut();
    let stopped = scene.calls(rate, seconds);
    assert_eq!(stopped.found, 0, "there is none to ask");
    relay.heal();
    scene.recover();

    relay.delay(Duration::from_secs(5));
    let slow = scene.calls(rate, seconds);
    assert_eq!(slow.found, 0, "nobody waits for 5 s");
    relay.heal();
    scene.recover();

    let killing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(seconds.into()) / 2);
        server.kill();
        server
    });
    let killed = scene.calls(rate, seconds);
    server = killing.join().unwrap();
    assert!(killed.found > 0 && !killed.refused.is_empty(), "{} found", killed.found);
    server.start();
    scene.recover();

    let latest = slow.refused.iter().max().copied().unwrap_or_default();
    assert!(latest < Duration::from_secs(5), "asked in vain for {latest:?}");
    let usual = |outcome: &Outcome| usual_p99(&outcome.delays, rate);
    let quiet = usual(&before);
    println!("p99 of the middle second before: {quiet:?}; of all {:?}", p99(&before.delays));
    for (outcome, how) in [(&stopped, "gone"), (&slow, "slow"), (&killed, "killed")] {
        println!(
            "{how}: {:?}; of all {:?}; {} asked in vain, for {:?} at most",
            usual(outcome),
            p99(&outcome.delays),
            outcome.refused.len(),
            outcome.refused.iter().max(),
        );
    }
    if std::env::var("SLUICE_RATE").is_ok() {
        for worse in [stopped, slow, killed].map(|outcome| usual(&outcome)) {
            assert!(worse <= quiet * 3 / 2, "{worse:?} is over 1.5 times {quiet:?}");
        }
    }
}
