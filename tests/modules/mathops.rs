//! `mathops`: results in output variables, decimals, refusals.

use crate::world::{INVITE, World, compiled};

const LOAD: &str = "loadmodule \"sl.so\"\nloadmodule \"mathops.so\"\n";

/// The return code and the result of a call that writes to `$var(r)`.
fn result_with(params: &str, call: &str) -> String {
    let script = format!(
        "{LOAD}{params}route {{ $var(r) = \"unset\"; {call}; \
         sl_send_reply(200, \"$rc $var(r)\"); }}"
    );
    let sent = World::new(&script).feed(INVITE);
    sent[0].first_line().strip_prefix("SIP/2.0 200 ").unwrap().to_owned()
}

fn result(call: &str) -> String {
    result_with("", call)
}

#[test]
fn expressions() {
    assert_eq!(result("math_eval(\"1 + 8 / 3\", $var(r))"), "1 3.666667");
    assert_eq!(
        result("$var(a) = \"2.5\"; math_eval(\"$var(a) * ($var(a) - 5)\", $var(r))"),
        "1 -6.250000"
    );
    assert_eq!(result("math_eval(\"1 / 0\", $var(r))"), "-1 unset");
    assert_eq!(result("math_eval(\"system(1)\", \"$var(r)\")"), "-1 unset");
    let digits = "modparam(\"mathops\", \"decimal_digits\", 2)\n";
    assert_eq!(result_with(digits, "math_eval(\"2 / 3\", $var(r))"), "1 0.67");
    assert_eq!(result("math_rpn(\"1 3 / exp ln 1 swap /\", $var(r))"), "1 3.000000");
    assert_eq!(result("math_rpn(\"1 +\", $var(r))"), "-1 unset");
}

#[test]
fn rounding() {
    for (call, expected) in [
        ("math_trunc(\"-2.9\", $var(r))", "1 -2"),
        ("math_floor(\"-2.9\", $var(r))", "1 -3"),
        ("math_ceil(\"3.2\", $var(r))", "1 4"),
        ("math_round(\"-0.5\", $var(r))", "1 -1"),
        ("math_round(\"3.141492\", $var(r), 4)", "1 3.1415"),
        ("math_round_sf(\"3.141492\", $var(r), 4)", "1 3.141"),
        ("math_round_sf(\"17892.987\", $var(r), \"2\")", "1 18000"),
        ("math_round(\"x\", $var(r))", "-1 unset"),
        ("math_trunc(\"1e30\", $var(r))", "-1 unset"),
        ("math_round(\"1\", $var(r), 16)", "-1 unset"),
        ("math_round_sf(\"1\", $var(r), 0)", "-1 unset"),
    ] {
        assert_eq!(result(call), expected, "{call}");
    }
    let number = "math_floor(\"7.5\", $var(r)); $var(r) = $var(r) + 1";
    assert_eq!(result(number), "1 8", "whole numbers are numbers");
}

#[test]
fn comparing() {
    for (left, right, order) in [("1 + 8", "7/2", 1), ("0.1 * 3", "0.3 + 1", -1), ("2 * 2", "4", 0)]
    {
        let call = format!("math_compare(\"{left}\", \"{right}\", $var(r))");
        assert_eq!(result(&call), format!("1 {order}"));
    }
    assert_eq!(result("math_compare(\"1\", \"(\", $var(r))"), "-1 unset");
}

#[test]
fn wrong_use_is_refused_at_load() {
    let errors = |text: &str| compiled(&format!("{LOAD}{text}")).errors;
    assert_eq!(errors("modparam(\"mathops\", \"decimal_digits\", 16)\nroute { exit; }"), 1);
    assert_eq!(errors("route { math_eval(\"1\"); }"), 1);
    assert_eq!(errors("route { math_eval(\"1\", \"text\"); }"), 1);
}
