//! Modules `uac_auth` and `uac`: challenges are answered (spec 9.8; RFC 7616, RFC 8760).

use sluice_tests::digest::{self, given, hash};
use sluice_tests::world::{Plan, Sent, World};

use crate::tm_world::{CALLEE, CALLER, message, reply, request, seen, to};

const BODY: &str = "v=0\r\n";

/// A world that relays to the callee and answers his challenges as `call` says.
fn asked(params: &str, call: &str) -> World {
    let modules = ["tm", "sipmsgops", "sl", "rr", "uac_auth", "uac"];
    let modules = modules.map(|module| format!("loadmodule \"{module}\"\n")).concat();
    Plan::default().run(&format!(
        "{modules}{params}\n\
         route {{ if (has_totag()) {{ loose_route(); t_relay(); exit; }}\n\
         if (is_method(\"CANCEL\")) {{ t_relay(); exit; }}\n\
         record_route(); $ru = \"sip:b@10.0.0.1:5071;x=y\"; t_on_failure(\"asked\"); t_relay(); }}\n\
         failure_route[asked] {{ {call} }}"
    ))
}

const ANSWER: &str = "if (t_check_status(\"40[17]\") && uac_auth()) {\n\
    t_on_failure(\"asked\"); t_relay(); exit; }\n";
const PASSWORD: &str = "modparam(\"uac_auth\", \"credential\", \"bob:biloxi:zanzibar:x\")";

fn invite() -> String {
    let call = message("INVITE sip:b@x SIP/2.0", "INVITE", "Content-Type: application/sdp\r\n");
    call.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: 5\r\n\r\n{BODY}"))
}

/// A refusal that asks: each challenge with its header's name.
fn asking(out: &Sent, status: &str, challenges: &[&str]) -> String {
    let lines: String = challenges.iter().map(|line| format!("{line}\r\n")).collect();
    reply(out, status).replace("Content-Length", &format!("{lines}Content-Length"))
}

fn header(message: &Sent, name: &str) -> Option<String> {
    let text = message.text();
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

fn cseq(message: &Sent) -> String {
    header(message, "CSeq").unwrap()
}

/// What the credentials should say, of the hash of user, realm and password.
fn expected(credentials: &str, algorithm: &str, ha1: String) -> String {
    digest::response(credentials, algorithm, ha1, "INVITE", BODY)
}

/// Sends a call that is asked with these challenges; what goes to the callee then, if anything.
fn answer(world: &mut World, status: &str, challenges: &[&str]) -> Option<Sent> {
    let sent = world.receive(CALLER, invite());
    let out = request(&sent, CALLEE, "INVITE");
    let sent = world.receive(CALLEE, asking(&out, status, challenges));
    to(&sent, CALLEE).into_iter().find(|one| one.first_line().starts_with("INVITE")).cloned()
}

#[test]
fn every_algorithm_and_quality_is_answered() {
    for algorithm in
        ["", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"]
    {
        for qop in ["", "auth", "auth-int", "auth-int, auth"] {
            for (status, ask, give) in [
                ("401 Who", "WWW-Authenticate", "Authorization"),
                ("407 Who", "Proxy-Authenticate", "Proxy-Authorization"),
            ] {
                let name = if algorithm.is_empty() { "MD5" } else { algorithm };
                let mut challenge =
                    format!("{ask}: Digest realm=\"biloxi\", nonce=\"n/1=\", opaque=\"o\"");
                if !algorithm.is_empty() {
                    challenge += &format!(", algorithm={algorithm}");
                }
                if !qop.is_empty() {
                    challenge += &format!(", qop=\"{qop}\"");
                }
                let mut world = asked(PASSWORD, ANSWER);
                let out = answer(&mut world, status, &[&challenge]).expect("it is answered");
                let credentials = header(&out, give).unwrap();
                let get = |name: &str| given(&credentials, name);
                assert_eq!(get("username").as_deref(), Some("bob"));
                assert_eq!(get("uri").as_deref(), Some("sip:b@10.0.0.1:5071;x=y"));
                assert_eq!(get("opaque").as_deref(), Some("o"));
                assert_eq!(get("algorithm").unwrap_or_default(), algorithm);
                let chosen = if qop.contains(", auth") { "auth" } else { qop };
                assert_eq!(get("qop").unwrap_or_default(), chosen);
                let ha1 = hash(name, "bob:biloxi:zanzibar:x");
                let response = expected(&credentials, name, ha1);
                assert_eq!(get("response"), Some(response), "{challenge}: {credentials}");
            }
        }
    }
}

const MD5: &str = "WWW-Authenticate: Digest realm=\"biloxi\", nonce=\"n1\"";
const SHA: &str =
    "WWW-Authenticate: Digest realm=\"biloxi\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"";

#[test]
fn the_topmost_challenge_that_can_be_answered_is() {
    let odd = "WWW-Authenticate: Digest realm=\"biloxi\", nonce=\"n0\", algorithm=AKAv1-MD5";
    let other = "WWW-Authenticate: Basic realm=\"biloxi\"";
    let nonce = |params: &str, call: &str, challenges: &[&str]| {
        let out = answer(&mut asked(params, call), "401 Who", challenges)?;
        assert_eq!(out.text().matches("\r\nAuthorization: ").count(), 1);
        given(&header(&out, "Authorization").unwrap(), "nonce")
    };
    assert_eq!(nonce(PASSWORD, ANSWER, &[odd, other, SHA, MD5]).as_deref(), Some("n2"));
    assert_eq!(nonce(PASSWORD, ANSWER, &[MD5, SHA]).as_deref(), Some("n1"));
    let limited = ANSWER.replace("uac_auth()", "uac_auth(\"SHA-256, SHA-512-256\")");
    assert_eq!(nonce(PASSWORD, &limited, &[MD5, SHA]).as_deref(), Some("n2"));
    assert_eq!(nonce(PASSWORD, &limited, &[MD5]), None);
    // A hash of a password is one function's.
    let hashed = format!(
        "modparam(\"uac_auth\", \"credential\", \"bob:biloxi:0x{}\")",
        hash("MD5", "bob:biloxi:zanzibar")
    );
    assert_eq!(nonce(&hashed, ANSWER, &[SHA, MD5]).as_deref(), Some("n1"));
    assert_eq!(nonce(&hashed, ANSWER, &[SHA]), None);
    let out = answer(&mut asked(&hashed, ANSWER), "401 Who", &[MD5]).unwrap();
    let credentials = header(&out, "Authorization").unwrap();
    let response = expected(&credentials, "MD5", hash("MD5", "bob:biloxi:zanzibar"));
    assert_eq!(given(&credentials, "response"), Some(response));
}

#[test]
fn avps_go_before_the_list_and_an_unknown_realm_is_not_answered() {
    let avps = "modparam(\"uac_auth\", \"auth_realm_avp\", \"$avp(r)\")\n\
        modparam(\"uac_auth\", \"auth_username_avp\", \"$avp(u)\")\n\
        modparam(\"uac_auth\", \"auth_password_avp\", \"$avp(p)\")\n";
    let params = format!("{avps}{PASSWORD}");
    let user = |realm: &str| {
        let call = format!("$avp(r) = \"{realm}\"; $avp(u) = \"eve\"; $avp(p) = \"pw\"; {ANSWER}");
        let out = answer(&mut asked(&params, &call), "401 Who", &[MD5])?;
        given(&header(&out, "Authorization").unwrap(), "username")
    };
    assert_eq!(user("biloxi").as_deref(), Some("eve"));
    assert_eq!(user("elsewhere").as_deref(), Some("bob"));
    assert!(answer(&mut asked("", ANSWER), "401 Who", &[MD5]).is_none());
    assert!(answer(&mut asked(PASSWORD, ANSWER), "401 Who", &[]).is_none(), "nobody asks");
    // In `uac`, as before 1.8.
    let old = PASSWORD.replace("uac_auth", "uac");
    assert!(answer(&mut asked(&old, ANSWER), "401 Who", &[MD5]).is_some());
}

#[test]
fn each_realm_that_asks_is_answered_and_those_of_earlier_rounds_stay() {
    let params = "modparam(\"uac_auth\", \"credential\", \"bob:biloxi:one\")\n\
        modparam(\"uac_auth\", \"credential\", \"bob:atlanta:two\")";
    let mut world = asked(params, ANSWER);
    let proxy = "Proxy-Authenticate: Digest realm=\"atlanta\", nonce=\"p1\"";
    let second = answer(&mut world, "407 Who", &[proxy]).unwrap();
    let realm = |message: &Sent, name: &str| given(&header(message, name)?, "realm");
    assert_eq!(realm(&second, "Proxy-Authorization").as_deref(), Some("atlanta"));
    assert_eq!(realm(&second, "Authorization"), None);
    let sent = world.receive(CALLEE, asking(&second, "401 Who", &[MD5]));
    let third = request(&sent, CALLEE, "INVITE");
    assert_eq!(realm(&third, "Proxy-Authorization").as_deref(), Some("atlanta"));
    assert_eq!(realm(&third, "Authorization").as_deref(), Some("biloxi"));
    assert_eq!([cseq(&second), cseq(&third)], ["2 INVITE", "3 INVITE"]);
    let both = answer(&mut asked(params, ANSWER), "401 Who", &[MD5, proxy]).unwrap();
    assert!(
        realm(&both, "Proxy-Authorization").is_some() && realm(&both, "Authorization").is_some()
    );
}

#[test]
fn what_was_refused_is_not_tried_again_but_for_a_new_nonce() {
    let stale = "WWW-Authenticate: Digest realm=\"biloxi\", nonce=\"n9\", stale=TRUE";
    let mut world = asked(PASSWORD, ANSWER);
    let second = answer(&mut world, "401 Who", &[MD5]).unwrap();
    let sent = world.receive(CALLEE, asking(&second, "401 Late", &[stale]));
    let third = request(&sent, CALLEE, "INVITE");
    assert_eq!(third.text().matches("\r\nAuthorization: ").count(), 1);
    assert!(header(&third, "Authorization").unwrap().contains("nonce=\"n9\""));
    let sent = world.receive(CALLEE, asking(&third, "401 No", &[MD5]));
    assert_eq!(to(&sent, CALLER)[0].first_line(), "SIP/2.0 401 No");
    assert!(to(&sent, CALLEE).iter().all(|one| one.first_line().starts_with("ACK")));
}

#[test]
fn the_caller_never_sees_the_raised_cseq() {
    let mut world = asked(PASSWORD, ANSWER);
    let out = answer(&mut world, "401 Who", &[MD5]).unwrap();
    assert_eq!(cseq(&out), "2 INVITE");
    let route = header(&out, "Record-Route").unwrap();
    assert_eq!(route, "<sip:127.0.0.1;lr;ftag=1;aci=1>");
    for status in ["180 Ringing", "200 OK"] {
        let up = world.receive(CALLEE, reply(&out, status));
        assert_eq!(
            (seen(&up), cseq(&up[0])),
            (vec![format!("{CALLER} SIP/2.0 {status}")], "1 INVITE".into())
        );
    }
    // Also when it comes again long after the end.
    world.pass(5_000);
    let up = world.receive(CALLEE, reply(&out, "200 OK"));
    assert!(up.iter().all(|one| cseq(one) == "1 INVITE"), "{:?}", seen(&up));
    // Later requests of the caller are raised, too; those of the callee are his own.
    let later = |method: &str, from: &str, number: u32, routes: &str| {
        let text = message(&format!("{method} sip:b@10.0.0.1:5071 SIP/2.0"), method, routes);
        let text = text.replace("CSeq: 1 ", &format!("CSeq: {number} "));
        text.replace("<sip:a@x>;tag=1", from)
            .replace("To: <sip:b@x>", "To: <sip:b@x>;tag=2")
            .replace("z9hG4bKcaller", &format!("z9hG4bK{method}"))
    };
    let routes = format!("Route: {route}\r\n");
    let sent = world.receive(CALLER, later("ACK", "<sip:a@x>;tag=1", 1, &routes));
    assert_eq!(cseq(&request(&sent, CALLEE, "ACK")), "2 ACK");
    let sent = world.receive(CALLER, later("BYE", "<sip:a@x>;tag=1", 2, &routes));
    let bye = request(&sent, CALLEE, "BYE");
    assert_eq!(cseq(&bye), "3 BYE");
    assert_eq!(cseq(&world.receive(CALLEE, reply(&bye, "200 OK"))[0]), "2 BYE");
    let sent = world.receive(CALLER, later("INFO", "<sip:b@x>;tag=2", 7, &routes));
    assert_eq!(cseq(&request(&sent, CALLEE, "INFO")), "7 INFO");
}

#[test]
fn a_cancel_and_the_ack_to_a_refusal_have_the_raised_cseq() {
    let mut world = asked(PASSWORD, ANSWER);
    let out = answer(&mut world, "401 Who", &[MD5]).unwrap();
    world.receive(CALLEE, reply(&out, "180 Ringing"));
    let sent = world.receive(CALLER, message("CANCEL sip:b@x SIP/2.0", "CANCEL", ""));
    assert_eq!(cseq(&request(&sent, CALLEE, "CANCEL")), "2 CANCEL");
    let sent = world.receive(CALLEE, reply(&out, "487 Request Terminated"));
    assert_eq!(cseq(&request(&sent, CALLEE, "ACK")), "2 ACK");
    assert_eq!(cseq(to(&sent, CALLER)[0]), "1 INVITE");
}

#[test]
fn wrong_parameters_are_refused() {
    let refused = |params: &str, call: &str| {
        let modules = "loadmodule \"tm\"\nloadmodule \"uac_auth\"\nloadmodule \"uac\"\n";
        let script = format!("{modules}{params}\nroute {{ exit; }} failure_route[a] {{ {call} }}");
        Plan::default().try_run(&script).err().unwrap_or_default()
    };
    assert_eq!(refused(PASSWORD, "uac_auth(\"md5,sha-256-SESS\");"), "");
    let said = [
        refused("modparam(\"uac_auth\", \"credential\", \"bob:biloxi\")", ""),
        refused("modparam(\"uac_auth\", \"auth_realm_avp\", \"$avp(r)\")", ""),
        refused("modparam(\"uac_auth\", \"auth_realm_avp\", \"$var(r)\")", ""),
        refused("modparam(\"uac\", \"restore_mode\", \"later\")", ""),
        refused("modparam(\"uac\", \"rr_from_store_param\", \"a b\")", ""),
        refused("", "uac_auth(\"SHA-1\");"),
    ];
    assert!(said.iter().all(|why| !why.is_empty()), "{said:?}");
    assert!(said[1].contains("all three of them, or none"), "{}", said[1]);
}

/// A request within the dialog, with the Route of the first one.
fn later(method: &str, from: (&str, &str), number: u32, route: &str) -> String {
    let text = message(&format!("{method} sip:b@10.0.0.1:5071 SIP/2.0"), method, route);
    text.replace("CSeq: 1 ", &format!("CSeq: {number} "))
        .replace("From: <sip:a@x>;tag=1", &format!("From: <sip:{}@x>;tag={}", from.0, from.1))
        .replace(
            "To: <sip:b@x>",
            &format!("To: <sip:x@x>;tag={}", if from.1 == "1" { 2 } else { 1 }),
        )
        .replace("z9hG4bKcaller", &format!("z9hG4bK{method}{number}{}", from.1))
}

#[test]
fn a_challenge_within_a_dialog_is_remembered_for_its_sender() {
    let relay = "loose_route(); t_on_failure(\"asked\"); t_relay(); exit;";
    let modules = ["tm", "sipmsgops", "sl", "rr", "uac_auth", "uac"];
    let modules = modules.map(|module| format!("loadmodule \"{module}\"\n")).concat();
    let mut world = Plan::default().run(&format!(
        "{modules}{PASSWORD}\nroute {{ {relay} }}\nfailure_route[asked] {{ {ANSWER} }}"
    ));
    let route = "Route: <sip:127.0.0.1;lr;ftag=1;aci=1>\r\n";
    let (caller, callee) = (("a", "1"), ("b", "2"));
    let mut send = |method: &str, from: (&str, &str), number: u32, asks: u32| {
        let sent = world.receive(CALLER, later(method, from, number, route));
        let mut out = request(&sent, CALLEE, method);
        for n in 0..asks {
            let ask = MD5.replace("n1", &format!("n{n}")) + ", stale=true";
            let sent = world.receive(CALLEE, asking(&out, "401 Who", &[&ask]));
            let again: Vec<_> = to(&sent, CALLEE);
            out = (*again.iter().find(|one| one.first_line().starts_with(method)).unwrap()).clone();
        }
        let up = world.receive(CALLEE, reply(&out, "200 OK"));
        assert_eq!(cseq(to(&up, CALLER)[0]), format!("{number} {method}"), "as the sender counts");
        cseq(&out)
    };
    assert_eq!(send("INFO", caller, 5, 0), "6 INFO");
    assert_eq!(send("INFO", caller, 6, 2), "9 INFO", "two challenges");
    assert_eq!(send("INFO", caller, 7, 0), "10 INFO");
    assert_eq!(send("INFO", callee, 7, 0), "7 INFO", "the callee counts for himself");
    assert_eq!(send("INFO", callee, 8, 1), "9 INFO");
    assert_eq!(send("INFO", callee, 9, 0), "10 INFO");
    assert_eq!(send("BYE", caller, 8, 0), "11 BYE");
    // After the BYE it is kept for as long as that may come again.
    world.pass(40_000);
    let sent = world.receive(CALLER, later("INFO", caller, 9, route));
    assert_eq!(cseq(&request(&sent, CALLEE, "INFO")), "10 INFO");
}

#[test]
fn hostile_challenges_are_not_answered() {
    let long = "n".repeat(3_000);
    for (challenge, answered) in [
        ("Digest realm=\"biloxi\", nonce=\"a\\\"b\\\\\"".to_owned(), true),
        ("Digest realm=\"biloxi\",\r\n  nonce=\"folded\"".to_owned(), true),
        ("Digest realm=\"biloxi\", nonce=\"a\r\n b\"".to_owned(), false),
        ("Digest realm=\"biloxi\", nonce=a\"b".to_owned(), false),
        ("Digest realm=\"biloxi\", nonce=\"n\", opaque=a\"; x=\"b".to_owned(), false),
        ("Digest realm=\"biloxi\", nonce=\"a\\\"".to_owned(), false),
        (format!("Digest realm=\"biloxi\", nonce=\"{long}\""), false),
        ("Digest nonce=\"n\"".to_owned(), false),
        ("Digest realm=\"biloxi\"".to_owned(), false),
        ("Digest realm=\"biloxi\", nonce=\"n\", qop=\"auth-conf\"".to_owned(), false),
        ("Digest realm=\"biloxi\", nonce=\"n\", algorithm=SHA-1".to_owned(), false),
        ("Digest ,,,=,=\"\"".to_owned(), false),
        ("Digest".to_owned(), false),
        (String::new(), false),
    ] {
        let mut world = asked(PASSWORD, ANSWER);
        let out = answer(&mut world, "401 Who", &[&format!("WWW-Authenticate: {challenge}")]);
        assert_eq!(out.is_some(), answered, "{challenge}");
        let Some(out) = out else { continue };
        let lines = out.text().lines().filter(|line| line.starts_with("Authorization: ")).count();
        assert_eq!(lines, 1, "{}", out.text());
    }
    // Of many the first few are looked at.
    let mut world = asked(PASSWORD, ANSWER);
    let other = "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"";
    let mut many = vec![other; 16];
    many.push(MD5);
    assert!(answer(&mut world, "401 Who", &many).is_none());
    let mut world = asked(PASSWORD, ANSWER);
    assert!(answer(&mut world, "401 Who", &many[1..]).is_some());
}
