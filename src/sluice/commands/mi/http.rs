//! A command by HTTP: posted as HTTP/1.0, so that the answer is whole when the connection ends.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use anyhow::{Context, Result, bail};
use data_encoding::BASE64;

use super::Patience;
use super::place::Url;

/// Longest answer, bytes: far more than any command has.
const ANSWER_MAX: usize = 256 * 1_048_576;

/// Posts a request; the body of the answer.
pub(super) fn ask(url: &Url, request: &str, patience: Patience) -> Result<Vec<u8>> {
    let mut stream = connect(url, patience).with_context(|| format!("http://{}", url.host))?;
    let login = url.login.iter().map(|login| {
        let login = BASE64.encode(login.as_bytes());
        format!("Authorization: Basic {login}\r\n")
    });
    let whole = format!(
        "POST {} HTTP/1.0\r\nHost: {}\r\n{}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{request}",
        url.path,
        url.host,
        login.collect::<String>(),
        request.len()
    );
    stream.set_write_timeout(Some(patience.left()?))?;
    stream.write_all(whole.as_bytes()).map_err(|error| patience.explain(error))?;
    body(&read(stream, patience)?)
}

fn connect(url: &Url, patience: Patience) -> Result<TcpStream> {
    let mut last = None;
    for address in url.host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience.left()?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    last.map_or_else(|| bail!("no address"), |error| Err(error.into()))
}

fn read(mut stream: TcpStream, patience: Patience) -> Result<Vec<u8>> {
    let (mut whole, mut bytes) = (Vec::new(), vec![0; 65_536]);
    loop {
        stream.set_read_timeout(Some(patience.left()?))?;
        let count = stream.read(&mut bytes).map_err(|error| patience.explain(error))?;
        if count == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if whole.len() > ANSWER_MAX {
            bail!("the answer has more than {ANSWER_MAX} bytes");
        }
    }
}

/// The body of an answer that is a reply to JSON-RPC, as also those to too long requests are.
fn body(answer: &[u8]) -> Result<Vec<u8>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = end.and_then(|end| answer.split_at_checked(end)).unwrap_or((answer, b""));
    let body = body.trim_ascii();
    let first = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let Some(status) = first.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..)) else {
        bail!("the answer is no HTTP: {}", String::from_utf8_lossy(first));
    };
    if status.starts_with(b"200") || body.starts_with(b"{") {
        return Ok(body.to_vec());
    }
    let (status, body) = (String::from_utf8_lossy(status), String::from_utf8_lossy(body));
    bail!("{status}{}{body}", if body.is_empty() { "" } else { ": " })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_what_is_none() {
        let read = |answer: &str| body(answer.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}\n"), Ok(b"{}".to_vec()));
        let large = "HTTP/1.1 413 Payload Too Large\r\n\r\n{\"error\":{}}";
        assert_eq!(read(large), Ok(b"{\"error\":{}}".to_vec()));
        let missing = Err("404 Not Found: no such page".to_owned());
        assert_eq!(read("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nno such page\n"), missing);
        assert_eq!(read("HTTP/1.0 405 Nope\r\n\r\n"), Err("405 Nope".to_owned()));
        assert!(read("hello").unwrap_err().contains("no HTTP: hello"));
    }
}
