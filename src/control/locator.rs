//! The control plane's part of locating: asks once for all who wait for the same name, keeps the
//! answers, gives stale ones when nobody answers, and asks anew for names in use before they end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_engine::job::{Answer, Request};
use sluice_engine::sockets::Proto;
use sluice_engine::targets::{Found, Located, Names, Outcome, Place, Source, Sources};
use tokio::sync::Semaphore;

use crate::dns::Dns;
use crate::limits;
use crate::locate::{Finding, Reach, Servers, locate};

/// The workers' monotonic clock, in milliseconds.
pub type NowMs = Box<dyn Fn() -> u64 + Send + Sync>;

/// Gives a run its answer.
pub(crate) type Reply = Arc<dyn Fn(Request, Answer) + Send + Sync>;

/// The kernel's answer to by which address of ours another one is reached; it does not wait.
pub type AskKernel = Box<dyn Fn(IpAddr) -> Option<IpAddr> + Send + Sync>;

/// What is kept of the kernel's routes, and how the kernel is asked.
pub struct Routes {
    /// Its answers.
    pub sources: Arc<Sources>,
    /// How.
    pub ask: AskKernel,
}

/// See the file's head.
pub struct Locator {
    servers: Servers,
    names: Arc<Names>,
    routes: Routes,
    now_ms: NowMs,
    /// Those who wait, by what they wait for.
    waiting: Mutex<HashMap<Place, Vec<Request>>>,
    /// Look-ups under way: of names that nobody has asked for yet, and of names in use.
    lookups: [Semaphore; 2],
}

impl Locator {
    /// One that keeps what it finds in `names` and in `routes`.
    pub fn new(
        dns: Arc<Dns>,
        reach: Reach,
        names: Arc<Names>,
        routes: Routes,
        now_ms: NowMs,
    ) -> Self {
        Self {
            servers: Servers { dns, reach: Arc::new(reach) },
            names,
            routes,
            now_ms,
            waiting: Mutex::default(),
            lookups: [Semaphore::new(limits::LOOKUPS), Semaphore::new(limits::REFRESHES)],
        }
    }

    /// Whom to ask for addresses alone.
    pub(crate) fn dns(&self) -> &Dns {
        &self.servers.dns
    }

    /// Answers a run that asks for a place, now or when it is located.
    pub(crate) fn begin(self: &Arc<Self>, place: Place, request: Request, reply: &Reply) {
        if let Some(ip) = place.address() {
            return reply(request, self.numeric(&place, ip));
        }
        // Another one may have asked since the worker looked.
        let known = self.names.look(&place, (self.now_ms)());
        if known != Found::Later {
            return reply(request, answer_of(known));
        }
        let is_first = match self.waiting().entry(place.clone()) {
            Entry::Occupied(mut others) => {
                others.get_mut().push(request);
                false
            }
            Entry::Vacant(first) => {
                first.insert(vec![request]);
                true
            }
        };
        if is_first {
            let in_use = self.names.known(&place, (self.now_ms)()).is_some();
            tokio::spawn(Arc::clone(self).find(place, in_use, Arc::clone(reply)));
        }
    }

    /// Asks anew for what is in use and ends soon.
    pub(crate) fn refresh(self: &Arc<Self>, reply: &Reply) {
        let now_ms = (self.now_ms)();
        self.names.failed.sweep(now_ms);
        self.routes.sources.due(now_ms).into_iter().for_each(|to| self.ask_kernel(to));
        for place in self.names.due(now_ms) {
            if let Entry::Vacant(first) = self.waiting().entry(place.clone()) {
                first.insert(Vec::new());
                tokio::spawn(Arc::clone(self).find(place, true, Arc::clone(reply)));
            }
        }
    }

    /// Locates a place, keeps what came of it, answers all who wait for it by then. Places that are
    /// in use have turns of their own: strangers' names wait for each other only.
    async fn find(self: Arc<Self>, place: Place, in_use: bool, reply: Reply) {
        let [strange, known] = &self.lookups;
        let turns = if in_use { known } else { strange };
        let looking = self.look_up(&place, turns);
        let looking = tokio::time::timeout(self.servers.dns.deadline(), looking);
        tokio::pin!(looking);
        let outcome = match tokio::time::timeout(limits::STALE_WAIT, &mut looking).await {
            Ok(outcome) => outcome,
            Err(_) => {
                if self.names.known(&place, (self.now_ms)()).is_some() {
                    let late = Outcome::Unknown("no answer yet".into());
                    self.names.keep(&place, &late, (self.now_ms)());
                    self.answer(&place, &reply, true);
                }
                looking.await
            }
        };
        let outcome = outcome.unwrap_or_else(|_| Outcome::Unknown("no answer".into()));
        if let Outcome::Unknown(why) | Outcome::Nowhere(why, _) = &outcome {
            tracing::debug!(target: "dns", "{}: {why}", place.host);
        }
        if let Outcome::At(located, _) = &outcome {
            located.hops().for_each(|hop| self.learn(hop.addr.ip()));
        }
        self.names.keep(&place, &outcome, (self.now_ms)());
        self.answer(&place, &reply, false);
    }

    /// An address is where it is; what had to be found out is how it is reached.
    fn numeric(&self, place: &Place, ip: IpAddr) -> Answer {
        self.learn(ip);
        let proto = place.proto.unwrap_or(Proto::Udp);
        let port = place.port.unwrap_or(proto.default_port());
        Answer::Located(Arc::new(Located::host(proto, port, [ip])))
    }

    /// Finds out how an address is reached, where sockets are chosen by that and it is not known.
    fn learn(&self, to: IpAddr) {
        let sources = &self.routes.sources;
        if sources.is_on() && sources.look(to) == Source::Unknown {
            self.ask_kernel(to);
        }
    }

    fn ask_kernel(&self, to: IpAddr) {
        self.routes.sources.keep(to, (self.routes.ask)(to), (self.now_ms)());
    }

    async fn look_up(&self, place: &Place, turns: &Semaphore) -> Outcome {
        let Ok(_turn) = turns.acquire().await else {
            return Outcome::Unknown("the control plane ends".into());
        };
        outcome_of(locate(&self.servers, place, &self.servers.reach.protos).await)
    }

    /// Gives those who wait what is known now; `more`: the look-up goes on.
    fn answer(&self, place: &Place, reply: &Reply, more: bool) {
        let mut waiting = self.waiting();
        let requests = match more {
            true => waiting.get_mut(place).map(std::mem::take),
            false => waiting.remove(place),
        };
        drop(waiting);
        for request in requests.into_iter().flatten() {
            reply(request, answer_of(self.names.look(place, (self.now_ms)())));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Place, Vec<Request>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer_of(found: Found) -> Answer {
    match found {
        Found::Now(located) => Answer::Located(located),
        Found::Nowhere | Found::Later => Answer::Failed("the name has no address".into()),
    }
}

/// What is kept of a finding, and for how long. One that may not be all is kept for a moment.
fn outcome_of(finding: Finding) -> Outcome {
    let Finding { located, ttl, trouble } = finding;
    let nowhere = located.groups.is_empty();
    match trouble {
        Some(why) if nowhere => Outcome::Unknown(why.into()),
        Some(_) => Outcome::At(Arc::new(located), limits::TTL_MIN.as_millis() as u64),
        None if nowhere => {
            let ttl = ttl.clamp(limits::TTL_MIN, limits::NEGATIVE_TTL_MAX);
            Outcome::Nowhere("no address".into(), ttl.as_millis() as u64)
        }
        None => {
            let ttl = ttl.clamp(limits::TTL_MIN, limits::TTL_MAX);
            Outcome::At(Arc::new(located), ttl.as_millis() as u64)
        }
    }
}
