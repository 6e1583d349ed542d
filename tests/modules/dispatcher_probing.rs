//! The dispatcher's probes: who is asked when, and what the answers do (spec 3.5).

use sluice_tests::world::{Plan, Sent, World};

use crate::world::command_of;

const LIST: &str = "1 sip:10.0.0.1:5071\n1 sip:10.0.0.2:5072;x=y\n2 sip:10.0.0.3:5073\n";

fn world(params: &[(&str, &str)]) -> World {
    try_world(params).unwrap_or_else(|why| panic!("{why}"))
}

fn try_world(params: &[(&str, &str)]) -> Result<World, String> {
    let set =
        |(name, value): &(&str, &str)| format!("modparam(\"dispatcher\", \"{name}\", {value})\n");
    let params: String = params.iter().map(set).collect();
    let script = format!(
        "loadmodule \"tm\"\nloadmodule \"dispatcher\"\nloadmodule \"cfgutils\"\n\
         modparam(\"tm\", \"fr_timeout\", 2)\n\
         modparam(\"dispatcher\", \"list_file\", \"d.list\")\n{params}\
         route {{ t_reply(200, \"$shv(told)\"); }}\n\
         event_route[E_DISPATCHER_STATUS] {{ $shv(told) = \"\" + $param(group) + \" \" + \
         $param(address) + \" \" + $param(status) + \", \" + $param(reason); }}"
    );
    Plan::default().file("d.list", LIST).try_run(&script)
}

/// Time passes; the modules are told of each second.
fn seconds(world: &mut World, seconds: u32) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..seconds {
        sent.extend(world.pass(1_000));
        world.program.tick(world.now);
        sent.extend(world.take_turn(0));
    }
    sent
}

fn answer(world: &mut World, probe: &Sent, status: &str) {
    let text = probe.text();
    let (_, headers) = text.split_once("\r\n").unwrap();
    world.receive(&probe.to.to_string(), format!("SIP/2.0 {status}\r\n{headers}"));
}

/// Lets time pass and has each probe answered by what `status` says; `None` is silence.
fn answering(world: &mut World, times: u32, status: impl Fn(&Sent) -> Option<&'static str>) {
    for _ in 0..times {
        for probe in seconds(world, 1) {
            if let Some(status) = status(&probe) {
                answer(world, &probe, status);
            }
        }
    }
}

fn states(world: &World) -> Vec<String> {
    let list = command_of(world, "dispatcher", "ds_list", &[]).unwrap();
    let sets = list["PARTITIONS"][0]["SETS"].as_array().unwrap().clone();
    let all = sets.iter().flat_map(|set| set["Destinations"].as_array().unwrap().clone());
    all.map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

/// What the last event said.
fn told(world: &mut World) -> String {
    let sent = world.receive("10.9.9.1:5060", crate::world::INVITE);
    let line = sent.last().unwrap().first_line();
    line.strip_prefix("SIP/2.0 200 ").unwrap_or(&line).to_owned()
}

fn set_state(world: &World, state: &str, set: &str, uri: &str) {
    let params = [Some(state), Some(set), Some(uri)];
    command_of(world, "dispatcher", "ds_set_state", &params).unwrap();
}

#[test]
fn a_probe_is_what_the_parameters_say() {
    let mut world = world(&[
        ("ds_ping_interval", "10"),
        ("ds_probing_mode", "1"),
        ("ds_ping_method", "\"INFO\""),
        ("ds_ping_from", "\"prober@example.com\""),
        ("ds_ping_maxfwd", "3"),
        ("ds_probing_sock", "\"udp:127.0.0.1:5060\""),
        ("ds_probing_list", "\"1\""),
    ]);
    let mut probes = Vec::new();
    for _ in 0..30 {
        for probe in seconds(&mut world, 1) {
            answer(&mut world, &probe, "200 OK");
            probes.push(probe);
        }
    }
    let to = |end: &str| probes.iter().filter(|probe| probe.to.to_string() == end).count();
    assert_eq!(to("10.0.0.3:5073"), 0, "set 2 is not on the list");
    for end in ["10.0.0.1:5071", "10.0.0.2:5072"] {
        assert!((2..=4).contains(&to(end)), "{} probes to {end} in 30 s", to(end));
    }
    let second = probes.iter().find(|probe| probe.to.port() == 5072).unwrap().text();
    for line in [
        "INFO sip:10.0.0.2:5072;x=y SIP/2.0\r\n",
        "\r\nFrom: <sip:prober@example.com>;tag=",
        "\r\nTo: <sip:10.0.0.2:5072;x=y>\r\n",
        "\r\nMax-Forwards: 3\r\n",
        "\r\nCSeq: 10 INFO\r\n",
        "Via: SIP/2.0/UDP 127.0.0.1;",
    ] {
        assert!(second.contains(line), "no {line:?} in {second}");
    }
}

#[test]
fn without_an_interval_nothing_is_probed_and_without_tm_nothing_can_be() {
    assert_eq!(seconds(&mut world(&[("ds_probing_mode", "1")]), 60), []);
    let script = "loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
                  modparam(\"dispatcher\", \"ds_ping_interval\", 5)\nroute { exit; }";
    let why = Plan::default().file("d.list", LIST).try_run(script).err().unwrap();
    assert!(why.contains("probing needs transactions: loadmodule \"tm.so\""), "{why}");
}

#[test]
fn failures_are_counted_up_to_the_threshold_and_an_answer_brings_it_back() {
    let mut world = world(&[
        ("ds_ping_interval", "10"),
        ("ds_probing_mode", "1"),
        ("ds_probing_threshhold", "3"),
    ]);
    let first = |probe: &Sent| probe.to.port() == 5071;
    let mut failures = 0;
    while states(&world)[0] == "Active" {
        for probe in seconds(&mut world, 1) {
            if first(&probe) {
                answer(&mut world, &probe, "503 Service Unavailable");
                failures += 1;
            } else {
                answer(&mut world, &probe, "200 OK");
            }
        }
        assert!(failures <= 3);
    }
    assert_eq!(failures, 3);
    assert_eq!(states(&world), ["Probing", "Active", "Active"]);
    assert_eq!(told(&mut world), "1 sip:10.0.0.1:5071 inactive, probe: 503");
    answering(&mut world, 12, |_| Some("200 OK"));
    assert_eq!(states(&world), ["Active", "Active", "Active"]);
}

#[test]
fn silence_is_a_failure_and_retransmissions_are_not_further_ones() {
    let mut world = world(&[("ds_ping_interval", "10"), ("ds_probing_mode", "1")]);
    let quiet = |probe: &Sent| (probe.to.port() != 5071).then_some("200 OK");
    let mut waited = 0;
    while states(&world)[0] == "Active" {
        answering(&mut world, 1, quiet);
        waited += 1;
    }
    assert!((20..=36).contains(&waited), "three probes, 10 s apart: {waited} s");
    answering(&mut world, 60, quiet);
    assert_eq!(states(&world)[0], "Probing", "it is asked again and again");
    answering(&mut world, 12, |_| Some("200 OK"));
    assert_eq!(states(&world)[0], "Active");
    assert_eq!(told(&mut world), "1 sip:10.0.0.1:5071 active, probe: 200");
}

#[test]
fn in_mode_0_only_what_is_probing_is_asked() {
    let mut world = world(&[("ds_ping_interval", "5"), ("options_reply_codes", "\"501, 403\"")]);
    assert_eq!(seconds(&mut world, 30), []);
    set_state(&world, "p", "1", "sip:10.0.0.1:5071");
    set_state(&world, "i", "2", "sip:10.0.0.3:5073");
    answering(&mut world, 20, |probe| {
        assert_eq!(probe.to.port(), 5071);
        Some("404 Not Found")
    });
    assert_eq!(states(&world), ["Probing", "Active", "Inactive"]);
    answering(&mut world, 7, |_| Some("403 Forbidden"));
    assert_eq!(states(&world), ["Active", "Active", "Inactive"], "403 is good here");
}

#[test]
fn one_that_was_taken_out_meanwhile_stays_out() {
    let mut world = world(&[("ds_ping_interval", "5")]);
    set_state(&world, "p", "1", "sip:10.0.0.1:5071");
    let probe = (0..10).flat_map(|_| seconds(&mut world, 1)).next().unwrap();
    set_state(&world, "i", "1", "sip:10.0.0.1:5071");
    answer(&mut world, &probe, "200 OK");
    assert_eq!(states(&world)[0], "Inactive");
}

#[test]
fn probes_are_spread_over_the_interval() {
    let list: String = (0..200).map(|n| format!("1 sip:10.0.1.{n}\n")).collect();
    let script = "loadmodule \"tm\"\nloadmodule \"dispatcher\"\n\
                  modparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
                  modparam(\"dispatcher\", \"ds_ping_interval\", 20)\n\
                  modparam(\"dispatcher\", \"ds_probing_mode\", 1)\nroute { exit; }";
    let mut world = Plan::default().file("d.list", list).run(script);
    for second in 0..100 {
        let probes = seconds(&mut world, 1);
        assert!(probes.len() < 40, "{} probes in second {second}", probes.len());
        for probe in probes {
            answer(&mut world, &probe, "200 OK");
        }
    }
}

#[test]
fn what_cannot_be_is_told() {
    for (name, value, why) in [
        ("ds_ping_method", "\"A B\"", "`A B` is no method"),
        ("ds_ping_from", "\"sip:\"", "`sip:` is no URI"),
        ("options_reply_codes", "\"4xx\"", "`4xx` is not a number"),
        ("ds_probing_list", "\"1,two\"", "`two` is not a number"),
        ("ds_probing_sock", "\"udp:10.1.1.1:5060\"", "is not one of our sockets"),
    ] {
        let error = try_world(&[("ds_ping_interval", "5"), (name, value)]).err().unwrap();
        assert!(error.contains(why), "{name}: {error}");
    }
    assert!(try_world(&[("ds_ping_interval", "-1")]).is_err());
    assert!(try_world(&[("ds_ping_interval", "5"), ("ds_probing_list", "1")]).is_ok());
}

#[test]
fn one_that_refuses_is_out_at_the_threshold_and_not_before() {
    let mut world = world(&[("ds_ping_interval", "5"), ("ds_probing_mode", "1")]);
    let mut refused = 0;
    while states(&world)[0] == "Active" {
        for probe in seconds(&mut world, 1) {
            match probe.to.port() {
                5071 => {
                    refused += 1;
                    world.lose(0, &probe.bytes);
                }
                _ => answer(&mut world, &probe, "200 OK"),
            }
        }
    }
    assert_eq!(refused, 3);
    assert_eq!(states(&world), ["Probing", "Active", "Active"]);
}

#[test]
fn the_time_between_two_probes_varies_by_a_tenth() {
    let mut world = world(&[("ds_ping_interval", "30"), ("ds_probing_mode", "1")]);
    let (mut last, mut gaps) = (None, Vec::new());
    for second in 0..900 {
        for probe in seconds(&mut world, 1) {
            answer(&mut world, &probe, "200 OK");
            if probe.to.port() == 5071 {
                gaps.extend(last.map(|last| second - last));
                last = Some(second);
            }
        }
    }
    // A probe goes out with the first tick of a second behind its time.
    assert!(gaps.iter().all(|gap| (27..=34).contains(gap)), "{gaps:?}");
    gaps.sort_unstable();
    gaps.dedup();
    assert!(gaps.len() >= 4, "they do not vary: {gaps:?}");
}

/// spec 3.5: column `probe_mode` has one destination probed as mode 1 would have all.
#[test]
fn a_row_has_a_mode_of_its_own() {
    let table = "id(int,auto) setid(int) destination(string) state(int) probe_mode(int)\n\
                 1:1:sip\\:10.0.0.1\\:5071:0:1\n2:1:sip\\:10.0.0.2\\:5072:0:0\n\
                 3:1:sip\\:10.0.0.3\\:5073:2:0\n4:1:sip\\:10.0.0.4\\:5074:1:1\n";
    let script = "loadmodule \"tm\"\nloadmodule \"db_text\"\nloadmodule \"dispatcher\"\n\
                  modparam(\"tm\", \"fr_timeout\", 2)\n\
                  modparam(\"dispatcher\", \"db_url\", \"text:///db\")\n\
                  modparam(\"dispatcher\", \"ds_ping_interval\", 5)\nroute { exit; }";
    let version = "table_name(str) table_version(int)\ndispatcher:9\n";
    let plan = Plan::default().file("/db/dispatcher", table).file("/db/version", version);
    let mut world = plan.run(script);
    let mut asked = Vec::new();
    for probe in seconds(&mut world, 15) {
        asked.push(probe.to.port());
    }
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, [5071, 5073], "one that is inactive is never asked");
    answering(&mut world, 30, |_| Some("503 Down"));
    assert_eq!(states(&world), ["Probing", "Active", "Probing", "Inactive"]);
    answering(&mut world, 30, |_| Some("200 OK"));
    assert_eq!(states(&world), ["Active", "Active", "Active", "Inactive"]);
}
