//! Limits of the engine, each with its reason.

/// Routes entered within each other (spec 1.4: ROUTE_MAX_REC_LEV).
pub const ROUTE_DEPTH: usize = 100;

/// Backward steps (loop rounds, route calls) of one run before it yields to other messages.
/// A usual message takes fewer than ten.
pub const STEPS_PER_TURN: u32 = 20_000;

/// Texts that one run may make, in bytes: a loop that only grows a string ends here.
pub const ARENA_BYTES: usize = 4 << 20;

/// `$var` names that a script makes at run time, in one worker: it may make them of what it
/// receives, and each is looked up one by one.
pub const NAMED_VARS: usize = 256;

/// Bytes of such a name: longer ones are not names.
pub const NAMED_VAR_BYTES: usize = 256;

/// Values on the stack of one run: nesting of calls, arguments and expressions.
pub const STACK_VALUES: usize = 4096;

/// Runs parked in one worker: as many as ask for a name in the two seconds that a look-up may take,
/// at 8,000 a second. Each takes some 12 KiB, so that all of them fit 200 MiB.
pub const PARKED_RUNS: usize = 16_384;

/// Runs that wait in one worker to begin (events, `launch()`): sixteen for each message of a full
/// batch. Each takes some 12 KiB, and a launched one its message besides.
pub const STARTING_RUNS: usize = 1_024;

/// How long a run waits for a script lock: two runs that each hold what the other wants would
/// wait for ever. Callers repeat a request for 32 s (RFC 3261 17.1.1.2), so a while is left.
pub const LOCK_WAIT_MS: u64 = 10_000;

/// Letters that wait for one worker: requests to be made at once, some hundred bytes each.
pub const LETTERS: usize = 1_024;

/// Bytes of messages that parked runs keep in one worker: 4 KiB for each of them. Only unusually
/// large messages reach this before the number does.
pub const PARKED_BYTES: usize = 64 << 20;

/// Datagrams taken from one hop ring or answers from the mailbox in one turn, so that no source
/// starves the others.
pub const BATCH: usize = 64;

/// Timers of transactions handled in one turn, so that messages do not wait for them.
pub const TICKS: usize = 256;

/// Room of the transmit batch that is touched at start: a full batch of usual messages.
pub const OUTPUT_BYTES: usize = 256 << 10;

/// Bytes of one hop ring: eight of the largest datagrams, or some 500 usual ones, so that a worker
/// may be late by several batches.
pub const RING_BYTES: usize = 512 << 10;

/// `{s.eval}` within each other: a text that names itself would have no end.
pub const EVALUATIONS: u8 = 8;

/// Variables read for one `{s.eval}`: what it evaluates may have come from a caller, and each
/// evaluation within could read as many again.
pub const EVALUATED_VARIABLES: u32 = 1_024;

/// Longest text that `{s.eval}` reads, bytes: the same reason; scripts build far shorter ones.
pub const EVALUATED_BYTES: usize = 8_192;

/// Longest text that `{s.eval}` makes, bytes: no message holds more.
pub const EVALUATED_TO_BYTES: usize = 65_535;

/// Blacklists of a script: each is a bit of the marks that a run keeps.
pub const BLACKLISTS: usize = 32;

/// Rules of a blacklist that scripts add to: each request passes all of them.
pub const BLACKLIST_RULES: usize = 1_024;

/// Subscriptions to events: scripts make one for each of their event routes.
pub const SUBSCRIPTIONS: usize = 1_024;

/// Lines that are kept of what a part of the program reports.
pub const REPORT_LINES: usize = 200;

/// Extra destinations of one request: with the Request-URI's the 12 of OpenSIPS (spec 8.8).
pub const BRANCHES: usize = 11;

/// Transactions of one worker: 100,000 calls a second for the 30 seconds that `fr_timeout` is, at
/// most 3 KiB each.
pub const TRANSACTIONS: u32 = 3_000_000;

/// Bytes of the requests that one worker's transactions keep: a million usual ones. Only a flood of
/// large ones reaches this before the number does.
pub const TRANSACTION_BYTES: usize = 1 << 30;

/// Transactions of one Call-ID and CSeq number: as many as a forked request can make, by far.
pub const TRANSACTIONS_OF_CALL: usize = 64;

/// Branches of one transaction over all its rounds: its branch parameter has two digits for them.
pub const BRANCHES_EVER: usize = 255;

/// Bytes of a host name (RFC 1035 2.3.4, without the last dot).
pub const HOST_BYTES: usize = 253;

/// Names that are kept: a carrier's destinations and those of its customers, some 1 KiB each.
pub const NAMES: usize = 16_384;

/// Addresses that are remembered as failed: far more than a gateway has destinations. What does not
/// fit is tried like any other.
pub const FAILED_ADDRESSES: usize = 4_096;

/// How long an address that failed is remembered though nobody tries it again.
pub const FAILED_FORGOTTEN_MS: u64 = 600_000;

/// How long before its end an answer in use is asked for anew, at least, and how long lies between
/// two attempts: longer than one may take.
pub const REFRESH_MS: u64 = 5_000;

/// How long an answer may be used after its end while no name server answers: RFC 8767 5 proposes
/// one to three days.
pub const STALE_MS: u64 = 24 * 3_600_000;

/// For how long at a time a stale answer is used without a question (RFC 8767 5: no more often than
/// each 30 s).
pub const STALE_USE_MS: u64 = 30_000;

/// How long "nobody knows" is kept, so that a dead name server is not asked for each call (RFC
/// 9520 3.2: at least a second).
pub const UNKNOWN_MS: u64 = 1_000;

/// Addresses of which is kept by which address of ours they are reached: as many as names are.
pub const SOURCES: usize = 16_384;

/// How long what the kernel has said about one in use is believed: a link that fails takes its
/// calls along for seconds, not minutes. Asking takes some 5 us, all of [`SOURCES`] 80 ms.
pub const SOURCE_USE_MS: u64 = 5_000;

/// How long it is kept for nobody: the next call there waits for the control plane again.
pub const SOURCE_FORGOTTEN_MS: u64 = 60_000;

/// Replies of one branch that wait for the run of an earlier one: a usual call has three or four in
/// all, and what is final comes again.
pub const WAITING_REPLIES: usize = 16;

/// Bytes of the replies that wait in one worker: some 30,000 usual ones. A callee could send the
/// largest behind each run that waits.
pub const WAITING_BYTES: usize = 32 << 20;

/// How long a run waits for the control plane: twice the 32 s after which no caller waits any more
/// (RFC 3261 17.1.1.2), so that only an answer that is lost is given up.
pub const JOB_WAIT_MS: u64 = 64_000;

/// How long a run waits for a database: callers repeat a request for 32 s (RFC 3261 17.1.1.2) and
/// people hang up long before.
pub const QUERY_MS: u64 = 3_000;

/// Changes that wait for one database, nobody waiting for them: those of a minute at 1,000 a
/// second, some 300 bytes each.
pub const LATER: usize = 65_536;

/// Changes made at once: the database's work for each is far less than that of the commit.
pub const LATER_BATCH: usize = 256;

/// Shapes of SQL statements that are timed apart, for each kind of database: modules have some
/// tens; a script may name any number of tables.
pub const SQL_SHAPES: usize = 256;

/// Databases that went and came back, kept until a module asks, which is within a second or never.
pub const SQL_TURNS: usize = 64;
