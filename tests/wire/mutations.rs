//! Ten thousand mutated messages through real workers: each is judged as the naive oracle judges
//! it, and what is answered or forwarded is good SIP again.
//!
//! A failure names its seed: `SLUICE_SEED=4711 cargo test -p sluice-tests --test wire mutations`
//! judges this one alone. `SLUICE_MUTATIONS` is how many, `SLUICE_FIRST_SEED` where they begin.

use sluice_sip::Reason;
use sluice_tests::targets::message::judge;
use sluice_tests::torture::rows;
use sluice_tests::world;

use crate::mutate;

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
    let (mut good, mut refused) = (0, [0; Reason::COUNT]);
    for seed in first..first + count {
        let _named = Named(seed);
        match judge(&mutate::message(seed, &messages)) {
            Ok(()) => good += 1,
            Err(reason) => refused[reason as usize] += 1,
        }
    }
    if count >= 10_000 {
        let share = good * 100 / count;
        assert!((20..80).contains(&share), "{share} % are good: the mutations are too many or few");
        // No datagram is too large; keep-alives are rare.
        let rare = |reason: &Reason| matches!(reason, Reason::TooLarge | Reason::KeepAlive);
        let unseen = Reason::ALL.into_iter().filter(|reason| refused[*reason as usize] == 0);
        let unseen: Vec<_> = unseen.filter(|reason| !rare(reason)).collect();
        assert!(unseen.is_empty(), "no mutation is refused for {unseen:?}");
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
