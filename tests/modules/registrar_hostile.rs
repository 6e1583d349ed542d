//! Bad input by name: REGISTER requests and credentials that nobody well-meaning sends. Each row is
//! refused as OpenSIPS refuses it, and leaves contacts and passwords as they were.

use sluice_tests::digest::{given, hash};
use sluice_tests::world::{Plan, Sent, World as Plain};

use crate::auth::{BOB, header, register as unknown};
use crate::registrar::{register, register_to, script, told};
use crate::world::World;

/// What is there before and after each row.
const KEPT: &str = "<sip:kept@h>;expires=3600";

fn list(count: usize, lead: &str, between: &str) -> String {
    let all: Vec<_> = (0..count).map(|at| format!("<sip:a{at}@h>")).collect();
    format!("{lead}{}\r\n", all.join(between))
}

#[test]
fn contacts_that_are_refused() {
    let long = "x".repeat(300);
    let star = "* used in contact and more than 1 contact";
    let not_zero = "* used in contact and expires is not zero";
    let (many, contact) = ("Too many registered contacts", "Contact parse error");
    for (name, lines, code, why) in [
        ("* and another", "Contact: *, <sip:a@h>\r\nExpires: 0\r\n".to_owned(), 400, star),
        ("* twice", "Contact: *\r\nContact: *\r\nExpires: 0\r\n".to_owned(), 400, star),
        ("* behind another", "m: <sip:a@h>\r\nm: *\r\nExpires: 0\r\n".to_owned(), 400, star),
        ("* and no Expires", "Contact: *\r\n".to_owned(), 400, not_zero),
        ("* and Expires 2^32", "Contact: *\r\nExpires: 4294967296\r\n".to_owned(), 400, not_zero),
        ("100 contacts", list(100, "Contact: ", ", "), 503, many),
        ("100 Contact lines", list(100, "Contact: ", "\r\nContact: "), 503, many),
        ("2,000 contacts", list(2_000, "Contact: ", ","), 503, many),
        ("q=9", "Contact: <sip:a@h>;q=9\r\n".to_owned(), 400, "Invalid q param in contact"),
        ("q=-1", "Contact: <sip:a@h>;q=-1\r\n".to_owned(), 400, "Invalid q param in contact"),
        ("q=1.001", "Contact: <sip:a@h>;q=1.001\r\n".to_owned(), 400, "Invalid q param in contact"),
        ("q=nan", "Contact: <sip:a@h>;q=nan\r\n".to_owned(), 400, "Invalid q param in contact"),
        (
            "Expires: -1",
            "Contact: <sip:a@h>\r\nExpires: -1\r\n".to_owned(),
            400,
            "Expires parse error",
        ),
        ("no URI", "Contact: <>\r\n".to_owned(), 400, contact),
        ("an open bracket", "Contact: <sip:a@h\r\n".to_owned(), 400, contact),
        ("an open quote", "Contact: \"A <sip:a@h>\r\n".to_owned(), 400, contact),
        ("a blank in it", "Contact: <sip:a b@h>\r\n".to_owned(), 400, contact),
        ("a NUL in it", "Contact: <sip:a\0b@h>\r\n".to_owned(), 400, contact),
        ("port 65536", "Contact: <sip:a@h:65536>\r\n".to_owned(), 400, contact),
        ("300 bytes", format!("Contact: <sip:{long}@h>\r\n"), 400, "Contact/received too long"),
        (
            "received of 300 bytes",
            format!("Contact: <sip:a@h>;received=\"sip:{long}\"\r\n"),
            400,
            "Contact/received too long",
        ),
        (
            "an instance of 300 bytes",
            format!("Contact: <sip:a@h>;+sip.instance=\"<{long}>\"\r\n"),
            400,
            contact,
        ),
        (
            "a Path that is none",
            "Path: hello\r\nContact: <sip:a@h>\r\n".to_owned(),
            400,
            "Path parse error",
        ),
        (
            "a Path of 1,100 bytes",
            format!("Path: <sip:{}@h;lr>\r\nContact: <sip:a@h>\r\n", "x".repeat(1_100)),
            400,
            "Path parse error",
        ),
        (
            "a good one and a bad one",
            "Contact: <sip:a@h>, <sip:b@h>;q=9\r\n".to_owned(),
            400,
            "Invalid q param in contact",
        ),
    ] {
        let mut world = kept();
        refused(&mut world, name, &register("c1", 2, &lines), code, why);
    }
}

#[test]
fn users_call_ids_and_cseqs_that_are_refused() {
    let one = "Contact: <sip:a@h>\r\n";
    let to = |user: &str| register_to(&format!("sip:{user}@example.com"), "c1", 2, one);
    let (long, escape) = ("Address Of Record too long", "Error while unescaping username");
    for (name, message, code, why) in [
        ("an AoR of 300 bytes", to(&"u".repeat(288)), 500, long),
        ("a user of 65 bytes", to(&"u".repeat(65)), 500, long),
        ("an AoR of 30,000 bytes", to(&"u".repeat(30_000)), 500, long),
        (
            "a domain of 65 bytes",
            register_to(&format!("sip:a@{}", "h".repeat(65)), "c1", 2, one),
            500,
            long,
        ),
        ("%00 in a user", to("ali%00ce"), 400, escape),
        ("%zz in a user", to("ali%zz"), 400, escape),
        ("a user that ends within an escape", to("alice%4"), 400, escape),
        ("%0d%0a in a user", to("a%0d%0aX-Evil:%20y"), 400, escape),
        ("no user", register_to("sip:example.com", "c1", 2, one), 400, "Error while parsing AOR"),
        ("CSeq 2^31", register("c1", 1 << 31, one), 400, "Invalid CSeq number"),
        ("CSeq 2^32-1", register("c1", u32::MAX, one), 400, "Invalid CSeq number"),
        ("an old CSeq", register("c0", 6, "Contact: <sip:kept@h>\r\n"), 400, "Invalid CSeq number"),
        ("a Call-ID of 300 bytes", register(&"c".repeat(300), 2, one), 400, "Callid too long"),
    ] {
        refused(&mut kept(), name, &message, code, why);
    }
    for (name, message) in [
        ("CSeq 2^32", register("c1", 77, one).replace("CSeq: 77", "CSeq: 4294967296")),
        ("CSeq -1", register("c1", 77, one).replace("CSeq: 77", "CSeq: -1")),
        ("no CSeq", register("c1", 77, one).replace("CSeq: 77 REGISTER\r\n", "")),
    ] {
        let mut world = kept();
        let sent = world.feed(&message);
        assert!(sent.iter().all(|sent| !sent.first_line().contains("200")), "{name}: {sent:?}");
        assert_eq!(told(&world.feed(&register("q", 1, ""))).1, KEPT, "{name}");
    }
}

#[test]
fn values_that_are_mended() {
    for (name, lines, expires) in [
        ("an empty q", "Contact: <sip:a@h>;q=;expires=61\r\n", "61"),
        ("expires 2^32", "Contact: <sip:a@h>;expires=4294967296\r\n", "3600"),
        ("expires 2^64", "Contact: <sip:a@h>;expires=18446744073709551616\r\n", "3600"),
        ("expires -1", "Contact: <sip:a@h>;expires=-1\r\n", "3600"),
        ("no number", "Contact: <sip:a@h>;expires=\r\n", "3600"),
        ("Expires 2^32", "Contact: <sip:a@h>\r\nExpires: 4294967296\r\n", "3600"),
        ("2^32-1", "Contact: <sip:a@h>;expires=4294967295\r\n", "2499575294"),
    ] {
        let mut world = World::new(&script("", "save(\"location\");"));
        let sent = world.feed(&register("c1", 1, lines));
        let expected = format!("<sip:a@h>;expires={expires}");
        assert_eq!(told(&sent), ("SIP/2.0 200 OK", expected.as_str()), "{name}");
    }
}

/// A world where alice has a contact.
fn kept() -> World {
    let mut world = World::new(&script("", "save(\"location\", \"p1\");"));
    let sent = world.feed(&register("c0", 7, "Contact: <sip:kept@h>\r\n"));
    assert_eq!(told(&sent).1, KEPT);
    world
}

fn refused(world: &mut World, name: &str, message: &str, code: u16, why: &str) {
    let sent = world.feed(message);
    let (line, text) = told(&sent);
    assert_eq!((&line[8..11], text), (code.to_string().as_str(), why), "{name}");
    assert_eq!(told(&world.feed(&register("q", 1, ""))).1, KEPT, "{name} changed something");
    assert_eq!(world.gauge("usrloc", "location-contacts"), 1, "{name} left something");
    assert_eq!(world.statistic("registrar", "rejected_regs"), 1, "{name}");
}

/// A row of bad credentials.
struct Bad {
    name: &'static str,
    /// Makes them of good ones.
    make: fn(&str) -> String,
    /// Seconds between the challenge and the answer.
    late_s: u64,
    /// Whether they have been used once already.
    used: bool,
    /// First line of the reply; empty: it is challenged anew.
    expected: &'static str,
}

const CHALLENGED: &str = "SIP/2.0 401 Unauthorized";
const REFUSED: &str = "SIP/2.0 400 Bad Request";

const fn bad(name: &'static str, make: fn(&str) -> String, expected: &'static str) -> Bad {
    Bad { name, make, late_s: 0, used: false, expected }
}

/// Good credentials with another value in place of one.
fn with(good: &str, name: &str, value: &str) -> String {
    let old = given(good, name).unwrap();
    let bare = good.replacen(&format!("{name}={old}"), &format!("{name}={value}"), 1);
    good.replacen(&format!("{name}=\"{old}\""), &format!("{name}=\"{value}\""), 1)
        .replace(good, &bare)
}

#[test]
fn credentials_that_are_refused() {
    for row in [
        Bad { used: true, ..bad("a replayed nonce", str::to_owned, CHALLENGED) },
        Bad { late_s: 31, ..bad("an expired nonce", str::to_owned, CHALLENGED) },
        bad("a forged nonce", |good| with(good, "nonce", &"A".repeat(36)), CHALLENGED),
        bad("a nonce of 60,000 bytes", |good| with(good, "nonce", &"A".repeat(60_000)), CHALLENGED),
        bad("an empty nonce", |good| with(good, "nonce", ""), REFUSED),
        bad("another qop", |good| with(good, "qop", "auth-int"), CHALLENGED),
        bad("an unknown qop", |good| with(good, "qop", "auth-conf"), REFUSED),
        bad("an unknown algorithm", |good| format!("{good}, algorithm=AKAv1-MD5"), REFUSED),
        bad("another algorithm", |good| format!("{good}, algorithm=SHA-256"), REFUSED),
        bad("the longest user name", longest, CHALLENGED),
        bad("quotes of SQL", |good| with(good, "username", "bob' or '1'='1"), CHALLENGED),
        bad(
            "a comment of SQL",
            |good| with(good, "username", "bob'; drop table subscriber; --"),
            CHALLENGED,
        ),
        bad("separators of db_text", |good| with(good, "username", "bob:x:y"), CHALLENGED),
        bad("no user name", |good| with(good, "username", ""), REFUSED),
        bad("another user's name", |good| with(good, "username", "eve"), CHALLENGED),
        bad("another realm", |good| with(good, "realm", "elsewhere"), CHALLENGED),
        bad("an empty response", |good| with(good, "response", ""), REFUSED),
        bad("a wrong response", |good| with(good, "response", &"0".repeat(32)), CHALLENGED),
    ] {
        let mut world = guarded();
        let good = BOB.answer(&challenge(&mut world));
        if row.used {
            assert_eq!(answer(&mut world, &good), "SIP/2.0 200 OK", "{}", row.name);
        }
        world.pass(row.late_s * 1_000);
        let made = (row.make)(&good);
        assert!(made != good || row.used || row.late_s > 0, "{} is good", row.name);
        assert_eq!(answer(&mut world, &made), row.expected, "{}", row.name);
        let fresh = BOB.answer(&challenge(&mut world));
        assert_eq!(answer(&mut world, &fresh), "SIP/2.0 200 OK", "after {}", row.name);
    }
}

/// A user name that fills the greatest message there is, 65,535 bytes.
fn longest(good: &str) -> String {
    let rest = request(good).len() - "bob".len();
    with(good, "username", &"x".repeat(65_535 - rest))
}

fn request(credentials: &str) -> String {
    unknown(&format!("Contact: <sip:b@h>\r\nAuthorization: {credentials}\r\n"))
}

/// A world that saves for those who know a password of a table.
fn guarded() -> Plain {
    let ha1 = hash("MD5", "bob:biloxi:zanzibar");
    let users = format!("username(string) domain(string) ha1(string)\nbob:biloxi:{ha1}\n");
    let versions = "table_name(str) table_version(int)\nsubscriber:7\n";
    Plan::default().file("/db/subscriber", users).file("/db/version", versions).run(
        "loadmodule \"db_text\"\nloadmodule \"sl\"\nloadmodule \"auth\"\nloadmodule \"auth_db\"\n\
         loadmodule \"registrar\"\nmodparam(\"auth_db\", \"db_url\", \"text:///db\")\n\
         route { $var(rc) = www_authorize(\"\", \"subscriber\");\n\
         if ($var(rc) < 0) { www_challenge(\"\", \"auth\"); exit; } save(\"location\"); }\n",
    )
}

fn challenge(world: &mut Plain) -> String {
    header(&world.receive("198.51.100.7:5071", unknown("")), "WWW-Authenticate").remove(0)
}

/// The first line of the reply, after the database's.
fn answer(world: &mut Plain, credentials: &str) -> String {
    let mut sent = world.receive("198.51.100.7:5071", request(credentials));
    while sent.is_empty() && world.asked().is_some() {
        sent = world.query();
    }
    sent.first().map_or_else(String::new, Sent::first_line)
}
