//! A caller: carries out a plan's request, follows redirections, cancels, and lives its dialogs.

use crate::dialog::Dialog;
use crate::endpoint::{Endpoint, Head, Heard, Out, Timer};
use crate::message::Message;
use crate::plan::Plan;

/// How long a caller waits before its next request within the dialog, in milliseconds.
const STEP_MS: u64 = 400;

/// See the file's head.
#[derive(Debug)]
pub struct Caller {
    plan: Plan,
    end: Endpoint,
    call_id: String,
    /// The initial request; after a redirection the second one.
    initial: Option<usize>,
    cancel_due: bool,
    cancelled: bool,
    gone: bool,
    dialogs: Vec<Dialog>,
    /// Requests within dialogs, each with its dialog.
    within: Vec<(usize, usize)>,
    steps: usize,
    /// The final status of the initial request.
    pub outcome: Option<u16>,
    /// Requests within the dialog that a 2xx answered.
    pub done: usize,
}

impl Caller {
    /// One that has not begun.
    pub fn new(plan: Plan, address: String, call: u32, call_id: String) -> Self {
        Self {
            plan,
            end: Endpoint::new(address, format!("a{call}")),
            call_id,
            initial: None,
            cancel_due: false,
            cancelled: false,
            gone: false,
            dialogs: Vec::new(),
            within: Vec::new(),
            steps: 0,
            outcome: None,
            done: 0,
        }
    }

    /// A message has come.
    pub fn hear(&mut self, out: &mut Out, message: &Message<'_>) {
        if self.gone {
            return;
        }
        match self.end.hear(out, message) {
            Heard::Reply(number) if Some(number) == self.initial => self.hear_reply(out, message),
            Heard::Reply(number) => self.hear_within(out, number, message),
            Heard::Request(number) => self.hear_request(out, number, message),
            _ => {}
        }
    }

    /// A timer is due.
    pub fn tick(&mut self, out: &mut Out, timer: Timer) {
        match timer {
            _ if self.gone => {}
            Timer::Start => self.start(out),
            Timer::Cancel => {
                self.cancel_due = true;
                self.try_cancel(out);
            }
            Timer::Vanish => self.gone = true,
            Timer::Step => self.step(out, 0),
            layer => {
                if let Heard::Timeout(number) = self.end.tick(out, layer)
                    && Some(number) == self.initial
                {
                    self.outcome.get_or_insert(408);
                }
            }
        }
    }

    fn start(&mut self, out: &mut Out) {
        let head = Head {
            uri: self.plan.uri.clone(),
            routes: self.plan.routes.clone(),
            from: format!("<sip:caller@{}>;tag={}", self.end.address, self.end.tag),
            to: "<sip:callee@sim>".to_owned(),
            call_id: self.call_id.clone(),
            cseq: 1,
        };
        self.initial = Some(self.end.request(out, self.plan.method, head));
        if let Some(ms) = self.plan.cancel_ms {
            out.after(ms, Timer::Cancel);
        }
        if let Some(ms) = self.plan.vanish_ms {
            out.after(ms, Timer::Vanish);
        }
    }

    /// RFC 3261 9.1: only between a provisional and the final reply.
    fn try_cancel(&mut self, out: &mut Out) {
        let Some(initial) = self.initial else { return };
        if self.cancel_due && !self.cancelled && self.end.may_cancel(initial) {
            self.cancelled = true;
            self.end.cancel(out, initial);
        }
    }

    fn hear_reply(&mut self, out: &mut Out, message: &Message<'_>) {
        let status = message.status().unwrap_or_default();
        match status {
            ..200 => self.try_cancel(out),
            200..300 if self.plan.method == "INVITE" => {
                self.outcome = Some(status);
                self.answered(out, message);
            }
            300..400 if self.plan.follows && self.outcome.is_none() => {
                let again = message.uri("Contact").zip(self.initial);
                if let Some((uri, initial)) = again {
                    let head = self.end.clients[initial].head.clone();
                    let head = Head { uri: uri.to_owned(), cseq: head.cseq + 1, ..head };
                    self.plan.follows = false;
                    self.initial = Some(self.end.request(out, self.plan.method, head));
                }
            }
            _ => _ = self.outcome.get_or_insert(status),
        }
    }

    /// A 2xx: the first of a fork begins a dialog, each is acknowledged (13.2.2.4). One too many,
    /// and a call that was cancelled too late, end at once.
    fn answered(&mut self, out: &mut Out, message: &Message<'_>) {
        let tag = message.tag("To").unwrap_or_default();
        if let Some(known) = self.dialogs.iter().find(|dialog| dialog.is_with(tag)) {
            out.sends.push(known.ack.clone());
            return;
        }
        let mut dialog = Dialog::of_reply(message);
        let number = message.cseq().map_or(0, |(number, _)| number);
        dialog.ack = self.end.ack(&dialog.head(number, self.plan.strict));
        out.sends.push(dialog.ack.clone());
        self.dialogs.push(dialog);
        let at = self.dialogs.len() - 1;
        if at > 0 || self.cancelled {
            self.send_within(out, at, "BYE");
        } else {
            out.after(STEP_MS, Timer::Step);
        }
    }

    fn step(&mut self, out: &mut Out, at: usize) {
        let Some(method) = self.plan.caller_steps.get(self.steps) else { return };
        if self.dialogs.get(at).is_some_and(|dialog| !dialog.closed) {
            self.steps += 1;
            self.send_within(out, at, method);
        }
    }

    fn send_within(&mut self, out: &mut Out, at: usize, method: &'static str) {
        let Some(dialog) = self.dialogs.get_mut(at) else { return };
        dialog.closed |= method == "BYE";
        let head = dialog.next(self.plan.strict);
        let number = self.end.request(out, method, head);
        self.within.push((number, at));
    }

    fn hear_within(&mut self, out: &mut Out, number: usize, message: &Message<'_>) {
        let found = self.within.iter().position(|(one, _)| *one == number);
        let Some(at) = found.map(|found| self.within[found].1) else { return };
        let status = message.status().unwrap_or_default();
        if status < 200 {
            return;
        }
        let (cseq, method) = message.cseq().unwrap_or_default();
        if method == "INVITE" && status < 300 {
            let head = self.dialogs[at].head(cseq, self.plan.strict);
            if self.end.clients[number].head.cseq == self.acked(at) {
                out.sends.push(self.dialogs[at].ack.clone());
                return;
            }
            self.dialogs[at].ack = self.end.ack(&head);
            out.sends.push(self.dialogs[at].ack.clone());
        }
        self.done += usize::from(status < 300);
        out.after(STEP_MS, Timer::Step);
    }

    /// The number of CSeq that was acknowledged last in a dialog.
    fn acked(&self, at: usize) -> u32 {
        let ack = Message::read(&self.dialogs[at].ack);
        ack.and_then(|ack| ack.cseq()).map_or(0, |(number, _)| number)
    }

    /// A request of the callee's.
    fn hear_request(&mut self, out: &mut Out, number: usize, message: &Message<'_>) {
        let tag = message.tag("From").unwrap_or_default();
        let known = self.dialogs.iter_mut().find(|dialog| dialog.is_with(tag));
        let status = if known.is_some() { 200 } else { 481 };
        if let Some(dialog) = known {
            dialog.closed |= message.method() == "BYE";
        }
        let contact = format!("Contact: <sip:{}>\r\n", self.end.address);
        self.end.reply(out, number, status, &contact);
    }
}
