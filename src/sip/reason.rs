//! Why a message was refused. Each is a counter.

/// A refusal; nothing is answered unless the caller says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
#[repr(u8)]
pub enum Reason {
    /// Nothing, one byte, or only line ends, blanks and NULs: a keep-alive, ignored silently.
    #[error("keep-alive")]
    KeepAlive,
    /// The first byte is 0 to 3: STUN (RFC 7983 7), not SIP.
    #[error("STUN")]
    Stun,
    /// The first line is neither a request line nor a status line of SIP/2.0.
    #[error("bad first line")]
    FirstLine,
    /// A SIP version other than 2.0.
    #[error("bad SIP version")]
    Version,
    /// A header line without a colon, with an empty name, or with a byte a name cannot have.
    #[error("bad header")]
    Header,
    /// The headers do not end.
    #[error("headers do not end")]
    Unfinished,
    /// More header fields than `limits::FIELDS`.
    #[error("too many headers")]
    TooManyHeaders,
    /// No Via, From, To, Call-ID or CSeq, or one of them empty.
    #[error("mandatory header missing")]
    Mandatory,
    /// Content-Length larger than the body, negative, no number, or two different ones.
    #[error("bad Content-Length")]
    ContentLength,
    /// A Via that cannot be read.
    #[error("bad Via")]
    Via,
    /// A CSeq that cannot be read, or whose method is not the request's.
    #[error("bad CSeq")]
    CSeq,
    /// More than 65,535 bytes.
    #[error("too large")]
    TooLarge,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All, by number.
    pub const ALL: [Self; 12] = [
        Self::KeepAlive,
        Self::Stun,
        Self::FirstLine,
        Self::Version,
        Self::Header,
        Self::Unfinished,
        Self::TooManyHeaders,
        Self::Mandatory,
        Self::ContentLength,
        Self::Via,
        Self::CSeq,
        Self::TooLarge,
    ];
}
