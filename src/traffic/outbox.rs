//! What one round of an agent leaves behind: datagrams to send. Reused from round to round.

use std::ops::Range;

use sluice_base::Target;

/// The transmit batch of one round.
#[derive(Debug)]
pub struct Outbox {
    /// All datagrams' bytes, end to end.
    pub bytes: Vec<u8>,
    /// Where each goes and its range in `bytes`, in the order of sending.
    pub sends: Vec<(Target, Range<u32>)>,
}

impl Outbox {
    /// Room for `bytes` and `sends`, touched once so that no page faults later.
    pub fn with_capacity(bytes: usize, sends: usize) -> Self {
        let mut touched = vec![0; bytes];
        touched.clear();
        Self { bytes: touched, sends: Vec::with_capacity(sends) }
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sends.clear();
    }

    /// Queues one datagram that `write` appends to the buffer it is given.
    #[inline]
    pub fn send(&mut self, target: Target, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len() as u32;
        write(&mut self.bytes);
        self.sends.push((target, start..self.bytes.len() as u32));
    }
}
