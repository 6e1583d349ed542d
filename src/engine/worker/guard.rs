//! Requests whose run waits without a transaction: what comes again meanwhile is kept from them.

use sluice_base::slab::Key;
use sluice_script::ir::RouteKind;
use sluice_sip::{Message, Method};

use super::Worker;
use crate::own::Origin;
use crate::tm::identity::Identity;

impl Worker {
    /// A run has been put aside: its request gets a guard, unless it has one or a transaction. The
    /// guard learns the last reply.
    pub(super) fn guard(&mut self, parked: Key) {
        let Some(run) = self.parked.get_mut(parked) else { return };
        let is_request =
            run.state.kind == RouteKind::Request && matches!(run.origin, Origin::Message);
        if !is_request || run.state.transaction.is_some() {
            return;
        }
        let message = Message { bytes: &run.kept, index: &run.index };
        let tm = &mut self.local.tm;
        if run.state.guard.is_none() && message.method() != Method::Ack {
            let via = message.top_via_known();
            run.state.guard =
                via.and_then(|via| tm.guard(Identity::of(&message, &via), message.method()));
        }
        let Some(guard) = run.state.guard else { return };
        let output = &self.local.output;
        let replied = run.state.replied.take().and_then(|at| output.sends.get(at as usize));
        if let Some(send) = replied {
            let range = send.range.start as usize..send.range.end as usize;
            tm.guard_reply(guard, send.target, output.bytes.get(range).unwrap_or_default());
        }
    }
}
