//! Parked runs: put aside with their message, resumed by an answer or by the wheel.
//!
//! A run takes the worker's `$var` values along and gets them back when it goes on, so that a
//! script sees what a process that blocks would have shown it (spec 1.11, design 8). It goes on
//! with the edition that it began with, whatever has been loaded since.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sluice_base::Now;
use sluice_base::slab::Key;
use sluice_sip::Message;

use super::{Worker, finish, second};
use crate::carry;
use crate::confirm;
use crate::context::{Ctx, Local, Shared};
use crate::counter::Counter;
use crate::job::{Answer, Request};
use crate::limits;
use crate::lock::Place;
use crate::module::Wait;
use crate::own::{Origin, Own};
use crate::relay;
use crate::run::{Run, Waiting};
use crate::tm::Scene;
use crate::uac;
use crate::vm::{self, Outcome};

impl Worker {
    /// Puts a run aside until its wait is over.
    pub(super) fn park(&mut self, now: Now, mut run: Box<Run>, wait: Wait) {
        run.vars.clone_from(&self.local.vars);
        let edition = self.editions.value();
        run.edition.get_or_insert_with(|| Arc::clone(edition));
        self.put_aside(now, run, wait);
    }

    /// Keeps the run, unless a limit is reached: then it is over and counted, since a caller that
    /// hears nothing asks again.
    fn put_aside(&mut self, now: Now, mut run: Box<Run>, wait: Wait) {
        let bytes = self.parked_bytes + run.kept.len();
        let asks = matches!(wait, Wait::Job(_) | Wait::Lock(_));
        let place = if asks { self.mailbox.reserve() } else { None };
        if asks && place.is_none() || bytes > limits::PARKED_BYTES {
            return self.refuse(run);
        }
        let due = run.waiting.until(&wait, now.mono_ms(), run.machine.deadline_ms());
        let (looked_at, heard) = (run.looks_at(), run.heard());
        self.order.hold(&run);
        let key = match self.parked.insert(run) {
            Ok(key) => key,
            Err(run) => return self.refuse(run),
        };
        looked_at.inspect(|key| self.local.tm.put_aside(*key));
        if let Some((branch, status)) = heard {
            let Local { tm, output, .. } = &mut self.local;
            let mut scene = Scene { now, output, shared: self.editions.value() };
            tm.reply_waits(&mut scene, branch, status);
        }
        self.guard(key);
        self.parked_bytes = bytes;
        self.local.add(Counter::Parked, 1);
        let timer = due.map(|due| self.wheel.schedule(due, pack(key)));
        if let Some(run) = self.parked.get_mut(key) {
            run.waiting.timer = timer;
        }
        let worker = self.local.id;
        match (wait, place) {
            (Wait::Job(job), Some(reply)) => {
                self.local.output.jobs.push(Request { worker, key, job, reply });
            }
            (Wait::Lock(lock), Some(reply)) => {
                if let Some(place) = lock.join(Place { worker, key, reply }) {
                    // It is this worker, which does not sleep.
                    let _asleep = place.grant();
                }
            }
            _ => {}
        }
    }

    /// Answers of the control plane.
    pub(super) fn take_mail(&mut self, now: Now) {
        let mut taken = 0;
        while let Some(mail) = self.mailbox.take() {
            self.resume(now, mail.key, Some(mail.answer));
            taken += 1;
            if taken == limits::BATCH {
                self.more = true;
                return;
            }
        }
    }

    /// Waits that are over, and timer routes. What is scheduled now is left for the next turn.
    pub(super) fn take_timers(&mut self, now: Now) {
        for _ in 0..limits::BATCH {
            let Some(key) = self.wheel.pop_due(now.mono_ms()) else { break };
            let key = unpack(key);
            if !self.is_timer(now, key) {
                self.resume(now, key, None);
            }
        }
    }

    /// Goes on with an answer, or since the time is over.
    fn resume(&mut self, now: Now, key: Key, answer: Option<Answer>) {
        let Some(mut run) = self.parked.remove(key) else {
            self.local.add(Counter::StaleAnswers, 1);
            return;
        };
        self.parked_bytes -= run.kept.len();
        run.looks_at().inspect(|key| self.local.tm.go_on(*key));
        let answer = self.answer(key, &mut run, answer);
        std::mem::swap(&mut self.local.vars, &mut run.vars);
        let outcome = self.stretch(now, &mut run, Some(&answer));
        std::mem::swap(&mut self.local.vars, &mut run.vars);
        self.conclude(now, run, outcome);
    }

    /// What a run is told of the end of its wait.
    fn answer(&mut self, key: Key, run: &mut Run, answer: Option<Answer>) -> Answer {
        let Waiting { timer, expires, lock } = std::mem::take(&mut run.waiting);
        if let (Some(timer), true) = (timer, answer.is_some()) {
            self.wheel.cancel(timer);
        }
        let answer = match (answer, &lock) {
            (Some(answer), _) => answer,
            // Else it was handed over just now; the mail that says so will find nobody.
            (None, Some(lock)) if !lock.leave(self.local.id, key) => Answer::Granted,
            (None, _) if expires => {
                self.local.add(Counter::WaitsExpired, 1);
                Answer::Failed("the time is over".into())
            }
            (None, _) => Answer::Elapsed,
        };
        if answer == Answer::Granted {
            run.state.locks.extend(lock);
        }
        answer
    }

    /// Runs until the script ends or waits: on from the answer, else from the beginning. `None`:
    /// it panicked. What begins because of it has the same edition.
    pub(super) fn stretch(
        &mut self,
        now: Now,
        run: &mut Run,
        answer: Option<&Answer>,
    ) -> Option<Outcome> {
        // Never the last one: the publisher holds every edition that is in use.
        let edition = run.edition.take();
        let edition = edition.unwrap_or_else(|| Arc::clone(self.editions.value()));
        let queued = self.local.starting.len();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.go_on(now, run, &edition, answer)));
        for begun in self.local.starting.iter_mut().skip(queued) {
            begun.edition = Some(Arc::clone(&edition));
        }
        run.edition = Some(edition);
        outcome.ok()
    }

    fn go_on(
        &mut self,
        now: Now,
        run: &mut Run,
        shared: &Shared,
        answer: Option<&Answer>,
    ) -> Outcome {
        let message = Message { bytes: &run.kept, index: &run.index };
        // The Via was readable when the run began.
        let top = message.top_via_known();
        let Some(via) = &top else { return Outcome::Done };
        let mut ctx = Ctx {
            message,
            via,
            packet: run.packet,
            run: &mut run.state,
            local: &mut self.local,
            shared,
            now,
        };
        let (machine, states) = (&mut run.machine, &mut self.states);
        match (answer, &run.origin) {
            (Some(answer), Origin::Local(Own::Aiming)) => {
                uac::resolved(&mut ctx, answer);
                return Outcome::Done;
            }
            (Some(answer), Origin::Local(Own::Acking)) => {
                confirm::located(&mut ctx, answer);
                return Outcome::Done;
            }
            _ => {}
        }
        if answer.is_some() {
            carry::go_on(&mut ctx);
        }
        let outcome = match answer {
            Some(answer) => vm::resume(machine, &mut ctx, &self.registry, states, answer),
            None => vm::begin(machine, &mut ctx, &self.registry, states),
        };
        let mut outcome = outcome;
        if outcome == Outcome::Done && ctx.run.branch.is_some() {
            outcome = second(machine, &mut ctx, &self.registry, states);
        }
        if outcome == Outcome::Done {
            match &mut run.origin {
                Origin::Message => finish(&mut ctx),
                Origin::Local(own) => outcome = uac::routed(&mut ctx, own),
                Origin::Failure(_) => relay::settle(&mut ctx),
                Origin::Own(_) => {}
            }
        }
        if outcome != Outcome::Done {
            carry::put_aside(&mut ctx);
        }
        outcome
    }

    /// What becomes of a run after a stretch.
    pub(super) fn conclude(&mut self, now: Now, mut run: Box<Run>, outcome: Option<Outcome>) {
        self.keep_edition(run.transaction(), run.edition.as_ref());
        let ended = !matches!(outcome, Some(Outcome::Parked(_)));
        let failed = match run.origin {
            Origin::Failure(failed) if ended => Some(failed),
            _ => None,
        };
        match outcome {
            Some(Outcome::Parked(wait)) => self.put_aside(now, run, wait),
            Some(Outcome::Done) => self.retire(run),
            None => {
                self.local.add(Counter::Panics, 1);
                // What a panic has left of it serves no other run.
                self.end(&mut run);
            }
        }
        if let Some(failed) = failed {
            self.end_failure_route(now, failed);
        }
    }

    /// There is no room for a run that waits.
    fn refuse(&mut self, run: Box<Run>) {
        if let Origin::Failure(failed) = run.origin {
            // Its route is disarmed: the best reply goes up instead.
            self.local.tm.fail(failed);
            self.local.stirred = true;
        }
        self.local.add(Counter::ParkRefused, 1);
        self.retire(run);
    }

    /// The run is over; its memory may serve another one.
    fn retire(&mut self, mut run: Box<Run>) {
        self.end(&mut run);
        if self.spare.len() < limits::BATCH {
            self.spare.push(run);
        }
    }

    /// Takes from a run that is over what others wait for.
    fn end(&mut self, run: &mut Run) {
        self.local.release_locks(&mut run.state.locks);
        self.local.leave_transaction(&mut run.state);
        run.state.drop_ticket();
        run.state.carried = None;
        if let Origin::Own(busy) = std::mem::take(&mut run.origin) {
            busy.end();
            run.state.names.clear();
        }
        if let Some(guard) = run.state.guard.take() {
            self.local.tm.unguard(guard);
        }
        self.local.stirred |= self.order.free(run);
        run.waiting = Waiting::default();
        run.edition = None;
        run.machine.stop();
    }
}

impl Waiting {
    /// Notes what a run is about to wait for; when its timer is due, in monotonic milliseconds.
    fn until(&mut self, wait: &Wait, now_ms: u64, deadline_ms: Option<u64>) -> Option<u64> {
        let (over, limit) = match wait {
            Wait::Millis(ms) => (Some(now_ms.saturating_add(*ms)), None),
            // A tick later, so that a long loop lets everything else of this turn go first.
            Wait::Turn => (Some(now_ms + 1), None),
            // It answers long before; a run must not wait for ever if it should not.
            Wait::Job(_) => (None, Some(now_ms + limits::JOB_WAIT_MS)),
            Wait::Lock(lock) => {
                self.lock = Some(Arc::clone(lock));
                (None, Some(now_ms + limits::LOCK_WAIT_MS))
            }
        };
        let due = [over, limit, deadline_ms].into_iter().flatten().min();
        self.expires = over.is_none() || over > due;
        due
    }
}

pub(super) fn pack(key: Key) -> u64 {
    u64::from(key.slot) << 32 | u64::from(key.generation)
}

fn unpack(packed: u64) -> Key {
    Key { slot: (packed >> 32) as u32, generation: packed as u32 }
}
