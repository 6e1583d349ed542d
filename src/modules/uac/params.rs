//! The module's parameters and what they amount to (spec 9.8).

use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::Setting;

use super::raised::Raised;
use crate::table::setting;
use crate::uac_auth::api::{Credentials, check_credential};

/// The table.
pub(super) static PARAMS: &[ParamEntry] = &[
    ParamEntry {
        check: Some(check_mode),
        ..text(
            "restore_mode",
            &["from_restore_mode"],
            "Later requests: auto = as the first one, manual = by the script, none; default auto.",
        )
    },
    text(
        "restore_passwd",
        &["from_passwd"],
        "Scrambles what is stored in Record-Route; default empty: not scrambled.",
    ),
    ParamEntry {
        check: Some(check_name),
        ..text(
            "rr_from_store_param",
            &["rr_store_param", "from_store_param"],
            "The parameter of Record-Route that stores From; default vsf.",
        )
    },
    ParamEntry {
        check: Some(check_name),
        ..text(
            "rr_to_store_param",
            &[],
            "The parameter of Record-Route that stores To; default vst.",
        )
    },
    setting(
        "force_dialog",
        &[],
        "1 = a dialog stores them.",
        SettingKind::Bool,
        Status::Ignored("there are no dialogs yet: Record-Route stores them"),
    ),
    ParamEntry {
        check: Some(check_credential),
        ..text("credential", &[], "As of uac_auth, where it stands since 1.8.")
    },
    text("auth_realm_avp", &[], "As of uac_auth, where it stands since 1.8."),
    text("auth_username_avp", &[], "As of uac_auth, where it stands since 1.8."),
    text("auth_password_avp", &[], "As of uac_auth, where it stands since 1.8."),
];

const fn text(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
) -> ParamEntry {
    setting(name, aliases, doc, SettingKind::Text, Status::Honoured)
}

/// What becomes of From and To in later requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Mode {
    /// Nothing is stored.
    None,
    /// The script restores them.
    Manual,
    /// They are restored when a request follows its Route.
    #[default]
    Auto,
}

impl Mode {
    fn of(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "manual" => Some(Self::Manual),
            "auto" => Some(Self::Auto),
            _ => None,
        }
    }
}

/// What the parameters amount to.
#[derive(Debug)]
pub(super) struct Options {
    pub mode: Mode,
    /// What scrambles the stored URIs; may be empty.
    pub password: Vec<u8>,
    /// Names of the parameters of Record-Route, for From and To.
    pub from_param: String,
    pub to_param: String,
    pub credentials: Credentials,
    /// CSeqs raised within dialogs.
    pub raised: Raised,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// Those of the credentials.
    pub fn read(setup: &mut Setup<'_>) -> Result<Self, SetupError> {
        let credentials = Credentials::read(setup)?;
        let text = |name, default: &str| setup.text(name).unwrap_or(default).to_owned();
        Ok(Self {
            mode: Mode::of(&text("restore_mode", "auto")).unwrap_or_default(),
            password: text("restore_passwd", "").into_bytes(),
            from_param: text("rr_from_store_param", "vsf"),
            to_param: text("rr_to_store_param", "vst"),
            credentials,
            raised: Raised::new(),
        })
    }
}

fn check_mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(word) if Mode::of(word).is_some() => Ok(()),
        _ => Err("none, manual or auto".to_owned()),
    }
}

fn check_name(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(name) if sluice_sip::text::is_token(name.as_bytes()) => Ok(()),
        _ => Err("the name of a URI parameter".to_owned()),
    }
}
