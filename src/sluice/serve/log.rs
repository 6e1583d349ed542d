//! Log lines in the field's form, `LEVEL:module:text`, written off the workers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, fmt, reload};

/// The threshold in force, by OpenSIPS' numbers. The log is the process' one, and so is this.
static LEVEL: AtomicI8 = AtomicI8::new(2);

/// Changes the threshold; there once logging has been started.
static FILTER: OnceLock<Box<dyn Fn(Targets) + Send + Sync>> = OnceLock::new();

/// Starts logging to standard error, at OpenSIPS' level -3 to 4. Lines are written until the
/// guard is dropped; when they come faster than they can be written, they are dropped rather than
/// waited for.
pub fn start(level: i8) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let (filter_layer, handle) = reload::Layer::new(filter(level));
    let lines = fmt::layer().with_writer(writer).with_ansi(false).event_format(Line);
    let subscriber = Registry::default().with(filter_layer).with(lines);
    // A second start in one process (tests) keeps the first.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        LEVEL.store(level, Ordering::Relaxed);
        let _ = FILTER.set(Box::new(move |filter| {
            if let Err(error) = handle.reload(filter) {
                tracing::error!(target: "core", "the log level stays: {error}");
            }
        }));
    }
    guard
}

/// The threshold in force, -3 to 4.
pub fn level() -> i8 {
    LEVEL.load(Ordering::Relaxed)
}

/// Sets the threshold for all threads.
pub fn set_level(level: i8) {
    LEVEL.store(level, Ordering::Relaxed);
    if let Some(set) = FILTER.get() {
        set(filter(level));
    }
}

/// OpenSIPS' log level, -3 to 4, for all lines but those of `xlog`, which the script has judged by
/// its own threshold.
fn filter(opensips: i8) -> Targets {
    let level = match opensips {
        ..=-1 => LevelFilter::ERROR,
        0 | 1 => LevelFilter::WARN,
        2 | 3 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    Targets::new().with_default(level).with_target("script::xlog", LevelFilter::DEBUG)
}

struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DBG",
        };
        // `script::xlog` is a line of the script.
        let target = metadata.target().split("::").next().unwrap_or_default();
        write!(writer, "{level}:{target}: ")?;
        ctx.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
