//! Where runs begin that no message began: at the start, at the timers, for events (design 1).
//!
//! The startup route and the timer routes belong to worker 0; an event's route runs on the worker
//! that raised it. A timer route keeps to its times: when it could not run, since its run before
//! was parked or the worker was late, that time is left out and counted.

use std::sync::Arc;

use sluice_base::Now;
use sluice_base::slab::Key;
use sluice_base::wheel::TimerId;
use sluice_script::ir::{RouteId, RouteKind};

use super::{Worker, park};
use crate::confirm;
use crate::counter::Counter;
use crate::limits;
use crate::own::Busy;
use crate::run::Run;
use crate::vm::Outcome;

/// A timer route.
pub(super) struct Timer {
    route: RouteId,
    name: String,
    interval_ms: u64,
    due_ms: u64,
    id: TimerId,
    busy: Busy,
}

/// The slot that no parked run has: timer routes use the wheel of the parked runs.
const TIMERS: u32 = u32::MAX;

impl Worker {
    /// Whether startup_route{} is not over; until then nothing should be received.
    pub fn is_starting(&self) -> bool {
        self.startup.is_busy()
    }

    /// Queues the startup route, and sets the timers.
    pub(super) fn begin_own(&mut self, now: Now) {
        if self.local.id.0 != 0 {
            return;
        }
        let edition = Arc::clone(self.editions.value());
        if let Some(route) = edition.script.route(RouteKind::Startup, b"") {
            self.startup.begin();
            let mut run = Run::of_route(&edition.script, route, self.startup.clone(), now);
            run.edition = Some(edition);
            self.more = self.local.start(run);
        }
        self.set_timers(now);
    }

    /// Sets the timers of the edition in force; one of the same name and interval keeps its times.
    pub(super) fn set_timers(&mut self, now: Now) {
        if self.local.id.0 != 0 {
            return;
        }
        let mut before = std::mem::take(&mut self.timers);
        for timer in &before {
            self.wheel.cancel(timer.id);
        }
        for (at, route) in self.editions.value().script.routes.iter().enumerate() {
            let Some(seconds) = route.interval_s else { continue };
            let interval_ms = u64::from(seconds) * 1_000;
            let old = before.iter().position(|timer| timer.name == route.name);
            let old = old.map(|at| before.swap_remove(at));
            let due_ms = match &old {
                Some(old) if old.interval_ms == interval_ms => old.due_ms,
                _ => now.mono_ms() + interval_ms,
            };
            let id = self.wheel.schedule(due_ms, key(self.timers.len()));
            let busy = old.map_or_else(Busy::watched, |old| old.busy);
            let (route, name) = (RouteId(at as u16), route.name.clone());
            self.timers.push(Timer { route, name, interval_ms, due_ms, id, busy });
        }
    }

    /// Runs a timer route if this is one's key.
    pub(super) fn is_timer(&mut self, now: Now, fired: Key) -> bool {
        if fired.slot != TIMERS {
            return false;
        }
        let at = fired.generation as usize;
        let Some(timer) = self.timers.get_mut(at) else { return true };
        let late = now.mono_ms().saturating_sub(timer.due_ms) / timer.interval_ms;
        timer.due_ms += (late + 1) * timer.interval_ms;
        timer.id = self.wheel.schedule(timer.due_ms, key(at));
        // What the startup route prepares is there when a timer route runs.
        let idle = !self.startup.is_busy() && timer.busy.begin();
        self.local.add(Counter::TimersSkipped, late + u64::from(!idle));
        if idle {
            let script = &self.editions.value().script;
            let run = Run::of_route(script, timer.route, timer.busy.clone(), now);
            self.begin(now, run);
        }
        true
    }

    /// Begins the runs that were queued; those that these queue wait for the next turn.
    #[cold]
    pub(super) fn begin_runs(&mut self, now: Now) {
        self.take_in_order(now);
        self.take_failed(now);
        while let Some(ack) = self.local.tm.take_ack() {
            let run = confirm::begin(self.editions.value(), ack, now);
            self.begin(now, run);
        }
        for _ in 0..self.local.starting.len().min(limits::BATCH) {
            let Some(run) = self.local.starting.pop_front() else { break };
            self.begin(now, run);
        }
        let edition = self.editions.value();
        for run in &mut self.local.starting {
            run.edition.get_or_insert_with(|| Arc::clone(edition));
        }
        self.local.stirred = false;
        self.more |= !self.local.starting.is_empty();
    }

    pub(super) fn begin(&mut self, now: Now, mut run: Box<Run>) {
        self.messages = self.messages.wrapping_add(1);
        run.packet.id = self.messages;
        let outcome = match run.index.scan(&run.kept) {
            Ok(()) => self.stretch(now, &mut run, None),
            Err(_) => Some(Outcome::Done),
        };
        if matches!(outcome, Some(Outcome::Parked(_))) {
            run.vars.clone_from(&self.local.vars);
        }
        self.conclude(now, run, outcome);
    }
}

fn key(timer: usize) -> u64 {
    park::pack(Key { slot: TIMERS, generation: timer as u32 })
}
