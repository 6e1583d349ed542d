//! `sqlops` and `avpops`: what scripts ask of databases, and what becomes of the answers. The
//! databases are folders of text; a run that waits is answered by the test.

use std::sync::Arc;

use sluice_engine::db::{Action, DbError, Field, Outcome, Rows};
use sluice_engine::job::{Answer, Job};
use sluice_tests::world::{Plan, Sent, World};

use crate::world::{INVITE, compiled};

const USERS: &str = "id(int,auto) username(string) since(int) q(double,null) domain(string,null)\n\
                     1:alice:30:0.5:a.com\n2:bob:10::\n3:carol:20:1:c.com\n";
const PREFERENCES: &str = "uuid(string) username(string) domain(string) attribute(string) \
                           type(int) value(string)\n\
                           :alice:atlanta.example:color:0:red\n\
                           :alice:other.example:color:0:green\n\
                           :alice:atlanta.example:limit:1:5\n\
                           u1:::color:0:blue\n";

fn plan() -> Plan {
    Plan::default().file("/db/users", USERS).file("/db/usr_preferences", PREFERENCES)
}

/// A script that answers with the code of its statements and what is `shown`.
fn script(params: &str, statements: &str, shown: &str) -> String {
    let modules = ["db_text", "sl", "sqlops", "avpops"];
    let modules = modules.map(|module| format!("loadmodule \"{module}.so\"\n")).concat();
    format!(
        "{modules}modparam(\"sqlops|avpops\", \"db_url\", \"text:///db\")\n{params}route {{\n\
         $var(r) = NULL; {statements} $var(c) = $rc;\n sl_send_reply(200, \"$var(c) {shown}\");\n}}"
    )
}

/// Does what the runs of a world ask for, and what is sent then.
fn serve(world: &mut World) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Some(Job::Query(query)) = world.asked().cloned() {
        let outcome = query.source.ask(query.statements);
        sent.extend(world.answer(Answer::Rows(Arc::new(outcome))));
    }
    sent
}

fn line(sent: &[Sent]) -> String {
    sent[0].first_line().strip_prefix("SIP/2.0 200 ").expect("200").to_owned()
}

/// What the statements come to in a request, and a table afterwards.
fn in_world(params: &str, statements: &str, shown: &str, table: &str) -> (String, String) {
    let mut world = plan().run(&script(params, statements, shown));
    let mut sent = world.receive("10.9.9.1:5060", INVITE);
    sent.extend(serve(&mut world));
    assert_eq!(world.workers[0].parked(), 0);
    let file = sluice_engine::files::Files::read(&*world.files, table).expect("the table");
    (line(&sent), String::from_utf8(file).expect("text"))
}

fn once(statements: &str, shown: &str) -> String {
    in_world("", statements, shown, "/db/users").0
}

#[test]
fn rows_are_read_into_avps_the_first_on_top() {
    let select = |rest: &str| {
        let statement = format!("sql_select('[\"username\",\"since\"]', 'users'{rest});");
        once(&statement, "$(avp(n)[*]) $(avp(s)[*])")
    };
    assert_eq!(select(", , , '$avp(n);$avp(s)'"), "1 alice, bob, carol 30, 10, 20");
    assert_eq!(select(", , 'since', '$avp(n);$avp(s)'"), "1 bob, carol, alice 10, 20, 30");
    let filter = "'[{\"since\":{\">\":10}},{\"domain\":{\"!=\":null}}]'";
    assert_eq!(select(&format!(", {filter}, , '$avp(n)'")), "1 alice, carol <null>");
    assert_eq!(select(", '[{\"username\":\"BOB\"}]', , '$avp(n); $avp(s)'"), "1 bob 10");
    assert_eq!(select(", '[{\"username\":\"$rU\"}]', , '$avp(n)'"), "1 bob <null>");
    assert_eq!(select(", '[{\"since\":{\">\":30}}]', , '$avp(n)'"), "-2 <null> <null>");
    let by_another = "sql_select('[\"username\"]', 'users', , 'since');";
    assert_eq!(once(by_another, "$(avp(1)[*]) $avp(2)"), "1 bob, carol, alice <null>");
    let all = "sql_select(, 'users', '[{\"id\":1}]');";
    assert_eq!(once(all, "$avp(1) $avp(2) $avp(3) $avp(4) $avp(5)"), "1 1 alice 30 0.5 a.com");
    let null = "sql_select('[\"domain\"]', 'users', '[{\"id\":2}]', , '$avp(d)');";
    let null = format!("{null} if ($avp(d) == \"<null>\") $var(r) = \"a text\";");
    assert_eq!(once(&null, "$var(r)"), "1 a text");
}

#[test]
fn one_row_goes_into_any_variables_and_null_stays_null() {
    let one = |rest: &str| {
        let statements = format!("$var(d) = \"old\"; sql_select_one({rest});");
        once(&statements, "$avp(n) $(var(d){s.len}) $var(d)")
    };
    let both = "'[\"username\",\"domain\"]', 'users', '[{\"id\":2}]', , '$avp(n);$var(d)'";
    assert_eq!(one(both), "1 bob <null> <null>");
    let few = "'[\"username\",\"domain\"]', 'users', '[{\"id\":2}]', , '$var(d)'";
    assert_eq!(one(few), "-1 <null> 3 old");
    assert_eq!(one("'[\"username\"]', 'users'"), "-1 <null> 3 old", "no variables");
    let none = "'[\"username\"]', 'users', '[{\"id\":9}]', , '$var(d)'";
    assert_eq!(one(none), "-2 <null> 3 old");
    assert_eq!(one("'[\"since\"]', 'users', , 'since', '$avp(n)'"), "1 10 3 old");
}

#[test]
fn a_list_of_variables_is_checked_when_it_is_loaded() {
    for (list, expected) in [
        ("$avp(a) and $avp(b)", "a list of variables, `$avp(a);$avp(b)`"),
        ("name", "a list of variables, `$avp(a);$avp(b)`"),
        ("$avp($var(x))", "a list of variables, `$avp(a);$avp(b)`"),
        ("$si", "invalid left operand in assignment: $si can only be read"),
    ] {
        let script = script("", &format!("sql_query_one('x', '{list}');"), "-");
        let said = compiled(&script).render(false);
        assert!(said.contains(expected), "{list}: {said}");
    }
    let several = once(
        "sql_select_one('[\"username\",\"since\"]', 'users', , , ' $rU ; $var(x); ');",
        "$rU $var(x)",
    );
    assert_eq!(several, "1 alice 30");
}

#[test]
fn rows_are_changed() {
    let changed = |statements: &str| {
        let (said, table) = in_world("", statements, "-", "/db/users");
        assert_eq!(said, "1 -", "{statements}");
        table
    };
    let table = changed("sql_insert('users', '[{\"username\":\"$fU\"},{\"since\":7}]');");
    assert!(table.contains("\n4:alice:7::\n"), "{table}");
    let table =
        changed("sql_update('[{\"since\":8},{\"domain\":null}]', 'users', '[{\"id\":1}]');");
    assert!(table.contains("\n1:alice:8:0.5:\n"), "{table}");
    let table = changed("sql_delete('users', '[{\"since\":{\"<=\":20}}]');");
    assert!(table.ends_with(")\n1:alice:30:0.5:a.com\n"), "{table}");
    let replace = "sql_replace('users', '[{\"username\":\"bob\"},{\"since\":9}]'); \
                   sql_replace('users', '[{\"username\":\"eve\"},{\"since\":9}]');";
    let table = changed(replace);
    assert!(table.contains("\n2:bob:9::\n") && table.contains("\n4:eve:9::\n"), "{table}");
}

#[test]
fn what_cannot_be_asked_is_false() {
    for statement in [
        "sql_select('username', 'users');",
        "sql_select('[5]', 'users');",
        "sql_select('[\"nothing\"]', 'users');",
        "sql_select(, 'nobody');",
        "sql_select(, 'users', '{\"id\":1}');",
        "sql_select(, 'users', '[{\"id\":{\"like\":1}}]');",
        "sql_select(, 'users', '[{\"id\":[1]}]');",
        "sql_select(, 'users', , 'nothing');",
        "sql_select(, 'users', , , '$var(x)');",
        "sql_select(, 'users', , , , 7);",
        "sql_update('[{\"nothing\":1}]', 'users');",
        "sql_insert('users', '[{\"id\":true}]');",
        "sql_delete('users', 'all');",
        "sql_replace('users', '[{\"username\":\"bob\"}]');",
        "sql_query(\"select * from users\");",
        "sql_query_one(\"select * from users\", \"$var(x)\");",
        "avp_db_query(\"select * from users\", \"$avp(x)\", \"0\");",
    ] {
        let (said, table) = in_world("", statement, "-", "/db/users");
        assert_eq!((said.as_str(), table.as_str()), ("-1 -", USERS), "{statement}");
    }
}

#[test]
fn a_run_waits_for_its_database_and_others_do_not() {
    let select = "if ($rU == \"bob\") { \
                  sql_select_one('[\"since\"]', 'users', '[{\"id\":1}]', , '$var(r)'); }";
    let mut world = plan().run(&script("", select, "$var(r)"));
    assert!(world.receive("10.9.9.1:5060", INVITE).is_empty());
    let other = INVITE.replace("sip:bob@", "sip:eve@").replace("a84b4c76e66710", "other");
    let sent = world.receive("10.9.9.1:5060", &other);
    assert!(line(&sent).ends_with(" <null>"));
    assert_eq!(line(&serve(&mut world)), "1 30");
    // The table is in memory now: no run waits for it again.
    let again = INVITE.replace("a84b4c76e66710", "again");
    assert_eq!(line(&world.receive("10.9.9.1:5060", &again)), "1 30");
}

/// A run that has asked, answered as a database would.
fn answered(statement: &str, outcome: Outcome) -> String {
    let mut world = plan().run(&script("", statement, "-"));
    assert!(world.receive("10.9.9.1:5060", INVITE).is_empty(), "it does not wait");
    line(&world.answer(Answer::Rows(Arc::new(outcome))))
}

#[test]
fn a_database_that_does_not_answer_is_false() {
    let select = "sql_select(, 'users', , , '$avp(a)');";
    assert_eq!(answered(select, Err(DbError::Deadline(2_000))), "-1 -");
    assert_eq!(answered(select, Err(DbError::Unreachable("gone".to_owned()))), "-1 -");
    assert_eq!(answered("sql_delete('users');", Err(DbError::Deadline(2_000))), "-1 -");
    let row = || vec![Field::Int(1)].into_boxed_slice();
    let rows = |count| Rows { rows: (0..count).map(|_| row()).collect(), ..Rows::default() };
    assert_eq!(answered(select, Ok(rows(4_096))), "1 -");
    assert_eq!(answered(select, Ok(rows(4_097))), "-1 -", "more than a message may carry");
    let large = vec![Field::text(vec![b'x'; (1 << 20) + 1])].into_boxed_slice();
    let large = Rows { rows: vec![large], ..Rows::default() };
    assert_eq!(answered(select, Ok(large)), "-1 -");
}

/// A run that asks in SQL, answered as a database would.
fn in_words(statement: &str, shown: &str, outcome: Outcome) -> (String, String) {
    let (text, sql) = ("loadmodule \"db_text.so\"", "loadmodule \"db_mysql.so\"");
    let script = script("", statement, shown).replace(text, sql);
    let mut world = plan().run(&script.replace("text:///db", "mysql://u:p@h/d"));
    assert!(world.receive("10.9.9.1:5060", INVITE).is_empty(), "it does not wait");
    let Some(Job::Query(query)) = world.asked().cloned() else { panic!("it asks nothing") };
    let Action::Raw(words) = &query.statements[0].action else { panic!("not in words") };
    let sent = world.answer(Answer::Rows(Arc::new(outcome)));
    (words.to_string(), line(&sent))
}

#[test]
fn a_query_in_sql_is_asked_as_it_is_written() {
    let columns = || Arc::from([Arc::from("a"), Arc::from("b")]);
    let row = |a: i64, b: Field| vec![Field::Int(a), b].into_boxed_slice();
    let rows = vec![row(1, Field::text("x")), row(2, Field::Null)];
    let rows = || Rows { columns: columns(), rows: rows.clone(), ..Rows::default() };
    let none = || Rows { changed: 3, ..Rows::default() };
    let query = "sql_query(\"select a from t where u='$rU'\", \"$avp(a);$avp(b)\");";
    let (words, said) = in_words(query, "$(avp(a)[*]) $(avp(b)[*])", Ok(rows()));
    assert_eq!(words, "select a from t where u='bob'");
    assert_eq!(said, "1 1, 2 x, <null>");
    let avps = "avp_db_query(\"select 1\", \"$avp(a)\", \"0\");";
    assert_eq!(
        in_words(avps, "$(avp(a)[*])", Ok(rows())).1,
        "1 1, 2",
        "what has no AVP is dropped"
    );
    let unnamed = "avp_db_query(\"select 1\", \"\", \"0\");";
    assert_eq!(in_words(unnamed, "$avp(1) $avp(2)", Ok(rows())).1, "1 1 x");
    let one = "sql_query_one(\"select 1\", \"$var(a);$var(b)\");";
    assert_eq!(in_words(one, "$var(a) $var(b)", Ok(rows())).1, "1 1 x");
    assert_eq!(in_words("sql_query(\"delete from t\");", "-", Ok(none())).1, "-2 -");
    let gone = Err(DbError::Unreachable("gone".to_owned()));
    assert_eq!(in_words(one, "$var(a)", gone).1, "-1 <null>");
}

#[test]
fn several_databases_by_their_numbers() {
    let two = "modparam(\"sqlops\", \"db_url\", \"1 text:///two\")\n";
    let read = "sql_select_one('[\"username\"]', 'users', , , '$var(r)', 1);";
    let world = plan().file("/two/users", "username(string)\nzoe\n");
    let mut world = world.run(&script(two, read, "$var(r)"));
    world.receive("10.9.9.1:5060", INVITE);
    assert_eq!(line(&serve(&mut world)), "1 zoe");
    let own = "modparam(\"sqlops|avpops\", \"db_url\", \"text:///db\")";
    let script = script("", "sql_select_one('[\"since\"]', 'users', , , '$var(r)');", "$var(r)");
    let default = script.replace(own, "db_default_url = \"text:///db\"");
    let mut world = plan().run(&default);
    world.receive("10.9.9.1:5060", INVITE);
    assert_eq!(line(&serve(&mut world)), "1 30");
    let mut none = plan().run(&script.replace(own, ""));
    assert_eq!(line(&none.receive("10.9.9.1:5060", INVITE)), "-1 <null>");
}

#[test]
fn avps_of_users_are_loaded() {
    let load = |rest: &str, shown: &str| once(&format!("sql_avp_load({rest});"), shown);
    let color = "$(avp(color)[*])";
    assert_eq!(load("\"$fu\", \"$avp(color)\"", color), "1 green, red");
    assert_eq!(load("\"$fu/username\", \"$avp(limit)\"", "$avp(limit)"), "1 5");
    assert_eq!(load("\"$fu/domain\", \"$avp(color)\"", color), "1 red");
    assert_eq!(load("\"u1\", \"a\"", color), "1 blue");
    let prefixed = load("\"u1\", \"$avp(color)\", , \"my_\"", "$avp(my_color) $avp(color)");
    assert_eq!(prefixed, "1 blue <null>");
    assert_eq!(load("\"u2\", \"$avp(color)\"", "-"), "-1 -", "no value");
    assert_eq!(load("\"$fu\", \"$avp(color)/users\"", "-"), "-1 -", "no such columns");
    assert_eq!(load("\"u1/uri\", \"$avp(color)\"", "-"), "-1 -", "no URI");
    assert_eq!(load("\"u1\", \"color\"", "-"), "-1 -", "no AVP");
    let number = "sql_avp_load(\"$fu\", \"$avp(limit)\"); $var(r) = $avp(limit) + 1;";
    assert_eq!(once(number, "$var(r)"), "1 6");
    let by_domain = "modparam(\"sqlops\", \"use_domain\", 1)\n";
    let load = "sql_avp_load(\"$fu\", \"$avp(color)\");";
    assert_eq!(in_world(by_domain, load, color, "/db/users").0, "1 red");
    let scheme = "modparam(\"sqlops\", \"db_scheme\", \
                  \"s:table=users;username_col=username;value_col=since;value_type=integer\")\n";
    let load = "sql_avp_load(\"$fu\", \"$avp(x)/$s\"); $var(r) = $avp(x) + 1;";
    assert_eq!(in_world(scheme, load, "$var(r)", "/db/users").0, "1 31");
}

#[test]
fn avps_of_users_are_stored_and_removed() {
    let table = |statements: &str| {
        let (said, table) = in_world("", statements, "-", "/db/usr_preferences");
        (said, table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
    };
    let store = "$avp(a) = \"x\"; $avp(a) = 7; sql_avp_store(\"$ru/username\", \"$avp(a)\");";
    let (said, rows) = table(store);
    assert_eq!(said, "1 -");
    assert_eq!(rows[..2], [":bob::a:1:7", ":bob::a:0:x"]);
    let (_, rows) = table("$avp(color) = \"blue\"; avp_db_store(\"u1\", \"$avp(color)\");");
    assert_eq!(rows.len(), 4, "it is there already: {rows:?}");
    assert_eq!(table("sql_avp_store(\"u1\", \"$avp(nothing)\");").0, "-1 -");
    let (said, rows) = table("avp_db_delete(\"$fu\", \"$avp(color)\");");
    assert_eq!((said.as_str(), rows.len()), ("1 -", 2), "{rows:?}");
    let (_, rows) = table("sql_avp_delete(\"u1\", \"a\");");
    assert_eq!(rows.len(), 3, "{rows:?}");
}

#[test]
fn the_table_of_avps_and_its_columns_have_any_names() {
    let names = [
        ("uuid_column", "u"),
        ("username_column", "n"),
        ("domain_column", "d"),
        ("attribute_column", "a"),
        ("value_column", "v"),
        ("type_column", "t"),
    ];
    let table = "u(string,null) n(string) d(string,null) a(string) v(string) t(int)\n\
                 :alice::color:pink:0\n";
    for (module, table_param, load) in
        [("sqlops", "usr_table", "sql_avp_load"), ("avpops", "avp_table", "avp_db_load")]
    {
        let all = names.into_iter().chain([(table_param, "mine")]);
        let params: String = all
            .map(|(name, value)| format!("modparam(\"{module}\", \"{name}\", \"{value}\")\n"))
            .collect();
        let script = script(&params, &format!("{load}(\"$fu\", \"$avp(color)\");"), "$avp(color)");
        let mut world = plan().file("/db/mine", table).run(&script);
        world.receive("10.9.9.1:5060", INVITE);
        assert_eq!(line(&serve(&mut world)), "1 pink", "{module}");
    }
}

#[test]
fn avps_are_pushed_into_the_request() {
    let push = |to: &str, avp: &str| {
        let statements = format!(
            "$ru = \"sip:u@h\"; $avp(u) = \"sip:a@x\"; $avp(u) = \"sip:b@y\"; $avp(v) = \"w\"; \
             avp_pushto(\"{to}\", \"{avp}\");"
        );
        once(&statements, "$ru $du $branch(uri)")
    };
    assert_eq!(push("$ru", "$avp(u)"), "1 sip:b@y <null> <null>");
    assert_eq!(push("$ru", "$avp(u)/g"), "1 sip:b@y <null> sip:a@x");
    assert_eq!(push("$ru/username", "$avp(v)"), "1 sip:w@h <null> <null>");
    assert_eq!(push("$ru/domain", "$avp(v)"), "1 sip:u@w <null> <null>");
    assert_eq!(push("$du", "$avp(u)"), "1 sip:u@h sip:b@y <null>");
    assert_eq!(push("$br", "$avp(u)"), "1 sip:u@h <null> sip:b@y");
    for (to, avp) in
        [("$ru/port", "$avp(v)"), ("$ru", "$avp(x)"), ("$ru", "$fd"), ("$br", "$avp(v)")]
    {
        assert_eq!(push(to, avp), "-1 sip:u@h <null> <null>", "{to} {avp}");
    }
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    for (name, value) in [
        ("db_url", "one text:///db"),
        ("db_scheme", "s"),
        ("db_scheme", "s:table=t"),
        ("db_scheme", "s:table=t;value_col=v;value_type=double"),
        ("db_scheme", "s:table=t;value_col=v;color=red"),
    ] {
        let params = format!("modparam(\"sqlops\", \"{name}\", \"{value}\")\n");
        assert!(compiled(&script(&params, "", "-")).script.is_none(), "{name} {value}");
    }
    let absent = "modparam(\"sqlops\", \"db_url\", \"text:///nowhere\")\n";
    let refused = plan().try_run(&script(absent, "", "-")).err().expect("refused");
    assert!(refused.contains("/nowhere: entity not found"), "{refused}");
}
