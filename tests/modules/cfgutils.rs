//! `cfgutils`: waiting without blocking, chance, shared variables.

use crate::world::{INVITE, World, compiled, text, text_in};

const LOAD: &str = "loadmodule \"cfgutils.so\"\nloadmodule \"sl.so\"\n";

#[test]
fn waiting_delays_nobody_and_keeps_each_runs_var() {
    let script = format!(
        "{LOAD}route {{ if ($rU == \"quick\") {{ $var(v) = \"quick\"; \
         sl_send_reply(200, \"$var(v)\"); \
         exit; }} $var(v) = $rU; usleep(1500); sl_send_reply(200, \"$var(v)\"); \
         if ($rU == \"twice\") {{ sleep(2); sl_send_reply(201, \"$var(v)\"); }} }}"
    );
    let mut world = World::new(&script);
    let call = |user: &str| INVITE.replace("sip:bob@example", &format!("sip:{user}@example"));
    let line = |sent: &[crate::world::Sent]| -> Vec<String> {
        sent.iter().map(|sent| sent.first_line().to_owned()).collect()
    };
    assert_eq!(world.feed(&call("slow")), []);
    assert_eq!(line(&world.feed(&call("quick"))), ["SIP/2.0 200 quick"]);
    assert_eq!(world.feed(&call("twice")), []);
    assert_eq!(world.pass(1), []);
    let mut woken = line(&world.pass(5));
    woken.sort();
    assert_eq!(woken, ["SIP/2.0 200 slow", "SIP/2.0 200 twice"]);
    assert_eq!(world.pass(1_900), []);
    assert_eq!(line(&world.pass(200)), ["SIP/2.0 201 twice"]);
    let negative = format!("{LOAD}route {{ sleep(-1); if ($rc < 0) sl_send_reply(200, \"no\"); }}");
    assert_eq!(World::new(&negative).feed(INVITE).len(), 1);
}

#[test]
fn chance() {
    let count = |statements: &str| {
        let script = format!(
            "{LOAD}modparam(\"cfgutils\", \"initial_probability\", 30)\n\
             route {{ {statements} if (rand_event()) sl_send_reply(200, \"OK\"); }}"
        );
        let mut world = World::new(&script);
        (0..1_000).filter(|_| !world.feed(INVITE).is_empty()).count()
    };
    assert!((240..360).contains(&count("")));
    assert_eq!(count("rand_set_prob(0);"), 0);
    assert_eq!(count("rand_set_prob(100);"), 1_000);
    assert!((240..360).contains(&count("rand_set_prob(100); rand_reset_prob();")));
    let script = format!(
        "{LOAD}route {{ rand_get_prob(); if ($rc == 10 && rand_event(100)) rand_set_prob(101); \
         if ($rc < 0) sl_send_reply(200, \"OK\"); }}"
    );
    assert_eq!(World::new(&script).feed(INVITE).len(), 1);
    let mut world =
        World::new(&format!("{LOAD}route {{ sl_send_reply(200, \"$RANDOM $RANDOM\"); }}"));
    let sent = world.feed(INVITE);
    let (a, b) = sent[0].first_line()["SIP/2.0 200 ".len()..].split_once(' ').unwrap();
    assert_ne!(a, b);
    assert!(a.parse::<u32>().unwrap() < 1 << 31);
}

#[test]
fn shared_variables() {
    let script = format!(
        "{LOAD}modparam(\"cfgutils\", \"shvset\", \"a=s:text\")\n\
         modparam(\"cfgutils\", \"shvset\", \"n=i:5\")\n\
         route {{ $shv(n) = $shv(n) + 1; $shv(x_$rU) = $shv(a); \
         sl_send_reply(200, \"$shv(n)|$shv(x_bob)|$shv(none)\"); $shv(a) = NULL; }}"
    );
    let mut world = World::new(&script);
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 6|text|<null>");
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 7|<null>|<null>");
}

#[test]
fn calendar_and_environment() {
    assert_eq!(text("$ctime(year)|$ctime(mon)|$ctime(mday)|$ctime(yday)"), "126|10|23|326");
    assert_eq!(
        text("$ctime(hour)|$ctime(min)|$ctime(sec)|$ctime(wday)|$ctime(x)"),
        "0|0|0|1|<null>"
    );
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    assert_eq!(text("$env(CARGO_MANIFEST_DIR)"), manifest);
    assert_eq!(
        text_in("$var(n) = \"A=B\";", "$env(NO_SUCH_NAME)|$env($var(n))", INVITE),
        "<null>|<null>"
    );
}

#[test]
fn parameters_are_checked() {
    let errors = |name: &str, value: &str| {
        compiled(&format!("{LOAD}modparam(\"cfgutils\", \"{name}\", {value})\nroute {{ exit; }}"))
            .errors
    };
    assert_eq!(errors("initial_probability", "101"), 1);
    assert_eq!(errors("shvset", "\"a=x:1\""), 1);
    assert_eq!(errors("shvset", "\"a=i:x\""), 1);
    for later in ["varset", "hash_file"] {
        assert_eq!(errors(later, "\"a=s:b\""), 1, "{later} comes later");
    }
    assert_eq!(errors("lock_pool_size", "5"), 1);
}
