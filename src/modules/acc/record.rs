//! A record: who called whom, what came of it and when; written as OpenSIPS writes it, to the log,
//! into a row, as an event (spec 9.6).

use std::sync::Arc;

use sluice_engine::db::{Action, Field, Statement};
use sluice_engine::witness::News;
use sluice_engine::{Ctx, Value};
use sluice_sip::Message;

use super::Acc;
use super::extra::Backend;
use super::modes::Backends;

/// Why a record is written: how its line begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The transaction has been answered.
    Answered,
    /// The call has failed.
    Missed,
    /// The script wants it.
    Request,
}

impl Reason {
    const fn head(self) -> &'static str {
        match self {
            Self::Answered => "ACC: transaction answered: ",
            Self::Missed => "ACC: call missed: ",
            Self::Request => "ACC: request accounted: ",
        }
    }
}

/// What the lines of the log call the core of a record; events and columns are called otherwise.
const LOG_NAMES: [&str; CORE] = ["method", "from_tag", "to_tag", "call_id", "code", "reason"];

/// The same in events.
const EVENT_NAMES: [&str; CORE] =
    ["method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason"];

/// How many texts the core of a record has.
pub const CORE: usize = 6;

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Record {
    /// Method, From tag, To tag, Call-ID, code, reason.
    core: [Box<[u8]>; CORE],
    /// Seconds since 1970.
    at_s: u64,
}

/// What a script has added to a record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Added<'a> {
    /// `$acc_extra`, by tag.
    pub extra: &'a [Option<Box<[u8]>>],
    /// `$acc_leg`, by leg and tag.
    pub legs: &'a [Vec<Option<Box<[u8]>>>],
    /// The values of the formats of 1.x.
    pub values: &'a [Box<[u8]>],
}

impl Record {
    /// Of a request and what is told of it. With `upstream`, From and To are the other way round.
    pub fn told(ctx: &Ctx<'_>, news: &News<'_>, upstream: bool) -> Self {
        let mut code = Vec::new();
        sluice_sip::digits::push_u64(&mut code, news.status.into());
        Self::new(ctx, news.reply, upstream, &code, news.phrase)
    }

    /// Of a request and a comment of the script: three digits are the code, the rest the reason.
    pub fn commented(ctx: &Ctx<'_>, comment: &[u8], upstream: bool) -> Self {
        let code = comment.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit));
        let code = code.unwrap_or_default();
        let reason = comment.get(code.len()..).unwrap_or_default();
        let reason = if code.is_empty() { reason } else { reason.trim_ascii_start() };
        Self::new(ctx, None, upstream, code, reason)
    }

    fn new(
        ctx: &Ctx<'_>,
        reply: Option<Message<'_>>,
        upstream: bool,
        code: &[u8],
        reason: &[u8],
    ) -> Self {
        let request = ctx.message;
        let from = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let to = reply.and_then(|reply| reply.to()).or(request.to());
        let to = to.and_then(|to| to.tag()).unwrap_or_default();
        let (from, to) = if upstream { (to, from) } else { (from, to) };
        let method = request.text(request.method_token());
        let core = [method, from, to, request.call_id(), code, reason].map(Box::from);
        Self { core, at_s: ctx.now.wall_us / 1_000_000 }
    }

    /// The code of the reply; 0 without one.
    fn code(&self) -> u32 {
        let code = self.core.get(4).and_then(|code| std::str::from_utf8(code).ok());
        code.and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

impl Acc {
    /// Writes a record wherever it belongs, in the order of OpenSIPS. `table` is that of `db`.
    pub fn write(
        &self,
        ctx: &mut Ctx<'_>,
        to: Backends,
        reason: Reason,
        table: Option<&Arc<str>>,
        record: &Record,
        added: Added<'_>,
    ) {
        if to.has(Backends::EVI) {
            self.raise(ctx, reason, record, added);
        }
        if to.has(Backends::LOG) {
            self.log(reason, record, added);
        }
        if to.has(Backends::DB)
            && let Some(table) = table
        {
            self.store(table, record, added);
        }
    }

    fn log(&self, reason: Reason, record: &Record, added: Added<'_>) {
        let mut line = format!("{}timestamp={}", reason.head(), record.at_s);
        let mut put = |name: &str, value: &[u8]| {
            line.push(';');
            line.push_str(name);
            line.push('=');
            // A folded header must not begin a line of the log.
            let value = String::from_utf8_lossy(value);
            line.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
        };
        for (name, value) in LOG_NAMES.iter().zip(&record.core) {
            put(name, value);
        }
        for (name, value) in self.extra(Backend::Log, added) {
            put(name, value);
        }
        for leg in added.legs {
            for (name, value) in self.legs.of(Backend::Log, leg) {
                put(name, value);
            }
        }
        match self.log_level {
            ..=-1 => tracing::error!(target: "acc", "{line}"),
            0 | 1 => tracing::warn!(target: "acc", "{line}"),
            2 | 3 => tracing::info!(target: "acc", "{line}"),
            _ => tracing::debug!(target: "acc", "{line}"),
        }
    }

    /// One row; with legs, one for each.
    fn store(&self, table: &Arc<str>, record: &Record, added: Added<'_>) {
        let Some(tables) = &self.table else { return };
        let mut row: Vec<(Arc<str>, Field)> = Vec::new();
        let core = record.core.iter().map(Field::text);
        row.extend(tables.columns.iter().cloned().zip(core));
        // Beyond what a table of the year 292 billion holds.
        let at_s = i64::try_from(record.at_s).unwrap_or(i64::MAX);
        row.push((Arc::clone(&tables.time), Field::Time(at_s)));
        let field = |(name, value): (&Arc<str>, &[u8])| (Arc::clone(name), Field::text(value));
        row.extend(self.extra(Backend::Db, added).map(field));
        let [of_acc, of_missed] = &tables.of_dialogs;
        let of_dialogs = if Arc::ptr_eq(table, &tables.missed) { of_missed } else { of_acc };
        let put = |mut row: Vec<(Arc<str>, Field)>| {
            for column in of_dialogs {
                if !row.iter().any(|(name, _)| name == column) {
                    row.push((Arc::clone(column), Field::Int(0)));
                }
            }
            let (table, action) = (Arc::clone(table), Action::Insert(row));
            // What does not fit is counted there, and told once a second.
            tables.later.write(Statement { table, action, conditions: Vec::new() });
        };
        if self.legs.are_empty(Backend::Db) || added.legs.is_empty() {
            return put(row);
        }
        for leg in added.legs {
            let of_leg = self.legs.of(Backend::Db, leg).map(field);
            put(row.iter().cloned().chain(of_leg).collect());
        }
    }

    /// One event; with legs, one for each.
    fn raise(&self, ctx: &mut Ctx<'_>, reason: Reason, record: &Record, added: Added<'_>) {
        let missed = match reason {
            Reason::Answered => false,
            Reason::Missed => true,
            Reason::Request => record.code() >= 300,
        };
        let event: &[u8] = if missed { b"E_ACC_MISSED_EVENT" } else { b"E_ACC_EVENT" };
        let text = |ctx: &mut Ctx<'_>, text: &[u8]| Value::Text(ctx.keep(text));
        let mut params = Vec::new();
        for (name, value) in EVENT_NAMES.iter().zip(&record.core) {
            params.push((text(ctx, name.as_bytes()), text(ctx, value)));
        }
        let at_s = i64::try_from(record.at_s).unwrap_or(i64::MAX);
        params.push((text(ctx, b"time"), Value::Int(at_s)));
        for (name, value) in self.extra(Backend::Evi, added) {
            params.push((text(ctx, name.as_bytes()), text(ctx, value)));
        }
        let raise = |ctx: &mut Ctx<'_>, params: &[_]| {
            if !ctx.raise(event, params) {
                ctx.complain("acc: too many events wait for their route");
            }
        };
        if self.legs.are_empty(Backend::Evi) || added.legs.is_empty() {
            return raise(ctx, &params);
        }
        let core = params.len();
        for leg in added.legs {
            params.truncate(core);
            for (name, value) in self.legs.of(Backend::Evi, leg) {
                params.push((text(ctx, name.as_bytes()), text(ctx, value)));
            }
            raise(ctx, &params);
        }
    }

    fn extra<'a>(
        &'a self,
        backend: Backend,
        added: Added<'a>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a [u8])> {
        let new = self.extra.of(backend, added.extra);
        new.chain(self.formats.of(backend, added.values))
    }
}
