//! The credentials of a request that are for a realm, read and judged (RFC 7616 3.4, spec 7.2).

use sluice_base::Span;
use sluice_engine::value::Text;
use sluice_engine::{Ctx, Value};
use sluice_sip::credentials::Credentials;
use sluice_sip::uri::Uri;
use sluice_sip::{Kind, Method};

use super::limits;
use super::nonce::same;
use sluice_sip::digest::{Algorithm, Hash, Quality, Question};

/// Whose credentials: those of a registrar or user agent, or of a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// WWW-Authenticate, Authorization, 401.
    Www,
    /// Proxy-Authenticate, Proxy-Authorization, 407.
    Proxy,
}

/// Credentials as they are claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The whole field.
    pub line: Span,
    /// The username, whole.
    pub user: &'a [u8],
    /// The realm as the client wrote it.
    pub realm: &'a [u8],
    /// All that the response is made of.
    pub question: Question<'a>,
    response: &'a [u8],
}

/// Why there is no claim to judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unclaimed {
    /// No credentials for the realm.
    Absent,
    /// They cannot be read, or nobody here knows their algorithm.
    Bad,
}

impl<'a> Claim<'a> {
    /// The first credentials of the realm, in any case.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub fn find(ctx: &Ctx<'a>, side: Side, realm: &[u8]) -> Result<Self, Unclaimed> {
        let message = ctx.message;
        let kind = match side {
            Side::Www => Kind::Authorization,
            Side::Proxy => Kind::ProxyAuthorization,
        };
        for field in message.fields(kind) {
            let found = Credentials::parse(message.text(field.value));
            let Some(found) = found.filter(Credentials::is_digest) else { continue };
            if found.realm().is_some_and(|named| named.eq_ignore_ascii_case(realm)) {
                let read = Self::read(ctx, field.line, found);
                return read.ok_or(Unclaimed::Bad);
            }
        }
        Err(Unclaimed::Absent)
    }

    fn read(ctx: &Ctx<'a>, line: Span, credentials: Credentials<'a>) -> Option<Self> {
        let message = ctx.message;
        let mut claim = Self {
            line,
            user: b"",
            realm: b"",
            question: Question {
                algorithm: Algorithm::DEFAULT,
                quality: Quality::None,
                method: message.text(message.method_token()),
                uri: b"",
                nonce: b"",
                cnonce: b"",
                count: b"",
                body: message.text(message.body()),
            },
            response: b"",
        };
        for param in credentials.iter() {
            let value = param.value.unwrap_or_default();
            let is = |name: &str| param.name.eq_ignore_ascii_case(name.as_bytes());
            if is("username") {
                claim.user = value;
            } else if is("realm") {
                claim.realm = value;
            } else if is("nonce") {
                claim.question.nonce = value;
            } else if is("uri") {
                claim.question.uri = value;
            } else if is("response") {
                claim.response = value;
            } else if is("cnonce") {
                claim.question.cnonce = value;
            } else if is("nc") {
                claim.question.count = value;
            } else if is("algorithm") {
                claim.question.algorithm = Algorithm::of_name(value)?;
            } else if is("qop") {
                claim.question.quality = quality(value)?;
            }
        }
        claim.is_whole().then_some(claim)
    }

    /// RFC 7616 3.4: what must be there is.
    fn is_whole(&self) -> bool {
        let Question { quality, uri, nonce, cnonce, count, algorithm, .. } = self.question;
        let has_counts = !cnonce.is_empty() && !count.is_empty();
        let whole = [self.user, nonce, uri].iter().all(|part| !part.is_empty());
        let digits = self.response.len() == algorithm.function.digits();
        whole && digits && (quality == Quality::None || has_counts)
    }

    /// Whether the response is that of the user with this hash of user, realm and password.
    pub fn is_right(&self, ha1: Hash) -> bool {
        let expected = self.question.response(ha1);
        let mut given = [0; 64];
        let Some(given) = given.get_mut(..self.response.len()) else { return false };
        given.copy_from_slice(self.response);
        given.make_ascii_lowercase();
        same(given, expected.as_bytes())
    }

    /// User and domain of the username; no domain without `@`.
    pub fn user_and_domain(&self) -> (&'a [u8], Option<&'a [u8]>) {
        match self.user.iter().position(|byte| *byte == b'@') {
            Some(at) => (
                self.user.get(..at).unwrap_or_default(),
                Some(self.user.get(at + 1..).unwrap_or_default()),
            ),
            None => (self.user, None),
        }
    }
}

fn quality(word: &[u8]) -> Option<Quality> {
    match word {
        _ if word.eq_ignore_ascii_case(b"auth") => Some(Quality::Auth),
        _ if word.eq_ignore_ascii_case(b"auth-int") => Some(Quality::AuthInt),
        _ => None,
    }
}

/// The realm of a call: what the script says, or where that is empty the host of To in a REGISTER,
/// else that of From, without `realm_prefix` (spec 7.1). `None` when it cannot stand in a header.
pub fn realm(ctx: &mut Ctx<'_>, given: Value, prefix: &[u8]) -> Option<Text> {
    let given = given.text().filter(|text| text.len > 0);
    let text = match given {
        Some(text) => text,
        None => {
            let message = ctx.message;
            let party = match message.method() {
                Method::Register => message.to(),
                _ => message.from(),
            };
            let host = Uri::parse(party?.uri)?.host;
            let host = host.strip_prefix(prefix).unwrap_or(host);
            ctx.of_message(host)
        }
    };
    let bytes = ctx.bytes(text);
    let fits = !bytes.is_empty() && bytes.len() <= limits::REALM;
    let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7F);
    (fits && bytes.iter().all(plain)).then_some(text)
}
