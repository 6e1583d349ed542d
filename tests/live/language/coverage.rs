//! The snippets are complete: every statement and operator of the language, and every function,
//! variable and transformation of the modules that are shown, stands in one.

use std::fmt::Write;

use sluice_modules::{CORE, MODULES};

/// How statements, operators and other marks of the language are written in the snippets.
#[rustfmt::skip]
const LANGUAGE: &[&str] = &[
    "if (", "else if (", "else {", "while (", "for (", " in $(", "switch (", "case ", "default:",
    "break;", "esac;", "return;", "return(", "return ", "exit;", "exit()", "drop()", "drop;",
    "route(", " = ", " := ", " += ", " -= ", " *= ", " /= ", " %= ", " &= ", " |= ", " ^= ",
    " + ", " - ", " * ", " / ", " % ", " & ", " | ", " ^ ", "~", " << ", " >> ", " == ", " != ",
    " < ", " <= ", " > ", " >= ", " =~ ", " !~ ", " && ", " || ", " and ", " or ", "not ", "!",
    "if ([", "NULL", "null", "method==", "uri==myself", "from_uri==", "to_uri==", "status==",
    "src_ip==", "dst_ip==", "src_port>", "dst_port==", "proto==", "af==", "msg:len", "max_len",
    "[*]", "[append]", "[-1]", "[$var(", "$(<request>", "$(<reply>", "$param(", "$return(",
    "dst_blacklist", "/* ", "//", "0xff", "$$",
];

/// The modules besides the core. Those that keep something of a call are tested over its whole
/// course elsewhere, too.
const SHOWN: &[&str] = &[
    "sl",
    "signaling",
    "maxfwd",
    "nathelper",
    "sipmsgops",
    "textops",
    "uri",
    "options",
    "mathops",
    "auth",
    "auth_db",
    "cachedb_local",
    "cfgutils",
    "dispatcher",
    "permissions",
    "avpops",
    "sqlops",
    "acc",
    "alias_db",
    "domain",
    "group",
    "tm",
    "uac",
    "uac_auth",
];

/// What no snippet shows, and which test does.
const ELSEWHERE: &[(&str, &str)] = &[
    // Their line has numbers that no snippet can know.
    ("pkg_status(", "tests/modules/cfgutils.rs"),
    ("shm_status(", "tests/modules/cfgutils.rs"),
];

/// What the tables of the modules offer, as a script writes it.
fn entries() -> Vec<String> {
    let mut found: Vec<String> = LANGUAGE.iter().map(|mark| (*mark).to_owned()).collect();
    let modules: Vec<_> = MODULES.iter().filter(|m| SHOWN.contains(&m.name)).collect();
    assert_eq!(modules.len(), SHOWN.len());
    for module in std::iter::once(&CORE).chain(modules) {
        found.extend(module.functions.iter().map(|f| format!("{}(", f.name)));
        found.extend(module.variables.iter().map(|v| format!("${}", v.name)));
        let transformations = module.transformations.iter();
        found.extend(transformations.map(|t| {
            // `i.uri` of class `nameaddr` is written `nameaddr.0.uri`.
            let name = t.name.strip_prefix("i.").map(|name| format!("0.{name}"));
            format!("{{{}.{}", t.class, name.unwrap_or_else(|| t.name.to_owned()))
        }));
    }
    found
}

/// Whether the name stands in the text, and not as a part of a longer one.
fn stands_in(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let word = name.ends_with(part);
    let begins = name.starts_with(part);
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let after = text[at + name.len()..].chars().next().unwrap_or(' ');
        !(word && part(after) || begins && part(before))
    })
}

#[test]
fn every_piece_of_the_language_has_a_snippet() {
    assert!(stands_in("x = $(ru{s.len});", "{s.len") && !stands_in("$rural", "$ru"));
    let mut text = String::new();
    for file in super::files() {
        let script = std::fs::read_to_string(file).unwrap();
        // Directives and remarks show nothing.
        for line in script.lines().filter(|line| !line.starts_with('#')) {
            let _ = writeln!(text, "{line}");
        }
    }
    let shown = |name: &String| {
        let braced = name.replacen('$', "$(", 1);
        stands_in(&text, name) || name.starts_with('$') && stands_in(&text, &braced)
    };
    let missing: Vec<String> = entries().into_iter().filter(|name| !shown(name)).collect();
    let excused =
        |name: &String| ELSEWHERE.iter().any(|(other, test)| name == other && !test.is_empty());
    let missing: Vec<&String> = missing.iter().filter(|name| !excused(name)).collect();
    assert!(missing.is_empty(), "in no snippet of tests/live/language: {missing:?}");
}
