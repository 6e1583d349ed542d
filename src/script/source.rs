//! Where a piece of script stands.

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
