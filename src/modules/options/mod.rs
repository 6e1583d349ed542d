//! Module `options`: answers OPTIONS that are meant for the server itself (spec 9.3).

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Function, Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{Routes, SettingKind, Status};
use sluice_script::ir::Setting;
use sluice_sip::Method;

use crate::sl::api;
use crate::table::{function, setting};

/// The definition table.
pub static MODULE: Module = Module {
    name: "options",
    aliases: &[],
    doc: "Answers OPTIONS that are meant for the server itself.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

const FUNCTIONS: &[Function] = &[function(
    "options_reply",
    "Answers an OPTIONS to no user by 200 and ends the script; false for other requests.",
    &[],
    Routes::REQUEST,
    reply,
)];

/// Parameter, header, default.
const HEADERS: [(&str, &str, &str); 4] = [
    ("accept", "Accept", "*/*"),
    ("accept_encoding", "Accept-Encoding", ""),
    ("accept_language", "Accept-Language", "en"),
    ("support", "Supported", ""),
];

const PARAMS: &[ParamEntry] = &[
    header("accept", "Value of Accept; */*. Empty: no such header."),
    header("accept_encoding", "Value of Accept-Encoding; empty, which means no such header."),
    header("accept_language", "Value of Accept-Language; en. Empty: no such header."),
    header("support", "Value of Supported; empty, which means no such header."),
];

const fn header(name: &'static str, doc: &'static str) -> ParamEntry {
    let entry = setting(name, &[], doc, SettingKind::Text, Status::Honoured);
    ParamEntry { check: Some(check_value), ..entry }
}

fn check_value(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) if !text.contains(['\r', '\n']) => Ok(()),
        _ => Err("the value of a header, on one line".to_owned()),
    }
}

/// The header lines of the answer, with their line ends.
struct Lines(Box<[u8]>);

struct Worker(Arc<Lines>);

impl SharedState for Lines {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Worker(self))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let mut lines = String::new();
    for (param, name, default) in HEADERS {
        let value = setup.text(param).unwrap_or(default);
        if !value.is_empty() {
            lines.extend([name, ": ", value, "\r\n"]);
        }
    }
    Ok(Arc::new(Lines(lines.into_bytes().into())))
}

fn reply(ctx: &mut Ctx<'_>, state: &mut dyn Any, _: &[Value]) -> Flow {
    if ctx.message.method() != Method::Options {
        return Flow::Fail("options_reply() is for OPTIONS only");
    }
    let Some(uri) = ctx.ruri().and_then(|uri| ctx.uri(uri)) else {
        return Flow::Fail("the Request-URI is no URI");
    };
    if uri.user.is_some() {
        return Flow::Fail("an OPTIONS whose Request-URI has a user is not for the server");
    }
    let Some(Worker(lines)) = state.downcast_ref() else { return Flow::FALSE };
    let before = ctx.run.reply_lines.len();
    ctx.run.reply_lines.extend_from_slice(&lines.0);
    let phrase = ctx.keep(b"OK");
    let (_, flow) = api::answer(ctx, &[Value::Int(200), Value::Text(phrase)]);
    ctx.run.reply_lines.truncate(before);
    match flow {
        Flow::Code(_) => Flow::STOP,
        failed => failed,
    }
}
