//! A callee: one gateway's part in one call, as its manner says.

use crate::dialog::Dialog;
use crate::endpoint::{Endpoint, Heard, Out, Timer};
use crate::message::Message;
use crate::plan::Manner;

/// How long a callee waits before its own request within the dialog, in milliseconds.
const STEP_MS: u64 = 700;

/// See the file's head.
#[derive(Debug)]
pub struct Callee {
    manner: Manner,
    steps: &'static [&'static str],
    taken: usize,
    end: Endpoint,
    dialog: Option<Dialog>,
    /// Where an INVITE that may still be answered would begin a dialog.
    offered: Option<Dialog>,
    /// An ACK to its 2xx has come.
    pub confirmed: bool,
}

impl Callee {
    /// One that has heard nothing yet.
    pub fn new(
        manner: Manner,
        steps: &'static [&'static str],
        address: String,
        tag: String,
    ) -> Self {
        let end = Endpoint::new(address, tag);
        Self { manner, steps, taken: 0, end, dialog: None, offered: None, confirmed: false }
    }

    /// Whether it has sent a 2xx to an INVITE.
    pub fn has_answered(&self) -> bool {
        self.dialog.is_some()
    }

    /// A message has come.
    pub fn hear(&mut self, out: &mut Out, message: &Message<'_>) {
        if self.manner.is_silent() {
            return;
        }
        match self.end.hear(out, message) {
            Heard::Request(number) if message.method() == "CANCEL" => self.cancel(out, number),
            Heard::Request(number) if message.tag("To").is_some() => {
                self.within(out, number, message.method());
            }
            Heard::Request(number) => self.offer(out, number, message),
            Heard::Ack if !self.confirmed => {
                self.confirmed = true;
                out.after(STEP_MS, Timer::Step);
            }
            Heard::Reply(_) if message.status().is_some_and(|status| status >= 200) => {
                out.after(STEP_MS, Timer::Step);
            }
            _ => {}
        }
    }

    /// A timer is due.
    pub fn tick(&mut self, out: &mut Out, timer: Timer) {
        let Manner { ring, more, last, .. } = self.manner;
        match timer {
            Timer::Ring(number) => self.reply(out, number, ring.map(|(status, _)| status)),
            Timer::More(number) => self.reply(out, number, more.map(|(status, _)| status)),
            Timer::Answer(number) => self.reply(out, number, last.map(|(status, _)| status)),
            Timer::Step => self.step(out),
            layer => {
                if self.end.tick(out, layer) == Heard::Unconfirmed {
                    // RFC 3261 13.3.1.4: it gives the dialog up.
                    self.send_within(out, "BYE");
                }
            }
        }
    }

    /// A request out of any dialog.
    fn offer(&mut self, out: &mut Out, number: usize, message: &Message<'_>) {
        let Manner { ring, more, last, .. } = self.manner;
        if message.method() == "INVITE" {
            self.offered = Some(Dialog::of_request(message, &self.end.tag));
        }
        let mut at = |when: Option<(u16, u64)>, timer: Timer| {
            if let Some((_, ms)) = when {
                out.after(ms, timer);
            }
        };
        at(ring, Timer::Ring(number));
        at(more, Timer::More(number));
        at(last, Timer::Answer(number));
    }

    fn reply(&mut self, out: &mut Out, number: usize, status: Option<u16>) {
        let Some(status) = status else { return };
        let server = &self.end.servers[number];
        if server.status >= 200 {
            return;
        }
        let mut more = format!("Contact: <sip:{}>\r\n", self.end.address);
        if (200..300).contains(&status) && server.method == "INVITE" {
            self.dialog = self.offered.take();
            if self.manner.strict {
                // As if a strict router had been on the way.
                more += &format!("Record-Route: <sip:{}>\r\n", self.end.address);
            }
        }
        if let (300..400, Some(contact)) = (status, self.manner.contact) {
            more = format!("Contact: <{contact}>\r\n");
        }
        self.end.reply(out, number, status, &more);
    }

    /// RFC 3261 9.2.
    fn cancel(&mut self, out: &mut Out, number: usize) {
        let invite = self.end.cancelled(number);
        self.end.reply(out, number, if invite.is_some() { 200 } else { 481 }, "");
        if let Some(invite) = invite.filter(|_| self.manner.obeys) {
            self.reply(out, invite, Some(487));
        }
    }

    fn within(&mut self, out: &mut Out, number: usize, method: &str) {
        let open = self.dialog.as_ref().is_some_and(|dialog| !dialog.closed);
        if let (Some(dialog), "BYE") = (&mut self.dialog, method) {
            dialog.closed = true;
        }
        let contact = format!("Contact: <sip:{}>\r\n", self.end.address);
        self.end.reply(out, number, if open { 200 } else { 481 }, &contact);
    }

    fn step(&mut self, out: &mut Out) {
        if let Some(method) = self.steps.get(self.taken) {
            self.taken += 1;
            self.send_within(out, method);
        }
    }

    fn send_within(&mut self, out: &mut Out, method: &'static str) {
        let Some(dialog) = self.dialog.as_mut().filter(|dialog| !dialog.closed) else { return };
        dialog.closed |= method == "BYE";
        let head = dialog.next(false);
        self.end.request(out, method, head);
    }
}
