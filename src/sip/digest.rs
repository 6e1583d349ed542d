//! Digest access authentication: algorithms, and the response to a challenge (RFC 2617, RFC 7616,
//! RFC 8760). Shared by those who ask for passwords and those who give them.
//!
//! Takes texts without their quotes, gives hexadecimal digits. Knows no message and no password
//! store.

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};

/// A hash in hexadecimal: 32 digits, or 64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    digits: [u8; 64],
    len: u8,
}

/// The hash functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512To256,
}

/// A hash function, and whether what it is given as password is renewed with each nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Algorithm {
    /// The hash.
    pub function: Function,
    /// `-sess`: the hash of the password is hashed again with both nonces.
    pub session: bool,
}

/// The quality of protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quality {
    /// Of RFC 2069: no client nonce, no count.
    None,
    /// `auth`
    Auth,
    /// `auth-int`: the body is protected, too.
    AuthInt,
}

/// By name, as it is written (RFC 8760 2.1).
const NAMES: [(&str, Algorithm); 6] = [
    ("MD5", Algorithm::plain(Function::Md5)),
    ("MD5-sess", Algorithm { function: Function::Md5, session: true }),
    ("SHA-256", Algorithm::plain(Function::Sha256)),
    ("SHA-256-sess", Algorithm { function: Function::Sha256, session: true }),
    ("SHA-512-256", Algorithm::plain(Function::Sha512To256)),
    ("SHA-512-256-sess", Algorithm { function: Function::Sha512To256, session: true }),
];

impl Algorithm {
    /// What a challenge that names none means.
    pub const DEFAULT: Self = Self::plain(Function::Md5);

    const fn plain(function: Function) -> Self {
        Self { function, session: false }
    }

    /// The algorithm of a name, any case; `None` for one that nobody knows here.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        known.map(|(_, algorithm)| *algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Its bit in a set of algorithms.
    pub fn bit(self) -> u8 {
        1 << (self.function as u8 * 2 + u8::from(self.session))
    }
}

/// Reads a list of algorithms, `MD5, SHA-256`: a bit for each.
///
/// # Errors
/// What was expected.
pub fn algorithms(text: &str) -> Result<i64, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let bits = words.map(|word| match Algorithm::of_name(word.as_bytes()) {
        Some(algorithm) => Ok(i64::from(algorithm.bit())),
        None => Err(format!("algorithms are MD5, SHA-256, SHA-512-256 and -sess, not `{word}`")),
    });
    bits.into_iter().try_fold(0, |all, bit| bit.map(|bit| all | bit))
}

/// The algorithms of a set, the strongest first.
pub fn strongest_first(bits: i64) -> impl Iterator<Item = Algorithm> {
    let all = NAMES.iter().rev().map(|(_, algorithm)| *algorithm);
    all.filter(move |algorithm| bits & i64::from(algorithm.bit()) != 0)
}

impl Function {
    /// How many hexadecimal digits its hashes have.
    pub const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 | Self::Sha512To256 => 64,
        }
    }

    /// The hash of parts with a colon between each two.
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        match self {
            Self::Md5 => hash::<Md5>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
            Self::Sha512To256 => hash::<Sha512_256>(parts),
        }
    }
}

fn hash<D: Digest>(parts: &[&[u8]]) -> Hash {
    let mut digest = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    let mut found = Hash { digits: [0; 64], len: 0 };
    for (byte, place) in digest.finalize().iter().zip(found.digits.chunks_exact_mut(2)) {
        for (digit, value) in place.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = HEX.get(usize::from(value)).copied().unwrap_or_default();
        }
        found.len += 2;
    }
    found
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Hash {
    /// One that is written down; `None` when it is not that many hexadecimal digits.
    pub fn read(text: &[u8], function: Function) -> Option<Self> {
        let whole = text.len() == function.digits() && text.iter().all(u8::is_ascii_hexdigit);
        let mut digits = [0; 64];
        digits.get_mut(..text.len()).filter(|_| whole)?.copy_from_slice(text);
        digits.make_ascii_lowercase();
        Some(Self { digits, len: text.len() as u8 })
    }

    /// Its digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// All that a response is made of, but the password.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The quality of protection.
    pub quality: Quality,
    /// The method of the request.
    pub method: &'a [u8],
    /// The URI that the credentials name.
    pub uri: &'a [u8],
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// The client's nonce.
    pub cnonce: &'a [u8],
    /// The nonce count, eight hexadecimal digits.
    pub count: &'a [u8],
    /// The body of the request.
    pub body: &'a [u8],
}

impl Question<'_> {
    /// The response; `ha1` is the hash of `username:realm:password` (RFC 7616 3.4.1 to 3.4.3).
    pub fn response(&self, ha1: Hash) -> Hash {
        let Self { quality, method, uri, nonce, cnonce, count, .. } = *self;
        let function = self.algorithm.function;
        let ha1 = match self.algorithm.session {
            true => function.hash(&[ha1.as_bytes(), nonce, cnonce]),
            false => ha1,
        };
        let ha2 = match quality {
            Quality::AuthInt => {
                function.hash(&[method, uri, function.hash(&[self.body]).as_bytes()])
            }
            Quality::None | Quality::Auth => function.hash(&[method, uri]),
        };
        let (ha1, ha2) = (ha1.as_bytes(), ha2.as_bytes());
        match quality {
            Quality::None => function.hash(&[ha1, nonce, ha2]),
            Quality::Auth => function.hash(&[ha1, nonce, count, cnonce, b"auth", ha2]),
            Quality::AuthInt => function.hash(&[ha1, nonce, count, cnonce, b"auth-int", ha2]),
        }
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(hash: Hash) -> String {
        format!("{hash:?}")
    }

    #[test]
    fn the_example_of_rfc_2617() {
        let function = Function::Md5;
        let ha1 = function.hash(&[b"Mufasa", b"testrealm@host.com", b"Circle Of Life"]);
        let question = Question {
            algorithm: Algorithm::DEFAULT,
            quality: Quality::Auth,
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: b"0a4f113b",
            count: b"00000001",
            body: b"",
        };
        assert_eq!(text(question.response(ha1)), "6629fae49393a05397450978507c4ef1");
        let old = Question { quality: Quality::None, ..question };
        assert_eq!(text(old.response(ha1)), "670fd8c2df070c60b045671b8b24ff02");
    }

    /// RFC 7616 3.9.1; MD5 and SHA-256 of one request.
    #[test]
    fn the_examples_of_rfc_7616() {
        let of = |name: &[u8]| {
            let algorithm = Algorithm::of_name(name).unwrap();
            let user = b"Mufasa";
            let parts: [&[u8]; 3] = [user, b"http-auth@example.org", b"Circle of Life"];
            let question = Question {
                algorithm,
                quality: Quality::Auth,
                method: b"GET",
                uri: b"/dir/index.html",
                nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                count: b"00000001",
                body: b"",
            };
            text(question.response(algorithm.function.hash(&parts)))
        };
        assert_eq!(of(b"md5"), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            of(b"SHA-256"),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn names_and_hashes_are_read() {
        for (name, algorithm) in NAMES {
            assert_eq!(Algorithm::of_name(name.to_lowercase().as_bytes()), Some(algorithm));
            assert_eq!(algorithm.name(), name);
        }
        let bits = NAMES.iter().fold(0, |bits, (_, algorithm)| bits | algorithm.bit());
        assert_eq!(bits, 0b11_1111);
        assert_eq!(Algorithm::of_name(b"AKAv1-MD5"), None);
        let hash = Hash::read(b"C17ba8157756f263d07e158504204629", Function::Md5).unwrap();
        assert_eq!(text(hash), "c17ba8157756f263d07e158504204629");
        assert_eq!(Hash::read(b"c17ba8157756f263d07e158504204629", Function::Sha256), None);
        assert_eq!(Hash::read(b"x17ba8157756f263d07e158504204629", Function::Md5), None);
    }
}
