//! Module `uac_auth`: the credentials that the gateway gives when it is asked for a password (spec
//! 9.8). `uac` answers with them.

pub mod api;

use std::sync::Arc;

use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState, Stateless};
use sluice_script::catalog::{SettingKind, Status};

use crate::table::setting;
use api::{Credentials, check_credential};

/// The definition table.
pub static MODULE: Module = Module {
    name: "uac_auth",
    aliases: &[],
    doc: "Credentials for servers that ask for a password.",
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

static PARAMS: &[ParamEntry] = &[
    ParamEntry {
        check: Some(check_credential),
        ..honoured("credential", "`username:realm:password`, or `0x` and the HA1; repeatable.")
    },
    honoured("auth_realm_avp", "AVP of a realm; its credentials go before the list's."),
    honoured("auth_username_avp", "AVP of the username for it."),
    honoured("auth_password_avp", "AVP of the password for it, or of `0x` and the HA1."),
];

const fn honoured(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, SettingKind::Text, Status::Honoured)
}

/// The list is `uac`'s; here it is only looked at.
fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    Credentials::read(setup)?;
    Stateless::start(setup)
}
