//! What a script becomes: a flat vector of instructions over tables, by index.
//!
//! The virtual machine of `engine` runs it. Everything is data: names are slots, constants lie in
//! one pool, and a run that parks is only a program counter, a value stack and a frame stack.
//!
//! The machine has a stack of values, one register `truth` (result of the last test) and `rc`
//! (result of the last command, `$rc`).

use regex::bytes::Regex;

use crate::source::Location;

/// Index into [`Script::pool`]: a constant text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Constant {
    /// First byte in the pool.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A function, as the catalog numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct FunctionId(pub u16);

/// A variable, as the catalog numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct VariableId(pub u16);

/// A transformation, as the catalog numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct TransformId(pub u16);

/// A route of the script, index into [`Script::routes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RouteId(pub u16);

/// Index into [`Script::references`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ReferenceId(pub u16);

/// Index into [`Script::regexes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RegexId(pub u16);

/// Index into [`Script::nets`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct NetId(pub u16);

/// One instruction. "pops" and "pushes" mean the value stack.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Op {
    /// Pushes a constant text.
    Text(Constant),
    /// Pushes a number.
    Int(i64),
    /// Pushes NULL.
    Null,
    /// Pushes the mark of an argument that was left out.
    Omitted,
    /// Pushes the value of a variable. A dynamic name or index has been pushed before
    /// (name first) and is popped; see [`Reference`].
    Load(ReferenceId),
    /// Pushes a variable itself, as an output argument of a function (not its value). Dynamic
    /// parts are popped as by [`Op::Load`]; such a reference belongs to this instruction alone.
    Refer(ReferenceId),
    /// Pushes a compiled regex, as an argument of a function.
    Regex(RegexId),
    /// Pops `n` values, pushes their texts joined; NULL is written `<null>` (spec 1.8).
    Concat(u8),
    /// Pops `params` values and then the input, pushes the result (spec 2.5).
    Transform {
        /// Which.
        transform: TransformId,
        /// How many parameters lie on the stack above the input.
        params: u8,
    },
    /// Pops right and left, pushes the result by the rules of spec 1.7: the left decides.
    Arith {
        /// The operator.
        op: Arith,
        /// The right side was a literal: a string and a number literal do not add up (spec 0).
        literal: bool,
        /// Part of `+=`, `/=` and the like: dividing by zero then keeps the old value (spec 0).
        compound: bool,
    },
    /// Pops one, pushes its bitwise complement.
    Complement,
    /// Pops right and left, sets `truth` (spec 1.6). `literal` says that the right side was written
    /// as a constant, which the type rules of spec 0 and 1.6 distinguish.
    Compare {
        /// The operator.
        op: Compare,
        /// The right side was a literal.
        literal: bool,
    },
    /// Pops a label and the subject of a `switch`, sets `truth` to whether they are equal; that
    /// one is a text and the other a number is no mistake here.
    Case,
    /// Pops one, sets `truth` to whether the regex is found in it (NULL: false).
    Match(RegexId),
    /// Pops pattern and subject, compiles at run time, sets `truth` as [`Op::Match`].
    MatchDynamic,
    /// Pops one, sets `truth` to whether it is an address within the network.
    InNet(NetId),
    /// Pops one, sets `truth` by the rule of a bare variable (spec 1.6).
    Truth,
    /// Pops one, sets `truth` to whether it is a number other than zero (`[ arith ]`).
    NonZero,
    /// Pushes `truth` as 1 or 0 (`$var(b) = ($si == "1.2.3.4")`).
    PushTruth,
    /// Pushes `rc` (`$var(r) = func()`).
    PushCode,
    /// Turns `truth` round.
    Not,
    /// Goes to the instruction.
    Jump(u32),
    /// Goes there when `truth` holds.
    JumpIf(u32),
    /// Goes there when `truth` does not hold.
    JumpIfNot(u32),
    /// Pops a value and assigns it; sets `rc` to 1, or -1 when refused. Dynamic parts of the
    /// reference have been pushed before the value.
    Store {
        /// The variable.
        target: ReferenceId,
        /// `=` or `:=` ; compound operators are lowered to load, arithmetic, store.
        op: Assign,
    },
    /// Pops a value - the first argument of several, or the mark of one left out - and asks the
    /// function whether a call would do anything. If not, `rc` becomes 1, and the call with its
    /// arguments is passed over (`xlog` below its level).
    Guard {
        /// Which function.
        function: FunctionId,
        /// Behind the call.
        to: u32,
    },
    /// Pops `args` values, calls the function. Sets `rc` and `truth = rc > 0`; 0 stops the script.
    Call {
        /// Which.
        function: FunctionId,
        /// How many arguments lie on the stack.
        args: u8,
    },
    /// Calls the function with values of the engine's table, and goes on behind the instructions
    /// that push the same and the plain call. Only the engine makes it, when a program starts.
    CallConstant {
        /// Which.
        function: FunctionId,
        /// How many arguments.
        args: u8,
        /// The first one's place in the table.
        first: u32,
    },
    /// Pops `args` values and a time-out in seconds below them, and calls the function. The script
    /// ends here; the route goes on with the function's code.
    Async {
        /// Which.
        function: FunctionId,
        /// How many arguments lie on the stack.
        args: u8,
        /// Where it goes on.
        route: RouteId,
    },
    /// Pops `args` values and a parameter of the route below them. A run of its own calls the
    /// function, and enters the route with its code.
    Launch {
        /// Which.
        function: FunctionId,
        /// How many arguments lie on the stack.
        args: u8,
        /// Where it goes on, if anywhere.
        route: Option<RouteId>,
    },
    /// Pops `args` values, enters a route with them as `$param(1)`...; its last code becomes `rc`.
    Route {
        /// Which.
        route: RouteId,
        /// How many arguments lie on the stack.
        args: u8,
    },
    /// As [`Op::Route`], the route's name lies below the arguments; unknown: error, -1.
    RouteDynamic {
        /// How many arguments lie on the stack.
        args: u8,
    },
    /// Pops `values` (read by the caller as `$return(i)`) and then the code, leaves the route.
    /// Code: NULL is -1, not a number is 1, 0 stops the script.
    Return {
        /// How many extra values lie above the code.
        values: u8,
    },
    /// Leaves the route with `rc` as it stands (end of a route block); 0, which only a test that
    /// took no branch has left there, becomes 1.
    End,
    /// Pops a text. When `truth` does not hold: logs it, notes an error, stops the script.
    Assert,
    /// Stops the script.
    Exit,
    /// Stops the script and marks "drop".
    Drop,
    /// Begins a loop: pushes a loop counter on the frame.
    LoopEnter,
    /// Counts a round; over `max_while_loops` logs an error and leaves to the given instruction.
    LoopCheck(u32),
    /// Ends a loop: drops its counter.
    LoopLeave,
    /// Sets `rc` to 1 or 0 from `truth`.
    CodeFromTruth,
    /// Pops and drops one value (`switch` subject).
    Pop,
    /// Pushes a copy of the value so far below the topmost (0: the `switch` subject).
    Pick(u8),
}

impl Op {
    /// The function that it calls.
    pub const fn called(self) -> Option<FunctionId> {
        match self {
            Self::Call { function, .. }
            | Self::CallConstant { function, .. }
            | Self::Async { function, .. }
            | Self::Launch { function, .. } => Some(function),
            _ => None,
        }
    }

    /// How many arguments of that function lie on the stack.
    pub const fn arguments(self) -> Option<u8> {
        match self {
            Self::Call { args, .. } | Self::Async { args, .. } | Self::Launch { args, .. } => {
                Some(args)
            }
            _ => None,
        }
    }

    /// How many values it takes from the stack to push one; `None` of one that does anything else.
    pub fn pops(self, script: &Script) -> Option<usize> {
        let dynamic = |id: ReferenceId| {
            let reference = script.references.get(usize::from(id.0))?;
            let name = usize::from(matches!(reference.sub, Sub::Dynamic));
            Some(name + usize::from(matches!(reference.index, Index::Dynamic)))
        };
        match self {
            Self::Text(_) | Self::Int(_) | Self::Null | Self::Omitted | Self::Regex(_) => Some(0),
            Self::Load(id) | Self::Refer(id) => dynamic(id),
            Self::Concat(count) => Some(usize::from(count)),
            Self::Transform { params, .. } => Some(usize::from(params) + 1),
            Self::Arith { .. } => Some(2),
            Self::Complement => Some(1),
            _ => None,
        }
    }
}

/// Arithmetic and bit operators (spec 1.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How an assignment treats earlier values (spec 2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assign {
    /// `=`
    Set,
    /// `:=`
    Replace,
}

/// The part in parentheses of `$name(sub)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Sub {
    /// None given.
    None,
    /// A text known at load, in the pool.
    Text(Constant),
    /// A slot: the name was interned, or the catalog turned it into a number.
    Slot(u32),
    /// On the stack.
    Dynamic,
}

/// The part in brackets of `$(name[index])`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Index {
    /// None given.
    None,
    /// A number; negative counts from the end.
    At(i32),
    /// `[*]`
    All,
    /// `[append]`
    Append,
    /// On the stack.
    Dynamic,
}

/// Which `$(<request>..)` context a variable is read in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Context {
    /// The message of the run.
    #[default]
    Current,
    /// `<request>`
    Request,
    /// `<reply>`
    Reply,
}

/// A use of a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Reference {
    /// Which variable.
    pub variable: VariableId,
    /// Its part in parentheses.
    pub sub: Sub,
    /// Its part in brackets.
    pub index: Index,
    /// Its message.
    pub context: Context,
}

impl Reference {
    /// Whether its name or index is made at run time.
    pub const fn is_dynamic(&self) -> bool {
        matches!(self.sub, Sub::Dynamic) || matches!(self.index, Index::Dynamic)
    }
}

/// An address block: `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Net {
    /// The network's address.
    pub addr: std::net::IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

/// What starts a route (spec 1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the names are the script's")]
pub enum RouteKind {
    /// `route{}` and `route[name]`.
    Request,
    /// `onreply_route{}` and `onreply_route[name]`.
    Reply,
    Branch,
    Failure,
    Error,
    Local,
    Startup,
    Timer,
    Event,
}

impl RouteKind {
    /// All, by number.
    pub const ALL: [Self; 9] = [
        Self::Request,
        Self::Reply,
        Self::Branch,
        Self::Failure,
        Self::Error,
        Self::Local,
        Self::Startup,
        Self::Timer,
        Self::Event,
    ];

    /// The word that begins its block.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Request => "route",
            Self::Reply => "onreply_route",
            Self::Branch => "branch_route",
            Self::Failure => "failure_route",
            Self::Error => "error_route",
            Self::Local => "local_route",
            Self::Startup => "startup_route",
            Self::Timer => "timer_route",
            Self::Event => "event_route",
        }
    }
}

/// A route block.
#[derive(Clone, PartialEq, Debug)]
pub struct Route {
    /// What starts it.
    pub kind: RouteKind,
    /// Its name; empty for the main one.
    pub name: String,
    /// How often a timer route runs, in seconds.
    pub interval_s: Option<u32>,
    /// Its first instruction.
    pub entry: u32,
    /// Where it stands.
    pub at: Location,
}

/// A value as written: of a global, or the third part of a modparam.
#[derive(Clone, PartialEq, Debug)]
pub enum Setting {
    /// A number or a boolean word.
    Int(i64),
    /// A quoted text, escapes done.
    Text(String),
    /// A bare word or a bare item such as `udp:127.0.0.1:5060`.
    Word(String),
}

/// `modparam("module", "name", value)`, resolved to one module.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// The module's canonical name.
    pub module: &'static str,
    /// The parameter's canonical name.
    pub name: &'static str,
    /// The value; its type has been checked against the catalog.
    pub value: Setting,
    /// Where the value stands.
    pub at: Location,
}

/// `name = value` at top level, by canonical name, in order of appearance.
#[derive(Clone, PartialEq, Debug)]
pub struct Global {
    /// The canonical (newest) name.
    pub name: &'static str,
    /// The value.
    pub value: Setting,
    /// Where it stands.
    pub at: Location,
}

/// Interned names of one kind, slot by position.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names(Vec<String>);

impl Names {
    /// The slot of `name`, made when new.
    pub fn intern(&mut self, name: &str) -> u32 {
        match self.find(name.as_bytes()) {
            Some(slot) => slot,
            None => {
                self.0.push(name.to_owned());
                (self.0.len() - 1) as u32
            }
        }
    }

    /// The slot of `name`, if there is one.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        self.0.iter().position(|n| n.as_bytes() == name).map(|slot| slot as u32)
    }

    /// The name at `slot`.
    pub fn name(&self, slot: u32) -> Option<&str> {
        self.0.get(slot as usize).map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A loaded script: checked, lowered, ready to run. Immutable once published.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// All routes' instructions.
    pub code: Vec<Op>,
    /// Where each instruction came from; as long as `code`.
    pub locations: Vec<Location>,
    /// Constant texts, end to end.
    pub pool: Vec<u8>,
    /// Uses of variables.
    pub references: Vec<Reference>,
    /// Compiled regexes.
    pub regexes: Vec<Regex>,
    /// Address blocks.
    pub nets: Vec<Net>,
    /// Route blocks.
    pub routes: Vec<Route>,
    /// Names of `$avp()`.
    pub avps: Names,
    /// Names of `$var()`.
    pub vars: Names,
    /// Names of flags (message, branch and script flags share the numbering).
    pub flags: Names,
    /// Canonical names of the loaded modules that are built, in order of loading.
    pub modules: Vec<&'static str>,
    /// Where each of them is loaded.
    pub loaded_at: Vec<Location>,
    /// Module parameters in order.
    pub params: Vec<Param>,
    /// First values of `$var`s by slot, which modules set at start.
    pub first_vars: Vec<(u32, Setting)>,
    /// Globals in order.
    pub globals: Vec<Global>,
    /// Names of the source files; [`Location::file`] indexes it.
    pub files: Vec<String>,
}

impl Script {
    /// The bytes of a constant.
    #[inline]
    pub fn text(&self, constant: Constant) -> &[u8] {
        let start = constant.start as usize;
        self.pool.get(start..start + constant.len as usize).unwrap_or_default()
    }

    /// The route of this kind and name.
    pub fn route(&self, kind: RouteKind, name: &[u8]) -> Option<RouteId> {
        self.routes
            .iter()
            .position(|route| route.kind == kind && route.name.as_bytes() == name)
            .map(|at| RouteId(at as u16))
    }

    /// Whether any instruction calls the function.
    pub fn calls(&self, function: FunctionId) -> bool {
        self.code.iter().any(|op| op.called() == Some(function))
    }
}
