//! Events (spec 1.4, 1.9): whoever raises one gives its name and parameters; the event_route of
//! that name runs, and each event_route that was subscribed to it as `route:NAME`.
//!
//! A run's event goes on in its own worker; one of the control plane is a letter to worker 0.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_base::Now;
use sluice_script::Script;
use sluice_script::ir::{RouteId, RouteKind};

use crate::context::Kept;
use crate::limits;

/// Events that the program itself raises.
pub const OWN: &[&str] = &[
    "E_AUTH_FAILURES",
    "E_ACC_EVENT",
    "E_ACC_MISSED_EVENT",
    "E_CORE_SR_STATUS_CHANGED",
    "E_DISPATCHER_STATUS",
    "E_UL_AOR_INSERT",
    "E_UL_AOR_DELETE",
    "E_UL_CONTACT_INSERT",
    "E_UL_CONTACT_DELETE",
    "E_UL_CONTACT_UPDATE",
    "E_UL_LATENCY_UPDATE",
];

/// An event that was raised outside of the workers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raised {
    /// Its name.
    pub name: Box<str>,
    /// Its parameters; a name may be empty.
    pub params: Vec<(Box<str>, Kept)>,
}

/// Who is told of events; the same for all editions.
#[derive(Debug, Default)]
pub struct Events {
    heard: Mutex<Heard>,
    /// Monotonic milliseconds, for management, which has no clock.
    now_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Heard {
    subscriptions: Vec<Subscription>,
    /// Names of the event routes of the edition in force.
    routes: Vec<Box<str>>,
}

/// A route that an event has run besides its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// The event.
    pub event: Box<str>,
    /// The name of the event_route.
    pub route: Box<str>,
    /// For how long, and its end in monotonic milliseconds; `None` is for ever.
    pub expires: Option<(u64, u64)>,
}

impl Events {
    /// Subscribes `route:NAME` to an event, for some seconds, or for ever with 0. Again, it gets a
    /// new end.
    ///
    /// # Errors
    /// Why there can be no such subscription.
    pub fn subscribe(
        &self,
        event: &str,
        socket: &str,
        seconds: u64,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let Some(route) = socket.strip_prefix("route:") else {
            return Err("only `route:NAME` can be subscribed yet");
        };
        let mut heard = self.heard();
        if !heard.routes.iter().any(|known| **known == *route) {
            return Err("there is no event_route of that name");
        }
        heard.subscriptions.retain(|other| {
            other.lasts(now_ms) && (*other.event != *event || *other.route != *route)
        });
        if heard.subscriptions.len() >= limits::SUBSCRIPTIONS {
            return Err("there are too many subscriptions");
        }
        let end = now_ms.saturating_add(seconds.saturating_mul(1_000));
        let expires = (seconds > 0).then_some((seconds, end));
        heard.subscriptions.push(Subscription {
            event: event.into(),
            route: route.into(),
            expires,
        });
        Ok(())
    }

    /// The routes that an event has run, its own first.
    pub fn routes(&self, event: &[u8], script: &Script, now_ms: u64) -> Vec<RouteId> {
        let mut routes: Vec<RouteId> = script.route(RouteKind::Event, event).into_iter().collect();
        for subscription in &self.heard().subscriptions {
            if subscription.event.as_bytes() == event
                && subscription.lasts(now_ms)
                && let Some(route) = script.route(RouteKind::Event, subscription.route.as_bytes())
                && !routes.contains(&route)
            {
                routes.push(route);
            }
        }
        routes
    }

    /// The events that there are, and who is told of each: the names of event routes, and for how
    /// long they are.
    pub fn list(&self) -> Vec<(Box<str>, Vec<Subscription>)> {
        let (heard, now_ms) = (self.heard(), self.now_ms());
        let own = OWN.iter().map(|name| Box::from(*name));
        let mut names: Vec<Box<str>> = own.chain(heard.routes.iter().cloned()).collect();
        names.extend(heard.subscriptions.iter().map(|subscription| subscription.event.clone()));
        names.sort();
        names.dedup();
        let told = |name: Box<str>| {
            let route = heard.routes.iter().filter(|route| **route == name);
            let by_name = route.map(|route| Subscription {
                event: name.clone(),
                route: route.clone(),
                expires: None,
            });
            let others = heard.subscriptions.iter();
            let others = others.filter(|s| s.event == name && s.lasts(now_ms)).cloned();
            let all = by_name.chain(others).collect();
            (name, all)
        };
        names.into_iter().map(told).collect()
    }

    /// The moment as it was told last, at most a second ago, in monotonic milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// Tells the moment.
    pub(crate) fn tick(&self, now: Now) {
        self.now_ms.store(now.mono_ms(), Ordering::Relaxed);
    }

    /// Looks at the event routes of an edition that is put in force.
    pub(crate) fn adopt(&self, script: &Script) {
        let routes = script.routes.iter().filter(|route| route.kind == RouteKind::Event);
        self.heard().routes = routes.map(|route| route.name.as_str().into()).collect();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // A panic while it was held left whole values.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    fn lasts(&self, now_ms: u64) -> bool {
        self.expires.is_none_or(|(_, end)| now_ms < end)
    }
}
