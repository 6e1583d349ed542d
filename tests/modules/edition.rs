//! Editions: routes change while messages are handled, and nothing else does.

use std::sync::Arc;

use sluice_tests::world::{Plan, Sent, World, request};

const PEER: &str = "127.0.0.1:5099";

/// A script whose only route is `body`.
fn script(body: &str) -> String {
    format!("loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\nroute {{\n{body}\n}}\n")
}

fn world(body: &str) -> World {
    World::of(&script(body))
}

/// An OPTIONS to `user`.
fn options(user: &str) -> String {
    request(&format!("OPTIONS sip:{user}@example.com SIP/2.0"), "")
}

/// The reasons of replies.
fn reasons(sent: &[Sent]) -> Vec<String> {
    let reason = |sent: &Sent| sent.first_line().split(' ').skip(2).collect::<Vec<_>>().join(" ");
    sent.iter().map(reason).collect()
}

fn ask(world: &mut World, user: &str) -> Vec<String> {
    let sent = world.receive(PEER, options(user));
    reasons(&sent)
}

#[test]
fn a_new_message_sees_the_new_routes_and_a_parked_run_keeps_its_own() {
    let body = |edition: u32| {
        format!(
            "$var(seen) = \"first {edition}\";\n\
             if ($rU == \"slow\") usleep(5000);\nroute(answer);\n}}\n\
             route[answer] {{\n\
             if ($rU == \"slow\") usleep(5000);\n\
             sl_send_reply(200, \"$var(seen) then {edition}\");"
        )
    };
    let mut world = world(&body(1));
    assert_eq!(ask(&mut world, "slow"), [""; 0]);
    world.reload(&script(&format!("xlog(\"other code before\");\n{}", body(2)))).unwrap();
    assert_eq!(ask(&mut world, "quick"), ["first 2 then 2"]);
    assert_eq!(ask(&mut world, "slow"), [""; 0]);
    world.reload(&script("sl_send_reply(200, \"third\");")).unwrap();
    // Parked again, in a route that the new edition has not.
    assert_eq!(reasons(&world.pass(8)), [""; 0]);
    assert_eq!(ask(&mut world, "slow"), ["third"]);
    assert_eq!(reasons(&world.pass(8)), ["first 1 then 1", "first 2 then 2"]);
}

#[test]
fn an_answer_of_the_control_plane_finds_its_edition() {
    let mut world = world("if (!forward()) sl_send_reply(478, \"old\");");
    assert_eq!(world.receive(PEER, options("bob")), []);
    world.reload(&script("sl_send_reply(200, \"new\");")).unwrap();
    let answer = sluice_engine::job::Answer::Failed("no such name".into());
    let sent = world.answer(answer);
    assert_eq!(reasons(&sent), ["old"]);
}

#[test]
fn every_worker_goes_on() {
    let plan = Plan { workers: 3, ..Plan::default() };
    let mut world = plan.run(&script("sl_send_reply(200, \"old\");"));
    world.reload(&script("sl_send_reply(200, \"new\");")).unwrap();
    for call in 0..20 {
        let message = options("bob").replacen("1-2345", &format!("call-{call}"), 1);
        assert_eq!(reasons(&world.receive_at(call % 3, PEER, message)), ["new"]);
    }
}

#[test]
fn names_keep_their_values_and_new_ones_are_added() {
    let mut world = world("$var(a) = 1;\n$var(b) = \"two\";\nsl_send_reply(200, \"set\");");
    assert_eq!(ask(&mut world, "bob"), ["set"]);
    let next = "$var(z) = $var(b);\n$avp(new) = \"n\";\n$var(c) = $var(c) + 1;\n\
                setflag(fresh);\nif (isflagset(fresh)) $var(f) = \"flag\";\n\
                $var(name) = \"b\";\n\
                sl_send_reply(200, \"$var(a) $var(z) $avp(new) $var(f) $var($var(name))\");";
    world.reload(&script(next)).unwrap();
    assert_eq!(ask(&mut world, "bob"), ["1 two n flag two"]);
    // A name that an edition does not use is not forgotten either.
    world.reload(&script("sl_send_reply(200, \"other\");")).unwrap();
    assert_eq!(ask(&mut world, "bob"), ["other"]);
    world.reload(&script("sl_send_reply(200, \"$var(b) $var(z)\");")).unwrap();
    assert_eq!(ask(&mut world, "bob"), ["two two"]);
}

#[test]
fn a_run_that_was_parked_leaves_the_values_of_others_alone() {
    let mut world = world("$var(a) = $rU;\nusleep(5000);\nsl_send_reply(200, \"$var(a)\");");
    assert_eq!(ask(&mut world, "parked"), [""; 0]);
    let next = "$var(x) = \"x\";\n$var(a) = $rU;\nsl_send_reply(200, \"$var(a)$var(x)\");";
    world.reload(&script(next)).unwrap();
    assert_eq!(ask(&mut world, "quick"), ["quickx"]);
    assert_eq!(reasons(&world.pass(8)), ["parked"]);
    world.reload(&script("sl_send_reply(200, \"$var(a)$var(x)\");")).unwrap();
    assert_eq!(ask(&mut world, "bob"), ["quickx"]);
}

#[test]
fn a_bad_script_leaves_the_old_one_in_force() {
    let mut world = world("sl_send_reply(200, \"old\");");
    let before = world.program.shared();
    for (bad, expected) in [
        ("sl_send_reply(200, \"new\")", "test.cfg:4:26: error: "),
        ("$var(new) = 1;\nno_such_function();", "test.cfg:5:1: error: "),
        ("route(nowhere);", "test.cfg:4:7: error: "),
        ("}\ninclude_file \"missing.cfg\"\nroute[x] {", "test.cfg:5:14: error: "),
        ("}", "test.cfg:5:1: error: "),
    ] {
        let why = world.reload(&script(bad)).unwrap_err();
        assert!(why.starts_with(expected) && why.contains("bad config file"), "{bad}: {why}");
        assert_eq!(ask(&mut world, "bob"), ["old"]);
    }
    let why = world.reload("").unwrap_err();
    assert!(why.starts_with("test.cfg:1:1: error: cannot be taken away at a reload: "), "{why}");
    assert!(Arc::ptr_eq(&before, &world.program.shared()), "nothing was published");
}

const TOP: &str = "loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\nlog_level=3\n\
    socket=udp:127.0.0.1:5060\nalias=\"a.example\"\n\
    modparam(\"cfgutils\", \"shvset\", \"x=i:1\")\n\
    modparam(\"cfgutils\", \"shvset\", \"y=s:why\")\n";
const ROUTE: &str = "route { sl_send_reply(200, \"$shv(x) $shv(y)\"); }\n";

#[test]
fn what_is_no_route_cannot_change() {
    let start = format!("{TOP}{ROUTE}");
    let mut world = World::of(&start);
    let was =
        |line: u32, text: &str| format!("it is {text} (test.cfg:{line}) until the next start");
    let only = "a reload changes routes only; this needs a start".to_owned();
    for (old, new, line, message, hint) in [
        ("log_level=3", "log_level=4", 3, "global log_level cannot change", was(3, "3")),
        ("5060", "5070", 4, "global socket cannot change", was(4, "udp:127.0.0.1:5060")),
        ("a.example", "b.example", 5, "global alias cannot change", was(5, "\"a.example\"")),
        ("x=i:1", "x=i:2", 6, "parameter shvset of module cfgutils cannot", was(6, "\"x=i:1\"")),
        ("why", "who", 7, "parameter shvset of module cfgutils cannot", was(7, "\"y=s:why\"")),
        (
            "log_level=3",
            "log_level=3\ncheck_via=1",
            4,
            "global check_via cannot be added",
            only.clone(),
        ),
        ("log_level", "loadmodule \"maxfwd.so\"\nlog_level", 3, "module maxfwd cannot be", only),
    ] {
        let why = world.reload(&start.replacen(old, new, 1)).unwrap_err();
        let begin = format!("test.cfg:{line}:");
        assert!(why.starts_with(&begin) && why.contains(message), "{new}: {why}");
        assert!(why.contains(&hint) && why.contains("(1 error)"), "{new}: {why}");
        assert_eq!(ask(&mut world, "bob"), ["1 why"]);
    }
}

#[test]
fn what_is_no_route_cannot_be_taken_away() {
    let start = format!("{TOP}{ROUTE}");
    let mut world = World::of(&start);
    let less = start.replacen("log_level=3\n", "", 1).replacen(", \"y=s:why\"", ", \"x=i:1\"", 1);
    let less = less.replacen("modparam(\"cfgutils\", \"shvset\", \"x=i:1\")\n", "", 1);
    let why = world.reload(&less).unwrap_err();
    let expected = "test.cfg:1:1: error: cannot be taken away at a reload: \
                    global log_level (test.cfg:3), \
                    parameter shvset of module cfgutils (test.cfg:7)";
    assert!(why.starts_with(expected), "{why}");
    assert_eq!(ask(&mut world, "bob"), ["1 why"]);
}

#[test]
fn what_only_moves_or_has_no_effect_may_change() {
    let mut world = World::of(&format!("{TOP}{ROUTE}"));
    // Other order, another path and alias of the module, another name of the global, an ignored
    // global and a module that is not built.
    let moved = "modparam(\"cfg.*\", \"shvset\", \"x=i:1\")\nlisten=udp:127.0.0.1:5060\n\
        route { sl_send_reply(200, \"moved\"); }\nalias=\"a.example\"\ndebug=3\n\
        modparam(\"cfgutils\", \"shvset\", \"y=s:why\")\nauto_aliases=1\n\
        loadmodule \"tls_mgm.so\"\n";
    let top = "loadmodule \"/usr/lib/cfgutils.so\"\nloadmodule \"sl\"\n";
    world.reload(&format!("{top}{moved}")).unwrap();
    assert_eq!(ask(&mut world, "bob"), ["moved"]);
}

#[test]
fn includes_are_read_again() {
    let main = "loadmodule \"sl.so\"\ninclude_file \"routes.cfg\"\n";
    let plan = Plan::default().file("routes.cfg", "route { sl_send_reply(200, \"one\"); }\n");
    let mut world = plan.run(main);
    assert_eq!(ask(&mut world, "bob"), ["one"]);
    world.write("routes.cfg", Some("route { sl_send_reply(200, \"two\"); }\n"));
    world.reload(main).unwrap();
    assert_eq!(ask(&mut world, "bob"), ["two"]);
    let with_global = "log_level=4\nroute { sl_send_reply(200, \"three\"); }\n";
    world.write("routes.cfg", Some(with_global));
    let why = world.reload(main).unwrap_err();
    assert!(why.starts_with("routes.cfg:1:1: error: global log_level cannot be added"), "{why}");
    assert!(why.contains("test.cfg:2:14"), "the line that includes it: {why}");
    assert_eq!(ask(&mut world, "bob"), ["two"]);
}

/// A reply whose topmost Via is ours.
const REPLY: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5071;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\n\
    To: <sip:c@d>;tag=2\r\nCall-ID: r\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

#[test]
fn replies_go_on_when_the_routes_forward() {
    let mut world = world("sl_send_reply(200, \"OK\");");
    assert_eq!(world.receive(PEER, REPLY).len(), 0);
    world.reload(&script("forward();")).unwrap();
    assert_eq!(world.receive(PEER, REPLY).len(), 1);
    world.reload(&script("sl_send_reply(200, \"OK\");")).unwrap();
    assert_eq!(world.receive(PEER, REPLY).len(), 0);
}

#[test]
fn onreply_routes_come_and_go() {
    let mut world = world("forward();");
    assert_eq!(reasons(&world.receive(PEER, REPLY)), ["OK"]);
    let replying = script("forward();\n}\nonreply_route {\ndrop;");
    world.reload(&replying).unwrap();
    // spec 1.4: a final reply cannot be dropped here, but a provisional one can.
    let provisional = REPLY.replacen("200 OK", "183 Progress", 1);
    assert_eq!(world.receive(PEER, &provisional).len(), 0);
    world.reload(&script("forward();")).unwrap();
    assert_eq!(world.receive(PEER, &provisional).len(), 1);
}

#[test]
fn the_acknowledgement_of_an_earlier_editions_refusal_ends_here() {
    let mut world = world("sl_send_reply(404, \"Not Found\");");
    let invite = request("INVITE sip:bob@example.com SIP/2.0", "");
    let refusal = world.receive(PEER, &invite).remove(0).text();
    let to = refusal.lines().find(|line| line.starts_with("To:")).unwrap();
    world.reload(&script("sl_send_reply(500, \"Seen\");\nforward(\"sip:192.0.2.1\");")).unwrap();
    let ack = request("ACK sip:bob@example.com SIP/2.0", "");
    let ack = ack.replacen("To: <sip:callee@example.com>", to, 1);
    assert_eq!(world.receive(PEER, ack), []);
}

const DISPATCHER: &str = "loadmodule \"sl.so\"\nloadmodule \"dispatcher.so\"\n\
    modparam(\"dispatcher\", \"list_file\", \"d.list\")\nmodparam(\"dispatcher\", \"flags\", 2)\n";

const EVALUATED: &str = "$var(text) = \"$\" + \"(avp(ds_dst_failover)[1])\";\n\
    $du = $(var(text){s.eval});";

/// A selection fills AVPs only where the routes may read them.
#[test]
fn failover_works_when_only_the_new_routes_ask_for_it() {
    let plan = Plan::default().file("d.list", "1 sip:192.0.2.1\n1 sip:192.0.2.2\n");
    let route = |then: &str| {
        format!(
            "{DISPATCHER}route {{ if (!ds_select_dst(1, 8)) exit;\n{then}\n\
             sl_send_reply(200, \"$du\"); }}\n"
        )
    };
    for then in ["ds_next_dst();", "$du = $(avp(ds_dst_failover)[1]);", EVALUATED] {
        let mut world = plan.clone().run(&route(""));
        assert_eq!(ask(&mut world, "bob"), ["sip:192.0.2.1"]);
        world.reload(&route(then)).unwrap();
        assert_eq!(ask(&mut world, "bob"), ["sip:192.0.2.2"], "{then}");
    }
}

#[test]
fn an_edition_goes_when_its_last_run_has_gone() {
    let mut world = world("if ($rU == \"slow\") usleep(20000);\nsl_send_reply(200, \"old\");");
    assert_eq!(ask(&mut world, "slow"), [""; 0]);
    let first = Arc::downgrade(&world.program.shared());
    let next = script("sl_send_reply(200, \"new\");");
    for _ in 0..100 {
        world.reload(&next).unwrap();
    }
    assert!(first.upgrade().is_some(), "a worker has not looked yet");
    assert_eq!(ask(&mut world, "quick"), ["new"]);
    let second = Arc::downgrade(&world.program.shared());
    world.reload(&next).unwrap();
    assert_eq!(ask(&mut world, "quick"), ["new"]);
    world.program.sweep();
    assert!(second.upgrade().is_none(), "no run needs it");
    assert_eq!(reasons(&world.pass(30)), ["old"]);
    assert!(first.upgrade().is_some(), "no worker drops it");
    world.program.sweep();
    assert!(first.upgrade().is_none());
}

#[test]
fn a_script_lock_is_one_for_all_editions() {
    let body = |edition: u32, kind: &str| {
        format!(
            "get_{kind}_lock(\"a\");\nusleep(5000);\nrelease_{kind}_lock(\"a\");\n\
             sl_send_reply(200, \"{edition}\");"
        )
    };
    for kind in ["static", "dynamic"] {
        let mut world = world(&body(1, kind));
        assert_eq!(ask(&mut world, "bob"), [""; 0]);
        world.reload(&script(&format!("get_static_lock(\"b\");\n{}", body(2, kind)))).unwrap();
        assert_eq!(ask(&mut world, "bob"), [""; 0]);
        assert_eq!(reasons(&world.pass(7)), ["1"], "{kind}");
        assert_eq!(reasons(&world.pass(7)), ["2"], "{kind}");
    }
}

#[test]
fn a_transaction_keeps_the_routes_that_it_armed() {
    let old = "loadmodule \"tm\"\nroute { t_on_failure(\"f\"); $du = \"sip:192.0.2.2:5090\";\n\
               t_relay(); }\nfailure_route[f] { t_reply(480, \"old\"); }\n";
    let mut world = World::of(old);
    let first = Arc::downgrade(&world.program.shared());
    let sent = world.receive(PEER, request("INVITE sip:bob@example.com SIP/2.0", ""));
    let out = sent.iter().find(|sent| sent.first_line().starts_with("INVITE")).unwrap();
    world.reload("loadmodule \"tm\"\nroute { exit; }\nroute[f] { exit; }\n").unwrap();
    let kept =
        |line: &&str| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|n| line.starts_with(n));
    let text = out.text();
    let lines: Vec<&str> = text.lines().filter(kept).collect();
    let reply = format!(
        "SIP/2.0 486 Busy Here\r\n{}\r\nTo: <sip:b@x>;tag=2\r\nContent-Length: 0\r\n\r\n",
        lines.join("\r\n")
    );
    world.program.sweep();
    assert!(first.upgrade().is_some(), "the transaction is there yet");
    let up = world.receive("192.0.2.2:5090", reply);
    assert!(reasons(&up).contains(&"old".to_owned()), "{up:?}");
    world.program.sweep();
    assert!(first.upgrade().is_none(), "nothing of it runs any more");
}

/// The next of a row of numbers that looks random (splitmix64).
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)) % below
}

/// Messages, time and reloads in any order: each run stays in the edition that was in force when
/// it began, and an edition stays as long as a run is parked in it, no longer.
#[test]
fn editions_live_as_long_as_their_runs() {
    let text = |edition: usize| {
        script(&format!(
            "$var(e) = \"{edition}\";\nif ($rU == \"slow\") usleep(4000);\nroute(r{edition});\n}}\n\
             route[r{edition}] {{\nif ($rU == \"slow\") usleep(4000);\n\
             sl_send_reply(200, \"$var(e) {edition}\");"
        ))
    };
    let mut world = Plan { workers: 3, ..Plan::default() }.run(&text(0));
    let mut editions = vec![(Arc::downgrade(&world.program.shared()), 0)];
    let (mut seed, mut replies) = (7, 0);
    for step in 0..3_000u64 {
        let current = editions.len() - 1;
        let sent = match random(&mut seed, 8) {
            0 => {
                world.reload(&text(current + 1)).unwrap();
                editions.push((Arc::downgrade(&world.program.shared()), 0));
                Vec::new()
            }
            1 => {
                world.reload(&text(current + 1).replacen(';', "", 1)).unwrap_err();
                Vec::new()
            }
            2 => world.pass(random(&mut seed, 6)),
            n => {
                let user = if n < 6 { "slow" } else { "quick" };
                let message = options(user).replacen("1-2345", &format!("call-{step}"), 1);
                editions[current].1 += 1;
                world.receive_at(random(&mut seed, 3) as usize, PEER, message)
            }
        };
        for reason in reasons(&sent) {
            let (first, second) = reason.split_once(' ').unwrap();
            assert_eq!(first, second, "one run, two editions");
            editions[first.parse::<usize>().unwrap()].1 -= 1;
            replies += 1;
        }
        (0..3).for_each(|worker| assert_eq!(world.take_turn(worker), []));
        world.program.sweep();
        for (at, (edition, runs)) in editions.iter().enumerate() {
            let needed = *runs > 0 || at + 1 == editions.len();
            assert_eq!(
                edition.strong_count() > 0,
                needed,
                "step {step}: edition {at}, {runs} runs"
            );
        }
    }
    assert!(replies > 1_000 && editions.len() > 300);
}
