//! One caller and its answering destinations together, for the demo and for tests.
//!
//! Takes both agents bound, runs the destinations in a thread of their own and the caller in the
//! calling thread, and gives both reports when the caller is done. What lies between them - a
//! gateway, or nothing - is not its business.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::error::TrafficError;
use crate::report::{UacReport, UacSnapshot, UasReport};
use crate::uac::Uac;
use crate::uas::Uas;

/// Both agents in the middle of a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Snapshot {
    /// The caller, now.
    pub caller: UacSnapshot,
    /// The destinations, a moment ago; `None` before their first snapshot.
    pub destinations: Option<UasReport>,
}

/// Both agents at the end.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The caller.
    pub caller: UacReport,
    /// The destinations.
    pub destinations: UasReport,
}

/// Runs both until every call has ended; `stop` ends the run early. `observe` is called in the
/// calling thread, as often as the caller's settings say; destinations can be taken away from there
/// by [`Uas::presence`].
///
/// # Errors
/// What either agent says; the destinations are stopped in every case.
pub fn run(
    caller: Uac,
    destinations: Uas,
    stop: &AtomicBool,
    mut observe: impl FnMut(Snapshot),
) -> Result<Report, TrafficError> {
    let latest = Mutex::new(None);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            destinations.run(&over, |report| {
                if let Ok(mut latest) = latest.lock() {
                    *latest = Some(report);
                }
            })
        });
        let caller = caller.run(stop, |caller| {
            let destinations = latest.lock().ok().and_then(|latest| latest.clone());
            observe(Snapshot { caller, destinations });
        });
        over.store(true, Ordering::Relaxed);
        let destinations = thread.join().map_err(|_| TrafficError::Thread)?;
        Ok(Report { caller: caller?, destinations: destinations? })
    })
}
