//! The registrar over real sockets: what contacts cost.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::support::{Folder, Running, address};

/// REGISTER requests that are on their way at once.
pub const WINDOW: usize = 64;

/// Seconds that contacts last where nothing else is said.
pub const LONG: usize = 7_200;

/// A number from the environment, for `scripts/soak`.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn gateway(folder: &Folder, listen: SocketAddr, more: &str) -> Running {
    let script = format!(
        "socket = udp:{listen}\nudp_workers = 1\n\
         loadmodule \"sl.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n{more}\n\
         route {{ save(\"location\"); exit; }}\n"
    );
    Running::gateway(&["-f", &folder.write("opensips.cfg", &script)])
}

/// A REGISTER with an AoR of 22 bytes, a contact of 36, a Call-ID of 36 and a User-Agent of 20.
pub fn register(number: usize, cseq: u32, expires: usize, from: SocketAddr) -> String {
    let user = format!("u{number:021}");
    format!(
        "REGISTER sip:example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};branch=z9hG4bK{number}-{cseq};rport\r\n\
         From: <sip:{user}@example.com>;tag=1\r\nTo: <sip:{user}@example.com>\r\n\
         Call-ID: {number:036}\r\nCSeq: {cseq} REGISTER\r\nUser-Agent: Phone 1.0 by nobody.\r\n\
         Contact: <sip:{user}@127.0.0.1>\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The number of an answered REGISTER, by its Call-ID.
pub fn accepted(reply: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(reply).ok()?;
    let id = text.strip_prefix("SIP/2.0 200")?.split("Call-ID: ").nth(1)?;
    id.split("\r\n").next()?.parse().ok()
}

/// Registers users, some at once; those that are not answered are asked for again. How long it
/// took.
fn register_all(users: Range<usize>, cseq: u32, to: SocketAddr) -> Duration {
    register_for(users, cseq, |_| LONG, to)
}

/// The same, each for so many seconds.
pub fn register_for(
    users: Range<usize>,
    cseq: u32,
    expires: impl Fn(usize) -> usize,
    to: SocketAddr,
) -> Duration {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let from = socket.local_addr().unwrap();
    let send = |socket: &UdpSocket, user: usize| {
        socket.send_to(register(user, cseq, expires(user), from).as_bytes(), to).unwrap();
    };
    let began = Instant::now();
    let (mut waiting, mut users) = (HashSet::new(), users.peekable());
    let mut buffer = [0; 2_048];
    while users.peek().is_some() || !waiting.is_empty() {
        while let Some(user) = users.next_if(|_| waiting.len() < WINDOW) {
            waiting.insert(user);
            send(&socket, user);
        }
        match socket.recv(&mut buffer) {
            Ok(len) => {
                let user = accepted(&buffer[..len]).unwrap();
                waiting.remove(&user);
            }
            Err(_) => waiting.iter().for_each(|user| {
                send(&socket, *user);
            }),
        }
    }
    began.elapsed()
}

/// Resident memory of a process, bytes.
fn resident(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
}

#[test]
fn contacts_take_little_memory() {
    const WARM_UP: usize = 1_000;
    let count = setting("SLUICE_CONTACTS", 2_000);
    let (folder, listen) = (Folder::new(), address());
    let running = gateway(&folder, listen, "");
    register_all(0..WARM_UP, 1, listen);
    let before = resident(running.id());
    let took = register_all(WARM_UP..WARM_UP + count, 1, listen);
    let grown = resident(running.id()).saturating_sub(before) / count;
    let again = register_all(WARM_UP..WARM_UP + count, 2, listen);
    let more = resident(running.id()).saturating_sub(before) / count;
    println!(
        "{count} contacts: {grown} bytes each, {more} when they have been refreshed; \
         registered in {took:.1?}, refreshed in {again:.1?}"
    );
    // Of few, the pages that all of them share weigh too much.
    assert!(count < 100_000 || more <= 350, "{more} bytes for each contact");
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
}
