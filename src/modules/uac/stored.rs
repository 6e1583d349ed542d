//! What Record-Route keeps of a replaced URI (spec 9.8), as OpenSIPS keeps it: the old and the new
//! one, one over the other by exclusive or, so that each of them and this give the other one.
//! Scrambled with a password if there is one, written in base 64 with `-` for padding.

use data_encoding::{BASE64, DecodePartial};

/// Longest URI that is stored, bytes: those of OpenSIPS (MAX_URI_SIZE).
const LONGEST: usize = 1_024;

/// Both URIs as a parameter's value; `None` when they are too long.
pub(super) fn encode(old: &[u8], new: &[u8], password: &[u8]) -> Option<String> {
    let (long, short) = if old.len() > new.len() { (old, new) } else { (new, old) };
    let mut both = long.to_vec();
    over(&mut both, short);
    scramble(&mut both, password);
    (both.len() <= LONGEST).then(|| BASE64.encode(&both).replace('=', "-"))
}

/// The other URI of a value and one of both; `None` when they do not belong together.
pub(super) fn decode(value: &[u8], known: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    if value.len() > BASE64.encode_len(LONGEST) {
        return None;
    }
    let padded: Vec<u8> =
        value.iter().map(|byte| if *byte == b'-' { b'=' } else { *byte }).collect();
    let mut other = vec![0; BASE64.decode_len(padded.len()).ok()?];
    let decoded = BASE64.decode_mut(&padded, &mut other);
    let len = decoded.map_err(|DecodePartial { .. }| ()).ok()?;
    other.truncate(len);
    scramble(&mut other, password);
    if known.len() > other.len() {
        return None;
    }
    over(&mut other, known);
    if known.len() == other.len() {
        let end = other.iter().rposition(|byte| *byte != 0)?;
        other.truncate(end + 1);
    }
    Some(other)
}

fn over(bytes: &mut [u8], other: &[u8]) {
    bytes.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

fn scramble(bytes: &mut [u8], password: &[u8]) {
    if !password.is_empty() {
        bytes.iter_mut().zip(password.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_both_gives_the_other() {
        for (old, new) in [
            ("sip:alice@atlanta.example", "sip:anonymous@anonymous.invalid"),
            ("sip:a-much-longer-user@atlanta.example", "sip:b@x"),
            ("sip:a@x", "sip:b@y"),
        ] {
            for password in ["", "my_secret_passwd"] {
                let (old, new) = (old.as_bytes(), new.as_bytes());
                let value = encode(old, new, password.as_bytes()).unwrap();
                assert!(!value.contains('='), "{value}");
                let other = |known| decode(value.as_bytes(), known, password.as_bytes());
                assert_eq!(other(old).as_deref(), Some(new));
                assert_eq!(other(new).as_deref(), Some(old));
            }
        }
    }

    /// What OpenSIPS writes: exclusive or of `sip:a@x` and `sip:bob@y`, in base 64.
    #[test]
    fn the_form_is_that_of_opensips() {
        let value = encode(b"sip:a@x", b"sip:bob@y", b"").unwrap();
        assert_eq!(value, "AAAAAAMvGkB5");
        let value = encode(b"sip:a@x", b"sip:bob", b"").unwrap();
        assert_eq!(value, "AAAAAAMvGg--");
    }

    #[test]
    fn what_does_not_fit_gives_nothing() {
        assert_eq!(decode(b"AAAAAAMvGg--", b"sip:a-longer-one@x", b""), None);
        assert_eq!(decode(b"not base 64", b"sip:a@x", b""), None);
        assert_eq!(decode(b"AAAA", b"sip", b"").as_deref(), Some(&b"sip"[..]));
        assert_eq!(decode(b"AAA", b"", b""), None);
        assert_eq!(encode(&[b'a'; LONGEST + 1], b"b", b""), None);
    }
}
