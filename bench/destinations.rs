//! Sets of destinations for the benches, made as the dispatcher makes them.

use std::sync::Arc;

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

/// A list file in memory: set 1 with so many destinations.
pub fn list(count: u16) -> ListFile {
    let line = |port| format!("1 sip:127.0.0.1:{port}\n");
    let text: String = (10_000..10_000 + count).map(line).collect();
    let files = InMemory::default();
    files.set("bench.list", Some(text.as_bytes()));
    ListFile {
        path: "bench.list".to_owned(),
        files: Arc::new(files),
        table: None,
        sockets: Sockets::default(),
        resolve: Arc::new(|name| Err(format!("{name}: no names here"))),
        names: Arc::new(Names::new(0)),
    }
}

/// The snapshot of such a list.
///
/// # Panics
/// When the list is refused.
pub fn snapshot(count: u16) -> Snapshot<Sets> {
    Snapshot::new(list(count).load(None, &mut Vec::new()).expect("a good list"))
}

/// Selects by a Call-ID and counts the hit; the port of the destination.
#[inline]
pub fn select(sets: &Sets, call_id: &[u8], lane: usize) -> Option<u16> {
    let set = sets.get(1)?;
    let destination = set.get(choose(set, Pick::Hash(hash(call_id, b"")), false)?)?;
    destination.live.hit(lane);
    Some(destination.port)
}
