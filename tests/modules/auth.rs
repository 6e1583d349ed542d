//! Module `auth`: challenges, and the answers to them (spec 7; RFC 7616, RFC 8760).

use serde_json::json;
use sluice_tests::digest::{hash, response};
use sluice_tests::world::{Plan, Sent, World};

use crate::world::command_of;

pub const CALLER: &str = "198.51.100.7:5071";

const PASSWORD: &str = "$avp(user) = \"bob\"; $avp(password) = \"zanzibar\";";

/// A world that judges by variables; `refused` is run when that fails.
fn world(params: &str, judge: &str, refused: &str) -> World {
    Plan::default().run(&script(params, judge, refused))
}

fn script(params: &str, judge: &str, refused: &str) -> String {
    format!(
        "loadmodule \"sl\"\nloadmodule \"sipmsgops\"\nloadmodule \"auth\"\n\
         modparam(\"auth\", \"username_spec\", \"$avp(user)\")\n\
         modparam(\"auth\", \"password_spec\", \"$avp(password)\")\n\
         modparam(\"auth\", \"calculate_ha1\", 1)\n{params}\n\
         route {{ {PASSWORD} $var(rc) = {judge};\n\
         if ($var(rc) != 1) {{ {refused} }}\n sl_send_reply(200, \"rc $var(rc)\"); }}\n"
    )
}

/// A REGISTER with these further lines.
pub fn register(lines: &str) -> String {
    request("REGISTER", lines, "")
}

fn request(method: &str, lines: &str, body: &str) -> String {
    format!(
        "{method} sip:biloxi SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bKnashds8;rport\r\n\
         From: <sip:bob@atlanta>;tag=1\r\nTo: <sip:bob@biloxi>\r\nCall-ID: 1@pc\r\n\
         CSeq: 1 {method}\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The value of a header of what is sent.
pub fn header(sent: &[Sent], name: &str) -> Vec<String> {
    let text = sent[0].text();
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    lines.map(str::to_owned).collect()
}

fn get(challenge: &str, name: &str) -> Option<String> {
    sluice_tests::digest::given(challenge, name)
}

/// How a client answers a challenge.
pub struct Client<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub method: &'a str,
    pub qop: Option<&'a str>,
    pub body: &'a str,
}

pub const BOB: Client<'_> =
    Client { user: "bob", password: "zanzibar", method: "REGISTER", qop: None, body: "" };

impl Client<'_> {
    /// The value of Authorization.
    pub fn answer(&self, challenge: &str) -> String {
        let realm = get(challenge, "realm").expect("a realm");
        let nonce = get(challenge, "nonce").expect("a nonce");
        let named = get(challenge, "algorithm");
        let algorithm = named.clone().unwrap_or_else(|| "MD5".to_owned());
        let offered = get(challenge, "qop");
        let qop = self.qop.map(str::to_owned).or(offered.filter(|qop| !qop.contains(',')));
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"sip:biloxi\"",
            self.user
        );
        if let Some(qop) = qop.as_ref().filter(|qop| !qop.is_empty()) {
            value += &format!(", qop={qop}, nc=00000001, cnonce=\"0a4f113b\"");
        }
        if let Some(named) = named {
            value += &format!(", algorithm={named}");
        }
        let ha1 = hash(&algorithm, &format!("{}:{realm}:{}", self.user, self.password));
        let response = response(&value, &algorithm, ha1, self.method, self.body);
        format!("{value}, response=\"{response}\"")
    }
}

const JUDGE: &str = "pv_www_authorize(\"biloxi\")";
const ASK: &str = "if ($var(rc) == -4) { www_challenge(\"biloxi\", \"auth\"); }";

/// Asks and answers; what comes of it.
fn answered(world: &mut World, client: &Client<'_>) -> String {
    let challenge = challenge(world);
    with(world, &client.answer(&challenge))
}

fn challenge(world: &mut World) -> String {
    let sent = world.receive(CALLER, register(""));
    assert_eq!(sent[0].first_line(), "SIP/2.0 401 Unauthorized");
    header(&sent, "WWW-Authenticate").remove(0)
}

/// What comes of these credentials.
fn with(world: &mut World, credentials: &str) -> String {
    let sent = world.receive(CALLER, register(&format!("Authorization: {credentials}\r\n")));
    sent.first().map_or_else(String::new, Sent::first_line)
}

#[test]
fn every_algorithm_and_quality_of_protection() {
    let algorithms =
        ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"];
    for algorithm in algorithms {
        for (offered, taken) in
            [("", None), ("auth", None), ("auth-int", None), ("auth,auth-int", Some("auth-int"))]
        {
            let ask = format!("www_challenge(\"biloxi\", \"{offered}\", \"{algorithm}\");");
            let mut world = world("", JUDGE, &ask);
            let good = Client { qop: taken, ..BOB };
            assert_eq!(answered(&mut world, &good), "SIP/2.0 200 rc 1", "{algorithm} {offered}");
            let bad = Client { password: "zanzibaR", ..good };
            let again = answered(&mut world, &bad);
            assert_eq!(again, "SIP/2.0 401 Unauthorized", "{algorithm} {offered}");
        }
    }
}

#[test]
fn what_a_challenge_says() {
    for (call, expected) in [
        ("www_challenge(\"r\");", "Digest realm=\"r\", nonce=\"N\""),
        ("www_challenge(\"r\", \"0\");", "Digest realm=\"r\", nonce=\"N\""),
        ("www_challenge(\"r\", \"1\");", "Digest realm=\"r\", nonce=\"N\", qop=\"auth\""),
        (
            "www_challenge(\"\", \"auth-int\");",
            "Digest realm=\"biloxi\", nonce=\"N\", qop=\"auth-int\"",
        ),
        (
            "www_challenge(\"r\", \"auth,auth-int\", \"MD5\");",
            "Digest realm=\"r\", nonce=\"N\", qop=\"auth,auth-int\", algorithm=MD5",
        ),
        (
            "www_challenge(\"r\", \"\", \"SHA-256\");",
            "Digest realm=\"r\", nonce=\"N\", qop=\"auth\", algorithm=SHA-256",
        ),
    ] {
        let mut world = world("", JUDGE, call);
        let challenge = challenge(&mut world);
        let nonce = get(&challenge, "nonce").expect("a nonce");
        assert_eq!(challenge.replace(&nonce, "N"), expected, "{call}");
        assert_eq!(nonce.len(), 36);
    }
}

#[test]
fn one_challenge_for_each_algorithm_the_strongest_first() {
    let ask = "proxy_challenge(\"r\", \"auth\", \"MD5, SHA-512-256, SHA-256\");";
    let mut world = world("", "pv_proxy_authorize(\"r\")", ask);
    let sent = world.receive(CALLER, register(""));
    assert_eq!(sent[0].first_line(), "SIP/2.0 407 Proxy Authentication Required");
    let named = header(&sent, "Proxy-Authenticate");
    let named: Vec<_> =
        named.iter().map(|challenge| get(challenge, "algorithm").unwrap()).collect();
    assert_eq!(named, ["SHA-512-256", "SHA-256", "MD5"]);
}

#[test]
fn realms_that_the_script_leaves_out() {
    let mut world =
        world("modparam(\"auth\", \"realm_prefix\", \"at\")", "1 - 5", "www_challenge(\"\");");
    let mut realm = |request: String| {
        get(&header(&world.receive(CALLER, request), "WWW-Authenticate")[0], "realm").unwrap()
    };
    assert_eq!(realm(register("")), "biloxi", "To of a REGISTER");
    assert_eq!(realm(request("INVITE", "", "")), "lanta", "From of another, without the prefix");
    let mut sent = |text: String| world.receive(CALLER, text)[0].first_line();
    let nowhere = request("INVITE", "", "").replace("sip:bob@atlanta", "tel:+1");
    assert_eq!(sent(nowhere), "SIP/2.0 400 Bad Request", "no host, no realm");
}

#[test]
fn an_answer_is_good_once_and_for_a_while() {
    let mut world = world("modparam(\"auth\", \"nonce_expire\", 10)", JUDGE, ASK);
    let answer = BOB.answer(&challenge(&mut world));
    assert_eq!(with(&mut world, &answer), "SIP/2.0 200 rc 1");
    assert_eq!(with(&mut world, &answer), "SIP/2.0 200 rc -3", "a replay");
    let answer = BOB.answer(&challenge(&mut world));
    world.pass(9_999);
    let other = BOB.answer(&challenge(&mut world));
    world.pass(1);
    assert_eq!(with(&mut world, &answer), "SIP/2.0 200 rc -3", "too late");
    assert_eq!(with(&mut world, &other), "SIP/2.0 200 rc 1");
    // A wrong answer uses nothing up.
    let challenge = challenge(&mut world);
    let wrong = Client { password: "x", ..BOB }.answer(&challenge);
    assert_eq!(with(&mut world, &wrong), "SIP/2.0 200 rc -2");
    assert_eq!(with(&mut world, &BOB.answer(&challenge)), "SIP/2.0 200 rc 1");
}

#[test]
fn the_next_challenge_says_that_the_nonce_was_stale() {
    let mut world = world("", JUDGE, "www_challenge(\"biloxi\", \"auth\");");
    let answer = BOB.answer(&challenge(&mut world));
    assert_eq!(with(&mut world, &answer), "SIP/2.0 200 rc 1");
    let request = register(&format!("Authorization: {answer}\r\n"));
    let again = header(&world.receive(CALLER, &request), "WWW-Authenticate").remove(0);
    assert_eq!(get(&again, "stale").as_deref(), Some("true"));
    assert_eq!(get(&challenge(&mut world), "stale"), None, "of another request");
}

#[test]
fn without_the_check_a_nonce_may_be_used_again() {
    let mut world = world("modparam(\"auth\", \"disable_nonce_check\", 1)", JUDGE, ASK);
    let answer = BOB.answer(&challenge(&mut world));
    for _ in 0..3 {
        assert_eq!(with(&mut world, &answer), "SIP/2.0 200 rc 1");
    }
}

#[test]
fn bad_answers_by_name() {
    let mut world = world("", JUDGE, ASK);
    let challenge = challenge(&mut world);
    let good = BOB.answer(&challenge);
    let nonce = get(&challenge, "nonce").expect("a nonce");
    let long = "x".repeat(60_000);
    for (what, credentials, expected) in [
        ("another realm", good.replace("biloxi", "elsewhere"), "401 Unauthorized"),
        ("another scheme", good.replace("Digest", "Basic"), "401 Unauthorized"),
        ("a forged nonce", good.replace(&nonce, &nonce.to_lowercase()), "200 rc -3"),
        ("somebody's nonce", good.replace(&nonce, &"A".repeat(36)), "200 rc -3"),
        ("no nonce", good.replace(&nonce, ""), "400 Bad Request"),
        ("an unknown algorithm", format!("{good}, algorithm=AKAv1-MD5"), "400 Bad Request"),
        ("an unknown qop", good.replace("qop=auth", "qop=auth-conf"), "400 Bad Request"),
        ("another qop", good.replace("qop=auth", "qop=auth-int"), "200 rc -3"),
        ("no qop", good.replace("qop=auth, nc=00000001, cnonce=\"0a4f113b\", ", ""), "200 rc -3"),
        ("no cnonce", good.replace("0a4f113b", ""), "400 Bad Request"),
        ("no response", good.replace("response=", "x="), "400 Bad Request"),
        ("a short response", format!("{}\"", &good[..good.len() - 2]), "400 Bad Request"),
        ("nobody", good.replace("\"bob\"", "\"\""), "400 Bad Request"),
        ("another user", good.replace("\"bob\"", "\"eve\""), "200 rc -1"),
        ("a user of 60,000 bytes", good.replace("\"bob\"", &format!("\"{long}\"")), "200 rc -1"),
        ("quotes of SQL", good.replace("\"bob\"", "\"bob' or '1'='1\""), "200 rc -1"),
    ] {
        assert_ne!(credentials, good, "{what}");
        assert_eq!(with(&mut world, &credentials), format!("SIP/2.0 {expected}"), "{what}");
    }
    let upper = good.to_uppercase();
    let at = upper.rfind("RESPONSE").expect("there") + 10;
    let upper = format!("{}{}", &good[..at], &upper[at..]);
    assert_eq!(with(&mut world, &upper), "SIP/2.0 200 rc 1", "digits of either case");
}

#[test]
fn of_several_credentials_those_of_the_realm_count() {
    let mut world = world("", "pv_www_authorize(\"BILOXI\")", ASK);
    let answer = BOB.answer(&challenge(&mut world));
    let other = answer.replace("realm=\"biloxi\"", "realm=\"other\"");
    let lines = format!("Authorization: {other}\r\nAuthorization: {answer}\r\n");
    let sent = world.receive(CALLER, register(&lines));
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 rc 1");
}

#[test]
fn an_ack_and_a_cancel_pass() {
    let script = script("", JUDGE, "");
    let script = script.replace("sl_send_reply", "$du = \"sip:10.0.0.9\"; if (0) sl_send_reply");
    let mut world = Plan::default()
        .run(&script.replace(" }\n", " append_hf(\"X: $var(rc)\\r\\n\"); forward(); }\n"));
    for method in ["ACK", "CANCEL"] {
        let sent = world.receive(CALLER, request(method, "", ""));
        assert_eq!(header(&sent, "X"), ["1"], "{method}");
    }
}

#[test]
fn credentials_that_were_right_are_taken_out() {
    let send = "consume_credentials(); $du = \"sip:10.0.0.9\"; forward(); exit; ";
    let script =
        script("", JUDGE, ASK).replace("sl_send_reply(200", &format!("{send} sl_send_reply(200"));
    let mut world = Plan::default().run(&script);
    let answer = BOB.answer(&challenge(&mut world));
    let other = answer.replace("realm=\"biloxi\"", "realm=\"other\"");
    let lines = format!("Authorization: {other}\r\nAuthorization: {answer}\r\n");
    let sent = world.receive(CALLER, register(&lines));
    assert_eq!(header(&sent, "Authorization"), [other]);
}

#[test]
fn who_fails_is_counted_and_told() {
    let params = "modparam(\"auth\", \"max_failures\", 2)";
    let route = "event_route[E_AUTH_FAILURES] { xlog(\"$param(user)\"); $shv(told) = $shv(told) + $param(failures); }";
    let script = script(params, JUDGE, ASK).replace("route {", "loadmodule \"cfgutils\"\nroute {");
    let script = script.replace("rc $var(rc)", "rc $var(rc) $shv(told)") + route;
    let mut world = Plan::default()
        .run(&script.replace("route {", "route { if ($shv(told) == null) $shv(told) = 0; "));
    let challenge = challenge(&mut world);
    let wrong = Client { password: "x", ..BOB }.answer(&challenge);
    for told in ["0", "0", "2", "2", "6"] {
        assert_eq!(with(&mut world, &wrong), format!("SIP/2.0 200 rc -2 {told}"));
        world.take_turn(0);
    }
    let eve = wrong.replace("\"bob\"", "\"eve\"");
    with(&mut world, &eve);
    let listed = command_of(&world, "auth", "auth_failures", &[None]).unwrap();
    assert_eq!(listed["total"], 2);
    let of = |at: usize| listed["failures"][at].clone();
    let from = "198.51.100.7";
    let row = |user, failures| json!({ "source": from, "user": user, "failures": failures });
    assert_eq!((of(0), of(1)), (row("bob", 5), row("eve", 1)));
    let first = command_of(&world, "auth", "auth_failures", &[Some("1")]).unwrap();
    assert_eq!(first["failures"].as_array().unwrap().len(), 1);
    assert_eq!(command_of(&world, "auth", "auth_failures", &[Some("x")]).unwrap_err().code, 400);
}

#[test]
fn remote_party_id() {
    let send = "$avp(rpid) = \"<sip:+4930123@x>\"; if (is_rpid_user_e164()) append_rpid_hf(); \
                $avp(rpid) = \"sip:bob@x\"; if (!is_rpid_user_e164()) append_rpid_hf(\"<\", \">;y=\\r\\nz\"); \
                $du = \"sip:10.0.0.9\"; forward(); exit;";
    let mut world = Plan::default()
        .run(&script("", "1", "").replace("sl_send_reply", &format!("{send} sl_send_reply")));
    let sent = world.receive(CALLER, request("INVITE", "", ""));
    assert_eq!(
        header(&sent, "Remote-Party-ID"),
        ["<sip:+4930123@x>;party=calling;id-type=subscriber;screen=yes", "<sip:bob@x>;y=z"]
    );
}

#[test]
fn what_stands_around_remote_party_id() {
    let params = "modparam(\"auth\", \"rpid_prefix\", \"<\")\n\
        modparam(\"auth\", \"rpid_suffix\", \">;screen=no\")\n\
        modparam(\"auth\", \"rpid_avp\", \"$avp(who)\")";
    let send =
        "$avp(who) = \"sip:bob@x\"; append_rpid_hf(); $du = \"sip:10.0.0.9\"; forward(); exit;";
    let script = script(params, "1", "").replace("sl_send_reply", &format!("{send} sl_send_reply"));
    let sent = Plan::default().run(&script).receive(CALLER, request("INVITE", "", ""));
    assert_eq!(header(&sent, "Remote-Party-ID"), ["<sip:bob@x>;screen=no"]);
}

#[test]
fn what_is_refused_at_load() {
    for (params, refused, why) in [
        ("modparam(\"auth\", \"nonce_expire\", 0)", "", "nonce_expire is 1 to 86400 seconds"),
        ("modparam(\"auth\", \"rpid_avp\", \"$var(x)\")", "", "rpid_avp is an AVP"),
        ("", "www_challenge(\"r\", \"conf\");", "qop is auth, auth-int or both"),
        ("", "www_challenge(\"r\", \"\", \"SHA-1\");", "algorithms are MD5, SHA-256"),
    ] {
        let Err(error) = Plan::default().try_run(&script(params, "1", refused)) else {
            panic!("{why}")
        };
        assert!(error.contains(why), "{error}");
    }
}
