//! A registrar in one worker, without the kernel: users register, register again, and are looked
//! up.

use std::fmt::Write;

use sluice_base::{Datagram, Now, SocketId};
use sluice_engine::Output;
use sluice_engine::worker::{Batch, Worker};

use crate::gateway::{NOW, worker};

/// What a worker gets in a turn.
pub const BATCH: usize = 64;

const SCRIPT: &[u8] = b"loadmodule \"sl.so\"
loadmodule \"usrloc.so\"
loadmodule \"registrar.so\"
loadmodule \"sipmsgops.so\"
route {
    if (is_method(\"REGISTER\")) {
        save(\"location\");
        exit;
    }
    if (!lookup(\"location\")) sl_send_reply(404, \"Not Found\");
    exit;
}
";

/// See the file's head.
pub struct Registrar {
    worker: Worker,
    now: Now,
    cseq: u32,
    text: String,
    datagrams: Vec<Datagram>,
    output: Output,
}

impl Default for Registrar {
    fn default() -> Self {
        Self {
            worker: worker(SCRIPT),
            now: NOW,
            cseq: 0,
            text: String::new(),
            datagrams: Vec::new(),
            output: Output::with_capacity(BATCH << 11, BATCH),
        }
    }
}

impl Registrar {
    /// Writes a REGISTER of each of these users, of the sizes that the figures are about: AoR 22
    /// bytes, contact 36, Call-ID 36, User-Agent 20.
    pub fn prepare_register(&mut self, users: impl Iterator<Item = usize>) {
        self.cseq += 1;
        let cseq = self.cseq;
        self.prepare(users, |text, user| {
            write!(
                text,
                "REGISTER sip:example.com SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bK{user}-{cseq};rport\r\n\
                 From: <sip:u{user:021}@example.com>;tag=1\r\n\
                 To: <sip:u{user:021}@example.com>\r\nCall-ID: {user:036}\r\n\
                 CSeq: {cseq} REGISTER\r\nUser-Agent: Phone 1.0 by nobody.\r\n\
                 Contact: <sip:u{user:021}@127.0.0.1>\r\nExpires: 7200\r\n\
                 Content-Length: 0\r\n\r\n"
            )
        });
    }

    /// Writes a request to each of these users.
    pub fn prepare_lookup(&mut self, users: impl Iterator<Item = usize>) {
        self.prepare(users, |text, user| {
            write!(
                text,
                "OPTIONS sip:u{user:021}@example.com SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bK{user};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:caller@example.com>;tag=1\r\n\
                 To: <sip:u{user:021}@example.com>\r\nCall-ID: {user:036}\r\n\
                 CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
        });
    }

    fn prepare(
        &mut self,
        users: impl Iterator<Item = usize>,
        message: impl Fn(&mut String, usize) -> std::fmt::Result,
    ) {
        self.text.clear();
        self.datagrams.clear();
        for user in users {
            let begin = self.text.len();
            message(&mut self.text, user).expect("a string takes all");
            self.datagrams.push(Datagram {
                socket: SocketId(0),
                peer: ([192, 0, 2, 101], 5060).into(),
                offset: begin as u32,
                len: (self.text.len() - begin) as u16,
            });
        }
    }

    /// The worker handles them; how many replies are to be sent.
    pub fn turn(&mut self) -> usize {
        self.output.clear();
        let batch = Batch { region: self.text.as_bytes(), datagrams: &self.datagrams };
        self.worker.turn(self.now, batch, &mut self.output);
        self.output.sends.len()
    }
}
