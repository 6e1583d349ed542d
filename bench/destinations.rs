//! Sets of destinations for the benches, made as the dispatcher makes them.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sluice_base::snapshot::Snapshot;
use sluice_engine::files::InMemory;
use sluice_engine::sockets::Sockets;
use sluice_engine::targets::Names;
use sluice_modules::dispatcher::hash::hash;
use sluice_modules::dispatcher::load::ListFile;
use sluice_modules::dispatcher::select::{Pick, choose};
use sluice_modules::dispatcher::sets::Sets;

/// A usual Call-ID.
pub const CALL_ID: &[u8] = b"a84b4c76e66710@pc33.atlanta.com";

/// A list file in memory: so many sets, from 1, of so many destinations.
pub fn list(sets: u16, each: u16) -> ListFile {
    let mut text = String::new();
    for set in 1..=sets {
        for port in 10_000..10_000 + each {
            let _ = writeln!(text, "{set} sip:10.0.{}.{}:{port}", set >> 8, set & 0xFF);
        }
    }
    let files = InMemory::default();
    files.set("bench.list", Some(text.as_bytes()));
    ListFile {
        watch: "dispatcher".to_owned(),
        path: "bench.list".to_owned(),
        files: Arc::new(files),
        table: None,
        sockets: Sockets::default(),
        resolve: Arc::new(|name| Err(format!("{name}: no names here"))),
        names: Arc::new(Names::new(0)),
        maglev: AtomicBool::new(false),
    }
}

/// The snapshot of such a list.
///
/// # Panics
/// When the list is refused.
pub fn snapshot(sets: u16, each: u16) -> Snapshot<Sets> {
    Snapshot::new(list(sets, each).load(None, &mut Vec::new()).expect("a good list"))
}

/// Selects from a set by a Call-ID and counts the hit; the port of the destination.
#[inline]
pub fn select(sets: &Sets, set: i64, call_id: &[u8], lane: usize) -> Option<u16> {
    let set = sets.get(set)?;
    let destination = set.get(choose(set, Pick::Hash(hash(call_id, b"")), false)?)?;
    destination.live.hit(lane);
    Some(destination.port)
}
