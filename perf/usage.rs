//! What a process and all its children used, read from `/proc`: time, memory, and what their
//! sockets dropped.
//!
//! The sum of time is the scheduler's, in nanoseconds; how it divides into user and system is known
//! in clock ticks only, so a run should last some seconds. Time of threads that ended is not seen.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Processor time.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cpu {
    /// In the program.
    pub user: Duration,
    /// In the kernel, on its behalf.
    pub system: Duration,
}

impl Cpu {
    /// What was used since an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }

    /// Microseconds of user and system time a message.
    pub fn per_message_us(self, messages: u64) -> (f64, f64) {
        let share = |time: Duration| time.as_secs_f64() * 1e6 / messages.max(1) as f64;
        (share(self.user), share(self.system))
    }
}

/// Memory, in kilobytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Resident, pages shared by several processes counted in each.
    pub rss_kb: u64,
    /// Resident, shared pages divided among those who share them.
    pub pss_kb: u64,
}

/// A process tree's readings, added up as they are read.
#[derive(Default)]
struct Sum {
    runtime: Duration,
    user_ticks: u64,
    system_ticks: u64,
}

/// The time used so far by a process and its descendants.
///
/// # Errors
/// When the process is gone.
pub fn cpu(root: u32) -> Result<Cpu> {
    let mut sum = Sum::default();
    for process in tree(root)? {
        let (user, system) = ticks(&read(&format!("/proc/{process}/stat"))?)?;
        sum.user_ticks += user;
        sum.system_ticks += system;
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let path = thread?.path().join("schedstat");
            sum.runtime += runtime(&fs::read_to_string(path)?)?;
        }
    }
    let ticks = (sum.user_ticks + sum.system_ticks).max(1);
    let user = sum.runtime.mul_f64(sum.user_ticks as f64 / ticks as f64);
    Ok(Cpu { user, system: sum.runtime.saturating_sub(user) })
}

/// The memory of a process and its descendants.
///
/// # Errors
/// When the process is gone.
pub fn memory(root: u32) -> Result<Memory> {
    let mut sum = Memory::default();
    for process in tree(root)? {
        let rollup = read(&format!("/proc/{process}/smaps_rollup"))?;
        sum.rss_kb += kilobytes(&rollup, "Rss:");
        sum.pss_kb += kilobytes(&rollup, "Pss:");
    }
    Ok(sum)
}

/// Datagrams dropped so far by the UDP sockets of a port, because nobody took them in time.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn drops(port: u16) -> Result<u64> {
    Ok(rows_of_port(&read("/proc/net/udp")?, port).sum())
}

/// Whether a UDP socket is open on the port.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn is_open(port: u16) -> Result<bool> {
    Ok(rows_of_port(&read("/proc/net/udp")?, port).next().is_some())
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The process and all its descendants.
fn tree(root: u32) -> Result<BTreeSet<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may have ended since the directory was read.
        if let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) {
            parents.push((process, field(&stat, 4)? as u32));
        }
    }
    let mut found = BTreeSet::from([root]);
    loop {
        let known = found.len();
        let children = parents.iter().filter(|(_, parent)| found.contains(parent));
        let children: Vec<u32> = children.map(|(process, _)| *process).collect();
        found.extend(children);
        if found.len() == known {
            return Ok(found);
        }
    }
}

/// A field of `/proc/PID/stat`, counted from 1 as in proc(5); only those behind the name.
fn field(stat: &str, number: usize) -> Result<u64> {
    let behind = stat.rfind(')').context("a process name in parentheses")?;
    let text = stat[behind + 1..].split_whitespace().nth(number - 3);
    Ok(text.context("a longer stat line")?.parse()?)
}

fn ticks(stat: &str) -> Result<(u64, u64)> {
    Ok((field(stat, 14)?, field(stat, 15)?))
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn runtime(schedstat: &str) -> Result<Duration> {
    let first = schedstat.split_whitespace().next().context("a number in schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn kilobytes(rollup: &str, name: &str) -> u64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The drop counters of the rows of `/proc/net/udp` that have this local port.
fn rows_of_port(table: &str, port: u16) -> impl Iterator<Item = u64> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_whitespace();
        let (_, local) = fields.nth(1)?.split_once(':')?;
        let drops = fields.last()?.parse().ok()?;
        (u16::from_str_radix(local, 16) == Ok(port)).then_some(drops)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_behind_any_name() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 0 0 0 250 125 0 0 20 0 1 0 9";
        assert_eq!(field(stat, 4).expect("parent"), 3);
        assert_eq!(ticks(stat).expect("ticks"), (250, 125));
        assert!(ticks("7 (a) S 3").is_err());
    }

    #[test]
    fn schedstat_and_rollup_are_read() {
        assert_eq!(runtime("1500 9 2\n").expect("runtime"), Duration::from_nanos(1_500));
        let rollup = "00400000-7ff [rollup]\nRss:    120 kB\nPss:     40 kB\nSwapPss: 1 kB\n";
        assert_eq!((kilobytes(rollup, "Rss:"), kilobytes(rollup, "Pss:")), (120, 40));
    }

    #[test]
    fn drops_of_one_port_are_added_up() {
        let row = |port: &str, drops: u64| {
            format!(" 1: 0100007F:{port} 00000000:0000 07 0:0 00:0 0 0 0 77 2 0 {drops}\n")
        };
        let table = format!("  sl head\n{}{}{}", row("13D8", 3), row("13D9", 9), row("13D8", 4));
        assert_eq!(rows_of_port(&table, 0x13d8).sum::<u64>(), 7);
        assert_eq!(rows_of_port(&table, 80).next(), None);
    }

    #[test]
    fn work_is_seen_and_so_are_its_children() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "(while :; do :; done) & wait"])
            .spawn()
            .expect("a shell");
        let begun = std::time::Instant::now();
        let mut used = Cpu::default();
        while used.user.is_zero() && begun.elapsed() < Duration::from_secs(10) {
            used = cpu(child.id()).expect("a live process");
        }
        let spinner: Vec<u32> =
            tree(child.id()).expect("a tree").into_iter().filter(|p| *p != child.id()).collect();
        assert_eq!(spinner.len(), 1);
        let stopped = std::process::Command::new("kill").arg(spinner[0].to_string()).status();
        assert!(stopped.expect("kill runs").success());
        child.wait().expect("the shell ends");
        assert!(!used.user.is_zero());
    }
}
