//! The address of record of a URI (spec 6.1): its user, unescaped, and its domain where that
//! counts.

use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Text, Value};
use sluice_sip::uri::Uri;

use super::params::Options;
use super::refusal::Refusal;

/// The URI that a call names its user by: an argument, else `aor_avp` of 1.x.
pub(super) fn given(ctx: &Ctx<'_>, argument: Value, options: &Options) -> Option<Text> {
    let avp = || ctx.avp_newest(AvpKey::Slot(options.aor_avp?))?.text();
    argument.text().or_else(avp)
}

/// Writes the address of record of a URI into `to`, whose memory is used again.
pub(super) fn of_uri(uri: &[u8], options: &Options, to: &mut Vec<u8>) -> Result<(), Refusal> {
    to.clear();
    let uri = Uri::parse(uri).ok_or(Refusal::AorParse)?;
    let (user, host) = (uri.user.unwrap_or_default(), uri.host);
    if user.len() > options.max_username_len
        || host.len() > options.max_domain_len
        || user.len() + 1 + host.len() > options.max_aor_len
    {
        return Err(Refusal::AorLength);
    }
    unescape(user, to)?;
    let domain_at = to.len();
    if options.use_domain {
        if domain_at > 0 {
            to.push(b'@');
        }
        let prefix = options.realm_prefix.as_bytes();
        to.extend_from_slice(host.strip_prefix(prefix).filter(|h| !h.is_empty()).unwrap_or(host));
    }
    let small = if options.case_sensitive { domain_at } else { 0 };
    to.iter_mut().skip(small).for_each(u8::make_ascii_lowercase);
    if to.is_empty() { Err(Refusal::AorParse) } else { Ok(()) }
}

/// Escapes of what is no visible character of ASCII are refused.
fn unescape(user: &[u8], to: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut bytes = user.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            to.push(*byte);
            continue;
        }
        let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
        let value = digit(bytes.next()).zip(digit(bytes.next())).map(|(high, low)| high * 16 + low);
        match value {
            Some(byte @ 0x20..=0x7E) => to.push(byte as u8),
            _ => return Err(Refusal::Unescape),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aor(uri: &str, options: &Options) -> Result<String, Refusal> {
        let mut out = b"before".to_vec();
        of_uri(uri.as_bytes(), options, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_user_alone_or_with_its_domain() {
        let plain = Options::default();
        let domain = Options { use_domain: true, ..Options::default() };
        let any_case = Options { case_sensitive: false, ..domain.clone() };
        let prefix = Options { realm_prefix: "sip.".to_owned(), ..domain.clone() };
        for (uri, options, expected) in [
            ("sip:Alice@Example.com:5070;x=y", &plain, "Alice"),
            ("sip:Alice@Example.com", &domain, "Alice@example.com"),
            ("sip:Alice@Example.com", &any_case, "alice@example.com"),
            ("sip:al%69ce:pw@example.com", &plain, "alice"),
            ("sip:a%40b@h", &domain, "a@b@h"),
            ("sip:bob@sip.example.com", &prefix, "bob@example.com"),
            ("sip:bob@sip.", &prefix, "bob@sip."),
            ("sip:example.com", &domain, "example.com"),
            ("tel:+1555", &plain, "+1555"),
        ] {
            assert_eq!(aor(uri, options).as_deref(), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn what_is_no_address_of_record() {
        let (plain, long) = (Options::default(), |len: usize| "x".repeat(len));
        for (uri, expected) in [
            ("sip:example.com".to_owned(), Refusal::AorParse),
            ("hello".to_owned(), Refusal::AorParse),
            ("sip:a%00b@h".to_owned(), Refusal::Unescape),
            ("sip:a%zzb@h".to_owned(), Refusal::Unescape),
            ("sip:a%4@h".to_owned(), Refusal::Unescape),
            ("sip:a%e4@h".to_owned(), Refusal::Unescape),
            (format!("sip:{}@h", long(65)), Refusal::AorLength),
            (format!("sip:a@{}", long(65)), Refusal::AorLength),
            (format!("sip:{}@h", long(300)), Refusal::AorLength),
        ] {
            assert_eq!(aor(&uri, &plain), Err(expected), "{uri}");
        }
        assert!(aor(&format!("sip:{}@h", long(64)), &plain).is_ok());
    }
}
