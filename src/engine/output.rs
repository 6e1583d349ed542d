//! What a turn leaves behind: datagrams to send and jobs to hand over. Reused from turn to turn.

use std::ops::Range;

use sluice_base::Target;

use crate::job::Request;

/// One datagram to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    /// Where to.
    pub target: Target,
    /// Its bytes within [`Output::bytes`].
    pub range: Range<u32>,
}

/// The transmit batch and the jobs of one turn.
#[derive(Default)]
pub struct Output {
    /// All datagrams' bytes, end to end.
    pub bytes: Vec<u8>,
    /// The datagrams in order.
    pub sends: Vec<Send>,
    /// Jobs for the control plane.
    pub jobs: Vec<Request>,
    /// Of the messages of streams, by their places in the batch, lowest first, those whose owners
    /// have no room: they are to be given again.
    pub held: Vec<u32>,
    /// Ports of a peer that its connection shall be used for, too (`force_tcp_alias`, RFC 5923).
    pub aliases: Vec<(Target, u16)>,
    /// Where messages begin that go by a connection that there is, or not at all.
    pub unopened: Vec<u32>,
}

impl Output {
    /// Room for a batch, touched once so that no page faults later.
    pub fn with_capacity(bytes: usize, sends: usize) -> Self {
        // A one in each byte: zeros alone would be pages that the kernel has not given yet.
        let mut touched = vec![1; bytes];
        touched.clear();
        Self { bytes: touched, sends: Vec::with_capacity(sends), ..Self::default() }
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sends.clear();
        self.jobs.clear();
        self.held.clear();
        self.aliases.clear();
        self.unopened.clear();
    }

    /// As [`send`](Self::send); with `opens` false no connection is opened for it.
    #[inline]
    pub fn send_by<R>(
        &mut self,
        target: Target,
        opens: bool,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        if !opens {
            self.unopened.push(self.bytes.len() as u32);
        }
        self.send(target, write)
    }

    /// Queues one datagram that `write` appends to the buffer it is given.
    #[inline]
    pub fn send<R>(&mut self, target: Target, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.bytes.len() as u32;
        let result = write(&mut self.bytes);
        self.sends.push(Send { target, range: start..self.bytes.len() as u32 });
        result
    }
}
