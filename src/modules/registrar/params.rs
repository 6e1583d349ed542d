//! The module's parameters (spec 6.5), digested.

use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::ir::Setting;

use super::flags::Path;
use crate::names;
use crate::table::setting;
use crate::usrloc::api::Options as Kept;

/// How REGISTER requests are dealt with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// The domain is part of the address of record; it is `usrloc`'s.
    pub use_domain: bool,
    /// Users of addresses of record differ by the case of their letters.
    pub case_sensitive: bool,
    /// What is taken from the front of a domain.
    pub realm_prefix: String,
    /// Seconds of a contact that names none.
    pub default_expires: u32,
    /// Fewest seconds of a contact.
    pub min_expires: u32,
    /// Most seconds of a contact; 0: any.
    pub max_expires: u32,
    /// Seconds that expiries are spread by.
    pub max_deviation: u32,
    /// q of a contact that names none, times 1000; -1: none.
    pub default_q: i16,
    /// Contacts of an address of record; 0: as many as there is room for.
    pub max_contacts: u32,
    /// Seconds of Retry-After in refusals by 5xx; 0: none.
    pub retry_after: u32,
    /// The AVP with the URI that a REGISTER came from.
    pub received_avp: Option<u32>,
    /// The parameter of Contact that tells it.
    pub received_param: String,
    /// The AVP with the attributes of a contact.
    pub attr_avp: Option<u32>,
    /// The AVP with the contact that a REGISTER was sent on with.
    pub mcontact_avp: Option<u32>,
    /// The AVP with the URI of the user.
    pub aor_avp: Option<u32>,
    /// The header that names a socket.
    pub socket_header: Option<String>,
    /// A known CSeq number is as good as a higher one.
    pub allow_dup_cseq: bool,
    /// Longest Contact URI, bytes.
    pub max_contact_len: usize,
    /// Longest Call-ID, bytes.
    pub max_callid_len: usize,
    /// Longest address of record, bytes.
    pub max_aor_len: usize,
    /// Longest user, bytes.
    pub max_username_len: usize,
    /// Longest domain, bytes.
    pub max_domain_len: usize,
    /// What `save()` does with Path when its flags do not say.
    pub path: Path,
    /// The same of `received` in Path.
    pub path_received: bool,
    /// `lookup()` leaves contacts out that do not take the method.
    pub method_filtering: bool,
    /// `lookup()` adds branches.
    pub append_branches: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            use_domain: false,
            case_sensitive: true,
            realm_prefix: String::new(),
            default_expires: 3_600,
            min_expires: 60,
            max_expires: 0,
            max_deviation: 0,
            default_q: -1,
            max_contacts: 0,
            retry_after: 0,
            received_avp: None,
            received_param: "received".to_owned(),
            attr_avp: None,
            mcontact_avp: None,
            aor_avp: None,
            socket_header: None,
            allow_dup_cseq: true,
            max_contact_len: 255,
            max_callid_len: 255,
            max_aor_len: 256,
            max_username_len: 64,
            max_domain_len: 64,
            path: Path::Ignored,
            path_received: false,
            method_filtering: false,
            append_branches: true,
        }
    }
}

impl Options {
    /// Reads the parameters; `kept` are those of `usrloc`.
    ///
    /// # Errors
    /// An AVP that is none.
    pub(super) fn read(setup: &mut Setup<'_>, kept: &Kept) -> Result<Self, SetupError> {
        let default = Self::default();
        let seconds = |name: &str, default: u32| {
            setup.int(name, default.into()).clamp(0, u32::MAX.into()) as u32
        };
        let bytes = |name: &str, default: usize| {
            // What a record can hold.
            setup.int(name, default as i64).clamp(1, 4_096) as usize
        };
        let is_set = |name: &str, default: bool| setup.int(name, default.into()) != 0;
        let text = |name: &str| setup.text(name).unwrap_or_default().to_owned();
        let path = match (setup.int("use_path", 0), setup.int("path_mode", 2)) {
            (0, _) => Path::Ignored,
            (_, 0) => Path::Off,
            (_, 1) => Path::Lazy,
            _ => Path::Strict,
        };
        let options = Self {
            use_domain: kept.use_domain,
            case_sensitive: is_set("case_sensitive", default.case_sensitive),
            realm_prefix: text("realm_prefix"),
            default_expires: seconds("default_expires", default.default_expires),
            min_expires: seconds("min_expires", default.min_expires),
            max_expires: seconds("max_expires", default.max_expires),
            max_deviation: seconds("expires_max_deviation", 0),
            default_q: setup.int("default_q", -1).clamp(-1, 1_000) as i16,
            max_contacts: seconds("max_contacts", 0),
            retry_after: seconds("retry_after", 0),
            received_avp: None,
            received_param: match text("received_param") {
                empty if empty.is_empty() => default.received_param,
                name => name,
            },
            attr_avp: None,
            mcontact_avp: None,
            aor_avp: None,
            socket_header: Some(text("sock_hdr_name")).filter(|name| !name.is_empty()),
            allow_dup_cseq: is_set("allow_dup_cseq", default.allow_dup_cseq),
            max_contact_len: bytes("max_contact_len", default.max_contact_len),
            max_callid_len: bytes("max_callid_len", default.max_callid_len),
            max_aor_len: bytes("max_aor_len", default.max_aor_len),
            max_username_len: bytes("max_username_len", default.max_username_len),
            max_domain_len: bytes("max_domain_len", default.max_domain_len),
            path,
            path_received: is_set("path_use_received", false),
            method_filtering: is_set("method_filtering", false),
            append_branches: is_set("append_branches", true),
        };
        Ok(Self {
            received_avp: avp(setup, "received_avp")?,
            attr_avp: avp(setup, "attr_avp")?,
            mcontact_avp: avp(setup, "mcontact_avp")?,
            aor_avp: avp(setup, "aor_avp")?,
            ..options
        })
    }
}

/// The slot of the AVP that a parameter names.
fn avp(setup: &mut Setup<'_>, param: &str) -> Result<Option<u32>, SetupError> {
    let Some((Setting::Text(value), at)) = setup.param(param) else { return Ok(None) };
    match names::avp(value).map(str::to_owned) {
        Some(name) => Ok(Some(setup.script.avps.intern(&name))),
        None => {
            let text = format!("{param} is an AVP, `$avp(name)`, not `{value}`");
            Err(SetupError { at: Some(at), text })
        }
    }
}

/// GRUU is off unless this is 0.
fn check_gruu(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0) => Err("GRUU (RFC 5627) comes later; leave it out, or 1".to_owned()),
        _ => Ok(()),
    }
}

/// The table.
pub(super) const PARAMS: &[ParamEntry] = &[
    setting("default_expires", &[], "Seconds without Expires; default 3600.", Int, Honoured),
    setting(
        "min_expires",
        &[],
        "Fewest seconds, to which less is raised; 0 = any; default 60.",
        Int,
        Honoured,
    ),
    setting(
        "max_expires",
        &[],
        "Most seconds, to which more is lowered; 0 (default) = any.",
        Int,
        Honoured,
    ),
    setting(
        "expires_max_deviation",
        &[],
        "Seconds by which expiries are spread at random; default 0.",
        Int,
        Honoured,
    ),
    setting("default_q", &[], "q without one, times 1000; default none (-1).", Int, Honoured),
    setting(
        "max_contacts",
        &[],
        "Most contacts of an AoR; 0 (default) = 64, which is the most.",
        Int,
        Honoured,
    ),
    setting(
        "retry_after",
        &[],
        "Seconds of Retry-After in 5xx; 0 (default) = none.",
        Int,
        Honoured,
    ),
    setting(
        "case_sensitive",
        &[],
        "1 (default) = users differ by case; 0 = AoRs are kept in small letters.",
        Int,
        Honoured,
    ),
    setting("realm_prefix", &[], "What is taken from the front of a domain.", Text, Honoured),
    setting("received_avp", &[], "AVP with the URI that a REGISTER came from.", Text, Honoured),
    setting(
        "received_param",
        &[],
        "Parameter of Contact that tells it; default `received`.",
        Text,
        Honoured,
    ),
    setting("attr_avp", &[], "AVP with attributes, kept with the contact.", Text, Honoured),
    setting("sock_hdr_name", &[], "Header that names a socket, for flag `s`.", Text, Honoured),
    setting(
        "allow_dup_cseq",
        &[],
        "1 (default) = a known CSeq number is as good as a higher one.",
        Int,
        Honoured,
    ),
    setting("max_contact_len", &[], "Longest contact, bytes; default 255.", Int, Honoured),
    setting("max_callid_len", &[], "Longest Call-ID, bytes; default 255.", Int, Honoured),
    setting("max_aor_len", &[], "Longest AoR, bytes; default 256.", Int, Honoured),
    setting("max_username_len", &[], "Longest user, bytes; default 64.", Int, Honoured),
    setting("max_domain_len", &[], "Longest domain, bytes; default 64.", Int, Honoured),
    setting("use_path", &["path_enabled"], "1 = Path is kept (1.x); default 0.", Int, Honoured),
    setting(
        "path_mode",
        &[],
        "0 = Path is not told, 1 = to who supports it, 2 (default) = others are refused (1.x).",
        Int,
        Honoured,
    ),
    setting("path_use_received", &[], "1 = flag `v` for all (1.x); default 0.", Int, Honoured),
    setting("method_filtering", &[], "1 = flag `m` for all (1.x); default 0.", Int, Honoured),
    setting("append_branches", &[], "0 = flag `b` for all (1.x); default 1.", Int, Honoured),
    setting(
        "tcp_persistent_flag",
        &[],
        "Message flag of REGISTER requests whose connection stays.",
        Either,
        Ignored("a connection stays as long as anything passes on it"),
    ),
    setting(
        "nat_flag",
        &[],
        "Flag of contacts behind NAT (1.x).",
        Either,
        Ignored("branch flags are kept with the contact; usrloc has nat_bflag"),
    ),
    setting(
        "use_branch_flags",
        &[],
        "1 = flags of branches are kept (1.x).",
        Int,
        Ignored("they always are"),
    ),
    setting(
        "mcontact_avp",
        &[],
        "AVP with the contact that a REGISTER was sent on with, for save() in a reply route.",
        Text,
        Honoured,
    ),
    setting(
        "aor_avp",
        &[],
        "AVP with the user's URI for save() and lookup() (1.x).",
        Text,
        Honoured,
    ),
    ParamEntry {
        check: Some(check_gruu),
        ..setting("disable_gruu", &[], "1 (default) = no GRUU.", Int, Honoured)
    },
    setting("gruu_secret", &[], "Secret of temporary GRUUs.", Text, Ignored("there are no GRUUs")),
    setting("pn_enable", &[], "Push notifications (RFC 8599).", Either, Later),
];
