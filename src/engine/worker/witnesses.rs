//! What a worker tells the witnesses of its transactions ([`crate::witness`]).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sluice_base::Now;
use sluice_script::ir::RouteKind;
use sluice_sip::{Index, Message, StartLine};

use super::Worker;
use crate::context::Ctx;
use crate::counter::Counter;
use crate::run::Run;
use crate::tm::replies::Failed;
use crate::vm;
use crate::witness::{Heard, News, What, Witness};

impl Worker {
    /// Tells what was heard in this turn. Runs that this has begin do so in the next one.
    #[cold]
    pub(super) fn tell_witnesses(&mut self, now: Now) {
        while let Some(heard) = self.local.tm.take_heard() {
            self.tell(now, &heard);
        }
        self.more |= self.local.stirred;
    }

    /// All branches have failed, and no further address of a name is left.
    pub(super) fn tell_failure(&mut self, now: Now, failed: Failed) {
        let transaction = self.local.tm.get(failed.key).filter(|t| !t.witnesses.is_empty());
        let branch = transaction.and_then(|t| t.branches.get(usize::from(failed.winner)));
        if let Some(branch) = branch {
            let (key, branch, status, reply) =
                (failed.key, Some(failed.winner), branch.status, branch.reply.clone());
            self.tell(now, &Heard { key, what: What::Failed, status, reply, branch });
        }
    }

    /// A panic ends here: the witnesses are lost, the worker goes on.
    #[cold]
    fn tell(&mut self, now: Now, heard: &Heard) {
        let Some(transaction) = self.local.tm.get_mut(heard.key) else { return };
        let mut witnesses = std::mem::take(&mut transaction.witnesses);
        let told = catch_unwind(AssertUnwindSafe(|| self.tell_all(now, heard, &mut witnesses)));
        if told.is_err() {
            self.local.add(Counter::Panics, 1);
            return;
        }
        if let Some(transaction) = self.local.tm.get_mut(heard.key) {
            witnesses.append(&mut transaction.witnesses);
            transaction.witnesses = witnesses;
        }
    }

    fn tell_all(&mut self, now: Now, heard: &Heard, witnesses: &mut [Box<dyn Witness>]) {
        let tm = &self.local.tm;
        let edition = tm.edition(heard.key).unwrap_or(self.editions.value());
        let edition = Arc::clone(edition);
        let Some(transaction) = tm.get(heard.key) else { return };
        let mut run = self.spare.pop().unwrap_or_default();
        let Run { state, kept, index, packet, .. } = &mut *run;
        kept.clear();
        kept.extend_from_slice(&transaction.request);
        state.reset(RouteKind::Failure);
        *packet = transaction.packet;
        state.begin_heard(transaction, heard.key, heard.branch);
        let mut of_reply = Index::new();
        let reply = of_reply.scan(&heard.reply).is_ok();
        let reply = reply.then_some(Message { bytes: &heard.reply, index: &of_reply });
        let phrase = match reply.map(|reply| (reply, reply.start())) {
            Some((reply, StartLine::Reply { reason, .. })) => reply.text(reason),
            _ => b"Request Timeout",
        };
        let news = News { what: heard.what, status: heard.status, phrase, reply };
        if index.scan(kept).is_ok()
            && let message = (Message { bytes: kept, index })
            && let Some(via) = message.top_via_known()
        {
            let local = &mut self.local;
            let (packet, shared) = (*packet, &*edition);
            let mut ctx = Ctx { message, via: &via, packet, run: state, local, shared, now };
            for witness in witnesses {
                let texts = witness.asks();
                let values = vm::values(&mut ctx, &self.registry, &mut self.states, texts);
                witness.told(&mut ctx, &news, &values);
            }
        }
        self.spare.push(run);
    }
}
