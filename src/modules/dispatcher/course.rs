//! Selections of several steps: from a list of sets, and by scores (spec 3.2, algorithms 9 and 10),
//! where a variable or a route of the script says for each destination where it stands.
//!
//! A step ends where a variable is to be evaluated or a route runs, which may park. What is known
//! by then is noted in the run; where the sets were reloaded meanwhile, the scores begin anew.

use std::any::Any;
use std::sync::Arc;

use sluice_engine::job::Answer;
use sluice_engine::module::{Flow, Then};
use sluice_engine::{Ctx, Value};
use sluice_script::ir::{Route, RouteId, RouteKind};

use super::algorithms::{BY_ROUTE, BY_VARIABLE};
use super::functions::{self, NOT_STARTED, Wanted};
use super::limits::SCORED;
use super::params::Scoring;
use super::partition::{Part, Partition};
use super::select::candidates;
use super::sets::{Destination, Set};
use super::several::{self, SetList};
use super::target::Target;
use super::{Dispatcher, Worker};

/// How far a selection is.
#[derive(PartialEq, Eq, Debug, Default)]
struct Course {
    /// The place of the set in the list.
    at: usize,
    /// An earlier set of the list has given a destination.
    found: bool,
    /// The snapshot that the scores belong to; 0 is none.
    generation: u64,
    /// The destination that is asked about next.
    next: usize,
    /// Scores and indexes.
    scores: Vec<(i64, usize)>,
}

/// The arguments of the call.
struct Call {
    target: Target,
    sets: SetList,
    algorithm: i64,
    wanted: Wanted,
}

/// What a set gives.
enum Given {
    /// Its destinations, the chosen one first; none.
    Order(Vec<usize>),
    /// First something must be found out.
    Ask(Flow),
}

/// Begins one.
pub(super) fn begin(
    ctx: &mut Ctx<'_>,
    worker: &mut Worker,
    args: &[Value],
    target: Target,
) -> Flow {
    go_on(ctx, worker, args, target, Course::default())
}

fn go_on(
    ctx: &mut Ctx<'_>,
    worker: &mut Worker,
    args: &[Value],
    target: Target,
    mut course: Course,
) -> Flow {
    let &[sets, algorithm, flags, partition, most, hash_pvar] = args else { return NOT_STARTED };
    let shared = Arc::clone(&worker.shared);
    let wanted = Wanted::of(shared.params, flags, most, hash_pvar);
    let (Some(sets), Some(algorithm)) = (read_sets(ctx, sets), algorithm.int()) else {
        return Flow::Fail("dispatcher: a set is a number, `partition:number`, or a list `1,2`");
    };
    let call = Call { target, sets, algorithm, wanted };
    let lane = worker.lane;
    let named = sets.partition.map_or(partition, Value::Int);
    let Some((partition, part)) = worker.partition(named) else {
        return functions::NO_PARTITION;
    };
    while call.sets.get(course.at).is_some() {
        match step(ctx, &shared, (partition, &mut *part), &call, &mut course, lane) {
            Ok(None) => {}
            Ok(Some(flow)) => return flow,
            Err(why) => return Flow::Fail(why),
        }
        if course.found && !(call.wanted.flags.failover && partition.fills_avps()) {
            break;
        }
    }
    Flow::of(course.found)
}

/// One set of the list; what the call answers when that is to be waited for.
fn step(
    ctx: &mut Ctx<'_>,
    shared: &Dispatcher,
    (partition, part): (&Partition, &mut Part),
    call: &Call,
    course: &mut Course,
    lane: usize,
) -> Result<Option<Flow>, &'static str> {
    let id = call.sets.get(course.at).unwrap_or_default();
    let Some(set) = part.sets.get().get(id) else {
        course.pass();
        return Ok(None);
    };
    let number = several::algorithm(call.algorithm, course.at);
    let default_last = call.wanted.flags.default_last;
    let given = match number {
        BY_VARIABLE | BY_ROUTE => by_score(ctx, &shared.scoring, set, number, call, course)?,
        _ => {
            let chosen = functions::choose(ctx, &mut part.loads, set, number, &call.wanted)?;
            Given::Order(chosen.map(|at| around(set, at, default_last)).unwrap_or_default())
        }
    };
    let mut order = match given {
        Given::Order(order) => order,
        Given::Ask(flow) => {
            ctx.run.notes.push(course.note());
            return Ok(Some(flow));
        }
    };
    let chosen = partition.ward.steer(ctx, set, order.first().copied(), default_last);
    if let Some(destination) = chosen.and_then(|at| set.get(at)) {
        let chosen = chosen.unwrap_or_default();
        order.retain(|at| *at != chosen);
        order.insert(0, chosen);
        let behind = std::mem::replace(&mut course.found, true);
        if !behind {
            functions::go(ctx, partition, destination, call.target, lane)?;
        }
        if partition.fills_avps() {
            let several = call.sets.is_list();
            partition.avps.fill_in_order(ctx, set, &order, &call.wanted, (several, behind));
        }
    }
    course.pass();
    Ok(None)
}

/// The destinations of a set by their scores, the smallest first.
fn by_score(
    ctx: &mut Ctx<'_>,
    scoring: &Scoring,
    set: &Set,
    number: i64,
    call: &Call,
    course: &mut Course,
) -> Result<Given, &'static str> {
    let default_last = call.wanted.flags.default_last;
    if number == BY_VARIABLE && scoring.pattern.is_none() {
        // spec 3.2: as a hash of 0.
        ctx.complain("dispatcher: algorithm 9 needs modparam pvar_algo_pattern");
        let chosen = functions::choose_first(set, default_last);
        let order = chosen.map(|at| around(set, at, default_last));
        return Ok(Given::Order(order.unwrap_or_default()));
    }
    if course.generation != set.generation {
        (course.generation, course.next) = (set.generation, 0);
        course.scores.clear();
    }
    let size = candidates(set, default_last).min(SCORED);
    let next = (course.next..size).find(|at| set.is_active(*at));
    if let Some((at, destination)) = next.and_then(|at| Some((at, set.get(at)?))) {
        course.next = at;
        let then = match call.target {
            Target::Destination => scored_destination,
            Target::Domain => scored_domain,
        };
        return ask(ctx, scoring, number, set.id, destination, then).map(Given::Ask);
    }
    course.scores.sort_by_key(|(score, _)| *score);
    let mut order: Vec<usize> = course.scores.iter().map(|(_, at)| *at).collect();
    order.extend((size..set.destinations.len()).filter(|at| default_last && set.is_active(*at)));
    Ok(Given::Order(order))
}

/// Asks where a destination stands.
fn ask(
    ctx: &mut Ctx<'_>,
    scoring: &Scoring,
    number: i64,
    set: u32,
    destination: &Destination,
    then: Then,
) -> Result<Flow, &'static str> {
    if let (BY_VARIABLE, Some(pattern)) = (number, &scoring.pattern) {
        let text = pattern.replace("%u", &destination.uri).replace("%i", &set.to_string());
        return Ok(Flow::Evaluate(ctx.keep(text.as_bytes()), then));
    }
    let name = scoring.route.as_deref();
    let name = name.ok_or("dispatcher: algorithm 10 needs modparam algo_route")?;
    let is_called = |route: &Route| route.kind == RouteKind::Request && route.name == name;
    let found = ctx.shared.script.routes.iter().position(is_called);
    let route = found.and_then(|at| u16::try_from(at).ok()).map(RouteId);
    let route = route.ok_or("dispatcher: the route of algo_route is not there")?;
    let given = destination.live.script_attrs();
    let given = given.as_deref().map_or(&b""[..], |attrs| attrs.as_slice());
    for (name, value) in [
        ("dst_uri", destination.uri.as_bytes()),
        ("attrs", destination.attrs.as_bytes()),
        ("script_attrs", given),
    ] {
        let passed = (ctx.keep(name.as_bytes()), Value::Text(ctx.keep(value)));
        ctx.run.passed.push(passed);
    }
    // Where the route does nothing, or only ends, the score is 0.
    ctx.run.code = 0;
    Ok(Flow::Enter(route, then))
}

fn scored_destination(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: &Answer,
) -> Flow {
    scored(ctx, state, args, answer, Target::Destination)
}

fn scored_domain(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: &Answer) -> Flow {
    scored(ctx, state, args, answer, Target::Domain)
}

/// Takes a score and goes on.
fn scored(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: &Answer,
    target: Target,
) -> Flow {
    let (Some(worker), Some(note)) = (state.downcast_mut::<Worker>(), ctx.run.notes.pop()) else {
        return NOT_STARTED;
    };
    let mut course = Course::of_note(&note);
    let score = match answer {
        Answer::Evaluated(value) => Some(number(ctx, *value)),
        // spec 3.2: a negative code leaves it out.
        _ => Some(i64::from(ctx.run.code)).filter(|code| *code >= 0),
    };
    course.scores.extend(score.map(|score| (score, course.next)));
    course.next += 1;
    go_on(ctx, worker, args, target, course)
}

/// A number, or digits; anything else is 0.
fn number(ctx: &Ctx<'_>, value: Value) -> i64 {
    let digits = |text| std::str::from_utf8(ctx.bytes(text)).ok()?.trim().parse().ok();
    value.int().or_else(|| value.text().and_then(digits)).unwrap_or(0)
}

/// The destinations as failover takes them: the chosen one, then those behind it and around.
fn around(set: &Set, chosen: usize, default_last: bool) -> Vec<usize> {
    let (all, size) = (set.destinations.len(), candidates(set, default_last));
    let others = (1..all).map(|step| (chosen + step) % all);
    let default = (size..all).filter(|at| *at != chosen);
    let others = others.filter(|at| *at < size).chain(default);
    std::iter::once(chosen).chain(others.filter(|at| set.is_active(*at))).collect()
}

fn read_sets(ctx: &Ctx<'_>, sets: Value) -> Option<SetList> {
    match sets {
        Value::Int(set) => Some(SetList::one(set)),
        sets => SetList::read(std::str::from_utf8(ctx.bytes(sets.text()?)).ok()?).ok(),
    }
}

impl Course {
    /// Goes to the next set.
    fn pass(&mut self) {
        *self = Self { at: self.at + 1, found: self.found, ..Self::default() };
    }

    /// As numbers.
    fn note(&self) -> Vec<i64> {
        let head = [self.at as i64, self.found.into(), self.generation as i64, self.next as i64];
        let scores = self.scores.iter().flat_map(|(score, at)| [*score, *at as i64]);
        head.into_iter().chain(scores).collect()
    }

    fn of_note(note: &[i64]) -> Self {
        let (head, scores) = note.split_at_checked(4).unwrap_or_default();
        let head = |at: usize| head.get(at).copied().unwrap_or_default();
        let pairs = scores.as_chunks::<2>().0.iter();
        Self {
            at: head(0) as usize,
            found: head(1) != 0,
            generation: head(2) as u64,
            next: head(3) as usize,
            scores: pairs.map(|[score, at]| (*score, *at as usize)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_comes_back_from_its_note() {
        let scores = vec![(-3, 0), (i64::MAX, 7)];
        let course = Course { at: 2, found: true, generation: 9, next: 8, scores };
        assert_eq!(Course::of_note(&course.note()), course);
        assert_eq!(Course::of_note(&[]), Course::default());
    }
}
