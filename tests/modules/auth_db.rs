//! Module `auth_db`: passwords of tables, here of `db_text` (spec 7).

use sluice_engine::job::{Answer, Job};
use sluice_tests::digest::hash;
use sluice_tests::world::{Plan, Sent, World};

use crate::auth::{BOB, CALLER, Client, header, register};
use crate::world::command_of;

const USERS: &str = "id(int,auto) username(string) domain(string) password(string,null) \
    ha1(string,null) ha1_sha256(string,null) rpid(string,null) age(int)\n";

fn plan() -> Plan {
    let row = |id: u8, domain: &str, password: &str| {
        let ha1 = |by: &str| hash(by, &format!("bob:biloxi:{password}"));
        let (md5, sha) = (ha1("MD5"), ha1("SHA-256"));
        format!("{id}:bob:{domain}:{password}:{md5}:{sha}:sip\\:+49{id}@x:4{id}\n")
    };
    let rows = row(1, "biloxi", "zanzibar") + &row(2, "other", "elsewhere");
    let text = format!("{USERS}{rows}3:nil:biloxi:::::5\n");
    let version = "table_name(str) table_version(int)\nsubscriber:7\n";
    Plan::default().file("/db/subscriber", text).file("/db/version", version).file(
        "/db/uri",
        "id(int,auto) username(string) domain(string) uri_user(string)\n1:bob:biloxi:robert\n",
    )
}

fn script(params: &str, algorithm: &str, right: &str) -> String {
    format!(
        "loadmodule \"db_text\"\nloadmodule \"sl\"\nloadmodule \"auth\"\nloadmodule \"auth_db\"\n\
         modparam(\"auth_db\", \"db_url\", \"text:///db\")\n{params}\n\
         route {{ $var(rc) = www_authorize(\"\", \"subscriber\");\n\
         if ($var(rc) == -4) {{ www_challenge(\"\", \"auth\", \"{algorithm}\"); }}\n\
         {right} sl_send_reply(200, \"rc $var(rc) $avp(rpid) $avp(years)\"); }}\n"
    )
}

fn world(params: &str, algorithm: &str) -> World {
    plan().run(&script(params, algorithm, ""))
}

fn challenge(world: &mut World) -> String {
    let sent = world.receive(CALLER, register(""));
    header(&sent, "WWW-Authenticate").remove(0)
}

/// What comes of an answer, after the database's where it is asked.
fn answered(world: &mut World, client: &Client<'_>) -> String {
    let credentials = client.answer(&challenge(world));
    with(world, &credentials)
}

fn with(world: &mut World, credentials: &str) -> String {
    let mut sent = world.receive(CALLER, register(&format!("Authorization: {credentials}\r\n")));
    while sent.is_empty() && world.asked().is_some() {
        sent = world.query();
    }
    sent.first().map_or_else(String::new, Sent::first_line)
}

const PLAIN: &str = "modparam(\"auth_db\", \"calculate_ha1\", 1)\n\
     modparam(\"auth_db\", \"password_column\", \"password\")\n";

const AVPS: &str = "modparam(\"auth_db\", \"load_credentials\", \"rpid; $avp(years) = age\")\n";

#[test]
fn hashes_and_plain_passwords() {
    for algorithm in ["MD5", "MD5-sess", "SHA-256"] {
        let mut world = world(AVPS, algorithm);
        let right = answered(&mut world, &BOB);
        assert_eq!(right, "SIP/2.0 200 rc 1 sip:+491@x 41", "{algorithm}");
        let wrong = answered(&mut world, &Client { password: "elsewhere", ..BOB });
        assert_eq!(wrong, "SIP/2.0 200 rc -2 <null> <null>", "{algorithm}");
    }
    for algorithm in ["MD5", "SHA-512-256-sess"] {
        let mut world = world(&format!("{PLAIN}{AVPS}"), algorithm);
        let right = answered(&mut world, &BOB);
        assert_eq!(right, "SIP/2.0 200 rc 1 sip:+491@x 41", "{algorithm}");
    }
}

#[test]
fn unknown_users_and_users_without_a_password() {
    let mut world = world("", "MD5");
    let rc = |world: &mut World, user| answered(world, &Client { user, ..BOB });
    assert!(rc(&mut world, "eve").starts_with("SIP/2.0 200 rc -1 "));
    assert!(rc(&mut world, "nil").starts_with("SIP/2.0 200 rc -2 "));
    assert!(rc(&mut world, "bob' or '1'='1").starts_with("SIP/2.0 200 rc -1 "));
    let mut plain = world_plain_empty();
    let empty = answered(&mut plain, &Client { user: "nil", password: "", ..BOB });
    assert!(empty.starts_with("SIP/2.0 200 rc -2 "), "no password is none that fits: {empty}");
}

fn world_plain_empty() -> World {
    world(PLAIN, "MD5")
}

#[test]
fn domains_tell_users_apart_where_they_are_in_use() {
    let params = format!("{PLAIN}modparam(\"auth_db\", \"use_domain\", 1)\n");
    let mut world = world(&params, "MD5");
    let rc = |world: &mut World, user, password| {
        let line = answered(world, &Client { user, password, ..BOB });
        line.strip_prefix("SIP/2.0 200 rc ").unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(rc(&mut world, "bob", "zanzibar"), "1", "that of the realm");
    assert_eq!(rc(&mut world, "bob", "elsewhere"), "-2");
    assert_eq!(rc(&mut world, "bob@other", "elsewhere"), "1", "that of the username");
    assert_eq!(rc(&mut world, "bob@nowhere", "zanzibar"), "-1");
}

#[test]
fn rows_are_kept_as_long_as_the_script_says() {
    let params = format!("modparam(\"db_text\", \"db_mode\", 1)\n{AVPS}");
    let cached = format!("{params}modparam(\"auth_db\", \"credentials_cache\", 60)\n");
    let mut world = world(&cached, "MD5");
    assert_eq!(answered(&mut world, &BOB), "SIP/2.0 200 rc 1 sip:+491@x 41");
    let credentials = BOB.answer(&challenge(&mut world));
    let sent = world.receive(CALLER, register(&format!("Authorization: {credentials}\r\n")));
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 rc 1 sip:+491@x 41", "nobody is asked");
    assert_eq!(command_of(&world, "auth_db", "auth_db_forget", &[]).unwrap(), "OK");
    let ask = |world: &mut World| {
        let credentials = BOB.answer(&challenge(world));
        let sent = world.receive(CALLER, register(&format!("Authorization: {credentials}\r\n")));
        let asked = sent.is_empty() && matches!(world.asked(), Some(Job::Query(_)));
        assert!(!asked || world.query()[0].first_line().contains("rc 1"));
        asked
    };
    assert!(ask(&mut world), "forgotten");
    assert!(!ask(&mut world));
    world.pass(60_000);
    assert!(ask(&mut world), "the time is over");
}

#[test]
fn a_database_that_does_not_answer_is_an_error_of_the_function() {
    let mut world = world("modparam(\"db_text\", \"db_mode\", 1)\n", "MD5");
    let credentials = BOB.answer(&challenge(&mut world));
    let request = register(&format!("Authorization: {credentials}\r\n"));
    assert!(world.receive(CALLER, &request).is_empty());
    let sent = world.answer(Answer::Failed("the control plane is overloaded".into()));
    assert!(sent[0].first_line().starts_with("SIP/2.0 200 rc -5 "));
    // Nothing was used up.
    assert!(world.receive(CALLER, &request).is_empty());
    assert!(world.query()[0].first_line().starts_with("SIP/2.0 200 rc 1 "));
}

#[test]
fn a_table_that_is_not_there_is_an_error_too() {
    let script = script("", "MD5", "").replace("\"subscriber\"", "\"nowhere\"");
    let mut world = plan().run(&script);
    assert!(answered(&mut world, &BOB).starts_with("SIP/2.0 200 rc -5 "));
}

#[test]
fn whose_uri_it_is() {
    for (judge, to, expected) in [
        ("db_is_to_authorized()", "sip:bob@biloxi", 1),
        ("db_is_to_authorized()", "sip:robert@biloxi", -1),
        ("db_check_to()", "sip:bob@biloxi", 1),
        ("check_from()", "sip:eve@biloxi", 1),
        ("db_is_to_authorized(\"uri\")", "sip:robert@biloxi", 1),
        ("db_is_to_authorized(\"uri\")", "sip:bob@biloxi", -1),
        ("db_is_from_authorized(\"uri\")", "sip:robert@biloxi", -1),
        ("db_does_uri_exist(\"$tu\", \"subscriber\")", "sip:bob@any", 1),
        ("db_does_uri_exist(\"$tu\", \"subscriber\")", "sip:robert@any", -1),
        ("db_does_uri_exist(\"sip:any\", \"subscriber\")", "sip:bob@any", -1),
        ("db_get_auth_id(\"uri\", \"$tu\", $avp(rpid), $avp(years))", "sip:robert@b", 1),
        ("db_get_auth_id(\"uri\", \"$tu\", $avp(rpid), $avp(years))", "sip:bob@b", -1),
    ] {
        let right = format!("if ($var(rc) == 1) $var(rc) = {judge};");
        let realm = script("", "MD5", &right).replace("(\"\",", "(\"biloxi\",");
        let mut world = plan().run(&realm);
        let credentials = BOB.answer(&challenge(&mut world));
        let request = register(&format!("Authorization: {credentials}\r\n"));
        let request = request.replace("To: <sip:bob@biloxi>", &format!("To: <{to}>"));
        let mut sent = world.receive(CALLER, request);
        while sent.is_empty() {
            sent = world.query();
        }
        let found =
            if expected == 1 && judge.contains("auth_id") { "bob biloxi" } else { "<null> <null>" };
        let line = format!("SIP/2.0 200 rc {expected} {found}");
        assert_eq!(sent[0].first_line(), line, "{judge} {to}");
    }
}

#[test]
fn columns_of_other_names() {
    let renamed = [
        ("user_column", "u"),
        ("domain_column", "d"),
        ("password_column", "h1"),
        ("hash_column_sha256", "h2"),
        ("hash_column_sha512t256", "h3"),
        ("uri_user_column", "ou"),
        ("uri_domain_column", "od"),
        ("uri_uriuser_column", "oo"),
    ];
    let mut params = "modparam(\"auth_db\", \"use_domain\", 1)\n\
        modparam(\"auth_db\", \"skip_version_check\", 1)\n"
        .to_owned();
    for (param, column) in renamed {
        params += &format!("modparam(\"auth_db\", \"{param}\", \"{column}\")\n");
    }
    let ha1 = |by: &str| hash(by, "bob:biloxi:zanzibar");
    let row = ["MD5", "SHA-256", "SHA-512-256"].map(ha1).join(":");
    let users = format!("u(string) d(string) h1(string) h2(string) h3(string)\nbob:biloxi:{row}\n");
    let uri = "ou(string) od(string) oo(string)\nbob:biloxi:bob\n";
    for algorithm in ["MD5", "SHA-256", "SHA-512-256"] {
        let right = "if ($var(rc) == 1) { $var(rc) = 1 + db_is_to_authorized(\"uri\"); }";
        let plan = plan().file("/db/subscriber", &users).file("/db/uri", uri);
        let mut world = plan.run(&script(&params, algorithm, right));
        assert!(world.warnings.is_empty(), "no version is looked for: {:?}", world.warnings);
        assert!(answered(&mut world, &BOB).starts_with("SIP/2.0 200 rc 2 "), "{algorithm}");
    }
}

#[test]
fn what_is_refused_at_start() {
    let whole = script("", "MD5", "");
    for (script, why) in [
        (whole.replace("modparam(\"auth_db\", \"db_url\", \"text:///db\")", ""), "db_default_url"),
        (whole.replace("text:///db", "text:///nowhere"), "/nowhere"),
        (script("modparam(\"auth_db\", \"load_credentials\", \"$var(x)=y\")", "MD5", ""), "no AVP"),
    ] {
        let Err(error) = plan().try_run(&script) else { panic!("{why}") };
        assert!(error.contains(why), "{error}");
    }
    let warned = plan().file("/db/version", "table_name(str) table_version(int)\nsubscriber:5\n");
    let world = warned.run(&whole);
    assert!(world.warnings[0].contains("version 5, not 6 to 8"), "{:?}", world.warnings);
}
