//! What a demo of destinations shows: the example that it runs, how its third destination goes
//! away, and what is expected of the others then.

/// Destinations of each example, on the ports 11 to 14 above the gateway's.
pub(super) const DESTINATIONS: u16 = 4;

/// The destination that goes away: the third.
pub(super) const ABSENT: usize = 2;

/// Milliseconds between two looks at the agents.
pub(super) const LOOK_MS: u64 = 200;

/// See the file's head.
#[derive(Debug)]
pub(super) struct Scene {
    /// Where the script stands.
    pub name: &'static str,
    /// The example, as it stands.
    pub script: &'static str,
    /// Its list.
    pub list: &'static str,
    /// What the script does, in a line.
    pub about: &'static str,
    /// Destinations ring before they answer.
    pub ringing: bool,
    /// The dispatcher is told before the destination is switched off, and when it is back. Else
    /// nobody knows.
    pub told: bool,
    /// What is said when it is switched off.
    pub switched_off: &'static str,
    /// Looks until what was on its way before a change has arrived.
    pub settle: u32,
    /// Shares of the destinations while one is absent, percent.
    pub absent: [f64; DESTINATIONS as usize],
}

/// Calls that were on their way to the destination are answered before it is switched off, as in a
/// planned maintenance.
pub(super) const DISPATCHER: Scene = Scene {
    name: "examples/dispatcher/opensips.cfg",
    script: include_str!("../../../../examples/dispatcher/opensips.cfg"),
    list: include_str!("../../../../examples/dispatcher/dispatcher.list"),
    about: "algorithm 0: hash over the Call-ID",
    ringing: false,
    told: true,
    switched_off: "switched off: its calls go to the other three",
    settle: 2,
    absent: [100.0 / 3.0, 100.0 / 3.0, 0.0, 100.0 / 3.0],
};

/// A call is at the next destination once `fr_timeout`, 2 seconds, is over.
pub(super) const PROXY: Scene = Scene {
    name: "examples/proxy/opensips.cfg",
    script: include_str!("../../../../examples/proxy/opensips.cfg"),
    list: include_str!("../../../../examples/proxy/dispatcher.list"),
    about: "calls are record-routed and relayed; what is silent is followed by the next",
    ringing: true,
    told: false,
    switched_off: "falls silent: its calls go to the next one after fr_timeout (2 s)",
    settle: 12,
    absent: [25.0, 25.0, 0.0, 50.0],
};

impl Scene {
    /// Each third of the run must hold what settles, as long again to be counted, and a second.
    pub(super) fn least_seconds(&self) -> u64 {
        3 * (2 * u64::from(self.settle) * LOOK_MS / 1_000 + 1)
    }
}
