//! Why a REGISTER is refused, and what it is answered (spec 6.4).

/// A reason, with its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    AorParse,
    AorLength,
    Unescape,
    Quality,
    To,
    CSeq,
    Expires,
    Contact,
    StarExpires,
    StarContacts,
    OldCSeq,
    TooMany,
    ContactLength,
    CallIdLength,
    Path,
    PathUnsupported,
    Insert,
    Fetch,
    NotReady,
}

impl Refusal {
    /// The status of the reply.
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::AorLength | Self::Insert | Self::Fetch => 500,
            Self::TooMany | Self::NotReady => 503,
            Self::PathUnsupported => 420,
            _ => 400,
        }
    }

    /// What P-Registrar-Error says.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::AorParse => "Error while parsing AOR",
            Self::AorLength => "Address Of Record too long",
            Self::Unescape => "Error while unescaping username",
            Self::Quality => "Invalid q param in contact",
            Self::To => "To header not found",
            Self::CSeq => "CSeq header not found",
            Self::Expires => "Expires parse error",
            Self::Contact => "Contact parse error",
            Self::StarExpires => "* used in contact and expires is not zero",
            Self::StarContacts => "* used in contact and more than 1 contact",
            Self::OldCSeq => "Invalid CSeq number",
            Self::TooMany => "Too many registered contacts",
            Self::ContactLength => "Contact/received too long",
            Self::CallIdLength => "Callid too long",
            Self::Path => "Path parse error",
            Self::PathUnsupported => "No support for found Path indicated",
            Self::Insert => "usrloc_contact_insert failed",
            Self::Fetch | Self::NotReady => "usrloc_record_get failed",
        }
    }
}

/// The reason phrase of a status.
pub(super) const fn phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        420 => "Bad Extension",
        503 => "Service Unavailable",
        _ => "Server Internal Error",
    }
}
