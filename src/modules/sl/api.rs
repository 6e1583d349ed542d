//! What other modules use of `sl`: answering with the arguments of a script function.

use sluice_engine::{Ctx, Flow, Value, reply};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::RouteKind;

use crate::table::param;

/// Code and reason, as `send_reply` and its kin take them.
pub const REPLY: &[ParamDef] = &[param("code", ParamKind::Int), param("reason", ParamKind::Text)];

/// Where they may be called.
pub const ROUTES: Routes = Routes::of(&[RouteKind::Request, RouteKind::Error]);

/// Answers the request; gives the code that was sent, if one was, and what the script sees.
pub fn answer(ctx: &mut Ctx<'_>, args: &[Value]) -> (Option<u16>, Flow) {
    let [code, reason, ..] = args else { return (None, Flow::FALSE) };
    let code = code.int().and_then(|code| u16::try_from(code).ok());
    let (Some(code @ 100..700), Some(reason)) = (code, reason.text()) else {
        return (None, Flow::Fail("a reply code is a number from 100 to 699"));
    };
    match reply::send(ctx, code, reason) {
        reply::Sent::Sent => (Some(code), Flow::TRUE),
        reply::Sent::Ack => (None, Flow::TRUE),
        reply::Sent::Failed(why) => (None, Flow::Fail(why)),
    }
}
