//! What the program reads of this module to join it to the control plane.

/// The parameters, digested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// The path without its slash.
    pub root: String,
    /// Whether JSON is indented.
    pub pretty_printing: bool,
}
