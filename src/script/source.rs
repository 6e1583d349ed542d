//! Source files: their text, where they come from, and places in them.

/// A place in a source file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Location {
    /// Index into the list of files.
    pub file: u16,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset of the first byte within the file.
    pub start: u32,
    /// Byte offset one past the last byte.
    pub end: u32,
}

impl Location {
    /// From the beginning of this place to the end of another one in the same file.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        let end = if last.file == self.file { last.end.max(self.end) } else { self.end };
        Self { end, ..self }
    }
}

/// A source file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceText {
    /// Its name as users know it.
    pub name: String,
    /// Its bytes; need not be UTF-8.
    pub text: Vec<u8>,
}

impl SourceText {
    /// The bytes at a place.
    pub fn slice(&self, at: Location) -> &[u8] {
        self.text.get(at.start as usize..at.end as usize).unwrap_or_default()
    }
}

/// Reads the files named by `include_file` and `import_file`.
pub trait Loader {
    /// Reads `path`, first as it stands, then relative to the file `from` (spec 1.1).
    ///
    /// # Errors
    /// What the file system says; `NotFound` is no error for `import_file`.
    fn read(&mut self, path: &str, from: &str) -> std::io::Result<SourceText>;
}
