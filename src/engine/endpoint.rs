//! Ports in texts of a script: `sip:host:99999` and `udp:host:0` can be told at load.

/// How a text begins that names an endpoint.
const SCHEMES: &[&[u8]] =
    &[b"sip:", b"sips:", b"udp:", b"tcp:", b"tls:", b"sctp:", b"ws:", b"wss:"];

/// Offset and length of a port that is none, in a URI or socket, perhaps between `<` and `>`.
pub(crate) fn impossible_port(text: &[u8]) -> Option<(usize, usize)> {
    let begin = text.iter().position(|b| *b == b'<').map_or(0, |at| at + 1);
    let inner = text.get(begin..)?;
    let named = |scheme: &&&[u8]| {
        inner.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    let scheme = SCHEMES.iter().find(named)?.len();
    let rest = inner.get(scheme..)?;
    let end = rest.iter().position(|b| b";?> ,\t".contains(b)).unwrap_or(rest.len());
    let digits = rest.get(..end)?.iter().rposition(|b| *b == b':')? + 1;
    let port = rest.get(digits..end)?;
    if port.is_empty() || !port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(port).ok()?.parse::<u64>().unwrap_or(u64::MAX);
    let possible = (1..=u64::from(u16::MAX)).contains(&number);
    (!possible).then_some((begin + scheme + digits, port.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ports_that_are_none_are_found() {
        let found = |text: &str| impossible_port(text.as_bytes());
        assert_eq!(found("sip:example.org:99999"), Some((16, 5)));
        assert_eq!(found("<SIP:bob:secret@10.0.0.1:0;lr>"), Some((25, 1)));
        assert_eq!(found("udp:[::1]:70000"), Some((10, 5)));
        assert_eq!(found("sip:a:99999999999999999999999"), Some((6, 23)));
        for fine in ["sip:a:5060", "sip:a", "sip:[::1]", "sip:$rd:$rp", "a:99999", "sip:x?y:0", ""]
        {
            assert_eq!(found(fine), None, "{fine}");
        }
    }
}
