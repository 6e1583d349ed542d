//! Module `mi_http`: management by HTTP POST (spec 9.7).
//!
//! Only a table and its parameters, digested, and a page of `httpd`; served by the control plane,
//! which the program joins to this by [`api`].

pub mod api;

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};

use crate::httpd::api::{Server, register};
use crate::table::setting;
use api::Parameters;

/// The definition table.
pub static MODULE: Module = Module {
    name: "mi_http",
    aliases: &[],
    doc: "Management by HTTP: JSON-RPC that is posted to a page of httpd.",
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
    setting("mi_http_root", &["root"], "Path that commands are posted to; mi.", Text, Honoured),
    setting("pretty_printing", &[], "Indent replies; 0.", Int, Honoured),
    setting(
        "mi_http_method",
        &[],
        "Method of the forms of 1.8 to 2.4.",
        Int,
        Ignored("there are no forms; JSON-RPC comes by POST"),
    ),
    setting("trace_destination", &[], "Where commands are traced to.", Text, Later),
    setting("trace_bwlist", &[], "Commands that are traced, or not.", Text, Later),
];

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let root = setup.text("mi_http_root").unwrap_or("mi").trim_matches('/').to_owned();
    let at = setup.param("mi_http_root").map(|(_, at)| at);
    let httpd = register(setup, &root).map_err(|text| SetupError { at, text })?;
    if httpd.as_any().downcast_ref::<Server>().is_some_and(Server::is_open) {
        let text = "whoever reaches the address of httpd can give commands; auth_username and \
                    auth_password of httpd make a password needed";
        setup.warnings.push(text.to_owned());
    }
    let pretty_printing = setup.int("pretty_printing", 0) != 0;
    Ok(Arc::new(Parameters { root, pretty_printing }))
}

impl SharedState for Parameters {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
