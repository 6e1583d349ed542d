//! The shell around a worker (rooms 1 and 8): poll, receive, turn, send. The only place where a
//! worker's thread makes system calls or reads a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use sluice_base::histogram::Recorder;
use sluice_base::wake::Wake;
use sluice_base::{Now, WorkerId};
use sluice_control::{Jobs, Waker};
use sluice_engine::limits;
use sluice_engine::output::Output;
use sluice_engine::worker::{self, Batch, Worker};
use sluice_net::driver::Driver;
use sluice_net::pin::pin_to;
use sluice_net::stream::{Frames, Streams};
use sluice_net::{Clock, clock};

/// The longest sleep: a stop is noticed at the latest then, even if its wake-up were lost.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The shortest sleep while messages come. Arming a timer of the system for less costs more than
/// handling a message, and each message's turn looks after what is due anyhow; so what is due when
/// none comes any more is late by this, once.
const COARSE_SLEEP: Duration = Duration::from_millis(5);

/// How long startup_route{} may keep the gateway from receiving: senders give a request up after
/// 32 seconds (RFC 3261 17.1.1.2).
const STARTUP_MS: u64 = 32_000;

/// How often is looked whether what startup_route{} waits for has come.
const STARTUP_STEP: Duration = Duration::from_millis(2);

/// Everything that one worker's thread owns.
pub(super) struct Shell {
    pub id: WorkerId,
    pub cpu: Option<usize>,
    pub worker: Worker,
    pub wake: Arc<Wake>,
    pub driver: Driver,
    pub jobs: Jobs,
    pub wakers: Vec<Waker>,
    pub clock: Clock,
    pub turns: Recorder,
    pub stop: Arc<AtomicBool>,
    /// Raised when the script has ended the program.
    pub aborted: Arc<AtomicBool>,
}

impl Shell {
    /// Runs startup_route{} to its end, before any worker receives. What arrives meanwhile waits
    /// in the sockets.
    pub fn start_up(&mut self) {
        let mut output = Output::with_capacity(0, 0);
        let begin = self.clock.now();
        while self.worker.is_starting() {
            let now = self.clock.now();
            if now.mono_ms() - begin.mono_ms() > STARTUP_MS {
                tracing::warn!(target: "core", "startup_route is not over after {STARTUP_MS} ms");
                return;
            }
            let sleeping = self.worker.turn(now, Batch::EMPTY, &mut output);
            let answered = self.flush(now, sleeping, &mut output);
            if self.worker.is_starting() && !answered {
                std::thread::sleep(STARTUP_STEP);
            }
        }
    }

    /// Runs until told to stop.
    pub fn run(mut self) {
        self.worker.measure_by(clock::own_moment);
        if let Some(cpu) = self.cpu
            && let Err(error) = pin_to(cpu)
        {
            tracing::warn!(target: "core", "worker {}: {error}", self.id.0);
        }
        let mut output = Output::with_capacity(limits::OUTPUT_BYTES, limits::BATCH);
        let (mut answered, mut turned) = (false, false);
        while !self.stop.load(Ordering::Acquire) {
            let shortest = if turned { COARSE_SLEEP } else { Duration::ZERO };
            self.sleep(answered, shortest);
            (answered, turned) = (false, false);
            while let Some((region, datagrams)) = self.driver.receive() {
                let begin = self.clock.now();
                let batch = Batch { region, datagrams };
                let sleeping = self.worker.turn(begin, batch, &mut output);
                answered |= self.flush(begin, sleeping, &mut output);
                turned = true;
            }
            turned |= self.take_frames(&mut output, &mut answered);
            turned |= self.take_lost(&mut output, &mut answered);
            if !turned {
                let begin = self.clock.now();
                let sleeping = self.worker.turn(begin, Batch::EMPTY, &mut output);
                answered |= self.flush(begin, sleeping, &mut output);
            }
            self.turns.publish();
        }
    }

    /// Takes what connections have brought; whether there was any.
    fn take_frames(&mut self, output: &mut Output, answered: &mut bool) -> bool {
        let mut turned = false;
        while let Some(frames) = self.driver.receive_frames() {
            let begin = self.clock.now();
            let Frames { region, messages, large } = frames;
            let frames = worker::Frames { region, messages, large };
            let sleeping = self.worker.turn_frames(begin, frames, output);
            let streams = self.driver.streams();
            streams.into_iter().for_each(|streams| streams.hold(&output.held));
            *answered |= self.flush(begin, sleeping, output);
            turned = true;
        }
        if let Some(counts) = self.driver.streams().and_then(Streams::take_counts) {
            self.worker.count_streams(&counts);
        }
        turned
    }

    /// Gives back to the worker what could not be sent or has not arrived; whether there was any.
    fn take_lost(&mut self, output: &mut Output, answered: &mut bool) -> bool {
        for taken in 0..limits::BATCH {
            let Some(lost) = self.driver.take_lost() else { return taken > 0 };
            let begin = self.clock.now();
            let sleeping = self.worker.turn_lost(begin, &lost.bytes, lost.to, output);
            *answered |= self.flush(begin, sleeping, output);
        }
        true
    }

    /// Waits for datagrams, mail or the next timer - not at all when something is there already.
    fn sleep(&mut self, answered: bool, shortest: Duration) {
        let is_due = answered || self.worker.has_more();
        let timeout = if is_due { Duration::ZERO } else { self.until_due().max(shortest) };
        let timeout = if self.wake.try_sleep() { timeout } else { Duration::ZERO };
        if let Err(error) = self.driver.poll(Some(timeout)) {
            tracing::error!(target: "core", "worker {}: poll: {error}", self.id.0);
        }
        self.wake.take();
    }

    fn until_due(&self) -> Duration {
        match self.worker.next_due_ms() {
            Some(due_ms) => {
                let millis = due_ms.saturating_sub(self.clock.now().mono_ms());
                Duration::from_millis(millis).min(LONGEST_SLEEP)
            }
            None => LONGEST_SLEEP,
        }
    }

    /// Sends what the turn left; whether an answer is in the mailbox already.
    fn flush(&mut self, begin: Now, sleeping: u64, output: &mut Output) -> bool {
        let mut left = sleeping;
        while left != 0 {
            if let Some(wake) = self.wakers.get(left.trailing_zeros() as usize) {
                wake();
            }
            left &= left - 1;
        }
        if !output.sends.is_empty() {
            if let Some(streams) = self.driver.streams() {
                streams.restrict(&output.unopened);
            }
            let sends = output.sends.drain(..).map(|send| (send.target, send.range));
            self.driver.send(&output.bytes, sends);
        }
        if let Some(streams) = self.driver.streams() {
            output.aliases.drain(..).for_each(|(peer, port)| streams.alias(peer, port));
        }
        if self.worker.has_aborted() && !self.aborted.swap(true, Ordering::AcqRel) {
            tracing::error!(target: "core", "abort_on_assert: ending");
            // The main thread ends all workers when it gets a signal.
            if let Err(error) = signal_hook::low_level::raise(SIGTERM) {
                tracing::error!(target: "core", "no signal: {error}");
            }
        }
        let mut answered = false;
        for request in output.jobs.drain(..) {
            answered |= self.jobs.send(request);
        }
        output.clear();
        self.turns.record(self.clock.now().mono_us - begin.mono_us);
        answered
    }
}
