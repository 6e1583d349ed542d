//! Texts that must not break the compiler: any bytes, mutated scripts, deep and long ones.

use proptest::prelude::*;
use sluice_script::Severity;

use crate::world::{compile_one, compile_with};

/// A script that uses most of the language.
const WHOLE: &str = include_str!("whole.cfg");

#[test]
fn the_whole_script_compiles() {
    let compiled = compile_one(WHOLE);
    assert!(compiled.script.is_some(), "{}", compiled.render(false));
}

/// Compiles, renders, and checks what always holds.
fn survives(text: &[u8]) {
    let compiled = compile_one(text);
    let shown = compiled.render(true);
    assert_eq!(compiled.script.is_none(), compiled.errors > 0);
    assert_eq!(compiled.script.is_none(), shown.contains("bad config file"));
    if let Some(script) = &compiled.script {
        assert_eq!(script.code.len(), script.locations.len());
    }
    for diagnostic in &compiled.diagnostics {
        let source = &compiled.sources[usize::from(diagnostic.at.file)];
        assert!(diagnostic.at.start <= diagnostic.at.end);
        assert!(diagnostic.at.end as usize <= source.text.len(), "{diagnostic:?}");
        let before = &source.text[..diagnostic.at.start as usize];
        let lines = before.iter().filter(|b| **b == b'\n').count() + 1;
        assert_eq!(diagnostic.at.line as usize, lines.max(1), "{diagnostic:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        survives(&text);
    }

    #[test]
    fn any_words(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        survives(words.join("").as_bytes());
    }

    #[test]
    fn mutated_scripts(
        changes in proptest::collection::vec(
            (any::<proptest::sample::Index>(), 0..4_usize, any::<u8>()), 1..6),
    ) {
        let mut text = WHOLE.as_bytes().to_vec();
        for (index, what, byte) in changes {
            let at = index.index(text.len());
            match what {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 => drop(text.drain(at..(at + usize::from(byte)).min(text.len()))),
                _ => text.insert(at, b"\"'(){}[];$#/\\<"[usize::from(byte) % 14]),
            }
        }
        survives(&text);
    }
}

/// Pieces that fall in with each other in many ways.
const WORDS: &[&str] = &[
    "route",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "if",
    "else ",
    "while",
    "switch",
    "case ",
    "default",
    ":",
    "for ",
    " in ",
    "$var(x)",
    "$(var(x){s.int})",
    "$avp(",
    "$(hdr(X)[0])",
    "$",
    "=",
    "==",
    "=~",
    "!",
    "&&",
    "||",
    "+",
    "-",
    "*",
    "/",
    "~",
    "\"",
    "'",
    "\"text $ru\"",
    "1",
    "10.0.0.0/8",
    "::1",
    "NULL",
    "exit;",
    "return(1)",
    "break;",
    "xlog(\"x\");",
    "\n",
    " ",
    "loadmodule ",
    "modparam(",
    "\"sl.so\"",
    "debug=",
    "include_file \"main.cfg\"\n",
    "/*",
    "*/",
    "#",
    "“",
    "—",
    "<pre>",
    "&amp;",
    "\\",
    "@",
    "method",
    "uri==myself",
    "onreply_route[1]{",
];

#[test]
fn nesting_has_a_limit_with_a_clear_message() {
    for (open, close) in [("(", ")"), ("!(", ")"), ("! ", ""), ("$(avp(", "))")] {
        let test = format!("{}$ru{}", open.repeat(20_000), close.repeat(20_000));
        let shown = compile_one(format!("route{{ if ({test}) exit; }}")).render(false);
        assert!(shown.contains("nested over"), "{open}: {shown}");
        assert!(shown.contains("(1 error)"), "{open}: {shown}");
        let shown = compile_one(format!("route{{ $var(x) = {test}; }}")).render(false);
        assert!(shown.contains("bad config file (1 error)"), "{open}: {shown}");
    }
    for block in ["{", "if ($ru) {", "while ($ru) ", "switch ($ru) { case 1: "] {
        let shown = compile_one(format!("route{{ {}", block.repeat(20_000))).render(false);
        assert!(shown.contains("nested over"), "{block}: {shown}");
        assert!(shown.contains("(1 error)"), "{block}: {shown}");
    }
    let sub = format!("{}x{}", "$avp(".repeat(20_000), ")".repeat(20_000));
    let shown = compile_one(format!("route{{ xlog(\"{sub}\"); }}")).render(false);
    assert!(shown.contains("nested over") && shown.contains("(1 error)"), "{shown}");
    let nested = format!("{}x{}", "$(var(a){s.select,".repeat(20_000), ",b})".repeat(20_000));
    let shown = compile_one(format!("route{{ $var(x) = {nested}; }}")).render(false);
    assert!(shown.contains("bad config file (1 error)"), "{shown}");
}

#[test]
fn as_deep_as_permitted_fits_the_stack() {
    let depth = 190;
    let text = format!("route{{ {}exit;{} }}", "if ($ru) {".repeat(depth), "}".repeat(depth));
    assert!(compile_one(text).script.is_some());
    let test = format!("{}$ru{}", "!(".repeat(depth / 2), ")".repeat(depth / 2));
    assert!(compile_one(format!("route{{ if ({test}) exit; }}")).script.is_some());
    let chain = "else if ($ru) exit; ".repeat(10_000);
    assert!(compile_one(format!("route{{ if ($rd) exit; {chain} }}")).script.is_some());
    let comments = format!("{}{}", "/*".repeat(1_000), "*/".repeat(1_000));
    assert!(compile_one(format!("{comments}route{{ exit; }}")).script.is_some());
    let chain = " || $ru".repeat(100_000);
    assert!(compile_one(format!("route{{ if ($rd{chain}) exit; }}")).script.is_some());
}

#[test]
fn long_scripts_end() {
    // Half a megabyte of each in an unoptimised build: what grew with its square would not end.
    // `scripts/soak scripts` takes ten.
    let bytes = std::env::var("SLUICE_SCRIPT_BYTES").ok().and_then(|bytes| bytes.parse().ok());
    let megabytes = |piece: &str| piece.repeat(bytes.unwrap_or(500_000_usize) / piece.len());
    let statement = "if ($ru == \"a\") { xlog(\"$ru and $rd\\n\"); $var(x) = 1 + 2; }\n";
    let compiled = compile_one(format!("route{{ {} }}", megabytes(statement)));
    assert!(compiled.script.is_some());
    for piece in
        ["garbage ", "\"", "'x\n", "“", "--x\n", "$avp(x", "/*", "<pre>", ";\n", "}\n", "foo \n"]
    {
        let compiled = compile_one(megabytes(piece));
        assert!(compiled.diagnostics.len() <= 200);
        let errors = compiled.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        assert_eq!(errors.count(), compiled.errors.min(100));
        compiled.render(false);
    }
    let text = megabytes("$ru x");
    assert!(compile_one(format!("route{{ xlog(\"{text}\"); }}")).script.is_some());
    let many: String = (0..70_000).map(|n| format!("route[r{n}] {{ exit; }}\n")).collect();
    assert!(compile_one(many).render(false).contains("too many"));
    let names: String = (0..9_000).map(|n| format!("$avp(n{n}) = 1;\n")).collect();
    assert!(compile_one(format!("route{{ {names} }}")).render(false).contains("too many"));
    let vast = vec![b';'; 40 << 20];
    assert!(compile_one(vast).render(false).contains("too large"));
}

#[test]
fn includes_that_go_in_circles_end() {
    let shown = compile_with("include_file \"a\"\n", &[("a", "import_file \"a\"\n")], false);
    assert!(shown.render(false).contains("a includes itself"));
    let names: Vec<String> = (0..60).map(|n| format!("f{n}")).collect();
    let texts: Vec<String> = (1..=60).map(|n| format!("include_file \"f{n}\"\n")).collect();
    let files = names.iter().zip(&texts);
    let files: Vec<(&str, &str)> = files.map(|(name, text)| (&**name, &**text)).collect();
    let shown = compile_with("include_file \"f0\"\n", &files, false);
    assert!(shown.render(false).contains("include each other over 50 deep"));
    assert_eq!(shown.errors, 1);
    let twice = "include_file \"b\"\ninclude_file \"b\"\n";
    let shown = compile_with(twice, &[("b", twice)], false);
    assert_eq!(shown.errors, 1, "{}", shown.render(false));
}
