//! The parameters of `usrloc` and `registrar` (spec 6.5, 6.6), each where it shows.

use crate::lookup::invite;
use crate::registrar::{register, register_to, script, told};
use crate::world::{World, compiled};

const SAVE: &str = "save(\"location\");";

fn world(module: &str, params: &[(&str, &str)]) -> World {
    let lines =
        params.iter().map(|(name, value)| format!("modparam(\"{module}\", \"{name}\", {value})\n"));
    World::new(&script(&lines.collect::<String>(), SAVE))
}

/// What a REGISTER with these lines is told.
fn said(world: &mut World, lines: &str) -> String {
    told(&world.feed(&register("c1", 1, lines))).1.to_owned()
}

#[test]
fn expiries() {
    let params = [("default_expires", "100"), ("min_expires", "50"), ("max_expires", "200")];
    let mut one = world("registrar", &params);
    for (given, expires) in [("", 100), (";expires=10", 50), (";expires=201", 200)] {
        let expected = format!("<sip:a@h>;expires={expires}");
        assert_eq!(said(&mut one, &format!("Contact: <sip:a@h>{given}\r\n")), expected);
    }
    let gauges = ["max_expires", "max_contacts", "default_expire"];
    assert_eq!(gauges.map(|name| one.gauge("registrar", name)), [200, 0, 100]);
    let mut spread = world("registrar", &[("expires_max_deviation", "30")]);
    let mut seen: Vec<u32> = (0..50)
        .map(|at| said(&mut spread, &format!("Contact: <sip:a{at}@h>\r\n")))
        .map(|list| list.rsplit('=').next().unwrap().parse().unwrap())
        .collect();
    seen.sort_unstable();
    assert!(seen[0] >= 3_570 && seen[49] <= 3_630 && seen[0] < seen[49], "{seen:?}");
}

#[test]
fn addresses_of_record() {
    let mut two = world("registrar", &[]);
    two.feed(&register_to("sip:Alice@h", "c1", 1, "Contact: <sip:a@h>\r\n"));
    assert_eq!(said(&mut two, ""), "", "another user");
    let mut one = world("registrar", &[("case_sensitive", "0")]);
    one.feed(&register_to("sip:ALICE@h", "c1", 1, "Contact: <sip:a@h>\r\n"));
    assert_eq!(said(&mut one, ""), "<sip:a@h>;expires=3600");
    let prefix = "modparam(\"usrloc\", \"use_domain\", 1)\n\
                  modparam(\"registrar\", \"realm_prefix\", \"sip.\")";
    let mut one = World::new(&script(prefix, SAVE));
    one.feed(&register_to("sip:alice@sip.example.com", "c1", 1, "Contact: <sip:a@h>\r\n"));
    assert_eq!(said(&mut one, ""), "<sip:a@h>;expires=3600");
}

#[test]
fn lengths() {
    for (param, lines, why) in [
        ("max_contact_len", "Contact: <sip:a@h1>\r\n", "Contact/received too long"),
        ("max_callid_len", "Contact: <sip:a@h>\r\n", "Callid too long"),
        ("max_aor_len", "Contact: <sip:a@h>\r\n", "Address Of Record too long"),
        ("max_username_len", "", "Address Of Record too long"),
        ("max_domain_len", "", "Address Of Record too long"),
    ] {
        let mut short =
            world("registrar", &[(param, if param == "max_callid_len" { "1" } else { "4" })]);
        assert_eq!(said(&mut short, lines), why, "{param}");
    }
}

#[test]
fn how_many_contacts() {
    let mut two = world("registrar", &[("max_contacts", "2")]);
    let all = "Contact: <sip:a@h>, <sip:b@h>\r\n";
    assert_eq!(said(&mut two, all).matches("expires").count(), 2);
    assert_eq!(said(&mut two, "Contact: <sip:c@h>\r\n"), "Too many registered contacts");
}

#[test]
fn path_as_it_was_set_once() {
    let path = "Path: <sip:p;lr;received=sip:nat>\r\nContact: <sip:a@h>\r\n";
    for (params, expected) in [
        (&[("use_path", "1")][..], "No support for found Path indicated"),
        (&[("use_path", "1"), ("path_mode", "1")], "<sip:a@h>;expires=3600"),
        (
            &[("use_path", "1"), ("path_mode", "0"), ("path_use_received", "1")],
            "<sip:a@h>;expires=3600;received=\"sip:nat\"",
        ),
    ] {
        assert_eq!(said(&mut world("registrar", params), path), expected);
    }
}

#[test]
fn lookups_as_they_were_set_once() {
    let call = "if ($rm == \"REGISTER\") save(\"location\"); else { lookup(\"location\"); \
                sl_send_reply(299, \"$rc $(branch(uri)[*])\"); }";
    for (param, expected) in [
        ("modparam(\"registrar\", \"method_filtering\", 1)", "-2 <null>"),
        ("modparam(\"registrar\", \"append_branches\", 0)", "1 <null>"),
        ("", "1 sip:b@h"),
    ] {
        let mut world = World::new(&script(param, call));
        world.feed(&register("c1", 1, "Contact: <sip:a@h>, <sip:b@h>\r\nAllow: BYE\r\n"));
        let sent = world.feed(&invite());
        assert_eq!(sent[0].first_line(), format!("SIP/2.0 299 {expected}"), "{param}");
    }
}

#[test]
fn how_contacts_are_kept() {
    let two = "Contact: <sip:a@h>;q=1, <sip:b@h>;q=0\r\n";
    let newest = "<sip:b@h>;q=0;expires=3600, <sip:a@h>;q=1;expires=3600";
    assert_eq!(said(&mut world("usrloc", &[("desc_time_order", "1")]), two), newest);
    let more =
        "modparam(\"registrar\", \"allow_dup_cseq\", 0)\nmodparam(\"usrloc\", \"cseq_delay\", 3)";
    let mut world = World::new(&script(more, SAVE));
    assert!(said(&mut world, two).starts_with("<sip:a@h>"));
    world.pass(2_000);
    assert!(said(&mut world, two).starts_with("<sip:a@h>"));
    world.pass(1_000);
    assert_eq!(said(&mut world, two), "Invalid CSeq number");
}

#[test]
fn how_tables_are_kept() {
    let params = [("hash_size", "13"), ("timer_interval", "5"), ("nat_bflag", "\"NAT\"")];
    let mut world = world("usrloc", &params);
    let dump = world.command("usrloc", "ul_dump", &[]).unwrap();
    assert_eq!(dump["Domains"][0]["hash_size"], 8_192);
    said(&mut world, "Contact: <sip:a@h>;expires=60, <sip:b@h>;expires=62\r\n");
    world.pass(62_000);
    assert_eq!(world.gauge("usrloc", "location-contacts"), 1);
    world.pass(5_000);
    assert_eq!(world.gauge("usrloc", "location-contacts"), 0);
    let nat = "modparam(\"usrloc\", \"nat_bflag\", \"NAT\")";
    let call = "if ($rm == \"REGISTER\") save(\"location\", \"p1v\"); else { lookup(\"location\"); \
                if (isbflagset(NAT)) sl_send_reply(299, \"behind\"); }";
    let mut world = World::new(&script(nat, call));
    world.feed(&register("c1", 1, "Path: <sip:p;lr;received=sip:nat>\r\nContact: <sip:a@h>\r\n"));
    assert_eq!(world.feed(&invite())[0].first_line(), "SIP/2.0 299 behind");
}

#[test]
fn what_comes_later_is_refused() {
    for (line, errors) in [
        ("\"registrar\", \"disable_gruu\", 0", 1),
        ("\"registrar\", \"disable_gruu\", 1", 0),
        ("\"usrloc\", \"working_mode_preset\", \"full-sharing-cluster\"", 1),
        ("\"usrloc\", \"working_mode_preset\", \"single-instance-no-db\"", 0),
        ("\"usrloc\", \"matching_mode\", 7", 1),
    ] {
        let script = script(&format!("modparam({line})"), SAVE);
        assert_eq!(compiled(&script).errors, errors, "{line}");
    }
}
