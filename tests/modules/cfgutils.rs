//! `cfgutils`: waiting without blocking, chance, shared variables.

use sluice_tests::world::Plan;

use crate::world::{INVITE, World, command_of, compiled, text, text_in};

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
    let call = |user: &str| {
        let own = INVITE.replace("sip:bob@example", &format!("sip:{user}@example"));
        own.replace("z9hG4bKnashds8", &format!("z9hG4bK{user}"))
    };
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
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 6|text|0");
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 7|0|0");
}

#[test]
fn calendar_and_environment() {
    assert_eq!(text("$ctime(year)|$ctime(mon)|$ctime(mday)|$ctime(yday)"), "2026|11|23|327");
    assert_eq!(
        text("$ctime(hour)|$ctime(min)|$ctime(sec)|$ctime(wday)|$ctime(isdst)"),
        "0|0|0|2|0"
    );
    assert_eq!(text_in("$var(p) = \"mon\";", "$ctime($var(p))", INVITE), "11");
    assert_eq!(compiled(&format!("{LOAD}route {{ $var(a) = $ctime(month); }}")).errors, 1);
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    assert_eq!(text("$env(CARGO_MANIFEST_DIR)"), manifest);
    assert_eq!(
        text_in("$var(n) = \"A=B\";", "$env(NO_SUCH_NAME)|$env($var(n))", INVITE),
        "<null>|<null>"
    );
}

#[test]
fn first_values_of_vars() {
    let script = format!(
        "{LOAD}modparam(\"cfgutils\", \"varset\", \"gw=s:sip:192.0.2.1;transport=tcp\")\n\
         modparam(\"cfgutils\", \"varset\", \"n=i:5\")\n\
         modparam(\"cfgutils\", \"varset\", \"unused=i:1\")\n\
         route {{ $var(n) = $var(n) + 1; sl_send_reply(200, \"$var(gw) $var(n)\"); }}"
    );
    let mut world = World::new(&script);
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 sip:192.0.2.1;transport=tcp 6");
    assert!(world.feed(INVITE)[0].first_line().ends_with(" 7"));
}

#[test]
fn variables_of_several_values() {
    let avps = "$avp(a) = 1; $avp(a) = \"two\"; $avp(a) = 0;";
    let count = "set_count($avp(a), $var(n)); set_count(\"$avp(none)\", $var(m)); \
        set_count($hdr(X-Two), $var(h));";
    let seen = text_in(&format!("{avps} {count}"), "$var(n) $var(m) $var(h)", INVITE);
    assert_eq!(seen, "3 0 2");
    let one = "$var(i) = set_select_weight($avp(a)); set_select_weight($avp(a)); $var(c) = $rc;";
    assert_eq!(text_in(&format!("{avps} {one}"), "$var(i) $var(c)", INVITE), "2 2");
    let none = "$var(i) = set_select_weight($avp(none)); $var(h) = set_select_weight($hdr(X-Two));";
    assert_eq!(text_in(none, "$var(i) $var(h)", INVITE), "-1 -1");
    assert_eq!(text_in("$var(i) = set_count($var(x), $var(y));", "$var(i)", INVITE), "-1");
    let weights = format!(
        "{LOAD}route {{ $avp(w) = 1; $avp(w) = 3; $var(i) = set_select_weight($avp(w)); \
         sl_send_reply(200, \"$var(i)\"); }}"
    );
    let mut world = World::new(&weights);
    let lines: Vec<_> = (0..1_000).map(|_| world.feed(INVITE)[0].first_line().to_owned()).collect();
    let heavy = lines.iter().filter(|line| line.as_str() == "SIP/2.0 200 0").count();
    assert!((650..850).contains(&heavy), "{heavy}: index 0 has weight 3 and ends no script");
    assert_eq!(lines.iter().filter(|line| line.as_str() == "SIP/2.0 200 1").count(), 1_000 - heavy);
}

#[test]
fn shuffled_values() {
    let script = format!(
        "{LOAD}route {{ $avp(a) = \"x\"; $avp(a) = \"y\"; $avp(b) = \"b\"; \
         if (shuffle_avps($avp(a)) && !shuffle_avps($avp(none)) && !shuffle_avps($var(v))) \
         sl_send_reply(200, \"$(avp(a)[*])|$avp(b)\"); }}"
    );
    let mut world = World::new(&script);
    let lines: Vec<_> = (0..100).map(|_| world.feed(INVITE)[0].first_line().to_owned()).collect();
    for order in ["x, y|b", "y, x|b"] {
        let count = lines.iter().filter(|line| line.ends_with(order)).count();
        assert!(count > 20, "{order}: {count} of 100");
    }
}

#[test]
fn moments() {
    let delta = "ts_usec_delta(10, \"20\", 9, 30, \"$avp(d)\", $var(n)); $var(n) = $var(n) + 1;";
    assert_eq!(text_in(delta, "$avp(d) $var(n)", INVITE), "999990 999991");
    let old = "ts_usec_delta(\"9\", \"30\", \"10\", \"20\", \"$avp(d)\"); \
        if ($avp(d) > 999989 && $avp(d) == \"999990\") $var(r) = \"both\";";
    assert_eq!(text_in(old, "$var(r)", INVITE), "both");
    let large = "$var(r) = ts_usec_delta(9223372036854775807, 0, 0, 0, $var(d));";
    assert_eq!(text_in(large, "$var(r)", INVITE), "-1");
    let now = "get_accurate_time($var(s), $var(u), $var(t));";
    assert_eq!(
        text_in(now, "$var(s) $var(u) $var(t)", INVITE),
        "1795392000 250000 1795392000.250000"
    );
}

#[test]
fn time_recurrences() {
    let code = |arguments: &str| {
        text_in(&format!("$var(r) = check_time_rec({arguments});"), "$var(r)", INVITE)
    };
    assert_eq!(code("\"20261101T000000|20261201T000000\""), "1");
    assert_eq!(code("\"20261101T000000||p7d\""), "-1");
    assert_eq!(code("\"20260101|||WEEKLY|||MO & !20261123T100000\""), "1");
    assert_eq!(code("\"Europe/Berlin|20261123T010000\", 1795391999"), "-1");
    assert_eq!(code("\"Europe/Berlin|20261123T010000\", \"1795392000\""), "1");
    assert_eq!(code("\"someday\""), "-2");
    assert_eq!(code("\"20261101\", 99999999999999"), "-2");
}

#[test]
fn memory_is_the_systems() {
    let script = "$var(r) = 0; if (pkg_status() && shm_status()) $var(r) = 1;";
    assert_eq!(text_in(script, "$var(r)", INVITE), "1");
}

/// Runs a management command against a started script.
fn command(world: &World, name: &str, params: &[Option<&str>]) -> Result<String, String> {
    let answer = world.command("cfgutils", name, params);
    answer.map(|value| value.to_string()).map_err(|error| error.to_string())
}

#[test]
fn chance_by_command() {
    let world = World::new(&format!("{LOAD}route {{ exit; }}"));
    let now = |percent: &str| Ok(format!("\"The actual probability is {percent} percent.\""));
    assert_eq!(command(&world, "rand_get_prob", &[]), now("10"));
    assert_eq!(command(&world, "rand_set_prob", &[Some("55")]), Ok("\"OK\"".to_owned()));
    assert_eq!(command(&world, "rand_get_prob", &[]), now("55"));
    for bad in ["101", "-1", "x"] {
        assert!(command(&world, "rand_set_prob", &[Some(bad)]).unwrap_err().starts_with("400 "));
    }
    assert_eq!(command(&world, "rand_reset_prob", &[]), Ok("\"OK\"".to_owned()));
    assert_eq!(command(&world, "rand_get_prob", &[]), now("10"));
}

#[test]
fn shared_variables_by_command() {
    let mut world = World::new(&format!(
        "{LOAD}route {{ sl_send_reply(200, \"$shv(a) $shv(b)\"); $shv(b) = \"set\"; }}"
    ));
    let set = |world: &World, name, kind, value| {
        command(world, "shv_set", &[Some(name), Some(kind), Some(value)])
    };
    assert!(command(&world, "shv_get", &[Some("a")]).unwrap_err().starts_with("404 "));
    assert_eq!(set(&world, "a", "int", "7"), Ok("\"OK\"".to_owned()));
    let long = "x".repeat(20_000);
    for (kind, value) in [("int", "x"), ("float", "1"), ("str", long.as_str())] {
        assert!(set(&world, "a", kind, value).unwrap_err().starts_with("400 "), "{kind}");
    }
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 7 0");
    assert_eq!(
        command(&world, "shv_get", &[Some("b")]).unwrap(),
        r#"{"VAR":{"name":"b","type":"string","value":"set"}}"#
    );
    assert_eq!(
        command(&world, "shv_get", &[None]).unwrap(),
        r#"{"VARs":[{"name":"a","type":"integer","value":7},{"name":"b","type":"string","value":"set"}]}"#
    );
    assert_eq!(set(&world, "b", "str", "other"), Ok("\"OK\"".to_owned()));
    assert_eq!(world.feed(INVITE)[0].first_line(), "SIP/2.0 200 7 other");
}

#[test]
fn the_hash_of_a_file() {
    let hashed = |text: &str| {
        let script =
            format!("{LOAD}modparam(\"cfgutils\", \"hash_file\", \"a.cfg\")\nroute {{ exit; }}");
        Plan::default().file("a.cfg", text).try_run(&script)
    };
    let world = hashed("abc").unwrap_or_else(|why| panic!("{why}"));
    let run = |name| command_of(&world, "cfgutils", name, &[]);
    let stored = run("get_config_hash").unwrap();
    assert_eq!(stored, "900150983cd24fb0d6963f7d28e17f72");
    assert!(run("check_config_hash").unwrap().as_str().unwrap().contains("is identical"));
    let without = World::new(&format!("{LOAD}route {{ exit; }}"));
    for name in ["check_config_hash", "get_config_hash"] {
        assert!(command(&without, name, &[]).unwrap_err().starts_with("404 "), "{name}");
    }
    let script = format!("{LOAD}modparam(\"cfgutils\", \"hash_file\", \"no\")\nroute {{ exit; }}");
    assert!(Plan::default().try_run(&script).is_err_and(|why| why.contains("no: ")));
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
    assert_eq!(errors("varset", "\"a\""), 1);
    assert_eq!(errors("shv_hash_size", "64"), 0);
}
