//! What goes from a run to its transaction and from there to the next run: AVPs, flags, changes of
//! the request (spec 2.3, 8.5).

use sluice_base::slab::Key;

use crate::context::{Ctx, Kept};
use crate::record::Record;
use crate::run::{AvpKey, RunState};
use crate::tm::further::Changes;
use crate::tm::replies::Failed;
use crate::tm::transaction::{Branch, BranchScript, KeptKey, KeptRecord, ScriptState, Transaction};
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
    let record = kept_record(ctx);
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        transaction.script.record = record;
        transaction.script.patches = ctx.run.patches.clone();
        transaction.script.max_forwards = ctx.run.max_forwards;
    }
}

/// What the script has changed for the branch that it sends now.
pub(crate) fn changes(ctx: &Ctx<'_>) -> Changes {
    let own = |text: Text| -> Box<[u8]> { ctx.bytes(text).into() };
    let run = &*ctx.run;
    Changes {
        patches: run.patches.clone(),
        max_forwards: run.max_forwards,
        record: kept_record(ctx),
        advertised: run.advertised.map(|(host, port)| (host.map(own), port)),
        local_rport: run.local_rport,
        socket: run.send_socket,
    }
}

fn kept_record(ctx: &Ctx<'_>) -> Option<Box<KeptRecord>> {
    let own = |text: Text| -> Box<[u8]> { ctx.bytes(text).into() };
    ctx.run.record.map(|record| {
        Box::new(KeptRecord {
            preset: record.preset.map(|(first, second)| (own(first), second.map(own))),
            user: record.user.map(own),
            from_tag: record.from_tag,
            text: record.text.map(own),
            double: record.double,
        })
    })
}

/// What a script knows of the branch that is about to be sent; `None`: nothing.
pub(crate) fn of_branch(ctx: &mut Ctx<'_>) -> Option<Box<BranchScript>> {
    let avps = std::mem::take(&mut ctx.run.branch_avps);
    let set = &ctx.run.set;
    let (path, q, mut attributes) = (set.path(), set.q(), set.own_attributes());
    if avps.is_empty() && path.is_none() && q.is_none() && attributes.next().is_none() {
        return None;
    }
    let attributes = set.own_attributes();
    let attributes = attributes.map(|(name, value)| (ctx.bytes(name).into(), kept(ctx, value)));
    let attributes = attributes.collect();
    let path = path.map(|path| ctx.bytes(path).into());
    Some(Box::new(BranchScript { path, q, avps, attributes }))
}

/// A run that belongs to a transaction is put aside: other runs of it shall see what it has set.
pub(crate) fn put_aside(ctx: &mut Ctx<'_>) {
    if let Some(key) = shared_with(ctx) {
        save(ctx, key);
    }
}

/// It goes on, with what others have set meanwhile.
pub(crate) fn go_on(ctx: &mut Ctx<'_>) {
    let Some(key) = shared_with(ctx) else { return };
    if let Some(transaction) = ctx.local.tm.get(key) {
        ctx.run.avps.clear();
        ctx.run.restore(&transaction.script);
    }
}

/// The transaction whose AVPs the run has (spec 2.3).
fn shared_with(ctx: &Ctx<'_>) -> Option<Key> {
    let of_reply = ctx.run.branch.filter(|_| ctx.shared.settings.onreply_avp_mode);
    ctx.run.transaction.or(of_reply.map(|branch| branch.key))
}

impl Ctx<'_> {
    /// A value that outlives the run.
    pub fn kept(&self, value: Value) -> Kept {
        kept(self, value)
    }

    /// A value that has outlived its run.
    pub fn of_kept(&mut self, value: &Kept) -> Value {
        match value {
            Kept::Null => Value::Null,
            Kept::Int(number) => Value::Int(*number),
            Kept::Text(text) => Value::Text(self.keep(text)),
        }
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
        self.record = transaction.script.record.as_deref().map(|kept| self.put_record(kept));
        if let Some(branch) = transaction.branches.get(usize::from(failed.winner)) {
            self.take_branch(branch);
        }
    }

    /// Stands where a transaction has heard something of a branch, or has answered itself.
    pub(crate) fn begin_heard(&mut self, transaction: &Transaction, key: Key, branch: Option<u8>) {
        self.transaction = Some(key);
        self.restore(&transaction.script);
        let branch = branch.and_then(|number| transaction.branches.get(usize::from(number)));
        if let Some(branch) = branch {
            self.take_branch(branch);
        }
    }

    /// Stands where a branch was sent, to send it elsewhere.
    pub(crate) fn begin_further(
        &mut self,
        transaction: &Transaction,
        failed: Failed,
        changes: &Changes,
    ) {
        self.transaction = Some(failed.key);
        self.force_rport = transaction.force_rport;
        self.patches.clone_from(&changes.patches);
        self.max_forwards = changes.max_forwards;
        self.record = changes.record.as_deref().map(|kept| self.put_record(kept));
        self.advertised = changes
            .advertised
            .as_ref()
            .map(|(host, port)| (host.as_ref().map(|host| self.put(host)), *port));
        self.local_rport = changes.local_rport;
        self.send_socket = changes.socket;
        if let Some(branch) = transaction.branches.get(usize::from(failed.winner)) {
            self.take_branch(branch);
            self.branch_on_reply = branch.on_reply;
            let path = branch.script.as_ref().and_then(|script| script.path.as_deref());
            let path = path.map(|path| self.put(path));
            self.set.put_path(path);
        }
    }

    fn put_record(&mut self, kept: &KeptRecord) -> Record {
        Record {
            preset: kept.preset.as_ref().map(|(first, second)| {
                (self.put(first), second.as_ref().map(|second| self.put(second)))
            }),
            user: kept.user.as_ref().map(|user| self.put(user)),
            from_tag: kept.from_tag,
            text: kept.text.as_ref().map(|text| self.put(text)),
            double: kept.double,
        }
    }

    fn take_branch(&mut self, branch: &Branch) {
        self.ruri = Some(self.put(&branch.uri));
        self.destination = branch.destination.as_ref().map(|uri| self.put(uri));
        self.branch_flags = branch.flags;
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Text {
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
