//! The header lines that a management command gives for its request.

use sluice_engine::module::CommandError;
use sluice_sip::Kind;
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::{is_token, number};

use super::uac::CSEQ;

/// Those that are written in their own places, and all others.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Headers {
    /// The value of From.
    pub from: String,
    /// It has a tag.
    pub tagged: bool,
    /// The value of To.
    pub to: String,
    /// The Call-ID, if one is given.
    pub call_id: Option<String>,
    /// The CSeq number.
    pub cseq: u32,
    /// The others, each with its line end.
    pub lines: String,
}

type Refusal = CommandError;

fn refuse<T>(text: &str) -> Result<T, Refusal> {
    Err(CommandError::new(400, text))
}

impl Headers {
    /// Reads lines that end in CRLF, LF, or `\r\n` as one writes it in a shell.
    ///
    /// # Errors
    /// What is wrong, as OpenSIPS says it.
    pub fn read(text: &str, method: &str, body: &str) -> Result<Self, Refusal> {
        let [mut from, mut to, mut call_id, mut cseq] = [None, None, None, None];
        let (mut lines, mut typed) = (String::new(), false);
        for (name, value) in fields(text)? {
            match Kind::of(name.as_bytes()) {
                Kind::From => from = Some(value),
                Kind::To => to = Some(value),
                Kind::CallId => call_id = Some(value),
                Kind::CSeq => cseq = Some(value),
                // Whether there is a body or not: we count it.
                Kind::ContentLength => return refuse("Content-Length disallowed"),
                kind => {
                    typed |= kind == Kind::ContentType;
                    lines.extend([&name, ": ", &value, "\r\n"]);
                }
            }
        }
        if !body.is_empty() && !typed {
            return refuse("Content-Type missing");
        }
        let Some((to, _)) = to.map(|to| party(&to)).transpose()? else {
            return refuse("To missing");
        };
        let Some((from, tagged)) = from.map(|from| party(&from)).transpose()? else {
            return refuse("From missing");
        };
        let cseq = match cseq {
            Some(value) => number_of(&value, method)?,
            None => CSEQ,
        };
        let call_id = call_id.filter(|value| !value.is_empty());
        Ok(Self { from, tagged, to, call_id, cseq, lines })
    }
}

/// Names and values; a line that begins with a blank goes on with the one before.
fn fields(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let text = text.replace("\\r", "").replace("\\n", "\n");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let folded = line.starts_with([' ', '\t']);
        match (fields.last_mut(), line.split_once(':')) {
            (Some((_, value)), _) if folded => value.extend([" ", line.trim()]),
            (_, Some((name, value))) if is_token(name.trim_end().as_bytes()) => {
                fields.push((name.trim_end().to_owned(), value.trim().to_owned()));
            }
            _ => return refuse("Bad headers"),
        }
    }
    if fields.iter().any(|(_, value)| value.contains(['\r', '\0'])) {
        return refuse("Bad headers");
    }
    Ok(fields)
}

/// A value of From or To in brackets, and whether it has a tag.
fn party(value: &str) -> Result<(String, bool), Refusal> {
    let Some(party) = NameAddr::parse(value.as_bytes()) else {
        return refuse("Error in From or To");
    };
    let tagged = party.tag().is_some();
    if value.contains('<') {
        return Ok((value.to_owned(), tagged));
    }
    let (uri, params) = value.split_at(value.find(';').unwrap_or(value.len()));
    Ok((format!("<{}>{params}", uri.trim_end()), tagged))
}

fn number_of(cseq: &str, method: &str) -> Result<u32, Refusal> {
    let (digits, of) = cseq.split_once(' ').unwrap_or((cseq, ""));
    let Some(number) = number(digits.as_bytes()) else { return refuse("Bad CSeq number") };
    if of.trim() != method {
        return refuse("CSeq method mismatch");
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "From: sip:a@x\\r\\nTo: \"B\" <sip:b@x>;tag=9\\r\\n";

    #[test]
    fn lines_are_told_apart() {
        let read = Headers::read(
            "f: \"A, B\" <sip:a@x>;tag=1\r\nTo: sip:b@x;x=y\nX-One: 1\n\t2\r\nCall-ID: c\r\n\
             CSeq: 7 INFO\r\nContent-Type: text/plain\r\n",
            "INFO",
            "hi",
        );
        let expected = Headers {
            from: "\"A, B\" <sip:a@x>;tag=1".to_owned(),
            tagged: true,
            to: "<sip:b@x>;x=y".to_owned(),
            call_id: Some("c".to_owned()),
            cseq: 7,
            lines: "X-One: 1 2\r\nContent-Type: text/plain\r\n".to_owned(),
        };
        assert_eq!(read, Ok(expected));
        let read = Headers::read(BOTH, "INFO", "").unwrap();
        assert_eq!((read.from.as_str(), read.tagged, read.cseq), ("<sip:a@x>", false, 10));
    }

    #[test]
    fn what_is_wrong_is_said_as_opensips_says_it() {
        for (more, body, why) in [
            ("", "hi", "Content-Type missing"),
            ("Content-Length: 0", "", "Content-Length disallowed"),
            ("CSeq: x INFO", "", "Bad CSeq number"),
            ("CSeq: 1 BYE", "", "CSeq method mismatch"),
            ("no header", "", "Bad headers"),
            ("X: a\rb", "", "Bad headers"),
            ("From: <sip:a@x", "", "Error in From or To"),
        ] {
            let read = Headers::read(&format!("{BOTH}{more}"), "INFO", body);
            assert_eq!(read.map_err(|error| (error.code, error.text)), Err((400, why.to_owned())));
        }
        let missing = |text| Headers::read(text, "INFO", "").map_err(|error| error.text);
        assert_eq!(missing("From: sip:a@x"), Err("To missing".to_owned()));
        assert_eq!(missing("To: sip:a@x"), Err("From missing".to_owned()));
    }
}
