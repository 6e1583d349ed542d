//! The parameters.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{ParamEntry, Setup, SetupError, SharedState};
use sluice_engine::run::AvpKey;
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Later};
use sluice_script::catalog::{SettingKind, Status};

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
    of("natping_interval", Int, Later, "Seconds between pings."),
    of("ping_nated_only", Int, Later, "1 = only contacts behind a NAT."),
    of("natping_partitions", Int, Later, "Parts that pings are sent in."),
    of("natping_socket", Text, Later, "Where pings seem to come from."),
    of("natping_tcp", Int, Later, "1 = also over TCP."),
    of("force_socket", Text, Later, "The socket of pings where a contact has none."),
    of("sipping_bflag", Either, Later, "Branch flag of contacts that get SIP requests."),
    of("sipping_from", Text, Later, "From of these requests."),
    of("sipping_method", Text, Later, "Their method."),
    of("sipping_latency_flag", Text, Later, "Branch flag of contacts whose latency is told."),
    of("sipping_ignore_rpl_codes", Text, Later, "Replies that do not count."),
    of("remove_on_timeout_bflag", Either, Later, "Branch flag of contacts that are removed."),
    of("max_pings_lost", Int, Later, "After so many unanswered requests."),
    of("ping_threshold", Int, Later, "Seconds that an answer may take."),
];

/// What all workers share.
pub(super) struct State {
    pub received: Option<AvpKey>,
    pub mark: Vec<u8>,
    /// Old addresses of `c=` lines are kept as `a=oldcip`.
    pub keeps_media: bool,
    /// Those of `o=` lines as `a=oldoip`.
    pub keeps_origin: bool,
}

/// What a worker holds.
pub(super) struct Handle(pub Arc<State>);

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Reads the parameters.
///
/// # Errors
/// An AVP that is none.
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
    let skipped = setup.text("oldip_skip").unwrap_or_default();
    let mark = setup.text("nortpproxy_str").unwrap_or("a=nortpproxy:yes\r\n");
    Ok(Arc::new(State {
        received,
        mark: mark.as_bytes().to_vec(),
        keeps_media: !skipped.contains('c'),
        keeps_origin: !skipped.contains('o'),
    }))
}
