//! What must hold of every call, seen from outside: the datagrams that Sluice receives and sends.
//! Reads them by itself and keeps its own books; knows nothing of what is inside.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::invariant::{Invariant, Violation};
use crate::message::{Message, branch_of};
use crate::plan::FR_MS;

/// The books of all calls.
#[derive(Debug)]
pub struct Watch {
    /// `wt_timer`, in milliseconds.
    linger_ms: u64,
    calls: HashMap<u32, Books>,
    now_ms: u64,
    /// Calls that something is due for, and when.
    due: HashMap<u32, u64>,
    /// What did not hold.
    pub violations: Vec<Violation>,
}

/// The books of one call.
#[derive(Default, Debug)]
struct Books {
    servers: Vec<Server>,
    branches: Vec<Branch>,
    /// A datagram of it was changed on its way: nobody can say what must come of that.
    tainted: bool,
    /// How long the script may take over a reply, in milliseconds.
    grace_ms: u64,
}

/// A request that Sluice received.
#[derive(Debug)]
struct Server {
    branch: String,
    method: String,
    /// When it was first answered by a final reply, and by which status.
    answered: Option<(u64, u16)>,
    /// The refusal that went up, or the answer to what is no INVITE.
    last: Option<u64>,
    success: bool,
    /// What the script wrote into what it sent on.
    run: Option<String>,
    /// It may have been forgotten, and come again.
    lapsed: bool,
    /// 2xx to its INVITE that have come and have not gone up.
    owed: u32,
}

/// A request that Sluice sent.
#[derive(Debug)]
struct Branch {
    branch: String,
    server: usize,
    invite: bool,
    bytes: u64,
    /// When the first reply came.
    heard: Option<u64>,
    success: bool,
    /// Refusals that have come and have had no ACK.
    owed: u32,
}

impl Watch {
    /// No call; `wt_timer` in milliseconds.
    pub fn new(linger_ms: u64) -> Self {
        let (calls, due) = (HashMap::new(), HashMap::new());
        Self { linger_ms, calls, now_ms: 0, due, violations: Vec::new() }
    }

    /// A step begins.
    pub fn begin(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The script may take so long over a reply of a call.
    pub fn grant(&mut self, call: u32, grace_ms: u64) {
        self.calls.entry(call).or_default().grace_ms = grace_ms;
    }

    /// Nothing more is expected of a call.
    pub fn taint(&mut self, call: u32) {
        self.calls.entry(call).or_default().tainted = true;
    }

    /// Sluice is given a datagram.
    pub fn received(&mut self, bytes: &[u8]) {
        let Some(message) = Message::read(bytes) else { return };
        let Some(call) = message.call() else { return };
        let books = self.calls.entry(call).or_default();
        let until = self.now_ms + books.grace_ms;
        let alive = |server: &Server| server.is_alive(until, self.linger_ms);
        let owes = match message.status() {
            Some(status) => books.hear_reply(&message, status, self.now_ms, alive),
            None => books.hear_request(&message, alive),
        };
        if owes {
            self.due.insert(call, self.now_ms + books.grace_ms);
        }
    }

    /// Sluice has sent a datagram.
    pub fn sent(&mut self, bytes: &[u8]) {
        let read = Message::read(bytes);
        let Some((message, call)) = read.and_then(|m| m.call().map(|call| (m, call))) else {
            return;
        };
        let books = self.calls.entry(call).or_default();
        let wrong = match message.status() {
            Some(status) => books.see_reply(&message, status, hash(bytes), self.now_ms),
            None => books.see_request(&message, hash(bytes), self.now_ms),
        };
        if let (Err((invariant, what)), false) = (wrong, books.tainted) {
            let text = format!("{what}: {}", message.line);
            self.violations.push(Violation { invariant, call: Some(call), at: self.now_ms, text });
        }
    }

    /// A step is over: what was due has been given.
    pub fn end(&mut self) {
        let now_ms = self.now_ms;
        let mut over: Vec<u32> =
            self.due.extract_if(|_, at| *at <= now_ms).map(|(call, _)| call).collect();
        over.sort_unstable();
        for call in over {
            let Some(books) = self.calls.get_mut(&call) else { continue };
            let mut wrong = Vec::new();
            for server in &mut books.servers {
                if std::mem::take(&mut server.owed) > 0 {
                    wrong.push((Invariant::SuccessPasses, &server.branch));
                }
            }
            for branch in &mut books.branches {
                if std::mem::take(&mut branch.owed) > 0 {
                    wrong.push((Invariant::Acknowledged, &branch.branch));
                }
            }
            if !books.tainted {
                let at = self.now_ms;
                self.violations.extend(wrong.into_iter().map(|(invariant, branch)| {
                    let text = format!("nothing was sent for a reply to {branch}");
                    Violation { invariant, call: Some(call), at, text }
                }));
            }
        }
    }

    /// Silence: every request has been answered.
    pub fn finish(&mut self) {
        let mut calls: Vec<_> = self.calls.iter().filter(|(_, books)| !books.tainted).collect();
        calls.sort_unstable_by_key(|(call, _)| **call);
        for (call, books) in calls {
            let waits = |server: &&Server| server.answered.is_none() && server.method != "CANCEL";
            for server in books.servers.iter().filter(waits) {
                self.violations.push(Violation {
                    invariant: Invariant::Ends,
                    call: Some(*call),
                    at: self.now_ms,
                    text: format!("{} {} was never answered", server.method, server.branch),
                });
            }
        }
    }
}

type Wrong = Result<(), (Invariant, &'static str)>;

impl Books {
    /// A request comes; never owes anything at once. One that has been answered long ago may be
    /// forgotten, and is a new one then.
    fn hear_request(&mut self, message: &Message<'_>, alive: impl Fn(&Server) -> bool) -> bool {
        let (branch, method) = (message.branch().unwrap_or_default(), message.method());
        let before = self.server(branch, method);
        if let Some(before) = before.map(|at| &mut self.servers[at]) {
            before.lapsed |= !alive(before);
        } else if method != "ACK" {
            self.servers.push(Server {
                branch: branch.to_owned(),
                method: method.to_owned(),
                answered: None,
                last: None,
                success: false,
                run: None,
                lapsed: false,
                owed: 0,
            });
        }
        false
    }

    fn hear_reply(
        &mut self,
        message: &Message<'_>,
        status: u16,
        now_ms: u64,
        alive: impl Fn(&Server) -> bool,
    ) -> bool {
        let branch = message.branch().unwrap_or_default();
        let invite = message.method() == "INVITE";
        let known = self.branches.iter_mut().find(|one| one.branch == branch);
        let Some(branch) = known.filter(|_| message.method() != "CANCEL") else { return false };
        branch.heard.get_or_insert(now_ms);
        let Some(server) = self.servers.get_mut(branch.server) else { return false };
        let alive = alive(server);
        match status {
            200..300 if invite && alive => server.owed += 1,
            300.. if invite && alive && !branch.success => branch.owed += 1,
            _ => return false,
        }
        branch.success |= status < 300;
        true
    }

    fn see_reply(&mut self, message: &Message<'_>, status: u16, bytes: u64, now_ms: u64) -> Wrong {
        let branch = message.branch().unwrap_or_default();
        let Some(at) = self.server(branch, message.method()) else {
            return Err((Invariant::OneFinal, "a reply to no request"));
        };
        let server = &mut self.servers[at];
        if server.lapsed {
            return Ok(());
        }
        if status < 200 {
            return match server.answered {
                Some(_) => Err((Invariant::SilentAfterFinal, "after a final reply")),
                None => Ok(()),
            };
        }
        server.answered.get_or_insert((now_ms, status));
        if status < 300 && server.method == "INVITE" {
            server.success = true;
            server.owed = server.owed.saturating_sub(1);
            return Ok(());
        }
        match server.last {
            Some(last) if last == bytes && !server.success => Ok(()),
            None if !server.success => {
                server.last = Some(bytes);
                Ok(())
            }
            _ => Err((Invariant::OneFinal, "another final reply went up before")),
        }
    }

    fn see_request(&mut self, message: &Message<'_>, bytes: u64, now_ms: u64) -> Wrong {
        let branch = message.branch().unwrap_or_default();
        let known = self.branches.iter().position(|one| one.branch == branch);
        match (message.method(), known) {
            ("ACK", Some(at)) => {
                let owed = &mut self.branches[at].owed;
                *owed = owed.saturating_sub(1);
            }
            ("CANCEL", Some(at)) if self.branches[at].heard.is_none() => {
                return Err((Invariant::CancelAfterProvisional, "nothing was heard before"));
            }
            // The ACK to a 2xx is no part of any transaction.
            ("ACK" | "CANCEL", _) => {}
            (_, Some(at)) => {
                let known = &self.branches[at];
                if known.bytes != bytes || known.invite && known.heard.is_some_and(|at| at < now_ms)
                {
                    return Err((Invariant::SentAgain, "not the same, or an INVITE was heard of"));
                }
            }
            (method, None) => return self.see_branch(message, method, bytes),
        }
        Ok(())
    }

    fn see_branch(&mut self, message: &Message<'_>, method: &str, bytes: u64) -> Wrong {
        let from = message.all("Via").nth(1).and_then(branch_of).unwrap_or_default();
        let Some(server) = self.server(from, method) else {
            return Err((Invariant::RunOnce, "a request that nobody sent"));
        };
        let run = message.value("X-Run").unwrap_or_default();
        let one = self.servers[server].run.get_or_insert_with(|| run.to_owned()) == run;
        self.branches.push(Branch {
            branch: message.branch().unwrap_or_default().to_owned(),
            server,
            invite: method == "INVITE",
            bytes,
            heard: None,
            success: false,
            owed: 0,
        });
        match (one, self.servers[server].answered) {
            _ if self.servers[server].lapsed => Ok(()),
            (false, _) => Err((Invariant::RunOnce, "the script ran again")),
            (_, Some(_)) => Err((Invariant::SilentAfterFinal, "a branch after a final reply")),
            _ => Ok(()),
        }
    }

    fn server(&self, branch: &str, method: &str) -> Option<usize> {
        self.servers.iter().position(|one| one.branch == branch && one.method == method)
    }
}

impl Server {
    fn is_alive(&self, now_ms: u64, linger_ms: u64) -> bool {
        self.answered.is_none_or(|(at, status)| match status {
            // Until the ACK comes it waits for that (timer H), and then it lingers.
            300.. if self.method == "INVITE" => now_ms < at + FR_MS.min(linger_ms),
            _ => now_ms < at + linger_ms,
        })
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
