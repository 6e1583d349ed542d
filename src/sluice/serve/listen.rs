//! Our sockets: from `-l`, from `listen`/`socket` globals, or every local address.

use std::net::{IpAddr, SocketAddr};

use sluice_engine::sockets::{Alias, Listen, Proto, Sockets};
use sluice_script::Script;
use sluice_script::ir::Setting;
use sluice_script::socket::{Endpoint, SUBDOMAINS, SocketText, endpoint, port, socket};
use sluice_script::source::Location;

/// Resolves a host name at start.
pub type Resolve<'a> = &'a dyn Fn(&str) -> Result<Vec<IpAddr>, String>;

/// A refused socket or alias.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}: {why}")]
pub struct Refused {
    /// Its place in the script; nothing on the command line.
    pub at: Option<Location>,
    /// As written.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

/// The socket table of a script; `given` are those of the command line, which go first and, if
/// there is any, replace the script's.
///
/// # Errors
/// The first that cannot be understood or resolved.
pub fn sockets(
    script: &Script,
    given: &[String],
    resolve: Resolve<'_>,
) -> Result<Sockets, Refused> {
    let globals = Globals::of(script);
    let mut sockets = Sockets::default();
    let written: Vec<(&str, Option<Location>)> = if given.is_empty() {
        globals.listen.clone()
    } else {
        given.iter().map(|text| (text.as_str(), None)).collect()
    };
    for (text, at) in &written {
        let listens =
            listen(text, &globals, resolve).map_err(|refused| Refused { at: *at, ..refused })?;
        for listen in listens {
            let twice = sockets.find(listen.proto, listen.addr).is_some();
            if !twice {
                sockets.listen.push(listen);
            }
        }
    }
    if written.is_empty() {
        sockets.listen = everywhere(&globals)?;
    }
    sockets.listen.retain(|listen| !globals.without_tcp || listen.proto != Proto::Tcp);
    // The driver has those of datagrams first.
    sockets.listen.sort_by_key(|listen| listen.proto.is_reliable());
    for (text, at) in &globals.aliases {
        match sockets.aliases.last_mut().filter(|_| *text == SUBDOMAINS) {
            Some(alias) => alias.subdomains = true,
            None => {
                let alias = alias(text).map_err(|refused| Refused { at: *at, ..refused })?;
                sockets.aliases.push(alias);
            }
        }
    }
    Ok(sockets)
}

impl Refused {
    fn new(text: &str, why: String) -> Self {
        Self { at: None, text: text.to_owned(), why }
    }
}

struct Globals<'a> {
    listen: Vec<(&'a str, Option<Location>)>,
    aliases: Vec<(&'a str, Option<Location>)>,
    port: u16,
    tcp_port: u16,
    /// `disable_tcp`: sockets of TCP are left out (1.x).
    without_tcp: bool,
    advertised_address: Option<&'a str>,
    advertised_port: Option<u16>,
}

impl<'a> Globals<'a> {
    fn of(script: &'a Script) -> Self {
        let mut globals = Self {
            listen: Vec::new(),
            aliases: Vec::new(),
            port: Proto::Udp.default_port(),
            tcp_port: Proto::Tcp.default_port(),
            without_tcp: false,
            advertised_address: None,
            advertised_port: None,
        };
        for global in &script.globals {
            let at = Some(global.at);
            match (global.name, &global.value) {
                ("socket", Setting::Text(t) | Setting::Word(t)) => globals.listen.push((t, at)),
                ("alias", Setting::Text(t) | Setting::Word(t)) => {
                    globals.aliases.extend(t.split_whitespace().map(|alias| (alias, at)));
                }
                ("port", Setting::Int(n)) => {
                    globals.port = port(*n).unwrap_or(globals.port);
                    globals.tcp_port = globals.port;
                }
                ("disable_tcp", Setting::Int(n)) => globals.without_tcp = *n != 0,
                ("advertised_address", Setting::Text(t) | Setting::Word(t)) => {
                    globals.advertised_address = Some(t);
                }
                ("advertised_port", Setting::Int(n)) => globals.advertised_port = port(*n),
                _ => {}
            }
        }
        for param in &script.params {
            let Setting::Int(n) = param.value else { continue };
            match (param.module, param.name) {
                ("proto_udp", "udp_port") => globals.port = port(n).unwrap_or(globals.port),
                ("proto_tcp", "tcp_port") => globals.tcp_port = port(n).unwrap_or(globals.tcp_port),
                _ => {}
            }
        }
        globals
    }
}

/// The sockets that a text names: one for each address of its host.
fn listen(text: &str, globals: &Globals<'_>, resolve: Resolve<'_>) -> Result<Vec<Listen>, Refused> {
    let refuse = |why: String| Refused::new(text, why);
    let parsed = socket(text).map_err(|misfit| refuse(misfit.why))?;
    let Endpoint { proto, host, port } = parsed.endpoint;
    let proto = match proto {
        Some(name) => Proto::of_name(name.as_bytes())
            .ok_or_else(|| refuse("only udp and tcp are there yet".into()))?,
        None => Proto::Udp,
    };
    let port = port.unwrap_or(match proto {
        Proto::Udp => globals.port,
        Proto::Tcp => globals.tcp_port,
    });
    let addresses = addresses(host, resolve).map_err(refuse)?;
    let entry = |ip| entry(&parsed, proto, SocketAddr::new(ip, port), globals);
    Ok(addresses.into_iter().map(entry).collect())
}

fn entry(parsed: &SocketText<'_>, proto: Proto, addr: SocketAddr, globals: &Globals<'_>) -> Listen {
    let own = parsed.advertised.map(|(host, port)| (host.to_owned(), port));
    let advertised = own.or_else(|| match (globals.advertised_address, globals.advertised_port) {
        (None, None) => None,
        (Some(host), port) => Some((host.to_owned(), port)),
        (None, port) => Some((SocketHost(addr.ip()).to_string(), port)),
    });
    // spec 11: the port is printed when it is not the default, and always for advertised ones.
    let sent_by = match &advertised {
        Some((host, port)) => format!("{host}:{}", port.unwrap_or(addr.port())),
        None if addr.port() == proto.default_port() => SocketHost(addr.ip()).to_string(),
        None => addr.to_string(),
    };
    let host = parsed.endpoint.host;
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let text = format!("{}:{addr}", proto.lower());
    let tag = parsed.tag.map(str::to_owned);
    let SocketText { anycast, subdomains, .. } = *parsed;
    Listen { proto, addr, name, advertised, tag, anycast, subdomains, text, sent_by }
}

/// An address as a SIP host: IPv6 in brackets.
struct SocketHost(IpAddr);

impl std::fmt::Display for SocketHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

fn addresses(host: &str, resolve: Resolve<'_>) -> Result<Vec<IpAddr>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse() {
        return Ok(vec![ip]);
    }
    let interfaces = if_addrs::get_if_addrs().map_err(|error| error.to_string())?;
    let named = |i: &&if_addrs::Interface| host == "*" || i.name == host;
    let local: Vec<IpAddr> =
        interfaces.iter().filter(named).map(if_addrs::Interface::ip).filter(usable).collect();
    if local.is_empty() { resolve(host) } else { Ok(local) }
}

/// Link-local IPv6 addresses need a scope that SIP cannot say.
fn usable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    }
}

fn everywhere(globals: &Globals<'_>) -> Result<Vec<Listen>, Refused> {
    let nobody = |_: &str| Err("no local address".to_owned());
    listen("udp:*", globals, &nobody)
}

fn alias(text: &str) -> Result<Alias, Refused> {
    let named = endpoint(text).map_err(|misfit| Refused::new(text, misfit.why))?;
    let host = named.host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let proto = named.proto.and_then(|proto| Proto::of_name(proto.as_bytes()));
    let port = named.port.unwrap_or(0);
    Ok(Alias { proto, host, port, subdomains: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody(name: &str) -> Result<Vec<IpAddr>, String> {
        Err(format!("{name}: unknown"))
    }

    fn one(text: &str) -> Listen {
        let sockets = sockets(&Script::default(), &[text.to_owned()], &nobody);
        sockets.expect("a socket").listen.remove(0)
    }

    fn why(text: &str) -> String {
        sockets(&Script::default(), &[text.to_owned()], &nobody).expect_err("refused").why
    }

    #[test]
    fn forms_of_a_socket() {
        assert_eq!(one("127.0.0.1").text, "udp:127.0.0.1:5060");
        assert_eq!(one("127.0.0.1").sent_by, "127.0.0.1");
        assert_eq!(one("udp:127.0.0.1:5080").sent_by, "127.0.0.1:5080");
        assert_eq!(one("udp:[::1]:5080").text, "udp:[::1]:5080");
        assert_eq!(one("::1").sent_by, "[::1]");
        let advertised = one("udp:127.0.0.1:5080 as sip.example.com use_workers 4 tag lan");
        assert_eq!(advertised.sent_by, "sip.example.com:5080");
        assert_eq!(advertised.tag.as_deref(), Some("lan"));
        assert_eq!(one("lo:5070").addr.port(), 5070);
        let shared = one("udp:127.0.0.1 anycast accept_subdomain");
        assert!(shared.anycast && shared.subdomains);
    }

    #[test]
    fn globals_about_names() {
        let global =
            |name, value| sluice_script::ir::Global { name, value, at: Location::default() };
        let aliases = Setting::Word("udp:a.example:5060 accept_subdomain b.example".to_owned());
        let script = Script {
            globals: vec![
                global("alias", aliases),
                global("advertised_port", Setting::Int(5090)),
                global("socket", Setting::Word("udp:127.0.0.1:5070".to_owned())),
                global("socket", Setting::Word("udp:127.0.0.1:5080 as h".to_owned())),
            ],
            ..Script::default()
        };
        let sockets = sockets(&script, &[], &nobody).expect("sockets");
        let sent_by: Vec<&str> = sockets.listen.iter().map(|l| l.sent_by.as_str()).collect();
        assert_eq!(sent_by, ["127.0.0.1:5090", "h:5080"]);
        let aliases: Vec<(&str, u16, bool)> =
            sockets.aliases.iter().map(|a| (a.host.as_str(), a.port, a.subdomains)).collect();
        assert_eq!(aliases, [("a.example", 5060, true), ("b.example", 0, false)]);
    }

    #[test]
    fn datagrams_go_before_streams() {
        let given = ["tcp:127.0.0.1:5080 as sip.example.com", "udp:127.0.0.1", "TCP:[::1]"];
        let given = given.map(str::to_owned);
        let sockets = sockets(&Script::default(), &given, &nobody).expect("sockets");
        let texts: Vec<&str> = sockets.listen.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5080", "tcp:[::1]:5060"]);
        assert_eq!(sockets.listen[1].sent_by, "sip.example.com:5080");
        let mut script = Script::default();
        let at = Location::default();
        let off = sluice_script::ir::Global { name: "disable_tcp", value: Setting::Int(1), at };
        script.globals.push(off);
        let sockets = super::sockets(&script, &given, &nobody).expect("sockets");
        assert_eq!(sockets.listen.len(), 1);
    }

    #[test]
    fn proto_udp_names_the_default_port() {
        let mut script = Script::default();
        script.params.push(sluice_script::ir::Param {
            module: "proto_udp",
            name: "udp_port",
            value: Setting::Int(5070),
            at: Location::default(),
        });
        assert_eq!(Globals::of(&script).port, 5070);
    }

    #[test]
    fn what_is_no_socket_is_said() {
        assert_eq!(why("udp:127.0.0.1:0"), "impossible port `0` (1 to 65535)");
        assert_eq!(why("127.0.0.1:99999"), "impossible port `99999` (1 to 65535)");
        assert_eq!(why("tls:127.0.0.1:5061"), "only udp and tcp are there yet");
        assert_eq!(why("nowhere.invalid"), "nowhere.invalid: unknown");
        assert_eq!(why("127.0.0.1 as"), "`as` needs a value");
        assert_eq!(why("127.0.0.1 loudly"), "unknown word `loudly`");
    }
}
