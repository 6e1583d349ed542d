//! Module `proto_udp`: SIP over UDP. The sockets themselves belong to the program; without this
//! module UDP is on all the same (a 1.x script).

use sluice_engine::module::{Hooks, Module, ParamEntry, Stateless};
use sluice_script::catalog::SettingKind::Port;
use sluice_script::catalog::Status::Honoured;

use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "proto_udp",
    aliases: &[],
    doc: "SIP over UDP.",
    includes: &[],
    params: PARAMS,
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Stateless::start,
};

const PARAMS: &[ParamEntry] =
    &[setting("udp_port", &[], "Port of sockets that name none; 5060.", Port, Honoured)];
