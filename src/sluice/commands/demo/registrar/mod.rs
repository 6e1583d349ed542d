//! `sluice demo registrar`: users register with passwords at `examples/registrar`, refresh, and are
//! called.
//!
//! First they are called before anyone is there; then they register and go on to do so, one after
//! another; somebody tries wrong passwords; and calls find them until the time is over. The
//! contacts must then stand in the table.

mod home;
mod verdict;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use signal_hook::consts::{SIGINT, SIGTERM};
use sluice_control::mi::Params;
use sluice_traffic::TrafficError;
use sluice_traffic::agents::{self, Report, Snapshot};
use sluice_traffic::report::UacReport;
use sluice_traffic::uac::{Mode, Uac, UacConfig};
use sluice_traffic::uas::{Uas, UasConfig};

use super::board::millis;
use super::{LOOK_MS, NO_DESTINATIONS, Options, launch, local};
use crate::serve::script::Origin;
use crate::serve::{Gateway, log};
use home::Home;
use verdict::Verdict;

/// The domain of all users: the alias in the example's script.
const DOMAIN: &str = "example.com";

/// The password of all users.
const PASSWORD: &str = "secret";

/// Users there are at most.
const USERS: u64 = 1_000;

/// Seconds in which each user has registered once more.
const TURN_S: u64 = 2;

/// What all of this is about.
struct Play<'a> {
    options: &'a Options,
    users: u64,
    stop: Arc<AtomicBool>,
    /// Registrations that went through so far.
    registered: AtomicU64,
}

/// What became of each part.
struct Parts {
    unregistered: UacReport,
    refused: UacReport,
    registrations: UacReport,
    calls: Report,
}

/// Runs the demo. The exit code is 0 only if each part went as it must.
///
/// # Errors
/// Ports that are taken, above all.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let users = u64::from(options.rate).min(USERS);
    let play = Play { options, users, stop, registered: AtomicU64::new(0) };
    let _guard = log::start(1);
    let home = Home::new(options.port, users).context("the demo's folder")?;
    let mut gateway = start(options, &home)?;
    let parts = play.all(&gateway, &home)?;
    let held = contacts(&gateway)?;
    let mut verdict = Verdict::of(&parts, &mut gateway, users);
    gateway.stop();
    verdict.judge(held, home.contacts().context("the table of contacts")?);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        verdict.print();
    }
    Ok(if verdict.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The example's gateway in its folder.
fn start(options: &Options, home: &Home) -> Result<Gateway> {
    let origin = Origin::file(home.script().display().to_string());
    let registry = crate::registry();
    let compiled = origin.compile(&registry)?;
    launch(compiled, registry, &[], origin.inputs(), options)
}

/// Contacts that the gateway holds.
fn contacts(gateway: &Gateway) -> Result<u64> {
    const NAME: &str = "usrloc:location-contacts";
    let answer = gateway.management().run("get_statistics", &Params::words(&[NAME]))?;
    answer.get(NAME).and_then(serde_json::Value::as_u64).with_context(|| format!("no {NAME}"))
}

impl Play<'_> {
    /// One part after another; registrations go on to the end.
    fn all(&self, gateway: &Gateway, home: &Home) -> Result<Parts> {
        let phones = Uas::bind(UasConfig {
            listen: vec![self.phones()],
            ringing: true,
            ..UasConfig::default()
        })
        .context(NO_DESTINATIONS)?;
        self.begin(gateway, home);
        let unregistered = self.short(self.caller(Mode::Call, 1))?;
        self.say(&format!("{} calls to users who are not there", self.users));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (ready, all_are_there) = mpsc::channel();
            let registrations = scope.spawn(|| self.register(&over, ready));
            // However it went: what is missing is told at the end.
            let _ = all_are_there.recv_timeout(Duration::from_secs(2 * TURN_S));
            self.say(&format!("{} users have registered", self.registered().min(self.users)));
            let others =
                self.refuse().and_then(|refused| Ok((refused, self.call(phones, gateway)?)));
            over.store(true, Ordering::Relaxed);
            let registrations = registrations.join().map_err(|_| anyhow!("a thread ended"))??;
            let (refused, calls) = others?;
            Ok(Parts { unregistered, refused, registrations, calls })
        })
    }

    /// All users register by turns until it is over; `ready` is told when each of them has.
    fn register(
        &self,
        over: &AtomicBool,
        ready: mpsc::Sender<()>,
    ) -> Result<UacReport, TrafficError> {
        let config = UacConfig {
            rate: self.users.div_ceil(TURN_S) as u32,
            calls: None,
            password: Some(PASSWORD.to_owned()),
            contact: Some(self.phones()),
            ..self.caller(Mode::Register, 2)
        };
        Uac::bind(config)?.run(over, |snapshot| {
            self.registered.store(snapshot.counts.completed, Ordering::Relaxed);
            if snapshot.counts.completed >= self.users {
                // Nobody listens after the first time.
                let _ = ready.send(());
            }
        })
    }

    /// Each user is tried with another password.
    fn refuse(&self) -> Result<UacReport> {
        let password = Some("Secret".to_owned());
        let refused = self.short(UacConfig { password, ..self.caller(Mode::Register, 3) })?;
        self.say(&format!("{} registrations with a wrong password", self.users));
        Ok(refused)
    }

    /// Users are called by turns for the time asked for.
    fn call(&self, phones: Uas, gateway: &Gateway) -> Result<Report> {
        let mut config = self.caller(Mode::Call, 4);
        config.calls = Some(config.calls_in(self.options.seconds));
        let (mut second, mut answered, mut registered) = (0, 0, self.registered());
        self.say("calls begin\n\n  time  calls/s      p50      p99 | registrations/s  contacts");
        let look = |snapshot: Snapshot| {
            let caller = snapshot.caller;
            let (now, so_far) = (caller.elapsed_us / 1_000_000, caller.counts.answered_all());
            if now <= second {
                return;
            }
            let per_second = |count: u64| count / (now - second);
            let calls = per_second(so_far - answered);
            let refreshes = per_second(self.registered() - registered);
            let [p50, p99] = [caller.latency.p50_us, caller.latency.p99_us].map(millis);
            let held = contacts(gateway).unwrap_or_default();
            self.say(&format!(
                "{now:>5} s {calls:>8} {p50:>8} {p99:>8} | {refreshes:>15} {held:>9}"
            ));
            (second, answered, registered) = (now, so_far, self.registered());
        };
        Ok(agents::run(Uac::bind(config)?, phones, &self.stop, look)?)
    }

    /// One turn of all users.
    fn short(&self, config: UacConfig) -> Result<UacReport> {
        Ok(Uac::bind(config)?.run(&self.stop, |_| {})?)
    }

    fn caller(&self, mode: Mode, seed: u64) -> UacConfig {
        UacConfig {
            target: local(self.options.port),
            mode,
            rate: self.options.rate,
            calls: Some(self.users),
            size: None,
            domain: Some(DOMAIN.to_owned()),
            users: self.users,
            seed,
            observe_ms: LOOK_MS,
            ..UacConfig::default()
        }
    }

    /// Where all users are.
    fn phones(&self) -> SocketAddr {
        local(self.options.port + 11)
    }

    fn registered(&self) -> u64 {
        self.registered.load(Ordering::Relaxed)
    }

    fn begin(&self, gateway: &Gateway, home: &Home) {
        let workers = gateway.workers();
        let plural = if workers == 1 { "" } else { "s" };
        self.say(&format!("{workers} worker{plural} {}", gateway.listening()));
        self.say("examples/registrar/opensips.cfg, users in a text database");
        self.say(&format!("who is there: sluice mi --fifo {} ul_dump\n", home.fifo().display()));
    }

    fn say(&self, text: &str) {
        if !self.options.json {
            println!("{text}");
        }
    }
}
