//! Limits of the control plane, each with its reason.

use std::time::Duration;

/// Jobs waiting to be begun, of all workers together. More than this means that the control plane
/// does not keep up; the runs are then answered "failed" rather than late.
pub const JOBS: usize = 16_384;

/// Between two looks for what reloads have left over. Workers turn at least that often.
pub const SWEEP: Duration = Duration::from_secs(1);

/// The longest that a run waits for a name. A caller retransmits and gives up within seconds.
pub const RESOLVE: Duration = Duration::from_secs(2);

/// The same where the script sets how long a question waits: a caller still hears of it before it
/// gives up.
pub const RESOLVE_MAX: Duration = Duration::from_secs(10);

/// How long one question waits for its answer before it is repeated: an answer from across the
/// world is there, and [`RESOLVE`] has room for all repetitions.
pub const RETRY_AFTER: Duration = Duration::from_millis(600);

/// How often a question is repeated.
pub const RETRIES: usize = 2;

/// Names being located at once: each has up to four questions under way, each with a socket, and
/// a process has 1,024 of these unless told otherwise. More wait for their turn.
pub const LOOKUPS: usize = 128;

/// The same for names in use, beside those that nobody has asked for yet: whoever sends requests to
/// names of its own, whose servers are silent, takes none of these.
pub const REFRESHES: usize = 64;

/// Questions under way at one name server: all of [`LOOKUPS`] and [`REFRESHES`] fit.
pub const QUESTIONS: usize = 1_024;

/// The longest that an answer is believed, whatever it says (RFC 8767 4 proposes at most a week).
pub const TTL_MAX: Duration = Duration::from_secs(86_400);

/// The shortest: an answer that may not be kept is still one for all calls of a second.
pub const TTL_MIN: Duration = Duration::from_secs(1);

/// How long a name of the hosts file is kept; that is read once.
pub const LOCAL_TTL: Duration = Duration::from_secs(3_600);

/// The longest that "there is none" is believed (RFC 2308 5 proposes one to three hours; a name
/// that has just been made shall be found by those who wait for it).
pub const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(300);

/// How long a run waits for a name whose old answer is known, before it goes on with that (RFC
/// 8767 5 proposes 1.8 s, but a caller waits here).
pub const STALE_WAIT: Duration = Duration::from_millis(500);

/// Addresses of one name: those of the 64 records of a large answer.
pub const ADDRESSES: usize = 64;

/// Service names that one name may point to.
pub const SERVICES: usize = 8;

/// Longest management request, bytes: far more than any command with its parameters.
pub const MI_REQUEST: usize = 65_536;

/// Bytes of one read of the FIFO: all that the system's pipe holds.
pub const MI_READ: usize = 65_536;

/// Requests under way at once. More than people send; each may wait a second for its reader.
pub const MI_REQUESTS: usize = 64;

/// How long the rest of a request may take. Its writer writes it at once, or has died.
pub const MI_SILENCE: Duration = Duration::from_secs(1);

/// How long a reply may stay unread before it is given up.
pub const MI_REPLY_WAIT: Duration = Duration::from_secs(1);

/// How often is looked for the reader of a reply: a person does not feel it.
pub const MI_REPLY_LOOK: Duration = Duration::from_millis(10);

/// The longest that one reply may take, however it is read.
pub const MI_REPLY_TOTAL: Duration = Duration::from_secs(30);

/// Requests in one batch: more than anybody writes by hand, and each may list every destination.
pub const MI_BATCH: usize = 64;

/// Longest reply in a datagram: what OpenSIPS sends at most, within what UDP over IPv4 can carry.
pub const MI_DATAGRAM: usize = 65_457;

/// Pause after a datagram could not be received: an error that stays must not use up the CPU.
pub const MI_DATAGRAM_PAUSE: Duration = Duration::from_millis(100);

/// How often is looked whether the FIFO is still there.
pub const MI_LOOK: Duration = Duration::from_secs(30);

/// How long the end of the program waits for replies under way.
pub const MI_STOP: Duration = Duration::from_secs(2);

/// Threads that wait for databases in files at once; each of these does one thing after another.
pub const BLOCKING_QUERIES: usize = 16;

/// Statements of changes that runs wait for and that are made together: what comes at 2,000 a
/// second while a slow disk writes. Others wait for what such a transaction locks.
pub const GROUP: usize = 512;

/// How long changes that nobody waits for may take, before they are tried again.
pub const WRITE: Duration = Duration::from_secs(30);

/// Between two attempts at a database that is away; doubled up to the second one.
pub const WRITE_AGAIN: Duration = Duration::from_millis(250);

/// The longest pause between two attempts.
pub const WRITE_AGAIN_MAX: Duration = Duration::from_secs(5);

/// How long the end of the program waits for the last changes.
pub const LAST_WRITES: Duration = Duration::from_secs(5);

/// Statements that wait for one SQL database: what 2,000 calls a second ask for within the two
/// seconds after which they have given up.
pub const SQL_WAITING: usize = 4_096;

/// Statements that a connection to an SQL database keeps prepared: modules have some ten each.
pub const SQL_PREPARED: usize = 128;

/// Rows of one answer. A location table of this size takes some gigabytes.
pub const SQL_ROWS: usize = 5_000_000;

/// Tables of a database whose columns are known; a script may name any number.
pub const SQL_TABLES: usize = 256;

/// The pause before an SQL database that has gone is tried again; doubled up to the second one.
pub const SQL_AGAIN: Duration = Duration::from_millis(250);

/// The longest such pause: calls that need the database are refused meanwhile.
pub const SQL_AGAIN_MAX: Duration = Duration::from_secs(5);

/// How often statements are done again that met others at work: two that meet twice are rare.
pub const SQL_AGAIN_TRIES: u32 = 3;

/// Between two lines about slow statements of a database.
pub const SQL_SLOW_LINES: Duration = Duration::from_secs(1);

/// Letters of a statement that a line of the log tells.
pub const SQL_TOLD: usize = 120;

/// The longest that a database in memory takes: it would be gone with its connection.
pub const SQL_MEMORY: Duration = Duration::from_secs(86_400);

/// Connections of the HTTP service: each has a descriptor, of which a process has 1,024 unless told
/// otherwise, and calls need them too.
pub const HTTP_CONNECTIONS: usize = 256;

/// Bytes that a head of a request may have, and that are read at once.
pub const HTTP_BUFFER: usize = 16_384;

/// How long a body may take to come. Who asks by hand or by program writes it at once.
pub const HTTP_BODY: Duration = Duration::from_secs(10);

/// How much of a body that is too long is read and dropped, so that its writer sees the refusal.
pub const HTTP_DRAIN: usize = 16 * 1_048_576;

/// How long a reply may take to leave, however slowly it is read.
pub const HTTP_REPLY_TOTAL: Duration = Duration::from_secs(30);

/// Pause after a connection could not be accepted, and what one that is refused has to hear it.
pub const HTTP_PAUSE: Duration = Duration::from_millis(100);
