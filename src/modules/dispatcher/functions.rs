//! The script functions that select, go on to the next destination, and mark (spec 3.2 to 3.4).

use std::any::Any;

use sluice_engine::module::{Flow, Function};
use sluice_engine::{Ctx, Value};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use super::algorithms::{self, Call};
use super::bound::Loads;
use super::flags::{self, Flags};
use super::params::Params;
use super::partition::Partition;
use super::select::{self, Pick};
use super::sets::{Destination, Set};
use super::state::State;
use super::target::Target;
use super::{Worker, course, given, limits, lookup, several};

/// The table.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "ds_select_dst",
        doc: "Selects a destination from a set by an algorithm and puts it into $du.",
        params: SELECT_PARAMS,
        hidden: &[("dispatcher", "hash_pvar")],
        call: |ctx, state, args| select_from(ctx, state, args, Target::Destination),
        ..REQUEST_FUNCTION
    },
    Function {
        name: "ds_select_domain",
        doc: "Selects a destination from a set, puts its host and port into the Request-URI.",
        params: SELECT_PARAMS,
        hidden: &[("dispatcher", "hash_pvar")],
        call: |ctx, state, args| select_from(ctx, state, args, Target::Domain),
        ..REQUEST_FUNCTION
    },
    Function {
        name: "ds_next_dst",
        doc: "Drops the current destination and puts the next one into $du.",
        params: &[PARTITION],
        call: |ctx, state, args| next(ctx, state, args, Target::Destination),
        ..REQUEST_FUNCTION
    },
    Function {
        name: "ds_next_domain",
        doc: "Drops the current destination, puts the next one's host into the Request-URI.",
        params: &[PARTITION],
        call: |ctx, state, args| next(ctx, state, args, Target::Domain),
        ..REQUEST_FUNCTION
    },
    Function {
        name: "ds_mark_dst",
        doc: "Marks the current destination active (a), inactive (i) or failed (p).",
        params: &[optional("state", ParamKind::Word(mark)), PARTITION],
        call: mark_destination,
        ..REQUEST_FUNCTION
    },
    lookup::IS_IN_LIST,
    lookup::COUNT,
    lookup::PUSH_SCRIPT_ATTRS,
    lookup::GET_SCRIPT_ATTRS,
];

/// What the module's functions have in common.
pub(super) const REQUEST_FUNCTION: Function = Function {
    name: "",
    aliases: &[],
    doc: "",
    params: &[],
    hidden: &[],
    routes: Routes::REQUESTS,
    suspends: false,
    locks: false,
    unknown: -1,
    guard: None,
    call: |_, _, _| Flow::FALSE,
};

pub(super) const NOT_STARTED: Flow = Flow::Fail("dispatcher: the module was not started");

pub(super) const NO_PARTITION: Flow = Flow::Fail("dispatcher: no partition has that name");

/// A parameter that must be given.
pub(super) const fn required(name: &'static str, kind: ParamKind) -> ParamDef {
    ParamDef { name, kind, optional: false }
}

/// A parameter that may be left out.
pub(super) const fn optional(name: &'static str, kind: ParamKind) -> ParamDef {
    ParamDef { name, kind, optional: true }
}

/// The partition; the default one where it is left out.
pub(super) const PARTITION: ParamDef =
    optional("partition", ParamKind::Word(|name| Ok(given::key(name))));

const SELECT_PARAMS: &[ParamDef] = &[
    required("set", ParamKind::NumberOr(several::check)),
    required("algorithm", ParamKind::Word(algorithms::parse)),
    optional("flags", ParamKind::Word(flags::parse)),
    PARTITION,
    optional("max_res", ParamKind::Int),
];

fn mark(letter: &str) -> Result<i64, String> {
    // OpenSIPS takes numbers for the letters; 1.x had another one (spec 3.3).
    let letter = match letter.trim() {
        "1" => "a",
        "0" | "d" | "D" => "i",
        "2" => "p",
        letter => letter,
    };
    State::of_letter(letter).map(|state| i64::from(state.letter())).ok_or_else(|| {
        format!("a state is a (active), i (inactive) or p (probing), not `{letter}`")
    })
}

/// What a selection shall do besides selecting.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub flags: Flags,
    /// Most results for failover.
    pub results: usize,
    /// Percent of a fair share that Maglev gives at most.
    bound: Option<u32>,
    /// The value of modparam `hash_pvar` for this message.
    hash_pvar: Value,
}

impl Wanted {
    /// By the arguments of a call, and the parameters.
    #[inline(always)]
    pub fn of(params: Params, flags: Value, most: Value, hash_pvar: Value) -> Self {
        let (of_call, results) = Flags::unpack(flags.int().unwrap_or(0));
        let most = most.int().and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
        Self {
            flags: params.flags.or(of_call),
            results: most.or(results).unwrap_or(limits::RESULTS),
            bound: params.maglev_bound,
            hash_pvar,
        }
    }
}

fn select_from(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], target: Target) -> Flow {
    let (Some(worker), &[set, algorithm, flags, partition, most, hash_pvar]) =
        (state.downcast_mut::<Worker>(), args)
    else {
        return NOT_STARTED;
    };
    let (params, lane) = (worker.shared.params, worker.lane);
    if target == Target::Destination && ctx.run.destination.is_some() && !params.force_dst {
        return Flow::FALSE;
    }
    let (Value::Int(set), Value::Int(number)) = (set, algorithm) else {
        return course::begin(ctx, worker, args, target);
    };
    if algorithms::takes_steps(number) {
        return course::begin(ctx, worker, args, target);
    }
    let Some((partition, part)) = worker.partition(partition) else { return NO_PARTITION };
    let wanted = Wanted::of(params, flags, most, hash_pvar);
    let Some(set) = part.sets.get().get(set) else { return Flow::FALSE };
    let chosen = match choose(ctx, &mut part.loads, set, number, &wanted) {
        Ok(chosen) => partition.ward.steer(ctx, set, chosen, wanted.flags.default_last),
        Err(why) => return Flow::Fail(why),
    };
    let Some((chosen, destination)) = chosen.and_then(|at| Some((at, set.get(at)?))) else {
        return Flow::FALSE;
    };
    if let Err(why) = go(ctx, partition, destination, target, lane) {
        return Flow::Fail(why);
    }
    if partition.fills_avps() {
        partition.avps.fill(ctx, set, chosen, wanted.flags, wanted.results);
    }
    Flow::TRUE
}

/// The index that an algorithm gives, of those that decide at once.
#[inline(always)]
pub(super) fn choose(
    ctx: &mut Ctx<'_>,
    loads: &mut Loads,
    set: &Set,
    number: i64,
    wanted: &Wanted,
) -> Result<Option<usize>, &'static str> {
    let default_last = wanted.flags.default_last;
    Ok(match (pick(ctx, set, number, wanted)?, wanted.bound) {
        (Pick::Maglev(hash), Some(percent)) => loads.choose(set, hash, percent, default_last),
        (pick, _) => select::choose(set, pick, default_last),
    })
}

/// The first one with a weight, or the next active one.
pub(super) fn choose_first(set: &Set, default_last: bool) -> Option<usize> {
    select::choose(set, Pick::Hash(0), default_last)
}

/// Sends the request to a destination.
#[inline(always)]
pub(super) fn go(
    ctx: &mut Ctx<'_>,
    partition: &Partition,
    destination: &Destination,
    target: Target,
    lane: usize,
) -> Result<(), &'static str> {
    let uri = ctx.keep(destination.uri.as_bytes());
    target.set(ctx, uri, destination.target)?;
    partition.ward.leave_ticket(ctx, uri, destination);
    if destination.socket.is_some() {
        ctx.run.send_socket = destination.socket;
    }
    destination.live.hit(lane);
    Ok(())
}

#[inline(always)]
fn pick(ctx: &mut Ctx<'_>, set: &Set, number: i64, wanted: &Wanted) -> Result<Pick, &'static str> {
    // The usual one, without a call by table.
    if number == 0 {
        return Ok(algorithms::by_call_id(ctx));
    }
    let algorithm = algorithms::by_number(ctx, number);
    if algorithm.uses_cursor() {
        set.cursor.wake();
    }
    let user_only = wanted.flags.user_only;
    algorithm.pick(ctx, &Call { user_only, hash_pvar: wanted.hash_pvar })
}

fn next(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], target: Target) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return NOT_STARTED };
    let partition = args.first().copied().unwrap_or(Value::Omitted);
    let Some((partition, part)) = worker.partition(partition) else { return NO_PARTITION };
    let (avps, ward) = (&partition.avps, &partition.ward);
    while let Some(uri) = avps.next(ctx) {
        let uri = ctx.to_text(uri);
        let set = avps.set(ctx).and_then(|id| part.sets.get().get(id));
        let found = set.and_then(|set| Some((set, set.find(ctx.bytes(uri))?)));
        let admits = |(set, destination): (&Set, &Destination)| {
            !destination.live.is_draining() && ward.admits(ctx, set, destination)
        };
        if found.is_some_and(|found| !admits(found)) {
            continue;
        }
        let destination = found.map(|(_, destination)| destination);
        let addr = destination.and_then(|destination| destination.target);
        if let Some(destination) = destination {
            ward.leave_ticket(ctx, uri, destination);
            if destination.socket.is_some() {
                ctx.run.send_socket = destination.socket;
            }
        }
        return match target.set(ctx, uri, addr) {
            Ok(()) => Flow::TRUE,
            Err(why) => Flow::Fail(why),
        };
    }
    Flow::FALSE
}

fn mark_destination(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(worker), &[letter, partition]) = (state.downcast_mut::<Worker>(), args) else {
        return NOT_STARTED;
    };
    let Some((partition, part)) = worker.partition(partition) else { return NO_PARTITION };
    let avps = &partition.avps;
    let (Some(uri), Some(set)) = (avps.current(ctx), avps.set(ctx)) else {
        return Flow::Fail("dispatcher: nothing to mark, select with flag f first");
    };
    let uri = ctx.to_text(uri);
    let found = part.sets.get().get(set).and_then(|set| set.find(ctx.bytes(uri)));
    let Some(destination) = found else { return Flow::FALSE };
    // Who drains it says when that is over.
    if destination.live.is_draining() {
        return Flow::TRUE;
    }
    let before = destination.live.is_active();
    let letter = match letter {
        Value::Omitted => State::INACTIVE.letter(),
        state => state.int().and_then(|n| u8::try_from(n).ok()).unwrap_or_default(),
    };
    match letter {
        b'a' => destination.live.set(State::ACTIVE),
        b'i' => destination.live.set(State::INACTIVE),
        b'p' => {
            destination.live.fail(partition.threshold);
        }
        _ => return Flow::Fail("dispatcher: a state is one of the letters a, i, p"),
    }
    let active = destination.live.is_active();
    if active != before {
        partition.desk.change_told(ctx, set, &destination.uri, active);
    }
    Flow::TRUE
}
