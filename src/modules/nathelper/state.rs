//! The parameters.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{ParamEntry, Setup, SetupError, SharedState};
use sluice_engine::run::AvpKey;
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::catalog::{SettingKind, Status};

use super::pinger::Pinger;
use super::pinging::Pinging;
use crate::names;
use crate::table::setting;

const fn of(
    name: &'static str,
    kind: SettingKind,
    status: Status,
    doc: &'static str,
) -> ParamEntry {
    setting(name, &[], doc, kind, status)
}

/// The table.
pub(super) const PARAMS: &[ParamEntry] = &[
    of("received_avp", Text, Honoured, "AVP of fix_nated_register(), as registrar's; no default."),
    of("nortpproxy_str", Text, Honoured, "Line of add-no-rtpproxy; default a=nortpproxy:yes."),
    of("oldip_skip", Text, Honoured, "c, o: of which lines the old address is not kept; none."),
    of("natping_interval", Int, Honoured, "Seconds in which each contact is pinged; 0 = off."),
    of("ping_nated_only", Int, Honoured, "1 = only contacts with usrloc's nat_bflag."),
    of("natping_tcp", Int, Honoured, "1 = SIP requests go by connections, too."),
    of("natping_socket", Text, Honoured, "The socket of ours that UDP pings leave by."),
    of("force_socket", Text, Honoured, "The socket of pings where a contact has none."),
    of("sipping_bflag", Either, Honoured, "Branch flag of contacts that get SIP requests."),
    of("sipping_from", Text, Honoured, "URI in From of these requests."),
    of("sipping_method", Text, Honoured, "Their method; default OPTIONS."),
    of("sipping_latency_flag", Either, Honoured, "Branch flag of those whose latency is told."),
    of("sipping_ignore_rpl_codes", Text, Honoured, "Statuses that are no answer; none."),
    of("remove_on_timeout_bflag", Either, Honoured, "Branch flag of those that may be removed."),
    of("max_pings_lost", Int, Honoured, "Unanswered pings after which they are; default 3."),
    of("ping_threshold", Int, Honoured, "Seconds that an answer may take; default 3."),
    of("natping_partitions", Int, Ignored(SPREAD), "Parts that pings are sent in."),
    of("natping_processes", Int, Ignored(SPREAD), "Processes that send pings (1.x)."),
    of("cluster_id", Int, Later, "The cluster of this node."),
    of("cluster_sharing_tag", Text, Later, "Which node of it sends pings."),
];

const SPREAD: &str = "all workers send them, spread over the interval";

/// What all workers share.
pub(super) struct State {
    pub received: Option<AvpKey>,
    pub mark: Vec<u8>,
    /// Old addresses of `c=` lines are kept as `a=oldcip`.
    pub keeps_media: bool,
    /// Those of `o=` lines as `a=oldoip`.
    pub keeps_origin: bool,
    /// How contacts are pinged, if they are.
    pub pinging: Option<Arc<Pinging>>,
}

/// What a worker holds.
pub(super) struct Worker {
    pub state: Arc<State>,
    pub pinger: Option<Pinger>,
}

impl SharedState for State {
    fn worker(self: Arc<Self>, id: WorkerId) -> Box<dyn Any + Send> {
        let pinger = self.pinging.as_ref().map(|pinging| Pinger::new(Arc::clone(pinging), id));
        Box::new(Worker { state: self, pinger })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Reads the parameters.
///
/// # Errors
/// An AVP that is none, or what is wrong with the pings.
pub(super) fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let received = match setup.text("received_avp").map(str::to_owned) {
        None => None,
        Some(named) => match names::avp(&named) {
            Some(name) => Some(AvpKey::Slot(setup.script.avps.intern(name))),
            None => {
                let at = setup.param("received_avp").map(|(_, at)| at);
                let text = format!("received_avp is an AVP, `$avp(name)`, not `{named}`");
                return Err(SetupError { at, text });
            }
        },
    };
    let pinging = Pinging::read(setup)?.map(Arc::new);
    let skipped = setup.text("oldip_skip").unwrap_or_default();
    let mark = setup.text("nortpproxy_str").unwrap_or("a=nortpproxy:yes\r\n");
    Ok(Arc::new(State {
        received,
        mark: mark.as_bytes().to_vec(),
        keeps_media: !skipped.contains('c'),
        keeps_origin: !skipped.contains('o'),
        pinging,
    }))
}
