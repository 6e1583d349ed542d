//! Module `proto_tcp`: SIP over TCP. The connections belong to the program; without this module TCP
//! is on all the same where a socket says `tcp:` (a 1.x script).

use sluice_engine::module::{Hooks, Module, ParamEntry, Stateless};
use sluice_script::catalog::SettingKind::{Bool, Int, Port, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};

use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "proto_tcp",
    aliases: &[],
    doc: "SIP over TCP.",
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

const NEVER_WAITS: sluice_script::catalog::Status =
    Ignored("a worker never waits for a connection; what cannot be sent now is queued");

const PARAMS: &[ParamEntry] = &[
    setting("tcp_port", &[], "Port of sockets that name none; 5060.", Port, Honoured),
    setting(
        "tcp_send_timeout",
        &[],
        "How long a peer may take nothing of what waits for it, ms; 5000.",
        Int,
        Honoured,
    ),
    setting(
        "tcp_max_msg_chunks",
        &[],
        "In how many pieces a message may arrive; 0, any number.",
        Int,
        Honoured,
    ),
    setting("tcp_crlf_pingpong", &[], "Whether keep-alives are answered; 1.", Bool, Honoured),
    setting(
        "tcp_crlf_drop",
        &[],
        "Line ends between messages are dropped.",
        Bool,
        Ignored("they always are"),
    ),
    setting(
        "tcp_async_max_postponed_chunks",
        &[],
        "How many messages may wait for a peer; 1024.",
        Int,
        Honoured,
    ),
    setting("tcp_async", &[], "Connecting and writing without waiting.", Bool, NEVER_WAITS),
    setting(
        "tcp_async_local_connect_timeout",
        &["tcp_async_local_write_timeout"],
        "How long a worker waits at most.",
        Int,
        NEVER_WAITS,
    ),
    setting(
        "tcp_parallel_handling",
        &["tcp_parallel_read"],
        "Several messages of one connection at a time.",
        Bool,
        Ignored("messages of one connection go to the owners of their calls"),
    ),
    setting("trace_destination", &["trace_filter_route"], "Tracing.", Text, Later),
    setting("trace_on", &[], "Tracing.", Bool, Later),
];
