//! The engine's counters. Every refusal and every drop has one; modules' statistics follow them
//! in the same cells.

use sluice_base::StreamEvent;
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
    /// Requests of transactions that could not be sent or, as ICMP says, did not arrive.
    RequestsLost,
    /// Runs of events and launch() that could not begin because too many waited to.
    StartRefused,
    /// Moments at which a timer_route did not run because its run before was not over.
    TimersSkipped,
    /// Requests sent on without state.
    RequestsForwarded,
    /// Replies sent on without state.
    RepliesForwarded,
    /// Requests that were refused, by whatever reason.
    RequestErrors,
    /// Replies that were refused, by whatever reason.
    ReplyErrors,
    /// Requests that a module dealt with before the script.
    Absorbed,
    /// Of those that found the hop ring full, requests.
    HopFullRequests,
    /// Waits that ended by their time-out: of `async()`, or for a script lock.
    WaitsExpired,
    /// Request-URIs that a script needed and that could not be read.
    BadUris,
    /// Headers that a script needed and that could not be read.
    BadHeaders,
    /// Names of next hops that were known.
    NamesKnown,
    /// Names of next hops that a run waited for.
    NamesAsked,
    /// Branches that went on to the next address of their name.
    NextTargets,
    /// Messages for a transport that there is no socket of.
    NoSocketOfTransport,
    /// Messages for an address family that there is no socket of.
    NoSocketOfFamily,
    /// Messages whose forced socket has another transport or address family.
    SocketUnfit,
    /// Sockets that the script forced by a name that none of ours has.
    SocketUnknown,
    /// Messages dropped because handling them panicked: a defect of ours.
    Panics,
}

impl Counter {
    /// All, by number.
    pub const ALL: [Self; 32] = [
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
        Self::RequestsLost,
        Self::StartRefused,
        Self::TimersSkipped,
        Self::RequestsForwarded,
        Self::RepliesForwarded,
        Self::RequestErrors,
        Self::ReplyErrors,
        Self::Absorbed,
        Self::HopFullRequests,
        Self::WaitsExpired,
        Self::BadUris,
        Self::BadHeaders,
        Self::NamesKnown,
        Self::NamesAsked,
        Self::NextTargets,
        Self::NoSocketOfTransport,
        Self::NoSocketOfFamily,
        Self::SocketUnfit,
        Self::SocketUnknown,
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
            Self::RequestsLost => "requests_lost",
            Self::StartRefused => "start_refused",
            Self::TimersSkipped => "timers_skipped",
            Self::RequestsForwarded => "requests_forwarded",
            Self::RepliesForwarded => "replies_forwarded",
            Self::RequestErrors => "request_errors",
            Self::ReplyErrors => "reply_errors",
            Self::Absorbed => "absorbed",
            Self::HopFullRequests => "hop_full_requests",
            Self::WaitsExpired => "waits_expired",
            Self::BadUris => "bad_uris",
            Self::BadHeaders => "bad_headers",
            Self::NamesKnown => "names_known",
            Self::NamesAsked => "names_asked",
            Self::NextTargets => "next_targets",
            Self::NoSocketOfTransport => "no_socket_of_transport",
            Self::NoSocketOfFamily => "no_socket_of_family",
            Self::SocketUnfit => "socket_unfit",
            Self::SocketUnknown => "socket_unknown",
            Self::Panics => "panics",
        }
    }
}

/// The cell of a refusal.
#[inline]
pub const fn refusal(reason: Reason) -> usize {
    Counter::ALL.len() + reason as usize
}

/// Every refusal and its cell.
pub fn refusals() -> impl Iterator<Item = (Reason, usize)> {
    Reason::ALL.into_iter().map(|reason| (reason, refusal(reason)))
}

/// The cell of what happened to streams.
#[inline]
pub const fn stream(event: StreamEvent) -> usize {
    Counter::ALL.len() + Reason::COUNT + event as usize
}

/// The cells of all that is a header's fault: refusals, and what a script could not read.
pub const HEADER_FAULTS: [usize; 8] = [
    Counter::BadHeaders.cell(),
    refusal(Reason::Header),
    refusal(Reason::Unfinished),
    refusal(Reason::TooManyHeaders),
    refusal(Reason::Mandatory),
    refusal(Reason::ContentLength),
    refusal(Reason::Via),
    refusal(Reason::CSeq),
];

/// Where the modules' statistics begin.
pub const MODULES: usize = Counter::ALL.len() + Reason::COUNT + StreamEvent::ALL.len();

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
