//! The header kinds that anything in Sluice treats by meaning.

/// A header field's kind; everything else is [`Kind::Other`], found by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are RFC 3261's")]
pub enum Kind {
    Other,
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    Route,
    RecordRoute,
    ContentLength,
    ContentType,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    Expires,
    Event,
    ReferTo,
    Supported,
    Require,
    ProxyRequire,
    Allow,
    UserAgent,
    Server,
    Date,
    Path,
    Diversion,
    PAssertedIdentity,
    PPreferredIdentity,
    RemotePartyId,
    Subject,
    Reason,
    RetryAfter,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = Kind::RetryAfter as usize + 1;

    /// The kind of a header name, long or compact (RFC 3261 7.3.3), any case.
    pub fn of(_name: &[u8]) -> Self {
        unimplemented!()
    }
}
