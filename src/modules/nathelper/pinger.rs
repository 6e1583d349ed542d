//! Sends pings and hears their answers, in each worker (spec 9.4).
//!
//! A worker pings the contacts of its shards, one shard after another, so that a round takes the
//! whole interval and never sends in a burst; what one turn does is bounded. A SIP ping belongs to
//! no transaction and is not sent again; its Call-ID is the worker's own, so the answer comes here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use sluice_base::shards::Passed;
use sluice_base::{SocketId, Target, WorkerId};
use sluice_engine::Ctx;
use sluice_engine::context::Shared;
use sluice_engine::module::{Chore, Seen};

use super::limits;
use super::pinging::{Ping, Pinging};
use super::waiting::{Pinged, Tag, Waiting};
use crate::usrloc::api::{self, Edit, Fixed, Note, Sweep, Table};

/// What the branches of our pings begin with.
const BRANCH: &[u8] = b"z9hG4bKnatping-";

/// See the file's head.
pub(super) struct Pinger {
    pinging: Arc<Pinging>,
    id: WorkerId,
    round: Round,
    /// Those whose time has come.
    queue: VecDeque<Ping>,
    waiting: Waiting,
}

/// How far a round is.
#[derive(Default)]
struct Round {
    /// Monotonic milliseconds; 0 when there is none.
    begun_ms: u64,
    /// Shards that are done.
    done: usize,
    at: Sweep,
}

impl Round {
    /// When the next shard of `total` is to be done, or the next round begins.
    fn due_ms(&self, total: usize, interval_ms: u64) -> u64 {
        let part = u128::from(interval_ms) * self.done as u128 / total.max(1) as u128;
        self.begun_ms.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
    }
}

impl Pinger {
    pub fn new(pinging: Arc<Pinging>, id: WorkerId) -> Self {
        let (round, queue, waiting) = (Round::default(), VecDeque::new(), Waiting::default());
        Self { pinging, id, round, queue, waiting }
    }

    /// Does what is due. Gives when it is to be called again, monotonic milliseconds.
    pub fn step(&mut self, chore: &mut Chore<'_>) -> u64 {
        let now_ms = chore.now.mono_ms();
        self.count_lost(chore);
        let next_ms = if self.pinging.enabled.load(Relaxed) {
            self.ping(chore)
        } else {
            self.queue.clear();
            self.round = Round::default();
            now_ms + limits::IDLE_MS
        };
        self.waiting.next_ms().map_or(next_ms, |lost_ms| next_ms.min(lost_ms))
    }

    /// Sends what is due; gives when more is.
    fn ping(&mut self, chore: &mut Chore<'_>) -> u64 {
        let now_ms = chore.now.mono_ms();
        let tables = self.pinging.locations.tables();
        let workers = chore.local.post.owners().map_or(1, |owners| usize::from(owners.workers()));
        let first = usize::from(self.id.0);
        let each = tables.first().map_or(0, |table| (first..table.shards()).step_by(workers).len());
        let total = each * tables.len();
        if tables.iter().all(|table| table.counts().contacts == 0) {
            self.round = Round::default();
            return now_ms + limits::IDLE_MS;
        }
        if self.round.begun_ms == 0 {
            self.round.begun_ms = now_ms;
        }
        for _ in 0..limits::LOOKS {
            let due_ms = self.round.due_ms(total, self.pinging.interval_ms);
            if self.queue.len() >= limits::PINGS || due_ms > now_ms {
                break;
            }
            if self.round.done >= total {
                self.round = Round { begun_ms: due_ms, ..Round::default() };
                if now_ms > due_ms + self.pinging.interval_ms {
                    self.round.begun_ms = now_ms;
                }
            } else if let Some(table) = tables.get(self.round.done / each) {
                let shard = first + self.round.done % each * workers;
                self.collect(table, shard, chore.now.wall_s() as u32);
            }
        }
        for _ in 0..limits::PINGS {
            let Some(ping) = self.queue.pop_front() else { break };
            self.send(chore, ping);
        }
        let due_ms = self.round.due_ms(total, self.pinging.interval_ms);
        match self.queue.is_empty() && due_ms > now_ms {
            true => due_ms.max(now_ms + limits::PAUSE_MS),
            false => now_ms + 1,
        }
    }

    /// Queues the pings of some records of a shard.
    fn collect(&mut self, table: &Arc<Table>, shard: usize, now_s: u32) {
        let Self { pinging, round, queue, .. } = self;
        let passed = table.pass(shard, &mut round.at, |record| {
            let pings = record.contacts().map(|c| pinging.of(table, record.aor(), &c, now_s));
            queue.extend(pings.flatten());
        });
        round.done += usize::from(passed == Passed::All);
    }

    fn send(&mut self, chore: &mut Chore<'_>, ping: Ping) {
        let Some(socket) = self.socket_of(chore.shared, &ping) else { return };
        let target = Target { socket, addr: ping.to.addr };
        if !ping.is_sip {
            chore.local.output.send(target, |out| out.extend_from_slice(&[0; 4]));
            return;
        }
        let Some(owners) = chore.local.post.owners() else { return };
        let (call_id, tag) = owners.make_for(self.id, &self.pinging.host);
        let Some(listen) = chore.shared.sockets.get(socket) else { return };
        let via = [listen.proto.upper(), &listen.sent_by];
        let (pinging, opens) = (&self.pinging, !listen.proto.is_reliable());
        let write = |out: &mut Vec<u8>| write(pinging, &ping, via, (&call_id, &tag), out);
        chore.local.output.send_by(target, opens, write);
        if ping.counts {
            let Ping { table, aor, id, .. } = ping;
            let pinged = Pinged { table, aor, id, sent_us: chore.now.mono_us };
            self.waiting.add(tag, pinged, chore.now.mono_ms() + self.pinging.threshold_ms);
        }
    }

    /// The socket that a ping leaves by.
    fn socket_of(&self, shared: &Shared, ping: &Ping) -> Option<SocketId> {
        let source = self.pinging.source.filter(|_| !ping.is_sip);
        let wanted = source.or(ping.socket).or(self.pinging.fallback);
        let forced = wanted.and_then(|socket| shared.sockets.forced(ping.to, socket));
        forced.or_else(|| shared.sockets.towards(ping.to, SocketId::default()))
    }

    /// Looks whether a reply is the answer to a ping.
    pub fn hear(&mut self, ctx: &mut Ctx<'_>) -> Seen {
        let tag = ctx.via.1.branch.and_then(|branch| branch.strip_prefix(BRANCH));
        let Some(tag) = tag.and_then(|tag| Tag::try_from(tag).ok()) else { return Seen::Pass };
        let status = ctx.message.status().unwrap_or_default();
        if self.pinging.ignored.contains(&status) {
            return Seen::Absorbed;
        }
        if let Some(pinged) = self.waiting.take(&tag) {
            let us = ctx.now.mono_us.saturating_sub(pinged.sent_us);
            let us = u32::try_from(us).unwrap_or(u32::MAX);
            let notes = self.change(ctx.shared, &pinged, |pinging, edit, at, fixed| {
                if fixed.cflags & pinging.latency != 0 {
                    let options = &pinging.locations.options;
                    edit.set_latency(at, us, options.tells_latency(fixed.latency_us, us));
                } else if fixed.lost > 0 {
                    edit.set_fixed(at, &Fixed { lost: 0, ..*fixed });
                }
            });
            api::tell(ctx, &self.pinging.locations, &pinged.table, &notes);
        }
        Seen::Absorbed
    }

    /// Counts pings that were not answered in time; a contact that has lost too many goes.
    fn count_lost(&mut self, chore: &mut Chore<'_>) {
        for _ in 0..limits::PINGS {
            let Some(pinged) = self.waiting.next_lost(chore.now.mono_ms()) else { break };
            let notes = self.change(chore.shared, &pinged, |pinging, edit, at, fixed| {
                let lost = fixed.lost + 1;
                match fixed.cflags & pinging.remove != 0 {
                    true if lost >= pinging.most_lost => edit.remove(at),
                    true => edit.set_fixed(at, &Fixed { lost, ..*fixed }),
                    false => {}
                }
            });
            api::tell_by(chore, &self.pinging.locations, &pinged.table, &notes);
        }
    }

    /// Changes the contact that was pinged, if it is still there.
    fn change(
        &self,
        shared: &Shared,
        pinged: &Pinged,
        change: impl FnOnce(&Pinging, &mut Edit<'_>, usize, &Fixed),
    ) -> Vec<Note> {
        let ((), notes) = self.pinging.locations.edit(&pinged.table, &pinged.aor, shared, |edit| {
            let mut contacts = edit.contacts().map(|contact| contact.fixed).enumerate();
            let found = contacts.find(|(_, fixed)| fixed.id == pinged.id);
            if let Some((at, fixed)) = found {
                change(&self.pinging, edit, at, &fixed);
            }
        });
        notes
    }
}

/// Writes a SIP ping; `via` is transport and sent-by.
fn write(
    pinging: &Pinging,
    ping: &Ping,
    via: [&str; 2],
    (call_id, tag): (&[u8], &Tag),
    out: &mut Vec<u8>,
) {
    let [transport, sent_by] = via.map(str::as_bytes);
    let Pinging { from, method, .. } = pinging;
    let mut put = |pieces: &[&[u8]]| pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    put(&[method, b" ", &ping.uri, b" SIP/2.0\r\nVia: SIP/2.0/", transport, b" ", sent_by]);
    put(&[b";branch=", BRANCH, tag, b";rport\r\nMax-Forwards: 70\r\n"]);
    if !ping.path.is_empty() {
        put(&[b"Route: ", &ping.path, b"\r\n"]);
    }
    put(&[b"From: <", from, b">;tag=", tag, b"\r\nTo: <", &ping.uri, b">\r\nCall-ID: ", call_id]);
    put(&[b"\r\nCSeq: 1 ", method, b"\r\nContent-Length: 0\r\n\r\n"]);
}
