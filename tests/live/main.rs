//! The program and the gateway over real sockets, on loopback addresses and free ports.
//!
//! Nothing here depends on how fast the machine is: counts are compared, never rates, and every
//! wait has a generous end.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests wait for other processes")]

mod ask;
mod check;
mod contacts;
mod contacts_kept;
mod contexts;
mod databases;
mod db;
mod db_text;
mod defaults;
mod defaults_full;
mod delays;
mod demo;
mod digest;
mod dispatch;
mod editions;
mod engine;
mod expiry;
mod exposition;
mod failover;
mod health;
mod http;
mod includes;
mod language;
mod letters;
mod levels;
mod live;
mod load;
mod loadbalancer;
mod maglev;
mod manage;
mod metrics;
mod mi;
mod mi_datagram;
mod names;
mod names_dead;
mod odd;
mod opensips_cli;
mod outgoing;
mod own;
mod parked;
mod pings;
mod plan;
mod probing;
mod program;
mod registrar;
mod registrar_seed;
mod reload;
mod reply;
mod resolver;
mod routes;
mod sip;
mod sipp;
mod statistics;
mod stream;
mod support;
mod tcp;
mod tcp_input;
mod tcp_many;
mod tcp_sockets;
mod told;
mod torture;
mod uac;
mod unbound;
mod user;
