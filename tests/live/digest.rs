//! Answers to challenges (RFC 2617): what a telephone does with 401 and 407.

use sluice_sip::credentials::Credentials;
use sluice_sip::digest::{Algorithm, Quality, Question};

use crate::sip::headers;

/// Who answers, and for what request.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub method: &'a str,
    pub uri: &'a str,
}

impl Login<'_> {
    /// The line that answers the challenge of a 401 or a 407.
    pub fn answer(self, reply: &str) -> String {
        let Self { user, password, method, uri } = self;
        let (name, value) =
            [("Authorization", "WWW-Authenticate"), ("Proxy-Authorization", "Proxy-Authenticate")]
                .iter()
                .find_map(|(name, asks)| Some((name, headers(reply, asks).first().copied()?)))
                .unwrap();
        let asked = Credentials::parse(value.as_bytes()).unwrap();
        let (realm, nonce) = (asked.realm().unwrap(), asked.nonce().unwrap());
        let algorithm = Algorithm::DEFAULT;
        let is_auth = asked.param("qop") == Some(b"auth");
        let question = Question {
            algorithm,
            quality: if is_auth { Quality::Auth } else { Quality::None },
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            nonce,
            cnonce: b"c",
            count: b"00000001",
            body: b"",
        };
        let ha1 = algorithm.function.hash(&[user.as_bytes(), realm, password.as_bytes()]);
        let response = question.response(ha1);
        let [realm, nonce, response] = [realm, nonce, response.as_bytes()]
            .map(|part| String::from_utf8_lossy(part).into_owned());
        let quality = if is_auth { ", qop=auth, nc=00000001, cnonce=\"c\"" } else { "" };
        format!(
            "{name}: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
             uri=\"{uri}\", response=\"{response}\"{quality}\r\n"
        )
    }
}
