//! Answers to challenges: the users of a caller by number, all with one password (RFC 7616).

use sluice_sip::credentials::Credentials;
use sluice_sip::digest::{Algorithm, Quality, Question};
use sluice_sip::{Kind, Message};

use crate::template::{Numbers, Slot, put};

/// Who answers.
#[derive(Clone, Debug)]
pub struct Registrant {
    /// The host part of the URIs.
    pub domain: String,
    /// The password.
    pub password: String,
}

/// The client's nonce: replay is the server's concern here, and each nonce is used once.
const CNONCE: &[u8] = b"5368d1ce";

/// The first use of a nonce.
const COUNT: &[u8] = b"00000001";

impl Registrant {
    /// Writes Authorization for the first challenge that can be answered; false when none can.
    pub fn answer(&self, numbers: &Numbers, reply: &Message, out: &mut Vec<u8>) -> bool {
        let fields = reply.fields(Kind::WwwAuthenticate).map(|field| reply.text(field.value));
        let mut known = fields.filter_map(Credentials::parse).filter(Credentials::is_digest);
        known.any(|challenge| self.answer_one(numbers, &challenge, out).is_some())
    }

    fn answer_one(
        &self,
        numbers: &Numbers,
        challenge: &Credentials<'_>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (realm, nonce) = (challenge.realm()?, challenge.nonce()?);
        let named = challenge.param("algorithm");
        let algorithm = named.map_or(Some(Algorithm::DEFAULT), Algorithm::of_name)?;
        let offered = challenge.param("qop");
        let is_auth =
            |qop: &[u8]| qop.split(|byte| *byte == b',').any(|word| word.trim_ascii() == b"auth");
        let quality = match offered {
            None => Quality::None,
            Some(offered) if is_auth(offered) => Quality::Auth,
            Some(_) => return None,
        };
        let mut user = *b"callee000000";
        put(user.get_mut(6..6 + Slot::User.width())?, numbers.user, 10);
        let mut uri = b"sip:".to_vec();
        uri.extend_from_slice(self.domain.as_bytes());
        let question = Question {
            algorithm,
            quality,
            method: b"REGISTER",
            uri: &uri,
            nonce,
            cnonce: CNONCE,
            count: COUNT,
            body: b"",
        };
        let ha1 = algorithm.function.hash(&[&user, realm, self.password.as_bytes()]);
        let response = question.response(ha1);
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[b"Authorization: Digest username=\"", &user, b"\", realm=\"", realm]);
        put(&[b"\", nonce=\"", nonce, b"\", uri=\"", &uri, b"\", response=\""]);
        put(&[response.as_bytes(), b"\""]);
        if let Some(named) = named {
            put(&[b", algorithm=", named]);
        }
        if quality == Quality::Auth {
            put(&[b", qop=auth, nc=", COUNT, b", cnonce=\"", CNONCE, b"\""]);
        }
        put(&[b"\r\n"]);
        Some(())
    }
}
