//! Module `group`: which users are in a group, by a table, or by regexes of their URIs.
//!
//! The table `grp` is asked for each check; the regexes are read at the start. What differs from
//! OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;

use regex::bytes::Regex;
use sluice_base::WorkerId;
use sluice_engine::db::{Field, Source};
use sluice_engine::job::Answer;
use sluice_engine::module::{
    Function, Hooks, Module, ParamEntry, Setup, SetupError, SharedState, Then,
};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::SettingKind::{self, Int};
use sluice_script::catalog::Status::{Honoured, Ignored};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::regex::compile_lines;
use sluice_sip::credentials::Credentials;
use sluice_sip::uri::Uri;

use crate::db_version;
use crate::lookups;
use crate::rows;
use crate::table::{function, param, setting};

/// The definition table.
pub static MODULE: Module = Module {
    name: "group",
    aliases: &[],
    doc: "Tells which users are in a group, by a table or by regexes.",
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
    text("table", "The table of groups; grp."),
    text("user_column", "Its column of the user; username."),
    text("domain_column", "Its column of the user's domain; domain."),
    text("group_column", "Its column of the group; grp."),
    setting("use_domain", &[], "1: domains count; 0.", Int, Honoured),
    text("re_table", "The table of regexes; without it there are none."),
    text("re_exp_column", "Its column of the regex; reg_exp."),
    text("re_gid_column", "Its column of the group's number; group_id."),
    setting("multiple_gid", &[], "0: only the first regex that fits counts; 1.", Int, Honoured),
    setting("aaa_url", &[], "The AAA server.", SettingKind::Text, Ignored("RADIUS is not spoken")),
];

const fn text(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, SettingKind::Text, Honoured)
}

const URI: ParamDef = param("uri", ParamKind::Text);

const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["is_user_in"],
        suspends: true,
        unknown: ERROR,
        ..function(
            "db_is_user_in",
            "Whether the user of Request-URI, To, From, Credentials or a URI is in a group.",
            &[URI, param("group", ParamKind::Text)],
            Routes::REQUESTS,
            |ctx, state, args| is_user_in(ctx, state, args, None),
        )
    },
    Function {
        aliases: &["get_user_group"],
        ..function(
            "db_get_user_group",
            "Gives the numbers of the groups whose regexes fit the user's URI.",
            &[URI, param("groups", ParamKind::Output)],
            Routes::REQUESTS,
            groups_of,
        )
    },
];

/// The database cannot say.
const ERROR: i32 = -5;
/// The user is not in the group.
const NOT_IN: Flow = Flow::Code(-6);

/// What all workers share.
struct State {
    source: Arc<dyn Source>,
    table: String,
    user: Arc<str>,
    domain: Arc<str>,
    group: Arc<str>,
    select: Arc<[Arc<str>]>,
    use_domain: bool,
    /// The last row first, as in OpenSIPS.
    regexes: Vec<(Regex, i64)>,
    multiple: bool,
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
    let source = lookups::database(setup)?;
    let or = |name: &str, default: &str| setup.text(name).unwrap_or(default).to_owned();
    let (table, group): (_, Arc<str>) = (or("table", "grp"), or("group_column", "grp").into());
    let (user, domain) = (or("user_column", "username"), or("domain_column", "domain"));
    let (exp, gid) = (or("re_exp_column", "reg_exp"), or("re_gid_column", "group_id"));
    let of_regexes = setup.text("re_table").map(Arc::<str>::from);
    let regexes = match setup.param("re_table").map(|(_, at)| at).zip(of_regexes) {
        None => Vec::new(),
        Some((at, table)) => read(&*source, &table, [&exp, &gid], setup.warnings)
            .map_err(|text| SetupError { at: Some(at), text })?,
    };
    let versions = &setup.settings.db_version_table;
    setup.warnings.extend(db_version::warning(&*source, versions, &table, 2..=3));
    Ok(Arc::new(State {
        select: Arc::new([Arc::clone(&group)]),
        use_domain: setup.int("use_domain", 0) != 0,
        multiple: setup.int("multiple_gid", 1) != 0,
        user: user.into(),
        domain: domain.into(),
        source,
        table,
        group,
        regexes,
    }))
}

/// The regexes of a table; a row that is wrong is told by its place and left out.
fn read(
    source: &dyn Source,
    table: &Arc<str>,
    columns: [&str; 2],
    warnings: &mut Vec<String>,
) -> Result<Vec<(Regex, i64)>, String> {
    let all = rows::all(source, table)?;
    let place = source.place(table);
    let [exp, gid] = columns.map(|column| rows::column(&all, &place, &[column]));
    let (exp, gid) = (exp?, gid?);
    let mut regexes = rows::read(&all, &place, warnings, |fields| {
        let text = rows::text(fields, Some(exp));
        let number = fields.get(gid).and_then(Field::int).ok_or("a group has a number")?;
        let regex = compile_lines(text, true).map_err(|bad| {
            format!("`{}` is no regex: {}", String::from_utf8_lossy(text), bad.why)
        })?;
        Ok(Some((regex, number)))
    });
    regexes.reverse();
    Ok(regexes)
}

fn is_user_in(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: Option<&Answer>,
) -> Flow {
    let (Some(Handle(state)), &[uri, group]) = (state.downcast_ref(), args) else {
        return Flow::Fail("group: the module was not started");
    };
    let then: Then = |ctx, state, args, answer| is_user_in(ctx, state, args, Some(answer));
    let (Some((user, domain)), Some(group)) = (user(ctx, uri), group.text()) else {
        return Flow::FALSE;
    };
    let found = lookups::ask(&state.source, answer, then, || {
        let mut keys = vec![(&state.user, user), (&state.group, ctx.bytes(group))];
        if state.use_domain {
            keys.push((&state.domain, domain));
        }
        lookups::select(&state.table, &state.select, &keys)
    });
    match found {
        Ok(found) if found.rows().is_empty() => NOT_IN,
        Ok(_) => Flow::TRUE,
        Err(flow) => flow,
    }
}

fn groups_of(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value]) -> Flow {
    let (Some(Handle(state)), &[uri, result]) = (state.downcast_ref(), args) else {
        return Flow::Fail("group: the module was not started");
    };
    let Some((user, domain)) = user(ctx, uri) else { return Flow::FALSE };
    let uri = [b"sip:", user, b"@", domain].concat();
    let fits = state.regexes.iter().filter(|(regex, _)| regex.is_match(&uri));
    let most = if state.multiple { usize::MAX } else { 1 };
    let mut count = 0;
    for (_, group) in fits.take(most) {
        ctx.output(result, Value::Int(*group));
        count += 1;
    }
    if count == 0 { Flow::FALSE } else { Flow::Code(count) }
}

/// User and domain of what a function's first parameter names.
fn user<'a>(ctx: &'a Ctx<'_>, uri: Value) -> Option<(&'a [u8], &'a [u8])> {
    let text = ctx.bytes(uri.text()?);
    let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
    if is("Credentials") {
        let value = ctx.message.text(ctx.run.accepted?).splitn(2, |byte| *byte == b':').nth(1)?;
        let found = Credentials::parse(value)?;
        let user = found.username()?.split(|byte| *byte == b'@').next()?;
        return (!user.is_empty()).then_some((user, found.realm().unwrap_or_default()));
    }
    let uri = match () {
        () if is("Request-URI") => ctx.bytes(ctx.ruri()?),
        () if is("To") => ctx.message.to()?.uri,
        () if is("From") => ctx.message.from()?.uri,
        () => text,
    };
    let uri = Uri::parse(uri)?;
    Some((uri.user.filter(|user| !user.is_empty())?, uri.host))
}
