//! Module `uri` of 1.x and 2.x: checks of URIs and users (spec 9.2). Later releases have what needs
//! no database in `sipmsgops`; what needs one comes with `auth_db`.

use sluice_engine::module::{Function, Hooks, Module, ParamEntry, Stateless};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::{ParamDef, ParamKind, Routes, SettingKind, Status};
use sluice_sip::Kind;
use sluice_sip::credentials::Credentials;

use crate::sipmsgops::api;
use crate::table::{function, param, setting};

/// The definition table.
pub static MODULE: Module = Module {
    name: "uri",
    aliases: &[],
    doc: "Checks of URIs and users, as in 1.x and 2.x.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: Stateless::start,
};

const R: Routes = Routes::REQUESTS;
const USER: &[ParamDef] = &[param("username", ParamKind::Text)];
const GET: &[ParamDef] = &[param("name", ParamKind::Text), param("result", ParamKind::Output)];

const FUNCTIONS: &[Function] = &[
    function(
        "is_user",
        "Whether the credentials are of this username.",
        USER,
        R,
        |ctx, _, args| {
            let wanted = args.first().and_then(|name| name.text()).map(|name| ctx.bytes(name));
            Flow::of(wanted.is_some() && username(ctx) == wanted)
        },
    ),
    function("has_totag", "Whether To has a tag.", &[], Routes::ANY, api::has_totag),
    function(
        "uri_param",
        "Whether the Request-URI has a parameter with this value, or else without one.",
        api::HAS,
        R,
        api::has_param,
    ),
    function(
        "get_uri_param",
        "Gives the value of a parameter of the Request-URI; false without it.",
        GET,
        R,
        |ctx, _, args| {
            let [name, result] = args else { return Flow::FALSE };
            let found = name.text().and_then(|name| api::find_param(ctx, name));
            let Some(value) = found else { return Flow::FALSE };
            ctx.output(*result, Value::Text(value));
            Flow::TRUE
        },
    ),
    function(
        "add_uri_param",
        "Adds a parameter, `name=value`, to the Request-URI.",
        api::NAME,
        R,
        api::add_param,
    ),
    function(
        "del_uri_param",
        "Removes a parameter from the Request-URI; false without it.",
        api::NAME,
        R,
        api::delete_param,
    ),
    function(
        "tel2sip",
        "Turns a tel Request-URI into a sip one at From's host, with user=phone.",
        &[],
        R,
        api::tel_to_sip,
    ),
    function(
        "is_uri_user_e164",
        "Whether the user of a URI is `+` and 2 to 15 digits.",
        api::URI,
        Routes::ANY,
        api::is_e164,
    ),
];

/// The username of the digest credentials, of Authorization before Proxy-Authorization.
fn username<'a>(ctx: &Ctx<'a>) -> Option<&'a [u8]> {
    let message = ctx.message;
    let fields =
        message.fields(Kind::Authorization).chain(message.fields(Kind::ProxyAuthorization));
    let mut credentials = fields.filter_map(|f| Credentials::parse(message.text(f.value)));
    credentials.find_map(|c| c.username().filter(|_| c.is_digest()))
}

const PARAMS: &[ParamEntry] = &[
    unused("use_uri_table", "Whether to look users up in the table `uri`; 0.", Int),
    unused("use_domain", "Whether the domain takes part in the look-up; 0.", Int),
    unused("db_url", "The database.", Text),
    unused("db_table", "The table; subscriber.", Text),
    unused("user_column", "Column of the username; username.", Text),
    unused("domain_column", "Column of the domain; domain.", Text),
    unused("uriuser_column", "Column of the URI's user; uri_user.", Text),
    unused("aaa_url", "The AAA server.", Text),
    unused("service_type", "AAA service type; 10.", Int),
    unused("use_sip_uri_host", "Whether AAA gets the host apart; 0.", Int),
];

/// A parameter of the look-ups: calling one of those is refused at load.
const fn unused(name: &'static str, doc: &'static str, kind: SettingKind) -> ParamEntry {
    let why = "it serves the functions that look users up, which come with auth_db";
    setting(name, &[], doc, kind, Status::Ignored(why))
}
