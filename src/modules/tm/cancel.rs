//! Cancelling: branches by the script's will, the reasons that our CANCELs give, and calls that
//! shall ring on (RFC 3326, RFC 3841 9.1; spec 8.1, 8.2).

use sluice_base::slab::Key;
use sluice_engine::headers::named;
use sluice_engine::relay::{self, Branches};
use sluice_engine::{Ctx, Flow, Value};
use sluice_sip::Method;

/// Which branches `t_cancel_branch()` means.
///
/// # Errors
/// What was expected.
pub(super) fn which(flags: &str) -> Result<i64, String> {
    match flags {
        "" => Ok(0),
        "a" => Ok(1),
        "o" => Ok(2),
        _ => Err("`a` is all branches, `o` the others; without it the reply's own".to_owned()),
    }
}

/// `t_cancel_branch()`
pub(super) fn branches(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let Some(id) = ctx.run.branch else { return Flow::FALSE };
    let which = match args.first().and_then(|which| which.int()) {
        Some(1) => Branches::All,
        Some(2) => Branches::Others,
        _ => Branches::This,
    };
    relay::cancel_branches(ctx, id, which);
    Flow::TRUE
}

/// `t_add_cancel_reason()`
pub(super) fn add_reason(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    if ctx.message.method() != Method::Cancel {
        return Flow::FALSE;
    }
    ctx.run.cancel_reason = args.first().and_then(|lines| lines.text());
    Flow::of(ctx.run.cancel_reason.is_some())
}

/// The Reason headers of the caller's CANCEL go on, unless the script has given others.
pub(super) fn pass_reason(ctx: &mut Ctx<'_>) {
    if ctx.run.cancel_reason.is_some() {
        return;
    }
    let mut lines = Vec::new();
    for field in named(ctx.message, b"Reason") {
        lines.extend_from_slice(ctx.message.text(field.line));
    }
    ctx.run.cancel_reason = Some(ctx.keep(&lines));
}

/// A caller who wants no branch cancelled gets that.
pub(super) fn obey_disposition(ctx: &mut Ctx<'_>, key: Key) {
    let mut directives = named(ctx.message, b"Request-Disposition")
        .flat_map(|field| ctx.message.text(field.value).split(|byte| *byte == b','));
    let no_cancel = directives.any(|one| one.trim_ascii().eq_ignore_ascii_case(b"no-cancel"));
    if let Some(transaction) = ctx.local.tm.get_mut(key) {
        transaction.script.no_cancel = no_cancel;
    }
}
