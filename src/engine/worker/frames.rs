//! Messages of streams. They differ from datagrams in two things: none may be lost because another
//! worker is late, and one may be larger than any message.

use sluice_base::{Datagram, Now, StreamEvent};
use sluice_sip::{Message, Reason, StartLine};

use super::{Worker, refuse, steer};
use crate::context::Ctx;
use crate::counter::{Counter, stream};
use crate::output::Output;
use crate::reply;
use crate::run::Packet;
use sluice_script::ir::RouteKind;

/// Messages of one turn and the region they lie in.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    /// The received bytes.
    pub region: &'a [u8],
    /// The messages that lie in it, those of one connection in order.
    pub messages: &'a [Datagram],
    /// Header parts of messages that are larger than any may be.
    pub large: &'a [Datagram],
}

impl Worker {
    /// As [`turn`](Self::turn), for messages of streams. Those whose owner has no room now are in
    /// the output afterwards, to be given again; behind one of a connection all others of it.
    pub fn turn_frames(&mut self, now: Now, frames: Frames<'_>, output: &mut Output) -> u64 {
        self.begin_turn(now, output);
        for (at, frame) in frames.messages.iter().enumerate() {
            let held = &self.local.output.held;
            let same = |other: &Datagram| (other.socket, other.peer) == (frame.socket, frame.peer);
            let mut others = held.iter().filter_map(|at| frames.messages.get(*at as usize));
            let behind = others.any(same);
            if behind || !self.receive_frame(now, *frame, frame.bytes(frames.region)) {
                self.local.output.held.push(at as u32);
            }
        }
        for large in frames.large {
            self.refuse_large(now, *large, large.bytes(frames.region));
        }
        self.end_turn(now, output)
    }

    /// Counts what happened to this worker's connections.
    pub fn count_streams(&mut self, counts: &[u64; StreamEvent::ALL.len()]) {
        for (event, count) in StreamEvent::ALL.into_iter().zip(counts) {
            self.local.cells.add(stream(event), *count);
        }
    }

    /// Handles a message or passes it to the call's owner; false when that has no room.
    fn receive_frame(&mut self, now: Now, frame: Datagram, bytes: &[u8]) -> bool {
        if let Err(reason) = self.run.index.scan(bytes) {
            self.local.add(Counter::Received, 1);
            refuse(&mut self.local, reason, bytes);
            return true;
        }
        let message = Message { bytes, index: &self.run.index };
        let owner = self.owners.of(message.call_id());
        if owner == self.local.id {
            self.handle(now, frame, bytes);
        } else if self.links.push(owner, frame, bytes, steer::privileged(&message)) {
            self.local.add(Counter::Hopped, 1);
        } else {
            return false;
        }
        self.local.add(Counter::Received, 1);
        true
    }

    /// RFC 3261 21.5.7: a request whose header part is `head` is answered; nothing is remembered,
    /// so that it need not go to its owner.
    fn refuse_large(&mut self, now: Now, large: Datagram, head: &[u8]) {
        self.local.add(Counter::Received, 1);
        refuse(&mut self.local, Reason::TooLarge, head);
        let run = &mut *self.run;
        if run.index.scan_head(head).is_err() {
            return;
        }
        let message = Message { bytes: head, index: &run.index };
        let Some(via) = message.top_via_known() else { return };
        if !matches!(message.start(), StartLine::Request { .. }) {
            return;
        }
        let packet = Packet { socket: large.socket, peer: large.peer, at: now, id: 0 };
        run.state.reset(RouteKind::Request);
        let mut ctx = Ctx {
            message,
            via: &via,
            packet,
            run: &mut run.state,
            local: &mut self.local,
            shared: self.editions.value(),
            now,
        };
        let phrase = ctx.keep(b"Message Too Large");
        reply::send(&mut ctx, 513, phrase);
    }
}
