//! Challenges of a 401 or 407, and the credentials that answer them (RFC 3261 22, RFC 7616,
//! RFC 8760).

use sluice_sip::credentials::Credentials;

use super::limits::CHALLENGE_BYTES;
use sluice_sip::digest::{Algorithm, Hash, Quality, Question};

/// A challenge that can be answered, as far as the password allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge<'a> {
    /// A proxy's: the answer is Proxy-Authorization.
    pub proxy: bool,
    pub realm: &'a [u8],
    pub algorithm: Algorithm,
    /// The credentials were good, but their nonce is too old.
    pub stale: bool,
    nonce: &'a [u8],
    opaque: Option<&'a [u8]>,
    /// The algorithm is named in it.
    named: bool,
    quality: Quality,
}

/// The request that is answered for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub method: &'a [u8],
    pub uri: &'a [u8],
    pub body: &'a [u8],
}

/// The first use of a nonce: each challenge brings another one.
const COUNT: &[u8] = b"00000001";

impl<'a> Challenge<'a> {
    /// Reads the value of WWW-Authenticate or Proxy-Authenticate; `None` for what nobody here can
    /// answer: another scheme, algorithm or quality of protection.
    pub fn read(value: &'a [u8], proxy: bool) -> Option<Self> {
        if value.len() > CHALLENGE_BYTES {
            return None;
        }
        let params = Credentials::parse(value).filter(Credentials::is_digest)?;
        let named = params.param("algorithm");
        // RFC 7616 3.3: `auth` where both are offered, as in OpenSIPS.
        let quality = match params.param("qop") {
            None => Quality::None,
            Some(offered) => quality(offered)?,
        };
        // What comes back as it stands.
        let (realm, nonce, opaque) = (params.realm()?, params.nonce()?, params.param("opaque"));
        if ![realm, nonce, opaque.unwrap_or_default()].into_iter().all(is_quotable) {
            return None;
        }
        Some(Self {
            proxy,
            realm,
            algorithm: named.map_or(Some(Algorithm::DEFAULT), Algorithm::of_name)?,
            stale: params.param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case(b"true")),
            nonce,
            opaque,
            named: named.is_some(),
            quality,
        })
    }

    /// The header's name.
    pub fn header(&self) -> &'static [u8] {
        if self.proxy { b"Proxy-Authorization" } else { b"Authorization" }
    }

    /// Appends the header line that answers it.
    pub fn answer(
        &self,
        request: Request<'_>,
        user: &[u8],
        ha1: Hash,
        cnonce: &[u8],
        out: &mut Vec<u8>,
    ) {
        let Self { algorithm, quality, nonce, realm, .. } = *self;
        let Request { method, uri, body } = request;
        let count = COUNT;
        let question = Question { algorithm, quality, method, uri, nonce, cnonce, count, body };
        out.extend_from_slice(self.header());
        out.extend_from_slice(b": Digest username=\"");
        for byte in user {
            // RFC 3261 25.1, quoted-pair.
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        let texts: [&[u8]; 6] =
            [b"\", realm=\"", realm, b"\", nonce=\"", nonce, b"\", uri=\"", uri];
        texts.into_iter().for_each(|text| out.extend_from_slice(text));
        out.push(b'"');
        if let Some(opaque) = self.opaque {
            push(out, &[b", opaque=\"", opaque, b"\""]);
        }
        if self.named {
            push(out, &[b", algorithm=", algorithm.name().as_bytes()]);
        }
        if quality != Quality::None {
            push(out, &[b", qop=", quality_name(quality), b", nc=", COUNT]);
        }
        if quality != Quality::None || algorithm.session {
            push(out, &[b", cnonce=\"", cnonce, b"\""]);
        }
        push(out, &[b", response=\"", question.response(ha1).as_bytes(), b"\"\r\n"]);
    }
}

/// Whether a text may stand between quotes as it is: all of one line, and each quote in it escaped.
fn is_quotable(text: &[u8]) -> bool {
    let mut escaped = false;
    for byte in text {
        match byte {
            b'"' if !escaped => return false,
            byte if byte.is_ascii_control() => return false,
            byte => escaped = *byte == b'\\' && !escaped,
        }
    }
    !escaped
}

/// Whether a header line of ours was made with this password: then that has been refused.
pub(super) fn is_of(line: &[u8], request: Request<'_>, user: &[u8], ha1: Hash) -> bool {
    let value = line.iter().position(|byte| *byte == b':').and_then(|at| line.get(at + 1..));
    let Some(given) = value.and_then(Credentials::parse) else { return false };
    let algorithm = given.param("algorithm").map_or(Some(Algorithm::DEFAULT), Algorithm::of_name);
    let quality = given.param("qop").map_or(Some(Quality::None), quality);
    let (Some(algorithm), Some(quality)) = (algorithm, quality) else { return false };
    let text = |name| given.param(name).unwrap_or_default();
    let question = Question {
        algorithm,
        quality,
        method: request.method,
        uri: text("uri"),
        nonce: text("nonce"),
        cnonce: text("cnonce"),
        count: text("nc"),
        body: request.body,
    };
    text("username") == user && text("response") == question.response(ha1).as_bytes()
}

/// The realm of a header line of ours.
pub(super) fn realm_of(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().position(|byte| *byte == b':')?;
    Credentials::parse(line.get(at + 1..)?)?.realm()
}

fn quality(offered: &[u8]) -> Option<Quality> {
    let offers = |name: &str| {
        let mut words = offered.split(|byte| *byte == b',');
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    let known = [("auth", Quality::Auth), ("auth-int", Quality::AuthInt)];
    known.into_iter().find(|(name, _)| offers(name)).map(|(_, quality)| quality)
}

const fn quality_name(quality: Quality) -> &'static [u8] {
    match quality {
        Quality::AuthInt => b"auth-int",
        Quality::Auth | Quality::None => b"auth",
    }
}

fn push(out: &mut Vec<u8>, texts: &[&[u8]]) {
    texts.iter().for_each(|text| out.extend_from_slice(text));
}
