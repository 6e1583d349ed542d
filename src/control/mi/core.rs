//! The core's own commands (spec 9.7): a table, and what its rows do.

use serde_json::{Value, json};
use sluice_engine::module::CommandError;

use super::threads::{Thread, threads};
use super::{Answer, Management, blacklists, events, refuse, reports, targets, unix_seconds};

/// A command of the core; shown by `which`, `help` and `sluice doc core`.
#[derive(Debug)]
pub struct CoreCommand {
    /// The first part of its new name.
    pub group: &'static str,
    /// The second part of its new name.
    pub short: &'static str,
    /// Its old name.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Names of its parameters: `name?` is optional, `name*` takes all that are left.
    pub params: &'static [&'static str],
    pub(super) run: fn(&Management, &[Option<&str>]) -> Answer,
}

/// The table.
pub static CORE: &[CoreCommand] = &[
    core("arg", "The arguments that the program was started with.", &[], |_, _| arguments()),
    core("help", "Names and parameters of a command, and what it does.", &["mi_cmd?"], help),
    core("kill", "Ends the program, as SIGTERM does.", &[], |management, _| {
        management.host.stop();
        Ok(json!("OK"))
    }),
    core(
        "log_level",
        "Shows or sets the log's threshold, -3 to 4.",
        &["level?", "pid?"],
        log_level,
    ),
    core("ps", "The threads of the program.", &[], |_, _| {
        let threads = threads()?;
        let line = |(id, thread): (usize, &Thread)| {
            let Thread { id: pid, kind } = thread;
            json!({ "ID": id, "PID": pid, "Type": kind })
        };
        let lines: Vec<Value> = threads.iter().enumerate().map(line).collect();
        Ok(json!({ "Processes": lines }))
    }),
    core("pwd", "The working directory.", &[], |_, _| match std::env::current_dir() {
        Ok(folder) => Ok(json!({ "WD": folder.to_string_lossy() })),
        Err(error) => refuse(500, format!("no working directory: {error}")),
    }),
    core("reload_routes", "Reads the script again: new routes, all else as it is.", &[], |m, _| {
        m.host.reload_routes()
    }),
    core("uptime", "Since when the program runs.", &[], |management, _| {
        Ok(json!({
            "Now": management.host.date(unix_seconds()),
            "Up since": management.host.date(management.since()),
            "Up time": format!("{} [sec]", management.up().as_secs()),
        }))
    }),
    core("version", "The program's version.", &[], |_, _| {
        let (version, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        Ok(json!({ "Server": format!("Sluice ({version} ({arch}/{}))", std::env::consts::OS) }))
    }),
    in_group(
        "blacklists",
        "list",
        "list_blacklists",
        "The blacklists and their rules.",
        &["name?"],
        blacklists::list,
    ),
    in_group(
        "blacklists",
        "check_all",
        "check_blacklists",
        "The blacklists that forbid a destination.",
        &["ip", "proto?", "port?", "pattern?"],
        blacklists::check_all,
    ),
    in_group(
        "blacklists",
        "check",
        "check_blacklist",
        "The rule of a blacklist that forbids a destination.",
        &["name", "ip", "proto?", "port?", "pattern?"],
        blacklists::check,
    ),
    in_group(
        "blacklists",
        "add_rule",
        "add_blacklist_rule",
        "Adds a rule to a blacklist that may change, for some seconds or for ever.",
        &["name", "rule", "expire?"],
        blacklists::add,
    ),
    in_group(
        "blacklists",
        "del_rule",
        "del_blacklist_rule",
        "Takes a rule away from a blacklist that may change.",
        &["name", "rule"],
        blacklists::remove,
    ),
    in_group(
        "evi",
        "subscribe",
        "event_subscribe",
        "Has event_route NAME run for an event, too, by `route:NAME`; for an hour.",
        &["event", "socket", "expire?"],
        events::subscribe,
    ),
    in_group("evi", "list", "events_list", "The events that there are.", &[], events::list),
    in_group(
        "evi",
        "subscribers",
        "subscribers_list",
        "The routes that are run for events.",
        &["event?", "socket?"],
        events::subscribers,
    ),
    in_group(
        "evi",
        "raise",
        "raise_event",
        "Raises an event, with parameters as words or as a JSON object.",
        &["event", "params*"],
        events::raise,
    ),
    in_group(
        "status_report",
        "get",
        "sr_get_status",
        "Whether a part of the program is ready.",
        &["group", "identifier?"],
        reports::get,
    ),
    in_group(
        "status_report",
        "list",
        "sr_list_status",
        "Whether each part of the program is ready.",
        &["group?"],
        reports::statuses,
    ),
    in_group(
        "status_report",
        "reports",
        "sr_list_reports",
        "What the parts of the program report lately.",
        &["group?", "identifier?"],
        reports::reports,
    ),
    in_group(
        "status_report",
        "identifiers",
        "sr_list_identifiers",
        "The parts of the program that have a status.",
        &["group?"],
        reports::identifiers,
    ),
    in_group(
        "targets",
        "list",
        "targets_list",
        "Addresses that failed and are avoided; with `full` also the names that are known.",
        &["full?"],
        targets::list,
    ),
    CoreCommand {
        group: "statistics",
        short: "get",
        name: "get_statistics",
        doc: "Values of statistics: of `all`, of a `group:`, or by name.",
        params: &["statistics*"],
        run: |management, names| management.statistics.get(names, management.up().as_secs()),
    },
    CoreCommand {
        group: "statistics",
        short: "list",
        name: "list_statistics",
        doc: "Names of statistics, and whether they can be reset.",
        params: &["statistics*"],
        run: |management, names| management.statistics.list(names),
    },
    CoreCommand {
        group: "statistics",
        short: "reset",
        name: "reset_statistics",
        doc: "Lets statistics count from zero again.",
        params: &["statistics*"],
        run: |management, names| management.statistics.reset(names),
    },
    CoreCommand {
        group: "statistics",
        short: "reset_all",
        name: "reset_all_statistics",
        doc: "Lets all statistics count from zero again.",
        params: &[],
        run: |management, _| management.statistics.reset(&[Some("all")]),
    },
    CoreCommand {
        group: "tcp",
        short: "list",
        name: "list_tcp_conns",
        doc: "The TCP connections: peer, our socket, who opened it, when it ends.",
        params: &[],
        run: |management, _| Ok(connections(management)),
    },
    core(
        "which",
        "The names of all commands, old ones first; or the sets of parameters that one takes.",
        &["command?"],
        which,
    ),
    core("xlog_level", "Shows or sets the threshold of xlog().", &["level?"], xlog_level),
];

/// A row of the group `core`, whose old and new names are the same.
const fn core(
    name: &'static str,
    doc: &'static str,
    params: &'static [&'static str],
    run: fn(&Management, &[Option<&str>]) -> Answer,
) -> CoreCommand {
    CoreCommand { group: "core", short: name, name, doc, params, run }
}

/// A row of another group.
const fn in_group(
    group: &'static str,
    short: &'static str,
    name: &'static str,
    doc: &'static str,
    params: &'static [&'static str],
    run: fn(&Management, &[Option<&str>]) -> Answer,
) -> CoreCommand {
    CoreCommand { group, short, name, doc, params, run }
}

fn arguments() -> Answer {
    Ok(std::env::args_os().map(|argument| json!(argument.to_string_lossy())).collect())
}

fn connections(management: &Management) -> Value {
    let line = |connection: super::Connection| {
        json!({
            "ID": connection.id,
            "Type": connection.proto,
            "Source": connection.peer.to_string(),
            "Destination": connection.local.to_string(),
            "Opened by": if connection.outgoing { "us" } else { "peer" },
            "Lifetime": management.host.date(connection.until_s),
            "Alias ports": connection.aliases,
        })
    };
    let lines: Vec<Value> = management.host.connections().into_iter().map(line).collect();
    json!({ "Connections": lines })
}

fn which(management: &Management, params: &[Option<&str>]) -> Answer {
    if let Some(Some(name)) = params.first() {
        return match management.find(name) {
            Some(command) => Ok(json!(command.sets())),
            None => refuse(404, format!("no command {name}")),
        };
    }
    let old = management.commands().iter().map(|command| json!(command.name));
    let new = management.commands().iter().map(|command| json!(command.new_name()));
    Ok(old.chain(new).collect())
}

fn help(management: &Management, params: &[Option<&str>]) -> Answer {
    let Some(Some(name)) = params.first() else {
        return Ok(
            json!({ "Help": "help COMMAND says what a command does; which lists them all" }),
        );
    };
    match management.find(name) {
        Some(command) => Ok(json!({
            "Command": command.usage(),
            "Help": command.doc,
            "New name": command.new_name(),
            "Exported by": command.group,
        })),
        None => refuse(404, format!("no command {name}")),
    }
}

/// spec 9.7: without a level the levels in force. All threads share one.
fn log_level(management: &Management, params: &[Option<&str>]) -> Answer {
    let param = |at: usize| params.get(at).copied().flatten();
    let Some(level) = param(0) else {
        let level = management.host.log_level();
        let line = |t: &Thread| json!({ "PID": t.id, "Log level": level, "Type": t.kind });
        return Ok(json!({ "Processes": threads()?.iter().map(line).collect::<Vec<_>>() }));
    };
    let level = level_of(level)?;
    if param(1).is_some() {
        return refuse(400, "all threads share one log level; leave out the pid");
    }
    management.host.set_log_level(level);
    Ok(json!({ "New global log level": level }))
}

fn xlog_level(management: &Management, params: &[Option<&str>]) -> Answer {
    let Some(Some(level)) = params.first() else {
        return Ok(json!({ "xLog Level": management.host.xlog_level() }));
    };
    let level = level_of(level)?;
    management.host.set_xlog_level(level);
    Ok(json!({ "New global xlog level": level }))
}

fn level_of(text: &str) -> Result<i8, CommandError> {
    match text.parse() {
        Ok(level @ -3..=4) => Ok(level),
        _ => refuse(400, format!("`{text}` is no level; -3 to 4 are")),
    }
}
