//! Probing (spec 3.5): each destination is asked now and then whether it is well, by a request of
//! our own, and its state follows the answers.
//!
//! Takes the moment, about once a second on the control plane; gives letters to the workers, who
//! send. Each destination has its own time, spread over the interval and varied, so that probes
//! never go out in a burst.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use ahash::RandomState;
use sluice_engine::post::Letter;
use sluice_engine::tm::local::{Asker, Draft, Report, Told};

use super::probing::Probing;
use super::report::Desk;
use super::sets::{Destination, Sets};
use super::state::{Live, State};

/// CSeq of a probe, as of every request that begins something (spec 11).
const CSEQ: u32 = 10;

/// See the file's head.
pub(super) struct Prober {
    pub probing: Arc<Probing>,
    pub desk: Arc<Desk>,
    /// The host of our Call-IDs.
    pub host: String,
    pub random: RandomState,
}

/// When a destination is asked, and whether it is being asked.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Monotonic milliseconds; 0 when it has no time yet.
    due_ms: AtomicU64,
    under_way: AtomicBool,
}

impl Prober {
    /// Asks whom it is time to ask.
    pub fn tick(&self, sets: &Sets, now_ms: u64) {
        for set in sets.iter().filter(|set| self.asks(set.id)) {
            for destination in &set.destinations {
                if self.is_due(destination, now_ms) && self.is_probed(destination) {
                    self.ask(set.id, destination);
                }
            }
        }
    }

    /// Whether it asks destinations of a set.
    pub fn asks(&self, set: u32) -> bool {
        self.probing.sets.as_ref().is_none_or(|sets| sets.contains(&set))
    }

    fn is_probed(&self, destination: &Destination) -> bool {
        match destination.live.state() {
            State::ACTIVE => self.counts_failures(destination),
            State::PROBING => true,
            _ => false,
        }
    }

    fn counts_failures(&self, destination: &Destination) -> bool {
        self.probing.all || destination.probe_mode == 1
    }

    /// Whether its time has come; then it has a new one, a tenth sooner or later than the interval.
    fn is_due(&self, destination: &Destination, now_ms: u64) -> bool {
        let (turn, interval) = (&destination.live.probe, self.probing.interval_ms);
        let random = || self.random.hash_one((&destination.uri, now_ms));
        match turn.due_ms.load(Relaxed) {
            0 => turn.due_ms.store(now_ms + 1 + random() % interval, Relaxed),
            due if due > now_ms => {}
            _ => {
                let varied = interval - interval / 10 + random() % (interval / 5 + 1);
                turn.due_ms.store(now_ms + varied, Relaxed);
                return true;
            }
        }
        false
    }

    fn ask(&self, set: u32, destination: &Destination) {
        let Some(owners) = self.desk.post.owners() else { return };
        if destination.live.probe.under_way.swap(true, Relaxed) {
            return;
        }
        let (call_id, tag) = owners.make(None, &self.host);
        let verdict = Verdict {
            live: Arc::clone(&destination.live),
            set,
            uri: destination.uri.clone(),
            desk: Arc::clone(&self.desk),
            probing: Arc::clone(&self.probing),
            counts_failures: self.counts_failures(destination),
        };
        let Probing { method, from, max_forwards, socket, .. } = &*self.probing;
        let uri = destination.uri.as_bytes();
        let draft = Draft {
            method: method.as_bytes().to_vec(),
            uri: uri.to_vec(),
            from: [b"<", from.as_bytes(), b">;tag=", &tag].concat(),
            to: [b"<", uri, b">"].concat(),
            call_id,
            cseq: CSEQ,
            next_hop: None,
            socket: destination.socket.or(*socket),
            lines: max_forwards.map_or(Vec::new(), |n| format!("Max-Forwards: {n}\r\n").into()),
            body: Vec::new(),
            avps: Vec::new(),
            asker: Asker::Told(Told::new(move |report| verdict.judge(&report))),
        };
        // Full: it is asked the next time.
        let _ = self.desk.post.send(Letter::Request(Box::new(draft)));
    }
}

/// What becomes of a destination by its answer; while it is there, the probe is under way.
struct Verdict {
    live: Arc<Live>,
    set: u32,
    uri: Box<str>,
    desk: Arc<Desk>,
    probing: Arc<Probing>,
    counts_failures: bool,
}

impl Verdict {
    fn judge(&self, report: &Report) {
        let status = match report {
            Report::Reply(reply) => status_of(reply),
            Report::Silence(status) => *status,
            Report::Unsent(..) => 0,
            Report::Cancelled(_) => return,
        };
        let well = status == 200 || self.probing.codes.contains(&status);
        let changed = match well {
            true => self.live.recover(),
            false => self.counts_failures && self.live.fail(self.probing.threshold),
        };
        if changed {
            let reason = match status {
                0 => "a probe could not be sent".to_owned(),
                _ => format!("probe: {status}"),
            };
            self.desk.changed(i64::from(self.set), &self.uri, well, &reason);
        }
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        self.live.probe.under_way.store(false, Relaxed);
    }
}

fn status_of(reply: &[u8]) -> u16 {
    let digits = reply.get(8..11).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
