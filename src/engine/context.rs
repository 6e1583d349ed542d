//! What a function, variable or transformation sees: the message, the run, the worker, the shared
//! snapshot. Everything it may do to the world goes through here.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use sluice_base::counters::Cells;
use sluice_base::{Moment, Now, WorkerId};
use sluice_script::Script;
use sluice_script::ir::{Constant, ReferenceId, RouteId, RouteKind, Setting, Sub, VariableId};
use sluice_sip::Message;
use sluice_sip::via::{Known, Via};

use crate::blacklist::Blacklists;
use crate::counter::Counter;
use crate::digits::Digits;
use crate::events::Events;
use crate::module::{LooseRoute, Name, SharedState, StatisticsBase, Subject};
use crate::output::Output;
use crate::post::Post;
use crate::reports::Reports;
use crate::run::{Packet, Run, RunState};
use crate::settings::{Levels, Settings};
use crate::sockets::Sockets;
use crate::targets::{Names, Sources};
use crate::tm::Tm;
use crate::value::{Source, Text, Value};
use crate::vars::Vars;

/// What all workers look at; but for the levels nobody changes it.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The script in force.
    pub script: Arc<Script>,
    /// Our sockets.
    pub sockets: Sockets,
    /// Arguments of the calls whose arguments are all constants.
    pub constants: Box<[Value]>,
    /// Names of the variables by number.
    pub variables: Box<[&'static str]>,
    /// By socket, our Via up to its branch's cookie, so that sending only adds the branch.
    pub via_heads: Box<[Box<[u8]>]>,
    /// error_route{}, if there is one.
    pub error_route: Option<RouteId>,
    /// Whether runs are looked after between two instructions, which most need not be.
    pub watched: bool,
    /// The globals.
    pub settings: Settings,
    /// Thresholds of the log; the one thing here that changes.
    pub levels: Arc<Levels>,
    /// The zone of local times.
    pub zone: TimeZone,
    /// What is known of the names of next hops.
    pub names: Arc<Names>,
    /// By which address of ours others are reached; the same for all editions.
    pub sources: Arc<Sources>,
    /// Where requests are not sent to; the same for all editions.
    pub blacklists: Arc<Blacklists>,
    /// Who is told of events; the same for all editions.
    pub events: Arc<Events>,
    /// Statuses of the parts of the program; the same for all editions.
    pub reports: Arc<Reports>,
    /// Who is told when a request has followed a Route of ours.
    pub followed: Followed,
    /// Who is told when a request has got its transaction.
    pub opened: Followed,
    /// The states of the running modules.
    pub running: Running,
}

/// The shared states of the running modules.
#[derive(Clone)]
pub struct Running(pub(crate) Arc<[Arc<dyn SharedState>]>);

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.0.len()).finish()
    }
}

impl Shared {
    /// Whether any route may hear events: who has much to tell asks first.
    #[inline]
    pub fn hears_events(&self) -> bool {
        self.script.routes.iter().any(|route| route.kind == RouteKind::Event)
    }
}

/// Hooks of the running modules, each with its module's state.
#[derive(Clone)]
pub struct Followed(pub(crate) Arc<[(LooseRoute, Arc<dyn SharedState>)]>);

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Followed").field(&self.0.len()).finish()
    }
}

/// The worker's own things that a run may touch.
pub struct Local {
    /// Which worker.
    pub id: WorkerId,
    /// Counters of the engine and of all modules.
    pub cells: Cells,
    /// The transmit batch.
    pub output: Output,
    /// The transactions.
    pub tm: Tm,
    /// Letters to the owners of other calls.
    pub post: Arc<Post>,
    /// `$var` values by slot; they outlive a message (spec 1.11).
    pub vars: Vars,
    /// State of the worker's random numbers.
    pub random: u64,
    /// This worker's own threshold of `xlog()`, `$xlog_level`.
    pub xlog_level: Option<i8>,
    /// This worker's own threshold of the program's lines, `$log_level`.
    pub log_level: Option<i8>,
    /// Runs of their own that begin when the messages of this turn are done.
    pub(crate) starting: VecDeque<Box<Run>>,
    /// An assert() failed that shall end the program.
    pub(crate) aborted: bool,
    /// Workers that were given a lock and sleep, as bits by number.
    pub(crate) woken: u64,
    /// Whether the turn left something to do beyond its messages.
    pub(crate) stirred: bool,
    /// Reads the clocks of the worker's thread; where nobody measures no time passes.
    pub moment: fn() -> Moment,
}

/// A value that outlives a run: its bytes are its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Kept {
    /// NULL.
    #[default]
    Null,
    /// A number.
    Int(i64),
    /// A string.
    Text(Vec<u8>),
}

impl Kept {
    /// What a parameter of the script says.
    pub fn of(setting: &Setting) -> Self {
        match setting {
            Setting::Int(number) => Self::Int(*number),
            Setting::Text(text) | Setting::Word(text) => Self::Text(text.clone().into_bytes()),
        }
    }
}

impl Local {
    /// A worker's own things; each `$var` has the first value that the script names.
    pub fn new(
        id: WorkerId,
        cells: Cells,
        script: &Script,
        random: u64,
        tm: Tm,
        post: Arc<Post>,
    ) -> Self {
        let mut vars = Vars::new(script.vars.len());
        for (slot, value) in &script.first_vars {
            if let Some(place) = vars.get_mut(*slot) {
                *place = Kept::of(value);
            }
        }
        Self {
            id,
            cells,
            output: Output::default(),
            tm,
            post,
            vars,
            random,
            xlog_level: None,
            log_level: None,
            moment: Moment::default,
            starting: VecDeque::new(),
            aborted: false,
            woken: 0,
            stirred: false,
        }
    }

    /// Counts an event of the engine.
    #[inline]
    pub fn add(&mut self, counter: Counter, amount: u64) {
        self.cells.add(counter.cell(), amount);
    }

    /// Counts a statistic of a module, by its place in the module's table.
    #[inline]
    pub fn count(&mut self, base: StatisticsBase, statistic: usize) {
        self.cells.add(usize::from(base.0) + statistic, 1);
    }

    /// The next random number (not for secrets).
    pub fn random(&mut self) -> u64 {
        next_random(&mut self.random)
    }
}

/// The next number of a series that its state decides (splitmix64).
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// OpenSIPS' number of the level of a complaint.
const WARNING: i8 = 1;

/// The context of one call.
pub struct Ctx<'a> {
    /// The received message.
    pub message: Message<'a>,
    /// Its topmost Via, and what is known of that.
    pub via: &'a (Via<'a>, Known<'a>),
    /// Where it came from.
    pub packet: Packet,
    /// The run.
    pub run: &'a mut RunState,
    /// The worker.
    pub local: &'a mut Local,
    /// The snapshot.
    pub shared: &'a Shared,
    /// The moment of this turn.
    pub now: Now,
}

/// The bytes of a text, where a part of the context is lent out already.
#[inline]
pub fn bytes_in<'a>(
    text: Text,
    message: Message<'a>,
    arena: &'a [u8],
    shared: &'a Shared,
) -> &'a [u8] {
    let buffer: &[u8] = match text.source {
        Source::Message => message.bytes,
        Source::Arena => arena,
        Source::Constant => &shared.script.pool,
    };
    let start = text.start as usize;
    buffer.get(start..start + text.len as usize).unwrap_or_default()
}

impl Ctx<'_> {
    /// The bytes of a text.
    #[inline]
    pub fn bytes(&self, text: Text) -> &[u8] {
        bytes_in(text, self.message, &self.run.arena, self.shared)
    }

    /// Puts bytes into the arena.
    #[inline]
    pub fn keep(&mut self, bytes: &[u8]) -> Text {
        let start = self.run.arena.len() as u32;
        self.run.arena.extend_from_slice(bytes);
        Text { source: Source::Arena, start, len: bytes.len() as u32 }
    }

    /// Sets `$du` to a URI whose address is known, so that sending need not find it out again.
    pub fn set_destination(&mut self, uri: Text, addr: Option<SocketAddr>) {
        self.run.destination = Some(uri);
        self.run.destination_addr = addr;
    }

    /// A text for a piece of the received message (by address; a foreign piece gives the empty
    /// text).
    #[inline]
    pub fn of_message(&self, piece: &[u8]) -> Text {
        let span = self.message.span_of(piece);
        Text { source: Source::Message, start: u32::from(span.start), len: span.len() as u32 }
    }

    /// The string face of any value: prints a plain number, `<null>` for NULL.
    pub fn to_text(&mut self, value: Value) -> Text {
        match value {
            Value::Text(text) | Value::Both(text, _) => text,
            Value::Int(n) | Value::Number(n) => self.keep(Digits::of(n).as_bytes()),
            _ => self.keep(b"<null>"),
        }
    }

    /// Appends a copy of a text to the arena.
    pub fn append(&mut self, text: Text) -> Text {
        let start = self.run.arena.len() as u32;
        let from = text.start as usize..text.start as usize + text.len as usize;
        let arena = &mut self.run.arena;
        match text.source {
            Source::Arena if from.end <= arena.len() => arena.extend_from_within(from),
            Source::Arena => {}
            Source::Message => {
                arena.extend_from_slice(self.message.bytes.get(from).unwrap_or_default());
            }
            Source::Constant => {
                arena.extend_from_slice(self.shared.script.pool.get(from).unwrap_or_default());
            }
        }
        Text { source: Source::Arena, start, len: self.run.arena.len() as u32 - start }
    }

    /// Joins texts in the arena.
    pub fn join(&mut self, texts: impl Iterator<Item = Text>) -> Value {
        let start = self.run.arena.len() as u32;
        for text in texts {
            self.append(text);
        }
        let len = self.run.arena.len() as u32 - start;
        Value::Text(Text { source: Source::Arena, start, len })
    }

    /// Puts a value into an output argument of the function being called.
    pub fn output(&mut self, argument: Value, value: Value) {
        if let Value::Reference(id) = argument {
            self.run.outputs.push((id, value));
        }
    }

    /// The output arguments of a list (`ParamKind::Outputs`).
    pub fn listed(&self, argument: Value) -> Vec<Value> {
        let text = argument.text().map_or(&b""[..], |text| self.bytes(text));
        let numbers = text
            .split(|byte| *byte == b';')
            .filter_map(|number| std::str::from_utf8(number).ok()?.parse().ok());
        numbers.map(|number| Value::Reference(ReferenceId(number))).collect()
    }

    /// Which variable an argument refers to: its name, and its part in parentheses.
    pub fn referred(&self, argument: Value) -> Option<(&'static str, Name)> {
        let Value::Reference(id) = argument else { return None };
        let (variable, subject) = self.subject(id)?;
        let variable = self.shared.variables.get(usize::from(variable.0))?;
        Some((variable, subject.name))
    }

    /// The variable of a reference that was pushed itself, with the name and index that it had
    /// then.
    pub(crate) fn subject(&self, id: ReferenceId) -> Option<(VariableId, Subject)> {
        let reference = self.shared.script.references.get(usize::from(id.0))?;
        let name = match reference.sub {
            Sub::Slot(slot) => Name::Slot(slot),
            Sub::Text(Constant { start, len }) => {
                Name::Text(Text { source: Source::Constant, start, len })
            }
            Sub::None | Sub::Dynamic => Name::None,
        };
        let made = self.run.referred.iter().find(|(other, _)| *other == id);
        let fixed = Subject { name, index: reference.index };
        Some((reference.variable, made.map_or(fixed, |(_, subject)| *subject)))
    }

    /// Tells the modules that the request has followed a Route of ours.
    pub fn tell_followed(&mut self) {
        for (hook, state) in &*self.shared.followed.0 {
            hook(self, &**state);
        }
    }

    /// Tells the modules that the request has got its transaction.
    pub(crate) fn tell_opened(&mut self) {
        for (hook, state) in &*self.shared.opened.0 {
            hook(self, &**state);
        }
    }

    /// Logs a script's mistake with its line.
    #[cold]
    pub fn complain(&self, text: &str) {
        if self.local.log_level.is_some_and(|level| level < WARNING) {
            return;
        }
        let script = &self.shared.script;
        let at = script.locations.get(self.run.at as usize).copied().unwrap_or_default();
        let file = script.files.get(at.file as usize).map_or("", String::as_str);
        tracing::warn!(target: "script", "{file}:{}:{}: {text}", at.line, at.column);
    }
}
