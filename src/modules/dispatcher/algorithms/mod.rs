//! The selection algorithms (spec 3.2), one file each, by number.
//!
//! An algorithm looks at the message and says what to go by; [`super::select`] does the rest.

mod auth_user;
mod call_id;
mod first;
mod from_uri;
mod hash_pvar;
mod least;
mod maglev;
mod random;
mod request_uri;
mod round_robin;
mod to_uri;

use sluice_engine::uses::Uses;
use sluice_engine::{Ctx, Value};
use sluice_sip::uri::{Scheme, Uri};

use super::hash::hash;
use super::select::Pick;
use super::several;
pub use call_id::by_call_id;

/// What an algorithm knows of the call besides the message.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Keys are the user part only (flag `u`).
    pub user_only: bool,
    /// The value of modparam `hash_pvar` for this message.
    pub hash_pvar: Value,
}

/// An algorithm.
pub trait Selection: Sync {
    /// What to go by for this message.
    ///
    /// # Errors
    /// Why nothing can be selected, for the log.
    fn pick(&self, ctx: &mut Ctx<'_>, call: &Call) -> Result<Pick, &'static str>;

    /// Whether it may ask where the set's cursor stands, at this call or a later one.
    fn uses_cursor(&self) -> bool {
        false
    }
}

/// The number that stands for the word `X`: an algorithm that does not exist.
const UNKNOWN: i64 = -1;

/// What stands for the words of Maglev: numbers that no script writes.
const MAGLEV: i64 = i64::MIN;
const MAGLEV_PVAR: i64 = i64::MIN + 1;
/// As those of Maglev.
const LEAST_CALLS: i64 = i64::MIN + 2;
const LEAST_LATENCY: i64 = i64::MIN + 3;

/// Every algorithm, by number.
static ALGORITHMS: [&dyn Selection; 9] = [
    &call_id::CallId,
    &from_uri::FromUri,
    &to_uri::ToUri,
    &request_uri::RequestUri,
    &round_robin::RoundRobin,
    &auth_user::AuthUser,
    &random::Random,
    &hash_pvar::HashPvar,
    &first::First,
];

/// The destinations ordered by a variable, or by a route: these take several steps.
pub const BY_VARIABLE: i64 = 9;
/// See [`BY_VARIABLE`].
pub const BY_ROUTE: i64 = 10;

/// Whether the algorithm of a number does not decide at once.
#[inline]
pub const fn takes_steps(number: i64) -> bool {
    number >= BY_VARIABLE && (number <= BY_ROUTE || several::is_list(number))
}

/// The algorithm of a number; an unknown one is [`first::First`], with a warning.
pub fn by_number(ctx: &Ctx<'_>, number: i64) -> &'static dyn Selection {
    let found = usize::try_from(number).ok().and_then(|at| ALGORITHMS.get(at));
    match (number, found) {
        (_, Some(found)) => *found,
        (MAGLEV, None) => &maglev::OverCallId,
        (MAGLEV_PVAR, None) => &maglev::OverPvar,
        (LEAST_CALLS, None) => &least::Calls,
        (LEAST_LATENCY, None) => &least::Latency,
        _ => {
            ctx.complain("dispatcher: no such algorithm, the first destination is taken");
            &first::First
        }
    }
}

/// Reads an algorithm as a script writes it: a number, the `X` of OpenSIPS' documentation, or one
/// of ours by its name; or a list of them, one for each set.
///
/// # Errors
/// What was expected.
pub fn parse(text: &str) -> Result<i64, String> {
    match text.contains(',') {
        true => several::pack(&text.split(',').map(parse_one).collect::<Result<Vec<_>, _>>()?),
        false => parse_one(text),
    }
}

fn parse_one(text: &str) -> Result<i64, String> {
    match text.trim() {
        "X" | "x" => Ok(UNKNOWN),
        "maglev" => Ok(MAGLEV),
        "maglev:pvar" => Ok(MAGLEV_PVAR),
        "least_calls" => Ok(LEAST_CALLS),
        "least_latency" => Ok(LEAST_LATENCY),
        text => text.parse().ok().filter(|number| !several::is_list(*number)).ok_or_else(|| {
            format!(
                "an algorithm is a number from 0 to 10, `maglev`, `maglev:pvar`, `least_calls` or \
                 `least_latency`, not `{text}`"
            )
        }),
    }
}

/// Whether routes may select by Maglev's tables.
pub fn may_draw(routes: &Uses<'_>) -> bool {
    may_use(routes, &[MAGLEV, MAGLEV_PVAR])
}

/// Whether routes may select by what becomes of calls.
pub fn may_watch(routes: &Uses<'_>) -> bool {
    may_use(routes, &[LEAST_CALLS, LEAST_LATENCY])
}

fn may_use(routes: &Uses<'_>, algorithms: &[i64]) -> bool {
    let may = |number: &i64| several::is_list(*number) || algorithms.contains(number);
    SELECTORS.iter().any(|selector| {
        let numbers = routes.numbers(selector, 1);
        numbers.is_none_or(|all| all.iter().any(may))
    })
}

/// The functions whose second argument is an algorithm.
const SELECTORS: [&str; 2] = ["ds_select_dst", "ds_select_domain"];

/// The text of modparam `hash_pvar` for this message.
fn key_of_pvar<'a>(ctx: &'a mut Ctx<'_>, call: &Call) -> Result<&'a [u8], &'static str> {
    if call.hash_pvar.is_null() {
        return Err("dispatcher: this algorithm needs modparam hash_pvar");
    }
    let text = ctx.to_text(call.hash_pvar);
    match ctx.bytes(text).trim_ascii() {
        b"" => Err("dispatcher: hash_pvar is empty for this message"),
        key => Ok(key),
    }
}

/// Hash of a URI: user part, and `host[:port]` where the port counts only if it is not the default.
fn hash_uri(text: &[u8], call: &Call) -> Result<Pick, &'static str> {
    let uri = Uri::parse(text).ok_or("dispatcher: the URI to hash is malformed")?;
    let user = uri.user.unwrap_or_default();
    let rest = if call.user_only { &[][..] } else { authority(&uri) };
    Ok(Pick::Hash(hash(user, rest)))
}

/// `host`, or `host:port` as written when the port is not the scheme's default.
fn authority<'a>(uri: &Uri<'a>) -> &'a [u8] {
    let default = if uri.scheme == Scheme::Sips { 5061 } else { 5060 };
    if uri.port.is_none_or(|port| port == default) {
        return uri.host;
    }
    let start = uri.host.as_ptr() as usize - uri.text.as_ptr() as usize;
    let port = start + uri.host.len() + 1;
    let behind = uri.text.get(port..).unwrap_or_default();
    let digits = behind.iter().take_while(|b| b.is_ascii_digit()).count();
    uri.text.get(start..port + digits).unwrap_or(uri.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = Call { user_only: false, hash_pvar: Value::Null };

    #[test]
    fn a_uri_hashes_as_the_vectors_say() {
        let cases = [
            ("sip:alice@example.com", 1_442_294_598),
            ("sip:alice@example.com:5060;x=y", 1_442_294_598),
            ("sips:alice:pass@example.com:5061", 1_442_294_598),
            ("sip:alice@example.com:5070", 4_164_596_482),
            ("sip:alice@example.com:5070;transport=tcp?a=b", 4_164_596_482),
        ];
        for (uri, expected) in cases {
            assert_eq!(hash_uri(uri.as_bytes(), &CALL), Ok(Pick::Hash(expected)), "{uri}");
        }
        let user_only = Call { user_only: true, ..CALL };
        let of_user = hash_uri(b"sip:alice@example.com:5070", &user_only);
        assert_eq!(of_user, Ok(Pick::Hash(1_834_153_949)));
        assert!(hash_uri(b"nonsense", &CALL).is_err());
    }

    #[test]
    fn algorithms_are_numbers_or_x() {
        assert_eq!(parse("4"), Ok(4));
        assert_eq!(parse(" 42 "), Ok(42));
        assert_eq!(parse("X"), Ok(UNKNOWN));
        assert_eq!((parse("maglev"), parse("maglev:pvar")), (Ok(MAGLEV), Ok(MAGLEV_PVAR)));
        assert!(takes_steps(9) && takes_steps(10) && takes_steps(parse("0,4").unwrap()));
        assert!(!takes_steps(8) && !takes_steps(11) && !takes_steps(MAGLEV));
        assert!(parse("round-robin").unwrap_err().contains("0 to 10"));
        assert!(parse("0,x y").is_err() && parse("0,").is_err());
        assert!(parse("").is_err());
    }
}
