//! `t_uac_dlg` and `t_uac_cancel` (spec 9.7): a request by hand, and its final reply.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde_json::{Map, Value, json};
use sluice_base::SocketId;
use sluice_engine::module::{Command, CommandError, SharedState};
use sluice_engine::post::{Letter, Post};
use sluice_engine::sockets::{Listen, Sockets};
use sluice_engine::tm::local::{Asker, Cancel, Draft, Path, Report};
use sluice_sip::text::{is_token, number, trim};
use sluice_sip::{Index, Message};

use super::headers::Headers;
use super::state::State;
use super::uac::{host, is_target};

/// The table.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "t_uac_dlg",
        short: "uac_dlg",
        doc: "Sends a request with From, To and more headers; says its final reply.",
        params: &["method", "ruri", "next_hop?", "socket?", "headers?", "body?"],
        run: request,
    },
    Command {
        name: "t_uac_cancel",
        short: "uac_cancel",
        doc: "Cancels the INVITE of a Call-ID and CSeq number.",
        params: &["callid", "cseq"],
        run: cancel,
    },
];

type Answer = Result<Value, CommandError>;

fn refuse<T>(code: i32, text: &str) -> Result<T, CommandError> {
    Err(CommandError::new(code, text))
}

fn of(state: &dyn SharedState) -> Result<&State, CommandError> {
    match state.as_any().downcast_ref() {
        Some(state) => Ok(state),
        None => refuse(500, "the module is not running"),
    }
}

fn request(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let state = of(state)?;
    // In 1.x a dot is a parameter that is left out.
    let param = |at: usize| params.get(at).copied().flatten().filter(|text| *text != ".");
    let (asker, report) = sync_channel(1);
    let draft = draft(state, param, asker)?;
    ask(&state.post, Letter::Request(Box::new(draft)), &report)
}

fn cancel(state: &dyn SharedState, params: &[Option<&str>]) -> Answer {
    let state = of(state)?;
    let param = |at: usize| params.get(at).copied().flatten().unwrap_or_default();
    let Some(cseq) = number(param(1).as_bytes()) else { return refuse(400, "Bad CSeq number") };
    let (asker, report) = sync_channel(1);
    let call_id = param(0).as_bytes().to_vec();
    let letter = Letter::Cancel(Cancel { call_id, cseq, asker: Asker::Outside(asker) });
    ask(&state.post, letter, &report)
}

/// Writes the letter and waits for what comes of it: the end of its transaction, at the latest.
fn ask(post: &Post, letter: Letter, report: &Receiver<Report>) -> Answer {
    if let Err(why) = post.send(letter) {
        return refuse(500, &why.to_string());
    }
    match report.recv() {
        Ok(Report::Reply(reply)) => Ok(told(&reply)),
        Ok(Report::Silence(408)) => Ok(json!({ "Status": "408 Request Timeout" })),
        Ok(Report::Silence(status)) => Ok(json!({ "Status": status.to_string() })),
        Ok(Report::Unsent(status, reason)) => {
            refuse(i32::from(status), &format!("{reason} ({status}/MI/UAC)"))
        }
        Ok(Report::Cancelled(true)) => Ok(json!("OK")),
        Ok(Report::Cancelled(false)) => refuse(481, "No such transaction"),
        Err(_) => refuse(500, "MI/UAC failed"),
    }
}

/// A reply as OpenSIPS prints it: after a 2xx also the way of requests within the dialog.
fn told(reply: &[u8]) -> Value {
    let text = |bytes: &[u8]| json!(String::from_utf8_lossy(bytes));
    let mut index = Index::new();
    let mut lines = Map::new();
    if index.scan(reply).is_err() {
        return Value::Object(lines);
    }
    let message = Message { bytes: reply, index: &index };
    let start = message.text(message.start_line());
    lines
        .insert("Status".to_owned(), text(trim(start.get("SIP/2.0 ".len()..).unwrap_or_default())));
    if message.status().is_some_and(|status| status < 300) {
        let path = Path::of(&message);
        lines.insert("RURI".to_owned(), text(path.uri));
        lines.insert("Next-hop".to_owned(), text(path.first()));
        let last = path.last.map(|uri| [b"<", uri, b">"].concat());
        let routes = path.routes.iter().copied().chain(last.as_deref()).map(text);
        let routes: Vec<Value> = routes.collect();
        if !routes.is_empty() {
            lines.insert("Routes".to_owned(), Value::Array(routes));
        }
    }
    let rest = reply.get(usize::from(message.start_line().end)..).unwrap_or_default();
    lines.insert("Message".to_owned(), text(rest));
    Value::Object(lines)
}

fn draft<'p>(
    state: &State,
    param: impl Fn(usize) -> Option<&'p str>,
    asker: SyncSender<Report>,
) -> Result<Draft, CommandError> {
    let (method, uri) = (param(0).unwrap_or_default(), param(1).unwrap_or_default());
    if !is_token(method.as_bytes()) {
        return refuse(400, "Invalid method");
    }
    if !is_target(uri.as_bytes()) {
        return refuse(400, "Invalid ruri");
    }
    let next_hop = param(2).map(|uri| uri.as_bytes().to_vec());
    if next_hop.as_deref().is_some_and(|uri| !is_target(uri)) {
        return refuse(400, "Invalid next_hop");
    }
    let socket = match param(3) {
        Some(text) => Some(socket(&state.sockets, text)?),
        None => None,
    };
    // spec 9.7: `!!` is our address.
    let own = state.sockets.get(socket.unwrap_or_default());
    let own = own.map(|listen| listen.addr.to_string()).unwrap_or_default();
    let body = param(5).unwrap_or_default();
    let headers = Headers::read(&param(4).unwrap_or_default().replace("!!", &own), method, body)?;
    let Some(owners) = state.post.owners() else { return refuse(500, "MI/UAC failed") };
    let (call_id, tag) = owners.make(None, host(&state.sockets));
    let mut from = headers.from.into_bytes();
    if !headers.tagged {
        from.extend_from_slice(b";tag=");
        from.extend_from_slice(&tag);
    }
    Ok(Draft {
        method: method.as_bytes().to_vec(),
        uri: uri.as_bytes().to_vec(),
        from,
        to: headers.to.into_bytes(),
        call_id: headers.call_id.map_or(call_id, String::into_bytes),
        cseq: headers.cseq,
        next_hop,
        socket,
        lines: headers.lines.into_bytes(),
        body: body.as_bytes().to_vec(),
        avps: Vec::new(),
        asker: Asker::Outside(asker),
    })
}

/// Our socket of a text such as `udp:192.0.2.1:5060`; the transport may be left out, and the port
/// where it is the usual one.
fn socket(sockets: &Sockets, text: &str) -> Result<SocketId, CommandError> {
    let is = |listen: &Listen| {
        let place = listen.text.split_once(':').map_or("", |(_, place)| place);
        let same = |name: &str| name == text || name.strip_suffix(":5060") == Some(text);
        same(&listen.text) || same(place) || listen.tag.as_deref() == Some(text)
    };
    match sockets.listen.iter().position(is) {
        Some(at) => Ok(SocketId(at as u16)),
        None => refuse(404, "Local socket not found"),
    }
}
