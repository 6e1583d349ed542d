//! SIP endpoints of the tests' own, and the messages that they send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;

use crate::support::PATIENCE;

/// A SIP endpoint: a socket of its own.
pub struct Agent(UdpSocket);

/// What an agent's socket holds, bytes; the system may make it less.
const BUFFER: usize = 4 << 20;

impl Agent {
    /// On a port of 127.0.0.1 that the system chooses.
    pub fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    pub fn on(ip: IpAddr) -> Self {
        Self::at((ip, 0).into())
    }

    pub fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        // For what comes while the machine stands still.
        setsockopt(&socket, RcvBuf, &BUFFER).unwrap();
        Self(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn send(&self, to: SocketAddr, bytes: impl AsRef<[u8]>) {
        self.0.send_to(bytes.as_ref(), to).unwrap();
    }

    /// The next datagram, if it is there already.
    pub fn try_receive(&self) -> Option<(String, SocketAddr)> {
        let mut bytes = vec![0; 65_535];
        let (count, from) = self.0.recv_from(&mut bytes).ok()?;
        Some((String::from_utf8_lossy(&bytes[..count]).into_owned(), from))
    }

    /// The next datagram.
    pub fn receive(&self) -> String {
        first_of(std::slice::from_ref(self)).1
    }

    /// Receives a request and answers it to whence it came; the request.
    pub fn answer(&self, status: &str) -> String {
        let (_, request, from) = first_of(std::slice::from_ref(self));
        self.send(from, reply(&request, status));
        request
    }
}

/// The first datagram at one of the agents: whose, the text, whence.
pub fn first_of(agents: &[Agent]) -> (usize, String, SocketAddr) {
    let end = Instant::now() + PATIENCE;
    loop {
        for (at, agent) in agents.iter().enumerate() {
            if let Some((text, from)) = agent.try_receive() {
                return (at, text, from);
            }
        }
        assert!(Instant::now() < end, "nothing comes");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A request, but for its Via.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub max_forwards: u8,
    /// Whole lines.
    pub more: &'a str,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            method: "OPTIONS",
            uri: "sip:bob@example.com",
            from: "sip:caller@example.com",
            to: "sip:bob@example.com",
            call_id: "abc",
            max_forwards: 70,
            more: "",
        }
    }
}

impl Request<'_> {
    /// Its text, with the Via of `sender`.
    pub fn text(&self, sender: SocketAddr) -> String {
        self.with_via(&format!("SIP/2.0/UDP {sender};branch=z9hG4bK-{}", self.call_id))
    }

    /// Its text with a Via of any form.
    pub fn with_via(&self, via: &str) -> String {
        let Self { method, uri, from, to, call_id, max_forwards, more } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: {max_forwards}\r\n\
             From: <{from}>;tag=1\r\nTo: <{to}>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
             {more}Content-Length: 0\r\n\r\n"
        )
    }
}

/// The reply of a destination that echoes what RFC 3261 8.2.6 wants.
pub fn reply(request: &str, status: &str) -> String {
    let echoed = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let kept = |line: &&str| echoed.iter().any(|name| line.starts_with(name));
    let lines: String = request.lines().filter(kept).flat_map(|line| [line, "\r\n"]).collect();
    format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n")
}

/// The values of a header field, one per line that has it.
pub fn headers<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    message.lines().filter_map(value).collect()
}

/// The first line of a message.
pub fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
