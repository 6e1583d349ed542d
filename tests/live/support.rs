//! What the live tests share: folders, free ports, programs, SIP endpoints and messages.
//!
//! Whatever is begun here ends with the test, also with one that fails.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long anything is waited for. Long: a test that waits for it in vain has failed already.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub const SLUICE: &str = env!("CARGO_BIN_EXE_sluice");

/// A folder of one test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("live-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The first of `count` free ports in a row. They lie below those that the system chooses itself,
/// no two calls of this process get the same, and other processes begin elsewhere.
pub fn ports(count: u16) -> u16 {
    const FIRST: u32 = 10_000;
    const RANGE: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let free = |port: u16| {
        let taken = |ip: IpAddr| {
            let bound = UdpSocket::bind((ip, port));
            bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
        };
        !taken(Ipv4Addr::LOCALHOST.into()) && !taken(Ipv6Addr::LOCALHOST.into())
    };
    for _ in 0..RANGE {
        let next = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let first = (FIRST + (std::process::id() * 61 + next) % RANGE) as u16;
        if (first..first + count).all(free) {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

/// A free port on 127.0.0.1.
pub fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, ports(1)).into()
}

/// What a program prints, while it does.
#[derive(Default)]
struct Transcript {
    /// The text so far, and whether the program has closed it.
    text: Mutex<(String, bool)>,
    more: Condvar,
}

impl Transcript {
    fn of(mut stream: impl Read + Send + 'static) -> Arc<Self> {
        let transcript = Arc::<Self>::default();
        let writer = Arc::clone(&transcript);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let count = stream.read(&mut bytes).unwrap_or(0);
                let mut text = writer.text.lock().unwrap();
                text.0.push_str(&String::from_utf8_lossy(&bytes[..count]));
                text.1 = count == 0;
                writer.more.notify_all();
                if text.1 {
                    break;
                }
            }
        });
        transcript
    }

    /// Waits until `wanted` holds for the text or nothing more can come; whether it holds.
    fn wait(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let text = self.text.lock().unwrap();
        let pending = |text: &mut (String, bool)| !text.1 && !wanted(&text.0);
        let (text, _) = self.more.wait_timeout_while(text, PATIENCE, pending).unwrap();
        wanted(&text.0)
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().0.clone()
    }

    fn whole(&self) -> String {
        self.wait(|_| false);
        self.text()
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A running program; killed when dropped.
pub struct Running {
    child: Child,
    out: Arc<Transcript>,
    err: Arc<Transcript>,
}

impl Running {
    /// Starts `command` with `input` as its standard input.
    pub fn spawn(command: &mut Command, input: &str) -> Self {
        let name = command.get_program().to_owned();
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{name:?} does not start: {error}"));
        // A program may end before it has read anything; that is for its test to notice.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let out = Transcript::of(child.stdout.take().unwrap());
        let err = Transcript::of(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Starts `sluice` and waits until it listens.
    pub fn gateway(args: &[&str]) -> Self {
        let running = Self::spawn(Command::new(SLUICE).args(args), "");
        running.await_error("listening on");
        running
    }

    /// Waits until `text` stands on standard error.
    pub fn await_error(&self, text: &str) {
        assert!(self.err.wait(|err| err.contains(text)), "no `{text}` in: {}", self.err.text());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let (out, err) = (self.out.whole(), self.err.whole());
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { code: status.code(), out, err };
            }
            assert!(Instant::now() < end, "does not end; it has printed: {out}{err}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `sluice` to its end.
pub fn sluice(args: &[&str], input: &str) -> Ended {
    Running::spawn(Command::new(SLUICE).args(args), input).wait()
}

/// A SIP endpoint: a socket of its own.
pub struct Agent(UdpSocket);

impl Agent {
    /// On a port of 127.0.0.1 that the system chooses.
    pub fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    pub fn on(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
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
