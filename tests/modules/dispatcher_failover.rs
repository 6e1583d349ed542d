//! Module `dispatcher` in failure routes: the next destination, in the order that the
//! specification gives, and the marks of those that failed (spec 3.3, 3.4).

use sluice_engine::module::CommandError;
use sluice_tests::world::{Plan, Sent, World};

use crate::tm_world::{CALLER, header, invite, message, reply, request, to};
use crate::world::command_of;

const LIST: &str = "1 sip:10.0.0.1:5071 0 1 one\n1 sip:10.0.0.2:5072 0 1 two\n\
    1 sip:10.0.0.3:5073 0 1 three\n1 sip:10.0.0.4:5074 0 1 last\n";

/// A world that selects so, and in its failure route does what `failed` says before it relays.
fn failing(select: &str, failed: &str) -> World {
    let script = format!(
        "loadmodule \"tm\"\nloadmodule \"sipmsgops\"\nloadmodule \"dispatcher\"\n\
         modparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
         modparam(\"dispatcher\", \"attrs_avp\", \"$avp(attrs)\")\n\
         modparam(\"dispatcher\", \"ds_probing_threshold\", 2)\n\
         route {{ {select} append_hf(\"X: $avp(ds_cnt_failover) $avp(attrs)\\r\\n\");\n\
         t_on_failure(\"next\"); t_relay(); }}\n\
         failure_route[next] {{ {failed} t_on_failure(\"next\"); t_relay(); }}"
    );
    Plan::default().file("d.list", LIST).run(&script)
}

const NEXT: &str = "if (!ds_next_dst()) { t_reply(480, \"$avp(ds_cnt_failover) tried\"); exit; }";

/// The last digits of the ports that are tried, and the final reply; `busy` answers for each.
fn tried(world: &mut World, busy: impl Fn(&Sent) -> &'static str) -> (String, String) {
    let mut sent = world.receive(CALLER, invite());
    let mut tried = String::new();
    loop {
        let up = to(&sent, CALLER).into_iter().map(Sent::first_line);
        let finals = up.filter(|line| !line.starts_with("SIP/2.0 1")).collect::<Vec<_>>();
        if let Some(line) = finals.first() {
            world.receive(CALLER, message("ACK sip:b@x SIP/2.0", "ACK", ""));
            return (tried, line.clone());
        }
        let out = sent.iter().find(|one| one.first_line().starts_with("INVITE")).cloned();
        let out = out.expect("another one is tried");
        tried.push_str(&(out.to.port() % 10).to_string());
        sent = world.receive(&out.to.to_string(), reply(&out, busy(&out)));
    }
}

fn busy(_: &Sent) -> &'static str {
    "486 Busy"
}

#[test]
fn the_others_follow_the_chosen_one_and_wrap() {
    let (order, last) = tried(&mut failing("ds_select_dst(1, 8, \"f\");", NEXT), busy);
    assert_eq!((order.as_str(), last.as_str()), ("1234", "SIP/2.0 480 4 tried"));
    // The turn begins each time with the next one, and goes around.
    let mut world = failing("ds_select_dst(1, 4, \"f\");", NEXT);
    assert_eq!(tried(&mut world, busy).0, "1234");
    let again = |world: &mut World| {
        world.pass(6_000);
        tried(world, busy).0
    };
    assert_eq!(again(&mut world), "2341");
    assert_eq!(again(&mut world), "3412");
}

#[test]
fn a_default_is_the_last_and_so_many_are_enough() {
    let mut world = failing("ds_select_dst(1, 4, \"fd\");", NEXT);
    tried(&mut world, busy);
    world.pass(6_000);
    assert_eq!(tried(&mut world, busy).0, "2314", "the default comes last");
    let (order, last) = tried(&mut failing("ds_select_dst(1, 8, \"f\", , 2);", NEXT), busy);
    assert_eq!((order.as_str(), last.as_str()), ("12", "SIP/2.0 480 2 tried"));
    let (order, last) = tried(&mut failing("ds_select_dst(\"1\", \"8\", \"fM2\");", NEXT), busy);
    assert_eq!((order.as_str(), last.as_str()), ("12", "SIP/2.0 480 2 tried"));
}

#[test]
fn without_failover_there_is_no_next_one() {
    let (order, last) = tried(&mut failing("ds_select_dst(1, 8);", NEXT), busy);
    assert_eq!((order.as_str(), last.as_str()), ("1", "SIP/2.0 480 0 tried"));
}

#[test]
fn a_domain_may_follow_a_domain_and_its_attributes_with_it() {
    let next = "if (!ds_next_domain()) { t_reply(480, \"$rd\"); exit; }\n\
        append_hf(\"X: $avp(attrs)\\r\\n\");";
    let mut world = failing("ds_select_domain(1, 8, \"f\");", next);
    let out = request(&world.receive(CALLER, invite()), "10.0.0.1:5071", "INVITE");
    assert_eq!(out.first_line(), "INVITE sip:b@10.0.0.1:5071 SIP/2.0");
    assert_eq!(header(std::slice::from_ref(&out), "X").as_deref(), Some("4 one"));
    let sent = world.receive("10.0.0.1:5071", reply(&out, "500 Broken"));
    let out = request(&sent, "10.0.0.2:5072", "INVITE");
    assert_eq!(out.first_line(), "INVITE sip:b@10.0.0.2:5072 SIP/2.0");
    assert!(out.text().contains("X: two\r\n"), "{}", out.text());
}

/// The states of the destinations, in the list's order.
fn states(world: &World) -> String {
    let list: Result<_, CommandError> = command_of(world, "dispatcher", "ds_list", &[]);
    let text = list.expect("the list").to_string();
    let states = text.split("\"state\":\"").skip(1);
    states.map(|rest| rest.chars().next().unwrap_or('?')).collect()
}

#[test]
fn marks_are_for_the_one_that_failed() {
    // spec 13.11: `p` counts up to the threshold, each time for the current one.
    let marks = format!("if (t_check_status(\"5..\")) ds_mark_dst(\"p\"); {NEXT}");
    let mut world = failing("ds_select_dst(1, 8, \"f\");", &marks);
    let broken = |out: &Sent| if out.to.port() == 5072 { "500 Broken" } else { "486 Busy" };
    assert_eq!(tried(&mut world, broken).0, "1234");
    assert_eq!(states(&world), "AAAA", "once is below the threshold");
    world.pass(6_000);
    assert_eq!(tried(&mut world, broken).0, "1234");
    assert_eq!(states(&world), "APAA");
    world.pass(6_000);
    assert_eq!(tried(&mut world, broken).0, "134", "it is left out");
    // `i` takes it out at once, also when nobody answers.
    let marks = format!("if (t_local_replied(\"all\")) ds_mark_dst(\"i\"); {NEXT}");
    let mut world = failing("ds_select_dst(1, 8, \"f\");", &marks);
    let out = request(&world.receive(CALLER, invite()), "10.0.0.1:5071", "INVITE");
    let sent = world.pass(30_100);
    assert_ne!(out.to, request(&sent, "10.0.0.2:5072", "INVITE").to);
    assert_eq!(states(&world), "IAAA");
}

#[test]
fn a_second_set_is_appended_or_begins_anew() {
    let select = "ds_select_dst(1, 8, \"f\", , 2); ds_select_dst(1, 8, \"fa\");";
    let (order, _) = tried(&mut failing(select, NEXT), busy);
    assert!(order.len() > 4, "{order}");
    let anew = "if ($avp(again) == NULL) { $avp(again) = 1; ds_select_dst(1, 8, \"f\", , 1); }\n\
        else if (!ds_next_dst()) { t_reply(480, \"done\"); exit; }";
    let (order, last) = tried(&mut failing("ds_select_dst(1, 8, \"f\");", anew), busy);
    assert_eq!((order.as_str(), last.as_str()), ("11", "SIP/2.0 480 done"));
}
