//! What is wrong with a script that is otherwise whole: one error per cause.

use insta::assert_snapshot;

use crate::world::told;

const LOADED: &str = "loadmodule \"sl\"\nloadmodule \"dispatcher\"\nloadmodule \"maxfwd\"\n";

/// Each statement in a script of its own.
fn statements(list: &[&str]) -> String {
    list.iter().map(|s| told(&format!("{LOADED}route {{\n    {s}\n}}\n")) + "\n").collect()
}

#[test]
fn statements_that_are_none() {
    assert_snapshot!(statements(&[
        "xlog(\"a\")\n    exit;",
        "xlog(\"a\") exit",
        "exit now;",
        "foo;",
        "x = 5;",
        "\"text\";",
        "42;",
        "else exit;",
        "case 1: exit;",
        "break;",
        "if ($ru exit;",
        "if ($ru == ) { exit; }",
        "if $ru { exit; }",
        "xlog(\"a\";",
        "switch ($ru) { exit; }",
        "switch ($ru) { default: exit; default: exit; }",
        "switch ($ru) { case foo: exit; }",
        "return 1",
        "} exit;",
    ]));
}

#[test]
fn conditions() {
    assert_snapshot!(statements(&[
        "if ($ru = \"a\") exit;",
        "if (\"a\" == $ru) exit;",
        "if (is_myself($rd) == 2) exit;",
        "if ($ru == is_myself($rd)) exit;",
        "if ($rm == INVITE) exit;",
        "if ($si > 10.0.0.0/8) exit;",
        "if ($ru < NULL) exit;",
        "if ($ru =~ \"sip:(a\") exit;",
        "if ($ru =~ \"a\\\\.[z-a]\") exit;",
        "if (foo == 1) exit;",
        "if (status == myself) exit;",
        "if ($avp(x)[1] == 1) exit;",
    ]));
}

#[test]
fn names() {
    assert_snapshot!(statements(&[
        "sl_send_replay(\"404\", \"x\");",
        "is_method(\"INVITE\"); has_totag();",
        "t_relay();",
        "perl_exec();",
        "xlog(\"$rw\");",
        "$foo = 1;",
        "$rm = \"ACK\";",
        "$(ru{s.len}) = 1;",
        "$T_id = 1;",
        "$var = 1;",
        "$ru(x) = 1;",
        "$(ru[1]) = \"a\";",
        "$var(x) = $(ru{s.lne});",
        "$var(x) = $(ru{s.select,1});",
        "$var(x) = $(<other>ru);",
        "route(nowhere);",
        "async(foo(), x);",
        "if (launch(foo())) { exit; }",
    ]));
}

#[test]
fn arguments() {
    assert_snapshot!(statements(&[
        "sl_send_reply(\"404\");",
        "sl_send_reply(, \"x\");",
        "sl_send_reply(\"404\", \"x\", 1);",
        "sl_send_reply(\"abc\", \"x\");",
        "ds_select_dst(1, 0, \"f1\");",
        "get_it(\"text\");",
        "get_it($rm);",
        "literal($ru);",
        "setflag($ru);",
        "send(host);",
        "send($ru + 1);",
        "remove_re(\"a(b\");",
        "xlog(\"$avp(x\");",
        "route();",
    ]));
}

#[test]
fn top_level() {
    assert_snapshot!(told(
        "debgu=3\nchildren=-1\nlog_level=\"3\"\ntos=16\nmpath=\"/x\"\nlisten\n\
         loadmodule \"dispacher.so\"\nloadmodule \"tm.so\"\nloadmodule \"perl.so\"\n\
         loadmodule \"uri.so\"\nloadmodule \"sl\"\nloadmodule \"/usr/lib/sl.so\"\n\
         modparam(\"sl\", \"max_limt\", 1)\nmodparam(\"sl\", \"max_limit\", \"1\")\n\
         modparam(\"sl\", \"enable_stats\", 1)\nmodparam(\"tm\", \"fr_timer\", 5)\n\
         modparam(\"tm\", \"fr_inv_timer\", 5)\nmodparam(\"maxfwd\", \"max_limit\", 1)\n\
         modparam(\"s(l\", \"max_limit\", 1)\n\
         failure_route[x] { t_relay(); if { }\n}\n\
         route { ds_select_dst(1, 0); t_relay(); exit; }\nroute { exit; }\nroute[a] { exit; }\n\
         route[\"a\"] { exit; }\nroute[] { exit; }\nroute\n"
    ));
}

#[test]
fn a_parameter_that_is_evaluated_at_calls_is_refused_once_where_it_stands() {
    assert_snapshot!(told(
        "loadmodule \"dispatcher\"\nmodparam(\"dispatcher\", \"hash_pvar\", \"a $nothing\")\n\
         route { ds_select_dst(1, 7); ds_select_dst(2, 7); }\n"
    ));
}

#[test]
fn routes_of_the_wrong_kind() {
    assert_snapshot!(told(
        "loadmodule \"sl\"\nloadmodule \"maxfwd\"\nroute { route(both); route(mine); }\n\
         onreply_route { route(both); }\nonreply_route[1] { forward(); }\n\
         route[both] { sl_send_reply(1, \"x\"); }\nroute[mine] { sl_send_reply(1, \"x\"); }\n\
         failure_route[1] { route(counted); }\nlocal_route { mf_process_maxfwd_header(1); }\n\
         branch_route[1] { mf_process_maxfwd_header(1); }\n\
         route[counted] { route(down); }\nroute[down] { mf_process_maxfwd_header(1); }\n\
         route[unused] { mf_process_maxfwd_header(1); }\n"
    ));
}

#[test]
fn route_blocks() {
    assert_snapshot!(told(
        "route { exit; }\nonreply_route[0] { exit; }\nonreply_route { exit; }\n\
         branch_route { exit; }\nfailure_route[0] { exit; }\nfailure_route { exit; }\n\
         local_route[x] { exit; }\nlocal_route { exit; }\nfailure_route[a, 1] { exit; }\n\
         branch_route[] { exit; }\nroute[x { exit; }\nfailure_route[\"a b\"] { exit; }\n"
    ));
}
