//! The right side of assignments, values of `route()` and `return()`: literals are no formats here
//! (spec 0).

use crate::ir::Op;
use crate::parse::ast::{Expression, ExpressionKind, OperandKind};

use super::{Lowering, Refused};

impl Lowering<'_> {
    /// Pushes a value.
    pub(super) fn value(&mut self, value: &Expression) -> Result<(), Refused> {
        let at = value.at;
        match &value.kind {
            ExpressionKind::Operand(kind) => self.operand(kind, at),
            ExpressionKind::Complement(inner) => {
                self.value(inner)?;
                self.emit(Op::Complement, at);
                Ok(())
            }
            ExpressionKind::Chain { first, rest } => {
                self.value(first)?;
                for (op, right) in rest {
                    self.value(right)?;
                    let literal = is_literal(right);
                    self.emit(Op::Arith { op: *op, literal, compound: false }, right.at);
                }
                Ok(())
            }
            ExpressionKind::Test(test) => {
                self.test(test)?;
                self.emit(Op::PushTruth, at);
                Ok(())
            }
            ExpressionKind::Call(call) => {
                self.call(call)?;
                self.emit(Op::PushCode, at);
                Ok(())
            }
        }
    }
}

/// Whether a value was written as a constant, which arithmetic tells from a variable's (spec 0).
pub(super) const fn is_literal(value: &Expression) -> bool {
    matches!(
        value.kind,
        ExpressionKind::Operand(OperandKind::Int(_) | OperandKind::Text(_) | OperandKind::Null)
    )
}
