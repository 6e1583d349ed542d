//! Passive health: calls that fail take a destination out, trials and probes bring it back.

use sluice_tests::world::Plan;

use crate::dispatcher_farm::{Farm, LIST, Manner, SCRIPT, WELL};
use crate::world::command_of;

#[test]
fn one_that_is_silent_is_out_within_a_second_of_traffic() {
    let mut farm = Farm::new("passive_health=1");
    farm.manners[1] = Manner::Silent;
    for _ in 0..10 {
        (0..3).for_each(|_| farm.call());
        farm.pass(100);
    }
    assert_eq!(farm.states(), ["Active", "Probing", "Active"]);
    farm.reached();
    (0..12).for_each(|_| farm.call());
    assert_eq!(farm.reached(), [6, 0, 6], "its calls go to the others");
}

#[test]
fn one_that_answers_now_and_then_is_not_silent() {
    let mut farm = Farm::new("passive_health=1");
    for _ in 0..10 {
        farm.manners[1] = Manner::Silent;
        (0..6).for_each(|_| farm.call());
        farm.pass(400);
        farm.manners[1] = WELL;
        (0..3).for_each(|_| farm.call());
        farm.pass(200);
    }
    assert_eq!(farm.states(), ["Active"; 3]);
}

#[test]
fn the_threshold_is_exact_for_replies_and_for_what_the_network_says() {
    for manner in [Manner::Answers("503 Overloaded"), Manner::Refuses] {
        let mut farm = Farm::new("passive_health=1 ds_probing_threshold=4");
        farm.manners[0] = manner;
        (0..9).for_each(|_| farm.call());
        assert_eq!(farm.states(), ["Active"; 3], "{manner:?}: three failures");
        farm.manners[0] = WELL;
        (0..3).for_each(|_| farm.call());
        farm.manners[0] = manner;
        (0..9).for_each(|_| farm.call());
        assert_eq!(farm.states(), ["Active"; 3], "{manner:?}: an answer begins a new row");
        (0..3).for_each(|_| farm.call());
        assert_eq!(farm.states(), ["Probing", "Active", "Active"], "{manner:?}");
    }
}

#[test]
fn which_replies_are_failures_is_said_by_a_parameter() {
    let mut farm = Farm::new("passive_health=1 passive_reply_codes=\"408,5xx\"");
    farm.manners[0] = Manner::Answers("501 Not Implemented");
    farm.manners[1] = Manner::Answers("404 Not Found");
    (0..15).for_each(|_| farm.call());
    assert_eq!(farm.states(), ["Probing", "Active", "Active"]);
    let error = Plan::default().file("d.list", LIST).try_run(
        "loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
         modparam(\"dispatcher\", \"passive_reply_codes\", \"5x\")\nroute { exit; }",
    );
    assert!(error.err().unwrap().contains("`5x` is neither a status nor a class"));
}

#[test]
fn after_a_while_one_call_tries_it_and_decides() {
    let mut farm = Farm::new("passive_health=1 passive_back_off=4");
    farm.manners[0] = Manner::Refuses;
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.states()[0], "Probing");
    farm.pass(3_000);
    farm.reached();
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.reached()[0], 0, "not yet");
    farm.pass(2_000);
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.reached()[0], 1, "one tries");
    farm.pass(5_000);
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.reached()[0], 0, "the second time out is twice as long");
    farm.manners[0] = WELL;
    farm.pass(4_000);
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.reached()[0], 3, "it is back");
    assert_eq!(farm.states()[0], "Active");
}

#[test]
fn no_call_fails_twice_on_the_same_destination() {
    let again = SCRIPT.replace("ds_next_dst()", "ds_select_dst(1, 8)");
    let mut farm = Farm::of(LIST, "passive_health=1 ds_probing_threshold=100", &again);
    farm.manners = [Manner::Refuses, Manner::Answers("503 Overloaded"), WELL];
    (0..6).for_each(|_| farm.call());
    for call in 1..=6 {
        let tried: Vec<u16> =
            farm.tries.iter().filter(|(of, _)| *of == call).map(|(_, to)| to.port()).collect();
        assert!(tried.ends_with(&[5073]) && tried.len() <= 3, "{tried:?}");
    }
    farm.manners = [Manner::Refuses; 3];
    farm.tries.clear();
    farm.call();
    assert_eq!(farm.reached(), [1, 1, 1], "then it has nowhere to go");
}

#[test]
fn failover_goes_past_those_that_are_out() {
    let mut farm = Farm::new("passive_health=1");
    farm.manners = [Manner::Silent, Manner::Silent, WELL];
    (0..9).for_each(|_| farm.call());
    farm.pass(600);
    assert_eq!(farm.states(), ["Probing", "Probing", "Active"]);
    farm.reached();
    farm.pass(3_000);
    assert_eq!(farm.reached(), [0, 0, 6], "calls that waited go to the one that is left");
}

#[test]
fn only_a_part_is_taken_out_and_when_all_are_down_all_are_tried() {
    let mut farm = Farm::new("passive_health=1 passive_most_out=10");
    farm.manners = [Manner::Refuses; 3];
    (0..20).for_each(|_| farm.call());
    assert_eq!(farm.states().iter().filter(|state| *state == "Probing").count(), 1);
    let mut farm = Farm::new("passive_health=1 passive_most_out=100");
    farm.manners = [Manner::Refuses; 3];
    (0..20).for_each(|_| farm.call());
    assert_eq!(farm.states(), ["Probing"; 3]);
    farm.reached();
    (0..6).for_each(|_| farm.call());
    assert_eq!(farm.reached(), [6, 6, 6], "each call tries each");
    farm.manners[1] = WELL;
    farm.call();
    assert_eq!(farm.states(), ["Probing", "Active", "Probing"], "one that answers is back");
}

#[test]
fn one_that_was_taken_out_by_hand_is_not_tried() {
    let mut farm = Farm::new("passive_health=1 passive_most_out=100");
    farm.manners = [Manner::Refuses; 3];
    let params = [Some("i"), Some("1"), Some("sip:10.0.0.1:5071")];
    command_of(&farm.world, "dispatcher", "ds_set_state", &params).unwrap();
    (0..20).for_each(|_| farm.call());
    farm.pass(30_000);
    (0..20).for_each(|_| farm.call());
    assert_eq!(farm.reached()[0], 0);
    assert_eq!(farm.states()[0], "Inactive");
}

#[test]
fn a_probe_brings_back_what_was_silent_and_no_call_tries_it() {
    let mut farm = Farm::new("passive_health=1 passive_back_off=2 ds_ping_interval=5");
    farm.manners[0] = Manner::Silent;
    (0..9).for_each(|_| farm.call());
    farm.pass(1_000);
    assert_eq!(farm.states()[0], "Probing");
    farm.reached();
    for _ in 0..20 {
        farm.pass(1_000);
        (0..3).for_each(|_| farm.call());
    }
    assert_eq!(farm.reached()[0], 0);
    farm.manners[0] = Manner::Answers("200 OK");
    farm.pass(7_000);
    assert_eq!(farm.states()[0], "Active");
}

#[test]
fn a_reload_keeps_what_was_learned() {
    let mut farm = Farm::new("passive_health=1");
    farm.manners[0] = Manner::Refuses;
    (0..9).for_each(|_| farm.call());
    command_of(&farm.world, "dispatcher", "ds_reload", &[]).unwrap();
    assert_eq!(farm.states(), ["Probing", "Active", "Active"]);
    farm.pass(11_000);
    farm.reached();
    (0..9).for_each(|_| farm.call());
    assert_eq!(farm.reached()[0], 1);
}

#[test]
fn without_transactions_the_network_is_believed() {
    let script = "loadmodule \"dispatcher\"\n\
        modparam(\"dispatcher\", \"list_file\", \"d.list\")\nPARAMS\n\
        route { ds_select_dst(1, 4); forward(); }\n";
    let mut farm = Farm::of(LIST, "passive_health=1 passive_back_off=2", script);
    farm.manners[2] = Manner::Refuses;
    (0..6).for_each(|_| farm.call());
    assert_eq!(farm.states(), ["Active"; 3]);
    farm.pass(61_000);
    (0..6).for_each(|_| farm.call());
    assert_eq!(farm.states(), ["Active"; 3], "two, and a minute later two more: no row");
    (0..3).for_each(|_| farm.call());
    assert_eq!(farm.states(), ["Active", "Active", "Probing"]);
    farm.pass(3_000);
    farm.reached();
    (0..6).for_each(|_| farm.call());
    assert_eq!(farm.reached()[2], 1, "one tries, and is refused");
    assert_eq!(farm.states()[2], "Probing");
    farm.manners[2] = WELL;
    farm.pass(5_000);
    farm.call();
    farm.call();
    farm.call();
    assert_eq!(farm.reached()[2], 1);
    farm.pass(8_000);
    assert_eq!(farm.states()[2], "Active", "nothing bad was heard of that call");
}

#[test]
fn calls_failures_and_latency_are_told() {
    let mut farm = Farm::new("call_statistics=1");
    farm.manners = [Manner::Answers("180 Ringing"), Manner::Silent, Manner::Refuses];
    (0..3).for_each(|_| farm.call());
    farm.pass(600);
    let (first, second, third) = ("sip:10.0.0.1:5071", "sip:10.0.0.2:5072", "sip:10.0.0.3:5073");
    // What the third refuses goes to the first.
    assert_eq!(farm.figure("sluice_dispatcher_calls_active", first), "Gauge(2.0)");
    assert_eq!(farm.figure("sluice_dispatcher_calls_active", second), "Gauge(1.0)");
    assert_eq!(farm.figure("sluice_dispatcher_calls_active", third), "Gauge(0.0)");
    for (destination, failures) in [(first, 0), (second, 1), (third, 1)] {
        let told = farm.figure("sluice_dispatcher_failures_total", destination);
        assert_eq!(told, format!("Counter({failures})"), "{destination}");
    }
    let seconds = farm.figure("sluice_dispatcher_first_reply_seconds", first);
    assert!(seconds.contains("(0.001, 2)") && seconds.contains("count: 2"), "{seconds}");
    let list = command_of(&farm.world, "dispatcher", "ds_list", &[Some("full")]).unwrap();
    let calls = &list["PARTITIONS"][0]["SETS"][0]["Destinations"][1]["calls"];
    assert_eq!((&calls["active"], &calls["failures"]), (&1.into(), &1.into()));
    let told = command_of(&farm.world, "dispatcher", "ds_latency", &[Some("1")]).unwrap();
    assert_eq!(told["SETS"][0]["Destinations"][0]["p99_ms"], 1.0);
    assert!(command_of(&farm.world, "dispatcher", "ds_latency", &[Some("7")]).is_err());
    farm.pass(60_000);
    for destination in [second, third] {
        let calls = farm.figure("sluice_dispatcher_calls_active", destination);
        assert_eq!(calls, "Gauge(0.0)", "{destination}");
    }
}

#[test]
fn the_list_says_why_one_is_out_and_when_it_is_tried() {
    let mut farm = Farm::new("passive_health=1");
    farm.manners[0] = Manner::Refuses;
    (0..9).for_each(|_| farm.call());
    let reason = |farm: &Farm| {
        let list = command_of(&farm.world, "dispatcher", "ds_list", &[]).unwrap();
        list["PARTITIONS"][0]["SETS"][0]["Destinations"][0]["reason"].clone()
    };
    farm.pass(4_000);
    assert_eq!(reason(&farm), "it cannot be reached; may be tried in 6 s");
    farm.pass(7_000);
    assert_eq!(reason(&farm), "it cannot be reached; the next call tries it");
}

#[test]
fn without_the_parameter_nothing_is_taken_out() {
    for params in ["", "call_statistics=1"] {
        let mut farm = Farm::new(params);
        farm.manners = [WELL, Manner::Silent, Manner::Refuses];
        for _ in 0..30 {
            farm.call();
            farm.pass(500);
        }
        assert_eq!(farm.states(), ["Active"; 3], "{params}");
    }
}
