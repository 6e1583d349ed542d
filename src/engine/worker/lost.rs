//! Requests of ours that the transport could not deliver: back to the transaction.

use std::net::SocketAddr;

use sluice_base::Now;
use sluice_base::wake::Sender as Writer;

use super::Worker;
use crate::context::Local;
use crate::counter::Counter;
use crate::output::Output;
use crate::post::Letter;
use crate::tm::Scene;
use crate::tm::unsent::Sender;

impl Worker {
    /// A request that was to be sent did not go out or did not arrive: all of it, or its beginning
    /// as an ICMP error quotes it. Its branch ends as if a 503 had come (RFC 3261 16.9); one of
    /// another worker is told there; of one that has none, modules are told where it was to go,
    /// where that is known. As [`Worker::turn`] otherwise.
    pub fn turn_lost(
        &mut self,
        now: Now,
        quote: &[u8],
        to: Option<SocketAddr>,
        output: &mut Output,
    ) -> u64 {
        self.begin_turn(now, output);
        self.lose(now, quote, to);
        self.end_turn(now, output)
    }

    pub(super) fn lose(&mut self, now: Now, quote: &[u8], to: Option<SocketAddr>) {
        let Local { tm, output, stirred, .. } = &mut self.local;
        let mut scene = Scene { now, output, shared: self.editions.value() };
        let sender = tm.lost(&mut scene, quote);
        *stirred |= tm.has_failed();
        match sender {
            Some(Sender::This) => self.local.add(Counter::RequestsLost, 1),
            Some(Sender::Other(worker)) => {
                let letter = Letter::Lost(worker, quote.into());
                let from = Writer::worker(self.local.id);
                let told = from.map(|from| self.local.post.put(from, letter));
                if let Some(Ok(Some(asleep))) = told {
                    self.local.woken |= 1 << asleep.0;
                    self.local.stirred = true;
                }
            }
            None => {
                let running = &self.editions.value().running.0;
                let told = to.into_iter().flat_map(|to| running.iter().map(move |one| (one, to)));
                told.for_each(|(module, to)| module.unreachable(to, now));
            }
        }
    }
}
