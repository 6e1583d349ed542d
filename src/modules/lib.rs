//! The script modules: each a folder and a table. [`MODULES`] is the only list.
//!
//! May import the engine's contract, `sip` and `base`; another module only through its `api.rs`.
//! Opens no socket and no file.
#![forbid(unsafe_code)]

use sluice_engine::module::{KnownModule, Module};
use sluice_script::catalog::Renamed;

pub mod acc;
pub mod alias_db;
pub mod auth;
pub mod auth_db;
pub mod avpops;
pub mod cachedb_local;
pub mod cfgutils;
pub mod core;
pub mod db_mysql;
pub mod db_postgres;
pub mod db_sqlite;
pub mod db_text;
mod db_version;
pub mod dispatcher;
pub mod domain;
pub mod group;
pub mod httpd;
mod known;
pub mod limits;
mod lookups;
pub mod mathops;
pub mod maxfwd;
pub mod mi_datagram;
pub mod mi_fifo;
pub mod mi_http;
mod names;
pub mod nathelper;
pub mod options;
pub mod permissions;
pub mod prometheus;
pub mod proto_tcp;
pub mod proto_udp;
mod regexes;
pub mod registrar;
mod renamed;
mod rows;
pub mod rr;
pub mod signaling;
pub mod sipmsgops;
pub mod sl;
mod sql;
pub mod sqlops;
mod subst;
mod table;
pub mod textops;
pub mod tm;
pub mod uac;
pub mod uac_auth;
pub mod uri;
pub mod usrloc;
pub mod versions;

/// The core: globals, core functions, core variables, transformations. Always loaded.
pub static CORE: &Module = &core::MODULE;

/// Every module that is built, in the order in which hooks run.
pub static MODULES: &[&Module] = &[
    &proto_udp::MODULE,
    &proto_tcp::MODULE,
    &db_text::MODULE,
    &db_mysql::MODULE,
    &db_postgres::MODULE,
    &db_sqlite::MODULE,
    &sl::MODULE,
    &signaling::MODULE,
    &tm::MODULE,
    &rr::MODULE,
    &auth::MODULE,
    &auth_db::MODULE,
    &uac_auth::MODULE,
    &uac::MODULE,
    &maxfwd::MODULE,
    &sipmsgops::MODULE,
    &textops::MODULE,
    &uri::MODULE,
    &options::MODULE,
    &mathops::MODULE,
    &cfgutils::MODULE,
    &cachedb_local::MODULE,
    &sqlops::MODULE,
    &avpops::MODULE,
    &usrloc::MODULE,
    &registrar::MODULE,
    &nathelper::MODULE,
    &dispatcher::MODULE,
    &permissions::MODULE,
    &acc::MODULE,
    &alias_db::MODULE,
    &domain::MODULE,
    &group::MODULE,
    &mi_fifo::MODULE,
    &mi_datagram::MODULE,
    // Before the modules that have pages there.
    &httpd::MODULE,
    &mi_http::MODULE,
    &prometheus::MODULE,
];

/// Names that OpenSIPS has changed between its releases.
pub static RENAMED: &[Renamed] = renamed::RENAMED;

/// Every other module of OpenSIPS: later, not ours, or merged.
pub static KNOWN: &[KnownModule] = known::KNOWN;
