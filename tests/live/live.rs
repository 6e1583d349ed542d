//! The gateway as a library, so that a test can look at its counters.

use std::net::SocketAddr;
use std::sync::Arc;

use sluice::serve::dns::options;
use sluice::serve::listen::sockets;
use sluice::serve::script::Origin;
use sluice::serve::{Gateway, Tuning};
use sluice_control::Dns;
use sluice_control::mi::Management;
use sluice_engine::context::Shared;
use sluice_engine::counter::{Counter, refusal};
use sluice_sip::Reason;

use crate::support::{Folder, address};

/// A gateway in this process; stopped when dropped.
pub struct Live {
    gateway: Option<Gateway>,
    folder: Folder,
    pub address: SocketAddr,
}

impl Live {
    pub fn start(script: &str, workers: u8) -> Self {
        Self::with(None, script, workers, &["udp"])
    }

    /// A gateway that listens by UDP and TCP.
    pub fn start_both(script: &str, workers: u8) -> Self {
        Self::with(None, script, workers, &["udp", "tcp"])
    }

    /// A gateway with a resolver of its own.
    pub fn asking(dns: Dns, script: &str, workers: u8) -> Self {
        Self::with(Some(dns), script, workers, &["udp"])
    }

    fn with(dns: Option<Dns>, script: &str, workers: u8, transports: &[&str]) -> Self {
        let address = address();
        let folder = Folder::new();
        let origin = Origin::file(folder.write("test.cfg", script));
        let registry = sluice::registry();
        let compiled = origin.compile(&registry).unwrap();
        let errors = compiled.render(false);
        let script = compiled.script.unwrap_or_else(|| panic!("{errors}"));
        let dns = Arc::new(dns.unwrap_or_else(|| Dns::new(options(&script))));
        let listen: Vec<String> = transports.iter().map(|t| format!("{t}:{address}")).collect();
        let sockets = sockets(&script, &listen, &|name| dns.addresses_now(name)).unwrap();
        let inputs = origin.inputs();
        let tuning = Tuning { workers: Some(workers), ..Tuning::default() };
        let gateway = Gateway::start(script, registry, sockets, dns, inputs, tuning).unwrap();
        Self { gateway: Some(gateway), folder, address }
    }

    /// Writes the script anew, for a reload.
    pub fn rewrite(&self, script: &str) {
        self.folder.write("test.cfg", script);
    }

    /// The path of the script, or of a file beside it.
    pub fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    fn gateway(&mut self) -> &mut Gateway {
        self.gateway.as_mut().unwrap()
    }

    /// The management commands.
    pub fn management(&self) -> Arc<Management> {
        Arc::clone(self.gateway.as_ref().unwrap().management())
    }

    /// What its workers look at.
    pub fn shared(&self) -> Arc<Shared> {
        self.gateway.as_ref().unwrap().shared()
    }

    /// A counter of each worker.
    pub fn of_workers(&mut self, counter: Counter) -> Vec<u64> {
        let monitors = self.gateway().monitors().iter();
        monitors.map(|monitor| monitor.counters.get(counter.cell())).collect()
    }

    /// A counter, summed.
    pub fn count(&mut self, counter: Counter) -> u64 {
        self.of_workers(counter).iter().sum()
    }

    /// How many messages were refused for a reason.
    pub fn refused(&mut self, reason: Reason) -> u64 {
        let monitors = self.gateway().monitors().iter();
        monitors.map(|monitor| monitor.counters.get(refusal(reason))).sum()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop();
        }
    }
}
