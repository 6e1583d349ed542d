//! What the live tests share: folders, free ports and programs.
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
        self.await_error_behind(0, text);
    }

    /// The same, behind so many bytes.
    pub fn await_error_behind(&self, from: usize, text: &str) {
        let stands = |err: &str| err.get(from..).is_some_and(|err| err.contains(text));
        assert!(self.err.wait(stands), "no `{text}` in: {}", self.err.text());
    }

    /// Waits until `text` stands on standard output.
    pub fn await_output(&self, text: &str) {
        assert!(self.out.wait(|out| out.contains(text)), "no `{text}` in: {}", self.out.text());
    }

    /// What stands on standard error so far.
    pub fn error_text(&self) -> String {
        self.err.text()
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

/// A start that is refused with exit code 255; its standard error.
pub fn refused(args: &[&str], input: &str) -> String {
    let ended = sluice(args, input);
    assert_eq!(ended.code, Some(255), "{ended:?}");
    ended.err
}
