//! One subject, one round of calls or registrations: its time a message at one rate for all, and
//! when saturated.

use std::time::Duration;

use anyhow::Result;

use crate::call::load::{Fire, Offer, Shot};
use crate::call::report::{Row, Troubles};
use crate::subject::{Place, Running, Subject};
use crate::usage;

/// Calls or registrations that are going on at any time when a subject is saturated: it always has
/// messages waiting, and its socket has room for all of them.
const WINDOW: u64 = 256;
/// The share of its processor that a saturated subject uses at least; below, the generator was the
/// limit.
const BUSY: f64 = 0.95;

/// How long things are measured, and how much is offered.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Before each shot: longer than a finished transaction is kept, so that as many end as begin
    /// and memory is used again.
    pub settle: Duration,
    /// Each shot.
    pub shot: Duration,
    /// Calls or registrations a second at which all subjects are compared.
    pub rate: u32,
}

/// Measures one subject; `prepare` runs when it has started.
///
/// # Errors
/// When it does not start, or dies on the way.
pub fn measure(
    round: u32,
    subject: Subject,
    place: &Place,
    load: &mut impl Fire,
    times: Times,
    prepare: impl FnOnce() -> Result<()>,
) -> Result<Row> {
    let running = subject.start(place)?;
    prepare()?;
    let (even, even_cpu) = settled(&running, load, Offer::Rate(times.rate), times)?;
    let (full, full_cpu) = settled(&running, load, Offer::Window(WINDOW), times)?;
    let (user_us, system_us) = full_cpu.per_message_us(full.messages);
    let (even_user_us, even_system_us) = even_cpu.per_message_us(even.messages);
    let busy = (full_cpu.user + full_cpu.system).as_secs_f64() / full.lasted.as_secs_f64();
    Ok(Row {
        round,
        subject,
        user_us,
        system_us,
        rate: full.per_second(),
        busy,
        generator_bound: busy < BUSY || full.generator_bound || even.generator_bound,
        even_us: even_user_us + even_system_us,
        setup_p50_us: even.setup_us(0.5),
        setup_p99_us: even.setup_us(0.99),
        troubles: Troubles::of(&even).and(Troubles::of(&full)),
        memory: usage::memory(running.process())?,
    })
}

/// A shot when as many transactions end as begin, and what it cost.
fn settled(
    running: &Running,
    load: &mut impl Fire,
    offer: Offer,
    times: Times,
) -> Result<(Shot, usage::Cpu)> {
    load.fire(offer, times.settle)?;
    let before = usage::cpu(running.process())?;
    let shot = load.fire(offer, times.shot)?;
    Ok((shot, usage::cpu(running.process())?.since(before)))
}
