//! Runs that begin by themselves, without a message: startup_route{}, timer_route[]{},
//! event_route[]{} (spec 1.4).
//!
//! They have a request all the same, since functions and variables expect one: a fake one that
//! nobody sent. Whoever wants such a run puts it into the worker's queue; it begins when the
//! messages of the turn are done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_base::Now;
use sluice_script::Script;
use sluice_script::ir::{RouteId, RouteKind};

use crate::context::{Ctx, Kept, Local};
use crate::counter::Counter;
use crate::events::Raised;
use crate::limits;
use crate::run::{Run, RunState};
use crate::tm::replies::Failed;
use crate::value::{Source, Text, Value};

/// The request of runs without a message. Its method is none of SIP's, so no test of a script
/// takes it for a call.
const FAKE: &[u8] = b"DUMMY sip:dummy@invalid SIP/2.0\r\n\
    Via: SIP/2.0/UDP 0.0.0.0;branch=z9hG4bKdummy\r\n\
    From: <sip:dummy@invalid>;tag=dummy\r\n\
    To: <sip:dummy@invalid>\r\n\
    Call-ID: dummy\r\n\
    CSeq: 1 DUMMY\r\n\
    Content-Length: 0\r\n\r\n";

/// What a run began for.
#[derive(Clone, Debug, Default)]
pub enum Origin {
    /// A received message: what becomes of that follows from the run.
    #[default]
    Message,
    /// Nothing that was received; nothing follows from it.
    Own(Busy),
    /// A transaction whose branches have all failed.
    Failure(Failed),
    /// A request of our own.
    Local(Own),
}

/// How far a request of our own is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// local_route{} runs, which may park.
    Routed,
    /// The name that it is sent to is looked up.
    Aiming,
    /// It is the ACK to a 2xx, and the name that it is sent to may be looked up.
    Acking,
}

/// Whether the run of a route is not over yet; the route and its run share it.
#[derive(Clone, Debug, Default)]
pub struct Busy(Option<Arc<AtomicBool>>);

impl Busy {
    /// One that somebody looks at; not busy yet.
    pub(crate) fn watched() -> Self {
        Self(Some(Arc::default()))
    }

    /// Begins; false when the run before is not over.
    pub(crate) fn begin(&self) -> bool {
        !self.0.as_ref().is_some_and(|busy| busy.swap(true, Ordering::Relaxed))
    }

    /// The run is over.
    pub(crate) fn end(&self) {
        if let Some(busy) = &self.0 {
            busy.store(false, Ordering::Relaxed);
        }
    }

    /// Whether a run is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.as_ref().is_some_and(|busy| busy.load(Ordering::Relaxed))
    }
}

impl Run {
    /// A run of a route that begins without a message.
    pub(crate) fn of_route(script: &Script, route: RouteId, busy: Busy, at: Now) -> Box<Self> {
        let mut run = Box::<Self>::default();
        run.packet.at = at;
        run.origin = Origin::Own(busy);
        run.kept.extend_from_slice(FAKE);
        run.state.kind =
            script.routes.get(usize::from(route.0)).map_or(RouteKind::Event, |r| r.kind);
        run.machine.enter(script, route);
        run
    }
}

impl Run {
    /// A run of an event route for an event of the control plane.
    pub(crate) fn of_event(script: &Script, route: RouteId, raised: &Raised, at: Now) -> Box<Self> {
        let mut run = Self::of_route(script, route, Busy::default(), at);
        for (name, value) in &raised.params {
            let name = (!name.is_empty()).then(|| run.state.put(name.as_bytes()));
            run.state.names.push(name);
            let value = match value {
                Kept::Null => Value::Null,
                Kept::Int(number) => Value::Int(*number),
                Kept::Text(text) => Value::Text(run.state.put(text)),
            };
            run.state.params.push(value);
        }
        run
    }
}

impl Local {
    /// Queues a run; false, and counted, when too many wait already.
    pub(crate) fn start(&mut self, run: Box<Run>) -> bool {
        if self.starting.len() >= limits::STARTING_RUNS {
            self.add(Counter::StartRefused, 1);
            return false;
        }
        self.starting.push_back(run);
        self.stirred = true;
        true
    }
}

impl Ctx<'_> {
    /// Has the routes of an event run with these parameters, each with its name or NULL; false when
    /// too many runs wait to begin.
    pub fn raise(&mut self, event: &[u8], params: &[(Value, Value)]) -> bool {
        let shared = self.shared;
        let routes = shared.events.routes(event, &shared.script, self.now.mono_ms());
        routes.into_iter().all(|route| self.start_event(route, params))
    }

    /// Has an event_route run with these parameters, each with its name or NULL; false when too
    /// many runs wait to begin.
    pub fn start_event(&mut self, route: RouteId, params: &[(Value, Value)]) -> bool {
        let script = &self.shared.script;
        let mut run = Run::of_route(script, route, Busy::default(), self.now);
        run.packet.socket = self.packet.socket;
        for (name, value) in params {
            let name = carry(self, &mut run.state, *name, false);
            let value = carry(self, &mut run.state, *value, false);
            run.state.names.push(name.text());
            run.state.params.push(value);
        }
        self.local.start(run)
    }
}

/// A value of this run for another one, which has the same message or not.
pub(crate) fn carry(ctx: &Ctx<'_>, to: &mut RunState, value: Value, same_message: bool) -> Value {
    let moves = |source| match source {
        Source::Arena => true,
        Source::Message => !same_message,
        Source::Constant => false,
    };
    let Some(text) = value.text().filter(|text| moves(text.source)) else { return value };
    let moved = Text { source: Source::Arena, start: to.arena.len() as u32, len: text.len };
    to.arena.extend_from_slice(ctx.bytes(text));
    match value {
        Value::Both(_, number) => Value::Both(moved, number),
        _ => Value::Text(moved),
    }
}
