//! Blacklists: what they keep from being sent, and how scripts ask and change them.

use sluice_tests::world::{Plan, Sent, World};

use crate::world::command_of;

const CALLER: &str = "10.9.9.1:5060";

fn message(method: &str) -> String {
    format!(
        "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK{method}\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: abc\r\nCSeq: 1 {method}\r\n\
         Max-Forwards: 70\r\nContent-Length: 4\r\n\r\nword"
    )
}

fn world(lists: &str, statements: &str) -> World {
    Plan::default().run(&format!(
        "loadmodule \"sl\"\nloadmodule \"tm\"\nloadmodule \"sipmsgops\"\n{lists}\nroute {{ {statements} }}"
    ))
}

fn seen(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|one| format!("{} {}", one.to, one.first_line())).collect()
}

const GATEWAYS: &str = "dst_blacklist = gw:{( udp , 10.0.0.0/255.255.255.0 , 5071 , \"\" ),\n\
                        # a remark\n    (any, 10.0.1.1)}";
const RELAY: &str = "$du = \"sip:10.0.0.1:5071\"; t_relay();";

#[test]
fn a_filtered_destination_is_answered_473() {
    let mut used = world(GATEWAYS, &format!("use_blacklist(\"gw\"); {RELAY}"));
    let answer = "10.9.9.1:5060 SIP/2.0 473 Filtered destination (473/TM)";
    assert_eq!(seen(&used.receive(CALLER, message("OPTIONS"))), [answer]);
    let relayed = ["10.0.0.1:5071 OPTIONS sip:b@x SIP/2.0"];
    assert_eq!(seen(&world(GATEWAYS, RELAY).receive(CALLER, message("OPTIONS"))), relayed);
    let unused = format!("use_blacklist(\"gw\"); unuse_blacklist(\"gw\"); {RELAY}");
    assert_eq!(seen(&world(GATEWAYS, &unused).receive(CALLER, message("OPTIONS"))), relayed);
    let other_port = "use_blacklist(\"gw\"); $du = \"sip:10.0.0.1:5072\"; t_relay();";
    assert_eq!(world(GATEWAYS, other_port).receive(CALLER, message("OPTIONS")).len(), 1);
}

#[test]
fn with_a_transaction_of_its_own_the_script_gets_the_code() {
    let script = format!("use_blacklist(\"gw\"); t_newtran(); {RELAY} t_reply(500, \"code $rc\");");
    let sent = world(GATEWAYS, &script).receive(CALLER, message("OPTIONS"));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 500 code -5"]);
}

#[test]
fn other_branches_are_sent() {
    let script = "use_blacklist(\"gw\"); append_branch(\"sip:b@10.0.2.2:5071\"); \
                  $ru = \"sip:b@10.0.1.1\"; t_relay();";
    let sent = world(GATEWAYS, script).receive(CALLER, message("OPTIONS"));
    assert_eq!(seen(&sent), ["10.0.2.2:5071 OPTIONS sip:b@10.0.2.2:5071 SIP/2.0"]);
}

#[test]
fn forward_is_false_and_an_ack_stays() {
    let script = "use_blacklist(\"gw\"); $du = \"sip:10.0.0.1:5071\"; \
                  if (!forward()) sl_send_reply(403, \"code $rc\");";
    let sent = world(GATEWAYS, script).receive(CALLER, message("OPTIONS"));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 403 code -1"]);
    let ack = format!("use_blacklist(\"gw\"); {RELAY}");
    assert_eq!(world(GATEWAYS, &ack).receive(CALLER, message("ACK")), []);
}

#[test]
fn send_asks_too() {
    let script = "use_blacklist(\"gw\"); send(\"10.0.1.1\"); sl_send_reply(200, \"code $rc\");";
    let sent = world(GATEWAYS, script).receive(CALLER, message("OPTIONS"));
    assert_eq!(seen(&sent), ["10.9.9.1:5060 SIP/2.0 200 code -1"]);
}

#[test]
fn default_lists_are_used_unasked_for_each_message() {
    let lists = "dst_blacklist = evil/default: 10.0.0.0/24\ndst_blacklist = spare/default:10.0.0.9";
    let script = "if (is_method(\"OPTIONS\")) unuse_blacklist(\"evil\"); \
                  $du = \"sip:10.0.0.1\"; if (!forward()) sl_send_reply(403, \"Filtered\");";
    let mut world = world(lists, script);
    let out = |sent: Vec<Sent>| sent[0].first_line();
    assert_eq!(out(world.receive(CALLER, message("INFO"))), "SIP/2.0 403 Filtered");
    assert_eq!(out(world.receive(CALLER, message("OPTIONS"))), "OPTIONS sip:b@x SIP/2.0");
    assert_eq!(out(world.receive(CALLER, message("INFO"))), "SIP/2.0 403 Filtered");
}

#[test]
fn a_pattern_is_held_against_what_would_be_sent() {
    let lists = "dst_blacklist = bad:{(any,10.0.0.0/8,0,\"MESSAGE*X-New: yes*word\")}";
    let send = "$du = \"sip:10.0.0.1:5071\"; if (!forward()) sl_send_reply(403, \"Filtered\");";
    let script = format!(
        "use_blacklist(\"bad\"); if ($ci == \"abc\") append_hf(\"X-New: yes\\r\\n\"); {send}"
    );
    let mut world = world(lists, &script);
    let mut out = |text: String| world.receive(CALLER, text)[0].first_line();
    assert_eq!(out(message("MESSAGE")), "SIP/2.0 403 Filtered");
    assert_eq!(out(message("INFO")), "INFO sip:b@x SIP/2.0");
    let other = message("MESSAGE").replace("Call-ID: abc", "Call-ID: abd");
    assert_eq!(out(other), "MESSAGE sip:b@x SIP/2.0", "without the line that the script adds");
}

/// `$rc` of each of these calls, in turn.
fn codes(world: &mut World) -> String {
    world.receive(CALLER, message("OPTIONS"))[0].first_line()["SIP/2.0 200 = ".len()..].to_owned()
}

fn calling(lists: &str, calls: &[&str]) -> World {
    let calls: String = calls
        .iter()
        .map(|call| format!("{call}; $var(r) = $rc; $var(c) = $var(c) + \" \" + $var(r); "))
        .collect();
    world(lists, &format!("$var(c) = \"\"; {calls} sl_send_reply(200, \"=$var(c)\");"))
}

#[test]
fn scripts_ask() {
    let lists = "dst_blacklist = gw:{(udp,10.0.0.0/24,5071,\"INV*\"),(any,10.0.1.1)}\n\
                 dst_blacklist = rest:!10.0.0.0/8";
    let mut world = calling(
        lists,
        &[
            "check_blacklist_rule(\"gw\", \"10.0.0.1\", 5071, \"UDP\", \"INVITE sip:x\")",
            "check_blacklist_rule(\"gw\", \"10.0.0.1\", 5071, \"udp\", \"BYE sip:x\")",
            "check_blacklist_rule(\"gw\", \"10.0.0.1\", 5071, , \"INVITE sip:x\")",
            "check_blacklist_rule(\"gw\", \"10.0.0.1\", 5072, \"udp\", \"INVITE sip:x\")",
            "check_blacklist_rule(\"gw\", \"10.0.1.1\")",
            "check_blacklist_rule(, \"10.0.1.1\")",
            "use_blacklist(\"gw\"); check_blacklist_rule(, \"10.0.1.1\")",
            "check_blacklist_rule(\"rest\", $si)",
            "check_blacklist_rule(\"rest\", \"192.0.2.1\")",
            "check_blacklist_rule(\"none\", \"192.0.2.1\")",
            "check_blacklist_rule(\"gw\", \"example.org\")",
            "use_blacklist(\"none\")",
        ],
    );
    assert_eq!(codes(&mut world), "1 -1 -1 -1 1 -1 1 -1 1 -1 -1 -1");
}

#[test]
fn scripts_change_lists_that_are_not_read_only() {
    let lists = "dst_blacklist = fixed:10.0.0.1\ndst_blacklist = own/default\n\
                 dst_blacklist = short/expire";
    let mut world = calling(
        lists,
        &[
            "add_blacklist_rule(\"own\", \"10.0.0.0/24\", 5071, \"udp\")",
            "check_blacklist_rule(, \"10.0.0.7\", 5071, \"udp\")",
            "del_blacklist_rule(\"own\", \"10.0.0.0/24\", 5071, \"any\")",
            "del_blacklist_rule(\"own\", \"10.0.0.0/24\", 5071, \"udp\")",
            "check_blacklist_rule(, \"10.0.0.7\", 5071, \"udp\")",
            "add_blacklist_rule(\"own\", \"10.0.0.1\", , , , 5)",
            "add_blacklist_rule(\"fixed\", \"10.0.0.2\")",
            "del_blacklist_rule(\"fixed\", \"10.0.0.1\")",
            "add_blacklist_rule(\"short\", \"nowhere\")",
            "add_blacklist_rule(\"short\", \"10.0.0.1\", 99999)",
        ],
    );
    assert_eq!(codes(&mut world), "1 1 -1 1 -1 -1 -1 -1 -1 -1");
}

#[test]
fn rules_end() {
    let script = "if (is_method(\"INFO\")) add_blacklist_rule(\"short\", \"10.0.0.1\", 0, \"any\", \"\", 2); \
                  if (check_blacklist_rule(\"short\", \"10.0.0.1\")) sl_send_reply(200, \"listed\"); \
                  else sl_send_reply(200, \"free\");";
    let mut world = world("dst_blacklist = short/expire", script);
    let out =
        |world: &mut World, method: &str| world.receive(CALLER, message(method))[0].first_line();
    assert_eq!(out(&mut world, "OPTIONS"), "SIP/2.0 200 free");
    assert_eq!(out(&mut world, "INFO"), "SIP/2.0 200 listed");
    world.pass(1_000);
    assert_eq!(out(&mut world, "INFO"), "SIP/2.0 200 listed", "its end is put off");
    world.pass(1_999);
    assert_eq!(out(&mut world, "OPTIONS"), "SIP/2.0 200 listed");
    world.pass(1);
    assert_eq!(out(&mut world, "OPTIONS"), "SIP/2.0 200 free");
}

/// spec 3.7: `ds_define_blacklist` forbids the addresses of sets, whatever becomes of the sets.
#[test]
fn a_list_of_the_dispatcher_follows_its_sets() {
    let lists = "loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"list_file\", \"d.list\")\n\
                 modparam(\"dispatcher\", \"ds_define_blacklist\", \"gw = 1,3\")\n\
                 modparam(\"dispatcher\", \"ds_define_blacklist\", \"none=9\")\n";
    let script = "use_blacklist(\"none\"); if ($hdr(Subject) != \"free\") use_blacklist(\"gw\");\n\
                  $du = \"sip:\" + $hdr(X-To); t_relay();";
    let list = "1 sip:10.0.0.1:5071\n2 sip:10.0.0.2\n3 sip:gw.example.com\n";
    let plan = Plan::default().file("d.list", list).name("gw.example.com", "10.0.0.3");
    let text = format!(
        "loadmodule \"sl\"\nloadmodule \"tm\"\nloadmodule \"sipmsgops\"\n{lists}\nroute {{ {script} }}"
    );
    let mut world = plan.clone().run(&text);
    let mut number = 0;
    let mut goes = |world: &mut World, to: &str, more: &str| {
        number += 1;
        let lines = format!("X-To: {to}\r\n{more}Content-Length");
        let branch = format!("z9hG4bK{number}");
        let text = message("OPTIONS").replace("z9hG4bKOPTIONS", &branch);
        let sent = world.receive(CALLER, text.replace("Content-Length", &lines));
        !sent[0].first_line().starts_with("SIP/2.0 473")
    };
    // Any port of its addresses, and only where the list is used.
    assert!(!goes(&mut world, "10.0.0.1:5071", "") && !goes(&mut world, "10.0.0.1:5072", ""));
    assert!(goes(&mut world, "10.0.0.1:5071", "Subject: free\r\n"));
    assert!(goes(&mut world, "10.0.0.2", "") && !goes(&mut world, "10.0.0.3", ""));
    world.write("d.list", Some("1 sip:10.0.0.4\n"));
    command_of(&world, "dispatcher", "ds_reload", &[]).unwrap();
    assert!(goes(&mut world, "10.0.0.1:5071", "") && !goes(&mut world, "10.0.0.4", ""));

    let twice = text.replace("none=9", "gw=9");
    let why = plan.clone().try_run(&twice).err().expect("refused");
    assert!(why.contains("there is a blacklist gw already"), "{why}");
    let written = format!("{GATEWAYS}\n{text}");
    let why = plan.try_run(&written).err().expect("refused");
    assert!(why.contains("there is a blacklist gw already"), "{why}");
}
