//! Cuts the stream of a FIFO into requests. Pure: bytes in, requests out.
//!
//! Two forms come down the same pipe. JSON-RPC (3.x) is one line, `:REPLY:{"jsonrpc":...}`, whose
//! end some writers leave out. The text of 1.x is `:COMMAND:REPLY`, a parameter a line, an empty
//! line. Writers do not take turns, so what is unfinished ends with the next line that begins with
//! a colon, or when its writer has been silent ([`Frames::finish`]): nobody's rest is read as the
//! head of another's.

use std::mem;

use crate::limits::MI_REQUEST as LIMIT;

/// A request as it came down the pipe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// The name of a reply FIFO, and what should be JSON.
    Json {
        /// The reply FIFO; without a name nobody waits for an answer.
        reply: String,
        /// The rest of the line.
        body: String,
    },
    /// A command of 1.x.
    Text {
        /// The command.
        command: String,
        /// The reply FIFO; without a name nobody waits for an answer.
        reply: String,
        /// The lines of its parameters.
        lines: Vec<String>,
    },
    /// More than [`LIMIT`] bytes: the request as it would have been, without what came after.
    TooLong(Box<Frame>),
    /// Bytes that no request begins with.
    Stray,
}

/// The state between two reads.
#[derive(Default)]
pub struct Frames {
    /// A line that has not ended yet.
    line: Vec<u8>,
    /// Where in its JSON that line is.
    nest: Option<Nest>,
    /// The rest of the line is dropped.
    skips: bool,
    /// A request of 1.x whose empty line has not come, and its bytes so far.
    open: Option<(Frame, usize)>,
}

impl Frames {
    /// Takes what was read; appends the requests that are complete now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Frame>) {
        for byte in bytes {
            match byte {
                b'\n' if mem::take(&mut self.skips) => {}
                b'\n' => self.end_line(out),
                _ if self.skips => {}
                _ => self.add(*byte, out),
            }
        }
    }

    fn add(&mut self, byte: u8, out: &mut Vec<Frame>) {
        if self.nest.is_none() && matches!(byte, b'{' | b'[') && begins_json(&self.line) {
            self.nest = Some(Nest::default());
        }
        self.line.push(byte);
        self.limit(out);
        if let Some(nest) = &mut self.nest
            && nest.ends_with(byte)
        {
            self.end_line(out);
        }
    }

    /// Whether something has begun and not ended.
    pub fn is_pending(&self) -> bool {
        self.skips || !self.line.is_empty() || self.open.is_some()
    }

    /// Its writer has been silent for long: what there is, is all that comes.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        if !mem::take(&mut self.skips) && !self.line.is_empty() {
            self.end_line(out);
        }
        self.close(out);
    }

    fn limit(&mut self, out: &mut Vec<Frame>) {
        let before = self.open.as_ref().map_or(0, |(_, bytes)| *bytes);
        if before + self.line.len() <= LIMIT {
            return;
        }
        let line = mem::take(&mut self.line);
        self.nest = None;
        let begun = match self.open.take() {
            Some((frame, _)) if !line.starts_with(b":") => frame,
            other => {
                out.extend(other.map(|(frame, _)| frame));
                first_line(&line)
            }
        };
        out.push(Frame::TooLong(Box::new(begun)));
        self.skips = true;
    }

    fn end_line(&mut self, out: &mut Vec<Frame>) {
        let line = mem::take(&mut self.line);
        self.nest = None;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.first() == Some(&b':') {
            self.close(out);
            match first_line(line) {
                text @ Frame::Text { .. } => self.open = Some((text, line.len() + 1)),
                whole => out.push(whole),
            }
            return;
        }
        match &mut self.open {
            Some(_) if line.is_empty() => self.close(out),
            Some((Frame::Text { lines, .. }, bytes)) => {
                *bytes += line.len() + 1;
                lines.push(String::from_utf8_lossy(line).into_owned());
            }
            _ if line.is_empty() || out.last() == Some(&Frame::Stray) => {}
            _ => out.push(Frame::Stray),
        }
    }

    fn close(&mut self, out: &mut Vec<Frame>) {
        out.extend(self.open.take().map(|(frame, _)| frame));
    }
}

/// How deep in arrays and objects a JSON text is.
#[derive(Default)]
struct Nest {
    depth: usize,
    quoted: bool,
    escaped: bool,
}

impl Nest {
    /// Takes a byte; whether the text is complete with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        if mem::take(&mut self.escaped) {
            return false;
        }
        match byte {
            b'\\' if self.quoted => self.escaped = true,
            b'"' => self.quoted = !self.quoted,
            b'{' | b'[' if !self.quoted => self.depth += 1,
            b'}' | b']' if !self.quoted => self.depth = self.depth.saturating_sub(1),
            _ => return false,
        }
        self.depth == 0
    }
}

/// Whether a line is a reply name between colons, so that JSON can follow.
fn begins_json(line: &[u8]) -> bool {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    parts.next() == Some(b"")
        && parts.next().is_some()
        && parts.next().is_some_and(|rest| rest.trim_ascii().is_empty())
}

/// A line that begins a request. What follows the second colon says of which form it is: a name of
/// a file is the reply FIFO of 1.x, everything else is meant as JSON.
fn first_line(line: &[u8]) -> Frame {
    let line = String::from_utf8_lossy(line);
    let Some((first, rest)) = line.strip_prefix(':').and_then(|rest| rest.split_once(':')) else {
        return Frame::Stray;
    };
    // New names have a colon of their own: `:dispatcher:list:REPLY`.
    let (command, reply) = match rest.split_once(':') {
        Some((short, reply)) if is_name(short) => (format!("{first}:{short}"), reply),
        _ => (first.to_owned(), rest),
    };
    let reply = reply.trim_end();
    let of_file = |byte: u8| byte.is_ascii_graphic() && !b"{}[]\"".contains(&byte);
    if is_name(first) && reply.bytes().all(of_file) {
        return Frame::Text { command, reply: reply.to_owned(), lines: Vec::new() };
    }
    Frame::Json { reply: first.to_owned(), body: rest.to_owned() }
}

/// Whether this may be a command, or a part of its new name.
fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !text.is_empty() && text.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(reply: &str, body: &str) -> Frame {
        Frame::Json { reply: reply.to_owned(), body: body.to_owned() }
    }

    fn text(command: &str, reply: &str, lines: &[&str]) -> Frame {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Frame::Text { command: command.to_owned(), reply: reply.to_owned(), lines }
    }

    /// What comes out of a stream that is then silent, however it is cut into reads.
    fn frames(stream: &str) -> Vec<Frame> {
        let cut = |size: usize| {
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            stream.as_bytes().chunks(size).for_each(|read| frames.push(read, &mut out));
            frames.finish(&mut out);
            assert!(!frames.is_pending());
            out
        };
        let whole = cut(stream.len().max(1));
        for size in [1, 2, 3, 7] {
            assert_eq!(cut(size), whole, "in pieces of {size}: {stream}");
        }
        whole
    }

    #[test]
    fn both_forms() {
        let body = r#"{"jsonrpc":"2.0","method":"ps","id":1}"#;
        assert_eq!(frames(&format!(":out:{body}\n")), [json("out", body)]);
        assert_eq!(frames(&format!("::{body}\n")), [json("", body)]);
        assert_eq!(frames(":ps:out\n\n"), [text("ps", "out", &[])]);
        assert_eq!(frames(":ps:\n\n"), [text("ps", "", &[])]);
        let listed = text("dispatcher:list", "out", &["full"]);
        assert_eq!(frames(":dispatcher:list:out\nfull\n\n"), [listed]);
        assert_eq!(frames(":a:b\r\none\r\n\r\n"), [text("a", "b", &["one"])]);
    }

    #[test]
    fn json_ends_where_it_is_complete() {
        let tricky = r#"{"a":"}]\"{","b":[{},[1]]}"#;
        let both = format!(":r1:{tricky}:r2: [1]");
        assert_eq!(frames(&both), [json("r1", tricky), json("r2", " [1]")]);
        assert_eq!(
            frames(":a:r1\nx\n:r2:{}:b:r3\n")[1..],
            [json("r2", "{}"), text("b", "r3", &[])]
        );
        assert_eq!(
            frames(":r:{} {}\n:ps:r\n"),
            [json("r", "{}"), Frame::Stray, text("ps", "r", &[])]
        );
        assert_eq!(frames(":r:{\"a\n:ps:r\n"), [json("r", "{\"a"), text("ps", "r", &[])]);
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        frames.push(b":r:{}", &mut out);
        assert!(!frames.is_pending() && out == [json("r", "{}")], "nothing more is waited for");
    }

    #[test]
    fn requests_follow_each_other() {
        let stream = ":a:r1\nx\n\n:r2:{}\n\n\n:b:r3\n\n:r4:[]\n";
        let expected = [text("a", "r1", &["x"]), json("r2", "{}"), text("b", "r3", &[])];
        assert_eq!(frames(stream)[..3], expected);
        assert_eq!(frames(stream)[3..], [json("r4", "[]")]);
    }

    #[test]
    fn what_is_unfinished_ends_with_the_next_or_with_silence() {
        assert_eq!(frames(":a:r1\nx\n:r2:{}\n"), [text("a", "r1", &["x"]), json("r2", "{}")]);
        assert_eq!(frames(":a:r1\nx"), [text("a", "r1", &["x"])]);
        assert_eq!(frames(":r:{\"half"), [json("r", "{\"half")]);
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        frames.push(b":a:r1", &mut out);
        assert!(frames.is_pending() && out.is_empty());
        frames.push(b"\n\n", &mut out);
        assert!(!frames.is_pending() && out == [text("a", "r1", &[])]);
    }

    #[test]
    fn names_with_slashes_and_nonsense_are_told_apart() {
        assert_eq!(frames(":ps:../x\n\n"), [text("ps", "../x", &[])]);
        assert_eq!(frames(":../x:{}\n"), [json("../x", "{}")]);
        assert_eq!(frames(":out:not JSON at all\n"), [json("out", "not JSON at all")]);
        assert_eq!(frames(":out:\"x\"\n"), [json("out", "\"x\"")]);
        assert_eq!(frames("hello\nthere\n:ps:r\n\n"), [Frame::Stray, text("ps", "r", &[])]);
        assert_eq!(frames(":no second colon\n"), [Frame::Stray]);
        assert_eq!(frames(":\n\n\n"), [Frame::Stray]);
        assert_eq!(frames(""), []);
    }

    #[test]
    fn too_long_is_said_once_and_then_skipped() {
        let long = "x".repeat(LIMIT);
        for (stream, begun) in [
            (format!(":out:{{{long}{long}\n"), "out"),
            (format!(":ps:out\n{long}{long}\n"), "ps"),
            (format!(":ps:out\n{}", "x\n".repeat(LIMIT)), "ps"),
        ] {
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            stream.as_bytes().chunks(4096).for_each(|read| frames.push(read, &mut out));
            assert!(frames.line.is_empty() && frames.open.is_none(), "nothing is kept");
            frames.push(b":up:r\n\n", &mut out);
            let Some(Frame::TooLong(frame)) = out.first() else { panic!("{:?}", out.first()) };
            match frame.as_ref() {
                Frame::Json { reply, .. } => assert_eq!(reply, begun),
                Frame::Text { command, reply, .. } => {
                    assert_eq!((command.as_str(), reply.as_str()), (begun, "out"));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(out.last(), Some(&text("up", "r", &[])), "the next is understood");
        }
        let fits = format!(":out:{{{}", "x".repeat(LIMIT - 6));
        assert!(matches!(&frames_once(&fits)[..], [Frame::Json { .. }]));
    }

    fn frames_once(stream: &str) -> Vec<Frame> {
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        frames.push(stream.as_bytes(), &mut out);
        frames.finish(&mut out);
        out
    }
}
