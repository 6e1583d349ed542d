//! The witness of a transaction that is accounted: what is to be written of it, and what the script
//! has added (spec 9.6).

use std::sync::Arc;

use sluice_engine::module::SharedState;
use sluice_engine::witness::{News, What, Witness};
use sluice_engine::{Ctx, Value};
use sluice_sip::Method;

use super::modes::{Backends, Modes};
use super::record::{Added, Reason, Record};
use super::{Acc, Shared};
use crate::rr;

/// See the file's head.
#[derive(Debug)]
pub struct Account {
    acc: Arc<Acc>,
    /// What `do_accounting()` wants; `None`: the flags of the message say it (1.x).
    modes: Option<Modes>,
    /// The table of what is answered.
    pub table: Option<Arc<str>>,
    /// The request goes to the side that began the dialog: From and To change places.
    pub upstream: bool,
    /// `$acc_extra`, by tag.
    pub extra: Vec<Option<Box<[u8]>>>,
    /// `$acc_leg`, by leg and tag.
    pub legs: Vec<Vec<Option<Box<[u8]>>>>,
    /// To tags of the 2xx that have been written: they come again (RFC 3261 13.3.1.4).
    answered: Vec<Box<[u8]>>,
}

impl Account {
    /// Of a request; nothing is to be written yet.
    fn new(acc: &Arc<Acc>, modes: Option<Modes>) -> Self {
        let mut account = Self {
            acc: Arc::clone(acc),
            modes,
            table: acc.table.as_ref().map(|table| Arc::clone(&table.acc)),
            upstream: false,
            extra: vec![None; acc.extra.len()],
            legs: Vec::new(),
            answered: Vec::new(),
        };
        if acc.legs.len() > 0 {
            account.begin_leg();
        }
        account
    }

    /// A further leg.
    pub fn begin_leg(&mut self) {
        self.legs.push(vec![None; self.acc.legs.len()]);
    }

    /// What `do_accounting()` has asked for so far.
    pub fn modes(&mut self) -> &mut Modes {
        self.modes.get_or_insert_default()
    }

    /// What is to be written now.
    fn wanted(&self, ctx: &Ctx<'_>) -> Modes {
        self.modes.unwrap_or_else(|| self.acc.flags.modes(ctx.run.flags))
    }

    fn write(&self, ctx: &mut Ctx<'_>, reason: Reason, news: &News<'_>, values: &[Box<[u8]>]) {
        let modes = self.wanted(ctx);
        let (to, table) = match reason {
            Reason::Missed => (modes.missed, self.acc.table.as_ref().map(|table| &table.missed)),
            Reason::Answered | Reason::Request => (modes.answered, self.table.as_ref()),
        };
        let record = Record::told(ctx, news, self.upstream);
        let added = Added { extra: &self.extra, legs: &self.legs, values };
        self.acc.write(ctx, to, reason, table, &record, added);
    }

    /// The first failure is told, later ones only when the script asks for it again.
    fn miss(&mut self, ctx: &mut Ctx<'_>, news: &News<'_>, values: &[Box<[u8]>]) {
        let missed = self.wanted(ctx).missed;
        if missed.is_empty() {
            return;
        }
        self.write(ctx, Reason::Missed, news, values);
        match &mut self.modes {
            Some(modes) => modes.missed = Backends::NONE,
            None => {
                let flags = self.acc.flags.missed();
                ctx.run.flags &= !flags;
                let key = ctx.run.transaction;
                if let Some(transaction) = key.and_then(|key| ctx.local.tm.get_mut(key)) {
                    transaction.script.flags &= !flags;
                }
            }
        }
    }

    /// Whether a reply is to be written as an answer.
    fn counts(&mut self, modes: Modes, news: &News<'_>) -> bool {
        if modes.answered.is_empty() || news.status >= 300 && modes.failed.is_empty() {
            return false;
        }
        let Some(reply) = news.reply else { return true };
        if news.status < 200 {
            let body = reply.body();
            return self.acc.early_media && body.end > body.start;
        }
        let tag = reply.to().and_then(|to| to.tag()).unwrap_or_default();
        let again = news.status < 300 && self.answered.iter().any(|known| **known == *tag);
        if !again {
            self.answered.push(tag.into());
        }
        !again
    }
}

impl Witness for Account {
    fn asks(&self) -> &[Box<str>] {
        &self.acc.formats.texts
    }

    fn told(&mut self, ctx: &mut Ctx<'_>, news: &News<'_>, values: &[Value]) {
        let values = texts(ctx, values);
        if news.what == What::Failed {
            return self.miss(ctx, news, &values);
        }
        // One that the script has sent itself has no failed branch.
        if news.status >= 300 && ctx.message.method() == Method::Invite {
            self.miss(ctx, news, &values);
        }
        let modes = self.wanted(ctx);
        if self.counts(modes, news) {
            self.write(ctx, Reason::Answered, news, &values);
        }
    }
}

/// The texts of values; NULL is empty.
pub fn texts(ctx: &mut Ctx<'_>, values: &[Value]) -> Vec<Box<[u8]>> {
    let text = |value: &Value| match value {
        Value::Null => Box::default(),
        value => {
            let text = ctx.to_text(*value);
            ctx.bytes(text).into()
        }
    };
    values.iter().map(text).collect()
}

/// The account of the transaction, made if there is none.
pub fn account<'a>(ctx: &'a mut Ctx<'_>, acc: &Arc<Acc>) -> Option<&'a mut Account> {
    if ctx.witness::<Account>().is_none() {
        let modes = Some(Modes::default());
        let upstream = is_upstream(ctx, acc);
        ctx.leave_witness(Box::new(Account { upstream, ..Account::new(acc, modes) }));
    }
    ctx.witness()
}

/// Whether From and To change places.
pub fn is_upstream(ctx: &Ctx<'_>, acc: &Acc) -> bool {
    acc.detect_direction && rr::api::is_upstream(ctx) == Some(true)
}

/// The hook of new transactions: one whose message has a flag of 1.x is accounted.
pub fn opened(ctx: &mut Ctx<'_>, state: &dyn SharedState) {
    let Some(Shared(acc)) = state.as_any().downcast_ref() else { return };
    if acc.flags.are_unused() || acc.flags.modes(ctx.run.flags).is_empty() {
        return;
    }
    let skips = ctx.message.method() == Method::Cancel && !acc.report_cancels;
    if !skips && ctx.witness::<Account>().is_none() {
        let upstream = is_upstream(ctx, acc);
        ctx.leave_witness(Box::new(Account { upstream, ..Account::new(acc, None) }));
    }
}
