//! Reading a script: file or standard input, preprocessor, includes, compilation.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sluice_engine::registry::Registry;
use sluice_script::{Compiled, Loader, Options, SourceText, compile};

/// Where a script comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its path; `-` is standard input.
    pub path: String,
    /// A command that the text is piped through first.
    pub preprocessor: Option<String>,
    /// Warnings about what OpenSIPS merely lets through are errors.
    pub strict: bool,
}

impl Origin {
    /// A script file as it stands.
    pub fn file(path: impl Into<String>) -> Self {
        Self { path: path.into(), preprocessor: None, strict: false }
    }

    /// Reads and compiles it. Diagnostics are in the result, also those of a script that fails.
    ///
    /// # Errors
    /// When the file cannot be read or the preprocessor fails.
    pub fn compile(&self, registry: &Registry) -> Result<Compiled> {
        let text = self.read()?;
        let mut files = Files { folder: self.folder() };
        let main = SourceText { name: self.name().to_owned(), text };
        Ok(compile(main, &mut files, registry, Options { strict: self.strict }))
    }

    /// Reads a file that the script or a module names: from here, else beside the script.
    ///
    /// # Errors
    /// As the first of the two places says.
    pub fn read_beside(&self, path: &str) -> std::io::Result<Vec<u8>> {
        Files { folder: self.folder() }.bytes(path, None).map(|(_, bytes)| bytes)
    }

    fn name(&self) -> &str {
        if self.path == "-" { "stdin" } else { &self.path }
    }

    fn folder(&self) -> PathBuf {
        Path::new(&self.path).parent().map_or_else(PathBuf::new, Path::to_path_buf)
    }

    fn read(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        if self.path == "-" {
            std::io::stdin().read_to_end(&mut text).context("standard input")?;
        } else {
            text = std::fs::read(&self.path).with_context(|| self.path.clone())?;
        }
        match &self.preprocessor {
            Some(command) => preprocess(command, text),
            None => Ok(text),
        }
    }
}

/// Pipes the text through a shell command (spec 1.1, `-p`).
fn preprocess(command: &str, text: Vec<u8>) -> Result<Vec<u8>> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("preprocessor `{command}`"))?;
    let mut input = child.stdin.take().context("preprocessor's standard input")?;
    // Written from a thread of its own: the command may print before it has read everything.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(&text));
        child.wait_with_output()
    })?;
    if !output.status.success() {
        bail!("preprocessor `{command}` failed: {}", output.status);
    }
    Ok(output.stdout)
}

/// Files by path: from the current folder, else relative to the one that names them (spec 1.1).
struct Files {
    folder: PathBuf,
}

impl Files {
    fn bytes(&self, path: &str, from: Option<&Path>) -> std::io::Result<(String, Vec<u8>)> {
        let beside = from.unwrap_or(&self.folder).join(path);
        std::fs::read(path).map(|bytes| (path.to_owned(), bytes)).or_else(|error| {
            let second = std::fs::read(&beside).map_err(|_| error)?;
            Ok((beside.display().to_string(), second))
        })
    }
}

impl Loader for Files {
    fn read(&mut self, path: &str, from: &str) -> std::io::Result<SourceText> {
        let (name, text) = self.bytes(path, Path::new(from).parent())?;
        Ok(SourceText { name, text })
    }
}
