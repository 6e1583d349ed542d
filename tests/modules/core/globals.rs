//! Every global is accepted by name; those that nothing reads say so, those to come are refused.

use sluice_modules::CORE;
use sluice_script::catalog::{SettingKind, Status};

use crate::world::compiled;

#[test]
fn every_global_and_alias_is_known() {
    for entry in CORE.params {
        for name in std::iter::once(&entry.name).chain(entry.aliases) {
            let value = match entry.kind {
                SettingKind::Int => "1",
                SettingKind::Text | SettingKind::Either => "\"x\"",
                SettingKind::Word => "udp:127.0.0.1:5060",
            };
            let seen = compiled(&format!("{name} = {value}\nroute {{ exit; }}"));
            match entry.status {
                Status::Honoured => {
                    assert!(seen.script.is_some(), "{name}: {:?}", seen.diagnostics)
                }
                Status::Ignored(_) => {
                    assert!(seen.script.is_some(), "{name}: {:?}", seen.diagnostics);
                    assert!(!seen.diagnostics.is_empty(), "{name} is ignored in silence");
                }
                Status::Later => assert_eq!(seen.errors, 1, "{name}"),
            }
        }
    }
}
