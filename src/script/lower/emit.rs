//! Writing instructions and filling the script's tables.

use std::collections::HashMap;

use crate::diagnostic::Diagnostic;
use crate::ir::{
    Constant, FunctionId, Index, Names, Net, NetId, Op, Reference, ReferenceId, RegexId, Script,
    Sub,
};
use crate::limits;
use crate::regex::{self, BadRegex, Lines};
use crate::source::Location;

/// A jump whose target is not known yet.
#[derive(Clone, Copy, Debug)]
#[must_use = "a jump without a target goes nowhere"]
pub(super) struct Jump(usize);

/// The script under construction; equal constants, references and regexes are kept once.
pub(super) struct Emitter {
    pub script: Script,
    texts: HashMap<Vec<u8>, Constant>,
    references: HashMap<Reference, ReferenceId>,
    regexes: HashMap<(Vec<u8>, Lines), RegexId>,
    nets: HashMap<(std::net::IpAddr, u8), NetId>,
}

/// A table of the script is full: the finding's code, and what there is too much of.
pub(super) struct Full(pub &'static str, pub &'static str);

impl Full {
    pub fn diagnostic(&self, at: Location) -> Diagnostic {
        Diagnostic::error(self.0, at, format!("too many {}", self.1))
    }
}

impl Emitter {
    pub fn new(script: Script) -> Self {
        Self {
            script,
            texts: HashMap::new(),
            references: HashMap::new(),
            regexes: HashMap::new(),
            nets: HashMap::new(),
        }
    }

    pub fn emit(&mut self, op: Op, at: Location) {
        self.script.code.push(op);
        self.script.locations.push(at);
    }

    /// Takes back all instructions from a place on; nothing outside may lead there.
    pub fn forget(&mut self, from: u32) {
        self.script.code.truncate(from as usize);
        self.script.locations.truncate(from as usize);
    }

    /// The place of the next instruction.
    pub fn here(&self) -> u32 {
        self.script.code.len() as u32
    }

    /// Writes a jump whose target comes later; `op` is one of the jumps.
    pub fn jump(&mut self, op: fn(u32) -> Op, at: Location) -> Jump {
        self.emit(op(u32::MAX), at);
        Jump(self.script.code.len() - 1)
    }

    /// Writes the question whether a call is worth its arguments; its target is behind the call.
    pub fn guard(&mut self, function: FunctionId, at: Location) -> Jump {
        self.emit(Op::Guard { function, to: u32::MAX }, at);
        Jump(self.script.code.len() - 1)
    }

    /// Gives a jump its target: the next instruction.
    pub fn land(&mut self, jump: Jump) {
        let here = self.here();
        if let Some(
            Op::Jump(to)
            | Op::JumpIf(to)
            | Op::JumpIfNot(to)
            | Op::LoopCheck(to)
            | Op::Guard { to, .. },
        ) = self.script.code.get_mut(jump.0)
        {
            *to = here;
        }
    }

    pub fn text(&mut self, bytes: &[u8]) -> Constant {
        if let Some(constant) = self.texts.get(bytes) {
            return *constant;
        }
        let start = self.script.pool.len() as u32;
        let constant = Constant { start, len: bytes.len() as u32 };
        self.script.pool.extend_from_slice(bytes);
        self.texts.insert(bytes.to_vec(), constant);
        constant
    }

    pub fn reference(&mut self, reference: Reference) -> Result<ReferenceId, Full> {
        if let Some(id) = self.references.get(&reference) {
            return Ok(*id);
        }
        let id = self.add_reference(reference)?;
        self.references.insert(reference, id);
        Ok(id)
    }

    /// The same reference, or a copy when parts of it are dynamic: what they become is kept by it.
    pub fn own(&mut self, id: ReferenceId) -> Result<ReferenceId, Full> {
        match self.script.references.get(usize::from(id.0)).copied() {
            Some(reference) if self.dynamic_parts(id) > 0 => self.add_reference(reference),
            _ => Ok(id),
        }
    }

    fn add_reference(&mut self, reference: Reference) -> Result<ReferenceId, Full> {
        let id = u16::try_from(self.script.references.len())
            .map_err(|_| Full("too-many-variables", "different variables"))?;
        self.script.references.push(reference);
        Ok(ReferenceId(id))
    }

    /// How many parts of a reference are taken from the stack.
    pub fn dynamic_parts(&self, id: ReferenceId) -> u8 {
        let reference = self.script.references.get(usize::from(id.0));
        reference
            .map_or(0, |r| u8::from(r.sub == Sub::Dynamic) + u8::from(r.index == Index::Dynamic))
    }

    pub fn net(&mut self, net: Net) -> Result<NetId, Full> {
        if let Some(id) = self.nets.get(&(net.addr, net.prefix)) {
            return Ok(*id);
        }
        let id = u16::try_from(self.script.nets.len())
            .map_err(|_| Full("too-many-networks", "different networks"))?;
        self.script.nets.push(net);
        self.nets.insert((net.addr, net.prefix), NetId(id));
        Ok(NetId(id))
    }

    /// Compiles a regex, once for each pattern.
    pub fn regex(
        &mut self,
        pattern: &[u8],
        lines: Lines,
    ) -> Result<Result<RegexId, Full>, BadRegex> {
        let key = (pattern.to_vec(), lines);
        if let Some(id) = self.regexes.get(&key) {
            return Ok(Ok(*id));
        }
        let regex = regex::compile_with(pattern, lines)?;
        let Ok(id) = u16::try_from(self.script.regexes.len()) else {
            return Ok(Err(Full("too-many-regexes", "different regexes")));
        };
        self.script.regexes.push(regex);
        self.regexes.insert(key, RegexId(id));
        Ok(Ok(RegexId(id)))
    }
}

/// The slot of a name, unless there are too many.
pub(super) fn intern(names: &mut Names, name: &str, most: usize) -> Result<u32, Full> {
    if names.len() >= most && names.find(name.as_bytes()).is_none() {
        return Err(match most {
            limits::FLAGS => Full("too-many-flags", "flags: there are 32"),
            _ => Full("too-many-names", "different names"),
        });
    }
    Ok(names.intern(name))
}
