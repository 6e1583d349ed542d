//! The header kinds that anything in Sluice treats by meaning.
//!
//! A name is told by its length and then by whole words with the case bit set, so that a usual name
//! costs a jump and one or two compares.

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
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        match name {
            [letter] => Self::of_letter(*letter),
            [b't' | b'T', b'o' | b'O'] => Self::To,
            [b'v' | b'V', b'i' | b'I', b'a' | b'A'] => Self::Via,
            _ => match name.len() {
                4..=7 => Self::of_short(name),
                8..=16 => Self::of_long(name),
                18..=20 => Self::of_longest(name),
                _ => Self::Other,
            },
        }
    }

    /// Compact forms: RFC 3261 7.3.3, RFC 6665 (`o`), RFC 3515 (`r`).
    #[inline]
    fn of_letter(letter: u8) -> Self {
        match letter | CASE {
            b'v' => Self::Via,
            b'f' => Self::From,
            b't' => Self::To,
            b'i' => Self::CallId,
            b'm' => Self::Contact,
            b'l' => Self::ContentLength,
            b'c' => Self::ContentType,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b'k' => Self::Supported,
            b's' => Self::Subject,
            _ => Self::Other,
        }
    }

    #[inline]
    fn of_short(name: &[u8]) -> Self {
        let Some(word) = short_word(name) else { return Self::Other };
        match name.len() {
            4 => among([FROM, CSEQ, DATE, PATH], word, 0),
            5 => among([ROUTE, ALLOW, EVENT], word, 0),
            6 => among([SERVER, REASON], word, 0),
            7 => among([CALL_ID, CONTACT, EXPIRES, SUBJECT, REQUIRE], word, 0),
            _ => Self::Other,
        }
    }

    #[inline]
    fn of_long(name: &[u8]) -> Self {
        let Some((head, tail)) = long_words(name) else { return Self::Other };
        match name.len() {
            8 => among([REFER_TO], head, tail),
            9 => among([SUPPORTED, DIVERSION], head, tail),
            10 => among([USER_AGENT], head, tail),
            11 => among([RETRY_AFTER], head, tail),
            12 => among([MAX_FORWARDS, CONTENT_TYPE, RECORD_ROUTE], head, tail),
            13 => among([AUTHORIZATION, PROXY_REQUIRE], head, tail),
            14 => among([CONTENT_LENGTH], head, tail),
            15 => among([REMOTE_PARTY_ID], head, tail),
            16 => among([WWW_AUTHENTICATE], head, tail),
            _ => Self::Other,
        }
    }

    /// Names that two words do not cover.
    fn of_longest(name: &[u8]) -> Self {
        [
            ("P-Asserted-Identity", Self::PAssertedIdentity),
            ("P-Preferred-Identity", Self::PPreferredIdentity),
            ("Proxy-Authorization", Self::ProxyAuthorization),
            ("Proxy-Authenticate", Self::ProxyAuthenticate),
        ]
        .into_iter()
        .find(|(long, _)| name.eq_ignore_ascii_case(long.as_bytes()))
        .map_or(Self::Other, |(_, kind)| kind)
    }
}

/// The bit that makes a letter a small one.
const CASE: u8 = 0x20;

/// A name as words. `fold` has the case bit at letters only, so that no other byte can pass for a
/// hyphen.
struct Spelling {
    kind: Kind,
    words: [u64; 2],
    fold: [u64; 2],
}

const FROM: Spelling = spelling(b"from", Kind::From);
const CSEQ: Spelling = spelling(b"cseq", Kind::CSeq);
const DATE: Spelling = spelling(b"date", Kind::Date);
const PATH: Spelling = spelling(b"path", Kind::Path);
const ROUTE: Spelling = spelling(b"route", Kind::Route);
const ALLOW: Spelling = spelling(b"allow", Kind::Allow);
const EVENT: Spelling = spelling(b"event", Kind::Event);
const SERVER: Spelling = spelling(b"server", Kind::Server);
const REASON: Spelling = spelling(b"reason", Kind::Reason);
const CALL_ID: Spelling = spelling(b"call-id", Kind::CallId);
const CONTACT: Spelling = spelling(b"contact", Kind::Contact);
const EXPIRES: Spelling = spelling(b"expires", Kind::Expires);
const SUBJECT: Spelling = spelling(b"subject", Kind::Subject);
const REQUIRE: Spelling = spelling(b"require", Kind::Require);
const REFER_TO: Spelling = spelling(b"refer-to", Kind::ReferTo);
const SUPPORTED: Spelling = spelling(b"supported", Kind::Supported);
const DIVERSION: Spelling = spelling(b"diversion", Kind::Diversion);
const USER_AGENT: Spelling = spelling(b"user-agent", Kind::UserAgent);
const RETRY_AFTER: Spelling = spelling(b"retry-after", Kind::RetryAfter);
const MAX_FORWARDS: Spelling = spelling(b"max-forwards", Kind::MaxForwards);
const CONTENT_TYPE: Spelling = spelling(b"content-type", Kind::ContentType);
const RECORD_ROUTE: Spelling = spelling(b"record-route", Kind::RecordRoute);
const AUTHORIZATION: Spelling = spelling(b"authorization", Kind::Authorization);
const PROXY_REQUIRE: Spelling = spelling(b"proxy-require", Kind::ProxyRequire);
const CONTENT_LENGTH: Spelling = spelling(b"content-length", Kind::ContentLength);
const REMOTE_PARTY_ID: Spelling = spelling(b"remote-party-id", Kind::RemotePartyId);
const WWW_AUTHENTICATE: Spelling = spelling(b"www-authenticate", Kind::WwwAuthenticate);

/// The kind among `spellings` that fits; `among` is unrolled, its spellings are constants.
#[inline(always)]
fn among<const N: usize>(spellings: [Spelling; N], head: u64, tail: u64) -> Kind {
    for spelling in spellings {
        let [head_fold, tail_fold] = spelling.fold;
        if [head | head_fold, tail | tail_fold] == spelling.words {
            return spelling.kind;
        }
    }
    Kind::Other
}

/// First and last four bytes of a name of 4 to 8.
#[inline(always)]
const fn short_word(name: &[u8]) -> Option<u64> {
    match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => {
            Some(u32::from_le_bytes(*head) as u64 | (u32::from_le_bytes(*tail) as u64) << 32)
        }
        _ => None,
    }
}

/// First and last eight bytes of a name of 8 to 16.
#[inline(always)]
const fn long_words(name: &[u8]) -> Option<(u64, u64)> {
    match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => Some((u64::from_le_bytes(*head), u64::from_le_bytes(*tail))),
        _ => None,
    }
}

/// The words of a name of 4 to 16 small letters and hyphens.
const fn spelling(lower: &[u8], kind: Kind) -> Spelling {
    let words = match (long_words(lower), short_word(lower)) {
        (Some((head, tail)), _) => [head, tail],
        (None, Some(word)) => [word, 0],
        (None, None) => [0, 0],
    };
    Spelling { kind, words, fold: [letters(words[0]), letters(words[1])] }
}

/// The case bit of each byte of `word` that is a letter.
const fn letters(word: u64) -> u64 {
    let mut bytes = word.to_le_bytes();
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = if bytes[at].is_ascii_alphabetic() { CASE } else { 0 };
        at += 1;
    }
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[(&str, &str, Kind)] = &[
        ("Via", "v", Kind::Via),
        ("From", "f", Kind::From),
        ("To", "t", Kind::To),
        ("Call-ID", "i", Kind::CallId),
        ("CSeq", "", Kind::CSeq),
        ("Contact", "m", Kind::Contact),
        ("Max-Forwards", "", Kind::MaxForwards),
        ("Route", "", Kind::Route),
        ("Record-Route", "", Kind::RecordRoute),
        ("Content-Length", "l", Kind::ContentLength),
        ("Content-Type", "c", Kind::ContentType),
        ("Authorization", "", Kind::Authorization),
        ("Proxy-Authorization", "", Kind::ProxyAuthorization),
        ("WWW-Authenticate", "", Kind::WwwAuthenticate),
        ("Proxy-Authenticate", "", Kind::ProxyAuthenticate),
        ("Expires", "", Kind::Expires),
        ("Event", "o", Kind::Event),
        ("Refer-To", "r", Kind::ReferTo),
        ("Supported", "k", Kind::Supported),
        ("Require", "", Kind::Require),
        ("Proxy-Require", "", Kind::ProxyRequire),
        ("Allow", "", Kind::Allow),
        ("User-Agent", "", Kind::UserAgent),
        ("Server", "", Kind::Server),
        ("Date", "", Kind::Date),
        ("Path", "", Kind::Path),
        ("Diversion", "", Kind::Diversion),
        ("P-Asserted-Identity", "", Kind::PAssertedIdentity),
        ("P-Preferred-Identity", "", Kind::PPreferredIdentity),
        ("Remote-Party-ID", "", Kind::RemotePartyId),
        ("Subject", "s", Kind::Subject),
        ("Reason", "", Kind::Reason),
        ("Retry-After", "", Kind::RetryAfter),
    ];

    #[test]
    fn every_kind_is_found_in_any_case_and_compact() {
        assert_eq!(NAMES.len() + 1, Kind::COUNT, "Other has no name");
        for (long, compact, kind) in NAMES {
            for name in [long.to_string(), long.to_lowercase(), long.to_uppercase()] {
                assert_eq!(Kind::of(name.as_bytes()), *kind, "{name}");
            }
            if !compact.is_empty() {
                assert_eq!(Kind::of(compact.as_bytes()), *kind, "{compact}");
                assert_eq!(Kind::of(compact.to_uppercase().as_bytes()), *kind, "{compact}");
            }
        }
    }

    #[test]
    fn one_changed_byte_is_another_name() {
        for (long, ..) in NAMES {
            for at in 0..long.len() {
                for byte in 0..=255u8 {
                    let mut name = long.as_bytes().to_vec();
                    name[at] = byte;
                    if !name.eq_ignore_ascii_case(long.as_bytes()) {
                        assert_ne!(Kind::of(&name), Kind::of(long.as_bytes()), "{name:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn anything_else_is_other() {
        for name in ["", "x", "Vi", "Vias", "P-Asserted-Identit", "Session-Expires", "-"] {
            assert_eq!(Kind::of(name.as_bytes()), Kind::Other, "{name}");
        }
    }
}
