//! What the language means (spec 0, 1.5 to 1.7, 2.3): snippets run, the reply's reason phrase shows
//! the result.

use sluice_tests::world::{World, request};

/// Runs a snippet in the main route and returns what `$var(out)` held at its end.
fn out(snippet: &str) -> String {
    with_routes(snippet, "")
}

fn with_routes(snippet: &str, routes: &str) -> String {
    let script = format!(
        "loadmodule \"sl.so\"\nroute {{\n{snippet}\nroute(answer);\n}}\n\
         route[answer] {{ sl_send_reply(\"200\", \"$var(out)\"); exit; }}\n{routes}"
    );
    let mut world = World::of(&script);
    let message = request("INVITE sip:alice@example.com:5070 SIP/2.0", "X-Empty:\r\nX-One: 1\r\n");
    let sent = world.receive("127.0.0.1:5099", message);
    match sent.as_slice() {
        [reply] => reply.first_line().trim_start_matches("SIP/2.0 200 ").to_owned(),
        [] => "(nothing)".to_owned(),
        _ => panic!("{} replies", sent.len()),
    }
}

/// Whether a condition holds.
fn holds(condition: &str) -> bool {
    holds_after("", condition)
}

fn holds_after(before: &str, condition: &str) -> bool {
    let snippet = format!(
        "{before} if ({condition}) {{ $var(out) = \"yes\"; }} else {{ $var(out) = \"no\"; }}"
    );
    match out(&snippet).as_str() {
        "yes" => true,
        "no" => false,
        other => panic!("{condition}: {other}"),
    }
}

#[test]
fn and_and_or_have_one_precedence_and_go_from_the_left() {
    assert!(!holds("$rU == \"alice\" || $rU == \"alice\" && $rU == \"bob\""));
    assert!(holds("$rU == \"alice\" || ($rU == \"alice\" && $rU == \"bob\")"));
}

#[test]
fn not_negates_the_whole_comparison() {
    assert!(holds("!$rm==\"REGISTER\""));
    assert!(!holds("!$rm==\"INVITE\""));
    assert!(holds("not ($rU == \"bob\")"));
}

#[test]
fn strings_compare_without_case() {
    assert!(holds("$rU == \"ALICE\""));
    assert!(holds("$rU =~ \"^AL.*E$\""));
    assert!(!holds("$rU !~ \"lic\""));
}

#[test]
fn null_is_less_than_nothing() {
    assert!(holds("$var(unset) == NULL"));
    assert!(!holds("$var(unset) != NULL"));
    assert!(holds("$var(unset) != \"x\""));
    assert!(!holds("$var(unset) == \"x\""));
    assert!(!holds("$var(unset) < 5"));
    assert!(holds("$var(unset) !~ \"x\""));
    assert!(!holds("$hdr(X-Empty) == NULL"));
    assert!(holds("$hdr(X-Empty) == \"\""));
    assert!(holds("$hdr(X-None) == NULL"));
}

#[test]
fn truth_of_a_bare_variable() {
    assert!(!holds("$var(unset)"));
    assert!(!holds_after("$var(x) = 0;", "$var(x)"));
    assert!(!holds_after("$var(x) = \"\";", "$var(x)"));
    assert!(holds_after("$var(x) = \"0\";", "$var(x)"));
    assert!(!holds("$hdr(X-Empty)"));
}

#[test]
fn numbers_and_strings_meet_by_their_faces() {
    assert!(holds_after("$var(x) = 5;", "$var(x) == 5"));
    assert!(holds_after("$var(x) = 5;", "$var(x) == \"5\""));
    assert!(!holds_after("$var(x) = \"5\";", "$var(x) == 5"));
    assert!(!holds("$cs == 1"));
    assert!(holds("$cs == \"1\""));
    assert!(holds("$ml > 100"));
    assert!(holds("$rp == 5070"));
    assert!(holds("$rp == \"5070\""));
}

#[test]
fn arithmetic_has_one_precedence_level() {
    assert_eq!(out("$var(out) = 1 + 2 * 3;"), "9");
    assert_eq!(out("$var(out) = 1 + (2 * 3);"), "7");
    assert_eq!(out("$var(x) = 7; $var(out) = $var(x) % 4;"), "3");
    assert_eq!(out("$var(out) = 1 << 4 | 1;"), "17");
    assert!(holds_after("$var(x) = 6;", "[$var(x) & 2]"));
}

#[test]
fn the_left_operand_decides() {
    assert_eq!(out("$var(n) = 5; $var(out) = \"x\" + $var(n);"), "x5");
    assert_eq!(out("$var(out) = \"old\"; $var(out) = \"x\" + 5;"), "old");
    assert_eq!(out("$var(out) = \"sip:\" + $rU + \"@h\";"), "sip:alice@h");
    assert_eq!(out("$var(out) = $rp + $rU;"), "5070alice");
    assert_eq!(out("$var(out) = \"old\"; $var(out) = $rp + 1;"), "old");
    assert_eq!(out("$var(out) = 3 + $var(unset);"), "3");
}

#[test]
fn division_by_zero_gives_zero_or_keeps_the_value() {
    assert_eq!(out("$var(out) = 5 / 0;"), "0");
    assert_eq!(out("$var(out) = 5; $var(out) /= 0;"), "5");
}

#[test]
fn literals_are_no_formats_but_function_parameters_are() {
    let shown = "$var(x) = \"a-$rU\"; $var(out) = $(var(x){s.len});";
    assert_eq!(out(shown), "5");
    assert_eq!(out("$var(out) = \"x\"; sl_send_reply(\"200\", \"<$rU>\"); exit;"), "<alice>");
}

#[test]
fn avps_are_a_stack() {
    let stack = "$avp(s) = \"one\"; $avp(s) = \"two\"; ";
    assert_eq!(out(&format!("{stack} $var(out) = $avp(s);")), "two");
    assert_eq!(out(&format!("{stack} $var(out) = $(avp(s)[1]);")), "one");
    assert_eq!(out(&format!("{stack} $var(out) = $(avp(s)[-1]);")), "one");
    assert_eq!(out(&format!("{stack} $avp(s) = NULL; $var(out) = $avp(s);")), "one");
    assert!(holds_after(&format!("{stack} $avp(s) := \"x\"; $avp(s) = NULL;"), "$avp(s) == NULL"));
    assert_eq!(out(&format!("{stack} $var(n) = \"s\"; $var(out) = $avp($var(n));")), "two");
}

#[test]
fn variables_outlive_the_message() {
    let mut world = World::of(
        "loadmodule \"sl.so\"\nroute { if ($var(n) == NULL) { $var(n) = 0; } $var(n) += 1; \
         sl_send_reply(\"200\", \"$var(n)\"); }",
    );
    let message = request("OPTIONS sip:example.com SIP/2.0", "");
    let lines: Vec<_> =
        (0..3).map(|_| world.receive("127.0.0.1:5099", &message)[0].first_line()).collect();
    assert_eq!(lines, ["SIP/2.0 200 1", "SIP/2.0 200 2", "SIP/2.0 200 3"]);
}

#[test]
fn routes_take_parameters_and_return_values() {
    let routes =
        "route[add] { $var(sum) = $param(1) + $param(2); return(2, $var(sum), \"more\"); }";
    assert_eq!(with_routes("route(add, 40, 2); $var(out) = $return(0);", routes), "42");
    assert_eq!(with_routes("route(add, 40, 2); $var(out) = $return(1);", routes), "more");
    assert_eq!(with_routes("route(add, 1, 2); $var(out) = $rc;", routes), "2");
    let absent = "route[p] { if ($param(3) == NULL) $var(out) = \"absent\"; }";
    assert_eq!(with_routes("route(p, 1, 2);", absent), "absent");
    let named = "route[r_INVITE] { $var(out) = \"by name\"; }";
    assert_eq!(with_routes("route(\"r_$rm\");", named), "by name");
}

#[test]
fn return_zero_ends_the_whole_script() {
    assert_eq!(with_routes("route(stop);", "route[stop] { return(0); }"), "(nothing)");
    assert_eq!(with_routes("$var(z) = route(stop);", "route[stop] { return(0); }"), "(nothing)");
    assert_eq!(with_routes("route(stop);", "route[stop] { exit; }"), "(nothing)");
}

#[test]
fn a_route_is_a_condition_by_its_last_code() {
    let routes = "route[no] { return(-1); } route[yes] { return; }";
    let test =
        "if (route(no)) { $var(out) = \"no\"; } else if (route(yes)) { $var(out) = \"ok\"; }";
    assert_eq!(with_routes(test, routes), "ok");
}

#[test]
fn switch_falls_through_without_break() {
    let switch = |value: &str| {
        out(&format!(
            "$var(x) = {value}; $var(out) = \"\"; switch ($var(x)) {{ case 1: $var(out) += \"a\"; \
             case 2: $var(out) += \"b\"; break; case \"Word\": $var(out) += \"c\"; \
             default: $var(out) += \"d\"; }}"
        ))
    };
    assert_eq!(switch("1"), "ab");
    assert_eq!(switch("2"), "b");
    assert_eq!(switch("\"WORD\""), "cd");
    assert_eq!(switch("9"), "d");
}

#[test]
fn loops_run_and_break() {
    let count = "$var(i) = 0; while ($var(i) < 10) { $var(i) += 1; if ($var(i) == 4) break; } \
                 $var(out) = $var(i);";
    assert_eq!(out(count), "4");
    let each = "$avp(x) = \"a\"; $avp(x) = \"b\"; $var(out) = \"\"; \
                for ($var(v) in $(avp(x)[*])) { $var(out) += $var(v); }";
    assert_eq!(out(each), "ba");
}

#[test]
fn addresses_match_networks() {
    assert!(holds("$si == 127.0.0.0/8"));
    assert!(!holds("$si == 10.0.0.0/8"));
    assert!(holds("$si == 127.0.0.1"));
    assert!(holds("src_ip == 127.0.0.0/255.0.0.0"));
    assert!(holds("method == INVITE"));
    assert!(holds("method =~ \"INVITE|BYE\""));
}

#[test]
fn a_null_parameter_means_not_called() {
    let call = "$var(rc) = sl_send_reply(\"200\", $var(unset)); $var(out) = $var(rc);";
    assert_eq!(out(call), "-1");
}

#[test]
fn conditions_and_calls_can_be_assigned() {
    assert_eq!(out("$var(out) = ($rU == \"alice\");"), "1");
    assert_eq!(out("$var(out) = is_myself(\"127.0.0.1\");"), "1");
}

#[test]
fn the_first_line_of_a_uri_changes_at_once() {
    assert_eq!(out("$rU = \"bob\"; $var(out) = $ru;"), "sip:bob@example.com:5070");
    assert_eq!(out("$ru = \"sip:x@y\"; $var(out) = $rd;"), "y");
    assert!(holds_after("$ru = \"hello\";", "$rU == NULL"));
}

#[test]
fn a_line_below_the_log_level_costs_no_arguments() {
    let code = |call: &str| out(&format!("{call} $var(out) = $rc;"));
    assert_eq!(code("xlog(\"L_DBG\", $var(unset));"), "1", "the argument was not looked at");
    assert_eq!(code("xlog(\"L_ERR\", $var(unset));"), "-1", "here it was");
    assert_eq!(code("$var(l) = 4; xlog($var(l), $var(unset));"), "-1", "the level is not known");
    assert_eq!(code("xlog(\"L_ERR\", \"heard\");"), "1");
}
