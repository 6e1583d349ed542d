//! A name with three addresses, one of them dead: no call fails, and when the dead one is known as
//! such, one call tries it as often as the script says. `scripts/soak names` takes 30 s and more.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::unbound::{Unbound, ZONE};

/// As long as the transaction of one call takes to see that nobody answers, and some.
const NOTICED: Duration = Duration::from_millis(2_500);

/// When each call that came to the dead address came there first, in order.
#[derive(Default)]
struct Tries(Vec<(String, Instant)>);

impl Tries {
    fn take(&mut self, dead: &Agent) {
        while let Some((text, _)) = dead.try_receive() {
            let call = headers(&text, "Call-ID")[0];
            if !self.0.iter().any(|(known, _)| known == call) {
                self.0.push((call.to_owned(), Instant::now()));
            }
        }
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn a_dead_address_is_tried_by_one_call_at_a_time() {
    let (hold, seconds) = (number("SLUICE_HOLD", 2), number("SLUICE_SECONDS", 7));
    let rate = number("SLUICE_RATE", 50);
    let dead = Agent::on([127, 0, 0, 2].into());
    let port = dead.address().port();
    let alive = [3, 4].map(|last| Agent::at(([127, 0, 0, last], port).into()));
    // By priority, so that each call would begin with the dead one.
    let records = format!(
        "_sip._udp.gw SRV 1 1 {port} dead\n_sip._udp.gw SRV 2 1 {port} alive\n\
         dead A 127.0.0.2\nalive A 127.0.0.3\nalive A 127.0.0.4"
    );
    let server = Unbound::serve(&records);
    let live = Live::start(
        &format!(
            "dns_server = \"{}\"\ndns_blacklist_time = {hold}\nloadmodule \"tm.so\"\n\
             modparam(\"tm\", \"fr_timeout\", 2)\nroute {{ t_relay(); }}\n",
            server.address
        ),
        2,
    );
    let (caller, begin) = (Agent::new(), Instant::now());
    let (mut tries, mut open, mut answered, mut sent) =
        (Tries::default(), HashMap::new(), 0_u64, 0_u64);
    let uri = format!("sip:bob@gw.{ZONE}");
    while sent < seconds * rate || !open.is_empty() {
        let due = (begin.elapsed().as_millis() as u64 * rate / 1_000).min(seconds * rate);
        while sent < due {
            let call_id = format!("call-{sent}");
            let request = Request { uri: &uri, call_id: &call_id, ..Request::default() };
            caller.send(live.address, request.text(caller.address()));
            open.insert(call_id, Instant::now());
            sent += 1;
        }
        for agent in &alive {
            while let Some((request, from)) = agent.try_receive() {
                agent.send(from, reply(&request, "200 OK"));
            }
        }
        tries.take(&dead);
        while let Some((text, _)) = caller.try_receive() {
            assert_eq!(first_line(&text), "SIP/2.0 200 OK");
            answered += u64::from(open.remove(headers(&text, "Call-ID")[0]).is_some());
        }
        assert!(open.values().all(|sent| sent.elapsed() < crate::support::PATIENCE));
        std::thread::sleep(Duration::from_micros(500));
    }
    assert_eq!(answered, seconds * rate);
    // Until its silence is noticed nobody knows; afterwards one call tries it now and then.
    let noticed = tries.0[0].1 + NOTICED;
    let later: Vec<Instant> =
        tries.0.iter().map(|(_, at)| *at).filter(|at| *at > noticed).collect();
    println!(
        "{answered} calls, none failed; tried by {} calls, later by {}",
        tries.0.len(),
        later.len()
    );
    let gaps = later.windows(2).map(|pair| pair[1] - pair[0]);
    let least = Duration::from_secs(hold) - Duration::from_millis(100);
    assert!(gaps.clone().all(|gap| gap >= least), "{:?}", gaps.collect::<Vec<_>>());
    let periods = (seconds * 1_000).saturating_sub(NOTICED.as_millis() as u64) / (hold * 1_000);
    assert!(later.len() as u64 + 1 >= periods && !later.is_empty(), "{} tries", later.len());
}
