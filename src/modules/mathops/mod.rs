//! Module `mathops`: arithmetic on decimal fractions, which the language itself has not.
//!
//! Numbers are read from text and given as text, with as many decimals as `decimal_digits` says;
//! what is a whole number by its nature is given as a number.

mod expression;
mod functions;
mod limits;
mod number;
mod rpn;

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_script::catalog::{SettingKind, Status};
use sluice_script::ir::Setting;

use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "mathops",
    aliases: &[],
    doc: "Arithmetic on decimal fractions.",
    includes: &[],
    params: PARAMS,
    functions: functions::LIST,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

const DECIMALS: i64 = 6;

const PARAMS: &[ParamEntry] = &[ParamEntry {
    check: Some(check_decimals),
    ..setting("decimal_digits", &[], "Decimals of results; 6.", SettingKind::Int, Status::Honoured)
}];

fn check_decimals(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(digits) if (0..=limits::DECIMALS).contains(digits) => Ok(()),
        _ => Err(format!("a number from 0 to {}", limits::DECIMALS)),
    }
}

/// Decimals of results.
#[derive(Clone, Copy)]
struct Decimals(usize);

impl SharedState for Decimals {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(*self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let digits = setup.int("decimal_digits", DECIMALS).clamp(0, limits::DECIMALS);
    Ok(Arc::new(Decimals(digits as usize)))
}
