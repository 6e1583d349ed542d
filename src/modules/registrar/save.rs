//! `save()`: what a REGISTER asks for is done to the record of its user, all of it or nothing, and
//! answered with the contacts that are there then (RFC 3261 10.3, spec 6.2).

use std::any::Any;
use std::sync::Arc;

use sluice_base::SocketId;
use sluice_engine::job::{Answer, Job};
use sluice_engine::module::{Then, Wait};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::ir::RouteKind;
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::same::same_texts;
use sluice_sip::uri::Uri;
use sluice_sip::{Kind, Message};

use super::cached::Subject;
use super::fetch::{Ask, Fetched, again};
use super::flags::{self, Mode, Path, Save};
use super::params::Options;
use super::refusal::Refusal;
use super::request::{Given, Request, Wish};
use super::{ACCEPTED, REJECTED, Worker, answer, aor};
use crate::usrloc::api::{
    self, Batch, CONTACTS, Contact, Edit, Fixed, Locations, MEMORY_ONLY, Matching, Note, Record,
    Table,
};

/// The reply says why it was refused.
const REFUSED: Flow = Flow::Code(-2);
/// How long a REGISTER waits before it looks again whether another of its user has been written.
const BUSY_MS: u64 = 5;
/// Longest Path that is kept, bytes: some four proxies.
const PATH_BYTES: usize = 1_024;

/// The function.
pub(super) fn save(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (&[table, flags, aor, ..], Some(worker)) = (args, state.downcast_mut::<Worker>()) else {
        return Flow::FALSE;
    };
    let name = table.text().map_or(&b""[..], |name| ctx.bytes(name));
    let Some(table) = worker.table(name) else { return Flow::Fail("there are too many tables") };
    let words = flags.text();
    let text = words.map_or(&b""[..], |text| ctx.bytes(text));
    let read = std::str::from_utf8(text).ok().and_then(|text| flags::save(text).ok());
    let Some(flags) = read else { return Flow::Fail("save() has no such flags") };
    let call = Call {
        table: &table,
        flags: &flags,
        words,
        aor: aor::given(ctx, aor, &worker.shared.options),
    };
    let answers = !flags.no_reply && ctx.run.kind != RouteKind::Reply;
    let before = ctx.run.reply_lines.len();
    let result = match table.is_ready() {
        true => register(ctx, worker, &call),
        false => Err(Refusal::NotReady),
    };
    match result {
        Ok(Done::Now) => accept(ctx, worker, answers, before),
        Ok(Done::Busy) => {
            Flow::Suspend(Wait::Millis(BUSY_MS), |ctx, state, args, _| save(ctx, state, args))
        }
        Ok(Done::Asked(flow)) => flow,
        Ok(Done::Later(batch)) => {
            let Some(query) = table.query(batch.statements.clone()) else { return Flow::FALSE };
            let waiting = Waiting { table, aor: worker.aor.clone(), batch, answers, before };
            ctx.run.carried = Some(Box::new(waiting));
            Flow::Suspend(Wait::Job(Job::Query(query)), committed)
        }
        Err(refusal) => reject(ctx, worker, refusal, answers, before),
    }
}

/// What became of a REGISTER that is not refused.
enum Done {
    /// It is done.
    Now,
    /// Another one of the user is being written.
    Busy,
    /// The contacts are not known yet.
    Asked(Flow),
    /// It is done when the database has it.
    Later(Batch),
}

/// A REGISTER that waits for the database; without an answer nothing counts as written.
struct Waiting {
    table: Arc<Table>,
    aor: Vec<u8>,
    batch: Batch,
    answers: bool,
    before: usize,
}

impl Waiting {
    fn settle(&mut self, written: bool) {
        self.table.settle(std::mem::take(&mut self.batch), written);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.settle(false);
        self.table.release(&self.aor);
    }
}

/// The database has answered.
fn committed(ctx: &mut Ctx<'_>, state: &mut dyn Any, _: &[Value], answer: &Answer) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return Flow::FALSE };
    let carried = ctx.run.carried.take().and_then(|carried| carried.downcast::<Waiting>().ok());
    let Some(mut waiting) = carried else { return Flow::FALSE };
    let written = match answer {
        Answer::Rows(outcome) => outcome.as_ref().as_ref().map(drop).map_err(ToString::to_string),
        Answer::Failed(why) => Err(why.to_string()),
        _ => Err("no answer".to_owned()),
    };
    waiting.settle(written.is_ok());
    let (answers, before) = (waiting.answers, waiting.before);
    drop(waiting);
    match written {
        Ok(()) => accept(ctx, worker, answers, before),
        Err(why) => {
            ctx.complain(&format!("save(): {why}"));
            reject(ctx, worker, Refusal::Insert, answers, before)
        }
    }
}

fn accept(ctx: &mut Ctx<'_>, worker: &Worker, answers: bool, before: usize) -> Flow {
    ctx.local.count(worker.shared.statistics, ACCEPTED);
    if answers {
        return Flow::of(answer::send(ctx, 200, before));
    }
    ctx.run.reply_lines.truncate(before);
    Flow::TRUE
}

fn reject(
    ctx: &mut Ctx<'_>,
    worker: &Worker,
    refusal: Refusal,
    answers: bool,
    before: usize,
) -> Flow {
    ctx.local.count(worker.shared.statistics, REJECTED);
    ctx.run.reply_lines.truncate(before);
    let silent = answers && !answer::refuse(ctx, refusal, &worker.shared.options);
    if silent { Flow::FALSE } else { REFUSED }
}

/// The arguments.
struct Call<'a> {
    table: &'a Table,
    flags: &'a Save,
    /// The text of the flags.
    words: Option<Text>,
    /// The URI of the user, in place of To.
    aor: Option<Text>,
}

/// Does it; the lines of the reply are added to the run's.
fn register(ctx: &mut Ctx<'_>, worker: &mut Worker, call: &Call<'_>) -> Result<Done, Refusal> {
    let Worker { shared, aor, path, fetched, cached, .. } = worker;
    let (options, locations) = (&shared.options, &shared.locations);
    let subject = cached.subject(ctx, ctx.message, options.mcontact_avp);
    let message = subject.message;
    let user = match call.aor {
        Some(text) => ctx.bytes(text),
        None => message.to().ok_or(Refusal::To)?.uri,
    };
    aor::of_uri(user, options, aor)?;
    let random = if options.max_deviation > 0 { ctx.local.random() } else { 0 };
    let request = Request::read(&subject, options, call.flags, random)?;
    let path = PathOf::read(message, options, call.flags, path)?;
    let only = call.table.is_only_in_database();
    let waits = (only || call.table.writes_through()) && request.wish != Wish::Ask;
    if let Some(done) = prepare(ctx, fetched, locations, call, aor, waits)? {
        return Ok(done);
    }
    let record = fetched.take();
    let mut lines = std::mem::take(&mut ctx.run.reply_lines);
    let (result, notes, apart) =
        match Change::of(ctx, options, locations, call, &request, (&subject, &path)) {
            Err(refusal) => (Err(refusal), Vec::new(), None),
            Ok(change) => {
                let change = |edit: &mut Edit<'_>| change.apply(edit, &mut lines);
                change_record(ctx, locations, call.table, aor, record, change)
            }
        };
    if result.is_ok() && path.told {
        for piece in [b"Path: ", path.text, b"\r\n"] {
            lines.extend_from_slice(piece);
        }
    }
    ctx.run.reply_lines = lines;
    if !notes.is_empty() {
        api::tell(ctx, locations, call.table, &notes);
    }
    if !waits {
        return result.map(|()| Done::Now);
    }
    let batch = result.map(|()| apart.unwrap_or_else(|| call.table.batch_of(locations, aor)));
    match batch {
        Ok(batch) if !batch.is_empty() => Ok(Done::Later(batch)),
        other => {
            call.table.release(aor);
            other.map(|_| Done::Now)
        }
    }
}

/// Makes the user the run's own where it is going to wait, and has its contacts at hand; how it
/// goes on where that is not yet so.
fn prepare(
    ctx: &mut Ctx<'_>,
    fetched: &mut Fetched,
    locations: &Locations,
    call: &Call<'_>,
    aor: &[u8],
    waits: bool,
) -> Result<Option<Done>, Refusal> {
    // Whoever has asked for contacts has done so as the one whose turn it is.
    if waits && !fetched.is_answered() && !call.table.claim(aor, ctx.now.wall_us / 1_000) {
        return Ok(Some(Done::Busy));
    }
    let then: Then = |ctx, state, args, answer| again(ctx, state, args, answer, save);
    match fetched.have(ctx, &Ask { locations, table: call.table, then }, aor) {
        Ok(()) => Ok(None),
        Err(Flow::Fail(why)) => {
            ctx.complain(&format!("save(): {why}"));
            if waits {
                call.table.release(aor);
            }
            Err(Refusal::Fetch)
        }
        Err(flow) => Ok(Some(Done::Asked(flow))),
    }
}

/// Changes a record of memory, or one that has been asked for; that one's changes are to be
/// written.
fn change_record(
    ctx: &Ctx<'_>,
    locations: &Locations,
    table: &Table,
    aor: &[u8],
    record: Option<Record>,
    change: impl FnOnce(&mut Edit<'_>) -> Result<(), Refusal>,
) -> (Result<(), Refusal>, Vec<Note>, Option<Batch>) {
    match record {
        None => {
            let (result, notes) = locations.edit(table, aor, ctx.shared, change);
            (result, notes, None)
        }
        Some(record) => {
            let heard = ctx.shared.hears_events();
            let (result, notes, batch) = locations.edit_apart(table, &record, heard, change);
            (result, notes, Some(batch))
        }
    }
}

/// The Path of a request.
struct PathOf<'p> {
    text: &'p [u8],
    /// `received` of its first URI, where that is wanted.
    received: &'p [u8],
    /// Whether the reply tells it.
    told: bool,
}

impl<'p> PathOf<'p> {
    const NONE: Self = Self { text: b"", received: b"", told: false };

    /// RFC 3327 5.3, spec 6.2 step 5. `joined` is memory for several headers.
    fn read(
        message: Message<'p>,
        options: &Options,
        flags: &Save,
        joined: &'p mut Vec<u8>,
    ) -> Result<Self, Refusal> {
        let mode = if flags.path == Path::Ignored { options.path } else { flags.path };
        if mode == Path::Ignored || message.field(Kind::Path).is_none() {
            return Ok(Self::NONE);
        }
        let supported =
            message.items(Kind::Supported).any(|option| option.eq_ignore_ascii_case(b"path"));
        if mode == Path::Strict && !supported {
            return Err(Refusal::PathUnsupported);
        }
        joined.clear();
        for item in message.items(Kind::Path) {
            if !joined.is_empty() {
                joined.push(b',');
            }
            // A fold is a blank.
            joined.extend(item.iter().map(|byte| if *byte < b' ' { b' ' } else { *byte }));
        }
        let text = joined.as_slice();
        let first = items(text).next().and_then(NameAddr::parse);
        let first = first.and_then(|first| Uri::parse(first.uri)).ok_or(Refusal::Path)?;
        if text.len() > PATH_BYTES {
            return Err(Refusal::Path);
        }
        let wants_received = flags.path_received || options.path_received;
        let received = first.param("received").filter(|_| wants_received).unwrap_or_default();
        let told = supported && matches!(mode, Path::Lazy | Path::Strict);
        Ok(Self { text, received, told })
    }
}

/// What is to be done to a record.
struct Change<'a> {
    request: &'a Request<'a>,
    options: &'a Options,
    table: &'a Table,
    matching: Matching<'a>,
    force: bool,
    max_contacts: usize,
    only_request_contacts: bool,
    cseq_delay_s: u32,
    now_s: u32,
    wall_us: u64,
    /// What all contacts of the request have.
    like: Contact<'a>,
    received: &'a [u8],
}

impl<'a> Change<'a> {
    fn of(
        ctx: &'a Ctx<'_>,
        options: &'a Options,
        locations: &Locations,
        call: &'a Call<'_>,
        request: &'a Request<'_>,
        (subject, path): (&Subject<'_>, &'a PathOf<'_>),
    ) -> Result<Self, Refusal> {
        let of_avp = |slot: Option<u32>| {
            let text = ctx.avp_newest(AvpKey::Slot(slot?))?.text()?;
            Some(ctx.bytes(text))
        };
        let received = of_avp(options.received_avp).unwrap_or_default();
        if received.len() > options.max_contact_len {
            return Err(Refusal::ContactLength);
        }
        let attr = of_avp(options.attr_avp).unwrap_or_default();
        if attr.len() > PATH_BYTES {
            return Err(Refusal::Insert);
        }
        let now_s = ctx.now.wall_s() as u32;
        let behind_nat = if path.received.is_empty() { 0 } else { locations.options.nat_bflag };
        let user_agent = request.user_agent();
        let agent = locations.agents.number(user_agent);
        let fixed = Fixed {
            modified: now_s,
            cseq: request.cseq,
            flags: if call.flags.memory_only { MEMORY_ONLY } else { 0 },
            cflags: ctx.run.branch_flags | behind_nat,
            agent,
            socket: socket(ctx, options, call.flags, subject),
            ..Fixed::default()
        };
        let like = Contact {
            call_id: request.call_id,
            path: path.text,
            attr,
            user_agent: if agent == 0 { user_agent } else { b"" },
            fixed,
            ..Contact::default()
        };
        let most = call.flags.max_contacts.unwrap_or(options.max_contacts) as usize;
        Ok(Self {
            request,
            options,
            table: call.table,
            matching: matching(ctx, locations, call, request.call_id),
            force: call.flags.force,
            max_contacts: if most == 0 { CONTACTS } else { most.min(CONTACTS) },
            only_request_contacts: call.flags.only_request_contacts,
            cseq_delay_s: locations.options.cseq_delay_s,
            now_s,
            wall_us: ctx.now.wall_us,
            like,
            received: if path.received.is_empty() { received } else { path.received },
        })
    }

    fn apply(&self, edit: &mut Edit<'_>, lines: &mut Vec<u8>) -> Result<(), Refusal> {
        match self.request.wish {
            Wish::Ask => {}
            Wish::Clear => edit.remove_if(|_| true),
            Wish::Change => {
                self.check(edit)?;
                self.request.contacts().flatten().for_each(|given| self.put(edit, &given));
            }
        }
        let contacts = edit.contacts().filter(|contact| {
            let asked = |given: Given<'_>| same_texts(given.uri, contact.uri);
            !self.only_request_contacts || self.request.contacts().flatten().any(asked)
        });
        answer::push_contacts(lines, contacts, self.now_s, &self.options.received_param);
        Ok(())
    }

    /// Finds out whether all can be done, and makes room where that is wanted; else nothing is
    /// changed.
    fn check(&self, edit: &mut Edit<'_>) -> Result<(), Refusal> {
        let mut living = edit.contacts().filter(|c| c.fixed.lives(self.now_s)).count();
        let mut new = 0;
        for given in self.request.contacts() {
            let given = given?;
            match edit.find(given.uri, self.matching) {
                Some((_, old)) => {
                    self.check_cseq(&old)?;
                    let goes = given.expires == 0 && old.fixed.lives(self.now_s);
                    living -= usize::from(goes && living > 0);
                }
                None => new += usize::from(given.expires > 0),
            }
        }
        if new > self.max_contacts || (living + new > self.max_contacts && !self.force) {
            return Err(Refusal::TooMany);
        }
        if edit.contacts().count() + new > CONTACTS {
            edit.remove_if(|contact| !contact.fixed.lives(self.now_s));
        }
        for _ in self.max_contacts..living + new {
            self.drop_oldest(edit);
        }
        Ok(())
    }

    /// spec 6.2: within a Call-ID the CSeq number grows.
    fn check_cseq(&self, old: &Contact<'_>) -> Result<(), Refusal> {
        let cseq = self.request.cseq;
        let known = old.call_id == self.request.call_id;
        match known && cseq <= old.fixed.cseq && !self.is_welcome_again(old) {
            true => Err(Refusal::OldCSeq),
            false => Ok(()),
        }
    }

    /// Whether the same CSeq number is as good as a higher one, or the same request again.
    fn is_welcome_again(&self, old: &Contact<'_>) -> bool {
        old.fixed.cseq == self.request.cseq && (self.options.allow_dup_cseq || self.repeats(old))
    }

    /// Whether it is a request that has been dealt with just now.
    fn repeats(&self, old: &Contact<'_>) -> bool {
        !self.options.allow_dup_cseq
            && old.call_id == self.request.call_id
            && old.fixed.cseq == self.request.cseq
            && self.now_s < old.fixed.modified.saturating_add(self.cseq_delay_s)
    }

    /// Takes the contact away that was registered first and is not asked for.
    fn drop_oldest(&self, edit: &mut Edit<'_>) {
        let asked = |contact: &Contact<'_>| {
            let given = self.request.contacts().flatten();
            given.filter(|given| given.expires > 0).any(|g| same_texts(g.uri, contact.uri))
        };
        let others = edit.contacts().enumerate().filter(|(_, contact)| !asked(contact));
        let oldest = others.min_by_key(|(_, contact)| contact.fixed.modified).map(|(at, _)| at);
        oldest.inspect(|at| edit.remove(*at));
    }

    fn put(&self, edit: &mut Edit<'_>, given: &Given<'_>) {
        let found = edit.find(given.uri, self.matching);
        match found.map(|(at, old)| (at, self.repeats(&old))) {
            Some((_, true)) => {}
            Some((at, false)) if given.expires == 0 => edit.remove(at),
            Some((at, false)) => edit.update(at, &self.contact(given, 0)),
            None if given.expires > 0 => {
                edit.insert(&self.contact(given, self.table.new_id(self.wall_us)));
            }
            None => {}
        }
    }

    fn contact<'c>(&'c self, given: &Given<'c>, id: u64) -> Contact<'c> {
        // The last second of 32 bits stands for no end.
        let expires = self.now_s.saturating_add(given.expires).min(u32::MAX - 1);
        let received = match given.received {
            Some(received) if self.like.path.is_empty() => received,
            _ => self.received,
        };
        let fixed = Fixed { id, expires, q: given.q, methods: given.methods, ..self.like.fixed };
        Contact { uri: given.uri, received, instance: given.instance, fixed, ..self.like }
    }
}

/// The socket that the contact is reached by.
fn socket(
    ctx: &Ctx<'_>,
    options: &Options,
    flags: &Save,
    subject: &Subject<'_>,
) -> Option<SocketId> {
    let message = subject.message;
    let named = options.socket_header.as_deref().filter(|_| flags.socket_header).and_then(|name| {
        let mut all = message.all().iter();
        let is = |text: &[u8]| text.eq_ignore_ascii_case(name.as_bytes());
        let field = all.find(|field| is(message.text(field.name)))?;
        let text = std::str::from_utf8(message.text(field.value)).ok()?;
        ctx.shared.sockets.named(text)
    });
    Some(named.unwrap_or(subject.socket))
}

fn matching<'a>(
    ctx: &'a Ctx<'_>,
    locations: &Locations,
    call: &Call<'_>,
    call_id: &'a [u8],
) -> Matching<'a> {
    match (&call.flags.matching, call.words) {
        (Some(Mode::Param(place)), Some(words)) => {
            let name = ctx.bytes(words).get(place.clone()).unwrap_or_default();
            Matching::Param(std::str::from_utf8(name).unwrap_or_default())
        }
        (Some(Mode::CallId), _) => Matching::UriAndCallId(call_id),
        (None, _) if locations.options.by_call_id => Matching::UriAndCallId(call_id),
        _ => Matching::Uri,
    }
}
