//! How much is borne, each with a twin just past the limit: what is lost or late is made good as
//! long as the timers say, and no longer.

use crate::fault::Fault;
use crate::link::WEATHERS;
use crate::plan::{FR_INV_MS, FR_MS, Manner, Plan, plan};
use crate::trace::Fate;
use crate::world::{Loss, Report, Setting, run};

const ANSWERS: Manner = Manner {
    ring: None,
    more: None,
    last: Some((200, 50)),
    obeys: true,
    strict: false,
    contact: None,
};
const REFUSES: Manner = Manner { last: Some((486, 50)), ..ANSWERS };

/// One call in calm weather (10 ms each way), and what is lost of it. Seed 4: one worker, and
/// `wt_timer` is 64 T1; seed 0: 5 s.
fn call(seed: u64, method: &'static str, manner: Manner, loss: Option<Loss>) -> Report {
    let manners = vec![manner];
    let plans = vec![Plan { manners, method, ..plan("limit", "sip:plain@10.1.0.1") }];
    let setting =
        Setting { seed, weather: WEATHERS[0], fault: Fault::None, plans, loss, outage: None };
    let report = run(setting);
    let wrong = report.violations.iter().find(|violation| violation.text != UNFINISHED);
    assert_eq!(wrong, None);
    report
}

/// The caller that goes without an answer is the twin's very point.
const UNFINISHED: &str = "limit: no ACK has come";

fn outcome(seed: u64, method: &'static str, manner: Manner, loss: Loss) -> Option<u16> {
    call(seed, method, manner, Some(loss)).outcomes[0]
}

/// How many different requests of a method Sluice has sent.
fn branches(report: &Report, method: &str) -> usize {
    let sent = report.trace.entries.iter().filter(|entry| {
        let down = entry.to.ip().to_string().starts_with("10.1.");
        down && entry.fate == Fate::Seen && entry.bytes.starts_with(method.as_bytes())
    });
    sent.map(|entry| &entry.bytes).collect::<std::collections::HashSet<_>>().len()
}

/// Sluice sends at 0, 0.5, 1.5 and 3.5 s, and gives up at 5 s.
#[test]
fn three_of_four_invites_to_the_callee_may_be_lost() {
    let loss = |first| Loss { line: "INVITE", down: true, first };
    assert_eq!(outcome(0, "INVITE", ANSWERS, loss(3)), Some(200));
    assert_eq!(outcome(0, "INVITE", ANSWERS, loss(4)), Some(408));
}

/// The caller sends seven times in 32 s.
#[test]
fn six_of_seven_invites_of_the_caller_may_be_lost() {
    let loss = |first| Loss { line: "INVITE", down: false, first };
    assert_eq!(outcome(0, "INVITE", ANSWERS, loss(6)), Some(200));
    let report = call(0, "INVITE", ANSWERS, Some(loss(7)));
    assert_eq!((report.outcomes[0], report.datagrams), (Some(408), 0));
}

/// The refusal is repeated at 0.5, 1.5 and 3.5 s; without an ACK the transaction ends at 5 s.
#[test]
fn three_of_four_refusals_to_the_caller_may_be_lost() {
    let loss = |first| Loss { line: "SIP/2.0 486", down: true, first };
    assert_eq!(outcome(0, "INVITE", REFUSES, loss(3)), Some(486));
    assert_eq!(outcome(0, "INVITE", REFUSES, loss(4)), None);
}

/// The callee repeats its 2xx at 0.5, 1.5, 3.5 and 7.5 s; they pass as long as `wt_timer` runs.
#[test]
fn a_success_that_was_lost_passes_again_while_the_transaction_lingers() {
    let loss = |first| Loss { line: "SIP/2.0 200", down: true, first };
    assert_eq!(outcome(0, "INVITE", ANSWERS, loss(3)), Some(200));
    assert_eq!(outcome(0, "INVITE", ANSWERS, loss(4)), None);
    assert_eq!(outcome(4, "INVITE", ANSWERS, loss(4)), Some(200));
}

/// The caller asks again at 0.5, 1.5, 3.5 and 7.5 s: the last time, after `wt_timer`, its request
/// is a new one.
#[test]
fn a_request_that_comes_again_is_absorbed_while_the_transaction_lingers() {
    let loss = |first| Some(Loss { line: "SIP/2.0 200", down: true, first });
    let runs = |seed, first| branches(&call(seed, "MESSAGE", ANSWERS, loss(first)), "MESSAGE");
    assert_eq!((runs(0, 3), runs(0, 4), runs(4, 4)), (1, 2, 1));
}

/// 20 ms go by on the links between request and reply.
#[test]
fn the_first_reply_may_take_as_long_as_fr_timeout() {
    let last = |ms| Manner { last: Some((200, ms)), ..ANSWERS };
    let heard = |ms| call(0, "INVITE", last(ms), None).outcomes[0];
    assert_eq!((heard(FR_MS - 20), heard(FR_MS - 19)), (Some(200), Some(408)));
}

/// It begins anew with each provisional reply, here 120 ms after the request.
#[test]
fn an_answer_may_take_as_long_as_fr_inv_timeout() {
    let last = |ms| Manner { ring: Some((180, 100)), last: Some((200, ms)), ..ANSWERS };
    let heard = |ms| call(0, "INVITE", last(ms), None).outcomes[0];
    let limit = FR_INV_MS + 100;
    assert_eq!((heard(limit), heard(limit + 1)), (Some(200), Some(408)));
}
