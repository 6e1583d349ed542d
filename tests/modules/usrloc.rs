//! `usrloc`: management of the tables, and the events of contacts (spec 6.7).

use serde_json::{Value, json};

use crate::registrar::{register, register_to, script, told};
use crate::world::World;

const SAVE: &str = "save(\"location\");";

fn command(world: &World, name: &str, params: &[&str]) -> Result<Value, (i32, String)> {
    let params: Vec<_> = params.iter().copied().map(Some).collect();
    world.command("usrloc", name, &params).map_err(|error| (error.code, error.text))
}

#[test]
fn contacts_are_shown() {
    let mut world = World::new(&script("", &format!("setbflag(NAT); {SAVE}")));
    world.feed(&register("c1", 7, "Contact: <sip:a@h>;q=0.5;expires=100\r\nAllow: INVITE\r\n"));
    world.tick();
    let expected = json!({
        "Contact": "sip:a@h", "ContactID": "1795392000250000", "Expires": 100, "Q": "0.5",
        "Callid": "c1", "Cseq": 7, "User-agent": "Phone 1.0", "State": "CS_NEW", "Flags": 0,
        "Cflags": "NAT", "Socket": "udp:192.0.2.1:5060", "Methods": 1,
    });
    let record = json!({ "AOR": "alice", "Contacts": [expected] });
    let shown = command(&world, "ul_show_contact", &["location", "alice"]);
    assert_eq!(shown, Ok(record.clone()));
    let dump = command(&world, "ul_dump", &[]).unwrap();
    assert_eq!(dump["Domains"][0]["name"], "location");
    assert_eq!(dump["Domains"][0]["AORs"], json!([record]));
    let brief = command(&world, "ul_dump", &["brief"]).unwrap();
    let short = json!([{ "AOR": "alice", "Contacts": [{ "Contact": "sip:a@h" }] }]);
    assert_eq!(brief["Domains"][0]["AORs"], short);
}

#[test]
fn a_dump_has_everyone_once() {
    let mut world = World::new(&script("", SAVE));
    for user in 0..500 {
        let to = format!("sip:user{user}@h");
        world.feed(&register_to(&to, "c1", 1, "Contact: <sip:a@h>\r\n"));
    }
    let dump = command(&world, "ul_dump", &["brief"]).unwrap();
    let users = dump["Domains"][0]["AORs"].as_array().unwrap();
    let mut names: Vec<_> = users.iter().map(|user| user["AOR"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((users.len(), names.len()), (500, 500));
}

#[test]
fn management_adds_and_removes() {
    let mut world = World::new(&script("modparam(\"usrloc\", \"use_domain\", 1)", SAVE));
    world.tick();
    let aor = "alice@example.com";
    let add = |contact: &str, expires: &str| {
        let params = ["location", "alice@Example.com", contact, expires, "0.3", "0", "0", "32767"];
        command(&world, "ul_add", &params)
    };
    assert_eq!(add("sip:a@h1", "60"), Ok(json!("OK")));
    assert_eq!(add("sip:a@h2", "0"), Ok(json!("OK")));
    assert_eq!(add("sip:a@h1", "90"), Ok(json!("OK")));
    assert_eq!(add("hello", "90").unwrap_err().0, 400);
    assert_eq!(add("sip:a@h3", "soon").unwrap_err().0, 400);
    let shown = command(&world, "ul_show_contact", &["location", aor]).unwrap();
    let of = |at: usize, field: &str| shown["Contacts"][at][field].clone();
    assert_eq!((of(0, "Expires"), of(1, "Expires")), (json!(90), json!("permanent")));
    assert_eq!(of(0, "Callid"), "dfjrewr12386fd6-343@opensips.mi");
    assert_eq!(of(0, "User-agent"), "OpenSIPS MI Server");
    let sent = world.feed(&register("q", 1, ""));
    assert_eq!(told(&sent).1, "<sip:a@h1>;q=0.3;expires=90, <sip:a@h2>;q=0.3;expires=2147483647");
    let error = |name: &str, params: &[&str]| command(&world, name, params).unwrap_err();
    assert_eq!(error("ul_rm", &["nowhere", aor]), (404, "Table not found".to_owned()));
    assert_eq!(error("ul_rm", &["location", "alice"]), (400, "Domain missing in AOR".to_owned()));
    assert_eq!(error("ul_rm", &["location", "bob@h"]), (404, "AOR not found".to_owned()));
    let nothing = ["location", aor, "sip:nothing"];
    assert_eq!(error("ul_rm_contact", &nothing), (404, "Contact not found".to_owned()));
    let second = ["location", aor, "sip:a@h2"];
    assert_eq!(command(&world, "ul_rm_contact", &second), Ok(json!("OK")));
    assert_eq!(command(&world, "ul_rm", &["location", aor]), Ok(json!("OK")));
    assert_eq!(error("ul_show_contact", &["location", aor]).0, 404);
    assert_eq!(world.gauge("usrloc", "location-contacts"), 0);
}

#[test]
fn events_tell_what_happens() {
    let route = |(name, of_contact): (&str, bool)| {
        let more = if of_contact { " + $param(uri) + \" \" + $param(callid)" } else { "" };
        format!(
            "event_route[E_UL_{name}] {{ \
             $shv(told) = $shv(told) + \"{name} \" + $param(aor) + \" \"{more} + \";\"; }}\n"
        )
    };
    let all = [
        ("AOR_INSERT", false),
        ("AOR_DELETE", false),
        ("CONTACT_INSERT", true),
        ("CONTACT_DELETE", true),
        ("CONTACT_UPDATE", true),
    ];
    let routes: String = all.map(route).concat();
    let more = format!(
        "loadmodule \"cfgutils.so\"\nmodparam(\"cfgutils\", \"shvset\", \"told=s:\")\n\
                        {routes}"
    );
    let call = format!("if ($rm == \"REGISTER\") {SAVE} else sl_send_reply(299, \"$shv(told)\");");
    let mut world = World::new(&script(&more, &call));
    let said = |world: &mut World| {
        let sent = world.feed(crate::world::INVITE);
        sent[0].first_line().strip_prefix("SIP/2.0 299 ").unwrap().to_owned()
    };
    world.feed(&register("c1", 1, "Contact: <sip:a@h>;expires=60\r\n"));
    world.feed(&register("c1", 2, "Contact: <sip:a@h>;expires=60\r\n"));
    world.pass(1);
    let inserted = "AOR_INSERT alice ;CONTACT_INSERT alice sip:a@h c1;";
    let updated = "CONTACT_UPDATE alice sip:a@h c1;";
    assert_eq!(said(&mut world), format!("{inserted}{updated}"));
    world.pass(62_000);
    let deleted = "CONTACT_DELETE alice sip:a@h c1;AOR_DELETE alice ;";
    assert_eq!(said(&mut world), format!("{inserted}{updated}{deleted}"));
    world.tick();
    let params = ["location", "bob", "sip:b@h", "60", "1", "0", "0", "0"];
    command(&world, "ul_add", &params).unwrap();
    world.pass(1);
    assert!(
        said(&mut world).ends_with("CONTACT_INSERT bob sip:b@h dfjrewr12386fd6-343@opensips.mi;")
    );
}
