//! What constructs become: golden listings.

use insta::assert_snapshot;

use crate::dump::dump;
use crate::world::compile_one;

fn lowered(body: &str) -> String {
    let compiled = compile_one(format!("route {{\n{body}\n}}\n"));
    match &compiled.script {
        Some(script) => dump(script),
        None => compiled.render(false),
    }
}

#[test]
fn and_and_or_have_one_precedence() {
    assert_snapshot!(lowered("if ($si || $rU && $rd) exit;"));
}
