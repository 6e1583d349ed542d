//! Module `db_text`: a folder is a database, a text file a table (spec 5).
//!
//! `text.rs` reads and writes the text, `table.rs` holds a table, `store.rs` a folder. What differs
//! from OpenSIPS is in `README.md` beside this file.

pub mod api;
mod mi;
pub mod store;
pub mod table;
pub mod text;

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_base::WorkerId;
use sluice_engine::db::{Open, Source};
use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_script::catalog::SettingKind::Int;
use sluice_script::catalog::Status::Honoured;
use sluice_script::ir::Setting;

use crate::table::setting;
use store::{Folder, Mode};

/// The definition table.
pub static MODULE: Module = Module {
    name: "db_text",
    aliases: &["dbtext"],
    doc: "Databases of text files, `text:///folder`.",
    includes: &[],
    params: PARAMS,
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: mi::COMMANDS,
    hooks: Hooks::NONE,
    start,
};

const PARAMS: &[ParamEntry] = &[
    ParamEntry {
        check: Some(check_mode),
        ..setting(
            "db_mode",
            &[],
            "0: a table is read once; 1: again when others have changed its file; 0.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(check_size),
        ..setting("buffer_size", &[], "The longest field, bytes; 4096.", Int, Honoured)
    },
    setting(
        "strict",
        &[],
        "1: a row that cannot be read makes its table unusable, as in OpenSIPS; 0. Ours.",
        Int,
        Honoured,
    ),
];

fn check_mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0 | 1) => Ok(()),
        _ => Err("db_mode is 0 or 1".to_owned()),
    }
}

fn check_size(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=16_777_216) => Ok(()),
        _ => Err("a field has 1 to 16777216 bytes".to_owned()),
    }
}

/// The databases that were opened, by folder.
#[derive(Default)]
pub(crate) struct Folders(Mutex<Vec<(String, Folder)>>);

impl Folders {
    /// All of them, or the one of that folder.
    fn named(&self, folder: Option<&str>) -> Vec<Folder> {
        let folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = folder.map(|path| path.trim_start_matches("text://"));
        let all = folders.iter().filter(|(path, _)| wanted.is_none_or(|wanted| wanted == path));
        all.map(|(_, folder)| folder.clone()).collect()
    }

    fn open(&self, path: &str, make: impl FnOnce() -> Folder) -> Folder {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, folder)) = folders.iter().find(|(known, _)| known == path) {
            return folder.clone();
        }
        let folder = make();
        folders.push((path.to_owned(), folder.clone()));
        folder
    }
}

impl SharedState for Folders {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn end(&self) {
        for folder in self.named(None) {
            if let Err(error) = folder.flush(None) {
                tracing::error!(target: "db_text", "{}: {error}", folder.name());
            }
        }
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let mode = Mode {
        watches: setup.int("db_mode", 0) == 1,
        longest: usize::try_from(setup.int("buffer_size", 4096)).unwrap_or(4096),
        strict: setup.int("strict", 0) != 0,
    };
    let folders = Arc::new(Folders::default());
    let (files, known) = (Arc::clone(&setup.files), Arc::clone(&folders));
    let open: Open = Arc::new(move |path: &str| {
        let path = path.trim_end_matches('/');
        // spec 5.1: a folder that is not there is an error at the start.
        files.stamp(path).map_err(|error| format!("{path}: {error}"))?;
        Ok(Arc::new(known.open(path, || Folder::new(path, Arc::clone(&files), mode))))
    });
    setup.databases.add("text", open);
    Ok(folders)
}
