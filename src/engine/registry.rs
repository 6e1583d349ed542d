//! All definition tables together: numbers names, answers the checker ([`Catalog`]) and the
//! virtual machine.

use ahash::AHashMap;
use sluice_script::catalog::{
    Catalog, Found, ModuleStatus, Named, Renamed, SettingSignature, Signature, SubKind,
    VariableSignature,
};
use sluice_script::ir::{FunctionId, TransformId, VariableId};

use crate::context::Ctx;
use crate::endpoint;
use crate::module::{
    Function, KnownModule, KnownStatus, Module, Name, ParamEntry, Subject, Transformation, Variable,
};

/// The tables of the core and of every module, numbered.
pub struct Registry {
    /// The core first.
    modules: Vec<&'static Module>,
    known: &'static [KnownModule],
    renamed: &'static [Renamed],
    functions: Vec<(usize, &'static Function)>,
    variables: Vec<(usize, &'static Variable)>,
    transformations: Vec<&'static Transformation>,
    /// Lower-case module name or alias to number.
    names: AHashMap<&'static str, usize>,
}

impl Registry {
    /// With the names that OpenSIPS has changed.
    #[must_use]
    pub fn with_renamed(self, renamed: &'static [Renamed]) -> Self {
        Self { renamed, ..self }
    }

    /// Numbers the tables. The core is module 0 and always loaded.
    pub fn new(
        core: &'static Module,
        modules: &[&'static Module],
        known: &'static [KnownModule],
    ) -> Self {
        let mut registry = Self {
            modules: std::iter::once(core).chain(modules.iter().copied()).collect(),
            known,
            renamed: &[],
            functions: Vec::new(),
            variables: Vec::new(),
            transformations: Vec::new(),
            names: AHashMap::new(),
        };
        for (at, module) in registry.modules.iter().enumerate() {
            registry.functions.extend(module.functions.iter().map(|f| (at, f)));
            registry.variables.extend(module.variables.iter().map(|v| (at, v)));
            registry.transformations.extend(module.transformations);
            registry.names.insert(module.name, at);
            registry.names.extend(module.aliases.iter().map(|alias| (*alias, at)));
        }
        registry
    }

    /// The modules in the order of the list, the core first.
    pub fn modules(&self) -> &[&'static Module] {
        &self.modules
    }

    /// The modules that are not built.
    pub fn known(&self) -> &'static [KnownModule] {
        self.known
    }

    /// A function and the number of its module.
    #[inline]
    pub fn function_by_id(&self, id: FunctionId) -> Option<(usize, &'static Function)> {
        self.functions.get(id.0 as usize).copied()
    }

    /// A variable and the number of its module.
    #[inline]
    pub fn variable_by_id(&self, id: u16) -> Option<(usize, &'static Variable)> {
        self.variables.get(id as usize).copied()
    }

    /// The names of all variables, by number.
    pub(crate) fn variable_names_by_id(&self) -> Box<[&'static str]> {
        self.variables.iter().map(|(_, variable)| variable.name).collect()
    }

    /// A transformation.
    pub fn transformation_by_id(&self, id: TransformId) -> Option<&'static Transformation> {
        self.transformations.get(id.0 as usize).copied()
    }

    /// The numbers of the modules that run: the core, those named, and those they include.
    pub fn running(&self, loaded: &[&'static str]) -> Vec<usize> {
        let offered = |at: &usize| *at == 0 || self.offered(*at, loaded);
        (0..self.modules.len()).filter(offered).collect()
    }

    /// The number of a function by name, whatever is loaded.
    pub fn function_id(&self, name: &str) -> Option<FunctionId> {
        let at = self.functions.iter().position(|(_, f)| f.name == name)?;
        Some(FunctionId(at as u16))
    }

    /// A dynamic name takes the slot that the load would have given it, when there is one.
    #[inline]
    pub(crate) fn settle(
        &self,
        ctx: &mut Ctx<'_>,
        variable: &Variable,
        subject: Subject,
    ) -> Subject {
        let Name::Text(text) = subject.name else { return subject };
        let script = &ctx.shared.script;
        let bytes = ctx.bytes(text);
        let slot = match variable.sub {
            SubKind::Avp => script.avps.find(bytes),
            SubKind::Var => script.vars.find(bytes),
            SubKind::Flag => script.flags.find(bytes),
            SubKind::Word(read) => std::str::from_utf8(bytes).ok().and_then(|w| read(w).ok()),
            SubKind::None | SubKind::Text { .. } => None,
        };
        Subject { name: slot.map_or(subject.name, Name::Slot), ..subject }
    }

    /// Whether a module is loaded or included by one that is.
    fn offered(&self, at: usize, loaded: &[&'static str]) -> bool {
        let name = self.modules[at].name;
        at == 0
            || loaded.iter().any(|l| {
                let module = self.names.get(l).map(|at| self.modules[*at]);
                *l == name || module.is_some_and(|m| m.includes.iter().any(|i| i.name == name))
            })
    }

    fn built(&self, module: &str) -> Option<&'static Module> {
        self.names.get(module).map(|at| self.modules[*at])
    }

    fn not_built<T>(&self, holds: impl Fn(&KnownModule) -> bool) -> Found<T> {
        match self.known.iter().find(|k| holds(k)) {
            Some(known) => match known.status {
                KnownStatus::NotOurs(why) => Found::NotOurs(known.name, why),
                KnownStatus::Later | KnownStatus::Merged(_) => Found::Later(known.name),
            },
            None => Found::No,
        }
    }
}

impl Catalog for Registry {
    fn module(&self, name: &str) -> ModuleStatus {
        if let Some(module) = self.built(name) {
            return ModuleStatus::Built(module.name);
        }
        match self.known.iter().find(|k| k.name == name || k.aliases.contains(&name)) {
            Some(known) => match known.status {
                KnownStatus::Later => ModuleStatus::Later(known.name),
                KnownStatus::NotOurs(why) => ModuleStatus::NotOurs(known.name, why),
                KnownStatus::Merged(note) => ModuleStatus::Merged(known.name, note),
            },
            None => ModuleStatus::Unknown,
        }
    }

    fn function(&self, name: &str, loaded: &[&'static str]) -> Found<Signature> {
        let named = |f: &Function| f.name == name || f.aliases.contains(&name);
        let all = self.functions.iter().enumerate().filter(|(_, (_, f))| named(f));
        match best(all.map(|(id, (at, f))| (self.offered(*at, loaded), *at, (id, *f)))) {
            Some((true, _, (id, f))) => Found::Yes(Signature {
                id: FunctionId(id as u16),
                params: f.params,
                hidden: f.hidden,
                routes: f.routes,
                guarded: f.guard.is_some(),
                suspends: f.suspends,
            }),
            Some((false, at, _)) => Found::NeedsModule(self.modules[at].name),
            None => self.not_built(|known| known.functions.contains(&name)),
        }
    }

    fn variable(&self, name: &str, loaded: &[&'static str]) -> Found<VariableSignature> {
        let named = |v: &Variable| v.name == name || v.aliases.contains(&name);
        let all = self.variables.iter().enumerate().filter(|(_, (_, v))| named(v));
        match best(all.map(|(id, (at, v))| (self.offered(*at, loaded), *at, (id, *v)))) {
            Some((true, _, (id, v))) => Found::Yes(VariableSignature {
                id: VariableId(id as u16),
                sub: v.sub,
                indexed: v.indexed,
                writable: v.set.is_some(),
            }),
            Some((false, at, _)) => Found::NeedsModule(self.modules[at].name),
            None => self.not_built(|known| known.variables.contains(&name)),
        }
    }

    fn transformation(&self, class: &str, name: &str) -> Found<(TransformId, u8, u8)> {
        let found = self.transformations.iter().position(|t| t.class == class && t.name == name);
        match found {
            Some(at) => {
                let (least, most) = self.transformations[at].params;
                Found::Yes((TransformId(at as u16), least, most))
            }
            None => Found::No,
        }
    }

    fn param(&self, module: &str, name: &str) -> Found<SettingSignature> {
        self.built(module).map_or(Found::No, |module| setting(module.params, name))
    }

    fn global(&self, name: &str) -> Found<SettingSignature> {
        setting(self.modules[0].params, name)
    }

    fn impossible_port(&self, text: &[u8]) -> Option<(usize, usize)> {
        endpoint::impossible_port(text)
    }

    fn renamed(&self, what: Named, name: &str) -> Option<Renamed> {
        self.renamed.iter().find(|entry| entry.what == what && entry.old == name).copied()
    }

    fn raises(&self, event: &str) -> bool {
        crate::events::OWN.contains(&event)
    }
    fn transport(&self, name: &str) -> Found<()> {
        match name {
            "udp" | "tcp" => Found::Yes(()),
            "tls" | "sctp" | "ws" | "wss" => Found::Later(""),
            _ => Found::No,
        }
    }

    fn function_names(&self) -> Vec<&'static str> {
        let known = self.known.iter().flat_map(|known| known.functions).copied();
        self.functions.iter().flat_map(|(_, f)| names(f.name, f.aliases)).chain(known).collect()
    }

    fn variable_names(&self) -> Vec<&'static str> {
        let known = self.known.iter().flat_map(|known| known.variables).copied();
        self.variables.iter().flat_map(|(_, v)| names(v.name, v.aliases)).chain(known).collect()
    }

    fn transformation_names(&self) -> Vec<String> {
        self.transformations.iter().map(|t| format!("{}.{}", t.class, t.name)).collect()
    }

    fn module_names(&self) -> Vec<&'static str> {
        let known = self.known.iter().flat_map(|known| names(known.name, known.aliases));
        self.modules[1..].iter().flat_map(|m| names(m.name, m.aliases)).chain(known).collect()
    }

    fn param_names(&self, module: &str) -> Vec<&'static str> {
        let params = self.built(module).map_or(&[][..], |module| module.params);
        params.iter().flat_map(|p| names(p.name, p.aliases)).collect()
    }

    fn global_names(&self) -> Vec<&'static str> {
        self.modules[0].params.iter().flat_map(|p| names(p.name, p.aliases)).collect()
    }
}

/// An entry whose module is loaded goes before one whose module is not.
fn best<T>(all: impl Iterator<Item = (bool, usize, T)>) -> Option<(bool, usize, T)> {
    let mut found = None;
    for entry in all {
        match (entry.0, &found) {
            (true, _) => return Some(entry),
            (false, None) => found = Some(entry),
            (false, Some(_)) => {}
        }
    }
    found
}

fn names(
    name: &'static str,
    aliases: &'static [&'static str],
) -> impl Iterator<Item = &'static str> {
    std::iter::once(name).chain(aliases.iter().copied())
}

fn setting(entries: &'static [ParamEntry], name: &str) -> Found<SettingSignature> {
    let named = |e: &&ParamEntry| e.name == name || e.aliases.contains(&name);
    match entries.iter().find(named) {
        Some(entry) => Found::Yes(SettingSignature {
            name: entry.name,
            kind: entry.kind,
            status: entry.status,
            check: entry.check,
        }),
        None => Found::No,
    }
}
