//! Module `nathelper`: pings of registered contacts under virtual time (spec 9.4).

use std::collections::BTreeMap;

use sluice_engine::sockets::{Proto, Sockets};
use sluice_tests::world::{Plan, Sent, World, socket};

use crate::registrar::register_to;
use crate::world::command_of;

const ZEROS: [u8; 4] = [0; 4];

/// A script that saves whoever registers, with branch flags by the user's first letter.
fn script(params: &[(&str, &str)], more: &str) -> String {
    let set =
        |(name, value): &(&str, &str)| format!("modparam(\"nathelper\", \"{name}\", {value})\n");
    let params: String = params.iter().map(set).collect();
    format!(
        "loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"usrloc.so\"\n\
         loadmodule \"registrar.so\"\nloadmodule \"nathelper.so\"\n\
         loadmodule \"cfgutils.so\"\n\
         modparam(\"usrloc\", \"nat_bflag\", \"NAT\")\n\
         modparam(\"registrar\", \"received_avp\", \"$avp(rcv)\")\n\
         modparam(\"nathelper\", \"received_avp\", \"$avp(rcv)\")\n{params}{more}\
         route {{ if ($rm != \"REGISTER\") {{ sl_send_reply(200, \"$shv(told)\"); exit; }}\n\
         if ($tU =~ \"n\") {{ setbflag(NAT); fix_nated_register(); }}\n\
         if ($tU =~ \"s\") setbflag(SIP);\nif ($tU =~ \"r\") setbflag(RTO);\n\
         if ($tU =~ \"l\") setbflag(LATENCY);\nsave(\"location\", \"p0\"); exit; }}\n"
    )
}

/// The parameters of SIP pings each 10 s.
const SIP: [(&str, &str); 5] = [
    ("natping_interval", "10"),
    ("sipping_bflag", "\"SIP\""),
    ("sipping_from", "\"sip:pinger@example.com\""),
    ("remove_on_timeout_bflag", "\"RTO\""),
    ("sipping_latency_flag", "\"LATENCY\""),
];

fn world(params: &[(&str, &str)]) -> World {
    World::of(&script(params, ""))
}

/// Registers a user; the contact's host is 10.0.0.N.
fn add(world: &mut World, user: &str, contact: &str) {
    let request = register_to(&format!("sip:{user}@h"), user, 1, contact);
    let sent = world.receive("203.0.113.9:4321", request);
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 OK");
}

fn contact(host: &str) -> String {
    format!("Contact: <sip:c@{host}>;expires=7200\r\n")
}

fn is_request(sent: &Sent, method: &str) -> bool {
    sent.text().starts_with(&format!("{method} "))
}

/// Answers pings with a status for as long as it gives one.
fn answer(world: &mut World, ping: &Sent, status: &str) -> Vec<Sent> {
    let text = ping.text();
    let (_, lines) = text.split_once("\r\n").unwrap();
    let lines: String = lines
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("Route") && !line.starts_with("Max-Forwards"))
        .collect();
    world.receive(&ping.to.to_string(), format!("SIP/2.0 {status}\r\n{lines}"))
}

/// What is sent next, within 15 s.
fn next_all(world: &mut World) -> Vec<Sent> {
    let sent = (0..15_000).map(|_| world.pass(1)).find(|sent| !sent.is_empty());
    sent.expect("a ping")
}

fn next(world: &mut World) -> Sent {
    next_all(world).remove(0)
}

fn contacts(world: &World) -> u64 {
    let gauges = world.program.state("usrloc").unwrap().gauges();
    gauges.into_iter().find(|(name, _)| name == "location-contacts").unwrap().1
}

#[test]
fn each_contact_gets_four_zero_bytes_once_in_an_interval_and_never_all_at_once() {
    let plan = Plan { workers: 3, ..Plan::default() };
    let mut world = plan.run(&script(&[("natping_interval", "10")], ""));
    for user in 0..400 {
        add(
            &mut world,
            &format!("u{user}"),
            &contact(&format!("10.0.{}.{}", user / 200, user % 200)),
        );
    }
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut seconds = Vec::new();
    for _ in 0..32 {
        let mut count = 0;
        for _ in 0..20 {
            let sent = world.pass(50);
            assert!(sent.iter().all(|sent| sent.bytes == ZEROS));
            count += sent.len();
            let at_ms = world.now.mono_ms();
            sent.iter().for_each(|s| times.entry(s.to.to_string()).or_default().push(at_ms));
        }
        seconds.push(count);
    }
    assert_eq!(times.len(), 400);
    let mut gaps = times.values().flat_map(|times| times.windows(2).map(|two| two[1] - two[0]));
    assert!(gaps.all(|gap| (9_900..=10_100).contains(&gap)), "{times:?}");
    assert!(times.values().all(|times| times.len() >= 3), "{times:?}");
    assert!(seconds[2..].iter().all(|count| (10..=90).contains(count)), "{seconds:?}");
}

/// `scripts/soak pings` has a million.
#[test]
fn however_many_there_are_each_is_pinged_and_no_turn_sends_many() {
    let count = std::env::var("SLUICE_PINGED").map_or(5_000, |count| count.parse().unwrap());
    let mut world = world(&[("natping_interval", "30")]);
    for user in 0..count {
        let [a, b, c] = [user >> 16, user >> 8 & 255, user & 255];
        add(&mut world, &format!("u{user}"), &contact(&format!("10.{a}.{b}.{c}")));
    }
    let mut pinged = std::collections::HashSet::with_capacity(count);
    let (mut most, mut sent) = (0, 0);
    for _ in 0..32_000 {
        let turn = world.pass(1);
        most = most.max(turn.len());
        sent += turn.len();
        pinged.extend(turn.iter().map(|ping| ping.to));
    }
    assert_eq!(pinged.len(), count);
    assert!(sent <= count + count / 10, "{sent}");
    assert!(most <= 64, "{most} in a turn");
}

#[test]
fn what_is_late_is_sent_in_small_parts() {
    let mut world = world(&[("natping_interval", "10")]);
    for user in 0..1_000 {
        let host = format!("10.0.{}.{}", user / 200, user % 200);
        add(&mut world, &format!("u{user}"), &contact(&host));
    }
    world.pass(1_000);
    world.now.mono_us += 9_000_000;
    world.now.wall_us += 9_000_000;
    let turns: Vec<usize> = (0..300).map(|_| world.pass(1).len()).collect();
    assert!(turns.iter().all(|count| *count <= 64), "{turns:?}");
    assert!(turns.iter().sum::<usize>() > 500, "{turns:?}");
}

#[test]
fn who_has_moved_or_gone_or_is_not_behind_a_nat_is_left_alone() {
    let params = [("natping_interval", "5"), ("ping_nated_only", "1")];
    let mut world = world(&params);
    add(&mut world, "nat", &contact("192.168.1.1"));
    add(&mut world, "public", "Contact: <sip:c@10.0.0.2>;expires=60\r\n");
    let sent = world.pass(10_500);
    assert!(sent.iter().all(|sent| sent.to.to_string() == "203.0.113.9:4321"), "{sent:?}");
    assert!((1..=3).contains(&sent.len()), "{sent:?}");
    add(&mut world, "nat", "Contact: *\r\nExpires: 0\r\n");
    assert_eq!(world.pass(10_000), []);
    add(&mut world, "n2", "Contact: <sip:c@10.0.0.2>;expires=60\r\n");
    assert!(!world.pass(10_000).is_empty());
    world.pass(49_999);
    assert_eq!(world.pass(20_000), [], "it has expired");
}

#[test]
fn a_sip_ping_goes_by_the_path_and_its_answer_is_seen_by_no_script() {
    let sockets =
        ["192.0.2.1:5060", "192.0.2.1:5062"].map(|a| socket(Proto::Udp, a.parse().unwrap()));
    let plan = Plan {
        sockets: Some(Sockets { listen: sockets.into(), aliases: Vec::new() }),
        ..Plan::default()
    };
    let more = "onreply_route { $shv(told) = \"a reply\"; }\n";
    let params = [&SIP[..], &[("sipping_method", "\"INFO\"")]].concat();
    let mut world = plan.run(&script(&params, more));
    let path = "Path: <sip:edge@198.51.100.4:5070;lr>, <sip:10.9.9.9;lr>\r\n";
    add(&mut world, "sl", &format!("{path}Contact: <sip:c@10.0.0.2;x=y>\r\n"));
    let ping = next(&mut world);
    assert_eq!(ping.to.to_string(), "198.51.100.4:5070");
    let text = ping.text();
    for line in [
        "INFO sip:c@10.0.0.2;x=y SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK",
        ";rport\r\nMax-Forwards: 70\r\n",
        "\r\nRoute: <sip:edge@198.51.100.4:5070;lr>,<sip:10.9.9.9;lr>\r\n",
        "\r\nFrom: <sip:pinger@example.com>;tag=",
        "\r\nTo: <sip:c@10.0.0.2;x=y>\r\nCall-ID: sluice-",
        "\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert_eq!(answer(&mut world, &ping, "200 OK"), []);
    assert_eq!(world.pass(9_000), [], "it is not sent again");
    let told = world.receive("203.0.113.9:4321", crate::world::INVITE);
    assert_eq!(told[0].first_line(), "SIP/2.0 200 0");
}

#[test]
fn a_contact_that_loses_too_many_pings_goes_and_one_that_answers_stays() {
    let plan = Plan { workers: 2, ..Plan::default() };
    let mut world = plan.run(&script(&SIP, ""));
    // By host: silent, answers each second ping, answers with what does not count, not removable.
    for (user, host) in [("sr1", "10.0.0.1"), ("sr2", "10.0.0.2"), ("s3", "10.0.0.3")] {
        add(&mut world, user, &contact(host));
    }
    let mut pings: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..60 {
        for ping in world.pass(1_000) {
            assert!(is_request(&ping, "OPTIONS"));
            let count = pings.entry(ping.to.to_string()).or_default();
            *count += 1;
            if ping.to.to_string() == "10.0.0.2:5060" && count.is_multiple_of(3) {
                assert_eq!(answer(&mut world, &ping, "404 Not Here"), []);
            }
        }
    }
    assert_eq!(contacts(&world), 2);
    assert_eq!(pings["10.0.0.1:5060"], 3, "{pings:?}");
    assert!(pings["10.0.0.2:5060"] >= 5 && pings["10.0.0.3:5060"] >= 5, "{pings:?}");
}

#[test]
fn statuses_that_do_not_count_and_other_limits() {
    let params = [
        &SIP[..],
        &[
            ("sipping_ignore_rpl_codes", "\"408, 480\""),
            ("max_pings_lost", "1"),
            ("ping_threshold", "8"),
        ],
    ]
    .concat();
    let mut world = world(&params);
    add(&mut world, "sr1", &contact("10.0.0.1"));
    let ping = next(&mut world);
    let at = world.now;
    answer(&mut world, &ping, "408 Request Timeout");
    while contacts(&world) > 0 {
        assert!(world.now.mono_us - at.mono_us < 8_100_000, "it is not removed");
        assert!(world.pass(100).len() <= 1);
    }
    add(&mut world, "sr2", &contact("10.0.0.2"));
    let ping = next(&mut world);
    answer(&mut world, &ping, "100 Trying");
    world.pass(8_500);
    assert_eq!(contacts(&world), 1, "any other answer counts");
}

#[test]
fn latencies_are_kept_and_told() {
    let more = "event_route[E_UL_LATENCY_UPDATE] { \
        $shv(told) = $param(aor) + \" \" + $param(uri) + \" \" + $param(latency); }\n";
    let told = |world: &mut World| {
        let sent = world.receive("203.0.113.9:4321", crate::world::INVITE);
        sent.last().unwrap().first_line()
    };
    for (params, expected) in [
        ("", "SIP/2.0 200 sl1 sip:c@10.0.0.1 25000"),
        (
            "modparam(\"usrloc\", \"latency_event_min_us\", 25000)\n",
            "SIP/2.0 200 sl1 sip:c@10.0.0.1 25000",
        ),
        ("modparam(\"usrloc\", \"latency_event_min_us\", 25001)\n", "SIP/2.0 200 0"),
        ("modparam(\"usrloc\", \"latency_event_min_us_delta\", 25001)\n", "SIP/2.0 200 0"),
    ] {
        let mut world = World::of(&script(&SIP, &format!("{params}{more}")));
        add(&mut world, "sl1", &contact("10.0.0.1"));
        let ping = next(&mut world);
        world.pass(25);
        answer(&mut world, &ping, "200 OK");
        assert_eq!(told(&mut world), expected, "{params}");
        let list =
            command_of(&world, "usrloc", "ul_show_contact", &[Some("location"), Some("sl1")]);
        let list = list.unwrap();
        assert_eq!(list["Contacts"][0]["latency"], 25_000, "{list}");
        world.pass(100);
        answer(&mut world, &ping, "200 OK");
        assert_eq!(told(&mut world), expected, "an answer counts once");
    }
}

#[test]
fn contacts_of_connections_are_pinged_when_that_is_wanted() {
    for (params, expected) in [(&[][..], 0), (&[("natping_tcp", "1")][..], 1)] {
        let listen = [Proto::Udp, Proto::Tcp].map(|p| socket(p, "127.0.0.1:5060".parse().unwrap()));
        let plan = Plan {
            sockets: Some(Sockets { listen: listen.into(), aliases: Vec::new() }),
            ..Plan::default()
        };
        let mut world = plan.run(&script(&[&SIP, params].concat(), ""));
        add(&mut world, "u", &contact("10.0.0.1;transport=tcp"));
        add(&mut world, "pc", &contact("pc.example.org"));
        let sent = world.pass(15_000);
        assert_eq!(sent.len().min(1), expected, "{sent:?}");
        assert!(sent.iter().all(|sent| sent.text().contains("Via: SIP/2.0/TCP 127.0.0.1;")));
    }
}

#[test]
fn the_sockets_that_pings_leave_by() {
    let listen: Vec<_> = ["192.0.2.1:5060", "192.0.2.1:5062", "192.0.2.1:5064"]
        .map(|a| socket(Proto::Udp, a.parse().unwrap()))
        .into();
    for (params, expected) in [
        (&[("natping_interval", "5")][..], [0, 0]),
        (&[("force_socket", "\"udp:192.0.2.1:5062\"")], [0, 0]),
        (&[("natping_socket", "\"192.0.2.1:5064\"")], [2, 0]),
    ] {
        let plan = Plan {
            sockets: Some(Sockets { listen: listen.clone(), aliases: Vec::new() }),
            ..Plan::default()
        };
        let mut world = plan.run(&script(&[&SIP, params].concat(), ""));
        add(&mut world, "u", &contact("10.0.0.1"));
        add(&mut world, "s", &contact("10.0.0.2"));
        let by: BTreeMap<_, _> =
            world.pass(15_000).iter().map(|sent| (sent.to.to_string(), sent.socket.0)).collect();
        assert_eq!(by.into_values().collect::<Vec<_>>(), expected, "{params:?}");
    }
    // A contact that management has added has no socket.
    let plan = Plan { sockets: Some(Sockets { listen, aliases: Vec::new() }), ..Plan::default() };
    let params = [("natping_interval", "5"), ("force_socket", "\"udp:192.0.2.1:5062\"")];
    let mut world = plan.run(&script(&params, ""));
    world.program.tick(world.now);
    let row = ["location", "u", "sip:c@10.0.0.1", "0", "1", "0", "0", "1"].map(Some);
    command_of(&world, "usrloc", "ul_add", &row).unwrap();
    assert_eq!(next(&mut world).socket.0, 1);
}

#[test]
fn management_turns_pings_off_and_on() {
    let mut world = world(&[("natping_interval", "2")]);
    add(&mut world, "u", &contact("10.0.0.1"));
    let command = |world: &World, params: &[&str]| {
        let params: Vec<_> = params.iter().copied().map(Some).collect();
        command_of(world, "nathelper", "nh_enable_ping", &params)
    };
    assert_eq!(command(&world, &[]).unwrap(), serde_json::json!({ "Status": 1 }));
    assert_eq!(command(&world, &["0"]).unwrap(), serde_json::json!("OK"));
    assert_eq!(command(&world, &[]).unwrap(), serde_json::json!({ "Status": 0 }));
    world.pass(100);
    assert_eq!(world.pass(10_000), []);
    assert_eq!(command(&world, &["on"]).unwrap_err().code, 400);
    command(&world, &["1"]).unwrap();
    assert!(world.pass(10_000).len() >= 4);
    let without = self::world(&[]);
    let error = command(&without, &["1"]).unwrap_err();
    assert_eq!((error.code, &*error.text), (400, "NAT ping disabled from script"));
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    for (params, why) in [
        (&[("natping_interval", "5"), ("sipping_bflag", "\"SIP\"")][..], "sipping_from is the URI"),
        (&[("natping_interval", "5"), ("natping_tcp", "1")], "sipping_from is the URI"),
        (&[("natping_interval", "5"), ("sipping_from", "\"pinger\\r\\nX: y\"")], "sipping_from"),
        (&[("natping_interval", "5"), ("sipping_method", "\"IN FO\"")], "is no method"),
        (&[("natping_interval", "5"), ("sipping_ignore_rpl_codes", "\"4xx\"")], "is no status"),
        (&[("natping_interval", "5"), ("force_socket", "\"10.0.0.1\"")], "one of our sockets"),
        (&[("natping_interval", "5"), ("natping_socket", "\"10.0.0.1\"")], "one of our sockets"),
        (&[("cluster_id", "1")], "cluster_id"),
    ] {
        let error = Plan::default().try_run(&script(params, ""));
        let error = error.err().unwrap_or_else(|| panic!("{params:?}"));
        assert!(error.contains(why), "{error}");
    }
    for (script, why) in [
        (
            "loadmodule \"nathelper\"\nmodparam(\"nathelper\", \"natping_interval\", 5)\n",
            "loadmodule \"usrloc.so\"",
        ),
        (
            "loadmodule \"usrloc\"\nloadmodule \"nathelper\"\n\
             modparam(\"nathelper\", \"natping_interval\", 5)\n\
             modparam(\"nathelper\", \"ping_nated_only\", 1)\n",
            "ping_nated_only needs",
        ),
    ] {
        let error = Plan::default().try_run(&format!("{script}route {{ exit; }}\n")).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn lookups_go_by_the_latency_of_pings() {
    let more = "modparam(\"registrar\", \"default_expires\", 7200)\n";
    let call = "lookup(\"location\", $hdr(X-Flags)); \
                sl_send_reply(200, \"$ru $(branch(uri)[*])\"); exit; }";
    let text = script(&SIP, more).replace("sl_send_reply(200, \"$shv(told)\"); exit; }", call);
    let mut world = World::of(&text);
    add(&mut world, "sl", "Contact: <sip:slow@10.0.0.1>, <sip:fast@10.0.0.2>\r\n");
    let mut sent = next_all(&mut world);
    sent.sort_by_key(|ping| std::cmp::Reverse(ping.to));
    assert_eq!(sent.len(), 2, "both contacts of a user");
    for ping in sent {
        world.pass(if ping.to.to_string().starts_with("10.0.0.1:") { 200 } else { 20 });
        answer(&mut world, &ping, "200 OK");
    }
    let mut ask = |flags: &str| {
        let invite = crate::lookup::invite().replace("sip:alice@", "sip:sl@");
        let invite = invite.replace("X-Empty:", &format!("X-Flags: {flags}"));
        world.receive("203.0.113.9:4321", invite).last().unwrap().first_line()
    };
    let (fast, slow) = ("sip:fast@10.0.0.2", "sip:slow@10.0.0.1");
    assert_eq!(ask("m"), format!("SIP/2.0 200 {slow} {fast}"));
    assert_eq!(ask("sort-by-latency"), format!("SIP/2.0 200 {fast} {slow}"));
    assert_eq!(ask("Y"), format!("SIP/2.0 200 {fast} {slow}"));
    assert_eq!(ask("max-ping-latency=100000,"), format!("SIP/2.0 200 {fast} <null>"));
    assert_eq!(ask("y10"), "SIP/2.0 200 sip:sl@example.com <null>");
}

#[test]
fn flags_that_old_scripts_name_by_number() {
    let text = script(&SIP, "").replace("\"SIP\"", "8").replace("setbflag(SIP)", "setbflag(8)");
    assert!(text.contains("modparam(\"nathelper\", \"sipping_bflag\", 8)"), "{text}");
    let mut world = World::of(&text);
    add(&mut world, "s", &contact("10.0.0.1"));
    assert!(is_request(&next(&mut world), "OPTIONS"));
}

#[test]
fn contacts_of_a_database_are_pinged_and_removed_there_too() {
    use sluice_engine::files::Files;
    let more = "loadmodule \"db_text.so\"\nmodparam(\"usrloc\", \"db_mode\", 2)\n\
                modparam(\"usrloc\", \"db_url\", \"text:///db\")\n\
                modparam(\"usrloc\", \"timer_interval\", 5)\n";
    let table = "username(string) contact(string) expires(int) q(double) callid(string) \
                 cseq(int) cflags(string,null)\n\
                 bob:sip\\:b@10.0.0.7:0:1:c1:1:SIP RTO\n\
                 eve:sip\\:e@10.0.0.8:0:1:c1:1:\n";
    let versions = "table_name(string) table_version(int)\nlocation:1013\n";
    let plan = Plan::default().file("/db/location", table).file("/db/version", versions);
    let mut world = plan.run(&script(&SIP, more));
    let mut to: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..50 {
        world.program.tick(world.now);
        world.pass(1_000).iter().for_each(|ping| *to.entry(ping.to.to_string()).or_default() += 1);
    }
    assert_eq!(to["10.0.0.7:5060"], 3, "{to:?}");
    assert!(to["10.0.0.8:5060"] >= 4, "{to:?}");
    let rows = String::from_utf8(world.files.read("/db/location").unwrap()).unwrap();
    assert!(rows.contains("eve:") && !rows.contains("bob:"), "{rows}");
}
