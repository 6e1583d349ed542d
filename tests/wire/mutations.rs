//! Ten thousand mutated messages through real workers: each is judged as the naive oracle judges
//! it, and what is answered or forwarded is good SIP again.
//!
//! A failure names its seed: `SLUICE_SEED=4711 cargo test -p sluice-tests --test wire mutations`
//! judges this one alone. `SLUICE_MUTATIONS` is how many, `SLUICE_FIRST_SEED` where they begin.

use sluice_engine::counter::{Counter, refusal};
use sluice_sip::{Index, Message, Reason};
use sluice_tests::oracle;
use sluice_tests::torture::rows;
use sluice_tests::world::{self, Sent, World};

use crate::index::agree;
use crate::mutate;

const ANSWERS: &str = "loadmodule \"sl.so\"\nroute { sl_send_reply(200, \"OK\"); }\n";
const FORWARDS: &str = "route { forward(\"sip:203.0.113.9:5090\"); }\n";

#[test]
fn mutations_are_judged_as_the_oracle_judges_them() {
    let (first, count) = match number_of("SLUICE_SEED") {
        Some(seed) => (seed, 1),
        None => {
            let first = number_of("SLUICE_FIRST_SEED").unwrap_or(0);
            (first, number_of("SLUICE_MUTATIONS").unwrap_or(10_000))
        }
    };
    let messages = messages();
    let mut judges = [Judge::new(ANSWERS), Judge::new(FORWARDS)];
    let mut good = 0;
    for seed in first..first + count {
        let _named = Named(seed);
        let bytes = mutate::message(seed, &messages);
        for judge in &mut judges {
            good += usize::from(judge.judge(&bytes).is_ok());
        }
    }
    if count >= 1_000 {
        let share = good as u64 * 100 / (count * judges.len() as u64);
        assert!((20..80).contains(&share), "{share} % are good: the mutations are too many or few");
        let seen: Vec<_> = Reason::ALL.into_iter().filter(|r| judges[0].seen(*r) > 0).collect();
        // Its own test has a message that is too large.
        let rare = [Reason::TooLarge, Reason::KeepAlive];
        let missing: Vec<_> =
            Reason::ALL.iter().filter(|r| !seen.contains(r) && !rare.contains(r)).collect();
        assert!(missing.is_empty(), "no mutation is refused for {missing:?}");
    }
}

/// Real messages: those of the RFCs, the benchmark's, and usual requests and replies.
fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<_> = rows().map(|row| row.bytes()).collect();
    for _ in 0..20 {
        messages.push(include_bytes!("../../bench/data/invite.sip").to_vec());
        let options = world::request("OPTIONS sip:bob@example.com SIP/2.0", "");
        messages.push(options.clone().into_bytes());
        let reply = options.replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK");
        messages.push(reply.into_bytes());
    }
    messages
}

/// A worker with one script, and the oracle beside it.
struct Judge {
    world: World,
    index: Index,
}

impl Judge {
    fn new(script: &str) -> Self {
        Self { world: World::of(script), index: Index::new() }
    }

    fn seen(&self, reason: Reason) -> u64 {
        self.world.cell(refusal(reason))
    }

    /// The verdict on a message, after worker and oracle agreed on it.
    fn judge(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let _ = agree(&mut self.index, bytes);
        let expected = oracle::judge(bytes);
        let before = Reason::ALL.map(|reason| self.seen(reason));
        let handled = self.world.count(Counter::Handled);
        let sent = self.world.receive("192.0.2.77:5071", bytes);
        let newly = |reason: &Reason| self.seen(*reason) > before[*reason as usize];
        let refused: Vec<_> = Reason::ALL.into_iter().filter(newly).collect();
        match expected {
            Ok(()) => {
                assert_eq!((refused, self.world.count(Counter::Handled)), (vec![], handled + 1))
            }
            Err(reason) => assert_eq!((refused, sent.len()), (vec![reason], 0)),
        }
        assert_eq!(self.world.count(Counter::Panics), 0);
        for sent in sent {
            self.check_sent(bytes, &sent);
        }
        expected
    }

    /// What leaves for a message is judged good, unless our Via was one field too many.
    fn check_sent(&mut self, bytes: &[u8], sent: &Sent) {
        let _ = self.index.scan(bytes);
        let full = Message { bytes, index: &self.index }.all().len() == sluice_sip::limits::FIELDS;
        let large = sent.bytes.len() > sluice_sip::limits::MESSAGE;
        if !full && !large {
            assert_eq!(oracle::judge(&sent.bytes), Ok(()), "{}", sent.text());
        }
    }
}

/// Says which seed it was when a test fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SLUICE_SEED={}", self.0);
        }
    }
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}
