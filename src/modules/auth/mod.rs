//! Module `auth`: asks for passwords and judges the answers (spec 7; RFC 3261 22, RFC 7616, RFC
//! 8760). Who knows the passwords is another module, or the script.

pub mod api;
mod challenge;
mod claim;
mod limits;
mod mi;
mod nonce;
mod rpid;
mod state;

use std::any::Any;

use sluice_engine::module::{Function, Hooks, Module, ParamEntry, Statistic};
use sluice_engine::{Ctx, Flow, Value};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored};
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::{RouteKind, Setting};
use sluice_sip::Method;

use crate::table::{function, optional, param, setting};
use api::{Auth, Side};
use sluice_sip::digest::{self, Hash};

/// The definition table.
pub static MODULE: Module = Module {
    name: "auth",
    aliases: &[],
    doc: "Asks for passwords by digest authentication and judges the answers.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &STATISTICS,
    commands: mi::COMMANDS,
    hooks: Hooks::NONE,
    start: state::start,
};

const PARAMS: &[ParamEntry] = &[
    setting(
        "secret",
        &[],
        "Keys the nonces, so that programs with the same one take each other's; default random.",
        Text,
        Honoured,
    ),
    ParamEntry {
        check: Some(check_expire),
        ..setting("nonce_expire", &[], "Seconds that a nonce is good; default 30.", Int, Honoured)
    },
    setting(
        "disable_nonce_check",
        &[],
        "1 = a nonce may be used again until it ends; default 0.",
        Int,
        Honoured,
    ),
    setting("realm_prefix", &[], "Taken off a realm that is a host; no default.", Text, Honoured),
    setting("username_spec", &["user_spec"], "The username of pv_*_authorize().", Text, Honoured),
    setting("password_spec", &["passwd_spec"], "Its password, or its hash.", Text, Honoured),
    setting("calculate_ha1", &[], "1 = password_spec is plain; default 0.", Int, Honoured),
    setting("rpid_avp", &[], "AVP of the Remote-Party-ID; default $avp(rpid).", Text, Honoured),
    setting("rpid_prefix", &[], "What stands before it; no default.", Text, Honoured),
    setting("rpid_suffix", &[], "What stands behind it; ;party=calling and more.", Text, Honoured),
    setting("max_failures", &[], "So many raise E_AUTH_FAILURES; default 0 (off).", Int, Honoured),
    setting(
        "rand_secret_len",
        &[],
        "Length of a random secret.",
        Int,
        Ignored("a random secret has 32 bytes"),
    ),
];

static STATISTICS: [Statistic; 4] = [
    Statistic { name: "challenges", doc: "Requests answered with a challenge." },
    Statistic { name: "accepted", doc: "Credentials that were right." },
    Statistic { name: "refused", doc: "Credentials of unknown users, and wrong passwords." },
    Statistic { name: "stale", doc: "Credentials with a nonce that was not good any more." },
];

const CHALLENGE: &[ParamDef] = &[
    param("realm", ParamKind::Text),
    optional("qop", ParamKind::Word(challenge::offer)),
    optional("algorithms", ParamKind::Word(digest::algorithms)),
];

const REALM: &[ParamDef] = &[param("realm", ParamKind::Text)];

const AFFIXES: &[ParamDef] =
    &[optional("prefix", ParamKind::Text), optional("suffix", ParamKind::Text)];

/// Where a password is asked for and judged.
const REQUEST: Routes = Routes::of(&[RouteKind::Request]);

/// Where what has been judged is used.
const BEHIND: Routes = Routes::of(&[RouteKind::Request, RouteKind::Branch, RouteKind::Failure]);

const FUNCTIONS: &[Function] = &[
    function(
        "www_challenge",
        "Answers 401 with a challenge; the script ends there.",
        CHALLENGE,
        REQUEST,
        |ctx, state, args| with(state, |auth| challenge::challenge(ctx, auth, Side::Www, args)),
    ),
    function(
        "proxy_challenge",
        "Answers 407 with a challenge; the script ends there.",
        CHALLENGE,
        REQUEST,
        |ctx, state, args| with(state, |auth| challenge::challenge(ctx, auth, Side::Proxy, args)),
    ),
    Function {
        hidden: &[("auth", "username_spec"), ("auth", "password_spec")],
        unknown: api::ERROR,
        ..function(
            "pv_www_authorize",
            "Judges Authorization by user and password of variables.",
            REALM,
            REQUEST,
            |ctx, state, args| with(state, |auth| judge(ctx, auth, Side::Www, args)),
        )
    },
    Function {
        hidden: &[("auth", "username_spec"), ("auth", "password_spec")],
        unknown: api::ERROR,
        ..function(
            "pv_proxy_authorize",
            "Judges Proxy-Authorization by user and password of variables.",
            REALM,
            REQUEST,
            |ctx, state, args| with(state, |auth| judge(ctx, auth, Side::Proxy, args)),
        )
    },
    function(
        "consume_credentials",
        "Takes the credentials that were right out of the request that is sent on.",
        &[],
        BEHIND,
        |ctx, _, _| consume(ctx),
    ),
    function(
        "is_rpid_user_e164",
        "Whether the user of the Remote-Party-ID is an E.164 number.",
        &[],
        BEHIND,
        |ctx, state, _| with(state, |auth| rpid::is_e164(ctx, &auth.0.rpid)),
    ),
    function("append_rpid_hf", "Adds Remote-Party-ID.", AFFIXES, BEHIND, |ctx, state, args| {
        with(state, |auth| rpid::append(ctx, &auth.0.rpid, args))
    }),
];

fn with(state: &mut dyn Any, call: impl FnOnce(&Auth) -> Flow) -> Flow {
    match state.downcast_ref::<Auth>() {
        Some(auth) => call(auth),
        None => Flow::Fail("the module is not running"),
    }
}

fn check_expire(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=86_400) => Ok(()),
        _ => Err("nonce_expire is 1 to 86400 seconds".to_owned()),
    }
}

/// `pv_www_authorize()`, `pv_proxy_authorize()`: the script knows user and password.
fn judge(ctx: &mut Ctx<'_>, auth: &Auth, side: Side, args: &[Value]) -> Flow {
    let [realm, user, secret] = args else { return Flow::FALSE };
    let begun = match auth.begin(ctx, side, *realm) {
        Ok(begun) => begun,
        Err(flow) => return flow,
    };
    let claim = begun.claim;
    let (Some(user), Some(secret)) = (user.text(), secret.text()) else {
        return Flow::Fail("username_spec and password_spec name who it is");
    };
    let (user, secret) = (ctx.bytes(user), ctx.bytes(secret));
    let function = claim.question.algorithm.function;
    let ha1 = match auth.0.plain_passwords {
        _ if user != claim.user => Err(api::UNKNOWN_USER),
        true => Ok(function.hash(&[claim.user, claim.realm, secret])),
        false => Hash::read(secret, function).ok_or(api::WRONG_PASSWORD),
    };
    auth.judge(ctx, &begun, ha1)
}

fn consume(ctx: &mut Ctx<'_>) -> Flow {
    match ctx.run.accepted.take() {
        Some(line) => {
            ctx.run.patches.remove(line);
            Flow::TRUE
        }
        // They are accepted without credentials.
        None if matches!(ctx.message.method(), Method::Ack | Method::Cancel) => Flow::TRUE,
        None => Flow::Fail("consume_credentials(): no credentials have been found right"),
    }
}
