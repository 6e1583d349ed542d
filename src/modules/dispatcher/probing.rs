//! How destinations are probed: what the parameters say (spec 3.5, 3.8).

use sluice_base::SocketId;
use sluice_engine::module::SetupError;
use sluice_sip::text::is_token;
use sluice_sip::uri::Uri;

use super::given::Given;

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probing {
    /// `ds_ping_interval`
    pub interval_ms: u64,
    /// `ds_ping_method`
    pub method: String,
    /// `ds_ping_from`
    pub from: String,
    /// `ds_ping_maxfwd`
    pub max_forwards: Option<u32>,
    /// `ds_probing_mode` 1: active ones are asked too, and a failure counts.
    pub all: bool,
    /// `options_reply_codes`: good besides 200.
    pub codes: Vec<u16>,
    /// `ds_probing_sock`
    pub socket: Option<SocketId>,
    /// `ds_probing_list`; `None` is all sets.
    pub sets: Option<Vec<u32>>,
    /// Failures that make a destination probing.
    pub threshold: u32,
}

/// The From of probes that nobody gives another one.
const FROM: &str = "sip:dispatcher@localhost";

/// Reads the parameters; `None`: nothing is probed.
///
/// # Errors
/// What is wrong with one of them, or that `tm` is not loaded.
pub fn read(given: &Given<'_, '_>, threshold: u32) -> Result<Option<Probing>, SetupError> {
    let seconds = u64::try_from(given.int("ds_ping_interval", 0)).unwrap_or(0);
    let refuse = |name: &str, text: String| Err(SetupError { at: given.at(name), text });
    if seconds == 0 {
        return Ok(None);
    }
    if !given.setup.script.modules.contains(&"tm") {
        let why = "probing needs transactions: loadmodule \"tm.so\"";
        return refuse("ds_ping_interval", why.to_owned());
    }
    let method = given.text("ds_ping_method").unwrap_or_else(|| "OPTIONS".to_owned());
    if !is_token(method.as_bytes()) {
        return refuse("ds_ping_method", format!("`{method}` is no method"));
    }
    // Before 1.5 it was written without the scheme.
    let from = match given.text("ds_ping_from") {
        None => FROM.to_owned(),
        Some(from) if from.contains(':') => from,
        Some(from) => format!("sip:{from}"),
    };
    if Uri::parse(from.as_bytes()).is_none() || from.contains(['<', '>', '\r', '\n']) {
        return refuse("ds_ping_from", format!("`{from}` is no URI"));
    }
    let codes = match numbers(&given.text("options_reply_codes").unwrap_or_default()) {
        Ok(codes) => codes,
        Err(why) => return refuse("options_reply_codes", why),
    };
    let sets = match given.text("ds_probing_list").map(|list| numbers(&list)) {
        None => None,
        Some(Ok(sets)) => Some(sets),
        Some(Err(why)) => return refuse("ds_probing_list", why),
    };
    let socket = match given.text("ds_probing_sock") {
        None => None,
        Some(text) => match given.setup.sockets.named(&text) {
            Some(socket) => Some(socket),
            None => {
                return refuse("ds_probing_sock", format!("`{text}` is not one of our sockets"));
            }
        },
    };
    Ok(Some(Probing {
        interval_ms: seconds.saturating_mul(1_000),
        method,
        from,
        max_forwards: u32::try_from(given.int("ds_ping_maxfwd", -1)).ok(),
        all: given.int("ds_probing_mode", 0) == 1,
        codes,
        socket,
        sets,
        threshold,
    }))
}

/// Numbers parted by commas.
fn numbers<T: std::str::FromStr>(text: &str) -> Result<Vec<T>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let number = |word: &str| word.parse().map_err(|_| format!("`{word}` is not a number"));
    words.map(number).collect()
}
