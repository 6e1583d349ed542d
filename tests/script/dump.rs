//! A readable listing of a lowered script.

use std::fmt::Write as _;

use sluice_script::Script;
use sluice_script::ir::{Index, Op, ReferenceId, Sub};

use crate::world::{FUNCTIONS, TRANSFORMATIONS, VARIABLES};

/// All routes, one instruction per line.
pub fn dump(script: &Script) -> String {
    let mut out = String::new();
    for (at, op) in script.code.iter().enumerate() {
        for route in script.routes.iter().filter(|route| route.entry as usize == at) {
            let _ = writeln!(out, "{:?} [{}]", route.kind, route.name);
        }
        let _ = writeln!(out, "{at:4} {}", show(script, *op));
    }
    out
}

fn show(script: &Script, op: Op) -> String {
    match op {
        Op::Text(text) => format!("Text {:?}", String::from_utf8_lossy(script.text(text))),
        Op::Load(id) => format!("Load {}", reference(script, id)),
        Op::Refer(id) => format!("Refer {}", reference(script, id)),
        Op::Store { target, op } => format!("Store {op:?} {}", reference(script, target)),
        Op::Match(id) => format!("Match /{}/", script.regexes[id.0 as usize]),
        Op::Regex(id) => format!("Regex /{}/", script.regexes[id.0 as usize]),
        Op::InNet(id) => {
            let net = script.nets[id.0 as usize];
            format!("InNet {}/{}", net.addr, net.prefix)
        }
        Op::Transform { transform, params } => {
            format!("Transform {} {params}", TRANSFORMATIONS[transform.0 as usize].0)
        }
        Op::Call { function, args } => {
            format!("Call {} {args}", FUNCTIONS[function.0 as usize].0)
        }
        Op::Route { route, args } => {
            format!("Route [{}] {args}", script.routes[route.0 as usize].name)
        }
        other => format!("{other:?}"),
    }
}

fn reference(script: &Script, id: ReferenceId) -> String {
    let reference = script.references[id.0 as usize];
    let name = VARIABLES[reference.variable.0 as usize].0;
    let sub = match reference.sub {
        Sub::None => String::new(),
        Sub::Text(text) => format!("({})", String::from_utf8_lossy(script.text(text))),
        Sub::Slot(slot) => {
            let names = match name {
                "avp" => &script.avps,
                "var" => &script.vars,
                _ => &script.flags,
            };
            format!("({}#{slot})", names.name(slot).unwrap_or("?"))
        }
        Sub::Dynamic => "(..)".to_owned(),
    };
    let index = match reference.index {
        Index::None => String::new(),
        other => format!("[{other:?}]"),
    };
    format!("${name}{sub}{index}")
}
