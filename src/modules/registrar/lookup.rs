//! `lookup()`: the contacts of a user become the destinations of a request (spec 6.3).

use std::any::Any;

use sluice_engine::dset::Branch;
use sluice_engine::module::Then;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_sip::nameaddr::{NameAddr, items};

use regex::bytes::Regex;

use super::fetch::{Ask, Fetched, again, ready};
use super::flags::{self, Lookup};
use super::{Worker, aor};
use crate::regexes::Read;
use crate::usrloc::api::{Contact, Locations, Record, Table, methods};

const NOT_REGISTERED: Flow = Flow::Code(-1);
const NOT_SUPPORTED: Flow = Flow::Code(-2);
const FAILED: i32 = -3;

/// The code of `Flow::Fail`.
pub(super) const UNKNOWN: i32 = FAILED;

/// The function.
pub(super) fn lookup(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (&[table, flags, aor], Some(worker)) = (args, state.downcast_mut::<Worker>()) else {
        return Flow::Code(FAILED);
    };
    let name = table.text().map_or(&b""[..], |name| ctx.bytes(name));
    let Some(table) = worker.table(name) else { return Flow::Fail("there are too many tables") };
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, lookup);
    if let Err(flow) = ready(ctx, &table, then) {
        return flow;
    }
    let words = flags.text().map_or(&b""[..], |text| ctx.bytes(text));
    let read = std::str::from_utf8(words).ok().and_then(|text| flags::lookup(text).ok());
    let Some(mut flags) = read else { return Flow::Fail("lookup() has no such flags") };
    let agent = match &flags.agent {
        Some(place) => {
            let pattern = words.get(place.clone()).unwrap_or_default();
            let read = Read { ignore_case: flags.ignore_case, ..Read::USUAL };
            let Some(regex) = worker.regexes.get(pattern, read) else {
                return Flow::Fail("the User-Agent's regex is none");
            };
            Some(regex)
        }
        None => None,
    };
    flags.method_filtering |= worker.shared.options.method_filtering;
    flags.no_branches |= !worker.shared.options.append_branches;
    let given = aor::given(ctx, aor, &worker.shared.options);
    let Some(user) = given.or_else(|| ctx.ruri()) else { return Flow::Code(FAILED) };
    if table.is_only_in_database()
        && let Err(flow) = fetch(ctx, worker, &table, &flags, (user, then))
    {
        return flow;
    }
    let mut search = Search {
        locations: &worker.shared.locations,
        fetched: &worker.fetched,
        table: &table,
        flags: &flags,
        agent: agent.as_deref(),
        attr_avp: worker.shared.options.attr_avp,
        method: methods::bit(ctx.message.method()),
        found: 0,
        filtered: false,
    };
    let mut buffer = std::mem::take(&mut worker.aor);
    let read = aor::of_uri(ctx.bytes(user), &worker.shared.options, &mut buffer);
    if read.is_ok() {
        search.expand(ctx, &buffer, !flags.to_branches_only);
        if flags.branch && !flags.no_branches {
            search.expand_branches(ctx, |ctx, uri| {
                aor::of_uri(ctx.bytes(uri), &worker.shared.options, &mut buffer).ok()?;
                Some(std::mem::take(&mut buffer))
            });
        }
    }
    let Search { found, filtered, .. } = search;
    worker.aor = buffer;
    worker.fetched.forget();
    match (read, found, filtered) {
        (Err(_), ..) => Flow::Code(FAILED),
        (_, 1.., _) => Flow::TRUE,
        (_, _, true) => NOT_SUPPORTED,
        _ => NOT_REGISTERED,
    }
}

/// Has the records of all users at hand that may be looked for.
fn fetch(
    ctx: &mut Ctx<'_>,
    worker: &mut Worker,
    table: &Table,
    flags: &Lookup,
    (user, then): (Text, Then),
) -> Result<(), Flow> {
    let Worker { shared, fetched, aor, .. } = worker;
    let ask = Ask { locations: &shared.locations, table, then };
    let own = (!flags.to_branches_only).then_some(user);
    let of_branches = ctx.run.set.extra().iter().map(|branch| branch.uri);
    let of_branches = of_branches.filter(|_| flags.branch && !flags.no_branches);
    let users: Vec<Text> = own.into_iter().chain(of_branches).collect();
    for uri in users {
        if aor::of_uri(ctx.bytes(uri), &shared.options, aor).is_ok() {
            fetched.have(ctx, &ask, aor)?;
        }
    }
    Ok(())
}

/// What is looked for.
struct Search<'a> {
    locations: &'a Locations,
    fetched: &'a Fetched,
    table: &'a Table,
    flags: &'a Lookup,
    agent: Option<&'a Regex>,
    attr_avp: Option<u32>,
    /// The bit of the request's method.
    method: u32,
    /// How many contacts have become destinations.
    found: usize,
    /// Whether some do not take the method.
    filtered: bool,
}

impl Search<'_> {
    /// Makes the contacts of a user destinations; the first becomes the Request-URI if `first`
    /// says so.
    fn expand(&mut self, ctx: &mut Ctx<'_>, aor: &[u8], first: bool) {
        self.fetched.look(self.table, aor, |record| {
            let Some(record) = record else { return };
            if self.flags.by_latency {
                let mut contacts: Vec<Contact<'_>> = record.contacts().collect();
                contacts.sort_by_key(|contact| contact.fixed.latency_us);
                self.take(ctx, contacts.into_iter(), first);
            } else {
                self.take(ctx, Record::contacts(record), first);
            }
        });
    }

    fn take<'c>(
        &mut self,
        ctx: &mut Ctx<'_>,
        contacts: impl Iterator<Item = Contact<'c>>,
        mut first: bool,
    ) {
        let now_s = ctx.now.wall_s() as u32;
        for contact in contacts.filter(|contact| contact.fixed.lives(now_s)) {
            if !self.fits(&contact) {
                continue;
            }
            let branch = destination(ctx, &contact);
            if std::mem::take(&mut first) {
                put_first(ctx, branch);
            } else if ctx.run.set.add(branch).is_err() {
                ctx.complain("lookup(): the request has no room for more destinations");
                return;
            }
            self.found += 1;
            if let Some(slot) = self.attr_avp {
                let attr = Value::Text(ctx.keep(contact.attr));
                ctx.avp_append(AvpKey::Slot(slot), attr);
            }
            if self.flags.no_branches {
                return;
            }
        }
    }

    fn fits(&mut self, contact: &Contact<'_>) -> bool {
        if self.flags.method_filtering && contact.fixed.methods & self.method == 0 {
            self.filtered = true;
            return false;
        }
        let most_us = self.flags.max_latency_us;
        if most_us > 0 && contact.fixed.latency_us > most_us {
            return false;
        }
        let agent = |regex: &Regex| self.locations.agent_of(contact, |text| regex.is_match(text));
        self.agent.is_none_or(agent)
    }

    /// Puts the contacts of the users that the branches name in the branches' places.
    fn expand_branches(
        &mut self,
        ctx: &mut Ctx<'_>,
        mut aor: impl FnMut(&Ctx<'_>, Text) -> Option<Vec<u8>>,
    ) {
        // Those that have just been added stand behind them.
        let own = if self.flags.to_branches_only { self.found } else { self.found.max(1) - 1 };
        let before = ctx.run.set.extra().len().saturating_sub(own);
        for _ in 0..before {
            let Some(uri) = ctx.run.set.extra().first().map(|branch| branch.uri) else { return };
            ctx.run.set.remove(0);
            if let Some(aor) = aor(ctx, uri) {
                self.expand(ctx, &aor, false);
            }
        }
    }
}

/// A contact as a destination; its texts are copied into the run.
fn destination(ctx: &mut Ctx<'_>, contact: &Contact<'_>) -> Branch {
    let uri = ctx.keep(contact.uri);
    let path = (!contact.path.is_empty()).then(|| ctx.keep(contact.path));
    let first = path.and_then(|path| {
        let hop = items(ctx.bytes(path)).next().and_then(NameAddr::parse)?;
        Some(ctx.piece(path, hop.uri))
    });
    // RFC 3327 5.3: whoever is behind a proxy is reached by the proxy.
    let destination = match first {
        None if !contact.received.is_empty() => Some(ctx.keep(contact.received)),
        first => first,
    };
    let q = u16::try_from(contact.fixed.q).ok();
    let (flags, socket) = (contact.fixed.cflags, contact.fixed.socket);
    Branch { destination, path, q, flags, socket, ..Branch::to(uri) }
}

/// Makes a destination the Request-URI's; where it names no next hop the script's own stays.
fn put_first(ctx: &mut Ctx<'_>, branch: Branch) {
    let Some(own) = ctx.branch(0) else { return };
    let destination = branch.destination.or(own.destination);
    ctx.put_branch(0, Branch { destination, id: own.id, ..branch });
}
