//! What modules do in a worker that no message and no run has asked for: sweeps of their shards of
//! shared maps, requests to keep bindings open. Each says when it wants to be called next.

use sluice_base::Now;

use super::Worker;
use crate::events::Raised;
use crate::module::{Chore, Tick};
use crate::run::Run;
use crate::vm::States;

/// Those of the running modules.
#[derive(Default)]
pub(super) struct Chores {
    list: Vec<Due>,
    /// The first of all, monotonic milliseconds.
    next_ms: Option<u64>,
}

struct Due {
    /// The module's number.
    module: usize,
    tick: Tick,
    at_ms: u64,
}

impl Chores {
    /// All are due at once.
    pub(super) fn new(ticks: impl Iterator<Item = (usize, Tick)>, now: Now) -> Self {
        let at_ms = now.mono_ms();
        let list: Vec<Due> = ticks.map(|(module, tick)| Due { module, tick, at_ms }).collect();
        let next_ms = (!list.is_empty()).then_some(at_ms);
        Self { list, next_ms }
    }

    /// When the first is due, monotonic milliseconds.
    #[inline]
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }
}

impl Worker {
    /// Does what is due.
    #[inline]
    pub(super) fn do_chores(&mut self, now: Now) {
        if self.chores.next_ms.is_some_and(|due| due <= now.mono_ms()) {
            self.do_due(now);
        }
    }

    fn do_due(&mut self, now: Now) {
        let now_ms = now.mono_ms();
        let mut chore = Chore { local: &mut self.local, shared: self.editions.value(), now };
        for due in self.chores.list.iter_mut().filter(|due| due.at_ms <= now_ms) {
            let next_ms = match state(&mut self.states, due.module) {
                Some(state) => (due.tick)(&mut chore, state),
                None => u64::MAX,
            };
            // Never in this turn again.
            due.at_ms = next_ms.max(now_ms);
            self.more |= due.at_ms == now_ms;
        }
        self.chores.next_ms = self.chores.list.iter().map(|due| due.at_ms).min();
    }
}

fn state(states: &mut States, module: usize) -> Option<&mut dyn std::any::Any> {
    states.get_mut(module).map(|state| state.as_mut() as &mut dyn std::any::Any)
}

impl Chore<'_> {
    /// Has the routes of an event run; false when too many runs wait to begin.
    pub fn raise(&mut self, raised: &Raised) -> bool {
        let script = &self.shared.script;
        let now_ms = self.now.mono_ms();
        let routes = self.shared.events.routes(raised.name.as_bytes(), script, now_ms);
        let run = |route| Run::of_event(script, route, raised, self.now);
        routes.into_iter().all(|route| self.local.start(run(route)))
    }
}
