//! Blacklists: destinations that requests are not sent to (spec 1.3, 8.1).
//!
//! A list is written at top level, `dst_blacklist = gw:{(udp,10.0.0.0/8,5060,"MESSAGE*")}`; one
//! that is not read-only may be changed by scripts and management. A module may bring others, whose
//! rules it keeps. A run uses the lists that are on
//! by default and those that its script asks for. Rules are held as a whole and replaced as a
//! whole, so that who looks at them holds no lock meanwhile.

mod definition;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sluice_base::{Now, glob};
use sluice_script::Script;
use sluice_script::ir::{Net, Setting};

use crate::context::Ctx;
use crate::forward;
use crate::limits;
use crate::sockets::Remote;

pub use definition::Definition;

/// All lists of a script, by number.
#[derive(Debug, Default)]
pub struct Blacklists {
    lists: Vec<Arc<List>>,
    /// Those that are used without being asked for, as bits by number.
    defaults: u32,
    /// Monotonic milliseconds, for management, which has no clock.
    now_ms: AtomicU64,
}

/// One list.
#[derive(Debug)]
pub struct List {
    /// Its name.
    pub name: String,
    /// What may be done with it.
    pub kind: Kind,
    rules: Mutex<Arc<[Rule]>>,
}

/// What may be done with a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kind {
    /// Its rules stay as the script has them.
    pub read_only: bool,
    /// Its rules may end.
    pub expires: bool,
    /// It is used without being asked for.
    pub default: bool,
}

/// What a rule forbids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// It forbids all else instead.
    pub negated: bool,
    /// Only this transport, in lower case.
    pub proto: Option<Box<str>>,
    /// Where.
    pub net: Net,
    /// Only this port; 0 is any.
    pub port: u16,
    /// Only requests that this shell pattern fits.
    pub pattern: Option<Box<str>>,
    /// When it ends, in monotonic milliseconds.
    pub until_ms: Option<u64>,
}

/// A destination that is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// By what; without it only rules for any transport fit.
    pub proto: Option<&'a str>,
    /// Where.
    pub ip: IpAddr,
    /// Its port; with 0 only rules for any port fit.
    pub port: u16,
}

/// Which lists a run has turned on and off, as bits by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    on: u32,
    off: u32,
    /// One of them has kept a branch from being sent.
    pub hit: bool,
}

impl Marks {
    /// Turns a list on or off.
    pub const fn set(&mut self, list: usize, on: bool) {
        let bit = 1 << list;
        if on {
            (self.on, self.off) = (self.on | bit, self.off & !bit);
        } else {
            (self.on, self.off) = (self.on & !bit, self.off | bit);
        }
    }
}

impl Blacklists {
    /// The lists of a script, whose definitions are good, and behind them those of modules.
    pub fn of(script: &Script, modules: Vec<Arc<List>>) -> Self {
        let mut lists: Vec<Arc<List>> = Vec::new();
        let globals = script.globals.iter().filter(|global| global.name == "dst_blacklist");
        for global in globals {
            let Setting::Text(text) = &global.value else { continue };
            let Ok(Definition { name, kind, rules }) = text.parse() else { continue };
            lists.retain(|list| list.name != name);
            if lists.len() < limits::BLACKLISTS {
                lists.push(Arc::new(List { name, kind, rules: Mutex::new(rules.into()) }));
            }
        }
        let room = limits::BLACKLISTS.saturating_sub(lists.len());
        lists.extend(modules.into_iter().take(room));
        let on = lists.iter().enumerate().filter(|(_, list)| list.kind.default);
        let defaults = on.fold(0, |bits, (at, _)| bits | 1 << at);
        Self { lists, defaults, now_ms: AtomicU64::new(0) }
    }

    /// Whether there is none, as with most scripts.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The number of a list, and the list.
    pub fn find(&self, name: &[u8]) -> Option<(usize, &List)> {
        self.lists().enumerate().find(|(_, list)| list.name.as_bytes() == name)
    }

    /// All of them.
    pub fn lists(&self) -> impl Iterator<Item = &List> {
        self.lists.iter().map(|list| &**list)
    }

    /// Whether a list that is used forbids a destination; `fits` says whether the request fits a
    /// pattern.
    pub fn forbid(
        &self,
        marks: Marks,
        place: Place<'_>,
        now_ms: u64,
        mut fits: impl FnMut(&str) -> bool,
    ) -> bool {
        let used = self.defaults & !marks.off | marks.on;
        let lists = self.lists.iter().enumerate().filter(|(at, _)| used & 1 << at != 0);
        lists.into_iter().any(|(_, list)| list.rule(place, now_ms, &mut fits).is_some())
    }

    /// Tells the moment.
    pub(crate) fn tick(&self, now: Now) {
        self.now_ms.store(now.mono_ms(), Ordering::Relaxed);
    }

    /// The moment as it was told last, at most a second ago, in monotonic milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

impl List {
    /// One of a module, which alone changes it.
    pub fn of_module(name: &str) -> Arc<Self> {
        let kind = Kind { read_only: true, ..Kind::default() };
        Arc::new(Self { name: name.to_owned(), kind, rules: Mutex::new(Arc::new([])) })
    }

    /// Has other rules from now on. For the module that it is of.
    pub fn replace(&self, rules: Vec<Rule>) {
        let mut held = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if **held != *rules {
            *held = rules.into();
        }
    }

    /// Its rules as they are now, also those that have just ended.
    pub fn rules(&self) -> Arc<[Rule]> {
        Arc::clone(&self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first rule that forbids a destination.
    pub fn rule(
        &self,
        place: Place<'_>,
        now_ms: u64,
        mut fits: impl FnMut(&str) -> bool,
    ) -> Option<Rule> {
        let rules = self.rules();
        rules.iter().find(|rule| rule.lasts(now_ms) && rule.forbids(place, &mut fits)).cloned()
    }

    /// Adds a rule, or gives an equal one its end.
    ///
    /// # Errors
    /// Why there can be no such rule here.
    pub fn add(&self, rule: Rule, now_ms: u64) -> Result<(), &'static str> {
        if self.kind.read_only {
            return Err("the blacklist is read-only");
        }
        if rule.until_ms.is_some() && !self.kind.expires {
            return Err("the rules of this blacklist do not expire");
        }
        self.change(now_ms, |rules| {
            rules.retain(|other| !other.is_like(&rule));
            if rules.len() >= limits::BLACKLIST_RULES {
                return Err("the blacklist is full");
            }
            rules.push(rule);
            Ok(())
        })
    }

    /// Takes a rule away.
    ///
    /// # Errors
    /// When it may not be, or is not there.
    pub fn remove(&self, rule: &Rule, now_ms: u64) -> Result<(), &'static str> {
        if self.kind.read_only {
            return Err("the blacklist is read-only");
        }
        self.change(now_ms, |rules| {
            let before = rules.len();
            rules.retain(|other| !other.is_like(rule));
            if rules.len() < before { Ok(()) } else { Err("the blacklist has no such rule") }
        })
    }

    fn change(
        &self,
        now_ms: u64,
        change: impl FnOnce(&mut Vec<Rule>) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let mut held = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rules: Vec<Rule> = held.iter().filter(|r| r.lasts(now_ms)).cloned().collect();
        change(&mut rules)?;
        *held = rules.into();
        Ok(())
    }
}

impl Rule {
    /// Of an address: any transport, any port, any request.
    pub const fn of_address(addr: IpAddr) -> Self {
        let prefix = if addr.is_ipv4() { 32 } else { 128 };
        let net = Net { addr, prefix };
        Self { negated: false, proto: None, net, port: 0, pattern: None, until_ms: None }
    }

    /// Whether it has not ended.
    pub fn lasts(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|end| now_ms < end)
    }

    fn forbids(&self, place: Place<'_>, fits: &mut impl FnMut(&str) -> bool) -> bool {
        let there = self.proto.as_deref().is_none_or(|proto| place.proto == Some(proto))
            && (self.port == 0 || self.port == place.port)
            && self.net.contains(place.ip)
            && self.pattern.as_deref().is_none_or(fits);
        there != self.negated
    }

    /// Whether it is the same but for its end.
    fn is_like(&self, other: &Self) -> bool {
        *self == Self { until_ms: self.until_ms, ..other.clone() }
    }
}

impl Ctx<'_> {
    /// Whether a list that the run uses forbids to send its request there. A pattern is held
    /// against the request as it would be sent (spec 1.3).
    #[inline]
    pub fn is_filtered(&mut self, to: Remote) -> bool {
        !self.shared.blacklists.is_empty() && self.is_listed(to)
    }

    #[cold]
    fn is_listed(&mut self, to: Remote) -> bool {
        let lists = Arc::clone(&self.shared.blacklists);
        let place = Place { proto: Some(to.proto.lower()), ip: to.addr.ip(), port: to.addr.port() };
        let mut request = None;
        lists.forbid(self.run.blacklists, place, self.now.mono_ms(), |pattern| {
            let request = request.get_or_insert_with(|| forward::preview(self, to));
            glob::matches(pattern.as_bytes(), request)
        })
    }
}
