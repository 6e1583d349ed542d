//! Limits of the module, each with its reason.

/// Dialogs of one worker with a challenge behind their first request: few servers ask so late. Each
/// takes some 32 bytes.
pub(super) const RAISED: usize = 16_384;

/// How long a dialog may be quiet before its number is forgotten: longer than people talk, and than
/// sessions go unrefreshed (RFC 4028).
pub(super) const FORGOTTEN_MS: u64 = 12 * 3_600_000;

/// How long it is kept after a BYE, which may come again, and may itself be asked (64 * T1).
pub(super) const ENDED_MS: u64 = 32_000;

/// Challenges of one reply that are looked at: servers send one for each algorithm, and proxies
/// add theirs. Each may cost a hash of the body.
pub(super) const CHALLENGES: usize = 16;

/// Longest challenge that is answered, bytes: what it says comes back in our credentials, with
/// every request of the call.
pub(super) const CHALLENGE_BYTES: usize = 2_048;
