//! Module `auth_db`: judges passwords by the tables of a database (spec 7; RFC 7616, RFC 8760).

mod authorize;
mod mi;
mod row;
mod state;
mod uri;

use std::any::Any;

use sluice_engine::job::Answer;
use sluice_engine::module::{Function, Hooks, Module, ParamEntry, Then};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored};
use sluice_script::catalog::{ParamDef, ParamKind, Routes, SettingKind, Status};
use sluice_script::ir::RouteKind;

use crate::auth::api::{ERROR, Side};
use crate::table::{function, optional, param, setting};
use state::{Handle, State};

/// The definition table.
pub static MODULE: Module = Module {
    name: "auth_db",
    aliases: &[],
    doc: "Judges passwords by the tables of a database.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: mi::COMMANDS,
    hooks: Hooks::NONE,
    start: state::start,
};

const fn honoured(name: &'static str, kind: SettingKind, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, kind, Status::Honoured)
}

const PARAMS: &[ParamEntry] = &[
    honoured("db_url", Text, "The database; default that of db_default_url."),
    setting("user_column", &[], "Column of users; default username.", Text, Honoured),
    honoured("domain_column", Text, "Column of domains; default domain."),
    honoured("password_column", Text, "Column of passwords or MD5 hashes; default ha1."),
    honoured("hash_column_sha256", Text, "Column of SHA-256 hashes; default ha1_sha256."),
    honoured("hash_column_sha512t256", Text, "Of SHA-512/256; default ha1_sha512t256."),
    setting(
        "password_column_2",
        &[],
        "Column of hashes of usernames with a domain.",
        Text,
        Ignored("a username with a domain is hashed whole, by the password column"),
    ),
    honoured("calculate_ha1", Int, "1 = passwords are plain; default 0: hashes."),
    honoured("use_domain", Int, "1 = users are told apart by domain, too; default 0."),
    honoured("load_credentials", Text, "`$avp(x)=column;...` of who is right; no default."),
    honoured("skip_version_check", Int, "1 = the version of the table is not looked at."),
    honoured("credentials_cache", Int, "Seconds that a user's row is kept; default 0 (off)."),
    honoured("uri_user_column", Text, "Column of usernames in a URI table; default username."),
    honoured("uri_domain_column", Text, "Column of their domains there; default domain."),
    honoured("uri_uriuser_column", Text, "Column of user parts there; default uri_user."),
];

const AUTHORIZE: &[ParamDef] = &[param("realm", ParamKind::Text), param("table", ParamKind::Text)];

const TABLE: &[ParamDef] = &[optional("table", ParamKind::Text)];

const REQUEST: Routes = Routes::of(&[RouteKind::Request]);

const LOOKS: Routes = Routes::of(&[RouteKind::Request, RouteKind::Failure, RouteKind::Local]);

const fn waiting(
    name: &'static str,
    aliases: &'static [&'static str],
    doc: &'static str,
    params: &'static [ParamDef],
    routes: Routes,
    call: crate::table::Call,
) -> Function {
    Function { aliases, suspends: true, ..function(name, doc, params, routes, call) }
}

const FUNCTIONS: &[Function] = &[
    Function {
        unknown: ERROR,
        ..waiting(
            "www_authorize",
            &[],
            "Judges Authorization by a table of users.",
            AUTHORIZE,
            REQUEST,
            |ctx, state, args| www(ctx, state, args, None),
        )
    },
    Function {
        unknown: ERROR,
        ..waiting(
            "proxy_authorize",
            &[],
            "Judges Proxy-Authorization by a table of users.",
            AUTHORIZE,
            REQUEST,
            |ctx, state, args| proxy(ctx, state, args, None),
        )
    },
    waiting(
        "db_is_to_authorized",
        &["db_check_to", "check_to"],
        "Whether the user of To may use the credentials that were right.",
        TABLE,
        REQUEST,
        |ctx, state, args| to(ctx, state, args, None),
    ),
    waiting(
        "db_is_from_authorized",
        &["db_check_from", "check_from"],
        "Whether the user of From may use the credentials that were right.",
        TABLE,
        REQUEST,
        |ctx, state, args| from(ctx, state, args, None),
    ),
    waiting(
        "db_does_uri_exist",
        &["does_uri_exist"],
        "Whether a URI's user, by default the Request-URI's, is in a table.",
        &[optional("uri", ParamKind::Text), optional("table", ParamKind::Text)],
        LOOKS,
        |ctx, state, args| exists(ctx, state, args, None),
    ),
    waiting(
        "db_get_auth_id",
        &[],
        "Who may use a URI's user part: username and realm.",
        &[
            param("table", ParamKind::Text),
            param("uri", ParamKind::Text),
            param("auth", ParamKind::Output),
            param("realm", ParamKind::Output),
        ],
        LOOKS,
        |ctx, state, args| auth_id(ctx, state, args, None),
    ),
];

fn with(state: &mut dyn Any, call: impl FnOnce(&State) -> Flow) -> Flow {
    match state.downcast_ref::<Handle>() {
        Some(Handle(state)) => call(state),
        None => Flow::Fail("the module is not running"),
    }
}

fn www(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    const THEN: Then = |ctx, state, args, answer| www(ctx, state, args, Some(answer));
    with(state, |state| authorize::authorize(ctx, state, Side::Www, args, answer, THEN))
}

fn proxy(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    const THEN: Then = |ctx, state, args, answer| proxy(ctx, state, args, Some(answer));
    with(state, |state| authorize::authorize(ctx, state, Side::Proxy, args, answer, THEN))
}

fn to(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    const THEN: Then = |ctx, state, args, answer| to(ctx, state, args, Some(answer));
    let [table] = args else { return Flow::FALSE };
    let uri = ctx.message.to().map(|to| to.uri);
    with(state, |state| uri::is_authorized(ctx, state, uri, *table, answer, THEN))
}

fn from(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    const THEN: Then = |ctx, state, args, answer| from(ctx, state, args, Some(answer));
    let [table] = args else { return Flow::FALSE };
    let uri = ctx.message.from().map(|from| from.uri);
    with(state, |state| uri::is_authorized(ctx, state, uri, *table, answer, THEN))
}

fn exists(ctx: &mut Ctx<'_>, state: &mut dyn Any, args: &[Value], answer: Option<&Answer>) -> Flow {
    const THEN: Then = |ctx, state, args, answer| exists(ctx, state, args, Some(answer));
    with(state, |state| uri::does_exist(ctx, state, args, answer, THEN))
}

fn auth_id(
    ctx: &mut Ctx<'_>,
    state: &mut dyn Any,
    args: &[Value],
    answer: Option<&Answer>,
) -> Flow {
    const THEN: Then = |ctx, state, args, answer| auth_id(ctx, state, args, Some(answer));
    with(state, |state| uri::auth_id(ctx, state, args, answer, THEN))
}
