//! What a REGISTER wants (RFC 3261 10.3, spec 6.2): its contacts with their expiries, read and
//! checked.
//!
//! Takes a message, gives borrowed parts. Contacts are read again whenever they are asked for, so
//! that nothing is allocated for them.

use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::{number, q_value};
use sluice_sip::uri::Uri;
use sluice_sip::{Kind, Message};

use super::cached::{Grants, Subject};
use super::flags::Save;
use super::params::Options;
use super::refusal::Refusal;
use crate::usrloc::api::methods;

/// A request to register.
pub(super) struct Request<'m> {
    message: Message<'m>,
    /// What is wanted.
    pub wish: Wish,
    /// Its Call-ID.
    pub call_id: &'m [u8],
    /// Its CSeq number.
    pub cseq: u32,
    /// Methods of contacts that name none.
    methods: u32,
    terms: Terms,
    /// What another registrar has granted, in place of the terms.
    grants: Option<Grants<'m>>,
}

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// To know all contacts.
    Ask,
    /// That all contacts go.
    Clear,
    /// That contacts come, go or stay.
    Change,
}

/// What contacts get.
#[derive(Clone, Copy)]
struct Terms {
    /// Seconds of those that name none.
    expires: u32,
    least: u32,
    most: u32,
    deviation: i64,
    q: i16,
    longest: usize,
    default_expires: u32,
}

/// A contact of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Given<'m> {
    /// Its URI.
    pub uri: &'m [u8],
    /// q times 1000; -1: none.
    pub q: i16,
    /// Seconds; 0: it shall go.
    pub expires: u32,
    /// The `received` parameter.
    pub received: Option<&'m [u8]>,
    /// The methods that it takes.
    pub methods: u32,
    /// `+sip.instance`.
    pub instance: &'m [u8],
}

impl<'m> Request<'m> {
    /// Reads all but the contacts. `random` spreads expiries.
    pub(super) fn read(
        subject: &Subject<'m>,
        options: &Options,
        flags: &Save,
        random: u64,
    ) -> Result<Self, Refusal> {
        let (message, grants) = (subject.message, subject.grants);
        let (cseq, _) = message.cseq().ok_or(Refusal::CSeq)?;
        if cseq >= 1 << 31 {
            // RFC 3261 8.1.1.5
            return Err(Refusal::OldCSeq);
        }
        let call_id = message.call_id();
        if call_id.len() > options.max_callid_len {
            return Err(Refusal::CallIdLength);
        }
        let expires = match message.value(Kind::Expires) {
            Some(value) if value.iter().all(u8::is_ascii_digit) && !value.is_empty() => {
                // RFC 3261 20.19: more than 32 bits is no number of seconds.
                Some(number(value).unwrap_or(options.default_expires))
            }
            Some(_) => return Err(Refusal::Expires),
            None => None,
        };
        let spread = u64::from(options.max_deviation) * 2 + 1;
        let terms = Terms {
            expires: expires.unwrap_or(options.default_expires),
            least: flags.min_expires.unwrap_or(options.min_expires),
            most: flags.max_expires.unwrap_or(options.max_expires),
            deviation: (random % spread) as i64 - i64::from(options.max_deviation),
            q: options.default_q,
            longest: options.max_contact_len,
            default_expires: options.default_expires,
        };
        let allow = message.field(Kind::Allow).map(|_| {
            let lists = message.fields(Kind::Allow);
            lists.fold(0, |bits, field| bits | methods::of_list(message.text(field.value)))
        });
        let wish = wish(message, expires)?;
        let methods = allow.unwrap_or(methods::ALL);
        Ok(Self { message, wish, call_id, cseq, methods, terms, grants })
    }

    /// The contacts in their order, each read or refused.
    pub(super) fn contacts(&self) -> impl Iterator<Item = Result<Given<'m>, Refusal>> {
        let items = self.message.items(Kind::Contact);
        items.map(|item| {
            let given = self.terms.given(item, self.methods)?;
            let granted = self.grants.map(|grants| grants.seconds(given.uri));
            Ok(Given { expires: granted.unwrap_or(given.expires), ..given })
        })
    }

    /// The User-Agent, cut to the length that a column of it has.
    pub(super) fn user_agent(&self) -> &'m [u8] {
        let text = self.message.value(Kind::UserAgent).unwrap_or(b"n/a");
        text.get(..255).unwrap_or(text)
    }
}

/// What the Contact headers are about.
fn wish(message: Message<'_>, expires: Option<u32>) -> Result<Wish, Refusal> {
    let (mut stars, mut others) = (0, 0);
    for item in message.items(Kind::Contact) {
        match item {
            b"*" => stars += 1,
            _ => others += 1,
        }
    }
    match (stars, others) {
        (0, 0) => Ok(Wish::Ask),
        (0, _) => Ok(Wish::Change),
        _ if expires != Some(0) => Err(Refusal::StarExpires),
        (1, 0) => Ok(Wish::Clear),
        _ => Err(Refusal::StarContacts),
    }
}

impl Terms {
    fn given<'m>(&self, item: &'m [u8], methods: u32) -> Result<Given<'m>, Refusal> {
        let contact = NameAddr::parse(item).ok_or(Refusal::Contact)?;
        let received = contact.param("received").filter(|received| !received.is_empty());
        if contact.uri.len() > self.longest || received.is_some_and(|r| r.len() > self.longest) {
            return Err(Refusal::ContactLength);
        }
        Uri::parse(contact.uri).ok_or(Refusal::Contact)?;
        let q = match contact.param("q").filter(|q| !q.is_empty()) {
            Some(q) => q_value(q).ok_or(Refusal::Quality)? as i16,
            None => self.q,
        };
        let expires = match contact.param("expires") {
            Some(text) => number(text).unwrap_or(self.default_expires),
            None => self.expires,
        };
        let instance = contact.param("+sip.instance").unwrap_or_default();
        if instance.len() > self.longest {
            return Err(Refusal::Contact);
        }
        Ok(Given {
            uri: contact.uri,
            q,
            expires: self.granted(expires),
            received,
            methods: contact.param("methods").map_or(methods, methods::of_list),
            instance,
        })
    }

    /// spec 6.2: nothing is refused as too brief; it is raised and lowered.
    fn granted(&self, wanted: u32) -> u32 {
        if wanted == 0 {
            return 0;
        }
        let spread = (i64::from(wanted) + self.deviation).clamp(1, u32::MAX.into()) as u32;
        let raised = spread.max(self.least);
        if self.most > 0 { raised.min(self.most) } else { raised }
    }
}
