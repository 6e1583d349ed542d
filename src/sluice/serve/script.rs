//! Reading a script: file or standard input, preprocessor, includes, compilation.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use sluice_control::SqlDatabases;
use sluice_engine::TimeZone;
use sluice_engine::files::Files as ModuleFiles;
use sluice_engine::registry::Registry;
use sluice_engine::sql::Sql;
use sluice_script::{Compiled, Loader, Options, Script, SourceText, compile, recompile};

use super::files::DiskFiles;
use super::flatten::{apart, flatten, part};
use super::modules::Lent;
use super::preprocess::{PATIENCE, preprocess};

/// What a gateway reads while it runs.
pub struct Inputs {
    /// Files that modules name.
    pub files: Arc<dyn ModuleFiles>,
    /// SQL databases that modules ask.
    pub sql: Arc<dyn Sql>,
    /// The script, when it can be read again.
    pub script: Option<Origin>,
}

impl Inputs {
    /// What modules read and ask.
    pub(super) fn lent(&self) -> Lent {
        (Arc::clone(&self.files), Arc::clone(&self.sql))
    }
}

/// Where a script comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its path; `-` is standard input.
    path: String,
    /// A command that the text is piped through first.
    preprocessor: Option<String>,
    /// Warnings about what OpenSIPS merely lets through are errors.
    strict: bool,
    /// Where the program was started: `-w` moves it, and paths keep their meaning.
    home: PathBuf,
}

impl Origin {
    /// A script file as it stands.
    pub fn file(path: impl Into<String>) -> Self {
        Self::new(path, None, false)
    }

    /// A script, `-` for standard input; piped through `preprocessor` first.
    pub fn new(path: impl Into<String>, preprocessor: Option<String>, strict: bool) -> Self {
        let home = std::env::current_dir().unwrap_or_default();
        Self { path: path.into(), preprocessor, strict, home }
    }

    /// What a gateway with this script reads while it runs.
    pub fn inputs(self) -> Inputs {
        let again = (self.path != "-").then(|| self.clone());
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        let beside = self.home.join(folder);
        let folders = [self.home, beside];
        let sql = SqlDatabases::new(folders.clone(), TimeZone::system());
        Inputs { files: Arc::new(DiskFiles::new(folders)), sql: Arc::new(sql), script: again }
    }

    /// Reads and compiles it. Diagnostics are in the result, also those of a script that fails.
    ///
    /// # Errors
    /// When the file cannot be read or the preprocessor fails.
    pub fn compile(&self, registry: &Registry) -> Result<Compiled> {
        let (main, mut files) = self.sources()?;
        Ok(compile(main, &mut files, registry, self.options()))
    }

    /// Reads it again and compiles it to take the place of `running`.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn recompile(&self, running: &Script, registry: &Registry) -> Result<Compiled> {
        let (main, mut files) = self.sources()?;
        Ok(recompile(running, main, &mut files, registry, self.options()))
    }

    /// The script, and where what it includes comes from: from files, or out of what the
    /// preprocessor has made of all of them.
    fn sources(&self) -> Result<(SourceText, Files<'_>)> {
        let name = if self.path == "-" { "stdin" } else { &self.path };
        let mut main = SourceText { name: name.to_owned(), text: self.read()? };
        let mut files = self.files();
        if let Some(command) = &self.preprocessor {
            let read = |path: &str, from: &str| files.bytes(path, Path::new(from).parent());
            let whole = flatten(&main, &read);
            files.parts = apart(name, &preprocess(command, &self.home, whole, PATIENCE)?);
            main = files.parts.pop().unwrap_or_default();
        }
        Ok((main, files))
    }

    fn files(&self) -> Files<'_> {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        Files { home: &self.home, folder, parts: Vec::new() }
    }

    fn options(&self) -> Options {
        Options { strict: self.strict }
    }

    fn read(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        if self.path == "-" {
            std::io::stdin().read_to_end(&mut text).context("standard input")?;
        } else {
            text = std::fs::read(self.home.join(&self.path)).with_context(|| self.path.clone())?;
        }
        Ok(text)
    }
}

/// Files by path: from the current folder, else relative to the one that names them (spec 1.1).
struct Files<'a> {
    home: &'a Path,
    folder: &'a Path,
    /// Files that have gone through the preprocessor already.
    parts: Vec<SourceText>,
}

impl Files<'_> {
    fn bytes(&self, path: &str, from: Option<&Path>) -> std::io::Result<(String, Vec<u8>)> {
        let beside = from.unwrap_or(self.folder).join(path);
        let read = |path: &Path| std::fs::read(self.home.join(path));
        read(Path::new(path)).map(|bytes| (path.to_owned(), bytes)).or_else(|error| {
            let second = read(&beside).map_err(|_| error)?;
            Ok((beside.display().to_string(), second))
        })
    }
}

impl Loader for Files<'_> {
    fn read(&mut self, path: &str, from: &str) -> std::io::Result<SourceText> {
        if let Some(part) = part(path).and_then(|part| self.parts.get(part)) {
            return Ok(part.clone());
        }
        let (name, text) = self.bytes(path, Path::new(from).parent())?;
        Ok(SourceText { name, text })
    }
}
