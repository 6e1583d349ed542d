//! Values that name sockets, hosts and ports: what is impossible in them, at its place.

use crate::catalog::{Found, SettingKind};
use crate::diagnostic::Diagnostic;
use crate::ir::Setting;
use crate::lex::Trail;
use crate::parse::ast::{Given, Piece};
use crate::socket::{Endpoint, Misfit, SUBDOMAINS, endpoint, ignored, impossible, port, socket};
use crate::source::Location;

use super::World;

impl World<'_> {
    /// The finding about a value of such a kind, if there is one.
    pub(super) fn impossible(
        &self,
        kind: SettingKind,
        value: &Setting,
        pieces: &[Piece],
    ) -> Option<Diagnostic> {
        match (kind, value) {
            (SettingKind::Port, Setting::Int(number)) if port(*number).is_none() => {
                let at = pieces.first()?.at;
                Some(Diagnostic::error("bad-port", at, impossible(number)))
            }
            (SettingKind::Socket, Setting::Text(text) | Setting::Word(text)) => {
                match socket(text) {
                    Ok(parsed) => self.transport(text, parsed.endpoint, true, pieces),
                    Err(misfit) => Some(self.misfit(text, misfit, pieces)),
                }
            }
            (SettingKind::Hosts, Setting::Text(text) | Setting::Word(text)) => {
                let mut hosts = text.split_ascii_whitespace().filter(|host| *host != SUBDOMAINS);
                hosts.find_map(|host| match endpoint(host) {
                    Ok(parsed) => self.transport(text, parsed, false, pieces),
                    Err(misfit) => Some(self.misfit(text, misfit, pieces)),
                })
            }
            _ => None,
        }
    }

    /// The words of a socket that change nothing.
    pub(super) fn ignored(&self, value: &Setting, pieces: &[Piece]) -> Vec<Diagnostic> {
        let (Setting::Text(text) | Setting::Word(text)) = value else { return Vec::new() };
        let note = |(word, why): (&str, &str)| {
            let misfit = Misfit { code: "ignored", part: word, why: String::new() };
            let place = self.place(misfit.offset_in(text), word.len(), pieces);
            Diagnostic::note("ignored", place, format!("{word} is ignored: {why}"))
        };
        ignored(text).map(note).collect()
    }

    /// The finding about a transport that does not exist or, when it must, does not run.
    fn transport(
        &self,
        text: &str,
        endpoint: Endpoint<'_>,
        runs: bool,
        pieces: &[Piece],
    ) -> Option<Diagnostic> {
        let proto = endpoint.proto?;
        let why = format!("cannot handle protocol {proto}");
        let hint = match self.catalog.transport(&proto.to_ascii_lowercase()) {
            Found::No => "transports are udp, tcp, tls, sctp, ws and wss",
            Found::Later(_) if runs => "udp and tcp are there yet",
            _ => return None,
        };
        let misfit = Misfit { code: "unknown-protocol", part: proto, why };
        Some(self.misfit(text, misfit, pieces).hint(hint))
    }

    fn misfit(&self, text: &str, misfit: Misfit<'_>, pieces: &[Piece]) -> Diagnostic {
        let place = self.place(misfit.offset_in(text), misfit.part.len(), pieces);
        Diagnostic::error(misfit.code, place, misfit.why)
    }

    /// The place of a part of the pieces, which were joined by blanks.
    fn place(&self, offset: usize, length: usize, pieces: &[Piece]) -> Location {
        let mut start = 0;
        for piece in pieces {
            let (end, quoted) = match &piece.value {
                Given::Int(number) => (start + number.to_string().len(), false),
                Given::Text(text) => (start + text.len(), true),
                Given::Word(word) => (start + word.len(), false),
            };
            if offset <= end {
                let source = self.source(piece.at);
                let make = if quoted { Trail::quoted } else { Trail::plain };
                return make(&source, piece.at).part(offset.saturating_sub(start), length);
            }
            start = end + 1;
        }
        pieces.last().map(|piece| piece.at).unwrap_or_default()
    }
}
