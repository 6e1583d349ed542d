//! Many connections that are idle, that stop in the middle of a message, that send garbage: others
//! are served meanwhile, the limit holds, and the memory is given back. As many as
//! `SLUICE_CONNECTIONS` says; `scripts/soak connections` has 20,000.

use std::net::SocketAddr;

use crate::sip::{Agent, Request, first_line};
use crate::stream::Line;
use crate::support::{Folder, Running, address};

/// The most connections of the gateway, fewer than come.
fn limit(connections: usize) -> usize {
    connections * 3 / 4
}

fn served(at: SocketAddr) {
    let mut line = Line::to(at);
    let request = Request { call_id: "tcp", ..Request::default() };
    line.send(request.with_via(&format!("SIP/2.0/TCP {};branch=z9hG4bKt", line.address())));
    assert_eq!(first_line(&line.receive()), "SIP/2.0 200 OK");
    let agent = Agent::new();
    agent.send(at, Request::default().text(agent.address()));
    assert_eq!(first_line(&agent.receive()), "SIP/2.0 200 OK");
}

/// Resident memory of a process, kilobytes.
fn resident(gateway: &Running) -> u64 {
    let path = format!("/proc/{}/status", gateway.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Descriptors of a process.
fn descriptors(gateway: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", gateway.id())).unwrap().count()
}

fn crowd(at: SocketAddr, count: usize) -> Vec<Line> {
    let open = |n: usize| {
        let mut line = Line::to(at);
        match n % 4 {
            0 => {}
            1 => _ = line.try_send(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h"),
            2 => _ = line.try_send(b"\r\n"),
            _ => _ = line.try_send(b"no SIP at all\r\n"),
        }
        line
    };
    (0..count).map(open).collect()
}

#[test]
fn others_are_served_and_memory_is_given_back() {
    let count = std::env::var("SLUICE_CONNECTIONS").map_or(400, |text| text.parse().unwrap());
    let (folder, at, most) = (Folder::new(), address(), limit(count));
    let script = format!(
        "loadmodule \"proto_tcp.so\"\nloadmodule \"sl.so\"\ntcp_max_connections = {most}\n\
         tcp_max_msg_time = 60\nroute {{ sl_send_reply(200, \"OK\"); }}\n"
    );
    let script = folder.write("test.cfg", &script);
    let (udp, tcp) = (at.to_string(), format!("tcp:{at}"));
    let gateway = Running::gateway(&["-f", &script, "-l", &udp, "-l", &tcp, "-n", "2"]);
    served(at);
    // The first crowd shows what the program keeps for good.
    drop(crowd(at, count / 4));
    await_few(&gateway, 40);
    served(at);
    let (before, idle) = (resident(&gateway), descriptors(&gateway));
    for _ in 0..2 {
        let lines = crowd(at, count);
        served(at);
        assert!(descriptors(&gateway) <= idle + most, "{}", descriptors(&gateway));
        drop(lines);
        await_few(&gateway, idle + 4);
        served(at);
    }
    let after = resident(&gateway);
    assert!(after <= before + before / 10, "{before} KB before, {after} KB after");
    println!("{count} connections, at most {most}: {before} KB before, {after} KB after");
}

/// Waits until the gateway has closed the crowd's connections.
fn await_few(gateway: &Running, few: usize) {
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    while descriptors(gateway) > few {
        assert!(std::time::Instant::now() < end, "{} descriptors", descriptors(gateway));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
