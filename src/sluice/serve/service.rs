//! Joins the parameters of the management modules to the services of the control plane.

use std::any::Any;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use nix::unistd::{Group, User};
use sluice_control::Service;
use sluice_control::http::{CommandsPage, HttpOptions, HttpService, Login, MetricsPage};
use sluice_control::mi::datagram::{self, DatagramService, Place};
use sluice_control::mi::fifo::{self, Fifo};
use sluice_control::mi::metrics::{GroupMode, MetricsOptions};
use sluice_control::mi::{FifoService, Management};
use sluice_engine::module::{Module, SetupError};
use sluice_engine::program::Program;
use sluice_modules::mi_datagram::api::Socket;
use sluice_modules::mi_fifo::api::Owner;
use sluice_modules::{httpd, mi_datagram, mi_fifo, mi_http, prometheus};
use sluice_script::source::Location;

/// Why there can be no such service: the module, the script's line, the reason.
type Refusal = (&'static str, SetupError);

/// The services that the script's modules ask for; their files and sockets are there then.
/// `becomes` are the user and group that the program will be.
///
/// # Errors
/// Of the first that there can be none of, with the script's line.
pub(super) fn services(
    program: &Program,
    management: &Arc<Management>,
    becomes: (Option<u32>, Option<u32>),
) -> Result<Vec<Service>, Refusal> {
    let mut services = Vec::new();
    if let Some(parameters) = parameters::<mi_fifo::api::Parameters>(program, &mi_fifo::MODULE) {
        let refuse = |text| refusal(&mi_fifo::MODULE, parameters.at, text);
        let options = fifo_options(parameters, becomes).map_err(refuse)?;
        let made = Fifo::create(options).map_err(|error| refuse(error.to_string()))?;
        let (fifo, pipe, management) = (made.0, made.1, Arc::clone(management));
        services.push(Service::Fifo(FifoService { fifo, pipe, management }));
    }
    let of_datagram = parameters::<mi_datagram::api::Parameters>(program, &mi_datagram::MODULE);
    if let Some(parameters) = of_datagram {
        let refuse = |text| refusal(&mi_datagram::MODULE, parameters.at, text);
        let options = datagram_options(parameters, becomes).map_err(refuse)?;
        let opened = DatagramService::open(options, Arc::clone(management));
        services.push(Service::Datagram(opened.map_err(|error| refuse(error.to_string()))?));
    }
    if let Some(server) = parameters::<httpd::api::Server>(program, &httpd::MODULE) {
        let refuse = |text| (httpd::MODULE.name, SetupError { at: server.at, text });
        let service = http_service(program, server, management).map_err(refuse)?;
        services.push(Service::Http(Box::new(service)));
    }
    Ok(services)
}

/// The digested parameters of a module, if it is loaded.
fn parameters<'p, P: Any>(program: &'p Program, module: &Module) -> Option<&'p P> {
    program.state(module.name)?.as_any().downcast_ref()
}

fn refusal(module: &Module, at: Location, text: String) -> Refusal {
    (module.name, SetupError { at: Some(at), text })
}

fn fifo_options(
    parameters: &mi_fifo::api::Parameters,
    becomes: (Option<u32>, Option<u32>),
) -> Result<fifo::Options, String> {
    Ok(fifo::Options {
        path: parameters.fifo_name.clone().into(),
        mode: parameters.fifo_mode,
        user: user("fifo_user", parameters.fifo_user.as_ref())?.or(becomes.0),
        group: group("fifo_group", parameters.fifo_group.as_ref())?.or(becomes.1),
        reply_dir: parameters.reply_dir.clone().into(),
        pretty: parameters.pretty_printing,
        indent: parameters.reply_indent.clone(),
    })
}

fn datagram_options(
    parameters: &mi_datagram::api::Parameters,
    becomes: (Option<u32>, Option<u32>),
) -> Result<datagram::Options, String> {
    let place = match &parameters.socket {
        Socket::Udp(address) => Place::Udp(*address),
        Socket::Unix { path, mode, user: owner, group: of } => Place::Unix {
            path: path.into(),
            mode: *mode,
            user: user("unix_socket_user", owner.as_ref())?.or(becomes.0),
            group: group("unix_socket_group", of.as_ref())?.or(becomes.1),
        },
    };
    Ok(datagram::Options {
        place,
        timeout: parameters.timeout,
        pretty: parameters.pretty_printing,
        indent: parameters.reply_indent.clone(),
    })
}

fn http_service(
    program: &Program,
    server: &httpd::api::Server,
    management: &Arc<Management>,
) -> Result<HttpService, String> {
    let commands = parameters::<mi_http::api::Parameters>(program, &mi_http::MODULE);
    let metrics = parameters::<prometheus::api::Parameters>(program, &prometheus::MODULE);
    let metrics = metrics.map(|parameters| {
        for name in management.unknown_statistics(&parameters.statistics) {
            tracing::warn!(target: "prometheus", "there is no statistic {name}");
        }
        MetricsPage { root: parameters.root.clone(), options: metrics_options(parameters) }
    });
    let login = server.login.as_ref().map(|login| Login {
        realm: login.realm.clone(),
        credentials: format!("{}:{}", login.username, login.password),
    });
    let options = HttpOptions {
        // `::` takes IPv4 as well, where the machine has IPv6 at all.
        addresses: match server.ip {
            Some(ip) => vec![(ip, server.port).into()],
            None => vec![
                (Ipv6Addr::UNSPECIFIED, server.port).into(),
                (Ipv4Addr::UNSPECIFIED, server.port).into(),
            ],
        },
        idle: server.conn_timeout,
        request_max: server.request_max,
        reply_max: server.reply_max,
        login,
        commands: commands.map(|parameters| CommandsPage {
            root: parameters.root.clone(),
            pretty: parameters.pretty_printing,
        }),
        metrics,
    };
    let place = server.ip.map_or("*".to_owned(), |ip| ip.to_string());
    HttpService::open(options, Arc::clone(management))
        .map_err(|error| format!("{place} port {}: {error}", server.port))
}

fn metrics_options(parameters: &prometheus::api::Parameters) -> MetricsOptions {
    let rules = parameters.clone();
    MetricsOptions {
        prefix: parameters.prefix.clone(),
        group_prefix: parameters.group_prefix.clone(),
        delimiter: parameters.delimiter.clone(),
        group_label: parameters.group_label.clone(),
        group_mode: match parameters.group_mode {
            0 => GroupMode::None,
            1 => GroupMode::Name,
            _ => GroupMode::Label,
        },
        statistics: parameters.statistics.clone(),
        relabel: Arc::new(move |group, name| rules.relabel(group, name)),
        series: parameters.series,
    }
}

/// The number of a user; a refusal names the parameter.
fn user(param: &str, owner: Option<&Owner>) -> Result<Option<u32>, String> {
    match owner {
        None => Ok(None),
        Some(Owner::Id(id)) => Ok(Some(*id)),
        Some(Owner::Name(name)) => match User::from_name(name) {
            Ok(Some(user)) => Ok(Some(user.uid.as_raw())),
            Ok(None) => Err(format!("{param} {name}: no such user")),
            Err(error) => Err(format!("{param} {name}: {error}")),
        },
    }
}

/// The number of a group, likewise.
fn group(param: &str, owner: Option<&Owner>) -> Result<Option<u32>, String> {
    match owner {
        None => Ok(None),
        Some(Owner::Id(id)) => Ok(Some(*id)),
        Some(Owner::Name(name)) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(Some(group.gid.as_raw())),
            Ok(None) => Err(format!("{param} {name}: no such group")),
            Err(error) => Err(format!("{param} {name}: {error}")),
        },
    }
}
