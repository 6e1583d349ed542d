//! SIP and tel URIs as borrowed views (RFC 3261 19.1, RFC 3966).

/// A URI's scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the schemes")]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    Other,
}

/// A parsed URI; every part borrows from the text. Percent escapes stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The whole text.
    pub text: &'a [u8],
    /// `sip`, `sips`, `tel`.
    pub scheme: Scheme,
    /// User part without password.
    pub user: Option<&'a [u8]>,
    /// Password.
    pub password: Option<&'a [u8]>,
    /// Host; an IPv6 literal keeps its brackets.
    pub host: &'a [u8],
    /// Port as written.
    pub port: Option<u16>,
    /// Parameters without the leading `;`.
    pub params: &'a [u8],
    /// Headers without the leading `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a whole text as a URI; `None` when it is none.
    pub fn parse(_text: &'a [u8]) -> Option<Self> {
        unimplemented!()
    }

    /// The value of a parameter, any case; `Some(b"")` for one without value.
    pub fn param(&self, _name: &str) -> Option<&'a [u8]> {
        unimplemented!()
    }

    /// The port, else the default of its scheme and transport: 5060, 5061, 80, 443 (spec 0, 2.2).
    pub fn port_or_default(&self) -> u16 {
        unimplemented!()
    }

    /// The host as a literal address, brackets removed.
    pub fn host_ip(&self) -> Option<std::net::IpAddr> {
        unimplemented!()
    }
}
