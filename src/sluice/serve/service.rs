//! Joins the parameters of the management modules to the services of the control plane.

use std::any::Any;
use std::sync::Arc;

use nix::unistd::{Group, User};
use sluice_control::Service;
use sluice_control::mi::datagram::{self, DatagramService, Place};
use sluice_control::mi::fifo::{self, Fifo};
use sluice_control::mi::{FifoService, Management};
use sluice_engine::module::{Module, SetupError};
use sluice_engine::program::Program;
use sluice_modules::mi_datagram::api::Socket;
use sluice_modules::mi_fifo::api::Owner;
use sluice_modules::{mi_datagram, mi_fifo};
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
