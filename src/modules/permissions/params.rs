//! The module's parameters and what they amount to.

use std::sync::Arc;

use sluice_engine::module::{ParamEntry, Setup, SetupError};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored};
use sluice_script::ir::Setting;
use sluice_script::source::Location;

use super::DEFAULT;
use super::table::{Columns, Table};
use super::trusted::{self, TrustedTable};
use crate::names;
use crate::table::setting;

/// The table.
pub(super) static PARAMS: &[ParamEntry] = &[
    setting(
        "default_allow_file",
        &[],
        "What allows where a function names no file; permissions.allow.",
        Text,
        Honoured,
    ),
    setting(
        "default_deny_file",
        &[],
        "What denies where a function names no file; permissions.deny.",
        Text,
        Honoured,
    ),
    setting(
        "check_all_branches",
        &[],
        "0: allow_routing() looks at the Request-URI only; 1.",
        Int,
        Honoured,
    ),
    setting("allow_suffix", &[], "Ends the name of a file that allows; .allow.", Text, Honoured),
    setting("deny_suffix", &[], "Ends the name of a file that denies; .deny.", Text, Honoured),
    setting("db_url", &[], "The database of the partition `default`.", Text, Honoured),
    setting("address_table", &[], "The table; address.", Text, Honoured),
    ParamEntry {
        check: Some(|value| partition(value).map(|_| ())),
        ..setting(
            "partition",
            &[],
            "A further table, `NAME: db_url=URL; table_name=TABLE`; may be given again.",
            Text,
            Honoured,
        )
    },
    setting("grp_col", &[], "Column of the group; grp.", Text, Honoured),
    setting("ip_col", &["ip_addr_col"], "Column of the address; ip, or ip_addr.", Text, Honoured),
    setting("mask_col", &[], "Column of the mask; mask.", Text, Honoured),
    setting("port_col", &[], "Column of the port; port.", Text, Honoured),
    setting("proto_col", &[], "Column of the transport; proto.", Text, Honoured),
    setting("pattern_col", &[], "Column of the pattern; pattern.", Text, Honoured),
    setting("info_col", &[], "Column of the context; context_info.", Text, Honoured),
    setting("trusted_table", &[], "The table of allow_trusted() (1.x); trusted.", Text, Honoured),
    setting("source_col", &[], "Its column of the address; src_ip.", Text, Honoured),
    setting("from_col", &[], "Its column of the regex for From; from_pattern.", Text, Honoured),
    setting("tag_col", &[], "Its column of the tag; tag.", Text, Honoured),
    ParamEntry {
        check: Some(|value| tag_avp(value).map(|_| ())),
        ..setting("peer_tag_avp", &[], "The AVP that gets the tag.", Text, Honoured)
    },
    setting(
        "db_mode",
        &[],
        "Whether the table of allow_trusted() is cached (1.x); 0.",
        Int,
        Ignored("tables are read once, and again by address_reload and trusted_reload"),
    ),
];

/// What the functions look at.
#[derive(Debug)]
pub struct Params {
    /// `default_allow_file`
    pub allow_file: String,
    /// `default_deny_file`
    pub deny_file: String,
    /// `allow_suffix`
    pub allow_suffix: String,
    /// `deny_suffix`
    pub deny_suffix: String,
    /// `check_all_branches`
    pub check_all_branches: bool,
    /// The slot of `peer_tag_avp`.
    pub tag_avp: Option<u32>,
}

impl Params {
    /// Reads them.
    ///
    /// # Errors
    /// A parameter that names no AVP.
    pub fn read(setup: &mut Setup<'_>) -> Result<Self, SetupError> {
        let tag = setup.param("peer_tag_avp").map(|(value, at)| (tag_avp(value), at));
        let tag_avp = match tag {
            Some((Ok(name), _)) => Some(setup.script.avps.intern(&name)),
            Some((Err(text), at)) => return Err(SetupError { at: Some(at), text }),
            None => None,
        };
        Ok(Self {
            allow_file: text_or(setup, "default_allow_file", "permissions.allow"),
            deny_file: text_or(setup, "default_deny_file", "permissions.deny"),
            allow_suffix: text_or(setup, "allow_suffix", ".allow"),
            deny_suffix: text_or(setup, "deny_suffix", ".deny"),
            check_all_branches: setup.int("check_all_branches", 1) != 0,
            tag_avp,
        })
    }
}

/// A table that a partition is read from.
pub struct PartitionSource {
    /// The partition.
    pub name: String,
    /// Its table.
    pub table: Table,
    /// Where the script names it.
    pub at: Location,
}

/// The tables of all partitions.
///
/// # Errors
/// Why there is no such database.
pub fn sources(setup: &mut Setup<'_>) -> Result<Vec<PartitionSource>, SetupError> {
    let columns = Arc::new(columns(setup));
    let table = text_or(setup, "address_table", "address");
    let own = setup.text("db_url").map(str::to_owned);
    // As in OpenSIPS, `db_default_url` makes no partition `default`.
    let default = own.clone().zip(setup.param("db_url").map(|(_, at)| at));
    let mut wanted: Vec<_> =
        default.map(|(url, at)| (DEFAULT.to_owned(), url, table.clone(), at)).into_iter().collect();
    let params = setup.script.params.iter();
    for param in params.filter(|p| p.module == setup.module && p.name == "partition") {
        let refuse = |text: String| SetupError { at: Some(param.at), text };
        let part = partition(&param.value).map_err(refuse)?;
        let url = part.url.or_else(|| own.clone());
        let url = url.or_else(|| setup.settings.db_default_url.clone());
        let url = url.ok_or_else(|| refuse(format!("partition {} has no db_url", part.name)))?;
        wanted.push((part.name, url, part.table.unwrap_or_else(|| table.clone()), param.at));
    }
    let mut sources = Vec::new();
    for (name, url, table, at) in wanted {
        let refuse = |text| SetupError { at: Some(at), text };
        let table = Table {
            source: setup.databases.open(&url).map_err(refuse)?,
            table: table.into(),
            columns: Arc::clone(&columns),
            versions: setup.settings.db_version_table.clone(),
        };
        sources.push(PartitionSource { name, table, at });
    }
    Ok(sources)
}

/// The table of trusted peers, where there is a database.
///
/// # Errors
/// Why there is no such database.
pub fn trusted(setup: &mut Setup<'_>) -> Result<Option<TrustedTable>, SetupError> {
    let Some((url, at)) = setup
        .text("db_url")
        .map(str::to_owned)
        .zip(setup.param("db_url"))
        .map(|(url, (_, at))| (url, at))
    else {
        return Ok(None);
    };
    let source = setup.databases.open(&url);
    let source = source.map_err(|text| SetupError { at: Some(at), text })?;
    Ok(Some(TrustedTable {
        source,
        table: text_or(setup, "trusted_table", "trusted").into(),
        columns: trusted::Columns {
            source: text_or(setup, "source_col", "src_ip"),
            proto: text_or(setup, "proto_col", "proto"),
            from: text_or(setup, "from_col", "from_pattern"),
            tag: text_or(setup, "tag_col", "tag"),
        },
    }))
}

fn columns(setup: &Setup<'_>) -> Columns {
    let mut columns = Columns::default();
    for (name, column) in [
        ("grp_col", &mut columns.group),
        ("ip_col", &mut columns.ip),
        ("mask_col", &mut columns.mask),
        ("port_col", &mut columns.port),
        ("proto_col", &mut columns.proto),
        ("pattern_col", &mut columns.pattern),
        ("info_col", &mut columns.info),
    ] {
        if let Some(given) = setup.text(name) {
            *column = given.to_owned();
        }
    }
    columns
}

fn text_or(setup: &Setup<'_>, name: &str, default: &str) -> String {
    setup.text(name).unwrap_or(default).to_owned()
}

fn tag_avp(value: &Setting) -> Result<String, String> {
    let text = match value {
        Setting::Text(text) | Setting::Word(text) => text.as_str(),
        Setting::Int(_) => "",
    };
    let name = names::avp(text).map(str::to_owned);
    name.ok_or_else(|| format!("peer_tag_avp is $avp(name), not `{text}`"))
}

/// What a `partition` says.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    name: String,
    url: Option<String>,
    table: Option<String>,
}

/// `NAME: db_url=URL; table_name=TABLE`
fn partition(value: &Setting) -> Result<Part, String> {
    const FORM: &str = "a partition is `NAME: db_url=URL; table_name=TABLE`";
    let (Setting::Text(text) | Setting::Word(text)) = value else { return Err(FORM.to_owned()) };
    let (name, rest) = text.split_once(':').ok_or(FORM)?;
    let mut part = Part { name: name.trim().to_owned(), url: None, table: None };
    for item in rest.split(';').map(str::trim).filter(|item| !item.is_empty()) {
        let (key, value) = item.split_once('=').ok_or(FORM)?;
        let place = match key.trim() {
            "db_url" => &mut part.url,
            "table_name" => &mut part.table,
            other => return Err(format!("{FORM}; `{other}` is neither")),
        };
        *place = Some(value.trim().to_owned());
    }
    if part.name.is_empty() { Err(FORM.to_owned()) } else { Ok(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_a_name_and_a_table() {
        let read = |text: &str| partition(&Setting::Text(text.to_owned()));
        let part = read("\n inbound:\n db_url = text:///a/b;\n table_name = pbx").unwrap();
        let (url, table) = (Some("text:///a/b".to_owned()), Some("pbx".to_owned()));
        assert_eq!(part, Part { name: "inbound".to_owned(), url, table });
        assert_eq!(read("a:").unwrap().url, None);
        for wrong in ["", ":", "a", "a: b", "a: url=b", " : db_url=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
