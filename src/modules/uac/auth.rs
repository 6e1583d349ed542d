//! `uac_auth()` (spec 9.8): the challenges of the reply that won are answered in the next round.

use sluice_base::Span;
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::{Index, Kind, Message};

use super::challenge::{Challenge, Request, is_of, realm_of};
use super::limits::CHALLENGES;
use super::params::Options;
use crate::rr::api as rr;
use sluice_sip::digest::{Algorithm, Hash};

/// The parameter of Record-Route that says by how much the CSeq of the dialog is raised.
pub(super) const SHIFT: &str = "aci";

/// A challenge and the header line that answers it.
struct Answer {
    header: &'static [u8],
    realm: Vec<u8>,
    line: Vec<u8>,
}

/// Answers each realm that asks and whose password is known; by the topmost challenge of a realm
/// that can be answered (RFC 8760 2.4).
pub(super) fn answer(ctx: &mut Ctx<'_>, options: &Options, args: &[Value]) -> Flow {
    let allowed = args.first().and_then(|bits| bits.int()).filter(|bits| *bits != 0);
    let Some((reply, uri)) = winner(ctx) else { return Flow::FALSE };
    let mut index = Index::new();
    if index.scan(&reply).is_err() {
        return Flow::FALSE;
    }
    let message = Message { bytes: &reply, index: &index };
    let mut answers: Vec<Answer> = Vec::new();
    for (kind, proxy) in [(Kind::WwwAuthenticate, false), (Kind::ProxyAuthenticate, true)] {
        for field in message.fields(kind).take(CHALLENGES) {
            let Some(challenge) = Challenge::read(message.text(field.value), proxy) else {
                continue;
            };
            let bit = i64::from(challenge.algorithm.bit());
            let header = challenge.header();
            let same = |other: &Answer| other.header == header && other.realm == challenge.realm;
            if allowed.is_some_and(|bits| bits & bit == 0) || answers.iter().any(same) {
                continue;
            }
            if let Some(line) = answer_one(ctx, options, &challenge, &uri) {
                answers.push(Answer { header, realm: challenge.realm.to_vec(), line });
            }
        }
    }
    if answers.is_empty() {
        return Flow::FALSE;
    }
    add(ctx, &answers);
    let uri = ctx.keep(&uri);
    ctx.run.ruri = Some(uri);
    raise(ctx, options);
    Flow::TRUE
}

/// The reply that won and the Request-URI that it is about; `None` when it is ours.
fn winner(ctx: &Ctx<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let transaction = ctx.local.tm.get(ctx.run.transaction?)?;
    let branch = transaction.branches.get(usize::from(ctx.run.winner?))?;
    let asks = matches!(branch.status, 401 | 407) && !branch.reply.is_empty();
    asks.then(|| (branch.reply.to_vec(), branch.uri.to_vec()))
}

fn answer_one(
    ctx: &mut Ctx<'_>,
    options: &Options,
    challenge: &Challenge<'_>,
    uri: &[u8],
) -> Option<Vec<u8>> {
    let credential = options.credentials.of_realm(ctx, challenge.realm)?;
    let ha1 = credential.ha1(challenge.algorithm.function)?;
    let mut body = Vec::new();
    ctx.run.patches.write_part(ctx.message.bytes, ctx.message.body(), &mut body);
    let method = ctx.message.text(ctx.message.method_token());
    let request = Request { method, uri, body: &body };
    let refused = |line: &&[u8]| {
        let same = line.starts_with(challenge.header()) && realm_of(line) == Some(challenge.realm);
        let of_function = ha1_of(line, &credential);
        same && of_function.is_some_and(|ha1| is_of(line, request, &credential.user, ha1))
    };
    // RFC 3261 22.2: what has just been refused is not tried again.
    if !challenge.stale && lines(ctx).any(|line| refused(&line)) {
        return None;
    }
    let cnonce = sluice_engine::forward::hex(ctx.local.random());
    let mut line = Vec::new();
    challenge.answer(request, &credential.user, ha1, &cnonce, &mut line);
    Some(line)
}

/// The password's hash by the algorithm that a line names.
fn ha1_of(line: &[u8], credential: &crate::uac_auth::api::Credential) -> Option<Hash> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let given = sluice_sip::credentials::Credentials::parse(line.get(at + 1..)?)?;
    let named = given.param("algorithm");
    let algorithm = named.map_or(Some(Algorithm::DEFAULT), Algorithm::of_name)?;
    credential.ha1(algorithm.function)
}

/// Where our lines stand: behind all headers.
fn place(ctx: &Ctx<'_>) -> Span {
    let end = ctx.message.headers_end();
    Span::new(end, end)
}

/// The lines of earlier rounds.
fn lines<'a>(ctx: &'a Ctx<'_>) -> impl Iterator<Item = &'a [u8]> {
    let text = ctx.run.patches.replaced(place(ctx)).unwrap_or_default();
    text.split_inclusive(|byte| *byte == b'\n')
}

/// Puts the new lines in the place of those of the same realms; others stay (RFC 3261 22.3).
fn add(ctx: &mut Ctx<'_>, answers: &[Answer]) {
    let replaced = |line: &&[u8]| {
        let same = |answer: &Answer| {
            line.starts_with(answer.header) && realm_of(line) == Some(&*answer.realm)
        };
        answers.iter().any(same)
    };
    let mut text: Vec<u8> = lines(ctx).filter(|line| !replaced(line)).flatten().copied().collect();
    answers.iter().for_each(|answer| text.extend_from_slice(&answer.line));
    let place = place(ctx);
    ctx.run.patches.replace_anew(place, &text);
}

/// RFC 3261 22.2: the request is a new one. Later requests of the dialog are raised, too: by what
/// our Route says when it begins, by what we remember afterwards.
fn raise(ctx: &mut Ctx<'_>, options: &Options) {
    let (Some(sent), Some((own, _))) = (ctx.cseq_sent(), ctx.message.cseq()) else { return };
    let raised = sent.wrapping_add(1);
    ctx.replace_cseq(raised);
    if ctx.message.to().is_some_and(|to| to.tag().is_some()) {
        return options.raised.add(ctx);
    }
    let shift = raised.wrapping_sub(own).to_string();
    rr::set_param(ctx, SHIFT, shift.as_bytes());
}
