//! The limits of this crate, each with its reason.

/// Longest message in bytes: offsets are 16 bits wide ([`sluice_base::Span`]).
pub const MESSAGE: usize = 65_535;

/// Most header fields of a message. 70 hops leave at most 140 Via and Record-Route fields; the rest
/// of a message has some dozens. The index reserves this much once (4 KB).
pub const FIELDS: usize = 256;

/// Most patches of a message: inserting is linear, so that a looping script costs bounded time.
pub const PATCHES: usize = 1_024;

/// Most bytes of patch text of a message: more could not be sent anyway.
pub const PATCH_TEXT: usize = 65_535;

/// Streams of a session description that are looked at; real ones have fewer than twenty.
pub const STREAMS: usize = 256;

/// Parts of a body that are looked at: each edit of a part is a patch, of which there is a limit.
pub const PARTS: usize = 64;
