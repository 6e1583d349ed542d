//! What the checker asks about the world outside the language: modules, functions, variables,
//! transformations, globals. `engine` answers from the modules' definition tables, so this crate
//! knows no SIP function.

use crate::ir::{FunctionId, RouteKind, Setting, TransformId, VariableId};

/// A set of route kinds, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Routes(pub u16);

impl Routes {
    /// Every kind.
    pub const ANY: Self = Self(0x1FF);
    /// Only routes that have a request: request, branch, failure, local, error.
    pub const REQUESTS: Self = Self::of(&[
        RouteKind::Request,
        RouteKind::Branch,
        RouteKind::Failure,
        RouteKind::Local,
        RouteKind::Error,
    ]);
    /// Only `route`.
    pub const REQUEST: Self = Self::of(&[RouteKind::Request]);
    /// Only `onreply_route`.
    pub const REPLY: Self = Self::of(&[RouteKind::Reply]);

    /// The set of these kinds.
    pub const fn of(kinds: &[RouteKind]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// Whether the kind is in it.
    pub const fn allows(self, kind: RouteKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}

/// What a function does with one parameter (spec 1.8). Quoted digits are accepted for a number,
/// a bare number for a text, a quoted single variable for an output variable.
#[derive(Clone, Copy, Debug)]
pub enum ParamKind {
    /// A number; variables are read at run time: NULL or not a number means "not called, -1".
    Int,
    /// A text with `$` expansion; a sole variable that is NULL means "not called, -1".
    Text,
    /// As [`Self::Text`]; one that is written out is checked at load. The error text says what was
    /// expected.
    Checked(fn(&str) -> Result<(), String>),
    /// A text without expansion.
    Literal,
    /// A number or a text, as it comes; a sole NULL variable is passed on as NULL.
    Any,
    /// A number, also one of quoted digits, or another text with `$` expansion; a text that is
    /// written out is checked at load. The error text says what was expected.
    NumberOr(fn(&str) -> Result<(), String>),
    /// An output variable; arrives as a reference.
    Output,
    /// A list of output variables in a text, `$avp(a);$var(b)`; arrives as a text of which
    /// `Ctx::listed` makes references. An empty one counts as left out.
    Outputs,
    /// A variable itself, which is only read; arrives as a reference.
    Variable,
    /// A regex; compiled at load when literal.
    Regex,
    /// A regex for which line breaks are characters like others.
    WholeRegex,
    /// A substitution `/regex/replacement/flags`; variables stand in the replacement only. A
    /// literal one is checked at load and arrives as NUL, flags, NUL, regex, NUL, replacement,
    /// where a NUL stands for each backslash that the script wrote.
    Subst,
    /// The name of a route of that kind, as [`Self::Text`]; one that is written out must exist.
    Route(RouteKind),
    /// A flag's name or number (`setflag(22)`: numbers are names too), interned at load like
    /// [`SubKind::Flag`]; arrives as the slot, a number. Variables are refused.
    Flag,
    /// A word or list that the module turns into a number, at load when literal; at run time
    /// by the same function. The error text says what was expected.
    Word(fn(&str) -> Result<i64, String>),
}

/// One parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct ParamDef {
    /// Its name, for messages and documentation.
    pub name: &'static str,
    /// Its type.
    pub kind: ParamKind,
    /// May be left out.
    pub optional: bool,
}

/// What the checker needs to know of a function.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Its number.
    pub id: FunctionId,
    /// Its parameters.
    pub params: &'static [ParamDef],
    /// Formats given as module parameters that are evaluated at each call and passed behind the
    /// declared arguments: (module, parameter). Unset: [`crate::ir::Op::Omitted`].
    pub hidden: &'static [(&'static str, &'static str)],
    /// Where it may be called.
    pub routes: Routes,
    /// Whether it can say before its arguments are made that a call would do nothing
    /// ([`crate::ir::Op::Guard`]).
    pub guarded: bool,
    /// Whether it may wait, so that `async()` and `launch()` take it.
    pub suspends: bool,
}

/// What a variable accepts in parentheses.
#[derive(Clone, Copy, Debug)]
pub enum SubKind {
    /// Nothing.
    None,
    /// A name interned as an AVP.
    Avp,
    /// A name interned as a `$var`.
    Var,
    /// A name interned as a flag.
    Flag,
    /// Any text; may be left out when the flag is set.
    Text {
        /// May be left out.
        optional: bool,
    },
    /// A word that the module turns into a number at load (also when dynamic, at run time).
    Word(fn(&str) -> Result<u32, String>),
}

/// What the checker needs to know of a variable.
#[derive(Clone, Copy, Debug)]
pub struct VariableSignature {
    /// Its number.
    pub id: VariableId,
    /// What stands in parentheses.
    pub sub: SubKind,
    /// Whether `[index]` is allowed.
    pub indexed: bool,
    /// Whether it may be assigned.
    pub writable: bool,
}

/// Type of a module parameter or a global.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingKind {
    /// A number or boolean word.
    Int,
    /// A boolean word, or a number for it.
    Bool,
    /// A quoted text.
    Text,
    /// As [`Self::Text`]: the name of a `route[..]` that the module runs.
    Route,
    /// Either.
    Either,
    /// Bare words and items (`log_facility = LOG_LOCAL0`), quoted ones too.
    Word,
    /// As [`Self::Word`]: a socket, `udp:*:5060 as example.org` ([`crate::socket`]).
    Socket,
    /// As [`Self::Word`]: hosts with or without transport and port, parted by blanks.
    Hosts,
    /// The number of a port.
    Port,
}

/// Whether a parameter or global is honoured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Done as documented.
    Honoured,
    /// Accepted, with a note that says why nothing is done.
    Ignored(&'static str),
    /// Refused: comes later.
    Later,
}

/// Refuses a value at load, with what was expected.
pub type Check = fn(&Setting) -> Result<(), String>;

/// A parameter or global by its canonical name.
#[derive(Clone, Copy, Debug)]
pub struct SettingSignature {
    /// The canonical name.
    pub name: &'static str,
    /// Its type.
    pub kind: SettingKind,
    /// Whether it is honoured.
    pub status: Status,
    /// Refuses values at load, with what was expected.
    pub check: Option<Check>,
}

/// What a module name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModuleStatus {
    /// Built: canonical name.
    Built(&'static str),
    /// A module of OpenSIPS that Sluice will have.
    Later(&'static str),
    /// A module of OpenSIPS that is not ours, with the reason.
    NotOurs(&'static str, &'static str),
    /// Its work is now the core's or another module's: canonical name, and whose. Loading it, and
    /// setting its parameters, is a no-op with this note.
    Merged(&'static str, &'static str),
    /// No such module.
    Unknown,
}

/// The answer for a name that is looked up among what is loaded.
#[derive(Clone, Copy, Debug)]
pub enum Found<T> {
    /// Here it is.
    Yes(T),
    /// It belongs to this module, which is not loaded.
    NeedsModule(&'static str),
    /// Known to OpenSIPS, comes later; the module it belongs to.
    Later(&'static str),
    /// Known to OpenSIPS, will not come; the module it belongs to, and why.
    NotOurs(&'static str, &'static str),
    /// Unknown.
    No,
}

/// What a name is the name of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Named {
    /// A global.
    Global,
    /// A function.
    Function,
    /// A variable, without its `$`.
    Variable,
    /// A word of conditions in 1.x.
    Word,
}

/// A name that newer releases of OpenSIPS have changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Renamed {
    /// What it is the name of.
    pub what: Named,
    /// The old name.
    pub old: &'static str,
    /// What is written now; of a variable without its `$`.
    pub new: &'static str,
    /// The first release with the new name; empty when it is not known.
    pub since: &'static str,
}

/// The world outside the language.
pub trait Catalog {
    /// What a module's base name (no path, no suffix) stands for.
    fn module(&self, name: &str) -> ModuleStatus;
    /// A function callable when `loaded` modules (canonical names) are loaded.
    fn function(&self, name: &str, loaded: &[&'static str]) -> Found<Signature>;
    /// A variable by its name without `$`: `ru`, `avp`, `socket_in`.
    fn variable(&self, name: &str, loaded: &[&'static str]) -> Found<VariableSignature>;
    /// A transformation by class and name: `s`, `len`; with how many parameters it takes.
    fn transformation(&self, class: &str, name: &str) -> Found<(TransformId, u8, u8)>;
    /// A parameter of a built module.
    fn param(&self, module: &str, name: &str) -> Found<SettingSignature>;
    /// A global parameter, old or new name.
    fn global(&self, name: &str) -> Found<SettingSignature>;
    /// A port within a text, such as that of a URI, that no port can be: its offset and length.
    fn impossible_port(&self, text: &[u8]) -> Option<(usize, usize)>;
    /// What an old name is called now.
    fn renamed(&self, what: Named, name: &str) -> Option<Renamed>;
    /// Whether the program itself raises an event of this name.
    fn raises(&self, event: &str) -> bool;
    /// A transport by its lower-case name: `udp`.
    fn transport(&self, name: &str) -> Found<()>;
    /// All function names, for did-you-mean.
    fn function_names(&self) -> Vec<&'static str>;
    /// All variable names, for did-you-mean.
    fn variable_names(&self) -> Vec<&'static str>;
    /// All transformations as `class.name`, for did-you-mean.
    fn transformation_names(&self) -> Vec<String>;
    /// All names of modules, for did-you-mean.
    fn module_names(&self) -> Vec<&'static str>;
    /// All parameters of a module, for did-you-mean.
    fn param_names(&self, module: &str) -> Vec<&'static str>;
    /// All globals, for did-you-mean.
    fn global_names(&self) -> Vec<&'static str>;
}
