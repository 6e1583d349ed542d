//! `save()` and the tables of `usrloc`: what a REGISTER does, what it is answered, and what becomes
//! of contacts (spec 6.1, 6.2, 6.4).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::world::{Sent, World};

/// A script that saves, with more lines on top.
pub fn script(more: &str, save: &str) -> String {
    format!(
        "loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"usrloc.so\"\n\
         loadmodule \"registrar.so\"\n{more}\n\
         route {{ {save} xlog(\"L_WARN\", \"code $rc\"); exit; }}\n"
    )
}

/// A REGISTER of alice; `lines` are Contact and others, each with its line end.
pub fn register(call_id: &str, cseq: u32, lines: &str) -> String {
    register_to("sip:alice@example.com", call_id, cseq, lines)
}

/// A REGISTER of any user.
pub fn register_to(to: &str, call_id: &str, cseq: u32, lines: &str) -> String {
    static BRANCHES: AtomicU32 = AtomicU32::new(1);
    let branch = BRANCHES.fetch_add(1, Ordering::Relaxed);
    format!(
        "REGISTER sip:example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bKr{branch};rport\r\n\
         From: <{to}>;tag=1\r\nTo: <{to}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n\
         User-Agent: Phone 1.0\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

/// First line, and Contact or P-Registrar-Error.
pub fn told(sent: &[Sent]) -> (&str, &str) {
    let [reply] = sent else { panic!("one reply, not {sent:?}") };
    let told = reply.header("Contact").or(reply.header("P-Registrar-Error")).unwrap_or("");
    (reply.first_line(), told)
}

const OK: &str = "SIP/2.0 200 OK";
const BAD: &str = "SIP/2.0 400 Bad Request";
const SAVE: &str = "save(\"location\");";

fn world() -> World {
    World::new(&script("", SAVE))
}

#[test]
fn contacts_are_kept_listed_refreshed_and_removed() {
    let mut world = world();
    let ask = register("q", 1, "");
    assert_eq!(told(&world.feed(&ask)), (OK, ""));
    let one = "Contact: \"A\" <sip:alice@192.0.2.9:5062;transport=udp>;q=0.5;expires=120\r\n";
    let listed = "<sip:alice@192.0.2.9:5062;transport=udp>;q=0.5;expires=120";
    assert_eq!(told(&world.feed(&register("c1", 1, one))), (OK, listed));
    world.pass(20_000);
    assert_eq!(told(&world.feed(&ask)), (OK, listed.replace("120", "100").as_str()));
    let two = "Contact: <sip:alice@192.0.2.8>;q=1\r\nExpires: 600\r\n";
    let both = "<sip:alice@192.0.2.8>;q=1;expires=600, \
                <sip:alice@192.0.2.9:5062;transport=udp>;q=0.5;expires=100";
    assert_eq!(told(&world.feed(&register("c2", 7, two))), (OK, both));
    assert_eq!(told(&world.feed(&register("c1", 2, one))).1, both.replace("100", "120"));
    let gone = "Contact: <sip:alice@192.0.2.8>;expires=0\r\n";
    assert_eq!(told(&world.feed(&register("c2", 8, gone))), (OK, listed));
    let all = "Contact: *\r\nExpires: 0\r\n";
    assert_eq!(told(&world.feed(&register("c3", 1, all))), (OK, ""));
    assert_eq!(world.statistic("registrar", "accepted_regs"), 7);
}

#[test]
fn expiries_are_given_raised_and_lowered() {
    let more = "modparam(\"registrar\", \"max_expires\", 7200)\n\
                modparam(\"registrar\", \"default_q\", 250)";
    let mut world = World::new(&script(more, SAVE));
    for (cseq, (lines, expires)) in [
        ("Contact: <sip:a@h>\r\n", "3600"),
        ("Contact: <sip:a@h>\r\nExpires: 30\r\n", "60"),
        ("Contact: <sip:a@h>;expires=9000\r\nExpires: 30\r\n", "7200"),
        ("Contact: <sip:a@h>;expires=4294967296\r\n", "3600"),
        ("Contact: <sip:a@h>;expires=soon\r\n", "3600"),
        ("Contact: <sip:a@h>\r\nExpires: 4294967296\r\n", "3600"),
        ("Contact: <sip:a@h>\r\nExpires: 4294967295\r\n", "7200"),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = format!("<sip:a@h>;q=0.25;expires={expires}");
        let sent = world.feed(&register("c1", cseq as u32 + 1, lines));
        assert_eq!(told(&sent), (OK, expected.as_str()), "{lines}");
    }
    let mut world = World::new(&script("", "save(\"location\", \"e0E0\");"));
    let sent = world.feed(&register("c1", 1, "Contact: <sip:a@h>;expires=4294967295\r\n"));
    // What 32 bits of seconds since 1970 leave.
    assert_eq!(told(&sent).1, format!("<sip:a@h>;expires={}", u32::MAX - 1 - 1_795_392_000));
}

#[test]
fn a_contact_that_has_expired_is_nobodys_and_its_memory_is_given_back() {
    let mut world = world();
    world.feed(&register("c1", 1, "Contact: <sip:a@h1>;expires=60, <sip:a@h2>;expires=150\r\n"));
    let gauge = |world: &World, name: &str| world.gauge("usrloc", name);
    assert_eq!(gauge(&world, "location-contacts"), 2);
    world.pass(60_000);
    let ask = register("q", 1, "");
    assert_eq!(told(&world.feed(&ask)).1, "<sip:a@h2>;expires=90");
    world.pass(2_000);
    assert_eq!(gauge(&world, "location-contacts"), 1);
    world.pass(120_000);
    let counts = ["registered_users", "location-users", "location-contacts", "location-expires"];
    assert_eq!(counts.map(|name| gauge(&world, name)), [0, 0, 0, 2]);
    assert_eq!(told(&world.feed(&ask)), (OK, ""));
}

#[test]
fn cseq_numbers_grow_within_a_call_id() {
    let contact = "Contact: <sip:a@h>\r\n";
    let mut world = World::new(&script("modparam(\"registrar\", \"allow_dup_cseq\", 0)", SAVE));
    let mut cseq = |call_id: &str, number: u32| {
        told(&world.feed(&register(call_id, number, contact))).0.to_owned()
    };
    assert_eq!(cseq("c1", 5), OK);
    assert_eq!(cseq("c1", 4), BAD);
    assert_eq!(cseq("c1", 5), OK, "the same request again");
    assert_eq!(cseq("c2", 1), OK, "another Call-ID replaces it");
    assert_eq!(cseq("c1", 1), OK);
    assert_eq!(cseq("c1", 1 << 31), BAD);
    world.pass(20_000);
    let sent = world.feed(&register("c1", 1, contact));
    assert_eq!(told(&sent), (BAD, "Invalid CSeq number"));
    let mut world = self::world();
    for (number, expected) in [(5, OK), (5, OK), (4, BAD)] {
        let lines = "Contact: <sip:a@h>;expires=100\r\n";
        assert_eq!(told(&world.feed(&register("c1", number, lines))).0, expected);
        world.pass(21_000);
    }
    assert_eq!(world.statistic("registrar", "rejected_regs"), 1);
}

#[test]
fn what_is_refused_and_why() {
    let long = "x".repeat(260);
    let cases = [
        ("Contact: *\r\n", "* used in contact and expires is not zero"),
        ("Contact: *\r\nExpires: 60\r\n", "* used in contact and expires is not zero"),
        ("Contact: *, <sip:a@h>\r\nExpires: 0\r\n", "* used in contact and more than 1 contact"),
        (
            "Contact: <sip:a@h>\r\nContact: *\r\nExpires: 0\r\n",
            "* used in contact and more than 1 contact",
        ),
        ("Contact: <sip:a@h>;q=9\r\n", "Invalid q param in contact"),
        ("Contact: <sip:a@h\r\n", "Contact parse error"),
        ("Contact: <hello>\r\n", "Contact parse error"),
        ("Contact: <sip:a@h>\r\nExpires: soon\r\n", "Expires parse error"),
        (&format!("Contact: <sip:{long}@h>\r\n"), "Contact/received too long"),
        (&format!("Contact: <sip:a@h>;received=\"sip:{long}\"\r\n"), "Contact/received too long"),
    ];
    let mut world = world();
    world.feed(&register("c0", 1, "Contact: <sip:other@h>\r\n"));
    for (lines, why) in cases {
        let sent = world.feed(&register("c1", 1, lines));
        assert_eq!(told(&sent), (BAD, why), "{lines}");
    }
    let long_id = register(&long, 1, "Contact: <sip:a@h>\r\n");
    assert_eq!(told(&world.feed(&long_id)), (BAD, "Callid too long"));
    for (to, code, why) in [
        (format!("sip:{}@example.com", "u".repeat(300)), "500", "Address Of Record too long"),
        ("sip:a%00b@example.com".to_owned(), "400", "Error while unescaping username"),
        ("sip:example.com".to_owned(), "400", "Error while parsing AOR"),
    ] {
        let sent = world.feed(&register_to(&to, "c2", 1, "Contact: <sip:a@h>\r\n"));
        assert_eq!((&sent[0].first_line()[8..11], told(&sent).1), (code, why), "{to}");
    }
    let sent = world.feed(&register("q", 1, ""));
    assert_eq!(told(&sent).1, "<sip:other@h>;expires=3600", "nothing was changed");
}

#[test]
fn there_is_room_for_so_many_contacts() {
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(|at| format!("<sip:a{at}@h>")).collect();
        format!("Contact: {}\r\n", all.join(", "))
    };
    let mut world = World::new(&script("modparam(\"registrar\", \"retry_after\", 30)", SAVE));
    let sent = world.feed(&register("c1", 1, &many(100)));
    assert_eq!(told(&sent), ("SIP/2.0 503 Service Unavailable", "Too many registered contacts"));
    assert_eq!(sent[0].header("Retry-After"), Some("30"));
    assert_eq!(told(&world.feed(&register("q", 1, ""))).1, "");
    let sent = world.feed(&register("c1", 2, &many(64)));
    assert_eq!(told(&sent).1.matches("expires=3600").count(), 64);

    let mut world = World::new(&script("", "save(\"location\", \"c2\");"));
    assert_eq!(told(&world.feed(&register("c1", 1, &many(2)))).0, OK);
    let third = "Contact: <sip:b@h>\r\n";
    assert_eq!(told(&world.feed(&register("c1", 2, third))).1, "Too many registered contacts");
    let swap = "Contact: <sip:a0@h>;expires=0, <sip:b@h>\r\n";
    let expected = "<sip:a1@h>;expires=3600, <sip:b@h>;expires=3600";
    assert_eq!(told(&world.feed(&register("c1", 3, swap))).1, expected);
}

#[test]
fn the_oldest_makes_room_when_that_is_wanted() {
    let mut world = World::new(&script("", "save(\"location\", \"c2f\");"));
    for (cseq, user) in ["a", "b", "c"].into_iter().enumerate() {
        world.feed(&register("c1", cseq as u32 + 1, &format!("Contact: <sip:{user}@h>\r\n")));
        world.pass(1_000);
    }
    let sent = world.feed(&register("q", 1, ""));
    assert_eq!(told(&sent).1, "<sip:b@h>;expires=3598, <sip:c@h>;expires=3599");
    let three = "Contact: <sip:x@h>, <sip:y@h>, <sip:z@h>\r\n";
    assert_eq!(told(&world.feed(&register("c1", 9, three))).1, "Too many registered contacts");
}

#[test]
fn contacts_match_by_uri_by_call_id_or_by_a_parameter() {
    let count = |more: &str, save: &str, steps: &[(&str, &str)]| {
        let mut world = World::new(&script(more, save));
        for (cseq, (call_id, uri)) in steps.iter().enumerate() {
            let lines = format!("Contact: <{uri}>\r\n");
            let sent = world.feed(&register(call_id, cseq as u32 + 1, &lines));
            assert_eq!(told(&sent).0, OK);
        }
        told(&world.feed(&register("q", 1, ""))).1.matches("expires=").count()
    };
    let same = [("c1", "sip:a@h;x=1"), ("c2", "sip:a@H;y")];
    assert_eq!(count("", SAVE, &same), 1);
    assert_eq!(count("modparam(\"usrloc\", \"matching_mode\", 1)", SAVE, &same), 2);
    assert_eq!(count("", "save(\"location\", \"M1\");", &same), 2);
    let moved = [("c1", "sip:a@h1;rinstance=7"), ("c2", "sip:a@h2:99;rinstance=7")];
    assert_eq!(count("", SAVE, &moved), 2);
    assert_eq!(count("", "save(\"location\", \"matching-mode=<rinstance>\");", &moved), 1);
}

#[test]
fn path_is_kept_told_and_required() {
    let path = "Path: <sip:p1;lr>, <sip:p2;lr>\r\nContact: <sip:a@h>\r\n";
    let supported = format!("Supported: outbound, path\r\n{path}");
    let joined = Some("<sip:p1;lr>,<sip:p2;lr>");
    for (flags, lines, expected) in [
        ("", &supported, (OK, None)),
        ("p0", &supported, (OK, None)),
        ("p1", &path.to_owned(), (OK, None)),
        ("path-lazy", &supported, (OK, joined)),
        ("path-strict", &supported, (OK, joined)),
        ("p2", &path.to_owned(), ("SIP/2.0 420 Bad Extension", None)),
        ("p2", &"Contact: <sip:a@h>\r\n".to_owned(), (OK, None)),
        ("p1", &"Path: <hello>\r\nContact: <sip:a@h>\r\n".to_owned(), (BAD, None)),
    ] {
        let mut world = World::new(&script("", &format!("save(\"location\", \"{flags}\");")));
        let sent = world.feed(&register("c1", 1, lines));
        assert_eq!((told(&sent).0, sent[0].header("Path")), expected, "{flags} {lines}");
        let unsupported = (told(&sent).0.contains("420")).then_some("path");
        assert_eq!(sent[0].header("Unsupported"), unsupported);
    }
}

#[test]
fn received_is_of_the_avp_of_contact_or_of_path() {
    let more = "modparam(\"registrar\", \"received_avp\", \"$avp(rcv)\")\n\
                modparam(\"registrar\", \"received_param\", \"rcv\")";
    let avp = "$avp(rcv) = \"sip:198.51.100.7:5071\"; save(\"location\", \"p1v\");";
    let mut world = World::new(&script(more, avp));
    for (call_id, (lines, received)) in [
        ("Contact: <sip:a@h1>\r\n", "sip:198.51.100.7:5071"),
        ("Contact: <sip:a@h1>;received=\"sip:own\"\r\n", "sip:own"),
        ("Path: <sip:p;lr;received=sip:nat>\r\nContact: <sip:a@h1>\r\n", "sip:nat"),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = world.feed(&register(&call_id.to_string(), 1, lines));
        let expected = format!("<sip:a@h1>;expires=3600;rcv=\"{received}\"");
        assert_eq!(told(&sent).1, expected);
    }
}

#[test]
fn the_script_may_answer_itself_or_within_a_transaction() {
    let own = "save(\"location\", \"no-reply\"); sl_send_reply(202, \"Taken\");";
    let mut world = World::new(&script("", own));
    let contact = "Contact: <sip:a@h>\r\n";
    assert_eq!(told(&world.feed(&register("c1", 1, contact))), ("SIP/2.0 202 Taken", ""));
    let mut world = World::new(&script("", "t_newtran(); save(\"location\");"));
    let message = register("c1", 1, contact);
    let first = world.feed(&message);
    assert_eq!(told(&first), (OK, "<sip:a@h>;expires=3600"));
    assert_eq!(world.feed(&message), first, "the transaction repeats it");
    assert_eq!(world.statistic("registrar", "accepted_regs"), 1);
    let only = "save(\"location\", \"only-request-contacts\");";
    let mut world = World::new(&script("", only));
    world.feed(&register("c1", 1, contact));
    let sent = world.feed(&register("c1", 2, "Contact: <sip:b@h>\r\n"));
    assert_eq!(told(&sent).1, "<sip:b@h>;expires=3600");
}

#[test]
fn tables_and_users_are_apart() {
    let by_header = "if ($hdr(X-Table) == \"a\") save(\"aliases\"); else save(\"location\", \"\", \
                     $hdr(X-User));";
    let mut world = World::new(&script("modparam(\"usrloc\", \"use_domain\", 1)", by_header));
    let mut feed = |lines: &str| {
        told(&world.feed(&register("c1", 1, &format!("Contact: <sip:a@h>\r\n{lines}")))).0.len()
    };
    feed("X-Table: a\r\n");
    feed("X-User: sip:bob@example.com\r\n");
    feed("X-User: sip:bob@example.org\r\n");
    let gauge = |name: &str| world.gauge("usrloc", name);
    assert_eq!((gauge("aliases-users"), gauge("location-users")), (1, 2));
}

#[test]
fn tables_that_a_script_names_are_there_from_the_start() {
    let world = World::new(&script("", "save(\"location\"); is_registered(\"aliases\", $fu);"));
    assert_eq!(world.gauge("usrloc", "aliases-contacts"), 0);
    let alone = World::new("loadmodule \"registrar.so\"\nroute { save(\"location\"); }");
    assert_eq!(alone.gauge("usrloc", "location-contacts"), 0);
}
