//! The wordings of OpenSIPS that people search for (spec 1.2), each told for the mistake that
//! OpenSIPS tells it for.

use crate::world::{compile_one, told};

/// The text of the first finding that the script is refused for.
fn first(script: &str) -> String {
    let compiled = compile_one(script);
    let errors =
        compiled.diagnostics.iter().filter(|d| d.severity != sluice_script::Severity::Note);
    errors.map(|d| d.message.clone()).next().unwrap_or_default()
}

/// A test by name: its script, and the wording.
macro_rules! wordings {
    ($($name:ident: $wording:literal => $script:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let told = first($script);
                assert!(told.contains($wording), "{told:?} has no {:?}", $wording);
            }
        )*
    };
}

wordings! {
    unknown_global: "unknown config variable" => "chilren=4\nroute { exit; }";
    missing_semicolon: "bad command: missing ';'?" => "route { xlog(\"a\") }";
    bad_command: "bad command!)" => "route { ] exit; }";
    missing_loadmodule: "unknown command has_totag, missing loadmodule?" => "route { has_totag(); }";
    wrong_block: "Command forward cannot be used in the block" =>
        "route { exit; }\nonreply_route { forward(); }";
    too_few: "too few parameters for command send" => "route { send(); }";
    too_many: "too many parameters for command send" => "route { send(\"a\", \"b\"); }";
    omitted: "mandatory parameter omitted for command is_myself" =>
        "route { is_myself(, 5060); }";
    bare_word: "bare word forward found, command calls need '()'" => "route { forward; }";
    bad_arguments: "bad arguments for command setflag" => "route { setflag($ru); }";
    string_value: "string value expected" => "mpath=5\nroute { exit; }";
    number: "number expected" => "log_level=\"3\"\nroute { exit; }";
    boolean: "boolean value expected" => "check_via=maybe\nroute { exit; }";
    unknown_parameter: "Parameter max_limt not found in module sl - can't set" =>
        "loadmodule \"sl\"\nmodparam(\"sl\", \"max_limt\", 1)\nroute { exit; }";
    unknown_module: "failed to load module dispacher" =>
        "loadmodule \"dispacher.so\"\nroute { exit; }";
    second_main_route: "overwriting default request routing table" =>
        "route { exit; }\nroute { exit; }";
    second_named_route: "overwriting request routing table [a]" =>
        "route { route(a); }\nroute[a] { exit; }\nroute[a] { exit; }";
    unknown_variable: "unknown script variable" => "route { $foo = 1; }";
    left_operand: "invalid left operand in assignment" => "route { $rm = \"ACK\"; }";
    left_transformation: "transformations not accepted in left side of assignment" =>
        "route { $(ru{s.len}) = 1; }";
    unknown_protocol: "cannot handle protocol tls" => "socket=tls:*:5060\nroute { exit; }";
    modparam_before_loadmodule: "no module matching maxfwd found" =>
        "modparam(\"maxfwd\", \"max_limit\", 1)\nroute { exit; }";
    type_mismatch: "type mismatch for parameter max_limit" =>
        "loadmodule \"sl\"\nmodparam(\"sl\", \"max_limit\", \"1\")\nroute { exit; }";
    undefined_route: "route [x] not defined" => "route { route(x); }";
    open_comments: "unexpected EOF: 2 comments open" => "route { exit; }\n/* a /* b";
}

#[test]
fn too_many_routes() {
    let routes: String = (0..65_537).map(|n| format!("route[r{n}] {{ exit; }}\n")).collect();
    assert!(first(&routes).contains("too many script routes"));
}

#[test]
fn the_last_lines_are_those_of_opensips() {
    assert!(told("foo=1\nbar=2\nroute { exit; }").ends_with("bad config file (2 errors)\n"));
    assert!(told("foo=1\nroute { exit; }").ends_with("bad config file (1 error)\n"));
    assert_eq!(told("route { exit; }"), "");
}

#[test]
fn an_include_is_traced_to_its_line() {
    let files = [("a.cfg", "\n include_file \"b.cfg\"\n"), ("b.cfg", "foo=1\n")];
    let text = "include_file \"a.cfg\"\nroute { exit; }\n";
    let told = crate::world::compile_with(text, &files, false).render(false);
    let trace = "  = Traceback (last included file at the bottom):\n    \
                 0. main.cfg:1:14\n    1. a.cfg:2:15\n";
    assert!(told.starts_with("b.cfg:1:1: error: unknown config variable foo"), "{told}");
    assert!(told.contains(trace), "{told}");
}
