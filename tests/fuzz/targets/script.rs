//! Any text as a script against the real tables; what compiles is started and shown messages.

use std::collections::HashMap;

use sluice_engine::counter::Counter;
use sluice_script::{Compiled, Severity};

use super::message::PEER;
use crate::world::{Plan, compile_text, registry, request};

/// The target.
pub fn run(bytes: &[u8]) {
    let compiled = compile_text(bytes, &registry(), HashMap::new());
    check(&compiled);
    if compiled.script.is_some()
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        start(text);
    }
}

/// What always holds of a compilation.
fn check(compiled: &Compiled) {
    let shown = compiled.render(false);
    let _ = compiled.render(true);
    assert_eq!(compiled.script.is_none(), compiled.errors > 0);
    assert_eq!(compiled.script.is_none(), shown.contains("bad config file"));
    let errors = compiled.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    assert!(errors <= compiled.errors);
    for diagnostic in &compiled.diagnostics {
        let source = &compiled.sources[usize::from(diagnostic.at.file)];
        assert!(diagnostic.at.start <= diagnostic.at.end);
        assert!(diagnostic.at.end as usize <= source.text.len(), "{diagnostic:?}");
    }
}

/// Modules may refuse to start; a script that runs does not panic.
fn start(text: &str) {
    let Ok(mut world) = Plan::default().try_run(text) else { return };
    let invite = request("INVITE sip:bob@example.com SIP/2.0", "");
    let reply = invite.replace("INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK");
    for message in [invite, reply] {
        world.receive(PEER, message);
        world.pass(2);
    }
    assert_eq!(world.count(Counter::Panics), 0);
    assert_eq!(world.count(Counter::Handled), 2);
}
