//! Module `httpd`: where management listens for HTTP (spec 9.7).
//!
//! Only a table, its parameters, digested, and the list of pages: connections are served by the
//! control plane, which the program joins to this by [`api`].

pub mod api;
mod params;

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sluice_base::WorkerId;
use sluice_engine::module::{Command, CommandError, Hooks, Module, Setup, SetupError, SharedState};

use crate::limits::{HTTPD_REPLY_MAX, HTTPD_REQUEST_MIN};
use api::{Login, Server};

/// The definition table.
pub static MODULE: Module = Module {
    name: "httpd",
    aliases: &[],
    doc: "The HTTP server of management: address, limits, password.",
    includes: &[],
    params: params::PARAMS,
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[Command {
        name: "httpd_list_root_path",
        short: "list_root_path",
        doc: "The paths that are served, and whose they are.",
        params: &[],
        run: list,
    }],
    hooks: Hooks::NONE,
    start,
};

fn list(state: &dyn SharedState, _: &[Option<&str>]) -> Result<Value, CommandError> {
    let Some(server) = state.as_any().downcast_ref::<Server>() else {
        return Err(CommandError::new(500, "httpd does not run"));
    };
    let pages = server.pages();
    Ok(pages.iter().map(|page| json!({ "http_root": page.root, "module": page.module })).collect())
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let place = |name| setup.param(name).map(|(_, at)| at);
    let at = place("port").or_else(|| place("ip"));
    let ip = match setup.text("ip").unwrap_or_default() {
        "" => Some(Ipv4Addr::LOCALHOST.into()),
        "*" => None,
        word => {
            let bare = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
            let ip: Result<IpAddr, _> = bare.unwrap_or(word).parse();
            let text = || format!("`{word}` is no address; `*` stands for all");
            Some(ip.map_err(|_| SetupError { at: place("ip"), text: text() })?)
        }
    };
    let bytes = |name, least| usize::try_from(setup.int(name, 0)).unwrap_or(0).max(least);
    let request_max = bytes("post_buf_size", HTTPD_REQUEST_MIN).max(bytes("receive_buf_size", 0));
    let reply_max = match setup.int("buf_size", 0) {
        0 => HTTPD_REPLY_MAX,
        _ => bytes("buf_size", 0).min(HTTPD_REPLY_MAX),
    };
    let seconds = u64::try_from(setup.int("conn_timeout", 30)).unwrap_or(30);
    Ok(Arc::new(Server {
        ip,
        port: u16::try_from(setup.int("port", 8_888)).unwrap_or(8_888),
        at,
        conn_timeout: (seconds > 0).then(|| Duration::from_secs(seconds)),
        request_max,
        reply_max,
        login: login(setup)?,
        pages: Mutex::default(),
    }))
}

fn login(setup: &Setup<'_>) -> Result<Option<Login>, SetupError> {
    let text = |name| setup.text(name).unwrap_or_default().to_owned();
    let (username, password) = (text("auth_username"), text("auth_password"));
    let refused = |text: &str| {
        let at = setup.param("auth_username").or(setup.param("auth_password"));
        SetupError { at: at.map(|(_, at)| at), text: text.to_owned() }
    };
    match (username.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        _ if username.contains(':') => Err(refused("a colon in auth_username cannot be sent")),
        (false, false) => {
            let realm = setup.text("auth_realm").unwrap_or("sluice").to_owned();
            Ok(Some(Login { realm, username, password }))
        }
        _ => Err(refused("auth_username and auth_password go together")),
    }
}

impl SharedState for Server {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
