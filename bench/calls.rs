//! Complete calls through one worker with the proxy example, record-routed: INVITE, 100, 180, 200,
//! ACK, BYE, 200. Both ends are played here; only [`Calls::turn`] is the worker's.

use sluice_base::{Datagram, Now, SocketId};
use sluice_engine::Output;
use sluice_engine::worker::{Batch, Worker};

use crate::gateway::{INVITE, NOW, worker};

const SCRIPT: &[u8] = include_bytes!("../examples/proxy/opensips.cfg");
const CALLER: [u8; 4] = [192, 0, 2, 101];

/// Messages of one call that the worker receives.
pub const MESSAGES: usize = 7;

/// Milliseconds between two messages of a call.
const STEP_MS: u64 = 50;

/// A batch of calls that go through the same steps at once.
pub struct Calls {
    worker: Worker,
    now: Now,
    /// How many go side by side.
    count: usize,
    /// Calls that began before them.
    before: usize,
    /// The message that comes next, from 0.
    step: usize,
    region: Vec<u8>,
    datagrams: Vec<Datagram>,
    output: Output,
    /// What each call's destination got last, and what the caller got.
    down: Vec<String>,
    up: Vec<String>,
}

impl Calls {
    /// So many calls side by side.
    pub fn new(count: usize) -> Self {
        Self {
            worker: worker(SCRIPT),
            now: NOW,
            count,
            before: 0,
            step: 0,
            region: Vec::new(),
            datagrams: Vec::new(),
            output: Output::with_capacity(count << 12, 2 * count),
            down: vec![String::new(); count],
            up: vec![String::new(); count],
        }
    }

    /// Writes the next message of each call.
    pub fn prepare(&mut self) {
        self.region.clear();
        self.datagrams.clear();
        for call in 0..self.count {
            let (down, up) = (&self.down[call], &self.up[call]);
            let (peer, message) = match self.step {
                0 => (CALLER, self.invite(call)),
                1 => (CALLEE, reply(down, "100 Trying", "")),
                2 => (CALLEE, reply(down, "180 Ringing", "")),
                3 => (CALLEE, reply(down, "200 OK", body())),
                4 => (CALLER, within(up, "ACK", 314_159, self.before + call)),
                5 => (CALLER, within(up, "BYE", 314_160, self.before + call)),
                _ => (CALLEE, reply(down, "200 OK", "")),
            };
            self.datagrams.push(Datagram {
                socket: SocketId(0),
                peer: (peer, 5060).into(),
                offset: self.region.len() as u32,
                len: message.len() as u16,
            });
            self.region.extend_from_slice(message.as_bytes());
        }
    }

    /// The worker handles them; how many datagrams are to be sent.
    pub fn turn(&mut self) -> usize {
        self.output.clear();
        let batch = Batch { region: &self.region, datagrams: &self.datagrams };
        self.worker.turn(self.now, batch, &mut self.output);
        self.output.sends.len()
    }

    /// Both ends take what was sent; the calls are one message further.
    ///
    /// # Panics
    /// When another number was sent than such calls send.
    pub fn go_on(&mut self) {
        let each = [2, 0, 1, 1, 1, 1, 1][self.step];
        assert_eq!(self.output.sends.len(), each * self.count, "message {}", self.step);
        for (at, send) in self.output.sends.iter().enumerate() {
            let bytes = &self.output.bytes[send.range.start as usize..send.range.end as usize];
            let text = String::from_utf8_lossy(bytes).into_owned();
            let reply = text.starts_with("SIP/2.0");
            let side = if reply { &mut self.up } else { &mut self.down };
            side[at / each] = text;
        }
        self.step = (self.step + 1) % MESSAGES;
        if self.step == 0 {
            self.before += self.count;
        }
        self.now.mono_us += STEP_MS * 1_000;
        self.now.wall_us += STEP_MS * 1_000;
    }

    fn invite(&self, call: usize) -> String {
        let number = self.before + call;
        String::from_utf8_lossy(INVITE)
            .replacen("3848276298220188511", &format!("{number:019}"), 1)
            .replacen("74bf9a21c0d8e3", &format!("{number:014}"), 1)
    }
}

const CALLEE: [u8; 4] = [192, 0, 2, 200];

/// The session description of the INVITE.
fn body() -> &'static str {
    let text = std::str::from_utf8(INVITE).unwrap_or_default();
    text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Header lines of a message that begin with one of these names.
fn lines(message: &str, names: &[&str]) -> String {
    let kept = message.split("\r\n").take_while(|line| !line.is_empty());
    let kept = kept.filter(|line| names.iter().any(|name| line.starts_with(name)));
    kept.map(|line| format!("{line}\r\n")).collect()
}

/// The destination's reply to what it got.
fn reply(request: &str, status: &str, body: &str) -> String {
    let copied = lines(request, &["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"]);
    let to = lines(request, &["To:"]).trim_end().to_owned();
    let tag = if to.contains(";tag=") || status.starts_with("100") { "" } else { ";tag=b7f3" };
    format!(
        "SIP/2.0 {status}\r\n{copied}{to}{tag}\r\n\
         Contact: <sip:+12125550199@192.0.2.200:5060;transport=udp>\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The caller's request within the call that a reply has begun.
fn within(reply: &str, method: &str, cseq: u32, number: usize) -> String {
    let route = lines(reply, &["Record-Route:"]).replacen("Record-Route:", "Route:", 1);
    let copied = lines(reply, &["From:", "To:", "Call-ID:"]);
    format!(
        "{method} sip:+12125550199@192.0.2.200:5060;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bK{method}{number:014};rport\r\n\
         {route}Max-Forwards: 70\r\n{copied}CSeq: {cseq} {method}\r\n\
         User-Agent: ExampleSBC/7.2.1 (build 20261104)\r\nContent-Length: 0\r\n\r\n"
    )
}
