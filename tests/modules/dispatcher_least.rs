//! The algorithms `least_calls` and `least_latency`.

use std::collections::HashMap;

use crate::dispatcher_farm::{Farm, LIST, Manner, WELL};

const RINGS: Manner = Manner::Answers("180 Ringing");

fn farm(list: &str, algorithm: &str) -> Farm {
    let script = format!(
        "loadmodule \"tm\"\nloadmodule \"dispatcher\"\nmodparam(\"tm\", \"fr_timeout\", 2)\n\
         modparam(\"dispatcher\", \"list_file\", \"d.list\")\nPARAMS\nroute {{\n\
         if (!ds_select_dst(1, \"{algorithm}\")) {{ t_reply(480, \"Nobody\"); exit; }}\n\
         if ($rU == \"bob\") t_relay();\n}}\n"
    );
    Farm::of(list, "", &script)
}

fn active(farm: &Farm) -> Vec<String> {
    let uris = ["sip:10.0.0.1:5071", "sip:10.0.0.2:5072", "sip:10.0.0.3:5073"];
    uris.map(|uri| farm.figure("sluice_dispatcher_calls_active", uri)).to_vec()
}

#[test]
fn calls_go_where_the_fewest_are() {
    let mut farm = farm(LIST, "least_calls");
    farm.manners = [RINGS; 3];
    (0..30).for_each(|_| farm.call());
    assert_eq!(farm.reached(), [10, 10, 10]);
    assert_eq!(active(&farm), ["Gauge(10.0)"; 3]);
    farm.manners[1] = WELL;
    (0..30).for_each(|_| farm.call());
    let [first, second, third] = farm.reached();
    assert!(second >= 18 && first <= 6 && third <= 6, "{first} {second} {third}");
}

#[test]
fn weights_are_shares_of_the_calls_at_a_time() {
    let list = "1 sip:10.0.0.1:5071 0 3\n1 sip:10.0.0.2:5072 0 1\n1 sip:10.0.0.3:5073 0 0\n";
    let mut farm = farm(list, "least_calls");
    farm.manners = [RINGS; 3];
    (0..40).for_each(|_| farm.call());
    assert_eq!(farm.reached(), [30, 10, 0]);
}

#[test]
fn every_call_is_given_back_whatever_its_end() {
    let mut farm = farm(LIST, "least_calls");
    farm.manners = [RINGS, Manner::Silent, Manner::Refuses];
    (0..30).for_each(|_| farm.call());
    farm.manners = [Manner::Answers("200 OK"), WELL, Manner::Answers("503 Overloaded")];
    (0..30).for_each(|_| farm.call());
    farm.pass(200_000);
    assert_eq!(active(&farm), ["Gauge(0.0)"; 3]);
}

#[test]
fn one_that_is_selected_and_not_called_has_no_call() {
    let mut farm = farm(LIST, "least_calls");
    farm.user = "nobody";
    (0..9).for_each(|_| farm.call());
    assert_eq!(active(&farm), ["Gauge(0.0)"; 3]);
    assert_eq!(farm.reached(), [0, 0, 0]);
}

#[test]
fn inactive_ones_are_left_out_and_without_any_it_fails() {
    let list = "1 sip:10.0.0.1:5071 1\n1 sip:10.0.0.2:5072 2\n1 sip:10.0.0.3:5073\n";
    let mut farm = farm(list, "least_calls");
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.reached(), [0, 0, 9]);
    let mut farm = self::farm("1 sip:10.0.0.1:5071 1\n", "least_latency");
    farm.call();
    assert_eq!(farm.reached(), [0, 0, 0]);
}

#[test]
fn of_many_the_better_of_two_is_taken() {
    let list: String = (0..100).map(|n| format!("1 sip:10.0.1.{n}:5071\n")).collect();
    let mut farm = farm(&list, "least_calls");
    farm.manners = [RINGS; 3];
    (0..1_000).for_each(|_| farm.call());
    let mut by_address = HashMap::new();
    for (_, address) in &farm.tries {
        *by_address.entry(*address).or_insert(0) += 1;
    }
    let most = by_address.values().max().copied().unwrap_or(0);
    assert_eq!(by_address.len(), 100);
    assert!(most <= 14, "chance alone would give one of them twenty: {most}");
}

#[test]
fn calls_go_where_replies_come_soonest() {
    let mut farm = farm(LIST, "least_latency");
    farm.delays_ms = [40, 10, 200];
    let spread = |farm: &mut Farm| {
        farm.reached();
        for _ in 0..100 {
            farm.call();
            farm.pass(100);
        }
        farm.reached()
    };
    let [first, second, third] = spread(&mut farm);
    assert!(second >= 80 && first <= 15 && third <= 5, "{first} {second} {third}");
    farm.delays_ms = [40, 400, 200];
    spread(&mut farm);
    let [first, second, third] = spread(&mut farm);
    assert!(first >= 80 && second <= 10 && third <= 10, "{first} {second} {third}");
}
