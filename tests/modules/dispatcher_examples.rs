//! The scripts of `examples/dispatcher`, as they stand and with every row of the seed's table of
//! algorithms.

use sluice_tests::world::{Plan, World, request};

const SEED: &str = include_str!("../../examples/dispatcher/seed.cfg");
const SEED_LIST: &str = include_str!("../../examples/dispatcher/seed.list");
const PEER: &str = "127.0.0.1:5099";

fn seed(script: &str) -> World {
    Plan::default().file("seed.list", SEED_LIST).run(script)
}

fn options(more: &str) -> String {
    request("OPTIONS sip:bob@example.com SIP/2.0", more)
}

/// The port of the destination that a request with this Call-ID goes to.
fn port(world: &mut World, call_id: &str, more: &str) -> u16 {
    let text = options(more).replace("1-2345@127.0.0.1", call_id);
    let sent = world.receive(PEER, text);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].first_line().starts_with("OPTIONS sip:bob@example.com "));
    sent[0].to.port()
}

#[test]
fn the_example_shares_calls_over_four_destinations() {
    let script = include_str!("../../examples/dispatcher/opensips.cfg");
    let list = include_str!("../../examples/dispatcher/dispatcher.list");
    let mut world = Plan::default().file("dispatcher.list", list).run(script);
    assert_eq!(world.warnings, [""; 0]);
    let mut shares = [0; 4];
    for call in 0..400 {
        let call_id = format!("{call}-77@127.0.0.1");
        let first = port(&mut world, &call_id, "");
        assert_eq!(port(&mut world, &call_id, ""), first, "a call keeps its destination");
        shares[usize::from(first - 5071)] += 1;
    }
    assert!(shares.iter().all(|share| (60..140).contains(share)), "{shares:?}");
    let looping = options("").replace("Max-Forwards: 70", "Max-Forwards: 0");
    let sent = world.receive(PEER, looping);
    assert_eq!(sent[0].first_line(), "SIP/2.0 483 Too Many Hops");
}

#[test]
fn the_example_refuses_calls_when_no_destination_is_left() {
    let script = include_str!("../../examples/dispatcher/opensips.cfg");
    let list = "1 sip:127.0.0.1:5071 i\n";
    let mut world = Plan::default().file("dispatcher.list", list).run(script);
    let sent = world.receive(PEER, options(""));
    assert_eq!(sent[0].first_line(), "SIP/2.0 500 No Destination Available");
}

#[test]
fn the_seed_runs_as_it_stands() {
    let mut world = seed(SEED);
    assert_eq!(world.warnings, [""; 0]);
    // spec 3.2: these hashes are 0, 0 and 1 modulo 2.
    assert_eq!(port(&mut world, "1-2345@127.0.0.1", ""), 5071);
    assert_eq!(port(&mut world, "abc", ""), 5071);
    assert_eq!(port(&mut world, "alice", ""), 5072);
    let looping = options("").replace("Max-Forwards: 70", "Max-Forwards: 0");
    let sent = world.receive(PEER, looping);
    assert_eq!(sent[0].first_line(), "SIP/2.0 483 To Many Hops");
}

/// The seed's script with another set and algorithm.
fn with(set: &str, algorithm: &str, params: &str) -> World {
    let call = format!("ds_select_dst(\"{set}\", \"{algorithm}\");");
    assert!(SEED.contains("ds_select_dst(\"2\", \"0\");"));
    let script = SEED.replace("ds_select_dst(\"2\", \"0\");", &call);
    seed(&script.replace("\nroute {", &format!("\n{params}\nroute {{")))
}

#[test]
fn every_row_of_the_seeds_table_works() {
    // Call-ID, From, To, Request-URI: hashes 0, 0, 2, 2 modulo 3, by the description in spec 3.2.
    for (algorithm, expected) in [("0", 5073), ("1", 5073), ("2", 5075), ("3", 5075)] {
        let mut world = with("1", algorithm, "");
        let ports: Vec<u16> = (0..3).map(|_| port(&mut world, "abc", "")).collect();
        assert_eq!(ports, [expected; 3], "{algorithm}");
    }
    let mut turns = with("1", "4", "");
    let ports: Vec<u16> = (0..6).map(|_| port(&mut turns, "abc", "")).collect();
    assert_eq!(ports, [5073, 5074, 5075, 5073, 5074, 5075]);

    let mut user = with("1", "5", "");
    let credentials = "Authorization: Digest username=\"alice\", realm=\"r\", nonce=\"n\", \
                       uri=\"sip:r\", response=\"0\"\r\n";
    assert_eq!(port(&mut user, "abc", credentials), 5075, "alice is 2 modulo 3");
    assert_eq!(port(&mut user, "abc", ""), 5075, "the last one again");

    let mut random = with("1", "6", "");
    let mut ports: Vec<u16> = (0..64).map(|_| port(&mut random, "abc", "")).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports, [5073, 5074, 5075]);

    let mut variable = with("1", "7", "modparam(\"dispatcher\", \"hash_pvar\", \"$hdr(X-Key)\")");
    assert_eq!(port(&mut variable, "abc", "X-Key: alice\r\n"), 5075);
    assert_eq!(port(&mut variable, "abc", "X-Key: abc\r\n"), 5073);

    let mut unknown = with("1", "X", "");
    let ports: Vec<u16> = (0..3).map(|n| port(&mut unknown, &n.to_string(), "")).collect();
    assert_eq!(ports, [5073; 3]);
}
