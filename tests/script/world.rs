//! A small world for the compiler: a catalog with a handful of everything, and files in memory.

use std::collections::HashMap;
use std::io;

use sluice_script::catalog::{
    Catalog, Check, Found, ModuleStatus, Named, ParamDef, ParamKind, Renamed, Routes, SettingKind,
    SettingSignature, Signature, Status, SubKind, VariableSignature,
};
use sluice_script::ir::{FunctionId, RouteKind, Setting, TransformId, VariableId};
use sluice_script::{Compiled, Loader, Options, Script, SourceText, compile, recompile};

const fn need(name: &'static str, kind: ParamKind) -> ParamDef {
    ParamDef { name, kind, optional: false }
}

const fn may(name: &'static str, kind: ParamKind) -> ParamDef {
    ParamDef { name, kind, optional: true }
}

type Hidden = &'static [(&'static str, &'static str)];
type FunctionRow = (&'static str, &'static str, &'static [ParamDef], Hidden, Routes);

fn letters(text: &str) -> Result<i64, String> {
    text.bytes().try_fold(0, |bits, letter| match letter {
        b'a'..=b'z' => Ok(bits | 1 << (letter - b'a')),
        _ => Err(format!("flags are letters, not `{}`", char::from(letter))),
    })
}

fn part(text: &str) -> Result<u32, String> {
    match text {
        "" | "ip" => Ok(0),
        "port" => Ok(1),
        _ => Err("it is ip or port".to_owned()),
    }
}

/// Name, module, parameters, hidden ones, routes.
pub const FUNCTIONS: &[FunctionRow] = &[
    (
        "xlog",
        "core",
        &[need("text", ParamKind::Any), may("more", ParamKind::Text)],
        &[],
        Routes::ANY,
    ),
    (
        "is_myself",
        "core",
        &[need("host", ParamKind::Text), may("port", ParamKind::Int)],
        &[],
        Routes::ANY,
    ),
    ("forward", "core", &[may("destination", ParamKind::Text)], &[], Routes::REQUESTS),
    ("setflag", "core", &[need("flag", ParamKind::Flag)], &[], Routes::ANY),
    ("send", "core", &[need("to", ParamKind::Text)], &[], Routes::ANY),
    ("get_it", "core", &[need("result", ParamKind::Output)], &[], Routes::ANY),
    ("remove_re", "core", &[need("pattern", ParamKind::Regex)], &[], Routes::ANY),
    ("raise_event", "core", &[need("event", ParamKind::Text)], &[], Routes::ANY),
    (
        "t_on_failure",
        "core",
        &[may("route", ParamKind::Route(RouteKind::Failure))],
        &[],
        Routes::ANY,
    ),
    ("literal", "core", &[need("text", ParamKind::Literal)], &[], Routes::ANY),
    ("subst_it", "core", &[need("expression", ParamKind::Subst)], &[], Routes::ANY),
    (
        "sl_send_reply",
        "sl",
        &[need("code", ParamKind::Int), need("reason", ParamKind::Text)],
        &[],
        Routes::REQUESTS,
    ),
    ("mf_process_maxfwd_header", "maxfwd", &[need("limit", ParamKind::Int)], &[], Routes::REQUEST),
    ("is_method", "sipmsgops", &[need("methods", ParamKind::Text)], &[], Routes::ANY),
    ("append_hf", "sipmsgops", &[need("text", ParamKind::Text)], &[], Routes::ANY),
    ("has_totag", "sipmsgops", &[], &[], Routes::ANY),
    (
        "ds_select_dst",
        "dispatcher",
        &[
            need("set", ParamKind::Int),
            need("algorithm", ParamKind::Int),
            may("flags", ParamKind::Word(letters)),
            may("most", ParamKind::Int),
        ],
        &[("dispatcher", "hash_pvar")],
        Routes::REQUESTS,
    ),
];

/// Name, what stands in parentheses, index, assignable.
pub const VARIABLES: &[(&str, SubKind, bool, bool)] = &[
    ("avp", SubKind::Avp, true, true),
    ("var", SubKind::Var, false, true),
    ("hdr", SubKind::Text { optional: false }, true, false),
    ("param", SubKind::Text { optional: false }, false, false),
    ("return", SubKind::Text { optional: false }, false, false),
    ("msg.flag", SubKind::Flag, false, true),
    ("ru", SubKind::None, false, true),
    ("rU", SubKind::None, false, true),
    ("rd", SubKind::None, false, true),
    ("rp", SubKind::None, false, true),
    ("rm", SubKind::None, false, false),
    ("rs", SubKind::None, false, false),
    ("fu", SubKind::None, false, false),
    ("fd", SubKind::None, false, false),
    ("si", SubKind::None, false, false),
    ("sp", SubKind::None, false, false),
    ("Rp", SubKind::None, false, false),
    ("pr", SubKind::None, false, false),
    ("af", SubKind::None, false, false),
    ("ml", SubKind::None, false, false),
    ("rc", SubKind::None, false, false),
    ("du", SubKind::None, false, true),
    ("socket_in", SubKind::Word(part), false, false),
];

/// Canonical names of transformations and how many parameters they take.
pub const TRANSFORMATIONS: &[(&str, u8, u8)] =
    &[("s.len", 0, 0), ("s.int", 0, 0), ("s.select", 2, 2), ("re.subst", 1, 1), ("s.substr", 2, 2)];

const MODULES: &[&str] = &["sl", "maxfwd", "sipmsgops", "dispatcher", "proto_udp", "db_text"];

type SettingRow = (&'static str, SettingKind, Status);

const GLOBALS: &[SettingRow] = &[
    ("log_level", SettingKind::Int, Status::Honoured),
    ("stderror_enabled", SettingKind::Int, Status::Honoured),
    ("check_via", SettingKind::Bool, Status::Honoured),
    ("udp_workers", SettingKind::Int, Status::Honoured),
    ("socket", SettingKind::Socket, Status::Honoured),
    ("alias", SettingKind::Hosts, Status::Honoured),
    ("port", SettingKind::Port, Status::Honoured),
    ("mpath", SettingKind::Text, Status::Ignored("modules are built in")),
    ("tos", SettingKind::Either, Status::Later),
];

const PARAMS: &[(&str, SettingRow)] = &[
    ("dispatcher", ("list_file", SettingKind::Text, Status::Honoured)),
    ("dispatcher", ("force_dst", SettingKind::Int, Status::Honoured)),
    ("dispatcher", ("hash_pvar", SettingKind::Text, Status::Honoured)),
    ("dispatcher", ("db_url", SettingKind::Text, Status::Later)),
    ("maxfwd", ("max_limit", SettingKind::Int, Status::Honoured)),
    ("sl", ("enable_stats", SettingKind::Int, Status::Ignored("there are no such statistics"))),
    ("sl", ("max_limit", SettingKind::Int, Status::Honoured)),
];

/// Old names of globals.
fn renamed(name: &str) -> &str {
    match name {
        "debug" => "log_level",
        "log_stderror" => "stderror_enabled",
        "children" => "udp_workers",
        "listen" => "socket",
        other => other,
    }
}

fn positive(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(n) if *n < 0 => Err(format!("{n} is below 0")),
        _ => Ok(()),
    }
}

fn signature(row: SettingRow) -> SettingSignature {
    let (name, kind, status) = row;
    let check = (name == "udp_workers").then_some(positive as Check);
    SettingSignature { name, kind, status, check }
}

/// The catalog.
pub struct World;

impl Catalog for World {
    fn module(&self, name: &str) -> ModuleStatus {
        let canonical = if name == "dbtext" { "db_text" } else { name };
        match canonical {
            "tm" => ModuleStatus::Later("tm"),
            "mi_fifo" => ModuleStatus::Later("mi_fifo"),
            "perl" => ModuleStatus::NotOurs("perl", "no Perl is embedded"),
            "uri" => ModuleStatus::Merged("uri", "its functions are in the core"),
            _ => match MODULES.iter().find(|module| **module == canonical) {
                Some(module) => ModuleStatus::Built(module),
                None => ModuleStatus::Unknown,
            },
        }
    }

    fn function(&self, name: &str, loaded: &[&'static str]) -> Found<Signature> {
        match name {
            "t_relay" => return Found::Later("tm"),
            "perl_exec" => return Found::NotOurs("perl", "no Perl is embedded"),
            _ => {}
        }
        let Some(at) = FUNCTIONS.iter().position(|row| row.0 == name) else { return Found::No };
        let (_, module, params, hidden, routes) = FUNCTIONS[at];
        if module != "core" && !loaded.contains(&module) {
            return Found::NeedsModule(module);
        }
        Found::Yes(Signature {
            id: FunctionId(at as u16),
            params,
            hidden,
            routes,
            guarded: false,
            suspends: name == "forward",
        })
    }

    fn variable(&self, name: &str, _: &[&'static str]) -> Found<VariableSignature> {
        if name == "T_id" {
            return Found::Later("tm");
        }
        if name == "ds_x" {
            return Found::NeedsModule("dispatcher");
        }
        let name = if name == "retcode" { "rc" } else { name };
        let Some(at) = VARIABLES.iter().position(|row| row.0 == name) else { return Found::No };
        let (_, sub, indexed, writable) = VARIABLES[at];
        Found::Yes(VariableSignature { id: VariableId(at as u16), sub, indexed, writable })
    }

    fn transformation(&self, class: &str, name: &str) -> Found<(TransformId, u8, u8)> {
        let full = format!("{class}.{name}");
        match TRANSFORMATIONS.iter().position(|row| row.0 == full) {
            Some(at) => {
                let (_, fewest, most) = TRANSFORMATIONS[at];
                Found::Yes((TransformId(at as u16), fewest, most))
            }
            None => Found::No,
        }
    }

    fn param(&self, module: &str, name: &str) -> Found<SettingSignature> {
        match PARAMS.iter().find(|(of, row)| *of == module && row.0 == name) {
            Some((_, row)) => Found::Yes(signature(*row)),
            None => Found::No,
        }
    }

    fn global(&self, name: &str) -> Found<SettingSignature> {
        match GLOBALS.iter().find(|row| row.0 == renamed(name)) {
            Some(row) => Found::Yes(signature(*row)),
            None => Found::No,
        }
    }

    fn impossible_port(&self, text: &[u8]) -> Option<(usize, usize)> {
        let at = text.windows(6).position(|part| part == b":99999")?;
        Some((at + 1, 5))
    }

    fn renamed(&self, what: Named, name: &str) -> Option<Renamed> {
        let (old, new) = match (what, name) {
            (Named::Global, "children") => ("children", "udp_workers"),
            (Named::Variable, "Rp") => ("Rp", "socket_in(port)"),
            _ => return None,
        };
        Some(Renamed { what, old, new, since: "3.0" })
    }

    fn raises(&self, event: &str) -> bool {
        event == "E_DISPATCHER_STATUS"
    }
    fn transport(&self, name: &str) -> Found<()> {
        match name {
            "udp" => Found::Yes(()),
            "tcp" => Found::Later(""),
            _ => Found::No,
        }
    }

    fn function_names(&self) -> Vec<&'static str> {
        FUNCTIONS.iter().map(|row| row.0).collect()
    }

    fn variable_names(&self) -> Vec<&'static str> {
        VARIABLES.iter().map(|row| row.0).collect()
    }

    fn transformation_names(&self) -> Vec<String> {
        TRANSFORMATIONS.iter().map(|row| row.0.to_owned()).collect()
    }

    fn module_names(&self) -> Vec<&'static str> {
        MODULES.to_vec()
    }

    fn param_names(&self, module: &str) -> Vec<&'static str> {
        PARAMS.iter().filter(|(of, _)| *of == module).map(|(_, row)| row.0).collect()
    }

    fn global_names(&self) -> Vec<&'static str> {
        GLOBALS.iter().map(|row| row.0).collect()
    }
}

/// Files in memory.
#[derive(Default)]
pub struct Files(pub HashMap<String, Vec<u8>>);

impl Loader for Files {
    fn read(&mut self, path: &str, _: &str) -> io::Result<SourceText> {
        let text = self.0.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(SourceText { name: path.to_owned(), text })
    }
}

/// Compiles `main.cfg` with other files beside it.
pub fn compile_with(text: impl Into<Vec<u8>>, files: &[(&str, &str)], strict: bool) -> Compiled {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let main = SourceText { name: "main.cfg".into(), text: text.into() };
    compile(main, &mut Files(files.collect()), &World, Options { strict })
}

/// Compiles a script that shall take the place of a running one.
pub fn compile_after(running: &Script, text: &str) -> Compiled {
    let main = SourceText { name: "main.cfg".into(), text: text.into() };
    recompile(running, main, &mut Files::default(), &World, Options::default())
}

/// Compiles one file.
pub fn compile_one(text: impl Into<Vec<u8>>) -> Compiled {
    compile_with(text, &[], false)
}

/// The diagnostics of one file, as users see them.
pub fn told(text: &str) -> String {
    compile_one(text).render(false)
}
