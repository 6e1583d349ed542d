//! Routes that no message begins: at the start, at their times, for events (spec 1.4).

use sluice_engine::counter::Counter;
use sluice_engine::job::{Answer, Job};
use sluice_tests::world::{Plan, Sent, World, request};

const PEER: &str = "127.0.0.1:5099";
/// Counters begin at 0.
const LOAD: &str = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n\
    modparam(\"cfgutils\", \"shvset\", \"n=i:0\")\nmodparam(\"cfgutils\", \"shvset\", \"m=i:0\")\n";

fn world(script: &str) -> World {
    World::of(&format!("{LOAD}{script}"))
}

fn options(user: &str) -> String {
    request(&format!("OPTIONS sip:{user}@example.com SIP/2.0"), "")
}

/// The reasons of replies.
fn reasons(sent: &[Sent]) -> Vec<String> {
    let reason = |sent: &Sent| sent.first_line().split(' ').skip(2).collect::<Vec<_>>().join(" ");
    sent.iter().map(reason).collect()
}

fn ask(world: &mut World) -> Vec<String> {
    let sent = world.receive(PEER, options("bob"));
    reasons(&sent)
}

#[test]
fn the_startup_route_runs_once_and_first() {
    let mut world = world(
        "startup_route { $shv(n) = $shv(n) + 1; $shv(seen) = $rm + $ci; $var(v) = 7; }\n\
         route { sl_send_reply(200, \"$shv(n)|$shv(seen)|$var(v)\"); }",
    );
    assert!(world.workers[0].is_starting());
    assert_eq!(ask(&mut world), ["1|DUMMYdummy|7"], "its $var is the worker's");
    assert!(!world.workers[0].is_starting());
    world.pass(10);
    assert_eq!(ask(&mut world), ["1|DUMMYdummy|7"]);
    assert_eq!(world.count(Counter::Unanswered), 0, "nobody waits for an answer to it");
}

#[test]
fn the_startup_route_is_not_over_while_it_waits() {
    let mut world = world(
        "startup_route { usleep(5000); route(more); }\n\
         route[more] { $shv(ip) = $(var(host){ip.resolve}); $shv(done) = 1; }\n\
         route { exit; }",
    );
    world.take_turn(0);
    assert!(world.workers[0].is_starting());
    world.pass(4);
    assert!(world.workers[0].is_starting());
    world.pass(2);
    assert!(!world.workers[0].is_starting());
}

#[test]
fn no_timer_route_runs_before_the_startup_route_is_over() {
    let mut world = world(
        "startup_route { usleep(1500000); $shv(n) = 10; }\n\
         timer_route[t, 1] { $shv(n) = $shv(n) + 1; }\n\
         route { sl_send_reply(200, \"$shv(n)\"); }",
    );
    world.pass(1_400);
    assert_eq!(world.count(Counter::TimersSkipped), 1);
    world.pass(700);
    assert_eq!(ask(&mut world), ["11"]);
}

#[test]
fn only_the_first_worker_starts_up_and_has_timers() {
    let script = format!(
        "{LOAD}startup_route {{ $shv(n) = $shv(n) + 1; }}\n\
         timer_route[t, 1] {{ $shv(n) = $shv(n) + 10; }}\n\
         route {{ sl_send_reply(200, \"$shv(n)\"); }}"
    );
    let mut world = Plan { workers: 3, ..Plan::default() }.run(&script);
    world.pass(2_500);
    assert_eq!(ask(&mut world), ["21"]);
}

#[test]
fn a_timer_route_runs_at_its_times() {
    let mut world = world(
        "timer_route[one, 1] { $shv(n) = $shv(n) + 1; }\n\
         timer_route[\"three\", 3] { $shv(m) = $shv(m) + 1; }\n\
         route { sl_send_reply(200, \"$shv(n) $shv(m)\"); }",
    );
    world.pass(999);
    assert_eq!(ask(&mut world), ["0 0"], "first after its interval");
    world.pass(1);
    assert_eq!(ask(&mut world), ["1 0"]);
    world.pass(5_000);
    assert_eq!(ask(&mut world), ["6 2"]);
    assert_eq!(world.count(Counter::TimersSkipped), 0);
}

#[test]
fn a_timer_route_that_is_parked_when_due_again_is_skipped_and_counted() {
    let mut world = world(
        "timer_route[slow, 1] { $shv(n) = $shv(n) + 1; usleep(2500000); \
         $shv(m) = $shv(m) + 1; }\n\
         route { sl_send_reply(200, \"$shv(n) $shv(m)\"); }",
    );
    world.pass(3_400);
    assert_eq!(ask(&mut world), ["1 0"]);
    assert_eq!(world.count(Counter::TimersSkipped), 2, "at 2 s and 3 s");
    world.pass(200);
    assert_eq!(ask(&mut world), ["1 1"], "it goes on meanwhile");
    world.pass(500);
    assert_eq!(ask(&mut world), ["2 1"], "at 4 s");
    assert_eq!(world.count(Counter::TimersSkipped), 2);
}

#[test]
fn a_late_worker_leaves_times_out_and_keeps_the_beat() {
    let mut world = world(
        "timer_route[t, 1] { $shv(n) = $shv(n) + 1; }\n\
         route { sl_send_reply(200, \"$shv(n)\"); }",
    );
    world.now.mono_us += 4_700_000;
    world.take_turn(0);
    assert_eq!(ask(&mut world), ["1"]);
    assert_eq!(world.count(Counter::TimersSkipped), 3);
    world.pass(299);
    assert_eq!(ask(&mut world), ["1"]);
    world.pass(1);
    assert_eq!(ask(&mut world), ["2"], "at 5 s");
}

#[test]
fn a_reload_sets_the_timers_of_the_new_edition() {
    let script = |interval: u32, step: u32| {
        format!(
            "{LOAD}timer_route[t, {interval}] {{ $shv(n) = $shv(n) + {step}; }}\n\
             timer_route[same, 10] {{ $shv(m) = $shv(m) + 1; }}\n\
             route {{ sl_send_reply(200, \"$shv(n) $shv(m)\"); }}"
        )
    };
    let mut world = World::of(&script(1, 1));
    world.pass(1_500);
    world.reload(&script(2, 100)).unwrap();
    world.pass(1_900);
    assert_eq!(ask(&mut world), ["1 0"], "the old one runs no more");
    world.pass(200);
    assert_eq!(ask(&mut world), ["101 0"]);
    world.reload(&format!("{LOAD}route {{ sl_send_reply(200, \"$shv(n)\"); }}")).unwrap();
    world.pass(20_000);
    assert_eq!(ask(&mut world), ["101"]);
    world.reload(&script(2, 100)).unwrap();
    world.pass(9_999);
    world.reload(&script(3, 100)).unwrap();
    world.pass(2);
    assert_eq!(ask(&mut world)[0].split(' ').nth(1), Some("1"), "its time was not put off");
}

#[test]
fn an_event_runs_its_route_with_values_and_names() {
    let mut world = world(
        "route {\n\
         if ($rU == \"named\") {\n\
           $avp(n) = \"limit\"; $avp(v) = 80; $avp(n) = \"who\"; $avp(v) = $fu;\n\
           raise_event(\"E_LOAD\", $avp(n), $avp(v));\n\
         } else if ($rU == \"plain\") {\n\
           $avp(p) = \"first\"; $avp(p) = 2; raise_event(\"E_LOAD\", $avp(p));\n\
         } else if ($rU == \"bare\") { raise_event(\"E_LOAD\"); raise_event(\"E_NOBODY\"); }\n\
         sl_send_reply(200, \"$rc|$shv(seen)\");\n\
         }\n\
         event_route[E_LOAD] { route(tell, $param(limit)); }\n\
         route[tell] { $shv(seen) = \"\" + $param(1) + \"/\" + $param(who) + \"/\" + $rm; \
           if ($param(limit) == NULL) $shv(seen) = $shv(seen) + \"?\"; }",
    );
    let mut ask = |user: &str| reasons(&world.receive(PEER, options(user)));
    assert_eq!(ask("named"), ["1|0"], "its route runs after the one that raised it");
    assert_eq!(ask("x"), ["0|80/sip:caller@example.com/DUMMY"]);
    assert_eq!(ask("plain"), ["1|80/sip:caller@example.com/DUMMY"]);
    assert_eq!(ask("bare"), ["1|//DUMMY?"], "of `plain`, without names");
}

#[test]
fn events_read_their_parameters_as_old_scripts_do() {
    let mut world = world(
        "loadmodule \"event_route.so\"\n\
         route { $avp(n) = \"a\"; $avp(v) = \"x y\"; $avp(n) = \"b\"; $avp(v) = \"z\";\n\
           raise_event(\"E_X\", $avp(n), $avp(v)); sl_send_reply(200, \"$shv(seen)\"); }\n\
         event_route[E_X, async] { fetch_event_params(\"b = $avp(b) ; $var(second);none=$var(no)\");\n\
           $shv(seen) = $avp(b) + \"|\" + $var(second) + \"|\" + $var(no) + \"|\" + $param(1) \
             + $param(3); }",
    );
    ask(&mut world);
    assert_eq!(ask(&mut world), ["z|z||x y"]);
}

#[test]
fn what_raise_event_cannot_pass_on_is_false() {
    let mut world = world(
        "route { $avp(n) = \"a\"; $avp(v) = 1; $avp(v) = 2; $var(x) = 1;\n\
           raise_event(\"E_X\", $avp(n), $avp(v)); $var(r) = $rc;\n\
           raise_event(\"E_X\", $var(x)); sl_send_reply(200, \"$var(r) $rc $shv(n)\"); }\n\
         event_route[E_X] { $shv(n) = $shv(n) + 1; }",
    );
    assert_eq!(ask(&mut world), ["-1 -1 0"]);
    assert_eq!(ask(&mut world), ["-1 -1 0"]);
}

#[test]
fn an_event_that_raises_itself_delays_nobody_and_has_an_end() {
    let mut world = world(
        "route { raise_event(\"E_AGAIN\"); sl_send_reply(200, \"$rc\"); }\n\
         event_route[E_AGAIN] { raise_event(\"E_AGAIN\"); raise_event(\"E_AGAIN\"); }",
    );
    assert_eq!(ask(&mut world), ["1"]);
    for _ in 0..200 {
        world.pass(1);
        assert_eq!(ask(&mut world).len(), 1);
    }
    assert!(world.count(Counter::StartRefused) > 0);
    assert!(world.workers[0].has_more());
}

#[test]
fn an_event_runs_on_the_worker_that_raised_it_and_may_wait() {
    let script = format!(
        "{LOAD}route {{ $var(w) = $ci; raise_event(\"E_X\"); sl_send_reply(200, \"OK\"); }}\n\
         event_route[E_X] {{ usleep(1000); $shv(n) = $shv(n) + 1; $shv($var(w)) = 1; }}\n\
         onreply_route {{ exit; }}"
    );
    let mut world = Plan { workers: 2, ..Plan::default() }.run(&script);
    for call in 0..8 {
        world.receive(PEER, options("bob").replace("1-2345", &format!("{call}-2345")));
    }
    let parked: Vec<usize> = world.workers.iter().map(|worker| worker.parked()).collect();
    assert_eq!(parked.iter().sum::<usize>(), 8);
    assert!(parked.iter().all(|runs| *runs > 0), "{parked:?}");
    world.pass(2);
    assert!(world.workers.iter().all(|worker| worker.parked() == 0));
}

#[test]
fn routes_without_a_message_may_ask_for_names() {
    let mut world = world(
        "startup_route { $var(n) = \"gw.example\"; $shv(ip) = $(var(n){ip.resolve}); }\n\
         route { sl_send_reply(200, \"$shv(ip)\"); }",
    );
    world.take_turn(0);
    assert_eq!(world.asked(), Some(&Job::Resolve("gw.example".into())));
    world.answer(Answer::Addresses(["192.0.2.9".parse().unwrap()].into()));
    assert!(!world.workers[0].is_starting());
    assert_eq!(ask(&mut world), ["192.0.2.9"]);
}

#[test]
fn the_request_that_nobody_sent_is_not_answered() {
    let mut world = world(
        "startup_route { $var(r) = \"answer\"; route($var(r)); $shv(n) = $rc; }\n\
         route[answer] { sl_send_reply(200, \"to nobody\"); }\n\
         route { sl_send_reply(200, \"$shv(n)\"); }",
    );
    assert_eq!(world.take_turn(0), []);
    assert_eq!(ask(&mut world), ["-1"]);
}

#[test]
fn a_refused_place_ends_a_timer_route_rather_than_its_timer() {
    let mut world = world(
        "timer_route[t, 1] { $shv(n) = $shv(n) + 1; usleep(1000); }\n\
         route { if ($rU == \"ask\") sl_send_reply(200, \"$shv(n)\"); else sleep(100); }",
    );
    while world.count(Counter::ParkRefused) == 0 {
        world.receive(PEER, options("park"));
    }
    world.pass(3_000);
    assert_eq!(reasons(&world.receive(PEER, options("ask"))), ["3"]);
    assert_eq!(world.count(Counter::TimersSkipped), 0);
}
