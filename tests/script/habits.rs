//! Warnings about what runs, but hardly as meant: what is told, and what is left in peace.

use sluice_script::Severity;

use crate::world::{compile_with, told};

/// The codes told for a body of the main route.
fn codes(body: &str) -> Vec<&'static str> {
    codes_of(&format!("route {{\n{body}\n}}\n"))
}

fn codes_of(text: &str) -> Vec<&'static str> {
    let compiled = compile_with(text, &[], false);
    assert_eq!(compiled.errors, 0, "{}", compiled.render(false));
    compiled.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn with_strict_each_is_an_error() {
    let text = "route { if ($ru || $rd && $si) exit; exit; drop; }\nroute[a] { exit; }\n";
    let told = compile_with(text, &[], true);
    let severities = told.diagnostics.iter().map(|d| (d.code, d.severity));
    let error = Severity::Error;
    // Routes are not judged where there are errors already.
    assert!(severities.eq([("mixed-logic", error), ("unreachable", error)]));
    assert!(told.script.is_none());
}

#[test]
fn statements_that_are_never_reached() {
    assert_eq!(codes("if ($ru) { exit; } else { drop; }\nxlog(\"x\");"), ["unreachable"]);
    assert_eq!(codes("if ($ru) { return; xlog(\"x\"); }\nexit;"), ["unreachable"]);
    assert_eq!(codes("while ($ru) { break; xlog(\"x\"); }"), ["unreachable"]);
    assert_eq!(codes("exit; xlog(\"x\"); xlog(\"y\"); exit; exit;"), ["unreachable"], "once");
    assert_eq!(codes("if ($ru) { exit; }\nxlog(\"x\");"), [""; 0]);
    assert_eq!(codes("switch ($rs) { case 1: exit; break; case 2: drop; }\nexit;"), [""; 0]);
}

#[test]
fn operators_of_one_precedence() {
    assert_eq!(codes("if ($ru || $rd && $si) exit;"), ["mixed-logic"]);
    assert_eq!(codes("if ($ru && $rd || $si) exit;"), [""; 0], "the usual meaning");
    assert_eq!(codes("if ($ru || ($rd && $si)) exit;"), [""; 0]);
    assert_eq!(codes("$var(x) = 1 - 2 / 3;"), ["mixed-arithmetic"]);
    assert_eq!(codes("$var(x) = 2 * 3 + 1;"), [""; 0], "the usual meaning");
    assert_eq!(codes("$var(x) = 1 + (2 * 3);"), [""; 0]);
}

#[test]
fn variables_in_texts_that_are_no_formats() {
    let one = ["unexpanded-variable"];
    assert_eq!(codes("$ru = \"sip:$rU@h\";"), one);
    assert_eq!(codes("if ($ru == \"sip:$(rd)\") exit;"), one);
    assert_eq!(codes("if ($ru =~ \"^sip:$avp(x)@\") exit;"), one);
    assert_eq!(codes("if ($ru =~ \"^sip:[0-9]+$\") exit;"), [""; 0], "the end of a line");
    assert_eq!(codes("$var(x) = \"costs $$rd and $5, $nothing\";"), [""; 0]);
    assert_eq!(codes("xlog(\"$ru\");"), [""; 0], "a function's text is a format");
}

#[test]
fn ports_that_are_none() {
    let one = ["port-range"];
    assert_eq!(codes("$rp = 70000;"), one);
    assert_eq!(codes("if ($rp == -1) exit;"), one);
    assert_eq!(codes("$ru = \"sip:h:99999\";"), one);
    assert_eq!(codes("if ($ru == \"sip:h:99999\") exit;"), one);
    assert_eq!(codes("send(udp:10.0.0.1:99999);"), one);
    assert_eq!(codes("if (dst_port == 70000) exit;"), ["old-name", "port-range"]);
    assert_eq!(codes("$rp = 5060; $var(x) = 70000;"), [""; 0]);
}

#[test]
fn routes_and_variables_without_the_other_end() {
    let main = "route { route(a); }\nroute[a] { exit; }\n";
    assert_eq!(codes_of(main), [""; 0]);
    assert_eq!(codes_of(&format!("{main}route[b] {{ exit; }}\n")), ["unused-route"]);
    let dynamic = "route { route(\"$rm\"); }\nroute[INVITE] { exit; }\n";
    assert_eq!(codes_of(dynamic), [""; 0], "any may be meant");
    let armed = |by: &str| format!("route {{ {by} }}\nfailure_route[a] {{ exit; }}\n");
    assert_eq!(codes_of(&armed("t_on_failure(\"a\");")), [""; 0]);
    assert_eq!(codes_of(&armed("t_on_failure($rm);")), [""; 0]);
    assert_eq!(codes_of(&armed("t_on_failure(\"$rm\");")), [""; 0]);
    assert_eq!(codes_of(&armed("t_on_failure(); t_on_failure(\"0\");")), ["unused-route"]);
    let wrong = told(&armed("t_on_failure(\"b\");"));
    assert!(wrong.contains("error: failure_route [b] not defined [undefined-route]"), "{wrong}");
    assert_eq!(codes("xlog(\"$var(a) $var(a)\");"), ["unset-variable"], "once");
    assert_eq!(codes("xlog(\"$var(a)\"); get_it($var(a));"), [""; 0], "set by a function");
    assert_eq!(codes("xlog(\"$var(a)\"); $var($rm) = 1;"), [""; 0], "any may be set");
}

#[test]
fn bodies_that_are_empty() {
    assert_eq!(codes("if ($ru);"), ["empty-body"]);
    assert_eq!(codes("while ($ru);"), ["empty-body"]);
    assert_eq!(codes("if ($ru) { } else { exit; };"), [""; 0]);
}

#[test]
fn words_of_others_are_told_once_and_read_as_meant() {
    let told = told("route {\n  if ($ru) exit; elsif ($rd) drop; else foo();\n}\n");
    assert!(told.contains("[foreign-word]") && told.contains("unknown command foo"), "{told}");
    assert!(told.ends_with("(2 errors)\n"), "{told}");
    let kamailio = "#!define X\n#!ifdef X\nroute { exit; }\n#!endif\n#!OPENSIPS\n#! /bin/sh\n";
    assert_eq!(codes_of(kamailio), ["kamailio-directive"]);
}

#[test]
fn parameters_of_what_is_a_module_no_more_are_passed_over() {
    let text = "loadmodule \"uri.so\"\nloadmodule \"uri.so\"\n\
        modparam(\"uri|maxfwd\", \"use_uri_table\", 0)\nroute { exit; }\n";
    let compiled = compile_with(text, &[], false);
    assert_eq!(codes_of(text), ["module-merged", "loaded-twice", "ignored"]);
    let message = "parameter use_uri_table of module uri is ignored: its functions are in the core";
    assert_eq!(compiled.diagnostics[2].message, message);
    assert!(compiled.script.unwrap().params.is_empty());
}
