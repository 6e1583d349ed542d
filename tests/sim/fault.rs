//! Planted faults: each breaks one invariant, to prove that its check can fail. They sit between
//! Sluice and the world, and are off in every other test.

use std::collections::HashSet;

use crate::message::Message;
use crate::sluice::Sent;

/// What is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// Some requests never get their final reply.
    LostFinal,
    /// A second final reply goes up.
    SecondFinal,
    /// Some 2xx do not go up.
    LostSuccess,
    /// A worker believes that every call is its own.
    LoneWorker,
    /// From some moment on time stands still in the workers.
    StoppedClock,
    /// The second worker takes no turns.
    SleepingWorker,
    /// Each turn keeps a kilobyte.
    Hoard,
    /// Some refusals get no ACK.
    LostAck,
    /// A CANCEL goes out with the INVITE.
    HastyCancel,
    /// A provisional reply goes up after a final one.
    LateProvisional,
    /// What is sent again is changed.
    ChangedResend,
    /// What arrives again looks new.
    NewBranch,
    /// A refusal goes up as another one.
    OtherStatus,
    /// The dispatcher learns nothing of what becomes of calls.
    DeafWard,
    /// The control plane's clock is ahead: what is out is tried too early.
    HastyTrial,
}

/// A fault at work.
#[derive(Debug)]
pub struct Planted {
    fault: Fault,
    seen: HashSet<Vec<u8>>,
    hoard: Vec<Vec<u8>>,
}

/// How far a clock is ahead, in milliseconds.
const AHEAD_MS: u64 = 6_000;
/// When the clock stops, in milliseconds.
const STOP_MS: u64 = 30_000;

impl Planted {
    /// Begins.
    pub fn new(fault: Fault) -> Self {
        Self { fault, seen: HashSet::new(), hoard: Vec::new() }
    }

    /// Whether time stands still.
    pub fn freezes(&self, now_ms: u64) -> bool {
        self.fault == Fault::StoppedClock && now_ms >= STOP_MS
    }

    /// How far the control plane's clock is ahead, in milliseconds.
    pub fn ahead_ms(&self) -> u64 {
        if self.fault == Fault::HastyTrial { AHEAD_MS } else { 0 }
    }

    /// Whether a worker takes no turns.
    pub fn sleeps(&self, worker: usize) -> bool {
        self.fault == Fault::SleepingWorker && worker == 1
    }

    /// Keeps what it should not.
    pub fn hoard(&mut self) {
        if self.fault == Fault::Hoard {
            self.hoard.push(vec![0; 1_024]);
        }
    }

    /// What a worker gets of a datagram.
    pub fn on_the_way_in(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.fault == Fault::NewBranch && bytes.starts_with(b"INVITE") {
            let again = !self.seen.insert(bytes.to_vec());
            if again {
                let text = String::from_utf8_lossy(bytes);
                return text.replacen(";branch=z9hG4bK", ";branch=z9hG4bKx", 1).into_bytes();
            }
        }
        bytes.to_vec()
    }

    /// What the world gets of a datagram.
    pub fn on_the_way_out(&mut self, sent: Sent, out: &mut Vec<Sent>) {
        let Some(message) = Message::read(&sent.bytes).filter(|_| self.fault != Fault::None) else {
            return out.push(sent);
        };
        let (status, method) = (message.status(), message.method());
        let invite = method == "INVITE";
        let hit = message.call().is_some_and(|call| call % 3 == 0);
        let rewritten = |line: &str| {
            let text = String::from_utf8_lossy(&sent.bytes).replacen(message.line, line, 1);
            Sent { bytes: text.into_bytes(), ..sent.clone() }
        };
        let more = match (self.fault, status) {
            (Fault::LostFinal, Some(200..)) if hit => return,
            (Fault::LostSuccess, Some(200..300)) if hit && invite => return,
            (Fault::LostAck, None) if hit && method == "ACK" => return,
            (Fault::SecondFinal, Some(300..)) if hit => Some(rewritten("SIP/2.0 499 More")),
            (Fault::LateProvisional, Some(200..)) if hit => Some(rewritten("SIP/2.0 199 Late")),
            (Fault::HastyCancel, None) if hit && invite => {
                let text = String::from_utf8_lossy(&sent.bytes).replace("INVITE", "CANCEL");
                Some(Sent { bytes: text.into_bytes(), ..sent.clone() })
            }
            (Fault::OtherStatus, Some(486)) => return out.push(rewritten("SIP/2.0 488 Other")),
            (Fault::ChangedResend, None) if hit && method != "ACK" => {
                if self.seen.insert(sent.bytes.clone()) {
                    None
                } else {
                    let line = format!("{} ", message.line);
                    return out.push(rewritten(&line));
                }
            }
            (Fault::NewBranch, _) => {
                let text = String::from_utf8_lossy(&sent.bytes);
                let text = text.replace(";branch=z9hG4bKxa", ";branch=z9hG4bKa");
                return out.push(Sent { bytes: text.into_bytes(), ..sent });
            }
            _ => None,
        };
        out.push(sent.clone());
        out.extend(more);
    }
}
