//! Module `prometheus`: statistics and labelled series at a page of `httpd`.
//!
//! Only a table and its parameters, digested; the page is made by the control plane, which the
//! program joins to this by [`api`].

pub mod api;

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Later};
use sluice_script::ir::Setting;

use crate::httpd::api::register;
use crate::regexes::Regexes;
use crate::subst::Subst;
use crate::table::setting;
use api::{Parameters, Rule};

/// The definition table.
pub static MODULE: Module = Module {
    name: "prometheus",
    aliases: &[],
    doc: "Statistics and labelled series for Prometheus, at a page of httpd.",
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
    setting("root", &[], "Path of the metrics; metrics.", Text, Honoured),
    setting("prefix", &[], "What names of statistics begin with; opensips.", Text, Honoured),
    setting("group_prefix", &[], "What stands before the group; nothing.", Text, Honoured),
    setting("delimiter", &[], "What stands between the parts of a name; _.", Text, Honoured),
    setting("group_label", &[], "The label that holds the group; group.", Text, Honoured),
    ParamEntry {
        check: Some(check_mode),
        ..setting(
            "group_mode",
            &[],
            "The group: 0 not shown, 1 in the name, 2 in a label; 0.",
            Int,
            Honoured,
        )
    },
    setting(
        "statistics",
        &[],
        "Statistics that are shown: names, `group:`, `all`; may come again; none.",
        Text,
        Honoured,
    ),
    setting(
        "labels",
        &[],
        "`group: /regex/name:labels/` takes names apart; may come again.",
        Text,
        Honoured,
    ),
    setting(
        "series",
        &[],
        "Show labelled series, such as calls by destination; 1. Not in OpenSIPS.",
        Int,
        Honoured,
    ),
    setting("script_route", &[], "A route that adds metrics of its own.", Text, Later),
];

fn check_mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=2) => Ok(()),
        _ => Err("group_mode is 0, 1 or 2".to_owned()),
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let text = |name, default: &str| setup.text(name).unwrap_or(default).to_owned();
    let root = text("root", "metrics").trim_matches('/').to_owned();
    let at = setup.param("root").map(|(_, at)| at);
    register(setup, &root).map_err(|text| SetupError { at, text })?;
    Ok(Arc::new(Parameters {
        root,
        prefix: text("prefix", "opensips"),
        group_prefix: text("group_prefix", ""),
        delimiter: text("delimiter", "_"),
        group_label: text("group_label", "group"),
        group_mode: u8::try_from(setup.int("group_mode", 0)).unwrap_or(0),
        statistics: statistics(setup),
        series: setup.int("series", 1) != 0,
        labels: rules(setup)?,
    }))
}

/// The words of all `statistics`.
fn statistics(setup: &Setup<'_>) -> Vec<String> {
    let each = setup.params("statistics").filter_map(|(value, _)| match value {
        Setting::Text(text) | Setting::Word(text) => Some(text),
        Setting::Int(_) => None,
    });
    each.flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

/// The rules of all `labels`, in their order.
fn rules(setup: &Setup<'_>) -> Result<Vec<Rule>, SetupError> {
    let mut regexes = Regexes::default();
    let mut rules = Vec::new();
    for (value, at) in setup.params("labels") {
        let (Setting::Text(text) | Setting::Word(text)) = value else { continue };
        let rule = text.split_once(':').and_then(|(group, expression)| {
            let subst = Subst::parse(expression.trim().as_bytes())?;
            let regex = regexes.of(&subst)?;
            let group = Some(group.trim().to_owned()).filter(|group| !group.is_empty())?;
            Some(Rule { group, subst, regex })
        });
        let refused = || SetupError {
            at: Some(at),
            text: format!("labels: `{text}` is not `group: /regex/name:labels/flags`"),
        };
        rules.push(rule.ok_or_else(refused)?);
    }
    Ok(rules)
}

impl SharedState for Parameters {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
