//! The modules' tables, driven in a world of workers without sockets and clocks.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod aside;
mod blacklists;
mod cachedb_local;
mod cfgutils;
mod contexts;
mod core;
mod db_text;
mod dispatcher;
mod dispatcher_examples;
mod dispatcher_maglev;
mod dispatcher_probing;
mod dispatcher_selection;
mod dispatcher_table;
mod edition;
mod errors;
mod insight;
mod known;
mod language;
mod locks;
mod mathops;
mod maxfwd;
mod mi_fifo;
mod mi_frames;
mod options;
mod proto_tcp;
mod routes;
mod rr;
mod sipmsgops;
mod sl;
mod text;
mod tm;
mod tm_branches;
mod tm_copies;
mod tm_own;
mod tm_refusals;
mod tm_replies;
mod tm_targets;
mod tm_waiting;
mod tm_world;
mod turn;
mod uac;
mod uac_auth;
mod uri;
mod world;
