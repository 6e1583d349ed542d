//! What an answering agent is told before it runs, and the switch that makes it absent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::TrafficError;
use crate::limits;

/// Settings of an answering agent: one thread, one or more addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UasConfig {
    /// Where it answers; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Whether it answers at all; else it only counts, at a fraction of the cost.
    pub answer: bool,
    /// Sends 180 before the final reply to INVITE.
    pub ringing: bool,
    /// The final status of INVITE, 200 to 699; every other request gets 200.
    pub invite_status: u16,
    /// Call-IDs whose order is watched; 0 for none.
    pub order_entries: usize,
    /// Never sleep: takes a core.
    pub spin: bool,
    /// Milliseconds between two snapshots.
    pub observe_ms: u64,
}

impl Default for UasConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            answer: true,
            ringing: false,
            invite_status: 200,
            order_entries: 1 << 17,
            spin: false,
            observe_ms: 500,
        }
    }
}

impl UasConfig {
    /// Whether the settings can be met.
    ///
    /// # Errors
    /// The first setting that cannot.
    pub fn check(&self) -> Result<(), TrafficError> {
        let addresses = 1..=limits::DESTINATIONS;
        let wildcard = self.listen.iter().any(|address| address.ip().is_unspecified());
        if !addresses.contains(&self.listen.len()) || wildcard {
            return Err(TrafficError::Destinations);
        }
        if !(200..700).contains(&self.invite_status) {
            return Err(TrafficError::Status);
        }
        if self.order_entries > limits::ORDER_ENTRIES {
            return Err(TrafficError::OrderEntries);
        }
        Ok(())
    }
}

/// Says which addresses are absent; clones share it. An absent address still receives, drops all
/// and counts what it dropped.
#[derive(Clone, Debug)]
pub struct Presence {
    absent: Arc<[AtomicBool]>,
}

impl Presence {
    /// All `addresses` are there.
    pub fn new(addresses: usize) -> Self {
        Self { absent: (0..addresses).map(|_| AtomicBool::new(false)).collect() }
    }

    /// Takes an address away or brings it back, by its place in the settings.
    pub fn set(&self, address: usize, present: bool) {
        if let Some(absent) = self.absent.get(address) {
            absent.store(!present, Ordering::Relaxed);
        }
    }

    /// Whether an address answers.
    #[inline]
    pub fn is_present(&self, address: usize) -> bool {
        self.absent.get(address).is_some_and(|absent| !absent.load(Ordering::Relaxed))
    }
}
