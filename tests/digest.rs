//! Digest credentials as a server checks them, made anew from RFC 7616: an oracle for those that
//! the gateway gives.

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};

/// A parameter of credentials, without quotes.
pub fn given(credentials: &str, name: &str) -> Option<String> {
    let mut pieces = credentials.strip_prefix("Digest ")?.split(", ");
    let value = pieces.find_map(|piece| piece.strip_prefix(&format!("{name}=")))?;
    Some(value.trim_matches('"').to_owned())
}

/// The hash of a text in hexadecimal; `-sess` is left out.
///
/// # Panics
/// With an algorithm that RFC 8760 does not name.
pub fn hash(algorithm: &str, text: &str) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match algorithm.trim_end_matches("-sess") {
        "MD5" => hex(&Md5::digest(text)),
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-512-256" => hex(&Sha512_256::digest(text)),
        other => panic!("{other}"),
    }
}

/// What the credentials should say as response (RFC 7616 3.4.1), by an algorithm that they may not
/// name, of `username:realm:password` hashed.
pub fn response(
    credentials: &str,
    algorithm: &str,
    ha1: String,
    method: &str,
    body: &str,
) -> String {
    let get = |name: &str| given(credentials, name).unwrap_or_default();
    let hash = |text: &str| hash(algorithm, text);
    let (nonce, cnonce, qop) = (get("nonce"), get("cnonce"), get("qop"));
    let ha1 = match algorithm.ends_with("-sess") {
        true => hash(&format!("{ha1}:{nonce}:{cnonce}")),
        false => ha1,
    };
    let mut a2 = format!("{method}:{}", get("uri"));
    if qop == "auth-int" {
        a2 = format!("{a2}:{}", hash(body));
    }
    let ha2 = hash(&a2);
    match qop.as_str() {
        "" => hash(&format!("{ha1}:{nonce}:{ha2}")),
        _ => hash(&format!("{ha1}:{nonce}:{}:{cnonce}:{qop}:{ha2}", get("nc"))),
    }
}
