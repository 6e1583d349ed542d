//! The dispatcher's functions and parameters, called by scripts in a one-worker world.

use sluice_tests::world::{Plan, Sent, World, request};

const LIST: &str = "1 sip:10.0.0.1:5071 0 1 site=a\n1 sip:gw@10.0.0.2:5072;lr 0 1 site=b\n\
                    1 sip:10.0.0.3:5073 0 1\n2 sip:10.0.1.1 i\n3 sip:10.0.0.1:5071\n";

const PEER: &str = "127.0.0.1:5099";

/// A script whose request route is `route`, with parameters of the dispatcher.
fn script(params: &str, route: &str) -> String {
    let params: String =
        params.lines().map(|line| format!("modparam(\"dispatcher\", {})\n", line.trim())).collect();
    format!(
        "loadmodule \"proto_udp.so\"\nloadmodule \"sl.so\"\nloadmodule \"dispatcher.so\"\n\
         modparam(\"dispatcher\", \"list_file\", \"d.list\")\n{params}route {{\n{route}\n}}\n"
    )
}

fn plan(list: &str) -> Plan {
    Plan::default().file("d.list", list)
}

fn world(params: &str, route: &str) -> World {
    plan(LIST).run(&script(params, route))
}

/// What came of a request: `CODE TEXT` of the reply, or the next hop's address.
fn outcome(sent: &[Sent]) -> String {
    let [one] = sent else { return format!("{} datagrams", sent.len()) };
    let line = one.first_line();
    match line.strip_prefix("SIP/2.0 ") {
        Some(reply) => reply.to_owned(),
        None => one.to.to_string(),
    }
}

fn send(world: &mut World, more: &str) -> String {
    let sent = world.receive(PEER, request("OPTIONS sip:bob@example.com SIP/2.0", more));
    outcome(&sent)
}

fn with_call_id(call_id: &str) -> String {
    request("OPTIONS sip:bob@example.com SIP/2.0", "").replace("1-2345@127.0.0.1", call_id)
}

/// What one request through a script comes to.
fn run(params: &str, route: &str) -> String {
    send(&mut world(params, route), "")
}

/// Replies with a text that holds variables.
fn answer(text: &str) -> String {
    format!("sl_send_reply(200, \"{text}\");")
}

fn command(
    world: &World,
    name: &str,
    params: &[Option<&str>],
) -> Result<serde_json::Value, String> {
    let table = sluice_modules::dispatcher::MODULE.commands;
    let command = table.iter().find(|c| c.name == name).expect("a command");
    let state = world.program.state("dispatcher").expect("the dispatcher runs");
    (command.run)(&**state, params).map_err(|error| error.to_string())
}

#[test]
fn the_same_key_goes_where_opensips_sends_it() {
    let mut world = world("", "ds_select_dst(1, 0); forward();");
    // spec 3.2: the hashes of these Call-IDs are 1 and 2 modulo 3.
    for (call_id, expected) in [
        ("a84b4c76e66710@pc33.atlanta.com", "10.0.0.2:5072"),
        ("1-2345@127.0.0.1", "10.0.0.3:5073"),
        ("abc", "10.0.0.1:5071"),
        ("abcd", "10.0.0.3:5073"),
    ] {
        for _ in 0..3 {
            assert_eq!(outcome(&world.receive(PEER, with_call_id(call_id))), expected);
        }
    }
}

#[test]
fn uris_and_credentials_are_keys() {
    let alice = "<sip:alice@example.com:5070>";
    // alice, example.com:5070 is 1 modulo 3, alice alone 2, alice with example.com 0.
    for (header, algorithm) in [("From", 1), ("To", 2)] {
        let mut world = world("", &format!("ds_select_dst(1, {algorithm}); forward();"));
        let old = format!(
            "{header}: <sip:{}@example.com>",
            if algorithm == 1 { "caller" } else { "callee" }
        );
        let text = request("OPTIONS sip:bob@example.com SIP/2.0", "");
        let text = text.replace(&old, &format!("{header}: {alice}"));
        assert!(text.contains(alice));
        assert_eq!(outcome(&world.receive(PEER, &text)), "10.0.0.2:5072", "{header}");
    }
    let request_uri = |params: &str, call: &str| {
        let mut world =
            world(params, &format!("$ru = \"sip:alice@example.com:5070\"; {call} forward();"));
        send(&mut world, "")
    };
    assert_eq!(request_uri("", "ds_select_dst(1, 3);"), "10.0.0.2:5072");
    assert_eq!(request_uri("", "ds_select_dst(1, 3, \"u\");"), "10.0.0.3:5073");
    assert_eq!(request_uri("\"flags\", 1", "ds_select_dst(1, 3);"), "10.0.0.3:5073");
}

#[test]
fn the_username_of_credentials_is_a_key() {
    let mut world = world("", "ds_select_dst(1, 5); forward();");
    let digest = |header: &str, name: &str| {
        format!(
            "{header}: Digest username=\"{name}\", realm=\"r\", nonce=\"n\", \
             uri=\"sip:r\", response=\"0\"\r\n"
        )
    };
    // alice is 2 modulo 3, abc is 0.
    let authorization = digest("Authorization", "alice");
    assert_eq!(send(&mut world, &authorization), "10.0.0.3:5073");
    let both = authorization + &digest("Proxy-Authorization", "abc");
    assert_eq!(send(&mut world, &both), "10.0.0.1:5071");
    assert_eq!(send(&mut world, ""), "10.0.0.1:5071", "the last one again");
    assert_eq!(send(&mut world, &digest("Authorization", "alice")), "10.0.0.3:5073");
    assert_eq!(send(&mut world, ""), "10.0.0.3:5073", "the last one again");
}

#[test]
fn a_format_is_a_key() {
    let hash_pvar = "\"hash_pvar\", \"$hdr(X-Key)\"";
    let mut world =
        world(hash_pvar, "if (!ds_select_dst(1, 7)) sl_send_reply(500, \"no\"); else forward();");
    assert_eq!(send(&mut world, "X-Key: alice\r\n"), "10.0.0.3:5073");
    assert_eq!(send(&mut world, "X-Key: abc\r\n"), "10.0.0.1:5071");
    assert_eq!(send(&mut world, "X-Key:\r\n"), "500 no", "an empty key");
    assert_eq!(
        run("", "if (ds_select_dst(1, 7)) forward(); else sl_send_reply(500, \"no\");"),
        "500 no"
    );
}

#[test]
fn round_robin_random_first_and_unknown() {
    let mut turns = world("", "ds_select_dst(1, 4); forward();");
    let seen: Vec<String> = (0..4).map(|_| send(&mut turns, "")).collect();
    assert_eq!(seen, ["10.0.0.1:5071", "10.0.0.2:5072", "10.0.0.3:5073", "10.0.0.1:5071"]);

    let mut random = world("", "ds_select_dst(1, 6); forward();");
    let mut seen: Vec<String> = (0..64).map(|_| send(&mut random, "")).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["10.0.0.1:5071", "10.0.0.2:5072", "10.0.0.3:5073"]);

    for algorithm in ["8", "\"8\"", "42", "\"X\""] {
        let route = format!("ds_select_dst(1, {algorithm}); forward();");
        assert_eq!(run("", &route), "10.0.0.1:5071", "{algorithm}");
    }
}

#[test]
fn an_algorithm_that_is_no_number_at_run_time_is_false() {
    let route = format!("$var(a) = NULL; if (!ds_select_dst(1, $var(a))) {}", answer("no"));
    assert_eq!(run("", &route), "200 no");
}

#[test]
fn old_and_new_signatures_mean_the_same() {
    let count = "sl_send_reply(200, \"$avp(ds_cnt_failover) $du\");";
    for (call, expected) in [
        ("ds_select_dst(\"1\",\"8\")", "200 0 sip:10.0.0.1:5071"),
        ("ds_select_dst(1, 8)", "200 0 sip:10.0.0.1:5071"),
        ("ds_select_dst(\"1\",\"4\",\"fM2\")", "200 2 sip:10.0.0.1:5071"),
        ("ds_select_dst(1, 4, \"f\", , 2)", "200 2 sip:10.0.0.1:5071"),
        ("ds_select_dst(1, 4, \"f\", \"default\")", "200 3 sip:10.0.0.1:5071"),
    ] {
        assert_eq!(run("", &format!("{call}; {count}")), expected, "{call}");
    }
}

#[test]
fn nothing_to_select_is_false_and_changes_nothing() {
    for set in [2, 9, -1] {
        let route = format!(
            "if (ds_select_dst({set}, 0)) sl_send_reply(200, \"yes\"); \
             else sl_send_reply(500, \"$rc $du\");"
        );
        assert_eq!(run("", &route), "500 -1 <null>", "{set}");
    }
}

#[test]
fn force_dst_decides_about_a_du_that_is_set() {
    let route = "$du = \"sip:10.9.9.9\"; ds_select_dst(1, 8); sl_send_reply(200, \"$du\");";
    assert_eq!(run("", route), "200 sip:10.0.0.1:5071");
    assert_eq!(run("\"force_dst\", 0", route), "200 sip:10.9.9.9");
    let unset = "ds_select_dst(1, 8); sl_send_reply(200, \"$du\");";
    assert_eq!(run("\"force_dst\", 0", unset), "200 sip:10.0.0.1:5071");
}

#[test]
fn the_address_follows_du() {
    let route = "ds_select_dst(1, 8); $du = \"sip:10.9.9.9:5070\"; forward();";
    assert_eq!(run("", route), "10.9.9.9:5070");
    let named = plan("1 sip:gw.example.com:5080\n").name("gw.example.com", "10.7.7.7");
    let mut world = named.run(&script("", "ds_select_dst(1, 0); forward();"));
    assert_eq!(send(&mut world, ""), "10.7.7.7:5080");
    assert!(world.jobs.is_empty(), "the name was resolved at start");
}

#[test]
fn select_domain_rewrites_host_and_port_only() {
    let sent = |ruri: &str| {
        let mut world = world("", &format!("{ruri} ds_select_domain(1, 8); forward();"));
        let sent = world.receive(PEER, request("OPTIONS sip:bob@example.com SIP/2.0", ""));
        (sent[0].first_line(), outcome(&sent))
    };
    let expected = ("OPTIONS sip:bob@10.0.0.1:5071 SIP/2.0".to_owned(), "10.0.0.1:5071".to_owned());
    assert_eq!(sent(""), expected);
    let line = sent("$ru = \"sip:a:b@h:9;x=y?k=v\";").0;
    assert_eq!(line, "OPTIONS sip:a:b@10.0.0.1:5071;x=y?k=v SIP/2.0");
}

#[test]
fn failover_pops_the_others_in_order() {
    let route = "ds_select_dst(1, 0, \"f\"); $var(all) = $du; \
                 while (ds_next_dst()) { $var(all) = $var(all) + \" \" + $du; } \
                 sl_send_reply(200, \"$var(all)\");";
    // The Call-ID's hash is 2 modulo 3: from the third on, round.
    let expected = "200 sip:10.0.0.3:5073 sip:10.0.0.1:5071 sip:10.0.0.2:5072;lr";
    assert_eq!(run("", route), expected);
    assert_eq!(run("\"flags\", 2", &route.replace(", \"f\"", "")), expected);
    let trimmed = route.replace("\"f\"", "\"fM2\"");
    assert_eq!(run("", &trimmed), "200 sip:10.0.0.3:5073 sip:10.0.0.1:5071");
    let default = route.replace("\"f\"", "\"fd\"");
    // Of the first two, 0 is chosen; the default comes last.
    let expected = "200 sip:10.0.0.1:5071 sip:10.0.0.2:5072;lr sip:10.0.0.3:5073";
    assert_eq!(run("", &default), expected);
    assert_eq!(run("\"use_default\", 1", route), expected);
    let without = "ds_select_dst(1, 0); if (!ds_next_dst()) sl_send_reply(500, \"none\");";
    assert_eq!(run("", without), "500 none");
}

#[test]
fn the_next_destination_is_sent_to() {
    let route = "ds_select_dst(1, 8, \"f\"); ds_next_dst(); forward();";
    assert_eq!(run("", route), "10.0.0.2:5072");
    let domain = "ds_select_domain(1, 8, \"f\"); ds_next_domain(); sl_send_reply(200, \"$ru\");";
    assert_eq!(run("", domain), "200 sip:bob@10.0.0.2:5072");
}

#[test]
fn a_name_made_at_run_time_finds_the_avps() {
    let route = "$var(n) = \"ds_cnt_failover\"; ds_select_dst(1, 8, \"f\"); \
                 sl_send_reply(200, \"$avp($var(n))\");";
    assert_eq!(run("", route), "200 3");
}

#[test]
fn appending_keeps_earlier_destinations() {
    let both = "ds_select_dst(3, 0, \"f\"); ds_select_dst(1, 8, \"FLAGS\"); \
                sl_send_reply(200, \"$avp(ds_cnt_failover) $avp(ds_grp_failover)\");";
    assert_eq!(run("", &both.replace("FLAGS", "fa")), "200 4 1");
    assert_eq!(run("", &both.replace("FLAGS", "f")), "200 3 1");
}

#[test]
fn the_avps_can_be_renamed() {
    let params = "\"dst_avp\", \"$avp(d)\"\n\"grp_avp\", \"$avp(271)\"\n\"cnt_avp\", \"cnt\"\n\
                  \"attrs_avp\", \"$avp(attrs)\"";
    let route = "ds_select_dst(1, 8, \"f\"); \
                 sl_send_reply(200, \"$avp(d) $avp(271) $avp(cnt) $avp(attrs)\");";
    assert_eq!(run(params, route), "200 sip:10.0.0.1:5071 1 3 site=a");
    let next = "ds_select_dst(1, 8, \"f\"); ds_next_dst(); sl_send_reply(200, \"$avp(attrs)\");";
    assert_eq!(run(params, next), "200 site=b");
    let wrong = plan(LIST).try_run(&script("\"dst_avp\", \"$ru\"", "exit;"));
    let text = wrong.err().expect("refused");
    assert!(text.contains("dst_avp is an AVP"), "{text}");
}

#[test]
fn marking_takes_the_current_destination_out() {
    let mut world = world("", "ds_select_dst(1, 0, \"f\"); ds_mark_dst(); forward();");
    // Each message takes one out; the hash is 2 modulo 3, 3393457118 modulo 2 is 0.
    for expected in ["10.0.0.3:5073", "10.0.0.1:5071", "10.0.0.2:5072"] {
        assert_eq!(send(&mut world, ""), expected);
    }
    assert_ne!(send(&mut world, ""), "10.0.0.2:5072");

    let counts = "ds_count(1, \"a\", $var(a)); ds_count(1, \"ip\", $var(n)); \
                  sl_send_reply(200, \"$var(a) $var(n)\");";
    let marked = |params: &str, marks: &str| {
        run(params, &format!("ds_select_dst(1, 8, \"f\"); {marks} {counts}"))
    };
    assert_eq!(marked("", "ds_mark_dst(\"p\"); ds_mark_dst(\"p\");"), "200 3 0");
    assert_eq!(
        marked("", "ds_mark_dst(\"p\"); ds_mark_dst(\"p\"); ds_mark_dst(\"p\");"),
        "200 2 1"
    );
    assert_eq!(marked("\"ds_probing_threshold\", 1", "ds_mark_dst(\"p\");"), "200 2 1");
    assert_eq!(marked("\"ds_probing_threshhold\", 1", "ds_mark_dst(\"p\");"), "200 2 1");
    assert_eq!(marked("", "ds_mark_dst(\"i\"); ds_mark_dst(\"a\");"), "200 3 0");
    for letter in ["i", "0", "d"] {
        assert_eq!(marked("", &format!("ds_mark_dst(\"{letter}\");")), "200 2 1", "{letter}");
    }
    let unselected = "if (!ds_mark_dst()) sl_send_reply(500, \"none\");";
    assert_eq!(run("", unselected), "500 none");
}

#[test]
fn an_address_is_looked_for_in_sets() {
    let found = |call: &str| {
        let params = "\"setid_pvar\", \"$var(set)\"\n\"attrs_avp\", \"$avp(attrs)\"";
        let route = format!(
            "$var(set) = \"-\"; if (ds_is_in_list({call})) \
             sl_send_reply(200, \"$var(set) $avp(attrs)\"); else sl_send_reply(404, \"no\");"
        );
        run(params, &route)
    };
    assert_eq!(found("\"10.0.0.2\", 5072"), "200 1 site=b");
    assert_eq!(found("\"10.0.0.2\", 0"), "200 1 site=b");
    assert_eq!(found("\"10.0.0.2\", 5073"), "404 no");
    assert_eq!(found("\"10.0.0.2\", 5072, 1"), "200 - site=b");
    assert_eq!(found("\"10.0.0.2\", 5072, 2"), "404 no");
    assert_eq!(found("\"10.0.1.1\", 5060, 2"), "200 - ");
    assert_eq!(found("\"10.0.1.1\", 5060, 2, , 1"), "404 no");
    assert_eq!(found("\"10.0.1.1\", \"5060\", \"2\", \"1\""), "404 no", "1.x");
    assert_eq!(found("\"10.0.0.2\", 0, 1, , 0, \"site=[ab]\""), "200 - site=b");
    assert_eq!(found("\"10.0.0.3\", 0, 1, , 0, \"*\""), "404 no", "no attributes");
    assert_eq!(found("\"example.com\", 0"), "404 no");
    assert_eq!(found("\"$si\", $sp"), "404 no");
    let own = plan("5 sip:127.0.0.1:5099\n");
    let route = format!("if (ds_is_in_list(\"\", \"\")) {}", answer("mine"));
    assert_eq!(send(&mut own.run(&script("", &route)), ""), "200 mine");
}

#[test]
fn destinations_are_counted_by_state() {
    let count = |set: u8, filter: &str| {
        run("", &format!("ds_count({set}, {filter}, $var(n)); {}", answer("$var(n)")))
    };
    assert_eq!(count(1, "\"a\""), "200 3");
    assert_eq!(count(2, "\"a\""), "200 0");
    assert_eq!(count(2, "\"aip\""), "200 1");
    assert_eq!(count(2, "\"2\""), "200 1");
    assert_eq!(run("", "if (!ds_count(9, \"a\", $var(n))) sl_send_reply(404, \"no\");"), "404 no");
}

#[test]
fn scripts_give_destinations_attributes_of_their_own() {
    let route = "ds_push_script_attrs(\"load=7\", \"10.0.0.1\", 5071, 1); \
                 ds_get_script_attrs(\"sip:10.0.0.1:5071\", 1, , $var(read)); \
                 ds_select_dst(1, 8); sl_send_reply(200, \"$var(read) $avp(sa)\");";
    assert_eq!(run("\"script_attrs_avp\", \"$avp(sa)\"", route), "200 load=7 load=7");
    let none = "if (!ds_push_script_attrs(\"x\", \"10.9.9.9\", 0, 1)) sl_send_reply(404, \"no\");";
    assert_eq!(run("", none), "404 no");
    let unset = "if (!ds_get_script_attrs(\"sip:10.0.0.1:5071\", 1, , $var(x))) \
                 sl_send_reply(404, \"no\");";
    assert_eq!(run("", unset), "404 no");
}

#[test]
fn a_bad_list_stops_the_start_with_its_line() {
    let refused = |plan: Plan| plan.try_run(&script("", "exit;")).err().expect("refused");
    assert!(refused(plan("1 sip:a\n1 sip:2001:db8::1\n")).contains("d.list:2: an IPv6 address"));
    assert!(refused(Plan::default()).contains("d.list: entity not found"));
    let default =
        script("", "exit;").replace("modparam(\"dispatcher\", \"list_file\", \"d.list\")", "");
    let text = Plan::default().try_run(&default).err().expect("refused");
    let named =
        "/etc/opensips/dispatcher.list: entity not found (the default of modparam list_file)";
    assert!(text.contains(named), "{text}");
    let empty = plan("\r\n# none\r\n").run(&script("", "exit;"));
    assert_eq!(empty.warnings, ["d.list: no destination in it, running on empty sets"]);
}

#[test]
fn a_name_that_does_not_resolve_is_out_and_says_why() {
    let list = "1 sip:gw.example.com\n1 sip:10.0.0.1:5071\n";
    let mut world = plan(list).run(&script("", "ds_select_dst(1, 8); forward();"));
    assert_eq!(send(&mut world, ""), "10.0.0.1:5071");
    let listed = command(&world, "ds_list", &[None, None]).expect("a list");
    assert_eq!(
        listed["PARTITIONS"][0]["SETS"][0]["Destinations"][0],
        serde_json::json!({
            "URI": "sip:gw.example.com", "state": "Inactive", "first_hit_counter": 0,
            "reason": "gw.example.com: no such name",
        })
    );
}

#[test]
fn parameters_of_later_features_say_so() {
    let refused = |params: &str| plan(LIST).try_run(&script(params, "exit;")).err();
    for params in [
        "\"fetch_freeswitch_stats\", 1",
        "\"max_freeswitch_weight\", 10",
        "\"cluster_id\", 1",
        "\"cluster_sharing_tag\", \"t\"",
        "\"cluster_probing_mode\", \"all\"",
    ] {
        let text = refused(params).unwrap_or_else(|| panic!("{params} was accepted"));
        assert!(text.contains("later") && text.contains("test.cfg:5:"), "{params}: {text}");
    }
    let mysql = refused("\"db_url\", \"mysql://a:b@localhost/opensips\"").expect("refused");
    assert!(mysql.contains("loadmodule \"db_mysql.so\""), "{mysql}");
    let ignored = "\"ds_ping_interval\", 0\n\"ds_ping_method\", \"OPTIONS\"\n\
         \"ds_ping_from\", \"sip:a@b\"\n\"ds_ping_maxfwd\", 10\n\"ds_probing_mode\", 1\n\
         \"options_reply_codes\", \"404\"\n\"ds_probing_sock\", \"udp:127.0.0.1:5060\"\n\
         \"ds_probing_list\", \"1\"\n\"sock_avp\", \"$avp(s)\"\n\"persistent_state\", 0\n\
         \"pvar_algo_pattern\", \"$var(x)\"\n\"table_name\", \"t\"\n\
         \"setid_col\", \"c\"\n\"destination_col\", \"c\"\n\"socket_col\", \"c\"\n\
         \"state_col\", \"c\"\n\"flags_col\", \"c\"\n\"weight_col\", \"c\"\n\
         \"priority_col\", \"c\"\n\"attrs_col\", \"c\"\n\"description_col\", \"c\"\n\
         \"probe_mode_col\", \"c\"";
    assert_eq!(refused(ignored), None);
}

#[test]
fn commands_list_set_and_reload() {
    let mut world = world("", "ds_select_dst(1, 8); forward();");
    assert_eq!(send(&mut world, ""), "10.0.0.1:5071");
    let listed = command(&world, "ds_list", &[Some("full"), None]).expect("a list");
    let first = &listed["PARTITIONS"][0]["SETS"][0]["Destinations"][0];
    assert_eq!(
        *first,
        serde_json::json!({
            "URI": "sip:10.0.0.1:5071", "state": "Active", "first_hit_counter": 1, "weight": 1,
            "priority": 0, "attr": "site=a", "resolved_addresses": ["10.0.0.1"],
        })
    );
    let short = command(&world, "ds_list", &[None, None]).expect("a list");
    assert_eq!(
        short["PARTITIONS"][0]["SETS"][1],
        serde_json::json!({ "id": 2, "Destinations": [
            { "URI": "sip:10.0.1.1", "state": "Inactive", "first_hit_counter": 0 },
        ]})
    );

    let set = |world: &World, state, group, address| {
        command(world, "ds_set_state", &[Some(state), Some(group), Some(address)])
    };
    assert!(set(&world, "i", "1", "sip:10.0.0.1:5071").is_ok());
    assert_eq!(send(&mut world, ""), "10.0.0.2:5072");
    assert_eq!(set(&world, "x", "1", "sip:a"), Err("500 Bad state value".to_owned()));
    assert_eq!(set(&world, "a", "one", "sip:a"), Err("500 bad group value".to_owned()));
    assert_eq!(set(&world, "a", "1", "sip:a"), Err("404 destination not found".to_owned()));
    assert!(set(&world, "a", "gold:1", "sip:a").is_err());

    assert!(command(&world, "ds_reload", &[None, None]).is_ok());
    assert_eq!(send(&mut world, ""), "10.0.0.2:5072", "states are kept");
    assert!(command(&world, "ds_reload", &[None, Some("n")]).is_ok());
    assert_eq!(send(&mut world, ""), "10.0.0.1:5071", "states are the file's");
}

#[test]
fn a_bad_list_leaves_the_old_one_in_force() {
    let mut world = world("", "ds_select_dst(1, 8); forward();");
    let reload = |world: &World, text: Option<&str>| {
        world.write("d.list", text);
        command(world, "ds_reload", &[None, None])
    };
    for (bad, why) in [
        (Some("1 sip:10.0.9.9\n1 sip:10.0.9.8 x"), "500 d.list:2: "),
        (Some("1 sip:10.0.9.9\n\n# remark\none sip:10.0.9.8"), "500 d.list:4: the set is a number"),
        (Some("1 sip:10.0.9.9 0 heavy"), "500 d.list:1: "),
        (Some("1 sip:10.0.9.9\n1 10.0.9.8:99999"), "500 d.list:2: "),
        (None, "500 d.list: entity not found"),
    ] {
        let refused = reload(&world, bad).expect_err("a bad list");
        assert!(refused.starts_with(why), "{bad:?}: {refused}");
        assert!(refused.ends_with("; the old sets stay"), "{refused}");
        assert_eq!(send(&mut world, ""), "10.0.0.1:5071");
    }
    let told = reload(&world, Some("1 sip:10.0.9.9\n")).expect("a list");
    assert_eq!(told["changes"]["default"]["SETS"][0]["removed"], 3);
    assert_eq!(send(&mut world, ""), "10.0.9.9:5060");
    let warned = reload(&world, Some("2 sip:10.0.9.9\n2 sip:gw.example\n")).expect("a list");
    let warning = warned["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("d.list:2: sip:gw.example: "), "{warning}");
    for (params, why) in [
        ([Some("gold"), None], "404 unknown partition `gold`"),
        ([None, Some("maybe")], "400 inherit_state is y or n"),
    ] {
        assert_eq!(command(&world, "ds_reload", &params), Err(why.to_owned()));
    }
}

/// What a run has selected is its own: the list may go away under it.
#[test]
fn a_run_that_waits_between_selections_survives_a_reload() {
    let route = "ds_select_dst(1, 8);\nusleep(5000);\nds_next_dst();\nforward();";
    let list = "1 sip:10.0.0.1:5071\n1 sip:10.0.0.2:5072\n";
    let script = script("\"flags\", 2", route).replacen(
        "loadmodule",
        "loadmodule \"cfgutils.so\"\nloadmodule",
        1,
    );
    let mut world = plan(list).run(&script);
    assert_eq!(send(&mut world, ""), "0 datagrams");
    world.write("d.list", Some("7 sip:10.0.9.9\n"));
    assert!(command(&world, "ds_reload", &[None, None]).is_ok());
    let sent = world.pass(8);
    assert_eq!(outcome(&sent), "10.0.0.2:5072");
}
