//! `sluice -f FILE`: checks or runs a script in the foreground until it is told to end.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Group, Pid, Uid, User};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use sluice_control::Dns;
use sluice_engine::registry::Registry;
use sluice_engine::sockets::Sockets;
use sluice_script::ir::Setting;
use sluice_script::{Compiled, Diagnostic, Script};

use super::dns::options as options_of;
use super::listen::sockets;
use super::script::Origin;
use super::{Gateway, Refused, Tuning, log, modules, report};
use crate::cli;

/// Runs or checks as the options say.
///
/// # Errors
/// Everything that keeps the gateway from starting, with its place.
pub fn run(options: &cli::Gateway) -> Result<ExitCode> {
    note_options(options);
    let registry = crate::registry();
    let origin = Origin::new(&options.script, options.preprocessor.clone(), options.strict);
    let check = options.check || options.check_routes;
    if options.json && !check {
        bail!("--json goes with -c or -C");
    }
    let mut compiled = match origin.compile(&registry) {
        Err(error) if options.json => {
            println!("{:#}", report::unreadable(&options.script, &error));
            return Ok(ExitCode::from(255));
        }
        compiled => compiled?,
    };
    let dns = Arc::new(Dns::new(compiled.script.as_ref().map(options_of).unwrap_or_default()));
    let sockets = sockets_of(&mut compiled, options, &dns)?;
    if let (true, Some(sockets)) = (options.check_routes, &sockets) {
        let lent = origin.clone().inputs().lent();
        modules::check(&mut compiled, &registry, sockets.clone(), &dns, lent);
    }
    if options.json {
        println!("{:#}", report::json(&compiled));
    } else {
        report::print(&compiled);
    }
    let Some(sockets) = sockets.filter(|_| compiled.errors == 0) else {
        return Ok(ExitCode::from(255));
    };
    if !check {
        return serve(options, compiled, registry, sockets, dns, origin);
    }
    if !options.json {
        print_check(&sockets);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a script until a signal ends it.
fn serve(
    options: &cli::Gateway,
    mut compiled: Compiled,
    registry: Arc<Registry>,
    sockets: Sockets,
    dns: Arc<Dns>,
    origin: Origin,
) -> Result<ExitCode> {
    let Some(mut script) = compiled.script.take() else { return Ok(ExitCode::from(255)) };
    if options.check_via {
        let at = Default::default();
        script.globals.push(sluice_script::ir::Global {
            name: "check_via",
            value: Setting::Int(1),
            at,
        });
    }
    let _guard = log::start(log_level(&script, options.debug));
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("signals")?;
    let uid = options.user.as_deref().map(user).transpose()?;
    let gid = options.group.as_deref().map(group).transpose()?;
    let tuning = Tuning {
        workers: options.workers.or_else(|| workers(&script)),
        receive_buffer: options.buffer,
        becomes: (uid.map(Uid::as_raw), gid.map(Gid::as_raw)),
    };
    let gateway = Gateway::start(script, registry, sockets, dns, origin.inputs(), tuning);
    let gateway = match gateway.map_err(anyhow::Error::downcast::<Refused>) {
        Ok(gateway) => gateway,
        Err(Err(error)) => return Err(error),
        Err(Ok(refused)) => {
            // What was found before has been told.
            compiled.diagnostics.clear();
            refused.report(&mut compiled);
            report::print(&compiled);
            return Ok(ExitCode::from(255));
        }
    };
    if let Err(error) = confine(options, uid, gid) {
        gateway.stop();
        return Err(error);
    }
    let workers = gateway.workers();
    let plural = if workers == 1 { "" } else { "s" };
    tracing::info!(target: "core", "{workers} worker{plural}, {}", gateway.listening());
    if let Some(signal) = signals.forever().next() {
        tracing::info!(target: "core", "signal {signal}, ending");
    }
    let aborted = gateway.has_aborted();
    gateway.stop();
    for (file, _) in id_files(options) {
        // After -u it may not be ours to remove.
        let _ = std::fs::remove_file(file);
    }
    Ok(if aborted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The sockets of a script without errors. One that the script names wrongly is an error there;
/// one of the command line ends the program.
fn sockets_of(
    compiled: &mut Compiled,
    options: &cli::Gateway,
    dns: &Dns,
) -> Result<Option<Sockets>> {
    let resolve = |name: &str| dns.addresses_now(name);
    let Some(script) = &compiled.script else { return Ok(None) };
    match sockets(script, &options.listen, &resolve) {
        Ok(sockets) => Ok(Some(sockets)),
        Err(refused) => {
            let at = refused.at.ok_or_else(|| refused.clone())?;
            compiled.report(Diagnostic::error("unknown-host", at, refused.to_string()));
            Ok(None)
        }
    }
}

fn note_options(options: &cli::Gateway) {
    if options.shared_memory.is_some() || options.private_memory.is_some() {
        eprintln!("sluice: note: -m and -M have no effect, there are no memory pools");
    }
    if options.dns || options.rev_dns {
        eprintln!("sluice: note: -r and -R have no effect, Via hosts are compared as text");
    }
}

/// spec 1.2: sockets and aliases on standard output, then the line that people grep for.
fn print_check(sockets: &Sockets) {
    println!("Listening on");
    for listen in &sockets.listen {
        println!("             {}", listen.text);
    }
    println!("Aliases:");
    for alias in &sockets.aliases {
        let port = if alias.port == 0 { "*".to_owned() } else { alias.port.to_string() };
        println!("             {}:{port}", alias.host);
    }
    println!("config file ok, exiting...");
}

fn log_level(script: &Script, more: u8) -> i8 {
    let written =
        script.globals.iter().rev().find_map(|global| match (global.name, &global.value) {
            ("log_level", Setting::Int(n)) => Some(*n),
            ("debug_mode", Setting::Int(1)) => Some(4),
            _ => None,
        });
    written.unwrap_or(2).saturating_add(i64::from(more)).clamp(-3, 4) as i8
}

fn workers(script: &Script) -> Option<u8> {
    script.globals.iter().rev().find_map(|global| match (global.name, &global.value) {
        ("udp_workers", Setting::Int(n)) => Some((*n).clamp(1, i64::from(u8::MAX)) as u8),
        _ => None,
    })
}

/// Confines the process once sockets are open: chroot, then group, then user. The files with its
/// ids are written in between, while it still may write them.
fn confine(options: &cli::Gateway, uid: Option<Uid>, gid: Option<Gid>) -> Result<()> {
    if let Some(dir) = &options.chroot {
        nix::unistd::chroot(dir).with_context(|| format!("-t {}", dir.display()))?;
        std::env::set_current_dir("/").context("-t")?;
    }
    if let Some(dir) = &options.work_dir {
        std::env::set_current_dir(dir).with_context(|| format!("-w {}", dir.display()))?;
    }
    for (file, id) in id_files(options) {
        std::fs::write(file, format!("{id}\n")).with_context(|| file.display().to_string())?;
    }
    if let Some(gid) = gid {
        nix::unistd::setgroups(&[gid]).context("-g")?;
        nix::unistd::setgid(gid).context("-g")?;
    }
    if let Some(uid) = uid {
        nix::unistd::setuid(uid).context("-u")?;
    }
    Ok(())
}

fn group(name: &str) -> Result<Gid> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    match Group::from_name(name).context("-g")? {
        Some(group) => Ok(group.gid),
        None => bail!("-g {name}: no such group"),
    }
}

fn user(name: &str) -> Result<Uid> {
    if let Ok(number) = name.parse() {
        return Ok(Uid::from_raw(number));
    }
    match User::from_name(name).context("-u")? {
        Some(user) => Ok(user.uid),
        None => bail!("-u {name}: no such user"),
    }
}

/// The files of -P and -G, and what stands in them.
fn id_files(options: &cli::Gateway) -> impl Iterator<Item = (&Path, Pid)> {
    let files =
        [(&options.pid_file, nix::unistd::getpid()), (&options.group_file, nix::unistd::getpgrp())];
    files.into_iter().filter_map(|(file, id)| Some((file.as_deref()?, id)))
}
