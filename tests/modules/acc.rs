//! Module `acc` (spec 9.6): what is written of transactions, seen as rows and events. What goes to
//! the log is in `tests/live/language`.

use std::fmt::Write;

use sluice_engine::db::{Action, Field, Statement};
use sluice_tests::world::{Plan, World};

use crate::tm_world::{
    CALLEE, CALLER, SECOND, cancel, header, invite, message, reply, request, to,
};

const MODULES: [&str; 9] =
    ["tm", "rr", "sl", "sipmsgops", "cfgutils", "db_text", "acc", "signaling", "textops"];
const DB: &str = "modparam(\"acc\", \"db_url\", \"text:///db\")\n";
const VERSIONS: &str = "table_name(string) table_version(int)\nacc:7\nmissed_calls:5\n";

fn script(params: &str, routes: &str) -> String {
    let modules: String =
        MODULES.iter().map(|module| format!("loadmodule \"{module}\"\n")).collect();
    format!("{modules}{params}{routes}")
}

fn plan() -> Plan {
    Plan::default().file("/db/version", VERSIONS)
}

/// A world whose script relays to [`CALLEE`] after `first`.
fn relaying(params: &str, first: &str) -> World {
    let routes = format!(
        "route {{ {first} $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); }}\n\
         failure_route[second] {{ $ru = \"sip:c@10.0.0.2:5072\"; t_relay(); }}\n\
         failure_route[again] {{ do_accounting(\"db\", \"missed\"); t_reply(480, \"Gone\"); }}\n\
         onreply_route[r] {{ $acc_extra(x) = $acc_extra(x) + \"+\" + $rs; }}\n"
    );
    plan().run(&script(&format!("{DB}{params}"), &routes))
}

/// What has been put into the queue of the database: table, and fields without their names.
fn rows(world: &World) -> Vec<String> {
    let mut statements = Vec::new();
    for later in world.program.later() {
        later.take(&mut statements);
    }
    statements.iter().map(row).collect()
}

fn row(statement: &Statement) -> String {
    let Action::Insert(fields) = &statement.action else { panic!("{statement:?}") };
    let mut text = format!("{}:", statement.table);
    for (column, field) in fields {
        match field {
            Field::Text(value) => write!(text, " {}", String::from_utf8_lossy(value)).unwrap(),
            Field::Time(seconds) => {
                assert!(&**column == "time" && (0..100).contains(&(seconds - 1_800_000_000)));
            }
            other => panic!("{column}: {other:?}"),
        }
    }
    text
}

/// The INVITE that the callee gets, and what it answers.
fn call(world: &mut World, statuses: &[&str]) {
    let sent = world.receive(CALLER, invite());
    let out = request(&sent, CALLEE, "INVITE");
    for status in statuses {
        world.receive(CALLEE, reply(&out, status));
    }
}

#[test]
fn an_answer_is_a_row_when_the_reply_goes_up() {
    let mut world = relaying("", "do_accounting(\"db\");");
    call(&mut world, &["180 Ringing"]);
    assert_eq!(rows(&world), [""; 0]);
    let mut world = relaying("", "do_accounting(\"db\");");
    call(&mut world, &["180 Ringing", "200 Fine"]);
    assert_eq!(rows(&world), ["acc: INVITE 1 2 abc 200 Fine"]);
    assert_eq!(world.warnings, [""; 0]);
}

#[test]
fn a_2xx_that_comes_again_is_not_written_again() {
    let mut world = relaying("", "do_accounting(\"db\");");
    call(&mut world, &["200 OK", "200 OK", "200 OK"]);
    assert_eq!(rows(&world).len(), 1);
}

#[test]
fn what_is_not_accounted_leaves_no_witness() {
    let mut world = relaying("", "");
    call(&mut world, &["486 Busy"]);
    assert_eq!(rows(&world), [""; 0]);
}

#[test]
fn failures_count_with_the_flag_failed_and_missed_calls_are_another_table() {
    for (flags, expected) in [
        ("", vec![]),
        (", \"failed\"", vec!["acc: INVITE 1 2 abc 486 Busy"]),
        (", \"missed\"", vec!["missed_calls: INVITE 1 2 abc 486 Busy"]),
        (
            ", \"missed|failed\"",
            vec!["missed_calls: INVITE 1 2 abc 486 Busy", "acc: INVITE 1 2 abc 486 Busy"],
        ),
    ] {
        let mut world = relaying("", &format!("do_accounting(\"db\"{flags});"));
        call(&mut world, &["486 Busy"]);
        assert_eq!(rows(&world), expected, "{flags}");
    }
}

#[test]
fn only_the_first_destination_that_fails_is_missed() {
    let first = "do_accounting(\"db\", \"missed\"); t_on_failure(\"second\");";
    let mut world = relaying("", first);
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let out = request(&world.receive(CALLEE, reply(&out, "486 Busy")), SECOND, "INVITE");
    world.receive(SECOND, reply(&out, "480 Away"));
    assert_eq!(rows(&world), ["missed_calls: INVITE 1 2 abc 486 Busy"]);
    // The second answers: that is written as any answer.
    let mut world = relaying("", first);
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let out = request(&world.receive(CALLEE, reply(&out, "486 Busy")), SECOND, "INVITE");
    world.receive(SECOND, reply(&out, "200 OK"));
    let expected = ["missed_calls: INVITE 1 2 abc 486 Busy", "acc: INVITE 1 2 abc 200 OK"];
    assert_eq!(rows(&world), expected);
    // The script asks for it again, and answers itself.
    let mut world = relaying("", &first.replace("second", "again"));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    world.receive(CALLEE, reply(&out, "486 Busy"));
    let found = rows(&world);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("missed_calls: INVITE 1 ") && found[1].ends_with(" abc 480 Gone"));
}

#[test]
fn silence_and_replies_of_ours_are_written_with_what_the_caller_got() {
    let mut world = relaying("", "do_accounting(\"db\", \"failed\");");
    world.receive(CALLER, invite());
    let sent = world.pass(31_000);
    let up = to(&sent, CALLER).into_iter().cloned().collect::<Vec<_>>();
    let tag = header(&up, "To").unwrap();
    let tag = tag.split("tag=").nth(1).unwrap();
    assert_eq!(rows(&world), [format!("acc: INVITE 1 {tag} abc 408 Request Timeout")]);
    // A reply of the script: nothing has failed, but it was missed.
    let routes = "route { do_accounting(\"db\", \"missed\"); t_newtran(); t_reply(404, \"No\"); }";
    let mut world = plan().run(&script(DB, routes));
    world.receive(CALLER, invite());
    let found = rows(&world);
    assert!(found.len() == 1 && found[0].starts_with("missed_calls: INVITE 1 "), "{found:?}");
    assert!(found[0].ends_with(" abc 404 No"), "{found:?}");
}

#[test]
fn tables_and_flags_add_up_and_are_dropped() {
    for (calls, expected) in [
        ("do_accounting(\"db\", , \"mine\");", "mine"),
        ("do_accounting(\"db\", , \"mine\"); do_accounting(\"db\");", "mine"),
        ("do_accounting(\"log\"); do_accounting(\"DB | log\", , \"$rm\");", "INVITE"),
        ("do_accounting(\"db|log\"); drop_accounting(\"log\");", "acc"),
        ("do_accounting(\"db\"); drop_accounting(\"db\", \"missed\");", "acc"),
        ("do_accounting(\"db\"); drop_accounting(\"db\");", ""),
        ("do_accounting(\"db\", \"failed\"); drop_accounting();", ""),
        ("do_accounting(\"db\"); drop_accounting(); do_accounting(\"db\");", "acc"),
    ] {
        let mut world = relaying("", calls);
        call(&mut world, &["200 OK"]);
        let expected = match expected {
            "" => vec![],
            table => vec![format!("{table}: INVITE 1 2 abc 200 OK")],
        };
        assert_eq!(rows(&world), expected, "{calls}");
    }
    let routes = "route { $var(a) = drop_accounting(); sl_send_reply(200, \"=$var(a)\"); }";
    let mut world = plan().run(&script(DB, routes));
    assert_eq!(world.receive(CALLER, invite())[0].first_line(), "SIP/2.0 200 =-1");
}

#[test]
fn without_a_database_the_script_is_told() {
    let routes = "route { $var(a) = do_accounting(\"db\"); $var(b) = acc_db_request(\"200\", \"t\");\n\
        $var(c) = acc_log_request(\"200\"); sl_send_reply(200, \"=$var(a) $var(b) $var(c)\"); }";
    let mut world = Plan::default().run(&script("", routes));
    assert_eq!(world.receive(CALLER, invite())[0].first_line(), "SIP/2.0 200 =-1 -1 1");
    let refused = |params: &str| Plan::default().try_run(&script(params, "route { exit; }")).err();
    let fields = "modparam(\"acc\", \"extra_fields\", \"db: a\")\n";
    assert!(refused(fields).unwrap().contains("neither db_url nor db_default_url"));
    let nowhere = "modparam(\"acc\", \"db_url\", \"text:///nowhere\")\n";
    assert!(refused(nowhere).unwrap().contains("/nowhere"));
    // The database of all modules serves, too.
    let default = "db_default_url = \"text:///db\"\n";
    let routes = "route { acc_db_request(\"404 Not there\", \"calls\"); }";
    let mut world = plan().run(&script(default, routes));
    world.receive(CALLER, invite());
    assert_eq!(rows(&world), ["calls: INVITE 1  abc 404 Not there"]);
}

#[test]
fn comments_have_a_code_or_none() {
    for (comment, expected) in [
        ("404 Not there", "404 Not there"),
        ("calls", " calls"),
        ("200", "200 "),
        ("20 x", " 20 x"),
        ("486$rm", "486 INVITE"),
    ] {
        let routes = format!("route {{ acc_db_request(\"{comment}\", \"t\"); }}");
        let mut world = plan().run(&script(DB, &routes));
        world.receive(CALLER, invite());
        assert_eq!(rows(&world), [format!("t: INVITE 1  abc {expected}")], "{comment}");
    }
}

#[test]
fn names_of_tables_and_columns_are_the_scripts() {
    let columns = [
        "acc_method_column",
        "acc_from_tag_column",
        "acc_to_tag_column",
        "acc_callid_column",
        "acc_sip_code_column",
        "acc_sip_reason_column",
        "acc_time_column",
    ];
    let mut params = String::from(DB);
    for column in columns {
        writeln!(params, "modparam(\"acc\", \"{column}\", \"my_{column}\")").unwrap();
    }
    params.push_str("modparam(\"acc\", \"db_table_acc\", \"good\")\n");
    params.push_str("modparam(\"acc\", \"db_table_missed_calls\", \"bad\")\n");
    let routes =
        "route { do_accounting(\"db\", \"missed|failed\"); t_newtran(); t_reply(404, \"\"); }";
    let mut world = plan().run(&script(&params, routes));
    let unknown = ["good", "bad"].map(|table| format!("/db/{table}: no row for it in /db/version"));
    assert_eq!(world.warnings, unknown);
    world.receive(CALLER, invite());
    let mut statements = Vec::new();
    world.program.later()[0].take(&mut statements);
    assert_eq!([&*statements[0].table, &*statements[1].table], ["bad", "good"]);
    let Action::Insert(fields) = &statements[0].action else { panic!() };
    let names: Vec<_> = fields.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, columns.map(|column| format!("my_{column}")));
}

#[test]
fn rows_arrive_in_a_table_of_db_text() {
    let table = "id(int,auto) method(string) from_tag(string) to_tag(string) callid(string) \
                 sip_code(string) sip_reason(string) time(time)\n";
    let routes = "route { do_accounting(\"db\"); $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); }";
    let mut world = plan().file("/db/acc", table).run(&script(DB, routes));
    call(&mut world, &["200 OK"]);
    let mut statements = Vec::new();
    let later = &world.program.later()[0];
    later.take(&mut statements);
    later.source().ask(statements).unwrap();
    world.program.end();
    let text = sluice_engine::files::Files::read(&*world.files, "/db/acc").unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("1:INVITE:1:2:abc:200:OK:1800000000\n"), "{text}");
}

#[test]
fn early_media_counts_where_it_is_asked_for() {
    let early = "modparam(\"acc\", \"early_media\", 1)\n";
    for (params, expected) in [("", 1), (early, 2)] {
        let mut world = relaying(params, "do_accounting(\"db\");");
        let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
        let ringing = reply(&out, "183 Session Progress");
        world.receive(CALLEE, ringing.replace("Length: 0\r\n\r\n", "Length: 3\r\n\r\nv=0"));
        world.receive(CALLEE, reply(&out, "180 Ringing"));
        world.receive(CALLEE, reply(&out, "200 OK"));
        let found = rows(&world);
        assert_eq!(found.len(), expected, "{found:?}");
        assert_eq!(found.last().unwrap(), "acc: INVITE 1 2 abc 200 OK");
    }
}

#[test]
fn cancels_are_reported_where_it_is_asked_for() {
    let reports = "modparam(\"acc\", \"report_cancels\", 1)\n";
    for (params, expected) in [("", 0), (reports, 1)] {
        let routes = "route { if (is_method(\"CANCEL\")) do_accounting(\"db\");\n\
            $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); }";
        let mut world = plan().run(&script(&format!("{DB}{params}"), routes));
        let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
        world.receive(CALLEE, reply(&out, "180 Ringing"));
        world.receive(CALLER, cancel());
        let found = rows(&world);
        assert_eq!(
            found.iter().filter(|row| row.contains(" CANCEL ")).count(),
            expected,
            "{found:?}"
        );
    }
}

#[test]
fn a_request_to_the_caller_has_from_and_to_changed_places() {
    for (params, expected) in
        [("", "BYE 1 9"), ("modparam(\"acc\", \"detect_direction\", 1)\n", "BYE 9 1")]
    {
        let routes = "route { loose_route(); do_accounting(\"db\"); $du = \"sip:10.0.0.1:5071\"; t_relay(); }";
        let mut world = plan().run(&script(&format!("{DB}{params}"), routes));
        let route = "Route: <sip:127.0.0.1;lr;ftag=9>\r\n";
        let bye = message("BYE sip:a@x SIP/2.0", "BYE", route)
            .replace("To: <sip:b@x>", "To: <sip:b@x>;tag=9");
        let out = request(&world.receive(CALLER, bye), CALLEE, "BYE");
        world.receive(CALLEE, reply(&out, "200 OK").replace("tag=2", "tag=9"));
        assert_eq!(rows(&world), [format!("acc: {expected} abc 200 OK")]);
    }
}

#[test]
fn extra_fields_are_kept_with_the_transaction_and_may_change_with_replies() {
    let params = "modparam(\"acc\", \"extra_fields\", \"db: x->col_x; y\")\n\
                  modparam(\"acc\", \"extra_fields\", \"log: z\")\n";
    let first = "$acc_extra(x) = $fu; do_accounting(\"db\"); $acc_extra(y) = 5;\n\
                 $acc_extra(z) = \"log only\"; t_on_reply(\"r\");";
    let mut world = relaying(params, first);
    call(&mut world, &["180 Ringing", "200 OK"]);
    assert_eq!(rows(&world), ["acc: INVITE 1 2 abc 200 OK sip:a@x+180+200 5"]);
    let routes = "route { $var(none) = $acc_extra(x); $acc_extra(x) = \"a\"; acc_db_request(\"1\", \"t\");\n\
        $acc_extra(x) = NULL; acc_db_request(\"2\", \"t\"); $acc_extra(q) = 1;\n\
        sl_send_reply(200, \"=$var(none) $acc_extra(y) $acc_extra(q)\"); }";
    let mut world = plan().run(&script(&format!("{DB}{params}"), routes));
    let sent = world.receive(CALLER, invite());
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 =<null> <null> <null>");
    assert_eq!(rows(&world), ["t: INVITE 1  abc  1 a ", "t: INVITE 1  abc  2  "]);
}

#[test]
fn each_leg_is_a_row() {
    let params = "modparam(\"acc\", \"leg_fields\", \"db: from->src; to->dst\")\n";
    let first = "do_accounting(\"db\"); $acc_leg(from) = \"a\"; $acc_leg(to) = \"b\"; acc_new_leg();\n\
                 $(acc_leg(from)[1]) = \"b\"; $(acc_leg(to)[-1]) = \"c\"; $(acc_leg(to)[-2]) = \"B\";\n\
                 $(acc_leg(to)[7]) = \"none\";";
    let mut world = relaying(params, first);
    call(&mut world, &["200 OK"]);
    let core = "acc: INVITE 1 2 abc 200 OK";
    assert_eq!(rows(&world), [format!("{core} a B"), format!("{core} b c")]);
    let routes = "route { $var(a) = $acc_current_leg; acc_new_leg(); acc_new_leg(); $acc_leg(to) = \"x\";\n\
        $var(b) = $(acc_leg(to)[2]); $var(c) = $(acc_leg(to)[-4]);\n\
        sl_send_reply(200, \"=$var(a) $acc_current_leg $acc_leg(to) $var(b) $var(c)\"); }";
    let mut world = plan().run(&script(&format!("{DB}{params}"), routes));
    let sent = world.receive(CALLER, invite());
    assert_eq!(sent[0].first_line(), "SIP/2.0 200 =<null> 2 x x <null>");
}

#[test]
fn events_tell_answers_and_failures() {
    let params = "modparam(\"acc\", \"extra_fields\", \"evi: x\")\n\
                  modparam(\"acc\", \"leg_fields\", \"evi: l\")\n\
                  modparam(\"cfgutils\", \"shvset\", \"n=i:0\")\n\
                  modparam(\"cfgutils\", \"shvset\", \"e=s:\")\n";
    let names =
        ["method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time", "x", "l"];
    let told: String = names.map(|name| format!(" + \" \" + $param({name})")).concat();
    let routes = format!(
        "route {{ if (is_method(\"OPTIONS\")) {{ sl_send_reply(200, \"=$shv(n)$shv(e)\"); exit; }}\n\
         do_accounting(\"evi\", \"missed\"); $acc_extra(x) = \"more\"; $acc_leg(l) = \"leg\";\n\
         $ru = \"sip:b@10.0.0.1:5071\"; t_relay(); acc_evi_request(\"300 three\"); }}\n\
         event_route[E_ACC_EVENT] {{ $shv(e) = $shv(e) + \"|yes \" + $param(sip_code); }}\n\
         event_route[E_ACC_MISSED_EVENT] {{ $shv(n) = $shv(n) + 1;\n\
         $shv(e) = $shv(e) + \"|\"{told}; }}"
    );
    let heard = |status: &str| {
        let mut world = plan().run(&script(params, &routes));
        call(&mut world, &[status]);
        world.pass(1);
        let options = message("OPTIONS sip:x SIP/2.0", "OPTIONS", "").replace("abc", "def");
        world.receive(CALLER, options)[0].first_line()
    };
    let expected = "SIP/2.0 200 =2| INVITE 1  abc 300 three 1800000000 more leg\
                    | INVITE 1 2 abc 486 Busy 1800000000 more leg";
    assert_eq!(heard("486 Busy"), expected);
    assert!(heard("200 OK").ends_with("|yes 200"));
}

#[test]
fn flags_of_1_x_say_what_is_written() {
    let params = "modparam(\"acc\", \"db_flag\", 1)\nmodparam(\"acc\", \"db_missed_flag\", \"MISSED\")\n\
                  modparam(\"acc\", \"failed_transaction_flag\", 3)\n";
    for (first, status, expected) in [
        ("setflag(1);", "200 OK", vec!["acc: INVITE 1 2 abc 200 OK"]),
        ("setflag(1);", "486 Busy", vec![]),
        ("setflag(1); setflag(3);", "486 Busy", vec!["acc: INVITE 1 2 abc 486 Busy"]),
        ("setflag(MISSED);", "486 Busy", vec!["missed_calls: INVITE 1 2 abc 486 Busy"]),
        ("setflag(MISSED);", "200 OK", vec![]),
        ("setflag(3);", "486 Busy", vec![]),
        ("", "200 OK", vec![]),
    ] {
        let mut world = relaying(params, first);
        call(&mut world, &[status]);
        assert_eq!(rows(&world), expected, "{first} {status}");
    }
    // The flag of missed calls is gone after the first one.
    let mut world = relaying(params, "setflag(MISSED); t_on_failure(\"second\");");
    let out = request(&world.receive(CALLER, invite()), CALLEE, "INVITE");
    let out = request(&world.receive(CALLEE, reply(&out, "486 Busy")), SECOND, "INVITE");
    world.receive(SECOND, reply(&out, "480 Away"));
    assert_eq!(rows(&world), ["missed_calls: INVITE 1 2 abc 486 Busy"]);
}

#[test]
fn extras_of_1_x_are_read_when_the_record_is_written() {
    let params = "modparam(\"acc\", \"db_extra\", \"ru=$ru; user=$avp(user); none=$avp(none)\")\n\
                  modparam(\"acc\", \"log_extra\", \"fu=$fu\")\nmodparam(\"acc\", \"db_flag\", 1)\n";
    let mut world = relaying(params, "setflag(1); $avp(user) = \"joe\";");
    call(&mut world, &["200 OK"]);
    assert_eq!(rows(&world), ["acc: INVITE 1 2 abc 200 OK sip:b@10.0.0.1:5071 joe "]);
    let mut world =
        relaying(params, "acc_db_request(\"1\", \"t\"); acc_db_request(\"2 $rm\", \"t\");");
    world.receive(CALLER, invite());
    let expected = ["t: INVITE 1  abc  1 sip:b@x  ", "t: INVITE 1  abc  2 INVITE sip:b@x  "];
    assert_eq!(rows(&world), expected);
}

#[test]
fn requests_of_our_own_are_accounted_in_their_local_route() {
    let routes = "route { $ru = \"sip:b@10.0.0.1:5071\";\n\
        t_new_request(\"MESSAGE\", \"sip:b@10.0.0.1:5071\", \"sip:me@x\", \"sip:b@x\"); exit; }\n\
        local_route { do_accounting(\"db\", \"failed\"); }";
    let mut world = plan().run(&script(DB, routes));
    let out = request(&world.receive(CALLER, invite()), CALLEE, "MESSAGE");
    world.receive(
        CALLEE,
        reply(&out, "202 Accepted").replace("To: <sip:b@x>;tag=2", "To: <sip:b@x>;tag=7"),
    );
    let found = rows(&world);
    assert!(found.len() == 1 && found[0].starts_with("acc: MESSAGE "), "{found:?}");
    assert!(found[0].contains(" 7 ") && found[0].ends_with(" 202 Accepted"), "{found:?}");
}

#[test]
fn parameters_and_words_that_are_not_there_say_why() {
    let refused = |params: &str, routes: &str| {
        Plan::default().try_run(&script(params, routes)).err().unwrap()
    };
    let call = |call: &str| refused("", &format!("route {{ {call} }}"));
    assert!(call("do_accounting(\"db\", \"cdr\");").contains("come with module dialog"));
    assert!(call("do_accounting(\"aaa\");").contains("RADIUS and Diameter are not spoken"));
    assert!(call("do_accounting(\"file\");").contains("log, db or evi, not `file`"));
    assert!(call("acc_aaa_request(\"1\");").contains("later"));
    for (name, value) in [
        ("cdr_flag", "1"),
        ("multi_leg_info", "\"a=$avp(a)\""),
        ("multi_leg_bye_info", "\"a=$avp(a)\""),
        ("db_table_avp", "\"$avp(t)\""),
        ("log_extra_bye", "\"a=$fu\""),
        ("db_extra_bye", "\"a=$fu\""),
        ("evi_extra_bye", "\"a=$fu\""),
    ] {
        let text = refused(&format!("modparam(\"acc\", \"{name}\", {value})\n"), "route { exit; }");
        assert!(text.contains("later"), "{name}: {text}");
    }
    for (name, value) in [
        ("log_extra", "\"no variable\""),
        ("evi_extra", "\"c=$ct / reply\""),
        ("extra_fields", "\"a\""),
        ("leg_fields", "\"aaa: a\""),
    ] {
        let text = refused(&format!("modparam(\"acc\", \"{name}\", {value})\n"), "route { exit; }");
        assert!(text.contains("test.cfg:10:"), "{name}: {text}");
    }
    // With a note, nothing is done.
    let ignored = "modparam(\"acc\", \"log_facility\", \"LOG_DAEMON\")\n\
                   modparam(\"acc\", \"report_ack\", 1)\n\
                   modparam(\"acc\", \"acc_created_avp_name\", \"x\")\n\
                   modparam(\"acc\", \"aaa_url\", \"radius:x\")\nmodparam(\"acc\", \"service_type\", 15)\n\
                   modparam(\"acc\", \"radius_flag\", 1)\nmodparam(\"acc\", \"aaa_missed_flag\", 1)\n\
                   modparam(\"acc\", \"aaa_extra\", \"a=$fu\")\n\
                   modparam(\"acc\", \"log_level\", 3)\nmodparam(\"acc\", \"log_flag\", 1)\n\
                   modparam(\"acc\", \"log_missed_flag\", 2)\nmodparam(\"acc\", \"evi_flag\", 3)\n\
                   modparam(\"acc\", \"evi_missed_flag\", 4)\n";
    assert!(Plan::default().try_run(&script(ignored, "route { exit; }")).is_ok());
    let without = |module: &str, params: &str| {
        let script = script(params, "route { exit; }");
        Plan::default().try_run(&script.replace(&format!("loadmodule \"{module}\"\n"), "")).err()
    };
    assert!(without("tm", "").unwrap().contains("loadmodule \"tm.so\""));
    let direction = "modparam(\"acc\", \"detect_direction\", 1)\n";
    assert!(without("rr", direction).unwrap().contains("loadmodule \"rr.so\""));
}
