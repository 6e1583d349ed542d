//! Workers over sockets: shares, the order of a call's messages, pinning, IPv6.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use sluice_engine::counter::Counter;
use sluice_net::pin::available_cpus;
use sluice_traffic::agents;
use sluice_traffic::uac::{Uac, UacConfig};
use sluice_traffic::uas::{Uas, UasConfig};

use crate::live::Live;
use crate::sip::{Agent, Request, first_line, headers};
use crate::support::{Folder, PATIENCE, Running, SLUICE, address, ports};

const LOOPBACK: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[test]
fn one_source_port_feeds_all_workers_and_no_call_is_reordered() {
    const CALL_IDS: u64 = 10_000;
    const CALLS: u64 = 3 * CALL_IDS;
    let workers = available_cpus().len().min(2) as u8;
    if workers == 1 {
        eprintln!("one CPU only: one worker, shares are not compared");
    }
    let listen = vec![([127, 0, 0, 1], 0).into()];
    let uas = Uas::bind(UasConfig { listen, ..UasConfig::default() }).unwrap();
    let script = format!("route {{ $du = \"sip:{}\"; forward(); }}", uas.addresses()[0]);
    let mut live = Live::start(&script, workers);
    let uac = Uac::bind(UacConfig {
        target: live.address,
        rate: 4_000,
        calls: Some(CALLS),
        call_ids: Some(CALL_IDS),
        ..UacConfig::default()
    });
    let report = agents::run(uac.unwrap(), uas, &AtomicBool::new(false), |_| {}).unwrap();
    let order = report.destinations.order;
    assert_eq!((order.out_of_order, order.forgotten, order.repeated), (0, 0, 0), "{order:?}");
    // A busy machine may lose some: small buffers, late threads. Enough must be left to compare.
    let (least, most) = ((CALLS - CALL_IDS) * 9 / 10, CALLS - CALL_IDS);
    assert!((least..=most).contains(&order.compared), "{order:?} {:?}", report.caller.counts);
    let handled = live.of_workers(Counter::Handled);
    let all: u64 = handled.iter().sum();
    if workers == 2 {
        let fair = |count: &u64| (40..=60).contains(&(count * 100 / all));
        assert!(handled.iter().all(fair), "{handled:?}");
        let hopped = live.count(Counter::Hopped);
        assert!(hopped >= CALLS * 8 / 10, "{hopped}: one source port lands at one worker");
    }
}

/// Which CPUs each worker of a process may use, in the order of their names.
fn allowed(process: u32) -> Vec<(String, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut workers: Vec<(String, String)> = tasks
        .filter_map(|task| {
            let task = task.unwrap().path();
            let name = std::fs::read_to_string(task.join("comm")).ok()?.trim().to_owned();
            let status = std::fs::read_to_string(task.join("status")).ok()?;
            let allowed = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
            name.starts_with("worker-").then(|| (name, allowed.trim().to_owned()))
        })
        .collect();
    workers.sort();
    workers
}

/// Waits until the workers are pinned as `expected`: each does so itself once it runs.
fn await_pinned(process: u32, expected: &[usize]) {
    let worker = |(at, cpu): (usize, &usize)| (format!("worker-{at}"), cpu.to_string());
    let expected: Vec<(String, String)> = expected.iter().enumerate().map(worker).collect();
    let end = Instant::now() + PATIENCE;
    while allowed(process) != expected {
        assert!(Instant::now() < end, "{:?} is not {expected:?}", allowed(process));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn workers_are_pinned_within_the_mask() {
    let cpus = available_cpus();
    let folder = Folder::new();
    let script = folder.write("test.cfg", "route { forward(); }");
    let listen = address().to_string();
    let all = Running::gateway(&["-f", &script, "-l", &listen]);
    await_pinned(all.id(), &cpus);
    drop(all);
    // The last CPU, so that a mask that is not looked at would show.
    let last = *cpus.last().unwrap();
    let mut taskset = Command::new("taskset");
    taskset.args(["-c", &last.to_string(), SLUICE, "-f", &script, "-l", &listen]);
    let confined = Running::spawn(&mut taskset, "");
    confined.await_error("1 worker, listening on");
    await_pinned(confined.id(), &[last]);
}

#[test]
fn calls_are_dispatched_over_ipv6() {
    let (caller, destination) = (Agent::on(LOOPBACK), Agent::on(LOOPBACK));
    let folder = Folder::new();
    folder.write("six.list", &format!("1 sip:{}\n", destination.address()));
    let script = "loadmodule \"dispatcher\"\n\
                  modparam(\"dispatcher\", \"list_file\", \"six.list\")\n\
                  route { if (ds_select_dst(1, 4)) forward(); }";
    let script = folder.write("test.cfg", script);
    let gateway = SocketAddr::new(LOOPBACK, ports(1));
    let _program = Running::gateway(&["-f", &script, "-l", &format!("udp:{gateway}")]);
    let sent = Request::default().text(caller.address());
    caller.send(gateway, &sent);
    let received = destination.answer("200 OK");
    let vias = headers(&received, "Via");
    assert!(vias[0].starts_with(&format!("SIP/2.0/UDP {gateway};branch=z9hG4bK")), "{vias:?}");
    let back = caller.receive();
    assert_eq!(first_line(&back), "SIP/2.0 200 OK");
    assert_eq!(headers(&back, "Via"), headers(&sent, "Via"));
}

#[test]
fn a_call_leaves_by_the_socket_it_came_to_unless_the_family_differs() {
    let (first, second) = (address(), address());
    let six = SocketAddr::new(LOOPBACK, ports(1));
    let folder = Folder::new();
    let script = format!(
        "socket=udp:{first}\nsocket=udp:{six}\nsocket=udp:{second}\nroute {{ forward(); }}"
    );
    let _program = Running::gateway(&["-f", &folder.write("test.cfg", &script)]);
    let caller = Agent::new();
    let (four, other) = (Agent::new(), Agent::on(LOOPBACK));
    for (entry, destination, exit) in
        [(first, &four, first), (second, &four, second), (second, &other, six)]
    {
        let uri = format!("sip:bob@{}", destination.address());
        let sent = Request { uri: &uri, ..Request::default() }.text(caller.address());
        caller.send(entry, &sent);
        let received = destination.answer("200 OK");
        let via = headers(&received, "Via")[0];
        assert!(via.starts_with(&format!("SIP/2.0/UDP {exit};")), "{via} by {exit}");
        let back = caller.receive();
        assert_eq!(headers(&back, "Via"), headers(&sent, "Via"));
    }
}
