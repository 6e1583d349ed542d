//! Values of globals and module parameters against what their table says (spec 1.3).
//!
//! Takes the pieces as written; gives the value in its type, or reports what is wrong with it.

use crate::catalog::{Named, SettingKind, SettingSignature, Status};
use crate::diagnostic::{Diagnostic, Sink, now};
use crate::ir::Setting;
use crate::parse;
use crate::parse::ast::{Given, Piece};
use crate::source::Location;

use super::World;

/// Whose value it is.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// A global's.
    Core,
    /// A parameter's of this module.
    Module(&'static str),
}

/// Checks a value against its signature. `None`: it is refused, or nothing is to be done.
pub(super) fn setting(
    signature: &SettingSignature,
    name: &str,
    owner: Owner,
    pieces: &[Piece],
    world: &World<'_>,
    sink: &mut Sink,
) -> Option<Setting> {
    let first = pieces.first()?;
    let last = pieces.last()?;
    let what = match owner {
        Owner::Core => name.to_owned(),
        Owner::Module(module) => format!("parameter {name} of module {module}"),
    };
    if let Status::Later = signature.status {
        let message = format!("{what} comes with a later release");
        sink.report(Diagnostic::error("later", first.at, message));
        return None;
    }
    if let Some(remark) = remark(signature.kind, pieces) {
        sink.syntax(parse::remark(remark));
        return None;
    }
    let value = match typed(signature.kind, pieces) {
        Ok(value) => value,
        Err(expected) => {
            sink.syntax(mismatch(&what, owner, expected, first));
            return None;
        }
    };
    if let Some(wrong) = world.impossible(signature.kind, &value, pieces) {
        sink.report(wrong);
        return None;
    }
    if signature.kind == SettingKind::Socket {
        world.ignored(&value, pieces).into_iter().for_each(|note| sink.report(note));
    }
    if let Some(Err(why)) = signature.check.map(|check| check(&value)) {
        let message = format!("bad value for {what}: {why}");
        sink.report(Diagnostic::error("bad-value", first.at.to(last.at), message));
        return None;
    }
    if let Status::Ignored(why) = signature.status {
        let message = format!("{what} is ignored: {why}");
        let note = Diagnostic::note("ignored", first.at, message);
        let renamed = match owner {
            Owner::Core => world.catalog.renamed(Named::Global, name),
            Owner::Module(_) => None,
        };
        sink.report(match renamed {
            Some(renamed) => note.hint(now(renamed)),
            None => note,
        });
        return None;
    }
    Some(value)
}

/// The error for a value of the wrong type.
fn mismatch(what: &str, owner: Owner, expected: &'static str, first: &Piece) -> Diagnostic {
    let code = match (owner, expected) {
        (_, NOT_UTF8) => "not-utf8",
        (Owner::Module(_), _) => "param-mismatch",
        (Owner::Core, NUMBER) => "number-expected",
        (Owner::Core, BOOLEAN) => "boolean-expected",
        (Owner::Core, _) => "string-expected",
    };
    let message = format!("type mismatch for {what}: {expected} expected");
    let diagnostic = Diagnostic::error(code, first.at, message);
    match (&first.value, expected) {
        (_, NOT_UTF8) => diagnostic,
        (Given::Text(text), NUMBER | BOOLEAN) => {
            diagnostic.hint(format!("write {} without quotes", lossy(text)))
        }
        (Given::Word(_), BOOLEAN) => diagnostic.hint("write yes or no"),
        (Given::Int(n), _) => diagnostic.hint(format!("write \"{n}\" with quotes")),
        (Given::Word(word), STRING) => diagnostic.hint(format!("write \"{word}\" with quotes")),
        _ => diagnostic,
    }
}

/// What may be expected, in the words of OpenSIPS (spec 1.2).
const NUMBER: &str = "number";
const BOOLEAN: &str = "boolean value";
const STRING: &str = "string value";
const NOT_UTF8: &str = "UTF-8 text";

/// The place of a remark that lost its `#`: words behind a single value, or in parentheses.
fn remark(kind: SettingKind, pieces: &[Piece]) -> Option<Location> {
    let from = match kind {
        SettingKind::Word | SettingKind::Socket | SettingKind::Hosts => {
            let opens = |piece: &Piece| match &piece.value {
                Given::Word(word) => word.starts_with('('),
                _ => false,
            };
            pieces.iter().position(opens).filter(|at| *at > 0)?
        }
        _ => 1,
    };
    let first = pieces.get(from)?;
    Some(first.at.to(pieces.last()?.at))
}

/// The value in its type, or what was expected.
fn typed(kind: SettingKind, pieces: &[Piece]) -> Result<Setting, &'static str> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NOT_UTF8);
    match (kind, pieces) {
        (
            SettingKind::Int | SettingKind::Bool | SettingKind::Port | SettingKind::Either,
            [Piece { value: Given::Int(n), .. }],
        ) => Ok(Setting::Int(*n)),
        (SettingKind::Int | SettingKind::Port, _) => Err(NUMBER),
        (SettingKind::Bool, _) => Err(BOOLEAN),
        (_, [Piece { value: Given::Text(bytes), .. }]) => Ok(Setting::Text(text(bytes)?)),
        (SettingKind::Text | SettingKind::Route, _) => Err(STRING),
        (SettingKind::Either, _) => Err("number or string value"),
        (SettingKind::Word | SettingKind::Socket | SettingKind::Hosts, _) => {
            let words = pieces.iter().map(|piece| match &piece.value {
                Given::Int(n) => n.to_string(),
                Given::Text(bytes) => lossy(bytes),
                Given::Word(word) => word.clone(),
            });
            Ok(Setting::Word(words.collect::<Vec<_>>().join(" ")))
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
