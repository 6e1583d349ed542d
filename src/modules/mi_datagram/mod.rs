//! Module `mi_datagram`: management by UDP or unix datagrams (spec 9.7).
//!
//! Only a table and its parameters, digested: the socket itself is served by the control plane,
//! which the program joins to this by [`api`].

pub mod api;

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluice_base::WorkerId;
use sluice_engine::module::{Hooks, Module, ParamEntry, Resolve, Setup, SetupError, SharedState};
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::ir::Setting;

use crate::mi_fifo::api::{Owner, mode};
use crate::table::setting;
use api::{Parameters, Socket};

/// The definition table.
pub static MODULE: Module = Module {
    name: "mi_datagram",
    aliases: &[],
    doc: "Management by UDP or unix datagrams: JSON-RPC, and the text of 1.x.",
    includes: &[],
    params: PARAMS,
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

const PARAMS: &[ParamEntry] = &[
    setting(
        "socket_name",
        &[],
        "Path of a unix socket, or `udp:HOST:PORT`; must be given.",
        Text,
        Honoured,
    ),
    setting(
        "children_count",
        &[],
        "Processes that serve the socket; 1.",
        Either,
        Ignored("commands run beside each other, each in a thread of its own"),
    ),
    ParamEntry {
        check: Some(mode),
        ..setting("unix_socket_mode", &[], "Permissions of the unix socket; 0660.", Int, Honoured)
    },
    setting(
        "unix_socket_user",
        &[],
        "Owner of the unix socket; who runs the program.",
        Either,
        Honoured,
    ),
    setting(
        "unix_socket_group",
        &[],
        "Group of the unix socket; that of the program.",
        Either,
        Honoured,
    ),
    ParamEntry {
        check: Some(check_timeout),
        ..setting(
            "socket_timeout",
            &[],
            "Milliseconds that a reply may take to be sent; 2000.",
            Int,
            Honoured,
        )
    },
    setting("pretty_printing", &[], "Indent replies of JSON-RPC; 0.", Int, Honoured),
    setting("reply_indent", &[], "Indent of replies in the text of 1.x; a tab.", Text, Honoured),
    setting("trace_destination", &[], "Where commands are traced to.", Text, Later),
    setting("trace_bwlist", &[], "Commands that are traced, or not.", Text, Later),
];

/// A minute is far more than any reader of a reply needs.
fn check_timeout(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=60_000) => Ok(()),
        _ => Err("socket_timeout is 1 to 60000 milliseconds".to_owned()),
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let at = setup.param("socket_name").map(|(_, at)| at);
    let refused = |text: String| SetupError { at, text };
    let name = setup.text("socket_name").filter(|name| !name.is_empty());
    let (Some(name), Some(at)) = (name, at) else {
        return Err(refused("modparam socket_name is needed".to_owned()));
    };
    let socket = match name.strip_prefix("udp:") {
        Some(place) => Socket::Udp(address(place, &setup.resolve).map_err(refused)?),
        None => Socket::Unix {
            path: name.to_owned(),
            mode: u32::try_from(setup.int("unix_socket_mode", 0o660)).unwrap_or(0o660),
            user: Owner::of(setup, "unix_socket_user"),
            group: Owner::of(setup, "unix_socket_group"),
        },
    };
    let timeout = u64::try_from(setup.int("socket_timeout", 2_000)).unwrap_or(2_000);
    let state = Parameters {
        socket,
        at,
        timeout: Duration::from_millis(timeout),
        pretty_printing: setup.int("pretty_printing", 0) != 0,
        reply_indent: setup.text("reply_indent").unwrap_or("\t").to_owned(),
    };
    if let Socket::Udp(address) = state.socket
        && !address.ip().is_loopback()
    {
        setup.warnings.push(format!("whoever reaches {address} by UDP can give commands"));
    }
    Ok(Arc::new(state))
}

/// `HOST:PORT`; an IPv6 address stands with or without brackets.
fn address(place: &str, resolve: &Resolve) -> Result<SocketAddr, String> {
    let Some((host, port)) = place.rsplit_once(':') else {
        return Err(format!("udp:{place} has no port"));
    };
    let Some(port) = port.parse().ok().filter(|port| *port != 0) else {
        return Err(format!("`{port}` is no port"));
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = host.parse() {
        return Ok(SocketAddr::new(ip, port));
    }
    match resolve(host)?.first() {
        Some(ip) => Ok(SocketAddr::new(*ip, port)),
        None => Err(format!("{host} has no address")),
    }
}

impl SharedState for Parameters {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
