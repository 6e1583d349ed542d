//! What must hold in every run, by name.

use std::fmt;

/// See the file's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invariant {
    /// Every request that arrived gets a final reply.
    Ends,
    /// One final reply goes up, or one or more 2xx to an INVITE; a 2xx may follow a refusal
    /// (RFC 3261 16.7 item 5).
    OneFinal,
    /// Each 2xx to an INVITE goes up, whichever branch it came from.
    SuccessPasses,
    /// A message is handled by the owner of its Call-ID only.
    Owner,
    /// Slabs, tables, wheels and parked runs are empty after silence.
    Empty,
    /// Memory is what the plan says, while calls are under way and after them.
    Memory,
    /// Each refusal of a branch gets its ACK, hop by hop.
    Acknowledged,
    /// CANCEL goes only where something was heard (RFC 3261 9.1).
    CancelAfterProvisional,
    /// No provisional reply and no new branch after a final reply.
    SilentAfterFinal,
    /// What is sent again is the same, and an INVITE is not once something was heard.
    SentAgain,
    /// The script sees a request once, however often it arrives.
    RunOnce,
    /// A destination that fell silent gets no call but one to try it, each time that it is out.
    Avoided,
    /// In calm weather each call ends as it was planned.
    Outcome,
    /// Nothing panicked, no queue was full, no answer came for nobody.
    Sound,
}

/// One that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// In which call.
    pub call: Option<u32>,
    /// When, in milliseconds of the run.
    pub at: u64,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, call, at, text } = self;
        write!(to, "{invariant:?} at {at} ms: {text}")?;
        call.map_or(Ok(()), |call| write!(to, " (call {call})"))
    }
}
