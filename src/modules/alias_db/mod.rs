//! Module `alias_db`: other names of users, from a table that is asked for each look-up (spec 9.6).
//!
//! A run waits for the database, unless it answers from memory. What differs from OpenSIPS is in
//! `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::db::{Field, Source};
use sluice_engine::dset::Branch;
use sluice_engine::job::Answer;
use sluice_engine::module::{
    Function, Hooks, Module, ParamEntry, Setup, SetupError, SharedState, Then,
};
use sluice_engine::{Ctx, Flow, Text, Value};
use sluice_script::catalog::SettingKind::{self, Int};
use sluice_script::catalog::Status::Honoured;
use sluice_script::catalog::{ParamDef, ParamKind, Routes};

use crate::lookups;
use crate::table::{function, optional, param, setting};

/// The definition table.
pub static MODULE: Module = Module {
    name: "alias_db",
    aliases: &[],
    doc: "Replaces other names of users by their own, from a table.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

const PARAMS: &[ParamEntry] = &[
    text("db_url", "The database; else db_default_url."),
    text("user_column", "Column of the user; username."),
    text("domain_column", "Column of the user's domain; domain."),
    text("alias_user_column", "Column of the other name; alias_username."),
    text("alias_domain_column", "Column of the other name's domain; alias_domain."),
    text("domain_prefix", "Is taken from the domain before it is looked for."),
    setting("append_branches", &[], "1: further users become branches; 0.", Int, Honoured),
    setting("use_domain", &[], "0: domains do not count (1.x); 1.", Int, Honoured),
];

const fn text(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, SettingKind::Text, Honoured)
}

const TABLE: ParamDef = param("table", ParamKind::Text);
const FLAGS: ParamDef = optional("flags", ParamKind::Word(flags));

const FUNCTIONS: &[Function] = &[
    Function {
        suspends: true,
        ..function(
            "alias_db_lookup",
            "Replaces the Request-URI by the user that it is another name of, else false.",
            &[TABLE, FLAGS],
            Routes::REQUESTS,
            |ctx, state, args| lookup(ctx, state, args, None),
        )
    },
    Function {
        suspends: true,
        ..function(
            "alias_db_find",
            "Gives the user that a URI is another name of; false when it is none.",
            &[TABLE, param("uri", ParamKind::Text), param("result", ParamKind::Output), FLAGS],
            Routes::ANY,
            |ctx, state, args| find(ctx, state, args, None),
        )
    },
];

const NO_DOMAIN: i64 = 1;
const REVERSE: i64 = 2;

fn flags(letters: &str) -> Result<i64, String> {
    letters.chars().filter(|letter| !letter.is_whitespace()).try_fold(
        0,
        |bits, letter| match letter {
            'd' => Ok(bits | NO_DOMAIN),
            'r' => Ok(bits | REVERSE),
            _ => Err(format!("flags are d (without domain) and r (the other way), not `{letter}`")),
        },
    )
}

/// The two columns of a side of the table.
struct Side {
    user: Arc<str>,
    domain: Arc<str>,
    both: Arc<[Arc<str>]>,
}

impl Side {
    fn of(setup: &Setup<'_>, user: (&str, &str), domain: (&str, &str)) -> Self {
        let name = |(param, default): (&str, &str)| -> Arc<str> {
            setup.text(param).unwrap_or(default).into()
        };
        let (user, domain) = (name(user), name(domain));
        Self { both: Arc::new([Arc::clone(&user), Arc::clone(&domain)]), user, domain }
    }
}

/// What all workers share.
struct State {
    source: Arc<dyn Source>,
    own: Side,
    alias: Side,
    prefix: Vec<u8>,
    append_branches: bool,
    use_domain: bool,
}

/// What a worker holds.
struct Handle(Arc<State>);

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Handle(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let user = ("alias_user_column", "alias_username");
    Ok(Arc::new(State {
        source: lookups::database(setup)?,
        own: Side::of(setup, ("user_column", "username"), ("domain_column", "domain")),
        alias: Side::of(setup, user, ("alias_domain_column", "alias_domain")),
        prefix: setup.text("domain_prefix").unwrap_or_default().as_bytes().to_vec(),
        append_branches: setup.int("append_branches", 0) != 0,
        use_domain: setup.int("use_domain", 1) != 0,
    }))
}

fn lookup(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    let (Some(Handle(state)), &[table, flags]) = (state.downcast_ref(), args) else {
        return Flow::Fail("alias_db: the module was not started");
    };
    let then: Then = |ctx, state, args, answer| lookup(ctx, state, args, Some(answer));
    let Some(uri) = ctx.ruri() else { return Flow::FALSE };
    let found = match users(ctx, state, table, uri, flags, (answer, then)) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let Some((first, others)) = found.split_first() else { return Flow::FALSE };
    ctx.run.ruri = Some(*first);
    for uri in others.iter().filter(|_| state.append_branches) {
        if ctx.run.set.add(Branch { q: Some(0), ..Branch::to(*uri) }).is_err() {
            return Flow::Fail("alias_db_lookup(): there are too many branches");
        }
    }
    Flow::TRUE
}

fn find(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    let (Some(Handle(state)), &[table, uri, result, flags]) = (state.downcast_ref(), args) else {
        return Flow::Fail("alias_db: the module was not started");
    };
    let then: Then = |ctx, state, args, answer| find(ctx, state, args, Some(answer));
    let Some(uri) = uri.text() else { return Flow::FALSE };
    let found = match users(ctx, state, table, uri, flags, (answer, then)) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let most = if state.append_branches { found.len() } else { 1 };
    for uri in found.iter().take(most) {
        ctx.output(result, Value::Text(*uri));
    }
    Flow::of(!found.is_empty())
}

/// The URIs of what a table has for a URI.
fn users(
    ctx: &mut Ctx<'_>,
    state: &State,
    table: Value,
    uri: Text,
    flags: Value,
    (answer, then): (Option<&Answer>, Then),
) -> Result<Vec<Text>, Flow> {
    let flags = flags.int().unwrap_or(0);
    let (wanted, known) = match flags & REVERSE {
        0 => (&state.own, &state.alias),
        _ => (&state.alias, &state.own),
    };
    let found = {
        let parts = ctx.uri(uri).and_then(|uri| Some((uri.user?, uri.host)));
        let (user, host) = parts.ok_or(Flow::FALSE)?;
        let table = table.text().map(|table| ctx.bytes(table)).unwrap_or_default();
        lookups::ask(&state.source, answer, then, || {
            let table = String::from_utf8_lossy(table);
            let mut keys = vec![(&known.user, user)];
            if state.use_domain && flags & NO_DOMAIN == 0 {
                keys.push((&known.domain, without_prefix(host, &state.prefix)));
            }
            lookups::select(&table, &wanted.both, &keys)
        })?
    };
    let mut uris = Vec::new();
    for row in found.rows() {
        // A row without a user or a domain names nobody.
        let texts = (row.first().and_then(Field::bytes), row.get(1).and_then(Field::bytes));
        if let (Some(user), Some(domain)) = texts {
            let uri = [b"sip:", user, b"@", domain].concat();
            uris.push(ctx.keep(&uri));
        }
    }
    Ok(uris)
}

/// A host without the prefix that parts it from its domain.
fn without_prefix<'a>(host: &'a [u8], prefix: &[u8]) -> &'a [u8] {
    match host.split_at_checked(prefix.len()) {
        Some((head, rest)) if !rest.is_empty() && head.eq_ignore_ascii_case(prefix) => rest,
        _ => host,
    }
}
