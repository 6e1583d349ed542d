//! Calls that the language itself understands: `fetch_event_params()`.

use crate::diagnostic::Diagnostic;
use crate::ir::{Assign, Op};
use crate::lex::Trail;
use crate::parse::ast::{
    Call, Expression, ExpressionKind, Format, Name, OperandKind, Part, Variable,
};
use crate::parse::variable::Span;
use crate::source::Location;

use super::{Lowering, Refused};

impl Lowering<'_> {
    /// `fetch_event_params("$avp(a);name=$avp(b)")` of 1.8 to 2.4: the parameters of an event by
    /// place or by name. Each becomes an assignment of `$param(..)`.
    pub(super) fn fetch_event_params(&mut self, call: &Call) -> Result<(), Refused> {
        let [Some(Expression { at, kind: ExpressionKind::Operand(OperandKind::Text(text)) })] =
            call.args.as_slice()
        else {
            let message = "fetch_event_params() takes one text: \"$avp(first);name=$avp(other)\"";
            return self.refuse(Diagnostic::error("event-params", call.at, message));
        };
        let source = self.source(*at);
        let trail = Trail::quoted(&source, *at);
        let mut offset = 0;
        for (place, piece) in text.split(|byte| *byte == b';').enumerate() {
            let (name, behind) = match piece.iter().position(|byte| matches!(byte, b'=' | b'$')) {
                Some(equals) if piece.get(equals) == Some(&b'=') => {
                    (piece[..equals].trim_ascii().to_vec(), equals + 1)
                }
                _ => ((place + 1).to_string().into_bytes(), 0),
            };
            let bytes = piece[behind..].trim_ascii_start();
            let base = offset + piece.len() - bytes.len();
            offset += piece.len() + 1;
            let span = Span { base, ..Span::new(bytes.trim_ascii_end(), &trail) };
            let format = self.read_format(span)?;
            let Some(target) = format.sole() else {
                let message = "each part of fetch_event_params() ends in a variable";
                return self.refuse(Diagnostic::error("event-params", *at, message));
            };
            let stored = self.target(target)?;
            self.load(&event_param(name, *at))?;
            self.emit(Op::Store { target: stored, op: Assign::Set }, *at);
        }
        Ok(())
    }
}

/// `$param(name)`
fn event_param(name: Vec<u8>, at: Location) -> Variable {
    Variable {
        at,
        name: Name { text: "param".to_owned(), at },
        context: None,
        sub: Some(Format { at, parts: vec![Part::Text(name)] }),
        index: None,
        transformations: Vec::new(),
    }
}
