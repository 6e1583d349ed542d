//! `allow_trusted()` of 1.x: peers by address, transport and the URI of From, from a table of their
//! own. Read when a script that asks it is put in force, and again by `trusted_reload`.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;
use regex::bytes::Regex;
use sluice_engine::db::Source;
use sluice_engine::module::{Flow, Function};
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::{ParamKind, Routes};
use sluice_script::regex::compile_whole;
use sluice_sip::uri::literal_addr;

use super::Worker;
use super::addresses::proto_of;
use super::functions::{NOT_STARTED, proto, proto_word};
use crate::rows;
use crate::table::{function, optional};

/// `allow_trusted([ip, proto])`
pub(super) const ALLOW_TRUSTED: Function = function(
    "allow_trusted",
    "1.x: whether an address, else the sender's, and From are in the table of trusted peers.",
    &[optional("ip", ParamKind::Text), optional("proto", ParamKind::Word(proto_word))],
    Routes::REQUESTS,
    allow_trusted,
);

/// The table.
pub struct TrustedTable {
    /// The database.
    pub source: Arc<dyn Source>,
    /// The table.
    pub table: Arc<str>,
    /// What its columns are called.
    pub columns: Columns,
}

/// Names of the columns.
#[derive(Debug)]
pub struct Columns {
    /// `source_col`
    pub source: String,
    /// `proto_col`
    pub proto: String,
    /// `from_col`
    pub from: String,
    /// `tag_col`
    pub tag: String,
}

/// The peers, of each address the last row first.
#[derive(Debug, Default)]
pub struct Trusted(AHashMap<IpAddr, Vec<Peer>>);

/// A row.
#[derive(Debug)]
pub struct Peer {
    /// The number of its transport; 0 is every one.
    pub proto: u8,
    /// Must be found in the URI of From.
    pub from: Option<Regex>,
    /// What the script is given.
    pub tag: Option<Box<[u8]>>,
}

impl TrustedTable {
    /// Reads it; a row that is wrong is told by its place and left out.
    ///
    /// # Errors
    /// Why there are no rows to be had.
    pub fn load(&self, warnings: &mut Vec<String>) -> Result<Trusted, String> {
        let rows = rows::all(&*self.source, &self.table)?;
        let place = self.source.place(&self.table);
        let ip = rows::column(&rows, &place, &[&self.columns.source])?;
        let columns = [&self.columns.proto, &self.columns.from, &self.columns.tag];
        let columns = columns.map(|name| rows.column(name));
        let peers = rows::read(&rows, &place, warnings, |fields| {
            let [proto, from, tag] = columns.map(|at| rows::text(fields, at));
            peer(rows::text(fields, Some(ip)), proto, from, tag)
        });
        let mut trusted = Trusted::default();
        for (ip, peer) in peers.into_iter().rev() {
            trusted.0.entry(ip).or_default().push(peer);
        }
        Ok(trusted)
    }
}

impl Trusted {
    /// All peers.
    pub fn iter(&self) -> impl Iterator<Item = (&IpAddr, &Peer)> {
        self.0.iter().flat_map(|(ip, peers)| peers.iter().map(move |peer| (ip, peer)))
    }

    fn find(&self, ip: IpAddr, proto: u8, from: &[u8]) -> Option<&Peer> {
        self.0.get(&ip)?.iter().find(|peer| {
            (peer.proto == 0 || peer.proto == proto)
                && peer.from.as_ref().is_none_or(|regex| regex.is_match(from))
        })
    }
}

/// The peer of a row; none for one whose transport is `none`.
fn peer(
    ip: &[u8],
    proto: &[u8],
    from: &[u8],
    tag: &[u8],
) -> Result<Option<(IpAddr, Peer)>, String> {
    let shown = |text| String::from_utf8_lossy(text).into_owned();
    if proto.eq_ignore_ascii_case(b"none") {
        return Ok(None);
    }
    let proto = proto_of(proto).ok_or_else(|| format!("`{}` is no transport", shown(proto)))?;
    let ip = literal_addr(ip).ok_or_else(|| format!("`{}` is no address", shown(ip)))?;
    let regex = (!from.is_empty()).then(|| compile_whole(from, false)).transpose();
    let from = regex.map_err(|bad| format!("`{}` is no regex: {}", shown(from), bad.why))?;
    let tag = (!tag.is_empty()).then(|| tag.into());
    Ok(Some((ip, Peer { proto, from, tag })))
}

fn allow_trusted(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[ip, wanted]) = (state.downcast_mut::<Worker>(), args) else {
        return NOT_STARTED;
    };
    let ip = match ip.text() {
        Some(ip) => literal_addr(ctx.bytes(ip)),
        None => Some(ctx.packet.peer.ip()),
    };
    let proto = wanted.int().and_then(|proto| u8::try_from(proto).ok()).unwrap_or(proto(ctx));
    let (Some(ip), Some(from)) = (ip, ctx.message.from()) else { return Flow::FALSE };
    let avp = worker.shared.params.tag_avp;
    let Some(trusted) = worker.peers.get() else {
        return Flow::Fail("permissions: the table of trusted peers was not read");
    };
    let Some(peer) = trusted.find(ip, proto, from.uri) else { return Flow::FALSE };
    if let (Some(slot), Some(tag)) = (avp, &peer.tag) {
        let tag = Value::Text(ctx.keep(tag));
        ctx.avp_push(AvpKey::Slot(slot), tag);
    }
    Flow::TRUE
}
