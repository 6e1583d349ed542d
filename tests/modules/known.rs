//! Modules of OpenSIPS that are not built: loading them is a warning, using them is an error.

use std::collections::HashMap;

use sluice_engine::registry::Registry;
use sluice_modules::{CORE, KNOWN, MODULES, RENAMED};
use sluice_script::catalog::{Catalog, Found, Named, Renamed};
use sluice_tests::world::compile_text;

use crate::world::compiled;

/// Numbers of errors and of other findings.
fn findings(script: &str) -> (usize, usize) {
    let compiled = compiled(script);
    (compiled.errors, compiled.diagnostics.len() - compiled.errors)
}

#[test]
fn loading_is_a_warning_and_using_an_error() {
    for module in [
        "mid_registrar.so",
        "/usr/lib/opensips/modules/dialog.so",
        "db_unixodbc",
        "flatstore.so",
        "perl",
        "xlog",
    ] {
        let (errors, others) = findings(&format!("loadmodule \"{module}\"\nroute {{ exit; }}"));
        assert_eq!(errors, 0, "{module}");
        assert!(others > 0, "{module} is loaded in silence");
    }
    for call in
        ["mid_registrar_save(\"location\");", "xlog(\"$DLG_status\");", "if (match_dialog()) exit;"]
    {
        let modules =
            ["mid_registrar", "tm", "dialog"].map(|name| format!("loadmodule \"{name}\"\n"));
        let compiled = compiled(&format!("{}route {{ {call} }}", modules.concat()));
        assert_eq!(compiled.errors, 1, "{call}");
        let text = format!("{:?}", compiled.diagnostics);
        assert!(text.contains("later"), "{call}: {text}");
    }
    assert_eq!(findings("loadmodule \"nonesuch\"\nroute { exit; }").0, 1);
}

#[test]
fn old_names_are_read_and_have_one_new_name() {
    let registry = Registry::new(CORE, MODULES, KNOWN).with_renamed(RENAMED);
    let loaded: Vec<&str> = registry.modules().iter().map(|module| module.name).collect();
    for (at, renamed) in RENAMED.iter().enumerate() {
        let known = match renamed.what {
            Named::Global => matches!(registry.global(renamed.old), Found::Yes(_)),
            Named::Function => !matches!(registry.function(renamed.old, &loaded), Found::No),
            Named::Variable => !matches!(registry.variable(renamed.old, &loaded), Found::No),
            Named::Word => false,
        };
        assert!(known, "{renamed:?}");
        let again = |other: &&Renamed| (other.what, other.old) == (renamed.what, renamed.old);
        assert!(!RENAMED[..at].iter().any(|other| again(&other)), "{renamed:?} twice");
        if renamed.what == Named::Global {
            assert!(matches!(registry.global(renamed.new), Found::Yes(_)), "{renamed:?}");
        }
    }
    let text =
        "children=2\nlog_stderror=yes\nroute { if (method == \"INVITE\") drop; $var(p) = $Rp; }\n";
    let notes: Vec<String> = compile_text(text, &registry, HashMap::new())
        .diagnostics
        .iter()
        .map(|note| format!("{}: {}", note.code, note.hint.clone().unwrap_or_default()))
        .collect();
    assert_eq!(
        notes,
        [
            "old-name: since 3.0 OpenSIPS writes udp_workers",
            "ignored: since 3.4 OpenSIPS writes stderror_enabled",
            "old-name: newer OpenSIPS writes $rm",
            "old-name: since 3.0 OpenSIPS writes $socket_in(port)",
        ]
    );
}

#[test]
fn a_name_of_what_is_not_built_is_meant_as_well() {
    for (line, meant) in [
        ("loadmodule \"regstrar.so\"\nroute { exit; }", "\"registrar.so\""),
        ("route { loose_rout(); }", "loose_route()"),
        ("route { xlog(\"$DLG_staus\"); }", "$DLG_status"),
    ] {
        let told = compiled(line).diagnostics;
        let hints: Vec<_> = told.iter().filter_map(|found| found.hint.clone()).collect();
        assert_eq!(hints, [format!("did you mean {meant}?")], "{line}");
    }
}
