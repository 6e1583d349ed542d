//! One subject, one round: its highest rate, its time a message when saturated, its latency below.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::load::{Load, Shot};
use crate::report::{Latency, Row};
use crate::search;
use crate::subject::{Place, Subject};
use crate::usage;

/// How much above its highest rate a subject is offered first to saturate it, how much more each
/// time until it is, and where that ends: the generator sends no more.
const SATURATION: (f64, f64, f64) = (1.3, 1.5, 600_000.0);
/// The share of messages that a saturated subject loses at least.
const OVERFLOW: f64 = 0.01;
/// The rate at which a subject warms up, and how long.
const WARM_UP: (u32, Duration) = (20_000, Duration::from_millis(500));
/// Where the first search begins: what everything in reach passes.
const FIRST_GUESS: (u32, u32) = (50_000, 100_000);
/// How often a rate may be tried: a virtual machine that is held up once loses for everybody.
const TRIES: u32 = 2;
/// How far around the last round's rate the next search begins.
const GUESS_AROUND: (f64, f64) = (0.9, 1.1);
/// Pause before a shot, in which what is still queued drains.
const PAUSE: Duration = Duration::from_millis(100);

/// How long things are measured.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// One probe of the search.
    pub probe: Duration,
    /// Saturation, and each of the two latencies.
    pub shot: Duration,
}

/// Measures one subject; `last_rate` is its highest rate of an earlier round.
///
/// # Errors
/// When it does not start, or dies on the way.
pub fn measure(
    round: u32,
    subject: Subject,
    place: &Place,
    load: &mut Load,
    times: Times,
    last_rate: Option<u32>,
) -> Result<Row> {
    let running = subject.start(place)?;
    load.fire(WARM_UP.0, WARM_UP.1)?;
    let guess = last_rate.map_or(FIRST_GUESS, |rate| {
        let near = |share: f64| (f64::from(rate) * share) as u32;
        (near(GUESS_AROUND.0), near(GUESS_AROUND.1))
    });
    // The lowest rate at which the generator gave out: above it nothing is known of the subject.
    let mut generator_limit = u32::MAX;
    let rate = search::highest(guess.0, guess.1, |rate| {
        for _ in 0..TRIES {
            let shot = fire(load, rate, times.probe)?;
            if shot.lost() == 0 && !shot.generator_bound {
                return Ok(true);
            }
            if shot.generator_bound {
                generator_limit = generator_limit.min(rate);
            }
        }
        Ok::<_, anyhow::Error>(false)
    })?;
    let (user_us, system_us) = {
        let offered = saturating(load, rate, times.probe)?;
        sleep(PAUSE);
        let before = usage::cpu(running.process())?;
        let shot = load.fire(offered, times.shot)?;
        usage::cpu(running.process())?.since(before).per_message_us(shot.forwarded())
    };
    let mut latency_at = |share: f64| -> Result<Latency> {
        let shot = fire(load, (f64::from(rate) * share) as u32, times.shot)?;
        Ok(Latency { p50_us: shot.latency_us(0.5), p99_us: shot.latency_us(0.99) })
    };
    let (at_30, at_70) = (latency_at(0.3)?, latency_at(0.7)?);
    Ok(Row {
        round,
        subject,
        user_us,
        system_us,
        rate,
        // The search stops where a try fails, a little above what passed.
        generator_bound: f64::from(generator_limit) < f64::from(rate) * GUESS_AROUND.1,
        at_30,
        at_70,
        memory: usage::memory(running.process())?,
    })
}

/// Fires at one rate for long and gives what was shown.
///
/// # Errors
/// When the subject does not start.
pub fn hold(
    subject: Subject,
    place: &Place,
    load: &mut Load,
    rate: u32,
    duration: Duration,
) -> Result<Shot> {
    let _running = subject.start(place)?;
    load.fire(WARM_UP.0, WARM_UP.1)?;
    fire(load, rate, duration)
}

/// A rate at which the subject is saturated. A highest rate that was found while the machine was
/// held up would be too low to tell.
fn saturating(load: &mut Load, rate: u32, probe: Duration) -> Result<u32> {
    let (above, step, most) = SATURATION;
    let mut offered = f64::from(rate) * above;
    while offered < most {
        let shot = fire(load, offered as u32, probe)?;
        if shot.lost() as f64 > shot.sent as f64 * OVERFLOW {
            break;
        }
        offered *= step;
    }
    Ok(offered.min(most) as u32)
}

fn fire(load: &mut Load, rate: u32, duration: Duration) -> Result<Shot> {
    sleep(PAUSE);
    load.fire(rate.max(1), duration)
}
