//! `"Name" <uri>;params` of From, To, Contact, Route (RFC 3261 20.10).

/// One name-addr or addr-spec with its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The whole item.
    pub text: &'a [u8],
    /// Display name as in the message, with quotes; `None` when empty.
    pub name: Option<&'a [u8]>,
    /// The URI without angle brackets.
    pub uri: &'a [u8],
    /// Header parameters without the leading `;`.
    pub params: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one item.
    pub fn parse(_text: &'a [u8]) -> Option<Self> {
        unimplemented!()
    }

    /// The value of a header parameter, any case; `Some(b"")` for one without value.
    pub fn param(&self, _name: &str) -> Option<&'a [u8]> {
        unimplemented!()
    }

    /// The tag parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.param("tag")
    }
}

/// The comma-separated items of a header value; commas in quotes and brackets do not split.
pub fn items(_value: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(|| unimplemented!())
}
