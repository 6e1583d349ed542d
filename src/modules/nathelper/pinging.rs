//! How contacts are pinged: what the parameters say (spec 9.4), and which contact gets what.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sluice_base::SocketId;
use sluice_engine::module::{Setup, SetupError};
use sluice_engine::next_hop::NextHop;
use sluice_engine::sockets::{Proto, Remote};
use sluice_sip::nameaddr::{NameAddr, items};
use sluice_sip::text::{is_enclosable, is_token};
use sluice_sip::uri::Uri;

use crate::usrloc::api::{Contact, Fixed, Locations, Table, flag, locations};

/// See the file's head; the same for all workers.
pub(super) struct Pinging {
    /// The contacts.
    pub locations: Arc<Locations>,
    /// Management may turn pings off.
    pub enabled: AtomicBool,
    /// `natping_interval`
    pub interval_ms: u64,
    /// Only contacts with this flag are pinged; 0: all.
    nated: u32,
    /// The flag of those that get SIP requests; 0: none.
    sipping: u32,
    /// The flag of those that are removed; 0: none.
    pub remove: u32,
    /// The flag of those whose latency is told; 0: none.
    pub latency: u32,
    /// Those that are reached by connections get SIP requests, too.
    tcp: bool,
    /// `sipping_from`
    pub from: Vec<u8>,
    /// `sipping_method`
    pub method: Vec<u8>,
    /// `sipping_ignore_rpl_codes`
    pub ignored: Vec<u16>,
    /// `natping_socket`
    pub source: Option<SocketId>,
    /// `force_socket`
    pub fallback: Option<SocketId>,
    /// `ping_threshold`
    pub threshold_ms: u64,
    /// `max_pings_lost`
    pub most_lost: u8,
    /// The host of our Call-IDs.
    pub host: String,
}

/// A ping to be sent: its contact, copied.
pub(super) struct Ping {
    pub table: Arc<Table>,
    pub aor: Box<[u8]>,
    /// The number of the contact.
    pub id: u64,
    pub uri: Box<[u8]>,
    pub path: Box<[u8]>,
    pub to: Remote,
    /// By which the contact was registered.
    pub socket: Option<SocketId>,
    /// A SIP request, else four zero bytes.
    pub is_sip: bool,
    /// Whether its answer counts.
    pub counts: bool,
}

impl Pinging {
    /// Reads the parameters; `None`: nothing is pinged.
    ///
    /// # Errors
    /// What is wrong with one of them, or that there are no contacts.
    pub fn read(setup: &mut Setup<'_>) -> Result<Option<Self>, SetupError> {
        let seconds = u64::try_from(setup.int("natping_interval", 0)).unwrap_or(0);
        if seconds == 0 {
            return Ok(None);
        }
        let Some(locations) = locations(setup) else {
            let why = "pings go to the contacts of usrloc: loadmodule \"usrloc.so\"";
            return Err(refusal(setup, "natping_interval", why.to_owned()));
        };
        let nated = match setup.int("ping_nated_only", 0) {
            0 => 0,
            _ if locations.options.nat_bflag == 0 => {
                let why = "ping_nated_only needs the parameter nat_bflag of usrloc";
                return Err(refusal(setup, "ping_nated_only", why.to_owned()));
            }
            _ => locations.options.nat_bflag,
        };
        let sipping = flag(setup, "sipping_bflag")?;
        let (remove, latency) =
            (flag(setup, "remove_on_timeout_bflag")?, flag(setup, "sipping_latency_flag")?);
        let tcp = setup.int("natping_tcp", 0) != 0;
        let text = |name: &str| setup.text(name).unwrap_or_default().to_owned();
        let (from, method) = (text("sipping_from"), text("sipping_method"));
        if (sipping != 0 || tcp) && Uri::parse(from.as_bytes()).is_none()
            || !from.is_empty() && !is_enclosable(from.as_bytes())
        {
            let why = format!("sipping_from is the URI that pings come from, not `{from}`");
            return Err(refusal(setup, "sipping_from", why));
        }
        let method = if method.is_empty() { "OPTIONS".to_owned() } else { method };
        if !is_token(method.as_bytes()) {
            return Err(refusal(setup, "sipping_method", format!("`{method}` is no method")));
        }
        let ignored = statuses(&text("sipping_ignore_rpl_codes"))
            .map_err(|why| refusal(setup, "sipping_ignore_rpl_codes", why))?;
        let host = setup.sockets.listen.first().map_or("localhost", |l| &l.sent_by).to_owned();
        Ok(Some(Self {
            locations,
            enabled: AtomicBool::new(true),
            interval_ms: seconds.saturating_mul(1_000),
            nated,
            sipping,
            remove,
            latency,
            tcp,
            from: from.into_bytes(),
            method: method.into_bytes(),
            ignored,
            source: socket(setup, "natping_socket")?,
            fallback: socket(setup, "force_socket")?,
            threshold_ms: setup.int("ping_threshold", 3).clamp(1, 3_600) as u64 * 1_000,
            most_lost: setup.int("max_pings_lost", 3).clamp(1, Fixed::LOST_MOST.into()) as u8,
            host,
        }))
    }

    /// The ping of a contact; `None`: it gets none.
    pub fn of(
        &self,
        table: &Arc<Table>,
        aor: &[u8],
        contact: &Contact<'_>,
        now_s: u32,
    ) -> Option<Ping> {
        let fixed = &contact.fixed;
        if !fixed.lives(now_s) || self.nated != 0 && fixed.cflags & self.nated == 0 {
            return None;
        }
        let wants_sip = fixed.cflags & self.sipping != 0;
        let hop = items(contact.path).next().and_then(NameAddr::parse);
        let direct = if contact.received.is_empty() { contact.uri } else { contact.received };
        let to = match NextHop::of_text(hop.filter(|_| wants_sip).map_or(direct, |hop| hop.uri)) {
            Some(NextHop::Addr(to)) => to,
            // Nothing behind a NAT is reached by a name.
            _ => return None,
        };
        let is_sip = wants_sip || to.proto != Proto::Udp;
        if to.proto != Proto::Udp && !self.tcp
            || is_sip && !(is_enclosable(contact.uri) && is_line(contact.path))
        {
            return None;
        }
        Some(Ping {
            table: Arc::clone(table),
            aor: aor.into(),
            id: fixed.id,
            uri: contact.uri.into(),
            path: contact.path.into(),
            to,
            socket: fixed.socket,
            is_sip,
            counts: is_sip && fixed.cflags & (self.remove | self.latency) != 0,
        })
    }
}

/// Whether a text that may come from a table can stand in a header.
fn is_line(text: &[u8]) -> bool {
    !text.iter().any(|byte| *byte < b' ')
}

fn refusal(setup: &Setup<'_>, name: &str, text: String) -> SetupError {
    SetupError { at: setup.param(name).map(|(_, at)| at), text }
}

/// One of our sockets.
fn socket(setup: &Setup<'_>, name: &str) -> Result<Option<SocketId>, SetupError> {
    let Some(text) = setup.text(name) else { return Ok(None) };
    match setup.sockets.named(text) {
        Some(socket) => Ok(Some(socket)),
        None => Err(refusal(setup, name, format!("`{text}` is not one of our sockets"))),
    }
}

/// Statuses with commas between.
fn statuses(text: &str) -> Result<Vec<u16>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let status = |word: &str| word.parse().ok().filter(|code| (100..700).contains(code));
    words.map(|word| status(word).ok_or_else(|| format!("`{word}` is no status"))).collect()
}
