//! SIP text as the agents and the invariants read it: a reader of its own, so that a fault of the
//! one under test cannot hide. Header lines are one value each and never compact, as the agents
//! write them.

/// A message; all borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The first line.
    pub line: &'a str,
    /// The header lines: name and value.
    pub fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Message<'a> {
    /// Reads one; `None` when it is no SIP as it is spoken here.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, _body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let line = lines.next()?;
        let fields: Option<Vec<_>> = lines.map(|line| line.split_once(": ")).collect();
        let message = Self { line, fields: fields? };
        let whole = ["Via", "From", "To", "Call-ID", "CSeq"];
        let complete = whole.iter().all(|name| message.value(name).is_some());
        (complete && message.cseq().is_some() && message.branch().is_some()).then_some(message)
    }

    /// The status of a reply.
    pub fn status(&self) -> Option<u16> {
        let code = self.line.strip_prefix("SIP/2.0 ")?.get(..3)?;
        code.parse().ok().filter(|code| (100..700).contains(code))
    }

    /// The method of a request; of a reply that of its CSeq.
    pub fn method(&self) -> &'a str {
        match self.status() {
            Some(_) => self.cseq().map_or("", |(_, method)| method),
            None => self.line.split(' ').next().unwrap_or_default(),
        }
    }

    /// The first value of a header.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.fields.iter().filter(move |(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<&'a str> {
        self.value("Via").and_then(branch_of)
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &'a str)> {
        let (number, method) = self.value("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method))
    }

    /// The tag of From or To.
    pub fn tag(&self, name: &str) -> Option<&'a str> {
        parameter(self.value(name)?.split_once('>')?.1, "tag")
    }

    /// The URI of a name-addr.
    pub fn uri(&self, name: &str) -> Option<&'a str> {
        uri(self.value(name)?)
    }

    /// Which call it belongs to, by the Call-ID that [`call_id`] makes.
    pub fn call(&self) -> Option<u32> {
        self.value("Call-ID")?.strip_prefix("call-")?.split_once('@')?.0.parse().ok()
    }
}

/// The Call-ID of a call.
pub fn call_id(call: u32, seed: u64) -> String {
    format!("call-{call}@{seed:x}.sim")
}

/// The branch of a Via.
pub fn branch_of(via: &str) -> Option<&str> {
    parameter(via, "branch")
}

/// What stands between the angle brackets.
pub fn uri(value: &str) -> Option<&str> {
    Some(value.split_once('<')?.1.split_once('>')?.0)
}

fn parameter<'a>(of: &'a str, name: &str) -> Option<&'a str> {
    of.split(';').skip(1).find_map(|one| one.strip_prefix(name)?.strip_prefix('='))
}
