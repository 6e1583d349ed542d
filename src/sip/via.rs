//! Via (RFC 3261 20.42).

/// One Via value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The whole value, trimmed.
    pub text: &'a [u8],
    /// `UDP`, as written.
    pub transport: &'a [u8],
    /// Sent-by host, brackets kept.
    pub host: &'a [u8],
    /// Sent-by port as written.
    pub port: Option<u16>,
    /// Parameters without the leading `;`.
    pub params: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one value.
    pub fn parse(_text: &'a [u8]) -> Option<Self> {
        unimplemented!()
    }

    /// The value of a parameter, any case; `Some(b"")` for one without value.
    pub fn param(&self, _name: &str) -> Option<&'a [u8]> {
        unimplemented!()
    }
}
