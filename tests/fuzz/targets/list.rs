//! Any bytes as the dispatcher's list file: read, loaded, loaded again, selected from.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sluice_engine::files::InMemory;
use sluice_engine::sockets::Sockets;
use sluice_engine::targets::Names;
use sluice_modules::dispatcher::list;
use sluice_modules::dispatcher::load::ListFile;
use sluice_modules::dispatcher::select::{Pick, choose};
use sluice_modules::dispatcher::sets::Sets;
use sluice_sip::uri::Uri;

/// The target.
pub fn run(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let rows = match list::parse(bytes, "list", &mut Vec::new()) {
        Ok(rows) => rows,
        Err(why) => return check_error(&why, lines),
    };
    for row in &rows {
        assert!((1..=lines).contains(&row.line), "{row:?}");
        assert!(Uri::parse(row.uri.as_bytes()).is_some(), "{row:?}");
    }
    let file = file(bytes);
    let sets = file.load(None, &mut Vec::new()).unwrap();
    assert_eq!(sets.iter().map(|set| set.destinations.len()).sum::<usize>(), rows.len());
    select(&sets);
    let again = file.load(Some(&sets), &mut Vec::new()).unwrap();
    let live = |sets: &Sets| -> Vec<_> {
        let all = sets.iter().flat_map(|set| set.destinations.iter());
        all.map(|destination| Arc::as_ptr(&destination.live)).collect()
    };
    assert_eq!(live(&sets), live(&again), "destinations keep what is live of them");
}

/// An error names the file and one of its lines.
fn check_error(why: &str, lines: usize) {
    let line = why.strip_prefix("list:").and_then(|rest| rest.split(':').next());
    let line: usize = line.unwrap().parse().unwrap();
    assert!((1..=lines).contains(&line), "{why}");
}

/// The list as a file; of each name it is known or not where it leads.
fn file(bytes: &[u8]) -> ListFile {
    let files = InMemory::default();
    files.set("list", Some(bytes));
    ListFile {
        watch: "dispatcher".to_owned(),
        path: "list".to_owned(),
        files: Arc::new(files),
        table: None,
        sockets: Sockets::default(),
        resolve: Arc::new(|name| match name.len() % 3 {
            0 => Err("no such name".to_owned()),
            1 => Ok(vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
            _ => Ok(vec!["192.0.2.2".parse().unwrap()]),
        }),
        names: Arc::new(Names::new(0)),
        maglev: AtomicBool::new(true),
    }
}

/// Whatever is picked is a destination of the set that is active.
fn select(sets: &Sets) {
    for set in sets.iter() {
        for pick in [Pick::Hash(7), Pick::Maglev(7), Pick::Index(9), Pick::Turn, Pick::Last] {
            for default_last in [false, true] {
                let chosen = choose(set, pick, default_last);
                let active = set.destinations.iter().any(|destination| destination.is_active());
                assert!(active || chosen.is_none(), "{pick:?}");
                if let Some(at) = chosen {
                    assert!(set.get(at).is_some_and(|chosen| chosen.is_active()), "{pick:?}");
                }
            }
        }
    }
}
