//! The globals of a script, digested: what the engine and the core look at while running.

/// Globals that something reads at run time, with OpenSIPS' defaults (spec 1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `Server: ...` line of local replies, without line end; `None` with server_signature=no.
    pub server_header: Option<String>,
    /// Replies that match nothing are dropped (auto: the script has no `forward()`).
    pub disable_stateless_fwd: bool,
    /// A forwarded 503 stays 503.
    pub disable_503_translation: bool,
    /// Replies whose top Via is not ours are dropped.
    pub check_via: bool,
    /// Rounds of one `while`.
    pub max_while_loops: u32,
    /// Threshold of `xlog`, -3 to 4.
    pub xlog_level: i8,
    /// Longest text of one `xlog`, bytes.
    pub xlog_buf_size: usize,
    /// Add `Warning: 392` to local replies.
    pub sip_warning: bool,
    /// Local replies go to the Via address rather than the source.
    pub reply_to_via: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_header: Some(concat!("Server: Sluice (", env!("CARGO_PKG_VERSION"), ")").into()),
            disable_stateless_fwd: false,
            disable_503_translation: false,
            check_via: false,
            max_while_loops: 10_000,
            xlog_level: 2,
            xlog_buf_size: 4096,
            sip_warning: false,
            reply_to_via: false,
        }
    }
}
