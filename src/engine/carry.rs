//! What goes from a run to its transaction and from there to the next run: AVPs, flags, changes of
//! the request (spec 2.3, 8.5).

use sluice_base::slab::Key;

use crate::context::{Ctx, Kept};
use crate::record::Record;
use crate::run::{AvpKey, RunState};
use crate::tm::replies::Failed;
use crate::tm::transaction::{Branch, KeptKey, KeptRecord, ScriptState, Transaction};
use crate::value::{Source, Text, Value};

/// Gives the transaction the AVPs and flags of the run as they are now.
pub fn save(ctx: &mut Ctx<'_>, key: Key) {
    if ctx.run.avps.is_empty() && ctx.local.tm.get(key).is_none_or(|t| t.script.avps.is_empty()) {
        if let Some(transaction) = ctx.local.tm.get_mut(key) {
            transaction.script.flags = ctx.run.flags;
        }
        return;
    }
    let avps = ctx.run.avps.iter().map(|(key, value)| (kept_key(ctx, *key), kept(ctx, *value)));
    let (avps, flags) = (avps.collect(), ctx.run.flags);
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        (transaction.script.avps, transaction.script.flags) = (avps, flags);
    }
}

/// A failure route, if one is armed, begins with these changes of the request, those made so far
/// (spec 8.1).
pub fn freeze(ctx: &mut Ctx<'_>, key: Key) {
    if ctx.local.tm.get(key).is_none_or(|transaction| transaction.armed.failure.is_none()) {
        return;
    }
    let own = |text: Text| -> Box<[u8]> { ctx.bytes(text).into() };
    let record = ctx.run.record.map(|record| {
        Box::new(KeptRecord {
            preset: record.preset.map(|(first, second)| (own(first), second.map(own))),
            user: record.user.map(own),
            from_tag: record.from_tag,
            text: record.text.map(own),
            double: record.double,
        })
    });
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        transaction.script.record = record;
        transaction.script.patches = ctx.run.patches.clone();
        transaction.script.max_forwards = ctx.run.max_forwards;
    }
}

impl RunState {
    /// Takes over the AVPs and flags of a transaction.
    pub(crate) fn restore(&mut self, script: &ScriptState) {
        self.flags = script.flags;
        for (key, value) in &script.avps {
            let key = match key {
                KeptKey::Slot(slot) => AvpKey::Slot(*slot),
                KeptKey::Text(name) => AvpKey::Text(self.put(name)),
            };
            let value = match value {
                Kept::Null => Value::Null,
                Kept::Int(number) => Value::Int(*number),
                Kept::Text(text) => Value::Text(self.put(text)),
            };
            self.avps.push((key, value));
        }
    }

    /// Stands where local_route{} begins: the AVPs of the draft, and its next hop as `$du`.
    pub(crate) fn begin_own(&mut self, own: &Transaction, key: Key, next_hop: Option<&[u8]>) {
        self.transaction = Some(key);
        self.restore(&own.script);
        self.destination = next_hop.map(|uri| self.put(uri));
    }

    /// Stands where a failure route begins: the request as the request route left it, with the
    /// Request-URI of the branch that won.
    pub(crate) fn begin_failure(&mut self, transaction: &Transaction, failed: Failed) {
        self.transaction = Some(failed.key);
        self.winner = Some(failed.winner);
        self.restore(&transaction.script);
        self.patches.clone_from(&transaction.script.patches);
        self.max_forwards = transaction.script.max_forwards;
        self.force_rport = transaction.force_rport;
        if let Some(kept) = &transaction.script.record {
            self.record = Some(Record {
                preset: kept.preset.as_ref().map(|(first, second)| {
                    (self.put(first), second.as_ref().map(|second| self.put(second)))
                }),
                user: kept.user.as_ref().map(|user| self.put(user)),
                from_tag: kept.from_tag,
                text: kept.text.as_ref().map(|text| self.put(text)),
                double: kept.double,
            });
        }
        if let Some(branch) = transaction.branches.get(usize::from(failed.winner)) {
            self.take_branch(branch);
        }
    }

    fn take_branch(&mut self, branch: &Branch) {
        self.ruri = Some(self.put(&branch.uri));
        self.destination = branch.destination.as_ref().map(|uri| self.put(uri));
        self.branch_flags = branch.flags;
    }

    fn put(&mut self, bytes: &[u8]) -> Text {
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        Text { source: Source::Arena, start, len: bytes.len() as u32 }
    }
}

fn kept_key(ctx: &Ctx<'_>, key: AvpKey) -> KeptKey {
    match key {
        AvpKey::Slot(slot) => KeptKey::Slot(slot),
        AvpKey::Text(name) => KeptKey::Text(ctx.bytes(name).into()),
    }
}

fn kept(ctx: &Ctx<'_>, value: Value) -> Kept {
    match (value.text(), value.int()) {
        (Some(text), _) => Kept::Text(ctx.bytes(text).to_vec()),
        (None, Some(number)) => Kept::Int(number),
        (None, None) => Kept::Null,
    }
}
