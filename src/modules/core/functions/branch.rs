//! The destination set: adding, moving and removing branches, and taking them one q at a time
//! (spec 8.8). Numbers of branches in these functions count the extra ones from 0; none, or a
//! negative one, means the Request-URI's.

use sluice_base::SocketId;
use sluice_engine::dset::Branch;
use sluice_engine::module::Function;
use sluice_engine::run::AvpKey;
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_sip::digits::push_u64;
use sluice_sip::nameaddr::NameAddr;
use sluice_sip::text::q_value;

use crate::table::{function, optional, param};

const R: Routes = Routes::REQUESTS;
const APPEND: &[ParamDef] = &[optional("uri", ParamKind::Text), optional("q", ParamKind::Text)];
const APPEND_MSG: &[ParamDef] = &[
    param("uri", ParamKind::Text),
    optional("q", ParamKind::Text),
    optional("flags", ParamKind::Text),
];
const NUMBER: &[ParamDef] = &[param("branch", ParamKind::Int)];
const MOVE: &[ParamDef] = &[
    optional("from", ParamKind::Int),
    optional("to", ParamKind::Int),
    optional("keep", ParamKind::Text),
];
const SWAP: &[ParamDef] = &[optional("one", ParamKind::Int), optional("other", ParamKind::Int)];
const SERIALIZE: &[ParamDef] =
    &[param("clear", ParamKind::Int), optional("keep order", ParamKind::Int)];

pub(super) const LIST: &[Function] = &[
    Function {
        aliases: &["append_branch_old"],
        ..function(
            "append_branch",
            "Adds a branch: a URI or the present one.",
            APPEND,
            R,
            |c, _, a| {
                let given = text(a, 0);
                let base = if given.is_none() { c.branch(0) } else { None };
                append(c, given, text(a, 1), base)
            },
        )
    },
    function(
        "append_msg_branch",
        "Adds a branch; flag `inherit` takes all but the URI from the Request-URI's.",
        APPEND_MSG,
        R,
        |ctx, _, args| {
            let inherits = match text(args, 2).map(|flags| ctx.bytes(flags)) {
                None | Some(b"") => false,
                Some(b"inherit" | b"inherite") => true,
                Some(_) => return Flow::Fail("the flag is `inherit`"),
            };
            let base = if inherits { ctx.branch(0) } else { None };
            append(ctx, text(args, 0), text(args, 1), base)
        },
    ),
    Function {
        aliases: &["remove_msg_branch"],
        ..function("remove_branch", "Removes an extra branch, from 0.", NUMBER, R, |c, _, args| {
            let at = args.first().and_then(|at| at.int()).and_then(|at| usize::try_from(at).ok());
            Flow::of(at.is_some_and(|at| c.run.set.remove(at)))
        })
    },
    Function {
        aliases: &["move_msg_branch"],
        ..function(
            "move_branch",
            "Moves a branch into the place of another, or copies it with `keep`.",
            MOVE,
            R,
            |ctx, _, args| move_branch(ctx, args),
        )
    },
    Function {
        aliases: &["swap_msg_branches"],
        ..function("swap_branches", "Exchanges two branches.", SWAP, R, |ctx, _, args| {
            let (one, other) = (number(args, 0), number(args, 1));
            let (Some(a), Some(b)) = (ctx.branch(one), ctx.branch(other)) else {
                return Flow::Fail("no such branch");
            };
            Flow::of(ctx.put_branch(one, b) && ctx.put_branch(other, a))
        })
    },
    function(
        "serialize_branches",
        "Puts all branches by falling q into $avp(serial_branch), for next_branches().",
        SERIALIZE,
        R,
        |ctx, _, args| serialize(ctx, args),
    ),
    function(
        "next_branches",
        "Takes the next q from $avp(serial_branch): 1 more are left, 2 none is left.",
        &[],
        R,
        |ctx, _, _| next(ctx),
    ),
];

fn text(args: &[Value], at: usize) -> Option<Text> {
    args.get(at).and_then(|value| value.text())
}

/// The number of a branch of [`Ctx::branch`].
fn number(args: &[Value], at: usize) -> usize {
    let given = args.get(at).and_then(|value| value.int()).unwrap_or(-1);
    given.checked_add(1).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

/// Adds a branch like `base`, whose URI and q may be given.
fn append(ctx: &mut Ctx<'_>, uri: Option<Text>, q: Option<Text>, base: Option<Branch>) -> Flow {
    let uri = match uri {
        // `<sip:a>` and `"A" <sip:a>` serve as well.
        Some(uri) => NameAddr::parse(ctx.bytes(uri)).map(|address| ctx.piece(uri, address.uri)),
        None => base.map(|base| base.uri),
    };
    let Some(uri) = uri.filter(|uri| ctx.uri(*uri).is_some()) else {
        return Flow::Fail("the branch has no URI");
    };
    let mut branch = Branch { uri, ..base.unwrap_or(Branch::to(uri)) };
    if let Some(q) = q {
        branch.q = match q_value(ctx.bytes(q)) {
            Some(q) => Some(q),
            None => return Flow::Fail("q is a number from 0 to 1"),
        };
    }
    match ctx.run.set.add(branch) {
        Ok(()) => Flow::TRUE,
        Err(why) => Flow::Fail(why),
    }
}

fn move_branch(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let (from, to) = (number(args, 0), number(args, 1));
    let keep = match text(args, 2).map(|word| ctx.bytes(word)) {
        None | Some(b"") => false,
        Some(b"keep") => true,
        Some(_) => return Flow::Fail("the third parameter is `keep`"),
    };
    let (Some(branch), true) = (ctx.branch(from), ctx.branch(to).is_some() && from != to) else {
        return Flow::Fail("no such branch");
    };
    let branch = ctx.copy_branch(branch);
    let moved = ctx.put_branch(to, branch);
    if let Some(extra) = from.checked_sub(1).filter(|_| !keep) {
        ctx.run.set.remove(extra);
    }
    Flow::of(moved)
}

fn serial(ctx: &mut Ctx<'_>) -> AvpKey {
    AvpKey::Text(ctx.keep(b"serial_branch"))
}

fn serialize(ctx: &mut Ctx<'_>, args: &[Value]) -> Flow {
    let is_set = |at: usize| args.get(at).and_then(|value| value.int()).is_some_and(|n| n != 0);
    let (clear, keep_order) = (is_set(0), is_set(1));
    let key = serial(ctx);
    if clear {
        ctx.avp_remove(key);
    }
    let count = 1 + ctx.run.set.extra().len();
    let mut all: Vec<Branch> = (0..count).filter_map(|number| ctx.branch(number)).collect();
    let alike = all.iter().all(|branch| branch.q == all.first().and_then(|first| first.q));
    if all.len() < 2 || alike && !keep_order {
        return Flow::TRUE;
    }
    if !keep_order {
        // A stable order: those of one q stay as they were added. None is below 0.
        all.sort_by_key(|branch| std::cmp::Reverse(branch.q));
    }
    // The newest value is read first, so the last one goes in first.
    let mut behind: Option<Option<u16>> = None;
    for branch in all.iter().rev() {
        let joined = !keep_order && behind == Some(branch.q);
        behind = Some(branch.q);
        let value = written(ctx, branch, joined);
        ctx.avp_push(key, value);
    }
    ctx.run.set.clear_extra();
    Flow::TRUE
}

/// A branch as an AVP: URI, destination, path, q, flags, socket, and whether the next one has the
/// same q, in lines.
fn written(ctx: &mut Ctx<'_>, branch: &Branch, joined: bool) -> Value {
    let mut out = ctx.bytes(branch.uri).to_vec();
    for text in [branch.destination, branch.path] {
        out.push(b'\n');
        out.extend_from_slice(text.map(|text| ctx.bytes(text)).unwrap_or_default());
    }
    let socket = branch.socket.map(|socket| u64::from(socket.0));
    let numbers =
        [branch.q.map(u64::from), Some(u64::from(branch.flags)), socket, joined.then_some(1)];
    for number in numbers {
        out.push(b'\n');
        if let Some(number) = number {
            push_u64(&mut out, number);
        }
    }
    Value::Text(ctx.keep(&out))
}

/// What [`written`] wrote; `None` for anything else that a script put there.
fn read(ctx: &Ctx<'_>, value: Value) -> Option<(Branch, bool)> {
    let whole = value.text()?;
    let mut lines = ctx.bytes(whole).split(|byte| *byte == b'\n');
    let uri = ctx.piece(whole, lines.next()?);
    let mut part = || {
        let line = lines.next()?;
        Some(Some(line).filter(|line| !line.is_empty()).map(|line| ctx.piece(whole, line)))
    };
    let (destination, path) = (part()?, part()?);
    let mut number = || {
        let line = std::str::from_utf8(lines.next()?).ok()?;
        Some(if line.is_empty() { None } else { Some(line.parse::<u32>().ok()?) })
    };
    let (q, flags, socket, joined) = (number()?, number()??, number()?, number()?.is_some());
    let small = |number: Option<u32>| number.and_then(|number| u16::try_from(number).ok());
    let socket = small(socket).map(SocketId);
    let branch = Branch { destination, path, q: small(q), flags, socket, ..Branch::to(uri) };
    Some((branch, joined))
}

fn next(ctx: &mut Ctx<'_>) -> Flow {
    let key = serial(ctx);
    let Some(first) = ctx.avp_pop(key) else { return Flow::FALSE };
    let Some((branch, mut joined)) = read(ctx, first) else {
        return Flow::Fail("$avp(serial_branch) holds no branch");
    };
    ctx.put_branch(0, branch);
    while joined {
        let Some((branch, more)) = ctx.avp_pop(key).and_then(|next| read(ctx, next)) else { break };
        if let Err(why) = ctx.run.set.add(branch) {
            return Flow::Fail(why);
        }
        joined = more;
    }
    Flow::Code(if ctx.avp_count(key) > 0 { 1 } else { 2 })
}
