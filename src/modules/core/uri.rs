//! Reading and rewriting parts of URIs, as `$rU`, `$dd` and `strip()` need it (spec 0, 1.9, 2.2).
//!
//! Takes and gives texts of the run. Rewriting checks nothing: what is no URI afterwards is
//! stored all the same, and its parts then read NULL.

use sluice_engine::digits::Digits;
use sluice_engine::{Ctx, Text, Value};
use sluice_sip::uri::{Scheme, Uri};

/// A part that variables read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The whole.
    Whole,
    /// The user.
    User,
    /// The host.
    Host,
    /// The port, or the default of the transport.
    Port,
    /// The transport, or its default.
    Transport,
}

/// Reads a part; NULL where there is no such part or no URI.
pub(super) fn read(ctx: &mut Ctx<'_>, whole: Option<Text>, part: Part) -> Value {
    let Some(text) = whole else { return Value::Null };
    let Some(uri) = ctx.uri(text) else { return Value::Null };
    match part {
        Part::Whole => Value::Text(text),
        Part::User => match uri.user {
            Some(user) if !user.is_empty() => Value::Text(ctx.piece(text, user)),
            _ => Value::Null,
        },
        Part::Host if uri.host.is_empty() => Value::Null,
        Part::Host => Value::Text(ctx.piece(text, uri.host)),
        Part::Port => {
            let port = i64::from(uri.port_or_default());
            Value::Both(ctx.keep(Digits::of(port).as_bytes()), port)
        }
        Part::Transport => match (uri.param("transport"), uri.scheme) {
            (Some(transport), _) => Value::Text(ctx.piece(text, transport)),
            (None, Scheme::Sips) => Value::Text(ctx.keep(b"tls")),
            (None, _) => Value::Text(ctx.keep(b"udp")),
        },
    }
}

/// A URI taken apart for rewriting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces {
    /// With its colon.
    scheme: Text,
    pub(super) user: Option<Text>,
    pub(super) password: Option<Text>,
    pub(super) host: Text,
    pub(super) port: Option<Text>,
    /// Parameters and headers with their `;` and `?`.
    pub(super) tail: Text,
}

impl Pieces {
    /// Takes a URI apart; `None` when it is none, or has no host (`tel:`).
    pub(super) fn of(ctx: &Ctx<'_>, text: Text) -> Option<Self> {
        let uri: Uri<'_> = ctx.uri(text).filter(|uri| !uri.host.is_empty())?;
        let colon = uri.text.iter().position(|byte| *byte == b':')?;
        let host = ctx.piece(text, uri.host);
        let after = uri.text.get((host.start + host.len - text.start) as usize..)?;
        let tail = after.iter().position(|byte| matches!(byte, b';' | b'?'));
        let (port, tail) = after.split_at(tail.unwrap_or(after.len()));
        Some(Self {
            scheme: ctx.piece(text, uri.text.get(..=colon)?),
            user: uri.user.map(|user| ctx.piece(text, user)),
            password: uri.password.map(|password| ctx.piece(text, password)),
            host,
            port: port.strip_prefix(b":").map(|port| ctx.piece(text, port)),
            tail: ctx.piece(text, tail),
        })
    }

    /// Puts it together in the arena.
    pub(super) fn join(self, ctx: &mut Ctx<'_>) -> Text {
        let whole = ctx.append(self.scheme);
        let user = self.user.filter(|user| user.len > 0);
        if let Some(user) = user {
            ctx.append(user);
        }
        if let Some(password) = self.password {
            ctx.keep(b":");
            ctx.append(password);
        }
        if user.is_some() || self.password.is_some() {
            ctx.keep(b"@");
        }
        ctx.append(self.host);
        if let Some(port) = self.port {
            ctx.keep(b":");
            ctx.append(port);
        }
        let tail = ctx.append(self.tail);
        Text { len: tail.start + tail.len - whole.start, ..whole }
    }
}
