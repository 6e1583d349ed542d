//! How a list and its rules are written (spec 1.3):
//! `NAME[/FLAG[,FLAG]..][:RULES]`, where the rules are `[!]NET` or `{ RULE [, RULE].. }` and a rule
//! is `[!]([PROTO,] NET [, PORT [, "PATTERN"]])`. No blanks but within quotes.

use std::str::FromStr;

use super::{Kind, Rule};

/// Transports that a rule may name, be they built or not.
const PROTOS: [&str; 7] = ["udp", "tcp", "tls", "sctp", "ws", "wss", "bin"];

/// A list as the script defines it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Its flags; without any it is read-only.
    pub kind: Kind,
    /// Its rules.
    pub rules: Vec<Rule>,
}

impl FromStr for Definition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, rules) = text.split_once(':').map_or((text, None), |(h, r)| (h, Some(r)));
        let (name, flags) = head.split_once('/').map_or((head, None), |(n, f)| (n, Some(f)));
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(good) {
            return Err(format!("`{name}` is no name of a blacklist; {FORM}"));
        }
        let kind = flags.map_or(Ok(Kind { read_only: true, ..Kind::default() }), kind)?;
        let rules = rules.map_or(Ok(Vec::new()), rules_of)?;
        if kind.read_only && rules.is_empty() {
            return Err(format!("blacklist {name} has no rule and can get none; {FORM}"));
        }
        Ok(Self { name: name.to_owned(), kind, rules })
    }
}

impl FromStr for Rule {
    type Err = String;

    /// `[!][(] [PROTO,] NET [, PORT [, "PATTERN"]] [)]`
    fn from_str(text: &str) -> Result<Self, String> {
        let (negated, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let inner = text.strip_prefix('(').map_or(Some(text), |rest| rest.strip_suffix(')'));
        let inner = inner.ok_or_else(|| format!("the parenthesis of `{text}` is not closed"))?;
        let mut parts = split(inner);
        if parts.len() > 4 || parts.iter().any(|part| part.is_empty()) {
            return Err(format!("`{text}` is no rule of a blacklist; {FORM}"));
        }
        let first = parts.first().copied().unwrap_or_default().to_ascii_lowercase();
        let named = first == "any" || PROTOS.contains(&first.as_str());
        let proto = (named && first != "any").then(|| first.as_str().into());
        if named {
            parts.remove(0);
        }
        let mut parts = parts.into_iter();
        let net = parts.next().unwrap_or_default().parse()?;
        let port = parts.next().map_or(Ok(0), |port| {
            port.parse()
                .map_err(|_| format!("impossible port `{port}` (0, which is any, to 65535)"))
        })?;
        let pattern = parts.next().map(|part| part.trim_matches('"')).filter(|p| !p.is_empty());
        Ok(Self { negated, proto, net, port, pattern: pattern.map(Into::into), until_ms: None })
    }
}

const FORM: &str = "write name:{(udp, 10.0.0.0/8, 5060, \"\")}, or name/expire for an empty one";

fn kind(flags: &str) -> Result<Kind, String> {
    let mut kind = Kind::default();
    for flag in flags.split(',') {
        match flag {
            "expire" => kind.expires = true,
            "default" => kind.default = true,
            "readonly" => kind.read_only = true,
            _ => {
                return Err(format!("`{flag}` is no flag; there are expire, default, readonly"));
            }
        }
    }
    Ok(kind)
}

fn rules_of(text: &str) -> Result<Vec<Rule>, String> {
    let Some(inner) = text.strip_prefix('{') else { return Ok(vec![text.parse()?]) };
    let inner = inner.strip_suffix('}').ok_or("the brace of the blacklist is not closed")?;
    split(inner).into_iter().map(str::parse).collect()
}

/// Parts between the commas that stand outside of parentheses and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quoted) = (Vec::new(), 0, 0_i32, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Definition {
        text.parse().unwrap()
    }

    #[test]
    fn lists_as_the_manual_writes_them() {
        let list = read("gw:{(tcp,192.168.4.100,5060,\"\"),(any,192.168.4.101,0,\"\")}");
        assert_eq!((list.name.as_str(), list.kind.read_only), ("gw", true));
        assert_eq!(list.rules.len(), 2);
        assert_eq!((list.rules[0].proto.as_deref(), list.rules[0].port), (Some("tcp"), 5060));
        assert_eq!((list.rules[1].proto.as_deref(), list.rules[1].port), (None, 0));
        let list = read("words:{(any,192.168.20.0/255.255.255.0,0,\"MESSAGE*ugly, word\")}");
        assert_eq!(list.rules[0].pattern.as_deref(), Some("MESSAGE*ugly, word"));
        assert_eq!(list.rules[0].net.prefix, 24);
        assert!(read("other:{!(any,194.168.30.0/24)}").rules[0].negated);
        assert!(read("one:!10.0.0.0/8").rules[0].negated);
        assert_eq!(read("one:10.0.0.1").rules[0].net.prefix, 32);
        let list = read("net_dynamic/expire,default");
        assert_eq!(list.kind, Kind { read_only: false, expires: true, default: true });
        assert_eq!(list.rules, []);
        assert_eq!(read("six:{(udp,2001:db8::/32)}").rules[0].net.prefix, 32);
    }

    #[test]
    fn what_is_no_list_says_why() {
        for (text, why) in [
            ("", "no name"),
            ("gw", "has no rule"),
            ("gw:", "no rule"),
            ("gw/often:10.0.0.1", "no flag"),
            ("gw:{(udp,10.0.0.1,5060,\"\")", "not closed"),
            ("gw:{(udp,10.0.0.1", "not closed"),
            ("gw:{(udp,10.0.0.1,99999)}", "impossible port"),
            ("gw:{(icq,10.0.0.1)}", "`icq` is no address"),
            ("gw:{(udp,10.0.0.1,0,\"\",1)}", "no rule"),
            ("gw:{}", "no rule"),
            ("gw:10.0.0.0/33", "impossible network"),
        ] {
            let error = text.parse::<Definition>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
