//! What a transaction takes while it is open and once it has ended, and that all comes back.

use allocation_counter::measure;
use sluice_base::Target;
use sluice_tests::world::{Plan, Sent, World};

/// How many are open at once; scripts/soak transactions opens more.
fn count() -> usize {
    std::env::var("SLUICE_CALLS").map_or(2_000, |calls| calls.parse().expect("a number"))
}

const CALLER: &str = "192.0.2.101:5060";
const CALLEE: &str = "10.0.0.1:5071";

/// Usual relaying: record-routed, with a failure route.
const SCRIPT: &str = "loadmodule \"tm\"\nloadmodule \"rr\"\nloadmodule \"maxfwd\"\nroute {\n\
    mf_process_maxfwd_header(10); record_route(); $du = \"sip:10.0.0.1:5071\";\n\
    t_on_failure(\"next\"); t_relay();\n}\n\
    failure_route[next] { t_check_status(\"408\"); }\n";

/// Calls through one worker, by number.
struct Calls {
    world: World,
    /// The branch parameter of each.
    branches: Vec<[u8; 35]>,
}

impl Calls {
    /// A world that has handled a few calls, so that what is used again is there.
    fn new() -> Self {
        let world = Plan::default().run(SCRIPT);
        let mut calls = Self { world, branches: Vec::with_capacity(count()) };
        calls.open(10);
        calls.end("486 Busy Here");
        calls.silence();
        calls
    }

    /// So many INVITEs that ring.
    fn open(&mut self, count: usize) {
        for call in 0..count {
            let sent = self.world.receive(CALLER, invite(call));
            assert_eq!(sent.len(), 2, "a 100 and the INVITE");
            let text = sent[1].text();
            let branch = text.split("branch=").nth(1).and_then(|rest| rest.get(..35));
            self.branches.push(branch.expect("a branch").as_bytes().try_into().expect("35 bytes"));
            assert_eq!(self.reply(call, "100 Trying").len(), 0);
            assert_eq!(self.reply(call, "180 Ringing").len(), 1);
        }
    }

    /// All get a final reply; a refusal is acknowledged on both sides. How many bytes of each call
    /// must be repeated when they are asked for: the reply, or what the ACK says that the refusal
    /// does not.
    fn end(&mut self, status: &str) -> i64 {
        let mut repeated = 0;
        for call in 0..self.branches.len() {
            let sent = self.reply(call, status);
            if status.starts_with('2') {
                assert_eq!(sent.len(), 1, "only the reply");
                repeated = sent[0].bytes.len();
            } else {
                assert_eq!(sent.len(), 2, "an ACK and the reply");
                repeated = sent[0].first_line().len() + size_of::<(Target, [usize; 4])>();
                let ack = invite(call).replace("INVITE sip", "ACK sip").replace(" INVITE", " ACK");
                assert_eq!(self.world.receive(CALLER, ack).len(), 0);
            }
        }
        repeated as i64
    }

    /// Until the last timer is over.
    fn silence(&mut self) {
        self.branches.clear();
        self.world.pass(6_000);
        assert_eq!(self.world.workers[0].next_due_ms(), None);
    }

    fn reply(&mut self, call: usize, status: &str) -> Vec<Sent> {
        let branch = std::str::from_utf8(&self.branches[call]).expect("text");
        let (_, headers) = INVITE.split_once("Via: ").expect("a Via");
        let message = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 127.0.0.1;branch={branch}\r\nVia: {}",
            of_call(headers, call).replacen(";rport", ";received=192.0.2.101;rport=5060", 1)
        );
        self.world.receive(CALLEE, message)
    }
}

const INVITE: &str = include_str!("../../bench/data/invite.sip");

fn invite(call: usize) -> String {
    of_call(INVITE, call)
}

/// The message with a Call-ID and a branch of its own.
fn of_call(message: &str, call: usize) -> String {
    message.replacen("3848276298220188511", &format!("{call:019}"), 1).replacen(
        "74bf9a21c0d8e3",
        &format!("{call:014}"),
        1,
    )
}

/// Bytes for each call that `step` leaves.
fn bytes_each(step: impl FnOnce()) -> i64 {
    measure(step).bytes_current / count() as i64
}

#[test]
fn an_open_one_takes_at_most_3_kb() {
    let mut calls = Calls::new();
    let open = bytes_each(|| calls.open(count()));
    assert!(open <= 3_000, "{open} bytes");
}

#[test]
fn an_ended_one_takes_200_bytes_and_what_must_be_repeated_and_gives_them_back() {
    for status in ["200 OK", "486 Busy Here"] {
        let mut calls = Calls::new();
        let mut repeated = 0;
        let open = bytes_each(|| calls.open(count()));
        let ended = open + bytes_each(|| repeated = calls.end(status));
        assert!(ended <= 200 + repeated, "{status}: {ended} bytes, of these {repeated} to repeat");
        let left = ended + bytes_each(|| calls.silence());
        assert_eq!(left, 0, "{status}");
        println!("{} calls, {status}: {open} B open, {ended} B ended, 0 left", count());
    }
}
