//! The threads of this process, as the system lists them, by the names that the program gave.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sluice_engine::module::CommandError;

use super::refuse;

/// Where the system lists them (proc(5)).
const TASKS: &str = "/proc/self/task";

/// What the name of a worker's thread begins with.
const WORKER: &str = "worker-";

/// A thread of this process.
pub(super) struct Thread {
    /// Its number in the system; the main thread's is the process'.
    pub id: u32,
    /// What it does.
    pub kind: String,
}

/// Processor time that the workers have used since they began.
#[derive(Clone, Copy)]
pub(super) struct Busy {
    /// How many they are.
    pub workers: usize,
    /// Of all of them together.
    pub time: Duration,
}

/// The threads by number, the main one first.
pub(super) fn threads() -> Result<Vec<Thread>, CommandError> {
    let named = names().or_else(|error| {
        refuse(500, format!("the system does not list threads: {TASKS}: {error}"))
    })?;
    let mut threads: Vec<Thread> =
        named.map(|(id, name, _)| Thread { id, kind: kind(id, &name) }).collect();
    threads.sort_by_key(|thread| (thread.id != std::process::id(), thread.id));
    Ok(threads)
}

/// How busy the workers were; `None` where the system does not say, or there are none.
pub(super) fn workers_busy() -> Option<Busy> {
    let mut busy = Busy { workers: 0, time: Duration::ZERO };
    for (_, _, folder) in names().ok()?.filter(|(_, name, _)| name.starts_with(WORKER)) {
        // Nanoseconds on a CPU, nanoseconds waiting for one, number of times.
        let times = fs::read_to_string(folder.join("schedstat")).ok()?;
        let on_cpu = times.split_ascii_whitespace().next()?.parse().ok()?;
        busy.workers += 1;
        busy.time += Duration::from_nanos(on_cpu);
    }
    (busy.workers > 0).then_some(busy)
}

/// Number, name and folder of each.
fn names() -> std::io::Result<impl Iterator<Item = (u32, String, PathBuf)>> {
    let listed = fs::read_dir(TASKS)?;
    Ok(listed.flatten().filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let folder = entry.path();
        // A thread that has just ended has no name any more.
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        Some((id, name.trim_end().to_owned(), folder))
    }))
}

/// What a thread does, from the name that the program gave it.
fn kind(id: u32, name: &str) -> String {
    match name.strip_prefix(WORKER) {
        _ if id == std::process::id() => "attendant".to_owned(),
        Some(number) => format!("SIP worker {number}"),
        None if name.starts_with("tracing") => "log writer".to_owned(),
        None => name.to_owned(),
    }
}
