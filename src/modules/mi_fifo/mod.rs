//! Module `mi_fifo`: management by named pipe (spec 9.7).
//!
//! Only a table and its parameters, digested: the pipe itself is served by the control plane,
//! which the program joins to this by [`api`].

pub mod api;

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Later};

use crate::table::setting;
use api::{Owner, Parameters, mode};

/// The definition table.
pub static MODULE: Module = Module {
    name: "mi_fifo",
    aliases: &[],
    doc: "Management by named pipe: JSON-RPC, and the text of 1.x.",
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
    setting("fifo_name", &[], "Path of the FIFO that is made; must be given.", Text, Honoured),
    ParamEntry {
        check: Some(mode),
        ..setting("fifo_mode", &[], "Permissions of the FIFO; 0660.", Int, Honoured)
    },
    setting("fifo_user", &[], "Owner of the FIFO; who runs the program.", Either, Honoured),
    setting("fifo_group", &[], "Group of the FIFO; that of the program.", Either, Honoured),
    setting("reply_dir", &[], "Folder of the reply FIFOs; /tmp/.", Text, Honoured),
    setting("pretty_printing", &[], "Indent replies of JSON-RPC; 0.", Int, Honoured),
    setting("reply_indent", &[], "Indent of replies in the text of 1.x; a tab.", Text, Honoured),
    setting("trace_destination", &[], "Where commands are traced to.", Text, Later),
    setting("trace_bwlist", &[], "Commands that are traced, or not.", Text, Later),
];

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let name = setup.param("fifo_name").map(|(_, at)| at).zip(setup.text("fifo_name"));
    let Some((at, name)) = name.filter(|(_, name)| !name.is_empty()) else {
        let at = setup.param("fifo_name").map(|(_, at)| at);
        return Err(SetupError { at, text: "modparam fifo_name is needed".to_owned() });
    };
    let text = |param, default: &str| setup.text(param).unwrap_or(default).to_owned();
    Ok(Arc::new(Parameters {
        fifo_name: name.to_owned(),
        at,
        fifo_mode: u32::try_from(setup.int("fifo_mode", 0o660)).unwrap_or(0o660),
        fifo_user: Owner::of(setup, "fifo_user"),
        fifo_group: Owner::of(setup, "fifo_group"),
        reply_dir: text("reply_dir", "/tmp/"),
        pretty_printing: setup.int("pretty_printing", 0) != 0,
        reply_indent: text("reply_indent", "\t"),
    }))
}

impl SharedState for Parameters {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
