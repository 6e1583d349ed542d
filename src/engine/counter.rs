//! The engine's counters. Every refusal and every drop has one; modules' statistics follow them
//! in the same cells.

use sluice_sip::Reason;

/// What a worker counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Counter {
    /// Datagrams taken from sockets.
    Received,
    /// Messages handled by this worker as their owner.
    Handled,
    /// Of these, requests.
    Requests,
    /// Of these, replies.
    Replies,
    /// Datagrams left for the driver to send.
    Sent,
    /// Messages copied to the worker that owns their call.
    Hopped,
    /// Messages that found the hop ring full.
    HopFull,
    /// Requests for which the script did nothing: no reply, nothing forwarded.
    Unanswered,
    /// Replies dropped: stateless forwarding is off or they are not ours.
    ReplyDropped,
    /// Runs that were parked.
    Parked,
    /// Runs dropped because too many are parked or no answer place was left.
    ParkRefused,
    /// Answers whose run is gone.
    StaleAnswers,
    /// Runs of events that could not begin because too many waited to.
    StartRefused,
    /// Moments at which a timer_route did not run because its run before was not over.
    TimersSkipped,
    /// Messages dropped because handling them panicked: a defect of ours.
    Panics,
}

impl Counter {
    /// All, by number.
    pub const ALL: [Self; 15] = [
        Self::Received,
        Self::Handled,
        Self::Requests,
        Self::Replies,
        Self::Sent,
        Self::Hopped,
        Self::HopFull,
        Self::Unanswered,
        Self::ReplyDropped,
        Self::Parked,
        Self::ParkRefused,
        Self::StaleAnswers,
        Self::StartRefused,
        Self::TimersSkipped,
        Self::Panics,
    ];

    /// Where it lies among a worker's cells.
    #[inline]
    pub const fn cell(self) -> usize {
        self as usize
    }

    /// Its name as a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Handled => "handled",
            Self::Requests => "requests",
            Self::Replies => "replies",
            Self::Sent => "sent",
            Self::Hopped => "hopped",
            Self::HopFull => "hop_full",
            Self::Unanswered => "unanswered",
            Self::ReplyDropped => "reply_dropped",
            Self::Parked => "parked",
            Self::ParkRefused => "park_refused",
            Self::StaleAnswers => "stale_answers",
            Self::StartRefused => "start_refused",
            Self::TimersSkipped => "timers_skipped",
            Self::Panics => "panics",
        }
    }
}

/// The cell of a refusal.
#[inline]
pub const fn refusal(reason: Reason) -> usize {
    Counter::ALL.len() + reason as usize
}

/// Where the modules' statistics begin.
pub const MODULES: usize = Counter::ALL.len() + Reason::COUNT;

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn the_list_holds_every_counter_at_its_number() {
        for (at, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(counter.cell(), at, "{}", counter.name());
        }
    }
}
