//! A dialog as one of its agents keeps it (RFC 3261 12), and the requests within it.

use crate::endpoint::Head;
use crate::message::{Message, uri};

/// One side of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    local: String,
    remote: String,
    target: String,
    /// Values of Record-Route in the order in which they are followed.
    routes: Vec<String>,
    call_id: String,
    cseq: u32,
    /// The ACK to the 2xx that came last.
    pub ack: Vec<u8>,
    /// Over.
    pub closed: bool,
}

impl Dialog {
    /// The caller's, from a 2xx to its INVITE (12.1.2).
    pub fn of_reply(reply: &Message<'_>) -> Self {
        let routes = reply.all("Record-Route").rev().map(str::to_owned);
        Self { routes: routes.collect(), ..Self::of(reply, "From", "To") }
    }

    /// The callee's, from the INVITE that it answers with this tag (12.1.1).
    pub fn of_request(request: &Message<'_>, tag: &str) -> Self {
        let routes = request.all("Record-Route").map(str::to_owned);
        let dialog = Self::of(request, "To", "From");
        Self { routes: routes.collect(), local: format!("{};tag={tag}", dialog.local), ..dialog }
    }

    fn of(message: &Message<'_>, local: &str, remote: &str) -> Self {
        let value = |name: &str| message.value(name).unwrap_or_default().to_owned();
        Self {
            local: value(local),
            remote: value(remote),
            target: message.uri("Contact").unwrap_or("sip:nobody@192.0.2.99").to_owned(),
            routes: Vec::new(),
            call_id: value("Call-ID"),
            cseq: message.cseq().map_or(0, |(number, _)| number),
            ack: Vec::new(),
            closed: false,
        }
    }

    /// Whether it is that with this tag of the other side.
    pub fn is_with(&self, tag: &str) -> bool {
        self.remote.ends_with(&format!(";tag={tag}"))
    }

    /// The parts of its next request.
    pub fn next(&mut self, strict: bool) -> Head {
        self.cseq += 1;
        self.head(self.cseq, strict)
    }

    /// The parts of a request with this number. `strict`: as an element of RFC 2543 sends it, with
    /// the first Route as Request-URI and the target as the last Route.
    pub fn head(&self, cseq: u32, strict: bool) -> Head {
        let mut routes = self.routes.clone();
        let mut target = self.target.clone();
        if strict && !routes.is_empty() {
            let first = routes.remove(0);
            routes.push(format!("<{target}>"));
            target = uri(&first).unwrap_or_default().to_owned();
        }
        Head {
            uri: target,
            routes,
            from: self.local.clone(),
            to: self.remote.clone(),
            call_id: self.call_id.clone(),
            cseq,
        }
    }
}
