//! The globals of a script, digested: what the engine and the core look at while running.

use std::sync::atomic::{AtomicI8, Ordering};

use sluice_script::Script;
use sluice_script::ir::{Global, Setting};

use crate::module::StatisticsBase;
use crate::registry::Registry;
use crate::tm::times::Times;

/// Globals that something reads at run time, with OpenSIPS' defaults (spec 1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `Server: ...` line of local replies, without line end; `None` with server_signature=no.
    pub server_header: Option<String>,
    /// `User-Agent: ...` line of requests of our own, likewise.
    pub user_agent_header: Option<String>,
    /// Replies that match nothing are dropped (auto: the script has no `forward()`).
    pub disable_stateless_fwd: bool,
    /// A forwarded 503 stays 503.
    pub disable_503_translation: bool,
    /// Replies whose top Via is not ours are dropped.
    pub check_via: bool,
    /// A failed assert() ends the program.
    pub abort_on_assert: bool,
    /// Rounds of one `while`.
    pub max_while_loops: u32,
    /// Threshold of the program's log, -3 to 4.
    pub log_level: i8,
    /// Threshold of `xlog`, -3 to 4.
    pub xlog_level: i8,
    /// Level of an `xlog` that names none.
    pub xlog_print_level: i8,
    /// Longest text of one `xlog`, bytes.
    pub xlog_buf_size: usize,
    /// Add `Warning: 392` to local replies.
    pub sip_warning: bool,
    /// Local replies go to the Via address rather than the source.
    pub reply_to_via: bool,
    /// Key of the To-tags of stateless replies; a new one for each process.
    pub tag_key: u64,
    /// A branch that failed goes on to the next address of its name.
    pub dns_failover: bool,
    /// How long an address that failed is avoided, milliseconds; 0 is never.
    pub failed_address_ms: u64,
    /// The kernel says which socket reaches a destination.
    pub mhomed: bool,
    /// Of what no connection is opened for.
    pub unopened: Unopened,
    /// The database of modules that name none.
    pub db_default_url: Option<String>,
    /// The table of versions (spec 5.5).
    pub db_version_table: String,
    /// How long what takes in transactions; module tm sets it.
    pub times: Times,
    /// A 6xx is but one of several refusals; module tm sets it.
    pub disable_6xx_block: bool,
    /// Reply routes have the AVPs of the transaction; module tm sets it.
    pub onreply_avp_mode: bool,
    /// An INVITE is answered by 100 when its transaction begins; module tm sets it.
    pub auto_100: bool,
    /// Where the statistics of transactions begin; module tm sets it.
    pub tm_statistics: Option<StatisticsBase>,
    /// Our Vias are marked, so that loops are found; module tm sets it.
    pub detect_loops: bool,
    /// A Proxy-Require is refused; module tm sets it.
    pub check_require: bool,
}

/// Flags of messages that no connection is opened for (`tcp_no_new_conn_bflag` and `_rplflag`), a
/// bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unopened {
    /// Branch flags, of requests.
    pub branch: u32,
    /// Message flags, of replies.
    pub reply: u32,
}

impl Unopened {
    /// The globals of a script; the flags get their numbers here.
    pub fn of(script: &mut Script) -> Self {
        let mut found = Self::default();
        for at in 0..script.globals.len() {
            let Some(Global { name, value, .. }) = script.globals.get(at).cloned() else { break };
            let place = match name {
                "tcp_no_new_conn_bflag" => &mut found.branch,
                "tcp_no_new_conn_rplflag" => &mut found.reply,
                _ => continue,
            };
            let text = match value {
                Setting::Int(number) => number.to_string(),
                Setting::Text(text) | Setting::Word(text) => text,
            };
            *place = 1_u32.checked_shl(script.flags.intern(&text)).unwrap_or(0);
        }
        found
    }
}

/// Thresholds that management may change while the program runs; all editions share them.
#[derive(Debug)]
pub struct Levels {
    log: AtomicI8,
    xlog: AtomicI8,
}

impl Levels {
    /// Those that the script begins with.
    pub fn of(settings: &Settings) -> Self {
        Self { log: AtomicI8::new(settings.log_level), xlog: AtomicI8::new(settings.xlog_level) }
    }

    /// Threshold of the program's lines, -3 to 4.
    pub fn log(&self) -> i8 {
        self.log.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub fn set_log(&self, level: i8) {
        self.log.store(level, Ordering::Relaxed);
    }

    /// Threshold of `xlog()`, -3 to 4.
    pub fn xlog(&self) -> i8 {
        self.xlog.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub fn set_xlog(&self, level: i8) {
        self.xlog.store(level, Ordering::Relaxed);
    }
}

impl Settings {
    /// The globals of a script; what it does not set keeps its default.
    pub fn of(script: &Script, registry: &Registry) -> Self {
        let forwards = registry.function_id("forward").is_some_and(|id| script.calls(id));
        let mut settings = Self { disable_stateless_fwd: !forwards, ..Self::default() };
        for global in &script.globals {
            settings.set(global.name, &global.value);
        }
        settings
    }

    /// The same for an edition whose routes are others; its globals are not.
    pub(crate) fn of_edition(&self, script: &Script, registry: &Registry) -> Self {
        let disable_stateless_fwd = Self::of(script, registry).disable_stateless_fwd;
        Self { disable_stateless_fwd, ..self.clone() }
    }

    fn set(&mut self, name: &str, value: &Setting) {
        match (name, value) {
            ("server_signature", Setting::Int(0)) => {
                (self.server_header, self.user_agent_header) = (None, None);
            }
            ("server_header", Setting::Text(line)) if self.server_header.is_some() => {
                self.server_header = Some(line.clone());
            }
            ("user_agent_header", Setting::Text(line)) if self.user_agent_header.is_some() => {
                self.user_agent_header = Some(line.clone());
            }
            ("disable_stateless_fwd", Setting::Int(n)) => self.disable_stateless_fwd = *n != 0,
            ("disable_503_translation", Setting::Int(n)) => self.disable_503_translation = *n != 0,
            ("check_via", Setting::Int(n)) => self.check_via = *n != 0,
            ("abort_on_assert", Setting::Int(n)) => self.abort_on_assert = *n != 0,
            ("max_while_loops", Setting::Int(n)) => {
                self.max_while_loops = u32::try_from(*n).unwrap_or(self.max_while_loops);
            }
            ("log_level", Setting::Int(n)) => self.log_level = (*n).clamp(-3, 4) as i8,
            ("xlog_level", Setting::Int(n)) => self.xlog_level = (*n).clamp(-3, 4) as i8,
            ("xlog_print_level", Setting::Int(n)) => {
                self.xlog_print_level = (*n).clamp(-3, 4) as i8;
            }
            ("xlog_buf_size", Setting::Int(n)) => {
                self.xlog_buf_size = usize::try_from(*n).unwrap_or(self.xlog_buf_size);
            }
            ("db_default_url", Setting::Text(url)) => self.db_default_url = Some(url.clone()),
            ("db_version_table", Setting::Text(name)) => self.db_version_table.clone_from(name),
            ("sip_warning", Setting::Int(n)) => self.sip_warning = *n != 0,
            ("reply_to_via", Setting::Int(n)) => self.reply_to_via = *n != 0,
            ("mhomed", Setting::Int(n)) => self.mhomed = *n != 0,
            ("disable_dns_failover", Setting::Int(n)) => self.dns_failover = *n == 0,
            ("disable_dns_blacklist", Setting::Int(1)) => self.failed_address_ms = 0,
            ("dns_blacklist_time", Setting::Int(s)) if self.failed_address_ms != 0 => {
                self.failed_address_ms = u64::try_from(*s).unwrap_or(0).saturating_mul(1_000);
            }
            _ => {}
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_header: Some(concat!("Server: Sluice (", env!("CARGO_PKG_VERSION"), ")").into()),
            user_agent_header: Some(
                concat!("User-Agent: Sluice (", env!("CARGO_PKG_VERSION"), ")").into(),
            ),
            db_default_url: None,
            db_version_table: "version".to_owned(),
            disable_stateless_fwd: false,
            disable_503_translation: false,
            check_via: false,
            abort_on_assert: false,
            max_while_loops: 10_000,
            log_level: 2,
            xlog_level: 2,
            xlog_print_level: 2,
            xlog_buf_size: 4096,
            sip_warning: false,
            reply_to_via: false,
            tag_key: ahash::RandomState::new().hash_one(0u8),
            dns_failover: true,
            failed_address_ms: 30_000,
            mhomed: false,
            unopened: Unopened::default(),
            times: Times::default(),
            disable_6xx_block: false,
            onreply_avp_mode: false,
            auto_100: true,
            tm_statistics: None,
            detect_loops: false,
            check_require: false,
        }
    }
}
