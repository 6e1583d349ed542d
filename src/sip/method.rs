//! Request methods.

/// A method of RFC 3261 or an extension that scripts name; others are compared by text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the RFCs'")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Prack,
    Subscribe,
    Notify,
    Publish,
    Info,
    Refer,
    Message,
    Update,
    Other,
}

impl Method {
    /// The method of a token; methods are case-sensitive (RFC 3261 7.1).
    pub fn of(_token: &[u8]) -> Self {
        unimplemented!()
    }
}
