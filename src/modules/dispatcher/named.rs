//! What the name of a destination stands for: its addresses now, kept fresh while the gateway runs.
//!
//! The control plane asks for the names of destinations again before their answers end (see
//! [`Names::watch`]); here the module takes over what has changed, without touching states. A call
//! goes to the name itself, so that it has all addresses by RFC 3263.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sluice_engine::targets::{Located, Names, Outcome, Place};

use super::limits;
use super::state::State;

/// See the file's head.
#[derive(Debug)]
pub struct Named {
    /// What is asked for; `None` when it can be no name.
    pub place: Option<Place>,
    /// The state of a destination that has addresses, by its row.
    first: State,
    known: ArcSwap<Known>,
}

/// What is known of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its addresses.
    pub addresses: Box<[IpAddr]>,
    /// Why it has none.
    pub trouble: Option<String>,
}

impl Named {
    /// A name as it was found when its row was read.
    pub fn new(place: Option<Place>, first: State, known: Known) -> Self {
        Self { place, first, known: ArcSwap::new(Arc::new(known)) }
    }

    /// What is known of it now.
    pub fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Takes over what was found out meanwhile. The state that the destination gets, when it had
    /// no address before and has one now.
    pub fn refresh(&self, names: &Names, now_ms: u64) -> Option<State> {
        let located = names.known(self.place.as_ref()?, now_ms)?;
        let addresses = addresses_of(&located);
        let known = self.known.load();
        if *known.addresses == *addresses {
            return None;
        }
        let woken = known.trouble.is_some().then_some(self.first);
        self.known.store(Arc::new(Known { addresses, trouble: None }));
        woken
    }
}

/// Has calls go to the addresses that were found at a load, until the control plane knows more.
pub fn lend(names: &Names, place: &Place, located: Located) {
    let now_ms = names.now_ms();
    if names.known(place, now_ms).is_none() {
        let outcome = Outcome::At(Arc::new(located), limits::FIRST_ADDRESSES_MS);
        names.keep(place, &outcome, now_ms);
    }
}

/// Each once, in their order.
fn addresses_of(located: &Located) -> Box<[IpAddr]> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for hop in located.hops() {
        if !addresses.contains(&hop.addr.ip()) {
            addresses.push(hop.addr.ip());
        }
    }
    addresses.into()
}
