//! Names that OpenSIPS has changed between its releases. Old and new ones are read; a script that
//! has an old one is told the new one, once (spec 1.3, 1.6, 2.2).

use sluice_script::catalog::Named::{Function, Global, Variable};
use sluice_script::catalog::{Named, Renamed};

/// All of them.
pub static RENAMED: &[Renamed] = &[
    now(Global, "debug", "log_level", "2.2"),
    now(Global, "log_stderror", "stderror_enabled", "3.4"),
    now(Global, "log_facility", "syslog_facility", ""),
    now(Global, "log_name", "syslog_name", ""),
    now(Global, "children", "udp_workers", "3.0"),
    now(Global, "tcp_children", "tcp_workers", ""),
    now(Global, "listen", "socket", "3.1"),
    now(Function, "add_rport", "force_rport", ""),
    now(Function, "force_send_socket", "$socket_out", "3.0"),
    now(Function, "append_branch", "append_msg_branch", "4.0"),
    now(Function, "rewritehost", "sethost", "2.0"),
    now(Function, "rewritehostport", "sethostport", "2.0"),
    now(Function, "rewriteport", "setport", "2.0"),
    now(Function, "rewriteuser", "setuser", "2.0"),
    now(Function, "rewriteuserpass", "setuserpass", "2.0"),
    now(Function, "rewriteuri", "seturi", "2.0"),
    now(Function, "sl_send_reply", "send_reply", ""),
    now(Variable, "fs", "socket_out", "3.0"),
    now(Variable, "Ri", "socket_in(ip)", "3.0"),
    now(Variable, "Rp", "socket_in(port)", "3.0"),
    now(Variable, "pr", "socket_in(proto)", "3.0"),
    now(Variable, "proto", "socket_in(proto)", "3.0"),
];

const fn now(what: Named, old: &'static str, new: &'static str, since: &'static str) -> Renamed {
    Renamed { what, old, new, since }
}
