//! The module contract: a module is a folder and a table.
//!
//! From the table come script checking, did-you-mean, `sluice doc` and the test that every entry is
//! documented. Modules meet only through hooks and each other's `api.rs`.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use sluice_base::Now;
use sluice_script::Script;
use sluice_script::catalog::{ParamDef, Routes, SettingKind, Status, SubKind};
use sluice_script::ir::{Assign, Index, RouteId, Setting};
use sluice_script::source::Location;

use crate::blacklist::List;
use crate::context::{Ctx, Local, Shared};
use crate::db::Databases;
use crate::files::Files;
use crate::job::{Answer, Job};
use crate::lock::Lock;
use crate::post::Post;
use crate::reports::Reports;
use crate::series::Series;
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::sql::Sql;
use crate::targets::Names;
use crate::uses::Uses;
use crate::value::{Text, Value};

/// What a script function answers (design: `Flow`).
#[derive(Debug)]
pub enum Flow {
    /// A return code: above 0 true, below 0 false, 0 stops the script (spec 1.5).
    Code(i32),
    /// A result that is no verdict: a return code of which 0 does not stop the script.
    Number(i32),
    /// The run parks until the wait is over; then the step is called with the same arguments.
    Suspend(Wait, Then),
    /// A route is run, then the step is called with the same arguments. `exit`, `drop` and a code
    /// of 0 end that route and no more.
    Enter(RouteId, Then),
    /// A text with variables is evaluated, then the step is called with the same arguments.
    Evaluate(Text, Then),
    /// Texts with variables are evaluated; then the step is called with the same arguments and
    /// [`Answer::Values`], at once.
    EvaluateAll(Arc<[Box<str>]>, Then),
    /// It could not find out; the log line. The code is the one the function's table names.
    Fail(&'static str),
}

impl Flow {
    /// Plain true.
    pub const TRUE: Self = Self::Code(1);
    /// Plain false.
    pub const FALSE: Self = Self::Code(-1);
    /// Stops the script.
    pub const STOP: Self = Self::Code(0);

    /// True or false.
    pub const fn of(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }
}

/// What a parked run waits for.
#[derive(Clone, PartialEq, Debug)]
pub enum Wait {
    /// This many milliseconds.
    Millis(u64),
    /// An answer of the control plane.
    Job(Job),
    /// A script lock, until [`crate::limits::LOCK_WAIT_MS`] is over.
    Lock(Arc<Lock>),
    /// Its next chance, after the worker's other messages (a long loop).
    Turn,
}

/// The step of a function after its wait: context, module state, the arguments, the answer.
pub type Then = fn(&mut Ctx<'_>, &mut dyn Any, &[Value], &Answer) -> Flow;

/// A script function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name in scripts.
    pub name: &'static str,
    /// Older names with the same parameters.
    pub aliases: &'static [&'static str],
    /// One line of documentation.
    pub doc: &'static str,
    /// Its parameters.
    pub params: &'static [ParamDef],
    /// Formats of module parameters evaluated at each call, passed behind the arguments.
    pub hidden: &'static [(&'static str, &'static str)],
    /// Where it may be called.
    pub routes: Routes,
    /// Whether it may park the run.
    pub suspends: bool,
    /// Whether it may take a script lock, which the run gives back at the latest when it ends.
    pub locks: bool,
    /// The return code for [`Flow::Fail`].
    pub unknown: i32,
    /// Says before the arguments are made whether a call would do anything. Gets the first of
    /// several arguments, or the mark of one left out.
    pub guard: Option<Guard>,
    /// Does it. The arguments are as many as `params` and `hidden` together; those left out are
    /// [`Value::Omitted`]. The state is this worker's, as made by [`SharedState::worker`].
    pub call: fn(&mut Ctx<'_>, &mut dyn Any, &[Value]) -> Flow,
}

/// Whether a call would do anything.
pub type Guard = fn(&Ctx<'_>, Value) -> bool;

/// The part in parentheses of a variable, at run time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// None given.
    None,
    /// A slot or number settled at load.
    Slot(u32),
    /// A text; also a dynamic name that has no slot.
    Text(Text),
}

/// A variable's name and index at run time ([`Index::Dynamic`] has become a number).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// In parentheses.
    pub name: Name,
    /// In brackets.
    pub index: Index,
}

/// A script variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name without `$`.
    pub name: &'static str,
    /// Other names of the same.
    pub aliases: &'static [&'static str],
    /// One line of documentation.
    pub doc: &'static str,
    /// What stands in parentheses.
    pub sub: SubKind,
    /// Whether `[index]` means something.
    pub indexed: bool,
    /// Reads it.
    pub get: fn(&mut Ctx<'_>, &mut dyn Any, Subject) -> Value,
    /// Assigns it; the error is logged with the script's line, and the old value stays.
    pub set: Option<Setter>,
}

/// Assigns a variable.
pub type Setter =
    fn(&mut Ctx<'_>, &mut dyn Any, Subject, Assign, Value) -> Result<(), &'static str>;

/// A transformation `{class.name,params}` (spec 2.5).
#[derive(Clone, Copy, Debug)]
pub struct Transformation {
    /// `s`, `uri`, `param`.
    pub class: &'static str,
    /// `len`.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Fewest and most parameters.
    pub params: (u8, u8),
    /// Does it.
    pub apply: Apply,
}

/// How a transformation is done. It gets its input, which is not NULL, and its parameters; input
/// that does not fit gives NULL.
#[derive(Clone, Copy, Debug)]
pub enum Apply {
    /// At once.
    Now(fn(&mut Ctx<'_>, Value, &[Value]) -> Value),
    /// By asking the outside, unless `ask` knows it already; then the run parks.
    Ask {
        /// What to wait for.
        ask: fn(&mut Ctx<'_>, Value, &[Value]) -> Asked,
        /// Makes the result of the answer.
        then: fn(&mut Ctx<'_>, Value, &[Value], &Answer) -> Value,
    },
    /// The input is a text with variables; its value is the result.
    Evaluate,
}

/// What a transformation that may ask the outside found.
#[derive(Clone, PartialEq, Debug)]
pub enum Asked {
    /// The result: no need to ask.
    Known(Value),
    /// This must be waited for.
    Wait(Wait),
}

/// A module parameter, or a global of the core.
#[derive(Clone, Copy, Debug)]
pub struct ParamEntry {
    /// Its canonical name.
    pub name: &'static str,
    /// Older names.
    pub aliases: &'static [&'static str],
    /// One line of documentation, with the default.
    pub doc: &'static str,
    /// Its type.
    pub kind: SettingKind,
    /// Whether it is honoured.
    pub status: Status,
    /// Refuses values at load.
    pub check: Option<fn(&Setting) -> Result<(), String>>,
}

/// A statistic, counted per worker.
#[derive(Clone, Copy, Debug)]
pub struct Statistic {
    /// Its name within the module.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
}

/// A management command; runs on the control plane against the module's shared state.
#[derive(Debug)]
pub struct Command {
    /// Its old name, `ds_list`; the new one is `module:` and [`Command::short`].
    pub name: &'static str,
    /// Its name after `module:`, `list`; with a colon, of a group that is not the module's
    /// (`cache:store`), the whole new name.
    pub short: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Names of its parameters in order; optional ones end in `?`.
    pub params: &'static [&'static str],
    /// Does it. Parameters are in the order of `params`.
    pub run: fn(&dyn SharedState, &[Option<&str>]) -> Result<serde_json::Value, CommandError>,
}

impl Command {
    /// The two parts of its new name, in a module.
    pub fn group_and_short(&self, module: &'static str) -> (&'static str, &'static str) {
        self.short.split_once(':').unwrap_or((module, self.short))
    }
}

/// A management command's refusal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code} {text}")]
pub struct CommandError {
    /// The code OpenSIPS would give.
    pub code: i32,
    /// The text.
    pub text: String,
    /// What else is to be told: the `data` of a JSON-RPC error.
    pub data: Option<serde_json::Value>,
}

impl CommandError {
    /// A refusal of which the text says everything.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), data: None }
    }
}

/// What happens to a message after a hook has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Goes on.
    Pass,
    /// It has been dealt with.
    Absorbed,
}

/// Where a module takes part without being called; run in the order of the module list.
#[derive(Debug)]
pub struct Hooks {
    /// A request, before the script.
    pub request_in: Option<Hook>,
    /// A reply that belongs to no transaction, before the script.
    pub reply_in: Option<Hook>,
    /// A request that has followed a Route of ours, which was taken away.
    pub loose_route: Option<LooseRoute>,
    /// A request that has got its transaction.
    pub opened: Option<LooseRoute>,
    /// Something to be done in each worker now and then.
    pub tick: Option<Tick>,
}

/// A hook that looks at a message.
pub type Hook = fn(&mut Ctx<'_>, &mut dyn Any) -> Seen;

/// A hook that looks at a request and may change it.
pub type LooseRoute = fn(&mut Ctx<'_>, &dyn SharedState);

/// A hook that no message has called: a worker's own things, and the module's state in it. Gives
/// when it wants to be called next, monotonic milliseconds; now is in the next turn, at once.
pub type Tick = fn(&mut Chore<'_>, &mut dyn Any) -> u64;

/// What a worker has for a [`Tick`].
pub struct Chore<'a> {
    /// The worker.
    pub local: &'a mut Local,
    /// The snapshot.
    pub shared: &'a Shared,
    /// The moment of this turn.
    pub now: Now,
}

impl Hooks {
    /// No hook.
    pub const NONE: Self =
        Self { request_in: None, reply_in: None, loose_route: None, opened: None, tick: None };
}

/// The definition table of a module.
#[derive(Debug)]
pub struct Module {
    /// Its canonical name.
    pub name: &'static str,
    /// Other names it is loaded by.
    pub aliases: &'static [&'static str],
    /// One line of documentation.
    pub doc: &'static str,
    /// Modules whose tables it offers too (`textops` offers all of `sipmsgops`).
    pub includes: &'static [&'static Module],
    /// Parameters; of the core: the globals.
    pub params: &'static [ParamEntry],
    /// Functions.
    pub functions: &'static [Function],
    /// Variables.
    pub variables: &'static [Variable],
    /// Transformations.
    pub transformations: &'static [Transformation],
    /// Statistics.
    pub statistics: &'static [Statistic],
    /// Management commands.
    pub commands: &'static [Command],
    /// Hooks.
    pub hooks: Hooks,
    /// Makes the shared state from the parameters; before sockets open, on the control plane.
    pub start: fn(&mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError>,
}

/// Addresses of a host name, or why there is none; may block up to its deadline.
pub type Resolve = Arc<dyn Fn(&str) -> Result<Vec<std::net::IpAddr>, String> + Send + Sync>;

/// What a module's `start` sees and may ask.
pub struct Setup<'a> {
    /// The script; names may be interned.
    pub script: &'a mut Script,
    /// The globals, digested; a module may set those that are its own.
    pub settings: &'a mut Settings,
    /// Our sockets.
    pub sockets: &'a Sockets,
    /// The module's name.
    pub module: &'static str,
    /// The module's first statistic; see [`crate::context::Local::count`].
    pub statistics: StatisticsBase,
    /// Letters to the workers that own calls, for management commands.
    pub post: &'a Arc<Post>,
    /// Where the module says whether it is ready, by its name.
    pub reports: &'a Arc<Reports>,
    /// The files that the user names (the program provides them; modules open none). Shared state
    /// may keep them for its management commands, never for a worker.
    pub files: Arc<dyn Files>,
    /// Opens SQL databases.
    pub sql: Arc<dyn Sql>,
    /// The databases; modules that bring a kind are started before those that use one.
    pub databases: &'a mut Databases,
    /// Blacklists that modules bring; those of the script are not among them.
    pub blacklists: &'a mut Vec<Arc<List>>,
    /// The modules that have been started, which stand before this one in the module list.
    pub started: &'a [(&'static str, Arc<dyn SharedState>)],
    /// What is known of names; for asking what has changed, never for waiting.
    pub names: &'a Arc<Names>,
    /// Resolves a name, with a deadline; for start and management commands, never for a worker.
    pub resolve: Resolve,
    /// Receives warnings for the user.
    pub warnings: &'a mut Vec<String>,
}

impl Setup<'_> {
    /// The shared state of another module that is loaded and stands before this one in the module
    /// list; modules know each other's by their `api`.
    pub fn state_of(&self, module: &str) -> Option<Arc<dyn SharedState>> {
        let found = self.started.iter().find(|(name, _)| *name == module);
        found.map(|(_, state)| Arc::clone(state))
    }

    /// The last value given to a parameter.
    pub fn param(&self, name: &str) -> Option<(&Setting, Location)> {
        let of_module = self.script.params.iter().rev();
        of_module
            .filter(|p| p.module == self.module && p.name == name)
            .map(|p| (&p.value, p.at))
            .next()
    }

    /// All values given to a parameter, in the script's order.
    pub fn params(&self, name: &str) -> impl Iterator<Item = (&Setting, Location)> {
        let of_module = self.script.params.iter();
        of_module
            .filter(move |p| p.module == self.module && p.name == name)
            .map(|p| (&p.value, p.at))
    }

    /// A number parameter, or its default.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        match self.param(name) {
            Some((Setting::Int(n), _)) => *n,
            _ => default,
        }
    }

    /// A text parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.param(name) {
            Some((Setting::Text(s) | Setting::Word(s), _)) => Some(s),
            _ => None,
        }
    }
}

/// Where a module's statistics begin among a worker's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatisticsBase(pub u16);

/// Why a module refused to start: the place in the script or data file, and the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct SetupError {
    /// The script line to blame, when there is one.
    pub at: Option<Location>,
    /// What is wrong; data files are named as `FILE:LINE: ...`.
    pub text: String,
}

/// What all workers and the control plane share of a module: snapshots and atomics.
pub trait SharedState: Any + Send + Sync {
    /// This worker's part.
    fn worker(self: Arc<Self>, id: sluice_base::WorkerId) -> Box<dyn Any + Send>;
    /// For downcasting in commands.
    fn as_any(&self) -> &dyn Any;
    /// Looks at the routes of an edition before a worker runs them, at start and at each reload.
    /// What an earlier edition needed is still needed, since its runs may go on.
    fn adopt(&self, _routes: &Uses<'_>) {}
    /// The program ends, and the workers have: what is not safe yet is made so. May block.
    fn end(&self) {}
    /// Drops what reloads have left over, as far as no worker reads it any more. Called now and
    /// then on the control plane.
    fn sweep(&self) {}
    /// Is told the moment about once a second, on the control plane: for what expires, and for
    /// management commands, which have no clock.
    fn tick(&self, _now: Now) {}
    /// The network says of an address that requests do not arrive there, and this one belonged to
    /// no transaction. Told in the turn of a worker; those of transactions learn it by their
    /// [tickets](crate::ticket).
    fn unreachable(&self, _to: SocketAddr, _now: Now) {}
    /// Tells its labelled series, on the control plane.
    fn series(&self, _to: &mut dyn Series) {}
    /// What it has counted itself of a statistic, by the place in its table; beside what workers
    /// count.
    fn counted(&self, _statistic: usize) -> u64 {
        0
    }
    /// Statistics whose names are only known while it runs, and those that come and go: names and
    /// values, on the control plane. They cannot be reset.
    fn gauges(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
    /// Whether a management command, by its old name, waits for others and so runs beside itself.
    /// Any other does not: of two reloads the later one wins.
    fn waits(&self, _command: &str) -> bool {
        false
    }
}

/// The state of a module that has none.
#[derive(Debug)]
pub struct Stateless;

impl Stateless {
    /// A `start` for modules without state.
    ///
    /// # Errors
    /// Never.
    pub fn start(_: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
        Ok(Arc::new(Self))
    }
}

impl SharedState for Stateless {
    fn worker(self: Arc<Self>, _: sluice_base::WorkerId) -> Box<dyn Any + Send> {
        Box::new(())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A module of OpenSIPS that is not built here.
#[derive(Debug)]
pub struct KnownModule {
    /// Its name.
    pub name: &'static str,
    /// Other names it is loaded by.
    pub aliases: &'static [&'static str],
    /// Whether it will be built.
    pub status: KnownStatus,
    /// Its functions: calling one is the error "later" or "not ours".
    pub functions: &'static [&'static str],
    /// Its variables, likewise.
    pub variables: &'static [&'static str],
}

/// Whether a module that is not built will be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KnownStatus {
    /// It comes.
    Later,
    /// It does not, and why.
    NotOurs(&'static str),
    /// Its functions are in the core or another module; where.
    Merged(&'static str),
}
