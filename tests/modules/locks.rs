//! Script locks of `cfgutils`: between runs, between workers, and what happens to forgotten ones.

use sluice_engine::counter::Counter;
use sluice_tests::world::{Plan, Sent, World, request};

use crate::world::compiled;

const PEER: &str = "127.0.0.1:5099";
const LOAD: &str = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n\
    modparam(\"cfgutils\", \"shvset\", \"in=i:0\")\nmodparam(\"cfgutils\", \"shvset\", \"n=i:0\")\n";

fn world(script: &str) -> World {
    World::of(&format!("{LOAD}{script}"))
}

fn call(user: &str, call_id: &str) -> String {
    request(&format!("OPTIONS sip:{user}@example.com SIP/2.0"), "").replace("1-2345", call_id)
}

fn options(user: &str) -> String {
    call(user, "1-2345")
}

/// The reasons of replies.
fn reasons(sent: &[Sent]) -> Vec<String> {
    let reason = |sent: &Sent| sent.first_line().split(' ').skip(2).collect::<Vec<_>>().join(" ");
    sent.iter().map(reason).collect()
}

#[test]
fn one_run_at_a_time_holds_a_lock_whichever_worker_it_is_on() {
    let script = format!(
        "{LOAD}route {{ get_static_lock(\"a\"); $shv(in) = $shv(in) + 1; $var(most) = $shv(in);\n\
         usleep(2000); $shv(n) = $shv(n) + 1; $shv(in) = $shv(in) - 1; release_static_lock(\"a\");\n\
         sl_send_reply(200, \"$var(most)\"); }}"
    );
    let mut world = Plan { workers: 3, ..Plan::default() }.run(&script);
    let mut sent = Vec::new();
    for n in 0..30 {
        sent.extend(world.receive(PEER, call("bob", &format!("{n}-x"))));
    }
    let parked: Vec<usize> = world.workers.iter().map(|worker| worker.parked()).collect();
    assert!(parked.iter().all(|runs| *runs > 0), "{parked:?}");
    sent.extend(world.pass(200));
    assert_eq!(reasons(&sent), vec!["1"; 30]);
    assert_eq!((world.count(Counter::StaleAnswers), world.count(Counter::WaitsExpired)), (0, 0));
}

#[test]
fn a_lock_is_handed_on_in_the_order_of_asking() {
    let mut world = world(
        "route { get_dynamic_lock($hdr(X-Key)); usleep(1000); sl_send_reply(200, \"$rU\"); \
         release_dynamic_lock($hdr(X-Key)); get_dynamic_lock(\"z\"); }",
    );
    for user in ["a", "b", "c", "d"] {
        let request = options(user).replace("Max-Forwards", "X-Key: k\r\nMax-Forwards");
        assert!(world.receive(PEER, request).is_empty());
    }
    assert_eq!(reasons(&world.pass(20)), ["a", "b", "c", "d"]);
}

#[test]
fn a_forgotten_lock_is_given_back_at_the_end_of_the_run() {
    for end in ["exit", "drop", "return(0)", "route(r)", "async(usleep(1), r)"] {
        let mut world = world(&format!(
            "route {{ get_static_lock(\"a\"); get_dynamic_lock(\"b\"); usleep(1000); \
             sl_send_reply(200, \"$rU\"); {end}; }}\nroute[r] {{ $var(x) = 1; }}"
        ));
        world.receive(PEER, options("first"));
        world.receive(PEER, options("second"));
        assert_eq!(reasons(&world.pass(10)), ["first", "second"], "{end}");
        assert_eq!(world.workers[0].parked(), 0);
    }
}

#[test]
fn a_lock_that_the_run_holds_is_refused_to_it() {
    let mut world = world(
        "route { get_static_lock(\"a\"); $var(first) = $rc; get_static_lock(\"a\"); \
         sl_send_reply(200, \"$var(first) $rc\"); }",
    );
    assert_eq!(reasons(&world.receive(PEER, options("bob"))), ["1 -1"]);
}

#[test]
fn giving_back_what_one_does_not_hold_does_nothing() {
    let mut world = world(
        "route { if ($rU == \"holder\") { get_static_lock(\"a\"); usleep(5000); exit; }\n\
         release_static_lock(\"a\"); $var(released) = $rc; release_dynamic_lock(\"x\");\n\
         if ($rU == \"waiter\") get_static_lock(\"a\"); else release_static_lock(\"b\");\n\
         sl_send_reply(200, \"$rU $var(released) $rc\"); }",
    );
    world.receive(PEER, options("holder"));
    assert_eq!(reasons(&world.receive(PEER, options("other"))), ["other 1 1"]);
    assert!(world.receive(PEER, options("waiter")).is_empty(), "the holder's is still held");
    assert_eq!(reasons(&world.pass(7)), ["waiter 1 1"]);
}

#[test]
fn two_runs_that_hold_what_the_other_wants_come_apart() {
    let mut world = world(
        "route {\n\
         if ($rU == \"ab\") { get_static_lock(\"a\"); usleep(1000); get_static_lock(\"b\"); }\n\
         else { get_static_lock(\"b\"); usleep(2000); get_static_lock(\"a\"); }\n\
         sl_send_reply(200, \"$rU $rc\"); }",
    );
    world.receive(PEER, options("ab"));
    world.receive(PEER, options("ba"));
    assert_eq!(reasons(&world.pass(9_999)), [""; 0]);
    // The first gives up, ends, and so the second has both.
    assert_eq!(reasons(&world.pass(10)), ["ab -1", "ba 1"]);
    assert_eq!(world.count(Counter::WaitsExpired), 1);
    assert_eq!(world.workers[0].parked(), 0);
}

#[test]
fn async_and_launch_take_locks_aside() {
    let mut world = world(
        "route { if ($rU == \"async\") { async(get_static_lock(\"a\"), held, 1); }\n\
           launch(get_static_lock(\"a\"), held); sl_send_reply(200, \"launched\"); }\n\
         route[held] { $shv(in) = $shv(in) + $rc; usleep(1500000); \
           if ($rU == \"async\") sl_send_reply(200, \"$rc $shv(in)\"); }",
    );
    assert_eq!(reasons(&world.receive(PEER, options("launch"))), ["launched"]);
    world.receive(PEER, options("async"));
    // The lock was held for longer than the time-out.
    assert_eq!(reasons(&world.pass(3_000)), ["1 0"]);
    assert_eq!(world.count(Counter::WaitsExpired), 1);
}

#[test]
fn keys_that_hash_alike_share_a_dynamic_lock() {
    let answer = |pool: &str, one: &str, other: &str| {
        let mut world = world(&format!(
            "modparam(\"cfgutils\", \"lock_pool_size\", {pool})\n\
             route {{ strings_share_lock(\"{one}\", \"{other}\"); sl_send_reply(200, \"$rc\"); }}"
        ));
        reasons(&world.receive(PEER, options("bob"))).remove(0)
    };
    assert_eq!(answer("1", "one", "other"), "1");
    assert_eq!(answer("65536", "one", "other"), "-1");
    assert_eq!(answer("64", "same", "same"), "1");
    let errors = |size: &str| {
        let param = format!("{LOAD}modparam(\"cfgutils\", \"lock_pool_size\", {size})\n");
        compiled(&format!("{param}route {{ exit; }}")).errors
    };
    assert_eq!([errors("3"), errors("0"), errors("-2"), errors("131072")], [1; 4]);
    assert_eq!(errors("65536"), 0);
}

#[test]
fn a_run_that_finds_no_place_to_wait_gives_back_what_it_holds() {
    let mut world = world(
        "route { if ($rU == \"sleep\") sleep(1000);\n\
         if ($rU == \"two\") { get_static_lock(\"b\"); get_static_lock(\"a\"); }\n\
         if ($rU == \"holder\") { get_static_lock(\"a\"); usleep(1000); exit; }\n\
         get_static_lock(\"b\"); sl_send_reply(200, \"$rc\"); }",
    );
    world.receive(PEER, options("holder"));
    while world.count(Counter::ParkRefused) == 0 {
        world.receive(PEER, options("sleep"));
    }
    assert!(world.receive(PEER, options("two")).is_empty());
    assert_eq!(world.count(Counter::ParkRefused), 2);
    assert_eq!(reasons(&world.receive(PEER, options("bob"))), ["1"]);
    world.pass(5);
}
