//! Questions about the message: method, To-tag; and the status of a reply.

use std::any::Any;

use sluice_base::OwnerSeed;
use sluice_engine::module::Function;
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::Method;

use crate::table::{function, param};

const METHODS: &[ParamDef] = &[param("methods", ParamKind::Word(methods))];
const STATUS: &[ParamDef] = &[param("code", ParamKind::Int), param("reason", ParamKind::Text)];

pub(super) const LIST: &[Function] = &[
    function("has_totag", "Whether To has a tag.", &[], Routes::ANY, has_totag),
    function(
        "is_method",
        "Whether the method (on replies: CSeq's) is one of a list, `INVITE|ACK`.",
        METHODS,
        Routes::ANY,
        is_method,
    ),
    function(
        "change_reply_status",
        "Sets status and reason of the reply that is forwarded.",
        STATUS,
        Routes::REPLY,
        change_status,
    ),
];

/// Whether To has a tag.
pub(crate) fn has_totag(ctx: &mut Ctx<'_>, _: &mut dyn Any, _: &[Value]) -> Flow {
    let tag = ctx.message.to().and_then(|to| to.tag());
    Flow::of(tag.is_some_and(|tag| !tag.is_empty()))
}

/// Known methods as bits; a single unknown one as a negative hash, since a number is all that a
/// word may become.
fn methods(list: &str) -> Result<i64, String> {
    let mut bits = 0;
    let known = |name: &str| Method::of(name.trim().to_ascii_uppercase().as_bytes());
    for name in list.split('|') {
        match known(name) {
            Method::Other if list.contains('|') || name.trim().is_empty() => {
                return Err(format!("methods with | between; `{name}` is none that is known"));
            }
            Method::Other => return Ok(unknown(name.trim().as_bytes())),
            method => bits |= 1 << method as u8,
        }
    }
    Ok(bits)
}

fn unknown(name: &[u8]) -> i64 {
    let hash = OwnerSeed(0).hash(&name.to_ascii_uppercase());
    (hash | 1 << 63) as i64
}

fn is_method(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let wanted = args.first().and_then(|wanted| wanted.int()).unwrap_or(0);
    Flow::of(match ctx.message.method() {
        Method::Other => wanted == unknown(ctx.message.text(ctx.message.method_token())),
        method => wanted >= 0 && wanted & 1 << method as u8 != 0,
    })
}

fn change_status(ctx: &mut Ctx<'_>, _: &mut dyn Any, args: &[Value]) -> Flow {
    let [code, phrase] = args else { return Flow::FALSE };
    let Some(status) = ctx.message.status() else { return Flow::FALSE };
    let (Some(code @ 100..700), Some(phrase)) = (code.int(), phrase.text()) else {
        return Flow::Fail("a status is a number from 100 to 699");
    };
    if (code < 200) != (status < 200) {
        return Flow::Fail("a provisional reply and a final one cannot become each other");
    }
    ctx.run.reply_status = Some((code as u16, phrase));
    Flow::TRUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_methods_become_bits() {
        assert_eq!(methods("INVITE"), Ok(1 << Method::Invite as u8));
        assert_eq!(methods("bye | Ack"), Ok(1 << Method::Bye as u8 | 1 << Method::Ack as u8));
        assert!(methods("FOO").unwrap() < 0);
        assert_eq!(methods("FOO"), methods("foo"));
        assert_ne!(methods("FOO"), methods("BAR"));
        assert!(methods("INVITE|FOO").is_err());
        assert!(methods("").is_err());
    }
}
