//! Each invariant can fail: a fault planted for it is found.

use crate::fault::Fault;
use crate::invariant::Invariant;
use crate::link::Weather;
use crate::plan::draw;
use crate::world::{Setting, run};

/// The fault is found as a violation of this invariant.
fn found(fault: Fault, weather: &str, invariant: Invariant) {
    let weather = Weather::named(weather).expect("known");
    // It takes many calls, and one ring between two workers, to fill half a megabyte.
    let (seed, calls) = if fault == Fault::SleepingWorker { (1, 900) } else { (3, 66) };
    let report =
        run(Setting { seed, weather, fault, plans: draw(seed, calls), loss: None, outage: None });
    let all: Vec<_> = report.violations.iter().map(|violation| violation.invariant).collect();
    assert!(all.contains(&invariant), "{fault:?}: {:?}", report.violations.first());
}

macro_rules! faults {
    ($($name:ident: $fault:ident, $weather:literal, $invariant:ident;)*) => { $(
        #[test]
        fn $name() {
            found(Fault::$fault, $weather, Invariant::$invariant);
        }
    )* };
}

faults! {
    a_final_reply_that_is_lost: LostFinal, "calm", Ends;
    a_second_final_reply: SecondFinal, "calm", OneFinal;
    a_success_that_does_not_pass: LostSuccess, "calm", SuccessPasses;
    a_worker_that_handles_what_it_does_not_own: LoneWorker, "calm", Owner;
    a_clock_that_stands_still: StoppedClock, "calm", Empty;
    memory_that_is_never_given_back: Hoard, "calm", Memory;
    an_ack_that_is_not_sent: LostAck, "calm", Acknowledged;
    a_cancel_before_anything_was_heard: HastyCancel, "calm", CancelAfterProvisional;
    a_provisional_reply_after_the_final_one: LateProvisional, "calm", SilentAfterFinal;
    what_is_sent_again_is_changed: ChangedResend, "calm", SentAgain;
    a_retransmission_that_reaches_the_script: NewBranch, "duplicate", RunOnce;
    a_worker_that_takes_no_turns: SleepingWorker, "calm", Sound;
    another_outcome_than_planned: OtherStatus, "calm", Outcome;
}
