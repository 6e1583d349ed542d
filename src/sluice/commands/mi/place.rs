//! Where a gateway takes commands, from what the user says.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// Where a gateway takes commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A named pipe.
    Fifo(PathBuf),
    /// A unix socket.
    Unix(PathBuf),
    /// A UDP socket, `HOST:PORT`.
    Udp(String),
    /// A page.
    Http(Url),
}

/// What is said of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Url {
    /// `HOST:PORT`.
    pub(super) host: String,
    /// With its slash.
    pub(super) path: String,
    /// `NAME:PASSWORD`.
    pub(super) login: Option<String>,
}

impl Place {
    /// Reads it; of a path the file says which kind it is.
    pub(super) fn of(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix("http://") {
            return Ok(Self::Http(Url::of(rest)));
        }
        if text.starts_with("https://") {
            bail!("{text}: https is not spoken here");
        }
        if let Some(place) = text.strip_prefix("udp:") {
            return Ok(Self::Udp(place.to_owned()));
        }
        match fs::metadata(text).map(|found| found.file_type()) {
            Ok(kind) if kind.is_fifo() => Ok(Self::Fifo(text.into())),
            Ok(kind) if kind.is_socket() => Ok(Self::Unix(text.into())),
            Ok(_) => bail!("{text} is no FIFO and no socket"),
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "there is no FIFO {text}: does a gateway run, with mi_fifo and this fifo_name?"
            ),
            Err(error) => Err(error).context(text.to_owned()),
        }
    }
}

impl Url {
    /// What follows `http://`.
    fn of(text: &str) -> Self {
        let (place, path) = match text.split_once('/') {
            Some((place, path)) if !path.is_empty() => (place, format!("/{path}")),
            Some((place, _)) => (place, "/mi".to_owned()),
            None => (text, "/mi".to_owned()),
        };
        let (login, host) = match place.rsplit_once('@') {
            Some((login, host)) => (Some(login.to_owned()), host),
            None => (None, place),
        };
        // The last colon of an IPv6 address is inside of its brackets.
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let host = if has_port { host.to_owned() } else { format!("{host}:8888") };
        Self { host, path, login }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_by_their_text() {
        let http = |host: &str, path: &str, login: Option<&str>| {
            let login = login.map(str::to_owned);
            Place::Http(Url { host: host.to_owned(), path: path.to_owned(), login })
        };
        for (text, expected) in [
            ("udp:127.0.0.1:8080", Place::Udp("127.0.0.1:8080".to_owned())),
            ("http://127.0.0.1:8888/mi", http("127.0.0.1:8888", "/mi", None)),
            ("http://[::1]/a/b", http("[::1]:8888", "/a/b", None)),
            ("http://gw/", http("gw:8888", "/mi", None)),
            ("http://ann:s@cret@gw:1", http("gw:1", "/mi", Some("ann:s@cret"))),
        ] {
            assert_eq!(Place::of(text).unwrap(), expected, "{text}");
        }
        for bad in ["https://gw/mi", "/nowhere/fifo", "/dev/null", "/"] {
            assert!(Place::of(bad).is_err(), "{bad}");
        }
    }
}
