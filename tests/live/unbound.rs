//! A real name server: unbound with a zone of the test's own, on a port of its own.
//!
//! unbound is Debian's package of that name; `scripts/test` installs it.

use std::net::SocketAddr;
use std::process::Command;

use crate::support::{Folder, Running, address};

/// The zone that it knows; all other names are refused.
pub const ZONE: &str = "voice.example";

/// Ends with the test.
pub struct Unbound {
    running: Running,
    folder: Folder,
    pub address: SocketAddr,
}

impl Unbound {
    /// Serves [`ZONE`]. The records are lines of a zone file; names without a last dot are within
    /// the zone. Times to live are an hour, of what does not exist 5 seconds.
    pub fn serve(records: &str) -> Self {
        let (folder, address) = (Folder::new(), address());
        folder.write("zone", &zone(records));
        let conf = folder.write("unbound.conf", &conf(&folder, address));
        let program = program();
        let running = Running::spawn(Command::new(program).args(["-d", "-p", "-c", &conf]), "");
        running.await_error("start of service");
        Self { running, folder, address }
    }

    /// From now on it is silent, but still there.
    pub fn stop(&self) {
        self.running.signal("STOP");
    }

    /// It answers again.
    pub fn go_on(&self) {
        self.running.signal("CONT");
    }

    /// Serves other records instead.
    pub fn change(&self, records: &str) {
        let from = self.running.error_text().len();
        self.folder.write("zone", &zone(records));
        self.running.signal("HUP");
        self.running.await_error_behind(from, "start of service");
    }
}

/// Debian has it where only the administrator's path leads.
fn program() -> &'static str {
    let programs = ["unbound", "/usr/sbin/unbound"];
    let found = programs.into_iter().find(|name| Command::new(name).arg("-V").output().is_ok());
    found.unwrap_or_else(|| panic!("`unbound` is missing: install Debian's package unbound"))
}

fn zone(records: &str) -> String {
    format!(
        "$ORIGIN {ZONE}.\n$TTL 3600\n@ IN SOA ns hostmaster 1 3600 600 86400 5\n@ IN NS ns\n\
         ns IN A 127.0.0.1\n{records}\n"
    )
}

fn conf(folder: &Folder, address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "server:\n interface: {ip}\n port: {port}\n directory: \"{}\"\n chroot: \"\"\n \
         username: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n verbosity: 1\n \
         do-ip6: no\n num-threads: 1\n module-config: \"iterator\"\n rrset-roundrobin: no\n \
         local-zone: \".\" transparent\n\
         remote-control:\n control-enable: no\n\
         auth-zone:\n name: \"{ZONE}.\"\n zonefile: \"zone\"\n for-upstream: yes\n \
         for-downstream: no\n fallback-enabled: no\n",
        folder.path("")
    )
}
