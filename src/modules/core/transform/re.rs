//! `{re.subst}`: substitution by a regex.

use std::cell::RefCell;

use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};

use super::{entry, made, text};
use crate::regexes::Regexes;
use crate::subst::Subst;

pub(super) const LIST: &[Transformation] = &[entry(
    "re",
    "subst",
    (1, u8::MAX),
    "Substitutes by `/regex/replacement/flags`; without a match the text stays.",
    subst,
)];

thread_local! {
    /// A transformation has no state of a module; the compiled patterns are only a cache.
    static REGEXES: RefCell<Regexes> = RefCell::default();
}

fn subst(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    // A comma of the expression separates parameters for the script's reader: they are joined.
    let mut expression = Vec::new();
    for at in 0..params.len() {
        let Some(part) = text(ctx, params, at) else { return Value::Null };
        if at > 0 {
            expression.push(b',');
        }
        expression.extend_from_slice(ctx.bytes(part));
    }
    let Some(subst) = Subst::parse(&expression) else { return Value::Null };
    let regex = REGEXES.with_borrow_mut(|all| all.of(&subst));
    let Some(regex) = regex else { return Value::Null };
    match subst.apply(&regex, ctx.bytes(whole)) {
        Some(changed) => made(ctx, Some(&changed)),
        None => Value::Text(whole),
    }
}
