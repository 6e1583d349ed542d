//! Letters of others: requests that this worker shall make or cancel, since it owns their calls.

use std::sync::Arc;

use sluice_base::Now;

use super::Worker;
use crate::context::Local;
use crate::events::Raised;
use crate::limits;
use crate::post::Letter;
use crate::run::Run;
use crate::tm::Scene;
use crate::tm::local::{Cancel, Draft, Report};
use crate::tm::upstream::Text;
use crate::uac;

impl Worker {
    /// Reads what has been written to this worker.
    #[inline]
    pub(super) fn take_letters(&mut self, now: Now) {
        let mut taken = 0;
        while let Some(letter) = self.inbox.take() {
            match letter {
                Letter::Request(draft) => self.make(now, *draft),
                Letter::Cancel(cancel) => self.cancel(now, cancel),
                Letter::Event(raised) => self.raise(now, &raised),
                Letter::Lost(_, quote) => self.lose(now, &quote, None),
            }
            taken += 1;
            if taken == limits::BATCH {
                self.more = true;
                return;
            }
        }
    }

    fn make(&mut self, now: Now, draft: Draft) {
        let edition = Arc::clone(self.editions.value());
        if let Some(run) = uac::begin(&mut self.local, &edition, draft, now) {
            self.begin(now, run);
        }
    }

    /// An event of the control plane runs its routes.
    fn raise(&mut self, now: Now, raised: &Raised) {
        let edition = self.editions.value();
        let script = &edition.script;
        for route in edition.events.routes(raised.name.as_bytes(), script, now.mono_ms()) {
            self.local.start(Run::of_event(script, route, raised, now));
        }
    }

    fn cancel(&mut self, now: Now, cancel: Cancel) {
        let Local { tm, output, .. } = &mut self.local;
        let key = tm.by_call(&cancel.call_id, cancel.cseq);
        let mut scene = Scene { now, output, shared: self.editions.value() };
        if let Some(key) = key
            && tm.cancel(&mut scene, key)
        {
            tm.local(&mut scene, key, 487, Text::only(b"Request Terminated"));
        }
        cancel.asker.tell(Report::Cancelled(key.is_some()));
    }
}
