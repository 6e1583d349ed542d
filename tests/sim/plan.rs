//! Plans: what the caller and the callees of one call do, and how it ends in calm weather.

use crate::random::Random;

/// How a callee deals with a call: statuses, and milliseconds after the request came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// A provisional reply.
    pub ring: Option<(u16, u64)>,
    /// Another one.
    pub more: Option<(u16, u64)>,
    /// The final reply.
    pub last: Option<(u16, u64)>,
    /// A CANCEL ends it by 487.
    pub obeys: bool,
    /// It records a strict router.
    pub strict: bool,
    /// Where a 3xx points.
    pub contact: Option<&'static str>,
}

impl Manner {
    /// Nothing is ever heard of it.
    pub fn is_silent(&self) -> bool {
        self.ring.is_none() && self.last.is_none()
    }
}

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name in the diagram.
    pub kind: &'static str,
    /// When the caller begins.
    pub start_ms: u64,
    /// The method of the initial request.
    pub method: &'static str,
    /// Its Request-URI; the user part says what the script does with it.
    pub uri: String,
    /// Its preloaded Routes.
    pub routes: Vec<String>,
    /// The caller is an element of RFC 2543.
    pub strict: bool,
    /// The caller follows a redirection.
    pub follows: bool,
    /// When the caller wants no more, after it began.
    pub cancel_ms: Option<u64>,
    /// When the caller is gone, after it began.
    pub vanish_ms: Option<u64>,
    /// Of the gateways by number, or by the order in which they hear of the call.
    pub manners: Vec<Manner>,
    /// See `manners`.
    pub by_arrival: bool,
    /// The caller's requests within the dialog.
    pub caller_steps: &'static [&'static str],
    /// The callee's.
    pub callee_steps: &'static [&'static str],
    /// How long the script may take over a reply, in milliseconds.
    pub grace_ms: u64,
    /// What the caller may hear in calm weather; empty: anything.
    pub expect: Vec<u16>,
}

/// `fr_timeout` of the script, in milliseconds.
pub const FR_MS: u64 = 5_000;
/// `fr_inv_timeout`.
pub const FR_INV_MS: u64 = 20_000;

/// Gateways of the world; their numbers begin with 1.
pub const GATEWAYS: u8 = 8;

/// All that a plan may be.
const KINDS: [fn(&mut Random) -> Plan; 34] = [
    answered,
    answered,
    refused,
    silent,
    rings_for_ever,
    answers_late,
    refuses_late,
    rings_late,
    forked,
    forked,
    redirected,
    moved,
    next,
    dispatched,
    serial,
    cancelled,
    cancelled_early,
    cancelled_at_the_answer,
    cancelled_in_vain,
    cancelled_fork,
    cancelled_next,
    cancelled_name,
    other,
    other,
    other_slow,
    other_forked,
    strict,
    preloaded,
    named,
    held_up,
    slow_replies,
    unreachable,
    unreachable_first,
    deserted,
];

/// Draws the plans of so many calls: each kind in turn, in its particulars by chance.
pub fn draw(seed: u64, calls: u32) -> Vec<Plan> {
    let random = &mut Random::new(seed, 3);
    let kinds = KINDS.iter().cycle().take(calls as usize);
    kinds.map(|kind| Plan { start_ms: random.within(0, 60_000), ..kind(random) }).collect()
}

/// A plan that says nothing but what it is called and where it goes.
pub fn plan(kind: &'static str, uri: &str) -> Plan {
    Plan {
        kind,
        start_ms: 0,
        method: "INVITE",
        uri: uri.to_owned(),
        routes: Vec::new(),
        strict: false,
        follows: false,
        cancel_ms: None,
        vanish_ms: None,
        manners: Vec::new(),
        by_arrival: true,
        caller_steps: &["BYE"],
        callee_steps: &[],
        grace_ms: 0,
        expect: Vec::new(),
    }
}

/// A call to one gateway.
fn single(kind: &'static str, random: &mut Random, manner: Manner, expect: &[u16]) -> Plan {
    let uri = format!("sip:plain@10.1.0.{}", random.within(1, u64::from(GATEWAYS)));
    Plan { manners: vec![manner], expect: expect.to_vec(), ..plan(kind, &uri) }
}

fn rings(random: &mut Random) -> Option<(u16, u64)> {
    let status = random.pick(&[100, 180, 183]);
    Some((status, random.within(20, 900)))
}

fn answers(random: &mut Random) -> Manner {
    let ring = if random.permille(800) { rings(random) } else { None };
    let last = Some((200, random.within(1_000, 3_000)));
    Manner { ring, last, obeys: true, ..Manner::default() }
}

/// A status that refuses, and what goes up for it.
fn refusal(random: &mut Random) -> (u16, u16) {
    let all = [302, 401, 404, 407, 415, 420, 480, 484, 486, 488, 500, 503, 600, 603];
    let status = random.pick(&all);
    (status, if status == 503 { 500 } else { status })
}

fn refuses(random: &mut Random, status: u16) -> Manner {
    let ring = if random.permille(500) { rings(random) } else { None };
    let last = Some((status, random.within(1_000, 3_000)));
    Manner { ring, last, obeys: true, ..Manner::default() }
}

fn rings_only(random: &mut Random) -> Manner {
    Manner { ring: rings(random), obeys: true, ..Manner::default() }
}

fn answered(random: &mut Random) -> Plan {
    let manner = answers(random);
    let single = single("answered", random, manner, &[200]);
    let steps: [(&[&str], &[&str]); 5] = [
        (&["BYE"], &[]),
        (&["INFO", "INVITE", "BYE"], &[]),
        (&["INVITE", "INVITE", "BYE"], &["INFO"]),
        (&[], &["BYE"]),
        (&["INFO"], &["INFO", "BYE"]),
    ];
    let (caller_steps, callee_steps) = random.pick(&steps);
    Plan { caller_steps, callee_steps, ..single }
}

fn refused(random: &mut Random) -> Plan {
    let (status, up) = refusal(random);
    let manner = refuses(random, status);
    single("refused", random, manner, &[up])
}

fn silent(random: &mut Random) -> Plan {
    single("silent", random, Manner::default(), &[408])
}

fn rings_for_ever(random: &mut Random) -> Plan {
    let manner = rings_only(random);
    single("rings for ever", random, manner, &[408])
}

/// A 2xx when the branch has been given up: the refusal that went up may have been confirmed.
fn answers_late(random: &mut Random) -> Plan {
    let last = FR_INV_MS + random.within(0, 600);
    let manner = Manner { ring: Some((180, 20)), last: Some((200, last)), ..Manner::default() };
    single("answers late", random, manner, &[200, 408])
}

fn refuses_late(random: &mut Random) -> Plan {
    let last = FR_INV_MS + random.within(100, 2_000);
    let manner = Manner { ring: Some((180, 20)), last: Some((486, last)), ..Manner::default() };
    single("refuses late", random, manner, &[408])
}

fn rings_late(random: &mut Random) -> Plan {
    let ring = Some((180, FR_MS + random.within(50, 2_000)));
    let manner = Manner { ring, obeys: true, ..Manner::default() };
    single("rings late", random, manner, &[408])
}

fn fork(random: &mut Random, kind: &'static str, silent: bool) -> Plan {
    let ways = random.within(2, u64::from(GATEWAYS));
    let mut manner = || match random.below(if silent { 10 } else { 8 }) {
        0..3 => answers(random),
        3..7 => {
            let (status, _) = refusal(random);
            refuses(random, status)
        }
        7 => rings_only(random),
        _ => Manner::default(),
    };
    let manners = (0..ways).map(|_| manner()).collect();
    let uri = format!("sip:fork-{ways}@10.1.0.1");
    Plan { manners, by_arrival: false, ..plan(kind, &uri) }
}

fn forked(random: &mut Random) -> Plan {
    let plan = fork(random, "forked", true);
    let finals = || plan.manners.iter().filter_map(|manner| manner.last.map(|(status, _)| status));
    let expect = match (finals().any(|status| status == 200), finals().find(|s| *s >= 600)) {
        (true, None) => vec![200],
        (answers, Some(_)) => [600, 603, 200][..if answers { 3 } else { 2 }].to_vec(),
        (false, None) => vec![best(&plan.manners)],
    };
    Plan { expect, ..plan }
}

/// What goes up of refusals, none of which is a 6xx (OpenSIPS' order, `spec 8.5`).
fn best(manners: &[Manner]) -> u16 {
    let order = [302, 401, 407, 415, 420, 484, 404, 480, 486, 488, 500, 408, 503];
    let statuses = manners.iter().map(|manner| manner.last.map_or(408, |(status, _)| status));
    let place = |status: &u16| order.iter().position(|one| one == status);
    match statuses.min_by_key(place).unwrap_or(408) {
        503 => 500,
        status => status,
    }
}

fn redirected(random: &mut Random) -> Plan {
    let first = Manner {
        contact: Some("sip:plain@10.1.0.8"),
        last: Some((302, random.within(100, 900))),
        ..Manner::default()
    };
    let manners = vec![first, answers(random)];
    let uri = format!("sip:plain@10.1.0.{}", random.within(1, 7));
    Plan { manners, follows: true, expect: vec![200], ..plan("redirected", &uri) }
}

/// The script follows the redirection.
fn moved(random: &mut Random) -> Plan {
    let manners = vec![refuses(random, 302), answers(random)];
    Plan { manners, expect: vec![200], ..plan("moved", "sip:moved@10.1.0.1") }
}

/// Two that fail, one after another, and a third.
fn twice(random: &mut Random) -> (Vec<Manner>, u16) {
    let mut fails = || match random.below(3) {
        0 => Manner::default(),
        1 => refuses(random, 503),
        _ => refuses(random, 500),
    };
    let mut manners = vec![fails(), fails()];
    let (last, up) = match random.below(3) {
        0 => (refuses(random, 486), 486),
        _ => (answers(random), 200),
    };
    manners.push(last);
    (manners, up)
}

fn next(random: &mut Random) -> Plan {
    let (manners, up) = twice(random);
    let method = random.pick(&["INVITE", "INVITE", "MESSAGE"]);
    Plan { manners, method, expect: vec![up], ..plan("next", "sip:next@sim") }
}

fn dispatched(random: &mut Random) -> Plan {
    let (manners, up) = twice(random);
    Plan { manners, expect: vec![up], ..plan("dispatched", "sip:ds@sim") }
}

/// One that fails, and then two at once, by their q.
fn serial(random: &mut Random) -> Plan {
    let status = random.pick(&[486, 500, 503]);
    let first = if random.permille(300) { Manner::default() } else { refuses(random, status) };
    let manners = vec![first, answers(random), rings_only(random)];
    let expect = vec![200];
    Plan { manners, by_arrival: false, expect, ..plan("serial", "sip:serial@10.1.0.1") }
}

fn cancelled(random: &mut Random) -> Plan {
    let ring = rings(random);
    let manner = Manner { ring, obeys: true, ..Manner::default() };
    let plan = single("cancelled", random, manner, &[487]);
    Plan { cancel_ms: Some(random.within(1_000, 3_000)), ..plan }
}

/// Cancelled before anything was heard of the callee.
fn cancelled_early(random: &mut Random) -> Plan {
    let after = random.within(1_000, 3_000);
    let (ring, last, expect): (_, _, &[u16]) = match random.below(4) {
        0 => (Some((180, after)), None, &[487]),
        1 => (None, Some((200, after)), &[200]),
        2 => (None, Some((486, after)), &[486]),
        _ => (None, None, &[408, 487]),
    };
    let manner = Manner { ring, last, obeys: true, ..Manner::default() };
    let plan = single("cancelled early", random, manner, expect);
    Plan { cancel_ms: Some(random.within(25, 900)), ..plan }
}

fn cancelled_at_the_answer(random: &mut Random) -> Plan {
    let at = random.within(300, 1_500);
    let manner = Manner {
        ring: Some((180, 20)),
        last: Some((random.pick(&[200, 486]), at)),
        obeys: true,
        ..Manner::default()
    };
    let plan = single("cancelled at the answer", random, manner, &[200, 486, 487]);
    Plan { cancel_ms: Some(at + random.within(0, 60)), ..plan }
}

/// The callee does not care about a CANCEL.
fn cancelled_in_vain(random: &mut Random) -> Plan {
    let (last, expect): (_, &[u16]) = match random.below(3) {
        0 => (None, &[408, 487]),
        1 => (Some((200, 4_000)), &[200]),
        _ => (Some((486, 4_000)), &[486]),
    };
    let ring = rings(random);
    let more = Some((183, random.within(2_500, 3_500)));
    let manner = Manner { ring, more, last, ..Manner::default() };
    let plan = single("cancelled in vain", random, manner, expect);
    Plan { cancel_ms: Some(random.within(1_000, 2_000)), ..plan }
}

fn cancelled_fork(random: &mut Random) -> Plan {
    let cancel_ms = Some(random.within(100, 3_500));
    Plan { cancel_ms, ..fork(random, "cancelled fork", true) }
}

/// Cancelled while the second destination rings.
fn cancelled_next(random: &mut Random) -> Plan {
    let first = Manner { last: Some((500, 300)), ..Manner::default() };
    let second = Manner { ring: Some((180, 50)), obeys: true, ..Manner::default() };
    Plan {
        manners: vec![first, second],
        cancel_ms: Some(random.within(1_000, 3_000)),
        expect: vec![487],
        ..plan("cancelled next", "sip:next@sim")
    }
}

/// Cancelled while a name is looked up, or thereafter.
fn cancelled_name(random: &mut Random) -> Plan {
    let cancel_ms = Some(random.within(25, 700));
    let manners = vec![rings_only(random)];
    Plan { manners, cancel_ms, expect: vec![487], ..plan("cancelled name", "sip:plain@gw3.sim") }
}

fn other_plan(random: &mut Random, kind: &'static str, manner: Manner, expect: &[u16]) -> Plan {
    let method = random.pick(&["OPTIONS", "MESSAGE", "INFO"]);
    Plan { method, ..single(kind, random, manner, expect) }
}

fn other(random: &mut Random) -> Plan {
    let (status, up) = match random.below(4) {
        0 => refusal(random),
        1 => (0, 408),
        _ => (200, 200),
    };
    let last = Some((status, random.within(5, 2_500))).filter(|_| status > 0);
    other_plan(random, "other", Manner { last, ..Manner::default() }, &[up])
}

/// A provisional reply first; some never say more.
fn other_slow(random: &mut Random) -> Plan {
    let ring = Some((random.pick(&[100, 182]), random.within(10, 400)));
    let more = Some((182, random.within(500, 1_500)));
    let last = match random.below(3) {
        0 => None,
        _ => Some((random.pick(&[200, 486]), random.within(2_000, 4_800))),
    };
    let expect = last.map_or(408, |(status, _)| status);
    let manner = Manner { ring, more, last, ..Manner::default() };
    other_plan(random, "other slow", manner, &[expect])
}

fn other_forked(random: &mut Random) -> Plan {
    Plan { method: "MESSAGE", ..fork(random, "other forked", false) }
}

fn strict(random: &mut Random) -> Plan {
    let caller = random.permille(500);
    let manner = Manner { strict: !caller, ..answers(random) };
    let plan = single("strict", random, manner, &[200]);
    Plan { strict: caller, caller_steps: &["INFO", "INVITE", "BYE"], ..plan }
}

fn preloaded(random: &mut Random) -> Plan {
    let manner = answers(random);
    let plan = single("preloaded", random, manner, &[200]);
    let gateway = random.within(1, u64::from(GATEWAYS));
    let routes = vec!["<sip:192.0.2.1;lr>".to_owned(), format!("<sip:10.1.0.{gateway};lr>")];
    Plan { uri: "sip:plain@elsewhere.sim".to_owned(), routes, ..plan }
}

/// The destination is a name, so that the run waits.
fn named(random: &mut Random) -> Plan {
    let manners = vec![answers(random)];
    Plan { manners, expect: vec![200], ..plan("named", "sip:plain@gw2.sim") }
}

/// The script waits, in every route.
fn held_up(random: &mut Random) -> Plan {
    let manners = vec![refuses(random, 500), answers(random)];
    Plan { manners, expect: vec![200], ..plan("held up", "sip:wait@10.1.0.1") }
}

/// The script waits over each reply, longer over provisional ones.
fn slow_replies(random: &mut Random) -> Plan {
    let manner = match random.below(3) {
        0 => refuses(random, 486),
        _ => answers(random),
    };
    let more = manner.last.map(|(_, ms)| (183, ms - random.within(0, 100)));
    let manner = Manner { more, ..manner };
    let expect = vec![manner.last.map_or(0, |(status, _)| status)];
    let manners = vec![manner];
    Plan { manners, grace_ms: 2_400, expect, ..plan("slow replies", "sip:slow@10.1.0.4") }
}

/// No port is open there, as ICMP errors say; some callers want no more before that.
fn unreachable(random: &mut Random) -> Plan {
    let cancel_ms = Some(random.within(25, 300)).filter(|_| random.permille(700));
    let method = if cancel_ms.is_some() { "INVITE" } else { random.pick(&["INVITE", "MESSAGE"]) };
    let expect = if cancel_ms.is_some() { vec![487, 500] } else { vec![500] };
    Plan { method, cancel_ms, expect, ..plan("unreachable", "sip:plain@10.1.0.9") }
}

/// The script goes on to another one.
fn unreachable_first(random: &mut Random) -> Plan {
    let manners = vec![answers(random)];
    Plan { manners, expect: vec![200], ..plan("unreachable first", "sip:dead@10.1.0.9") }
}

/// The caller goes away at some moment.
fn deserted(random: &mut Random) -> Plan {
    let manner = match random.below(3) {
        0 => answers(random),
        1 => refuses(random, 486),
        _ => rings_only(random),
    };
    let plan = single("deserted", random, manner, &[]);
    Plan { vanish_ms: Some(random.within(5, 3_100)), ..plan }
}
