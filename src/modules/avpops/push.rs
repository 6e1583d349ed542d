//! `avp_pushto`: AVPs into the Request-URI, the destination or a new branch.

use sluice_engine::dset::Branch;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind};

use crate::core::api::{set_host, set_user};
use crate::table::param;

pub(super) const PARAMS: &[ParamDef] =
    &[param("destination", ParamKind::Literal), param("$avp(name)/flags", ParamKind::Literal)];

/// The newest value goes to its destination; with `/g` the others become branches.
pub(super) fn push(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let (Some(destination), Some(name)) = (text(args, 0), text(args, 1)) else {
        return Flow::FALSE;
    };
    let destination = ctx.bytes(destination).trim_ascii().to_ascii_lowercase();
    let bytes = ctx.bytes(name).trim_ascii();
    let (bytes, all) = match bytes.strip_suffix(b"/g").or_else(|| bytes.strip_suffix(b"/G")) {
        Some(bytes) => (bytes, true),
        None => (bytes, false),
    };
    let avp = bytes.strip_prefix(b"$avp(").and_then(|name| name.strip_suffix(b")"));
    let Some(avp) = avp.map(|avp| AvpKey::Text(ctx.piece(name, avp))) else {
        return Flow::Fail("avp_pushto() takes an $avp; other variables are assigned: $ru = $fu");
    };
    let values: Vec<Value> = ctx.avp_values(avp).take(if all { usize::MAX } else { 1 }).collect();
    let Some((first, others)) = values.split_first() else { return Flow::FALSE };
    let first = ctx.to_text(*first);
    let mut done = match destination.as_slice() {
        b"$ru" => {
            ctx.run.ruri = Some(first);
            true
        }
        b"$ru/username" => set_user(ctx, first),
        b"$ru/domain" => set_host(ctx, first),
        b"$du" => {
            ctx.set_destination(first, None);
            true
        }
        b"$br" => branch(ctx, first),
        _ => return Flow::Fail("avp_pushto() fills $ru, $ru/username, $ru/domain, $du or $br"),
    };
    for other in others {
        let other = ctx.to_text(*other);
        done &= branch(ctx, other);
    }
    Flow::of(done)
}

fn branch(ctx: &mut Ctx<'_>, uri: Text) -> bool {
    ctx.uri(uri).is_some() && ctx.run.set.add(Branch::to(uri)).is_ok()
}

fn text(args: &[Value], at: usize) -> Option<Text> {
    args.get(at).and_then(|value| value.text())
}
