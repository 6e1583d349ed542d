//! Pings of registered contacts over real sockets: a telephone that falls silent is not registered
//! any more, one that answers is, and one without the flag just gets its four bytes.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_control::mi::Params;

use crate::live::Live;
use crate::sip::{Agent, first_line, reply};
use crate::support::PATIENCE;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

const SCRIPT: &str = "loadmodule \"sl\"\nloadmodule \"usrloc\"\nloadmodule \"registrar\"\n\
    loadmodule \"nathelper\"\nmodparam(\"nathelper\", \"natping_interval\", 1)\n\
    modparam(\"nathelper\", \"sipping_bflag\", \"SIP\")\n\
    modparam(\"nathelper\", \"remove_on_timeout_bflag\", \"RTO\")\n\
    modparam(\"nathelper\", \"sipping_from\", \"sip:pinger@example.com\")\n\
    modparam(\"nathelper\", \"ping_threshold\", 1)\n\
    modparam(\"nathelper\", \"max_pings_lost\", 3)\n\
    route { if ($tU =~ \"^sip\") { setbflag(SIP); setbflag(RTO); } save(\"location\"); exit; }\n";

fn register(telephone: &Agent, user: &str, at: std::net::SocketAddr) {
    let own = telephone.address();
    let request = format!(
        "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{user}\r\n\
         From: <sip:{user}@h>;tag=1\r\nTo: <sip:{user}@h>\r\nCall-ID: {user}\r\n\
         CSeq: 1 REGISTER\r\nContact: <sip:{user}@{own}>\r\nContent-Length: 0\r\n\r\n"
    );
    telephone.send(at, request);
    assert!(telephone.receive().starts_with("SIP/2.0 200 OK"));
}

/// The users that are registered.
fn users(gateway: &Live) -> Vec<String> {
    let dump = gateway.management().run("ul_dump", &Params::words(&["brief"])).unwrap();
    let users = dump["Domains"][0]["AORs"].as_array().cloned().unwrap_or_default();
    let name = |user: &Value| user["AOR"].as_str().unwrap().to_owned();
    let mut names: Vec<_> = users.iter().map(name).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_telephone_that_falls_silent_is_registered_no_more() {
    let gateway = Live::start(SCRIPT, 2);
    let [plain, silent, well] = [Agent::new(), Agent::new(), Agent::new()];
    register(&plain, "plain", gateway.address);
    register(&silent, "sip-silent", gateway.address);
    register(&well, "sip-well", gateway.address);
    let begun = Instant::now();
    let (mut zeros, mut answered, mut unanswered) = (0, 0, 0);
    while users(&gateway).len() > 2 || answered < 4 {
        if let Some((ping, _)) = plain.try_receive() {
            assert_eq!(ping, "\0\0\0\0");
            zeros += 1;
        }
        unanswered += usize::from(silent.try_receive().is_some());
        if let Some((ping, from)) = well.try_receive() {
            assert!(first_line(&ping).starts_with("OPTIONS sip:sip-well@127.0.0.1:"), "{ping}");
            well.send(from, reply(&ping, "200 OK"));
            answered += 1;
        }
        assert!(begun.elapsed() < PATIENCE, "{zeros} {answered} {unanswered}");
        sleep(LOOK);
    }
    assert_eq!(users(&gateway), ["plain", "sip-well"]);
    assert!(zeros >= 2 && (3..=4).contains(&unanswered), "{zeros} {unanswered}");
}
