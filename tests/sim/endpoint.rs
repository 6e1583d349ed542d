//! The transaction layer of an agent: RFC 3261 17 over UDP, written without a look at the one
//! under test. Takes received messages and timers, gives what the agent's user must know.

use crate::message::Message;

/// RFC 3261 17.1.1.1.
pub const T1_MS: u64 = 500;
/// RFC 3261 17.1.2.2.
pub const T2_MS: u64 = 4_000;
/// Timers B, F and H.
pub const GIVE_UP_MS: u64 = 64 * T1_MS;

/// What an agent does in one step.
#[derive(Default, Debug)]
pub struct Out {
    /// The moment, in milliseconds.
    pub now_ms: u64,
    /// Datagrams, all to Sluice.
    pub sends: Vec<Vec<u8>>,
    /// Timers and when they are due.
    pub timers: Vec<(u64, Timer)>,
}

impl Out {
    /// Sets a timer.
    pub fn after(&mut self, ms: u64, timer: Timer) {
        self.timers.push((self.now_ms + ms, timer));
    }
}

/// A timer of an agent; the numbers are those of transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// Timers A and E.
    Resend(usize),
    /// Timers B and F.
    Expire(usize),
    /// Timer G, and the user's repetition of a 2xx (13.3.1.4).
    Repeat(usize),
    /// Timer H, and its like of a 2xx.
    Forget(usize),
    /// A callee's first provisional reply.
    Ring(usize),
    /// Its second one.
    More(usize),
    /// Its final one.
    Answer(usize),
    /// A caller begins.
    Start,
    /// It wants no more.
    Cancel,
    /// It is gone.
    Vanish,
    /// Time for the next request within the dialog.
    Step,
}

/// What the user of the layer must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// A reply that is new, or one more 2xx to an INVITE.
    Reply(usize),
    /// A new request.
    Request(usize),
    /// The first ACK to a 2xx.
    Ack,
    /// No final reply came in time.
    Timeout(usize),
    /// No ACK came to a 2xx.
    Unconfirmed,
}

/// What requests of one agent and dialog have in common.
#[derive(Clone, Debug)]
pub struct Head {
    /// Request-URI.
    pub uri: String,
    /// Values of Route.
    pub routes: Vec<String>,
    /// Value of From.
    pub from: String,
    /// Value of To.
    pub to: String,
    /// Value of Call-ID.
    pub call_id: String,
    /// Number of CSeq.
    pub cseq: u32,
}

/// A request that was sent.
#[derive(Debug)]
pub struct Client {
    branch: String,
    /// Its method.
    pub method: &'static str,
    /// Its parts.
    pub head: Head,
    bytes: Vec<u8>,
    state: State,
    interval_ms: u64,
    ack: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Dead,
}

/// A request that was received.
#[derive(Debug)]
pub struct Server {
    branch: String,
    /// Its method.
    pub method: String,
    cseq: u32,
    /// Via, From, Call-ID, CSeq and Record-Route as a reply repeats them.
    copied: String,
    to: String,
    /// The status sent last; 0 before any.
    pub status: u16,
    last: Vec<u8>,
    confirmed: bool,
    interval_ms: u64,
}

/// An agent's transactions.
#[derive(Debug)]
pub struct Endpoint {
    /// Host and port.
    pub address: String,
    /// Its tag.
    pub tag: String,
    /// What it sent.
    pub clients: Vec<Client>,
    /// What it received.
    pub servers: Vec<Server>,
    branches: u32,
}

impl Endpoint {
    /// One without transactions.
    pub fn new(address: String, tag: String) -> Self {
        Self { address, tag, clients: Vec::new(), servers: Vec::new(), branches: 0 }
    }

    /// Sends a request; the number of its transaction.
    pub fn request(&mut self, out: &mut Out, method: &'static str, head: Head) -> usize {
        let branch = self.branch();
        self.begin(out, method, head, branch)
    }

    /// Sends the CANCEL of an INVITE (RFC 3261 9.1).
    pub fn cancel(&mut self, out: &mut Out, invite: usize) {
        let Client { head, branch, .. } = &self.clients[invite];
        let (head, branch) = (head.clone(), branch.clone());
        self.begin(out, "CANCEL", head, branch);
    }

    /// Writes the ACK to a 2xx, with a branch of its own (13.2.2.4).
    pub fn ack(&mut self, head: &Head) -> Vec<u8> {
        let branch = self.branch();
        write(head, "ACK", &branch, &self.address)
    }

    /// Whether an INVITE waits for its final reply and has heard something.
    pub fn may_cancel(&self, invite: usize) -> bool {
        self.clients[invite].state == State::Proceeding
    }

    /// Sends a reply; `more` are further header lines, which go first.
    pub fn reply(&mut self, out: &mut Out, number: usize, status: u16, more: &str) {
        let tag = &self.tag;
        let Some(server) = self.servers.get_mut(number).filter(|server| server.status < 200) else {
            return;
        };
        let to = &server.to;
        let tag = match to.contains(";tag=") || status == 100 {
            true => String::new(),
            false => format!(";tag={tag}"),
        };
        let text = format!(
            "SIP/2.0 {status} Status\r\n{more}{}To: {to}{tag}\r\nContent-Length: 0\r\n\r\n",
            server.copied
        );
        server.last = text.into_bytes();
        server.status = status;
        out.sends.push(server.last.clone());
        if server.method == "INVITE" && status >= 200 {
            server.interval_ms = T1_MS;
            out.after(T1_MS, Timer::Repeat(number));
            out.after(GIVE_UP_MS, Timer::Forget(number));
        }
    }

    /// The INVITE that a CANCEL is for.
    pub fn cancelled(&self, cancel: usize) -> Option<usize> {
        let branch = &self.servers[cancel].branch;
        self.servers.iter().position(|one| one.branch == *branch && one.method == "INVITE")
    }

    /// A message has come.
    pub fn hear(&mut self, out: &mut Out, message: &Message<'_>) -> Heard {
        match message.status() {
            Some(status) => self.hear_reply(out, message, status),
            None if message.method() == "ACK" => self.hear_ack(message),
            None => self.hear_request(out, message),
        }
    }

    /// A timer of the layer is due.
    pub fn tick(&mut self, out: &mut Out, timer: Timer) -> Heard {
        match timer {
            Timer::Resend(number) => self.resend(out, number),
            Timer::Expire(number) => {
                let client = &mut self.clients[number];
                let waits = match client.state {
                    State::Calling => true,
                    State::Proceeding => client.method != "INVITE",
                    _ => false,
                };
                if waits {
                    client.state = State::Dead;
                    return Heard::Timeout(number);
                }
            }
            Timer::Repeat(number) => self.repeat(out, number),
            Timer::Forget(number) => {
                let server = &mut self.servers[number];
                let unconfirmed = !server.confirmed && server.status < 300;
                server.confirmed = true;
                if unconfirmed {
                    return Heard::Unconfirmed;
                }
            }
            _ => {}
        }
        Heard::Nothing
    }

    fn begin(&mut self, out: &mut Out, method: &'static str, head: Head, branch: String) -> usize {
        let number = self.clients.len();
        let bytes = write(&head, method, &branch, &self.address);
        out.sends.push(bytes.clone());
        out.after(T1_MS, Timer::Resend(number));
        out.after(GIVE_UP_MS, Timer::Expire(number));
        let (state, interval_ms, ack) = (State::Calling, T1_MS, Vec::new());
        self.clients.push(Client { branch, method, head, bytes, state, interval_ms, ack });
        number
    }

    fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK{}-{}", self.tag, self.branches)
    }

    fn hear_reply(&mut self, out: &mut Out, message: &Message<'_>, status: u16) -> Heard {
        let (branch, method) = (message.branch().unwrap_or_default(), message.method());
        let found =
            self.clients.iter().position(|one| one.branch == branch && one.method == method);
        let Some(number) = found else { return Heard::Nothing };
        let client = &mut self.clients[number];
        let waits = matches!(client.state, State::Calling | State::Proceeding);
        match (client.method, status) {
            (_, ..200) if waits => client.state = State::Proceeding,
            ("INVITE", 200..300) if waits || client.state == State::Accepted => {
                client.state = State::Accepted;
            }
            ("INVITE", 300..) if waits => {
                client.state = State::Completed;
                let to = message.value("To").unwrap_or_default().to_owned();
                let head = Head { to, ..client.head.clone() };
                client.ack = write(&head, "ACK", branch, &self.address);
                out.sends.push(client.ack.clone());
            }
            ("INVITE", 300..) if client.state == State::Completed => {
                out.sends.push(client.ack.clone());
                return Heard::Nothing;
            }
            (_, 200..) if waits => client.state = State::Completed,
            _ => return Heard::Nothing,
        }
        Heard::Reply(number)
    }

    fn hear_ack(&mut self, message: &Message<'_>) -> Heard {
        let branch = message.branch().unwrap_or_default();
        let number = message.cseq().map_or(0, |(number, _)| number);
        let ours = message.tag("To") == Some(&self.tag);
        for server in self.servers.iter_mut().filter(|server| server.method == "INVITE") {
            if server.status >= 300 && server.branch == branch {
                server.confirmed = true;
            } else if (200..300).contains(&server.status) && server.cseq == number && ours {
                let first = !server.confirmed;
                server.confirmed = true;
                return if first { Heard::Ack } else { Heard::Nothing };
            }
        }
        Heard::Nothing
    }

    fn hear_request(&mut self, out: &mut Out, message: &Message<'_>) -> Heard {
        let (branch, method) = (message.branch().unwrap_or_default(), message.method());
        let before = |one: &&Server| one.branch == branch && one.method == method;
        if let Some(server) = self.servers.iter().find(before) {
            // RFC 6026 7.1: a 2xx is repeated by its user only.
            let accepted = server.method == "INVITE" && (200..300).contains(&server.status);
            if server.status > 0 && !accepted {
                out.sends.push(server.last.clone());
            }
            return Heard::Nothing;
        }
        let repeated = ["Via", "Record-Route", "From", "Call-ID", "CSeq"];
        let mut copied = String::new();
        for (name, value) in message.fields.iter().filter(|(name, _)| repeated.contains(name)) {
            copied += &format!("{name}: {value}\r\n");
        }
        self.servers.push(Server {
            branch: branch.to_owned(),
            method: method.to_owned(),
            cseq: message.cseq().map_or(0, |(number, _)| number),
            copied,
            to: message.value("To").unwrap_or_default().to_owned(),
            status: 0,
            last: Vec::new(),
            confirmed: false,
            interval_ms: 0,
        });
        Heard::Request(self.servers.len() - 1)
    }

    fn resend(&mut self, out: &mut Out, number: usize) {
        let client = &mut self.clients[number];
        let invite = client.method == "INVITE";
        client.interval_ms = match client.state {
            State::Calling if invite => 2 * client.interval_ms,
            State::Calling => (2 * client.interval_ms).min(T2_MS),
            State::Proceeding if !invite => T2_MS,
            _ => return,
        };
        out.sends.push(client.bytes.clone());
        out.after(client.interval_ms, Timer::Resend(number));
    }

    fn repeat(&mut self, out: &mut Out, number: usize) {
        let server = &mut self.servers[number];
        if !server.confirmed {
            server.interval_ms = (2 * server.interval_ms).min(T2_MS);
            out.sends.push(server.last.clone());
            out.after(server.interval_ms, Timer::Repeat(number));
        }
    }
}

fn write(head: &Head, method: &str, branch: &str, address: &str) -> Vec<u8> {
    let Head { uri, routes, from, to, call_id, cseq } = head;
    let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch={branch}\r\n{routes}\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:{address}>\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
