//! What the program reads of this module to join it to the control plane.

use sluice_engine::module::Setup;
use sluice_script::ir::Setting;
use sluice_script::source::Location;

/// The parameters, digested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// Path of the FIFO.
    pub fifo_name: String,
    /// Where the script gives it, for refusals.
    pub at: Location,
    /// Its permissions.
    pub fifo_mode: u32,
    /// Its owner, when it is not who runs the program.
    pub fifo_user: Option<Owner>,
    /// Its group, likewise.
    pub fifo_group: Option<Owner>,
    /// Folder of the reply FIFOs.
    pub reply_dir: String,
    /// Whether JSON is indented.
    pub pretty_printing: bool,
    /// What stands before a child in the text of 1.x.
    pub reply_indent: String,
}

/// A user or group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owner {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl Owner {
    /// What a parameter says.
    pub(crate) fn of(setup: &Setup<'_>, param: &str) -> Option<Self> {
        match setup.param(param)?.0 {
            Setting::Int(id) => u32::try_from(*id).ok().map(Self::Id),
            Setting::Text(name) | Setting::Word(name) => Some(Self::Name(name.clone())),
        }
    }
}

/// Refuses what are no permissions of a file.
pub(crate) fn mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=0o777) => Ok(()),
        _ => Err("permissions are 0 to 0777".to_owned()),
    }
}
