//! Modules of OpenSIPS that are not built: loading them is a warning, using them is an error.

use crate::world::compiled;

/// Numbers of errors and of other findings.
fn findings(script: &str) -> (usize, usize) {
    let compiled = compiled(script);
    (compiled.errors, compiled.diagnostics.len() - compiled.errors)
}

#[test]
fn loading_is_a_warning_and_using_an_error() {
    for module in ["tm.so", "/usr/lib/opensips/modules/rr.so", "dbtext", "mysql.so", "perl", "xlog"]
    {
        let (errors, others) = findings(&format!("loadmodule \"{module}\"\nroute {{ exit; }}"));
        assert_eq!(errors, 0, "{module}");
        assert!(others > 0, "{module} is loaded in silence");
    }
    for call in ["t_relay();", "xlog(\"$T_ruri\");", "if (loose_route()) exit;"] {
        let compiled =
            compiled(&format!("loadmodule \"tm\"\nloadmodule \"rr\"\nroute {{ {call} }}"));
        assert_eq!(compiled.errors, 1, "{call}");
        let text = format!("{:?}", compiled.diagnostics);
        assert!(text.contains("later"), "{call}: {text}");
    }
    assert_eq!(findings("loadmodule \"nonesuch\"\nroute { exit; }").0, 1);
}
