//! State machines as data: rows of state, event, next state, effects, and the section they obey.

use super::effects::Effects;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Transition<S, E> {
    /// The state it begins in.
    pub from: S,
    /// What happens.
    pub event: E,
    /// The state it ends in.
    pub to: S,
    /// What is to be done.
    pub effects: Effects,
    /// The section of RFC 3261, or of another document, that says so.
    pub why: &'static str,
}

/// A row.
pub const fn at<S: Copy, E: Copy>(
    from: S,
    event: E,
    to: S,
    effects: Effects,
    why: &'static str,
) -> Transition<S, E> {
    Transition { from, event, to, effects, why }
}

/// The row for an event in a state, and its place; `None` when it changes nothing.
#[inline]
pub fn find<S: Copy + PartialEq, E: Copy + PartialEq>(
    rows: &'static [Transition<S, E>],
    state: S,
    event: E,
) -> Option<(usize, &'static Transition<S, E>)> {
    rows.iter().enumerate().find(|(_, row)| row.from == state && row.event == event)
}
